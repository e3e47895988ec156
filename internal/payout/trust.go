package payout

import (
	"context"
	"errors"
	"fmt"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Reasons to distrust a row. They stay in the packet's book and name nobody.
var (
	errClaim  = errors.New("a claim is not the one in the packet's book")
	errPayout = errors.New("a payout is not the one its claim gave rise to")
)

// trust opens whom a claim is to be paid to, once it is certain that the claim is
// the one its packet's book was written for: the hashes of claimant and payee are
// computed anew, and the row is compared with the packet in memory, whose amounts
// were checked against the split.
func (w *Worker) trust(pic *engine.Picture, c *packet.Claim) (vault.Payee, error) {
	payee, err := w.engine.OpenPayee(pic.Terms, c)
	if err != nil {
		return vault.Payee{}, err
	}
	if c.Slot < len(pic.Claims) { // a claim that another process committed may not be in memory
		if known := &pic.Claims[c.Slot]; known.Claimant != c.Claimant || known.Amount != c.Amount || known.Hash != c.Hash {
			return vault.Payee{}, errClaim
		}
	}
	return payee, nil
}

// trustPayout is trust for a payout that is about to be sent for the first time.
func (w *Worker) trustPayout(b *book, p *store.Payout) (vault.Payee, error) {
	if p.Slot >= len(b.claims) {
		return vault.Payee{}, errPayout
	}
	c, t := &b.claims[p.Slot], b.pic.Terms
	switch {
	case c.Slot != p.Slot, c.Claimant != p.Claimant, c.Amount != p.Amount, p.MchID != t.MchID, p.Channel != t.Channel,
		p.RailKey != Key(t.MchID, ClaimID(b.pic.ListID, c.Claimant), p.Generation):
		return vault.Payee{}, errPayout
	}
	return w.trust(b.pic, c)
}

// distrust holds a packet whose rows do not go together. A packet that has ended
// cannot be held; what is not trusted is not paid all the same.
func (w *Worker) distrust(ctx context.Context, id packet.ID, cause error) error {
	w.stats.Mismatches.Add(1)
	err := fmt.Errorf("payout: packet %d: %w", int64(id), cause)
	switch held := w.engine.Hold(ctx, id, "payout: "+cause.Error()); fault.CodeOf(held) {
	case fault.OK, fault.Held, fault.Finished, fault.Expired:
		return err
	default:
		return errors.Join(err, held)
	}
}
