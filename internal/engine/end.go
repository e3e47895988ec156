package engine

import (
	"context"
	"fmt"
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

// ReasonMax bounds a reason, in characters.
const ReasonMax = 200

func (e *Engine) change(ctx context.Context, id packet.ID, k ledger.Kind, reason string) error {
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > ReasonMax || strings.ContainsFunc(reason, unicode.IsControl) {
		return &fault.Error{Op: k.String(), Code: fault.Invalid, Field: "reason", Detail: fmt.Sprintf("1 to %d characters on one line", ReasonMax)}
	}
	p, err := e.sound(ctx, id)
	if err != nil {
		return err
	}
	return e.submit(ctx, e.lane(id), &endOrder{id: id, mchID: p.terms.MchID, kind: k, reason: reason})
}

// sound finds a packet whose rows agree: Held if they do not. Nothing is written for
// such a packet, and its terms do not name an account to be locked.
func (e *Engine) sound(ctx context.Context, id packet.ID) (*live, error) {
	p, err := e.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.isBroken() {
		return nil, fault.Held
	}
	return p, nil
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
	packet, err := e.sound(ctx, p.Packet)
	if err != nil {
		return err
	}
	return e.submit(ctx, e.lane(p.Packet), &returnOrder{payout: p, mchID: packet.terms.MchID})
}

// returnOrder is the wish to return a claimed share.
type returnOrder struct {
	payout store.Payout
	mchID  string // the packet's
}

// follows says whether the order's payout is the newest one of its share, unchanged
// since it was read, and the share not returned yet.
func (o *returnOrder) follows(payouts []store.Payout) bool {
	if len(payouts) == 0 {
		return false
	}
	newest := payouts[len(payouts)-1]
	return newest.Generation == o.payout.Generation && newest.Version+1 == o.payout.Version && !newest.Returned
}

func (o *returnOrder) packet() packet.ID { return o.payout.Packet }
func (o *returnOrder) account() string   { return o.mchID }
func (o *returnOrder) redraw() error     { return nil }

func (o *returnOrder) decide(g *group) error {
	d, err := g.packet(o.payout.Packet)
	if err != nil {
		return err
	}
	if d.base.broken != nil {
		return fault.Held
	}
	// What goes back, and to whom, is the book's to say, not the payout's row.
	c, ok := d.share(o.payout.Claimant)
	if !ok || c.Slot != o.payout.Slot || c.Amount != o.payout.Amount || o.mchID != o.payout.MchID {
		return &fault.Error{Op: "return", Code: fault.Invalid, Field: "payout", Detail: "it is not that of a claim in the packet's book"}
	}
	payouts, err := g.tx.PayoutsOf(o.payout.Packet, o.payout.Claimant)
	if err != nil {
		return err
	}
	if !o.follows(payouts) { // a stale payout must cost its own order, not the group
		return fault.Busy
	}
	head, entry, err := packet.Return(d.head, c.Slot, c.Amount, g.now)
	if err != nil {
		return err
	}
	if err := g.enter(d, head, entry); err != nil {
		return err
	}
	g.rows.payouts = append(g.rows.payouts, o.payout)
	g.post(o.mchID, ledger.Return, entry.Amount, ledger.Ref(int64(o.payout.Packet), entry.Seq))
	return nil
}
