package engine

import (
	"context"
	"strings"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// BalanceMax bounds a merchant's balance, in fen: far below where sums overflow.
const BalanceMax money.Fen = 1_000_000_000_000_000

// Fund adds to a merchant's balance what came in from outside. ref is the
// operator's name for it and the idempotency key: the same ref with the same
// amount is done once; with another amount or direction it is a Conflict.
func (e *Engine) Fund(ctx context.Context, mchID string, amount money.Fen, ref string) (ledger.Entry, error) {
	return e.move(ctx, ledger.Fund, mchID, amount, ref)
}

// Withdraw takes from a merchant's balance what was paid out to them; otherwise as
// Fund. It refuses with Funds what the balance does not cover.
func (e *Engine) Withdraw(ctx context.Context, mchID string, amount money.Fen, ref string) (ledger.Entry, error) {
	return e.move(ctx, ledger.Withdraw, mchID, amount, ref)
}

func (e *Engine) move(ctx context.Context, k ledger.Kind, mchID string, amount money.Fen, ref string) (ledger.Entry, error) {
	switch {
	case amount <= 0 || amount > BalanceMax:
		return ledger.Entry{}, &fault.Error{Op: k.String(), Code: fault.Invalid, Field: "amount", Detail: amount.String()}
	case !validRef(ref):
		return ledger.Entry{}, &fault.Error{Op: k.String(), Code: fault.Invalid, Field: "ref", Detail: "1 to 64 letters, digits, '.', '_' or '-'"}
	}
	if _, err := e.Merchant(ctx, mchID); err != nil {
		return ledger.Entry{}, err
	}
	o := &moveOrder{kind: k, mchID: mchID, amount: amount, ref: ref}
	if err := e.submit(ctx, e.lanes[0], o); err != nil {
		return ledger.Entry{}, err
	}
	return o.result, nil
}

func validRef(ref string) bool { return len(ref) <= 64 && spelled(ref, "._-") }

// spelled says whether s is one or more ASCII letters, digits and signs.
func spelled(s, signs string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte(signs, c) < 0 {
			return false
		}
	}
	return s != ""
}

// moveOrder is the wish to fund or withdraw.
type moveOrder struct {
	kind   ledger.Kind
	mchID  string
	amount money.Fen
	ref    string
	result ledger.Entry
}

func (o *moveOrder) packet() packet.ID { return 0 }
func (o *moveOrder) account() string   { return o.mchID }
func (o *moveOrder) redraw() error     { return nil }

func (o *moveOrder) decide(g *group) error {
	was, err := o.earlier(g)
	switch {
	case err != nil:
		return err
	case was != nil && was.Kind != o.kind:
		return &fault.Error{Op: o.kind.String(), Code: fault.Conflict, Field: "kind", Detail: was.Kind.String()}
	case was != nil && was.Amount != o.amount:
		return &fault.Error{Op: o.kind.String(), Code: fault.Conflict, Field: "amount", Detail: was.Amount.String()}
	case was != nil:
		o.result = *was
		return nil
	}
	switch balance := g.accounts[o.mchID].book.Balance.Plus(o.kind.Balance(o.amount)); {
	case balance < 0:
		return &fault.Error{Op: o.kind.String(), Code: fault.Funds}
	case balance > BalanceMax:
		return &fault.Error{Op: o.kind.String(), Code: fault.AmountLimit, Field: "amount"}
	}
	g.post(o.mchID, o.kind, o.amount, o.ref)
	o.result = g.rows.accountEntries[len(g.rows.accountEntries)-1]
	return nil
}

// earlier finds the entry that carries the same reference, written or drafted.
func (o *moveOrder) earlier(g *group) (*ledger.Entry, error) {
	for i := range g.rows.accountEntries {
		if a := &g.rows.accountEntries[i]; a.MchID == o.mchID && a.Ref == o.ref {
			return a, nil
		}
	}
	switch a, err := g.tx.AccountEntry(o.mchID, o.ref); fault.CodeOf(err) {
	case fault.OK:
		return &a, nil
	case fault.NotFound:
		return nil, nil //nolint:nilnil // neither an entry nor a fault: the reference is new
	default:
		return nil, err
	}
}
