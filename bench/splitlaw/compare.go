package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"hongbao.example/hongbao/internal/money"
)

const (
	classesMax = 20   // classes of amounts
	alarm      = 1e-5 // the chance at which alike slots are said to differ
)

// column is what the amounts of one slot look like.
type column struct {
	mean, variance float64
	counts         []float64 // by class
	chi2           float64   // of this slot against the others
}

// comparison is the table of all slots. Each has as many amounts as the others.
type comparison struct {
	columns []column
	classes int
	chi2    float64
}

// compare classifies the amounts and works out how far the slots lie apart.
func compare(slots [][]money.Fen) comparison {
	cuts := classes(slots)
	c := comparison{columns: make([]column, len(slots)), classes: len(cuts)}
	expected := make([]float64, len(cuts))
	for s, amounts := range slots {
		c.columns[s] = describe(amounts, cuts)
		for i, n := range c.columns[s].counts {
			expected[i] += n / float64(len(slots))
		}
	}
	for s := range c.columns {
		var part float64
		for i, n := range c.columns[s].counts {
			part += (n - expected[i]) * (n - expected[i]) / expected[i]
		}
		c.chi2 += part
		// Against the others alone, not against all with itself among them.
		c.columns[s].chi2 = part * float64(len(slots)) / float64(len(slots)-1)
	}
	return c
}

// classes returns the least amount of each class. Many equal amounts make fewer,
// larger classes.
func classes(slots [][]money.Fen) []money.Fen {
	pool := slices.Concat(slots...)
	slices.Sort(pool)
	var cuts []money.Fen
	for i := range classesMax {
		cuts = append(cuts, pool[i*len(pool)/classesMax])
	}
	return slices.Compact(cuts)
}

func describe(amounts, cuts []money.Fen) column {
	c := column{counts: make([]float64, len(cuts))}
	for _, a := range amounts {
		i, exact := slices.BinarySearch(cuts, a)
		if !exact {
			i--
		}
		c.counts[i]++
		c.mean += float64(a) / float64(len(amounts))
	}
	for _, a := range amounts {
		c.variance += (float64(a) - c.mean) * (float64(a) - c.mean) / float64(len(amounts)-1)
	}
	return c
}

// report writes c as a table and says whether the slots are alike.
func report(c comparison) (table string, alike bool) {
	var w strings.Builder
	num, df := len(c.columns), c.classes-1
	alike = true
	line := func(name, mean, variance string, chi2 float64, df int, limit float64) {
		p, verdict := tail(chi2, df), "alike"
		if p < limit {
			alike, verdict = false, "differs"
		}
		fmt.Fprintf(&w, "%5s %12s %14s %12.2f %6d %10.3g  %s\n", name, mean, variance, chi2, df, p, verdict)
	}
	fmt.Fprintf(&w, "%5s %12s %14s %12s %6s %10s\n", "slot", "mean", "variance", "χ²", "df", "p")
	for s, col := range c.columns {
		line(fmt.Sprint(s), fmt.Sprintf("%.2f", col.mean), fmt.Sprintf("%.1f", col.variance), col.chi2, df, alarm/float64(num))
	}
	line("all", "", "", c.chi2, df*(num-1), alarm)
	return w.String(), alike
}

// tail is the chance that χ² with df degrees of freedom exceeds x: the closed sum for
// df = 1 or 2, and one term more for every two further degrees.
func tail(x float64, df int) float64 {
	if df == 0 || x <= 0 {
		return 1 // a single class: nothing to compare
	}
	var p float64
	if df%2 == 1 {
		p = math.Erfc(math.Sqrt(x / 2))
	}
	for k := df % 2; k < df; k += 2 {
		half := float64(k) / 2
		gamma, _ := math.Lgamma(half + 1)
		p += math.Exp(half*math.Log(x/2) - x/2 - gamma)
	}
	return p
}
