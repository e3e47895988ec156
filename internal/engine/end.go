package engine

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// Hold stops a packet's claims until Release, for a reason that stays in its book.
// It refuses a missing reason with Invalid, else with NotFound, with Finished or Expired when the packet has ended,
// with Held when it is held.
func (e *Engine) Hold(ctx context.Context, id packet.ID, reason string) error {
	return e.change(ctx, id, ledger.Hold, reason)
}

// Release lets a held packet go on; Invalid when it is not held.
func (e *Engine) Release(ctx context.Context, id packet.ID, reason string) error {
	return e.change(ctx, id, ledger.Release, reason)
}

// End returns what nobody has claimed to the merchant now, whatever is left of the
// packet's life. It refuses with Finished or Expired when it has ended already.
func (e *Engine) End(ctx context.Context, id packet.ID, reason string) error {
	return e.change(ctx, id, ledger.Refund, reason)
}

// reasonMax bounds a reason, in characters.
const reasonMax = 200

func (e *Engine) change(ctx context.Context, id packet.ID, k ledger.Kind, reason string) error {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > reasonMax || strings.ContainsFunc(reason, unicode.IsControl) {
		return &fault.Error{Op: k.String(), Code: fault.Invalid, Field: "reason", Detail: "1 to 200 characters on one line"}
	}
	p, err := e.find(ctx, id)
	if err != nil {
		return err
	}
	return e.submit(ctx, e.lane(id), &endOrder{id: id, mchID: p.terms.MchID, kind: k, reason: reason})
}

// endOrder is the wish to hold, release or end a packet.
type endOrder struct {
	id      packet.ID
	mchID   string
	kind    ledger.Kind // Hold, Release or Refund
	expired bool        // Refund because its life is over, not because an operator says so
	reason  string
}

func (o *endOrder) packet() packet.ID { return o.id }
func (o *endOrder) redraw() error     { return nil }

func (o *endOrder) account() string {
	if o.kind == ledger.Refund {
		return o.mchID
	}
	return ""
}

func (o *endOrder) decide(g *group) error {
	d, err := g.packet(o.id)
	if err != nil {
		return err
	}
	head, entry, err := o.entry(d, g.now)
	if err != nil {
		return err
	}
	if err := g.enter(d, head, entry); err != nil {
		return err
	}
	if o.kind == ledger.Refund {
		g.post(o.mchID, ledger.Refund, entry.Amount, ledger.Ref(int64(o.id), entry.Seq))
	}
	return nil
}

func (o *endOrder) entry(d *draft, now int64) (packet.Head, packet.Entry, error) {
	switch {
	case o.kind == ledger.Hold:
		return packet.Hold(d.head, d.base.terms, o.reason, now)
	case o.kind == ledger.Release:
		return packet.Release(d.head, o.reason, now)
	case d.base.broken != nil:
		return d.head, packet.Entry{}, fault.Held // its counters cannot be trusted with money
	case o.expired:
		return packet.Expire(d.head, d.base.terms, now)
	default:
		return packet.End(d.head, d.base.terms, o.reason, now)
	}
}

// Return sends a claimed share back to the merchant and marks its payout so, in
// one transaction. p is the payout as it becomes: final, with Version moved on. It
// refuses with Invalid what cannot be returned, with Busy when p has changed since
// it was read.
func (e *Engine) Return(ctx context.Context, p store.Payout) error {
	if !p.State.Final() || p.State == store.PayoutDone || !p.Returned {
		return &fault.Error{Op: "return", Code: fault.Invalid, Field: "state", Detail: string(p.State)}
	}
	return e.submit(ctx, e.lane(p.Packet), &returnOrder{payout: p})
}

// returnOrder is the wish to return a claimed share.
type returnOrder struct{ payout store.Payout }

func (o *returnOrder) packet() packet.ID { return o.payout.Packet }
func (o *returnOrder) account() string   { return o.payout.MchID }
func (o *returnOrder) redraw() error     { return nil }

func (o *returnOrder) decide(g *group) error {
	d, err := g.packet(o.payout.Packet)
	if err != nil {
		return err
	}
	if d.base.broken != nil {
		return fault.Held
	}
	payouts, err := g.tx.Payouts(o.payout.Packet)
	if err != nil {
		return err
	}
	for _, p := range payouts { // a stale payout must cost its own order, not the group
		same := p.Claimant == o.payout.Claimant && p.Generation == o.payout.Generation
		if same && (p.Version+1 != o.payout.Version || p.Returned) {
			return fault.Busy
		}
	}
	head, entry, err := packet.Return(d.head, o.payout.Slot, o.payout.Amount, g.now)
	if err != nil {
		return err
	}
	if err := g.enter(d, head, entry); err != nil {
		return err
	}
	g.rows.payouts = append(g.rows.payouts, o.payout)
	g.post(o.payout.MchID, ledger.Return, entry.Amount, ledger.Ref(int64(o.payout.Packet), entry.Seq))
	return nil
}
