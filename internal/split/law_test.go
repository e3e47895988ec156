package split_test

import (
	"fmt"
	"slices"
	"testing"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/split"
)

// The tests of this file ask whether chance is spread as it should be, with χ² in
// thousandths, in integers, against the value that an honest draw exceeds once in a
// thousand rows of secrets. The rows are fixed, so a test that passes goes on to.

// homogeneity compares the positions of a packet: χ² of the table positions ×
// amounts, these in at most bins classes of about the same size. Every column of
// amounts has the same length and comes from packets of its own: shares of one
// packet depend on each other, and the table must not.
func homogeneity(columns [][]money.Fen, bins int) (milli, df int) {
	pool := slices.Sorted(slices.Values(slices.Concat(columns...)))
	var cuts []money.Fen // the first amount of each class
	for b := range bins {
		cuts = append(cuts, pool[b*len(pool)/bins])
	}
	cuts = slices.Compact(cuts)

	sums, squares := make([]int, len(cuts)), make([]int, len(cuts))
	for _, column := range columns {
		counts := make([]int, len(cuts))
		for _, amount := range column {
			i, exact := slices.BinarySearch(cuts, amount)
			if !exact {
				i--
			}
			counts[i]++
		}
		for i, n := range counts {
			sums[i] += n
			squares[i] += n * n
		}
	}
	for i := range cuts {
		milli += 1000 * len(columns) * squares[i] / sums[i]
	}
	return milli - 1000*len(pool), (len(columns) - 1) * (len(cuts) - 1)
}

func TestEveryPositionHasTheSameLaw(t *testing.T) {
	t.Parallel()
	const each = 4000 // packets for each position
	for name, c := range map[string]struct {
		terms         split.Terms
		bins          int
		df, milliMax  int
		orderIsBiased bool // before the shuffle
	}{
		"double mean":           {split.Terms{Total: 1000, Num: 5, Law: split.DoubleMean, Min: 1, Cap: 20000}, 10, 36, 67985, true},
		"double mean, tight":    {split.Terms{Total: 6000, Num: 5, Law: split.DoubleMean, Min: 800, Cap: 1500}, 10, 36, 67985, true},
		"double mean, 2 shares": {split.Terms{Total: 1001, Num: 2, Law: split.DoubleMean, Min: 1, Cap: 20000}, 10, 9, 27877, false},
		"simplex":               {split.Terms{Total: 1000, Num: 5, Law: split.Simplex, Min: 1, Cap: 20000}, 10, 36, 67985, false},
		"equal":                 {split.Terms{Total: 1003, Num: 5, Law: split.Equal, Min: 1, Cap: 20000}, 2, 4, 18467, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.terms.SendListID = listID
			shuffled, asDrawn := make([][]money.Fen, c.terms.Num), make([][]money.Fen, c.terms.Num)
			for i := range each * c.terms.Num {
				s, position := secret(name, i), i%c.terms.Num
				shares, err := split.Draw(s, c.terms)
				if err != nil {
					t.Fatal(err)
				}
				shuffled[position] = append(shuffled[position], shares[position])
				asDrawn[position] = append(asDrawn[position], split.DrawUnshuffled(s, c.terms)[position])
			}
			milli, df := homogeneity(shuffled, c.bins)
			if df != c.df || milli > c.milliMax {
				t.Errorf("χ² = %d/1000 with %d degrees of freedom, at most %d/1000 with %d is fair", milli, df, c.milliMax, c.df)
			}
			// The same test must see what the shuffle mends, or it would pass anything.
			if milli, _ := homogeneity(asDrawn, c.bins); c.orderIsBiased && milli < 2*c.milliMax {
				t.Errorf("χ² = %d/1000 without the shuffle: the bias of the order goes unseen", milli)
			}
		})
	}
}

// distance is χ² of counts against outcomes that are as likely as their weights say.
// An outcome without a weight fails t.
func distance(t *testing.T, counts, weights map[string]int) (milli, df int) {
	t.Helper()
	n, whole := 0, 0
	for outcome, count := range counts {
		if n += count; weights[outcome] == 0 {
			t.Errorf("%s is not possible", outcome)
			return 0, 0
		}
	}
	for _, w := range weights {
		whole += w
	}
	for outcome, w := range weights {
		milli += 1000 * counts[outcome] * counts[outcome] * whole / (n * w)
	}
	return milli - 1000*n, len(weights) - 1
}

