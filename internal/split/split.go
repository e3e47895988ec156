// Package split decides how the total of a packet becomes its N shares, so that
// the split is fair in every position, fixed at send, and provable after the end.
//
//	secret ──HMAC counter──► words ──law──► N amounts ──shuffle──► shares by slot
//	   └──── SHA-256 with the terms ────► commitment
//
// At send 32 bytes of chance, the Secret, are drawn and everything else follows
// from them and the Terms: the Commitment, published at once, and the shares,
// which are never stored. Once the packet has ended the secret is revealed and
// anybody can redo the draw. docs/fair-split.md is the description for strangers
// and says what this proves and what it does not; docs/check-split.mjs is a second
// implementation, written from that description, which the tests hold against this
// one.
//
// Invariants, for all terms that Validate accepts:
//
//   - The shares sum to Total exactly, and Min ≤ share ≤ Cap.
//   - The law of share i does not depend on i. This rests on the shuffle alone,
//     whatever the law: nobody gains by being early or late.
//   - The same secret and terms give the same shares, in any release: a change of
//     law or layout needs a new name or a new domain string.
//
// Left out on purpose: where the secret comes from (the caller has the system's
// randomness), how it is kept until the end, and any weight per claimant.
package split

import (
	"fmt"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
)

// What a packet may hold. NumMax × TotalMax stays below 2⁵³, so no product in a
// draw overflows here, nor loses a digit in a language whose numbers are doubles.
const (
	NumMax             = 1000              // shares
	TotalMax money.Fen = 1_000_000_000_000 // fen, of a total and of a cap

	listIDLen = 31 // digits in a send_listid
)

// Law names the way in which amounts are drawn.
type Law string

// The laws. Their names are public: they stand in commitments and proofs.
const (
	DoubleMean Law = "double-mean" // each up to about twice the mean of what is left; the default
	Simplex    Law = "simplex"     // every possible split equally likely
	Equal      Law = "equal"       // as equal as whole fen allow
)

// Laws lists the names that Validate knows.
func Laws() []Law { return []Law{DoubleMean, Simplex, Equal} }

// Terms are what a split is drawn under. They are pinned at send and public, all
// but Total from the start.
type Terms struct {
	SendListID string    // 31 digits
	Total      money.Fen // at most TotalMax
	Num        int       // shares, 1 to NumMax
	Law        Law
	Min        money.Fen // the least a share may be, at least 1
	Cap        money.Fen // the most a share may be, at most TotalMax
}

// Validate says whether a split under t exists, and whether its law can draw it at
// a bounded cost. A refusal is a *fault.Error that names the first field at fault,
// in the order send_listid, law, total_num, min, cap, total_amount; the code is
// fault.AmountLimit for total_amount and fault.Invalid for the others.
func (t Terms) Validate() error {
	num := money.Fen(t.Num)
	switch {
	case !digits(t.SendListID, listIDLen):
		return refuse(fault.Invalid, "send_listid", "not %d digits", listIDLen)
	case drawer(t.Law) == nil:
		return refuse(fault.Invalid, "law", "not one of %v", Laws())
	case t.Num < 1 || t.Num > NumMax:
		return refuse(fault.Invalid, "total_num", "%d shares, not 1 to %d", t.Num, NumMax)
	case t.Min < 1:
		return refuse(fault.Invalid, "min", "%d fen, less than 1", int64(t.Min))
	case t.Cap < t.Min || t.Cap > TotalMax:
		return refuse(fault.Invalid, "cap", "%d fen, not %d to %d", int64(t.Cap), int64(t.Min), int64(TotalMax))
	case t.Total > TotalMax:
		return refuse(fault.AmountLimit, "total_amount", "more than %d fen", int64(TotalMax))
	case t.Total < num*t.Min:
		return refuse(fault.AmountLimit, "total_amount", "less than %d shares of %d fen", t.Num, int64(t.Min))
	case t.Total > num*t.Cap:
		return refuse(fault.AmountLimit, "total_amount", "more than %d shares of %d fen", t.Num, int64(t.Cap))
	case t.Law == Simplex && !roomy(t):
		return refuse(fault.AmountLimit, "total_amount", "too near %d shares of %d fen for the law simplex", t.Num, int64(t.Cap))
	}
	return nil
}

// Draw returns the shares by slot. It is a function of its arguments and safe to
// repeat. It refuses what Validate refuses. Once in 2⁶⁴ secrets or less the law
// simplex meets its limit of tries: the code is fault.Busy, and another secret will
// do. Since shares are drawn at send, a secret that was committed to never does that.
func Draw(s Secret, t Terms) ([]money.Fen, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return draw(s, t)
}

func draw(s Secret, t Terms) ([]money.Fen, error) {
	c := newChance(s)
	shares := make([]money.Fen, t.Num)
	if !drawer(t.Law)(t, c, shares) {
		return nil, refuse(fault.Busy, "", "%s: no split under the cap in %d tries", t.Law, triesMax)
	}
	if sum := money.Sum(shares); sum != t.Total {
		panic(fmt.Sprintf("split: shares sum to %d fen, not to %d", int64(sum), int64(t.Total)))
	}
	shuffle(c, shares)
	return shares, nil
}

// Check says whether commitment and shares, the whole packet's by slot, are the
// ones that follow from s and t. It refuses what Draw refuses. A difference is
// fault.Internal with the field "commitment" or "shares"; the text tells which slot
// differs but no amount, since it may be read before the packet's end.
func Check(s Secret, t Terms, commitment [32]byte, shares []money.Fen) error {
	want, err := Draw(s, t)
	if err != nil {
		return err
	}
	if Commitment(s, t) != commitment {
		return refuse(fault.Internal, "commitment", "not that of this secret and these terms")
	}
	if len(shares) != len(want) {
		return refuse(fault.Internal, "shares", "%d of %d", len(shares), len(want))
	}
	for slot := range want {
		if shares[slot] != want[slot] {
			return refuse(fault.Internal, "shares", "slot %d is not what was drawn", slot)
		}
	}
	return nil
}

func refuse(code fault.Code, field, format string, args ...any) error {
	return &fault.Error{Op: "split", Code: code, Field: field, Detail: fmt.Sprintf(format, args...)}
}

func digits(s string, n int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == n
}
