package main_test

import (
	"testing"

	layout "hongbao.example/hongbao/bench/layout"
)

// Every candidate must still hold every claim it was given, or its figures are
// of something else.
func TestEveryLayoutKeepsItsClaims(t *testing.T) {
	t.Parallel()
	plan := layout.Plan{Rounds: 1, Claims: 40, Old: 20}
	cells, err := layout.Run(t.TempDir(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(layout.Candidates) * len(layout.Loads); len(cells) != want {
		t.Fatalf("%d cells measured, want %d", len(cells), want)
	}
	for _, c := range cells {
		if want := plan.Rounds * plan.Claims; c.Rows != want {
			t.Errorf("%s, %s, %s: %d claims read back, want %d", c.Candidate.Claims.Name, c.Candidate.Head.Name, c.Load.Name, c.Rows, want)
		}
	}
}
