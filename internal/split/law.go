package split

import (
	"math/bits"
	"slices"

	"hongbao.example/hongbao/internal/money"
)

// law fills shares, one for each of t.Num, with amounts from Min to Cap that sum to
// Total. Their order is of no importance: the shuffle comes after. A law answers
// false when it gives up within the bounds it set itself.
type law func(t Terms, c *chance, shares []money.Fen) bool

// drawer returns the law of that name, or nil.
func drawer(name Law) law {
	switch name {
	case DoubleMean:
		return doubleMean
	case Simplex:
		return simplex
	case Equal:
		return equal
	}
	return nil
}

// doubleMean draws one share after the other, with k of them left: uniformly from
//
//	[min, 2⌊rest/k⌋ − min] ∩ [rest − (k−1)·cap, rest − (k−1)·min] ∩ [min, cap]
//
// and the last share is the rest. The second interval leaves the k−1 others a
// possible rest, so k·min ≤ rest ≤ k·cap holds before every step. (Its upper end is
// never the least of the three: it exceeds 2m − min by (k−2)(m − min) or more, where
// m = ⌊rest/k⌋. It is written down because the law says so.) From that it follows
// that no intersection is empty, for m is in all three:
//
//   - min ≤ m ≤ cap, hence also m ≤ 2m − min;
//   - m ≤ rest − (k−1)·min, since rest − (k−1)·min ≥ km − (k−1)·m;
//   - m ≥ rest − (k−1)·cap: with rest = km + r, 0 ≤ r < k, this says
//     (k−1)(cap − m) ≥ r. If r is not 0 then cap ≥ rest/k > m, so cap − m ≥ 1,
//     and r ≤ k−1.
func doubleMean(t Terms, c *chance, shares []money.Fen) bool {
	rest := t.Total
	for i := range t.Num - 1 {
		k := money.Fen(t.Num - i)
		low := max(t.Min, rest-(k-1)*t.Cap)
		high := min(2*(rest/k)-t.Min, rest-(k-1)*t.Min, t.Cap)
		shares[i] = low + c.below(high-low+1)
		rest -= shares[i]
	}
	shares[t.Num-1] = rest
	return true
}

// triesMax bounds the work of simplex.
const triesMax = 64

// simplex gives every split that keeps Min and Cap the same chance. Beyond the N
// minima there are T = Total − N·Min fen to place; N−1 bars among T + N−1 places
// cut them into N amounts, and each set of bars is one split. A set in which some
// amount exceeds the cap is thrown away whole, which leaves the others equally
// likely; roomy sees to it that this happens less than every second time.
//
// The set is drawn by Floyd's method: for j = T+1 … T+N−1 a place from 1 to j is
// drawn, and if it is taken, j is taken instead. All earlier bars are below j, so
// the set stays sorted by appending.
func simplex(t Terms, c *chance, shares []money.Fen) bool {
	num := money.Fen(t.Num)
	spare := t.Total - num*t.Min
	for range triesMax {
		bars := shares[:0]
		for j := spare + 1; j < spare+num; j++ {
			place := 1 + c.below(j)
			if i, taken := slices.BinarySearch(bars, place); taken {
				bars = append(bars, j)
			} else {
				bars = slices.Insert(bars, i, place)
			}
		}
		shares[t.Num-1] = spare + num // the wall behind the last place
		for i := t.Num - 1; i > 0; i-- {
			shares[i] += t.Min - 1 - shares[i-1]
		}
		shares[0] += t.Min - 1
		if slices.Max(shares) <= t.Cap {
			return true
		}
	}
	return false
}

// roomy says whether simplex keeps the cap in at least every second try. With T to
// place and C = Cap − Min of room, it always does if T ≤ C. Otherwise one amount
// exceeds C with a chance of at most
//
//	(1 − (C+1)/(T+N−1))^(N−1) < 2^−x,  x = (C+1)(N−1)/(T+N−1),
//
// and one of N with less than N·2^−x, which is at most ½ once x ≥ log₂ 2N. The
// length of 2N in bits is more than that.
func roomy(t Terms) bool {
	num := money.Fen(t.Num)
	spare, room := t.Total-num*t.Min, t.Cap-t.Min
	return spare <= room || (room+1)*(num-1) >= money.Fen(bits.Len(uint(2*t.Num)))*(spare+num-1)
}

// equal gives everyone ⌊Total/N⌋ fen, and one more to as many as there is a remainder.
func equal(t Terms, _ *chance, shares []money.Fen) bool {
	num := money.Fen(t.Num)
	for i := range shares {
		shares[i] = t.Total / num
		if money.Fen(i) < t.Total%num {
			shares[i]++
		}
	}
	return true
}

// shuffle brings shares into one of their N! orders, each equally likely
// (Fisher–Yates, from the last slot down).
func shuffle(c *chance, shares []money.Fen) {
	for i := len(shares) - 1; i > 0; i-- {
		j := c.below(money.Fen(i) + 1)
		shares[i], shares[j] = shares[j], shares[i]
	}
}
