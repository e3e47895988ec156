// Package money holds the one unit of money in hongbao: the fen, a hundredth of
// a yuan, as an integer. Nothing here rounds, because nothing here divides: a
// packet is split by package split, which hands out whole fen.
//
// Addition is checked. Amounts are bounded far below 2⁶³ at every edge, so an
// overflow means that the ledger itself is broken, and it panics with the
// numbers rather than carry on with a wrong sum.
package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Fen is an amount of money in fen (1 yuan = 100 fen).
type Fen int64

// Yuan is the number of fen in one yuan.
const Yuan Fen = 100

// ErrAmount says that a text is not an amount that Parse takes.
var ErrAmount = errors.New("money: not an amount")

// Plus returns a + b. It panics when the sum leaves the range of an int64.
func (a Fen) Plus(b Fen) Fen {
	if (b > 0 && a > math.MaxInt64-b) || (b < 0 && a < math.MinInt64-b) {
		panic(fmt.Sprintf("money: %d + %d overflows", int64(a), int64(b)))
	}
	return a + b
}

// Minus returns a − b. It panics when the difference leaves the range of an int64.
func (a Fen) Minus(b Fen) Fen {
	if (b < 0 && a > math.MaxInt64+b) || (b > 0 && a < math.MinInt64+b) {
		panic(fmt.Sprintf("money: %d - %d overflows", int64(a), int64(b)))
	}
	return a - b
}

// Sum adds amounts up, with the same check as Plus.
func Sum(amounts []Fen) Fen {
	var sum Fen
	for _, a := range amounts {
		sum = sum.Plus(a)
	}
	return sum
}

// String writes a as yuan with two decimals, 12345 fen as "123.45".
func (a Fen) String() string {
	sign, u := "", uint64(a)
	if a < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%02d", sign, u/100, u%100)
}

// Parse reads yuan with at most two decimals, "123.45", "7" or "7.5", as people
// type them on a command line. It accepts no sign, no exponent and no blanks.
func Parse(yuan string) (Fen, error) {
	whole, frac, point := strings.Cut(yuan, ".")
	if point && (frac == "" || len(frac) > 2) {
		return 0, ErrAmount
	}
	if !digits(whole) || point && !digits(frac) {
		return 0, ErrAmount
	}
	a, err := strconv.ParseInt(whole+(frac + "00")[:2], 10, 64)
	if err != nil {
		return 0, ErrAmount
	}
	return Fen(a), nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
