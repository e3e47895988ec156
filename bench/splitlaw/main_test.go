package main

import (
	"math"
	"strings"
	"testing"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   string
		status int
		says   string
	}{
		"double mean is alike in every slot": {"-packets 20000 -num 5 -total 1000", 0, "alike"},
		"also where the cap binds":           {"-packets 20000 -num 5 -total 6000 -min 800 -cap 1500", 0, "alike"},
		"simplex":                            {"-packets 20000 -num 5 -total 1000 -law simplex", 0, "alike"},
		"equal":                              {"-packets 20000 -num 5 -total 1003 -law equal", 0, "alike"},
		"one amount makes one class":         {"-packets 500 -num 5 -total 1000 -law equal", 0, "alike"},
		"the unshuffled draw is found":       {"-packets 20000 -num 5 -total 1000 -unshuffled", 1, "differs"},
		"a total that cannot be split":       {"-total 5", 2, "total_amount"},
		"one share":                          {"-num 1", 2, "-num 1: one slot"},
		"too few packets":                    {"-packets 999", 2, "at least 1000"},
		"the control of another law":         {"-unshuffled -law equal", 2, "-unshuffled: only with"},
		"an unknown flag":                    {"-shares 3", 2, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if status := run(strings.Fields(c.args), &out, &out); status != c.status || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit status %d, want %d and %q:\n%s", status, c.status, c.says, &out)
			}
		})
	}
}

// TestTail compares with printed tables.
func TestTail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		x    float64
		df   int
		want float64
	}{{16.919, 9, 0.05}, {27.877, 9, 0.001}, {67.985, 36, 0.001}, {149.449, 100, 0.001}, {99.334, 100, 0.5}, {3.841, 1, 0.05}, {5.991, 2, 0.05}, {0, 9, 1}, {0, 0, 1}} {
		if got := tail(c.x, c.df); math.Abs(got-c.want) > c.want/500 {
			t.Errorf("χ² of %v with %d degrees of freedom: %v, want %v", c.x, c.df, got, c.want)
		}
	}
}
