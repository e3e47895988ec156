package split_test

import (
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/split"
)

// possible says in unbounded integers what Validate says in 64 bits, leaving out
// that simplex wants room under its cap.
func possible(terms split.Terms) bool {
	product := func(share money.Fen) *big.Int {
		return new(big.Int).Mul(big.NewInt(int64(terms.Num)), big.NewInt(int64(share)))
	}
	total := big.NewInt(int64(terms.Total))
	return slices.Contains(split.Laws(), terms.Law) &&
		terms.Num >= 1 && terms.Num <= split.NumMax && terms.Total <= split.TotalMax &&
		terms.Min >= 1 && terms.Min <= terms.Cap && terms.Cap <= split.TotalMax &&
		product(terms.Min).Cmp(total) <= 0 && product(terms.Cap).Cmp(total) >= 0
}

func FuzzDraw(f *testing.F) {
	f.Add([]byte("one"), int64(1000), 5, "double-mean", int64(1), int64(20000))
	f.Add([]byte("edge"), int64(300), 10, "double-mean", int64(30), int64(30))
	f.Add([]byte("wide"), int64(split.TotalMax), 1000, "double-mean", int64(1), int64(split.TotalMax))
	f.Add([]byte("two"), int64(100000), 1000, "simplex", int64(1), int64(20000))
	f.Add([]byte("three"), int64(1003), 5, "equal", int64(1), int64(201))
	f.Add([]byte("none"), int64(-1), -1, "", int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, seed []byte, total int64, num int, law string, least, most int64) {
		terms := split.Terms{
			SendListID: listID, Total: money.Fen(total), Num: num,
			Law: split.Law(law), Min: money.Fen(least), Cap: money.Fen(most),
		}
		refused := terms.Validate()
		if refused == nil && !possible(terms) || refused != nil && possible(terms) && terms.Law != split.Simplex {
			t.Fatalf("%+v: possible is %v, refused is %v", terms, possible(terms), refused)
		}
		s := split.Secret(sha256.Sum256(seed))
		shares, err := split.Draw(s, terms)
		if (err == nil) != (refused == nil) {
			t.Fatalf("%+v: Validate says %v, Draw says %v", terms, refused, err)
		}
		if err != nil {
			return
		}
		keeps(t, terms, shares)
		if err := split.Check(s, terms, split.Commitment(s, terms), shares); err != nil {
			t.Fatalf("%+v: %v", terms, err)
		}
	})
}
