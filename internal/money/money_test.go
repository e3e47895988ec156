package money_test

import (
	"errors"
	"math"
	"testing"

	"hongbao.example/hongbao/internal/money"
)

func TestString(t *testing.T) {
	t.Parallel()
	for fen, want := range map[money.Fen]string{
		0: "0.00", 1: "0.01", 99: "0.99", 100: "1.00", 12345: "123.45", -7: "-0.07", -1250: "-12.50",
		math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08",
	} {
		if got := fen.String(); got != want {
			t.Errorf("%d fen = %q, want %q", int64(fen), got, want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for yuan, want := range map[string]money.Fen{
		"0": 0, "7": 700, "7.5": 750, "7.05": 705, "0.01": 1, "1000000.00": 100000000, "007": 700,
		"92233720368547758.07": math.MaxInt64,
	} {
		got, err := money.Parse(yuan)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", yuan, got, err, want)
		}
	}
	for _, bad := range []string{"", ".", "1.", ".5", "-1", "+1", "1.234", "1e3", " 1", "1 ", "１", "0x10", "1,000", "92233720368547758.08", "1.-5"} {
		if got, err := money.Parse(bad); !errors.Is(err, money.ErrAmount) {
			t.Errorf("Parse(%q) = %d, %v, want ErrAmount", bad, got, err)
		}
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	if got := money.Sum([]money.Fen{327, 45, 628}); got != 1000 {
		t.Errorf("sum = %d, want 1000", got)
	}
	if got := money.Fen(5).Minus(7); got != -2 {
		t.Errorf("5 - 7 = %d", got)
	}
	if got := money.Fen(-5).Plus(7).Minus(-1); got != 3 {
		t.Errorf("-5 + 7 - -1 = %d", got)
	}
}

func TestTheEndsOfTheRangeAreReached(t *testing.T) {
	t.Parallel()
	if got := money.Fen(math.MaxInt64 - 1).Plus(1); got != math.MaxInt64 {
		t.Errorf("max - 1 + 1 = %d", got)
	}
	if got := money.Fen(math.MinInt64 + 1).Plus(-1); got != math.MinInt64 {
		t.Errorf("min + 1 - 1 = %d", got)
	}
	if got := money.Fen(-1).Minus(math.MaxInt64); got != math.MinInt64 {
		t.Errorf("-1 - max = %d", got)
	}
	if got := money.Fen(-1).Minus(math.MinInt64); got != math.MaxInt64 {
		t.Errorf("-1 - min = %d", got)
	}
}

func TestOverflowPanics(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"max plus one":     func() { money.Fen(math.MaxInt64).Plus(1) },
		"min plus minus":   func() { money.Fen(math.MinInt64).Plus(-1) },
		"min minus one":    func() { money.Fen(math.MinInt64).Minus(1) },
		"zero minus min":   func() { money.Fen(0).Minus(math.MinInt64) },
		"sum over the top": func() { money.Sum([]money.Fen{math.MaxInt64, 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			f()
		})
	}
}
