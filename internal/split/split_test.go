package split_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/split"
)

const listID = "1000202611243765492602060800000"

// secret returns the n-th of a row of secrets that is the same in every run.
func secret(row string, n int) split.Secret {
	return sha256.Sum256(fmt.Appendf(nil, "%s %d", row, n))
}

func TestTermsThatNoSplitKeepsAreRefused(t *testing.T) {
	t.Parallel()
	good := split.Terms{SendListID: listID, Total: 1000, Num: 5, Law: split.DoubleMean, Min: 1, Cap: 20000}
	for name, c := range map[string]struct {
		change func(*split.Terms)
		field  string
		code   fault.Code
	}{
		"list id of 30 digits":             {func(t *split.Terms) { t.SendListID = listID[1:] }, "send_listid", fault.Invalid},
		"list id with a letter":            {func(t *split.Terms) { t.SendListID = "x" + listID[1:] }, "send_listid", fault.Invalid},
		"unknown law":                      {func(t *split.Terms) { t.Law = "lottery" }, "law", fault.Invalid},
		"no law":                           {func(t *split.Terms) { t.Law = "" }, "law", fault.Invalid},
		"no share":                         {func(t *split.Terms) { t.Num = 0 }, "total_num", fault.Invalid},
		"fewer than no shares":             {func(t *split.Terms) { t.Num = math.MinInt }, "total_num", fault.Invalid},
		"1001 shares":                      {func(t *split.Terms) { t.Num, t.Total = 1001, 100000 }, "total_num", fault.Invalid},
		"minimum of nothing":               {func(t *split.Terms) { t.Min = 0 }, "min", fault.Invalid},
		"minimum far below nothing":        {func(t *split.Terms) { t.Min = math.MinInt64 }, "min", fault.Invalid},
		"cap below the minimum":            {func(t *split.Terms) { t.Min, t.Cap = 200, 199 }, "cap", fault.Invalid},
		"cap over the bound":               {func(t *split.Terms) { t.Cap = split.TotalMax + 1 }, "cap", fault.Invalid},
		"minimum and cap at the very end":  {func(t *split.Terms) { t.Min, t.Cap = math.MaxInt64, math.MaxInt64 }, "cap", fault.Invalid},
		"total over the bound":             {func(t *split.Terms) { t.Total, t.Cap = split.TotalMax+1, split.TotalMax }, "total_amount", fault.AmountLimit},
		"total at the very end":            {func(t *split.Terms) { t.Total = math.MaxInt64 }, "total_amount", fault.AmountLimit},
		"less than nothing":                {func(t *split.Terms) { t.Total = math.MinInt64 }, "total_amount", fault.AmountLimit},
		"one fen less than the minima":     {func(t *split.Terms) { t.Min, t.Total = 200, 999 }, "total_amount", fault.AmountLimit},
		"one fen more than the caps":       {func(t *split.Terms) { t.Cap, t.Total = 200, 1001 }, "total_amount", fault.AmountLimit},
		"minima that would overflow":       {func(t *split.Terms) { t.Num, t.Min, t.Cap = 1000, split.TotalMax, split.TotalMax }, "total_amount", fault.AmountLimit},
		"simplex under a cap too near":     {func(t *split.Terms) { t.Law, t.Cap = split.Simplex, 250 }, "total_amount", fault.AmountLimit},
		"two faults: the first is blamed":  {func(t *split.Terms) { t.Num, t.Min = 0, 0 }, "total_num", fault.Invalid},
		"law and total: the law is blamed": {func(t *split.Terms) { t.Law, t.Total = "?", 0 }, "law", fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terms := good
			c.change(&terms)
			_, drawErr := split.Draw(split.Secret{}, terms)
			for what, err := range map[string]error{
				"Validate": terms.Validate(), "Draw": drawErr, "Check": split.Check(split.Secret{}, terms, [32]byte{}, nil),
			} {
				if fault.FieldOf(err) != c.field || fault.CodeOf(err) != c.code {
					t.Errorf("%s: %v, want %v (%s)", what, err, c.code, c.field)
				}
			}
		})
	}
	if err := good.Validate(); err != nil {
		t.Errorf("sound terms are refused: %v", err)
	}
}

