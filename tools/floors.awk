# Passes the output of "go test -cover" through, and fails when a pure package is
# covered less than it should be, or has no test that passes. What these packages
# decide is money; what remains uncovered in them are panics on broken books.

BEGIN {
	floor["money"] = 100
	floor["fault"] = 100
	floor["split"] = 98
	floor["ledger"] = 98
	floor["packet"] = 98
	floor["link"] = 98
	floor["wire"] = 98
	floor["wire/explain"] = 98
}

{
	print
	fflush()
}

$1 == "ok" && match($0, /coverage: [0-9.]+%/) {
	name = $2
	sub(/.*\/internal\//, "", name)
	covered[name] = substr($0, RSTART + 10, RLENGTH - 11)
}

END {
	for (name in floor)
		if (!(name in covered)) {
			print "coverage: internal/" name " has no test that passes"
			bad = 1
		} else if (covered[name] + 0 < floor[name]) {
			print "coverage: internal/" name " " covered[name] "%, the floor is " floor[name] "%"
			bad = 1
		}
	exit bad
}
