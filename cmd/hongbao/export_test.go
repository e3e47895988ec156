package main

// For tests.
var (
	Main      = main
	Exits     = exits
	ByArrival = byArrival
)