// keeps fails t unless shares are a split under terms.
func keeps(t interface{ Fatalf(string, ...any) }, terms split.Terms, shares []money.Fen) {
	switch {
	case len(shares) != terms.Num:
		t.Fatalf("%+v: %d shares", terms, len(shares))
	case money.Sum(shares) != terms.Total:
		t.Fatalf("%+v: shares sum to %d", terms, int64(money.Sum(shares)))
	case slices.Min(shares) < terms.Min || slices.Max(shares) > terms.Cap:
		t.Fatalf("%+v: shares from %d to %d", terms, int64(slices.Min(shares)), int64(slices.Max(shares)))
	}
}

func TestEverySplitKeepsTotalMinAndCap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := split.Terms{SendListID: listID, Law: rapid.SampledFrom(split.Laws()).Draw(t, "law")}
		terms.Num = rapid.IntRange(1, split.NumMax).Draw(t, "num")
		num := money.Fen(terms.Num)
		terms.Min = money.Fen(rapid.Int64Range(1, int64(split.TotalMax/num)).Draw(t, "min"))
		terms.Cap = money.Fen(rapid.Int64Range(int64(terms.Min), int64(split.TotalMax)).Draw(t, "cap"))
		total := rapid.Int64Range(int64(num*terms.Min), int64(min(num*terms.Cap, split.TotalMax)))
		terms.Total = money.Fen(total.Draw(t, "total"))
		var s split.Secret
		copy(s[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))

		shares, err := split.Draw(s, terms)
		if terms.Law == split.Simplex && terms.Validate() != nil {
			if shares != nil {
				t.Fatalf("%+v: refused, and drawn all the same", terms)
			}
			return
		}
		if err != nil {
			t.Fatalf("%+v: %v", terms, err)
		}
		keeps(t, terms, shares)
		if err := split.Check(s, terms, split.Commitment(s, terms), shares); err != nil {
			t.Fatalf("%+v: what was drawn does not pass: %v", terms, err)
		}
	})
}

// TestSplitsAtTheEdges visits the totals at and next to both ends of what is
// possible, where the interval of the double mean is narrowest, with every number of
// shares up to 64 and some up to the largest.
func TestSplitsAtTheEdges(t *testing.T) {
	t.Parallel()
	nums := []int{split.NumMax - 1, split.NumMax}
	for num := 1; num < split.NumMax; num += 1 + num/64*17 {
		nums = append(nums, num)
	}
	for _, num := range nums {
		for _, law := range split.Laws() {
			least, most := money.Fen(num)*3, money.Fen(num)*7
			for _, total := range []money.Fen{least, least + 1, (least + most) / 2, most - 1, most} {
				terms := split.Terms{SendListID: listID, Total: total, Num: num, Law: law, Min: 3, Cap: 7}
				if law == split.Simplex {
					terms.Cap = total // a cap this near is not for simplex
				}
				shares, err := split.Draw(secret("edges", num), terms)
				if err != nil {
					t.Fatalf("%+v: %v", terms, err)
				}
				keeps(t, terms, shares)
			}
		}
	}
}

// TestEverySmallPacket draws under all terms with few shares of few fen.
func TestEverySmallPacket(t *testing.T) {
	t.Parallel()
	for num := 1; num <= 5; num++ {
		for least := money.Fen(1); least <= 3; least++ {
			for most := least; most <= 7; most++ {
				for total := money.Fen(num) * least; total <= money.Fen(num)*most; total++ {
					for n := range 20 {
						terms := split.Terms{SendListID: listID, Total: total, Num: num, Law: split.DoubleMean, Min: least, Cap: most}
						shares, err := split.Draw(secret("small", n), terms)
						if err != nil {
							t.Fatalf("%+v: %v", terms, err)
						}
						keeps(t, terms, shares)
					}
				}
			}
		}
	}
}

func TestDrawIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	for _, law := range split.Laws() {
		terms := split.Terms{SendListID: listID, Total: 100003, Num: 100, Law: law, Min: 1, Cap: 20000}
		first, err := split.Draw(secret("repeat", 0), terms)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := split.Draw(secret("repeat", 0), terms)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("%s: a repeat differs:\n%s", law, diff)
		}
		if other, _ := split.Draw(secret("repeat", 1), terms); slices.Equal(first, other) {
			t.Errorf("%s: two secrets give one split", law)
		}
	}
}