func TestAmountsFollowTheLaw(t *testing.T) {
	t.Parallel()
	loose := split.Terms{SendListID: listID, Total: 9, Num: 3, Law: split.Simplex, Min: 1, Cap: 20}
	tight := loose
	tight.Cap = 4
	for name, c := range map[string]struct {
		draw         func(split.Secret) []money.Fen
		weights      map[string]int
		df, milliMax int
	}{
		// 6 fen, minimum 1: the first is 1, 2 or 3; of 5 and of 4 the second is 1, 2 or 3; of 3 it is 1.
		"double mean as drawn": {
			func(s split.Secret) []money.Fen {
				return split.DrawUnshuffled(s, split.Terms{SendListID: listID, Total: 6, Num: 3, Law: split.DoubleMean, Min: 1, Cap: 20})
			},
			map[string]int{"[1 1 4]": 1, "[1 2 3]": 1, "[1 3 2]": 1, "[2 1 3]": 1, "[2 2 2]": 1, "[2 3 1]": 1, "[3 1 2]": 3},
			6, 22458,
		},
		// 11 fen, cap 7: the first is 4 … 7.
		"double mean at the cap": {
			func(s split.Secret) []money.Fen {
				return split.DrawUnshuffled(s, split.Terms{SendListID: listID, Total: 11, Num: 2, Law: split.DoubleMean, Min: 1, Cap: 7})
			},
			map[string]int{"[4 7]": 1, "[5 6]": 1, "[6 5]": 1, "[7 4]": 1},
			3, 16266,
		},
		"simplex": {
			func(s split.Secret) []money.Fen { return split.DrawUnshuffled(s, loose) }, allSplits(loose), 27, 55476,
		},
		"simplex with tries thrown away": {
			func(s split.Secret) []money.Fen { return split.DrawUnshuffled(s, tight) }, allSplits(tight), 9, 27877,
		},
		"shuffle": {
			func(s split.Secret) []money.Fen {
				four := []money.Fen{1, 2, 3, 4}
				split.Shuffle(s, four)
				return four
			},
			orders(), 23, 49728,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counts := map[string]int{}
			for i := range 20000 {
				counts[text(c.draw(secret(name, i)))]++
			}
			if milli, df := distance(t, counts, c.weights); df != c.df || milli > c.milliMax {
				t.Errorf("χ² = %d/1000 with %d degrees of freedom, want at most %d/1000 with %d: %v", milli, df, c.milliMax, c.df, counts)
			}
		})
	}
}

// text writes shares as plain integers, "[233 569 198]".
func text(shares []money.Fen) string {
	fen := make([]int64, len(shares))
	for i, s := range shares {
		fen[i] = int64(s)
	}
	return fmt.Sprint(fen)
}

// allSplits lists every split of three shares under terms, with weight 1.
func allSplits(terms split.Terms) map[string]int {
	all := map[string]int{}
	for a := terms.Min; a <= terms.Cap; a++ {
		for b := terms.Min; b <= terms.Cap; b++ {
			if c := terms.Total - a - b; c >= terms.Min && c <= terms.Cap {
				all[text([]money.Fen{a, b, c})] = 1
			}
		}
	}
	return all
}

// orders lists the 24 orders of 1, 2, 3, 4, with weight 1.
func orders() map[string]int {
	all := map[string]int{}
	for n := range money.Fen(4 * 4 * 4 * 4) {
		order := []money.Fen{1 + n/64, 1 + n/16%4, 1 + n/4%4, 1 + n%4}
		if len(slices.Compact(slices.Sorted(slices.Values(order)))) == 4 {
			all[text(order)] = 1
		}
	}
	return all
}

// TestBelowDropsWordsThatFavour draws below 3·2⁶¹, where one word in four must be
// dropped: without that, the numbers below 2⁶² would come three times for two.
func TestBelowDropsWordsThatFavour(t *testing.T) {
	t.Parallel()
	const n, draws = 3 << 61, 30000
	numbers, words := split.Below(secret("below", 0), n, draws)
	counts := map[string]int{}
	for _, x := range numbers {
		counts[fmt.Sprint("third ", int64(x>>61))]++
	}
	milli, _ := distance(t, counts, map[string]int{"third 0": 1, "third 1": 1, "third 2": 1})
	if milli > 13816 {
		t.Errorf("χ² = %d/1000, more than 13816/1000: %v", milli, counts)
	}
	if words < draws*13/10 || words > draws*14/10 {
		t.Errorf("%d words for %d numbers, want about four for three", words, draws)
	}
}

func TestBelowTakesAWordEvenWhenThereIsNoChoice(t *testing.T) {
	t.Parallel()
	if numbers, words := split.Below(split.Secret{}, 1, 7); words != 7 || slices.Max(numbers) != 0 {
		t.Errorf("%d words, numbers %v, want 7 words and zeros", words, numbers)
	}
}
