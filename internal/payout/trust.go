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

// trust opens whom a claim is to be paid to, if its row is the claim that stands in
// the packet's book: the row is compared with the packet in memory, whose hashes and
// amounts were checked when it was read, and the payee with the hash in the book. The
// picture must be no older than the row, or a claim that another process committed
// would be missing in it; Engine.Fresh, called after the row was read, sees to that.
func (w *Worker) trust(pic *engine.Picture, c *packet.Claim) (vault.Payee, error) {
	if !inBook(pic, c) {
		return vault.Payee{}, errClaim
	}
	return w.engine.OpenPayee(pic.Terms, c)
}

// trustPayout is trust for a payout that is about to be sent for the first time.
func (w *Worker) trustPayout(b *book, p *store.Payout) (vault.Payee, error) {
	if !followsFrom(b.pic, p) || p.Slot >= len(b.claims) || b.claims[p.Slot].Slot != p.Slot {
		return vault.Payee{}, errPayout
	}
	return w.trust(b.pic, &b.claims[p.Slot])
}

// inBook says whether a claim stands in a packet's book as its row has it. Whom the
// row would pay is not said by that, only whom it should: PayeeHash.
func inBook(pic *engine.Picture, c *packet.Claim) bool {
	if c.Slot < 0 || c.Slot >= len(pic.Claims) {
		return false
	}
	k := &pic.Claims[c.Slot]
	return k.Packet == c.Packet && k.Slot == c.Slot && k.Seq == c.Seq && k.Claimant == c.Claimant &&
		k.PayeeHash == c.PayeeHash && k.Amount == c.Amount && k.At == c.At && k.Hash == c.Hash
}

// followsFrom says whether a payout is an attempt to pay a claim of a packet's book.
func followsFrom(pic *engine.Picture, p *store.Payout) bool {
	if p.Slot < 0 || p.Slot >= len(pic.Claims) {
		return false
	}
	c, t := &pic.Claims[p.Slot], pic.Terms
	return c.Packet == p.Packet && c.Slot == p.Slot && c.Claimant == p.Claimant && c.Amount == p.Amount &&
		p.MchID == t.MchID && p.Channel == t.Channel && p.RailKey == keyOf(pic, p.Claimant, p.Generation)
}

// keyOf is the rail key of an attempt to pay somebody's claim.
func keyOf(pic *engine.Picture, who packet.Claimant, generation int) string {
	return Key(pic.Terms.MchID, ClaimID(pic.ListID, who), generation)
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