func TestEqualSharesDifferByOneFenAtMost(t *testing.T) {
	t.Parallel()
	shares, err := split.Draw(secret("equal", 0), split.Terms{SendListID: listID, Total: 1003, Num: 5, Law: split.Equal, Min: 1, Cap: 201})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(shares)
	if diff := cmp.Diff([]money.Fen{200, 200, 201, 201, 201}, shares); diff != "" {
		t.Error(diff)
	}
}

func TestSimplexGivesUpWithinItsTries(t *testing.T) {
	t.Parallel()
	terms := split.Terms{SendListID: listID, Total: 10000, Num: 100, Law: split.Simplex, Min: 1, Cap: 100}
	if shares, err := split.DrawUnchecked(split.Secret{}, terms); fault.CodeOf(err) != fault.Busy || shares != nil {
		t.Errorf("a cap that no try keeps: %v, %v", shares, err)
	}
}

func TestCheckFindsEveryChange(t *testing.T) {
	t.Parallel()
	s := secret("check", 0)
	terms := split.Terms{SendListID: listID, Total: 1000, Num: 5, Law: split.DoubleMean, Min: 1, Cap: 20000}
	shares, err := split.Draw(s, terms)
	if err != nil {
		t.Fatal(err)
	}
	commitment := split.Commitment(s, terms)
	if err := split.Check(s, terms, commitment, shares); err != nil {
		t.Fatalf("an honest split does not pass: %v", err)
	}

	swapped := slices.Clone(shares)
	swapped[1], swapped[3] = swapped[3], swapped[1]
	otherBit := commitment
	otherBit[31] ^= 1
	otherID := terms
	otherID.SendListID = "9" + listID[1:]
	for name, c := range map[string]struct {
		err   error
		field string
	}{
		"another secret":       {split.Check(secret("check", 1), terms, commitment, shares), "commitment"},
		"another list id":      {split.Check(s, otherID, commitment, shares), "commitment"},
		"a bit of commitment":  {split.Check(s, terms, otherBit, shares), "commitment"},
		"two shares exchanged": {split.Check(s, terms, commitment, swapped), "shares"},
		"a share missing":      {split.Check(s, terms, commitment, shares[:4]), "shares"},
		"a share too many":     {split.Check(s, terms, commitment, append(slices.Clone(shares), 1)), "shares"},
	} {
		if fault.FieldOf(c.err) != c.field || fault.CodeOf(c.err) != fault.Internal {
			t.Errorf("%s: %v, want %s to be blamed", name, c.err, c.field)
		}
	}
	want := "split: internal (shares): slot 1 is not what was drawn"
	if got := fmt.Sprint(split.Check(s, terms, commitment, swapped)); got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestCommitmentBindsEveryField(t *testing.T) {
	t.Parallel()
	terms := split.Terms{SendListID: listID, Total: 1000, Num: 5, Law: split.DoubleMean, Min: 1, Cap: 20000}
	seen := map[[32]byte]string{split.Commitment(split.Secret{}, terms): "unchanged"}
	for name, change := range map[string]func(*split.Terms){
		"list id":               func(t *split.Terms) { t.SendListID = "9" + listID[1:] },
		"total":                 func(t *split.Terms) { t.Total++ },
		"num":                   func(t *split.Terms) { t.Num++ },
		"law":                   func(t *split.Terms) { t.Law = split.Equal },
		"min":                   func(t *split.Terms) { t.Min++ },
		"cap":                   func(t *split.Terms) { t.Cap++ },
		"a digit moves on":      func(t *split.Terms) { t.SendListID, t.Law = listID[:30], "0"+t.Law },
		"total and num changed": func(t *split.Terms) { t.Total, t.Num = 5, 1000 },
	} {
		other := terms
		change(&other)
		c := split.Commitment(split.Secret{}, other)
		if twin, dup := seen[c]; dup {
			t.Errorf("%q and %q have one commitment", name, twin)
		}
		seen[c] = name
	}
	if _, dup := seen[split.Commitment(split.Secret{1}, terms)]; dup {
		t.Error("the secret does not matter")
	}
}
