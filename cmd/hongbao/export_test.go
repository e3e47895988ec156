package main

// For tests.
var (
	Main      = main
	Exits     = exits
	Run       = run
	ByArrival = byArrival
)
