package payout

import (
	"context"
	"errors"
	"fmt"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// NoneName is the channel of packets that are not paid from here: their claims stay
// due.
const NoneName = "none"

// Follow does for one packet what its book and its payouts call for: payouts for
// claims that have none, returns of shares that cannot be paid, and Settle when
// nothing remains. It moves no money but back to the merchant. It is safe to repeat
// and to cut off anywhere. A packet that is held waits.
func (w *Worker) Follow(ctx context.Context, id packet.ID) error {
	var row store.Packet
	var place store.Follower
	err := w.store.View(ctx, func(r store.Reader) (err error) {
		if row, err = r.Packet(id); err != nil {
			return err
		}
		place, err = r.Follower(id, workerName)
		return err
	})
	if err != nil {
		return fmt.Errorf("payout: follow packet %d: %w", int64(id), err)
	}
	h := &row.Head
	if row.Settled || h.ClaimedNum == 0 && !h.Ended || row.Terms.Channel == NoneName {
		return nil
	}
	for more := place.Seq < h.Seq; more; { // each turn moves the cursor on, or is the last
		if more, err = w.follow(ctx, id); err != nil {
			return err
		}
	}
	return w.tidy(ctx, id)
}

// follow makes payouts of the claims above the cursor, batchMax at most; more says
// whether there may be further ones.
func (w *Worker) follow(ctx context.Context, id packet.ID) (more bool, err error) {
	var from store.Follower
	var claims []packet.Claim
	err = w.store.View(ctx, func(r store.Reader) (err error) {
		if from, err = r.Follower(id, workerName); err != nil {
			return err
		}
		claims, err = r.Claims(id, from.Seq)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("payout: follow packet %d: %w", int64(id), err)
	}
	if len(claims) == 0 {
		return false, nil
	}
	pic, err := w.engine.Packet(ctx, id)
	if err != nil {
		return false, fmt.Errorf("payout: follow packet %d: %w", int64(id), err)
	}
	if pic.State == packet.Held { // or it breaks an invariant
		return false, nil
	}
	if w.channels[pic.Terms.Channel] == nil {
		return false, noChannel(id, pic.Terms.Channel)
	}
	claims = claims[:min(len(claims), batchMax)]
	now := w.now()
	payouts := make([]store.Payout, len(claims))
	for i := range claims {
		if _, err := w.trust(pic, &claims[i]); err != nil {
			return false, w.distrust(ctx, id, err)
		}
		payouts[i] = queued(pic, &claims[i], 1, now)
	}
	to := store.Follower{Packet: id, Worker: workerName, Seq: claims[len(claims)-1].Seq, Fence: from.Fence + 1}
	err = w.store.Update(ctx, func(tx store.Tx) error {
		if err := tx.SaveFollower(from, to); err != nil {
			return err
		}
		return tx.InsertPayouts(payouts)
	})
	switch {
	case err == nil:
		w.stats.Created.Add(int64(len(payouts)))
		return len(claims) == batchMax, nil
	case errors.Is(err, store.ErrStale): // another worker was here
		return false, nil
	default:
		return false, fmt.Errorf("payout: follow packet %d: %w", int64(id), err)
	}
}

// queued is a new attempt to pay a claim.
func queued(pic *engine.Picture, c *packet.Claim, generation int, now int64) store.Payout {
	return store.Payout{
		Packet: c.Packet, Slot: c.Slot, Generation: generation, Claimant: c.Claimant,
		MchID: pic.Terms.MchID, Channel: pic.Terms.Channel,
		RailKey: Key(pic.Terms.MchID, ClaimID(pic.ListID, c.Claimant), generation),
		Amount:  c.Amount, Payee: c.Payee, State: store.PayoutQueued, Version: 1,
		NextCheck: now, CreatedAt: now, UpdatedAt: now,
	}
}

// tidy returns shares whose newest payout was refused for good, and settles the
// packet when it has ended and every claimed share is paid or returned.
func (w *Worker) tidy(ctx context.Context, id packet.ID) error {
	var row store.Packet
	var claims []packet.Claim
	var newest []store.Payout
	if err := w.store.View(ctx, func(r store.Reader) (err error) {
		if row, err = r.Packet(id); err != nil {
			return err
		}
		if claims, err = r.Claims(id, 0); err != nil {
			return err
		}
		newest, err = newestPayouts(r, id)
		return err
	}); err != nil {
		return fmt.Errorf("payout: tidy packet %d: %w", int64(id), err)
	}
	if row.Head.Held {
		return nil
	}
	now, closed := w.now(), 0
	for i := range newest {
		p := &newest[i]
		if returns(p, claims, now) {
			if err := w.giveBack(ctx, p, now); err != nil {
				return fmt.Errorf("payout: return slot %d of packet %d: %w", p.Slot, int64(id), err)
			}
		}
		if p.Returned || p.State == store.PayoutDone {
			closed++
		}
	}
	if !row.Head.Ended || closed < row.Head.ClaimedNum {
		return nil
	}
	// All of this is final, so it is still so in the transaction.
	if err := w.store.Update(ctx, func(tx store.Tx) error { return tx.Settle(id) }); err != nil {
		return fmt.Errorf("payout: settle packet %d: %w", int64(id), err)
	}
	w.stats.Settled.Add(1)
	return nil
}

// newestPayouts lists the newest payout of each claim, by slot.
func newestPayouts(r store.Reader, id packet.ID) ([]store.Payout, error) {
	all, err := r.Payouts(id)
	newest := all[:0]
	for i := range all { // by slot and generation
		if i+1 == len(all) || all[i+1].Slot != all[i].Slot {
			newest = append(newest, all[i])
		}
	}
	return newest, err
}

// returns says whether a share goes back to the merchant: its newest payout was
// refused, and the payee cannot mend the reason, or has not done so in time. One that
// an operator must look at stays where it is.
func returns(p *store.Payout, claims []packet.Claim, now int64) bool {
	switch {
	case p.Returned || p.Operator || !p.State.Final() || p.State == store.PayoutDone:
		return false
	case p.Mendable:
		return p.Slot < len(claims) && now >= mendUntil(&claims[p.Slot])
	default:
		return true
	}
}

// mendUntil is until when a refused share waits for its payee, in milliseconds.
func mendUntil(c *packet.Claim) int64 { return c.At + mendWithin.Milliseconds() }

// giveBack returns a share. A return that was not carried out, or of which that is
// not known, is found by the next scan.
func (w *Worker) giveBack(ctx context.Context, p *store.Payout, now int64) error {
	next := *p
	next.Returned, next.Version, next.UpdatedAt = true, p.Version+1, now
	switch err := w.engine.Return(ctx, next); fault.CodeOf(err) {
	case fault.OK:
		*p = next
		w.stats.Returned.Add(1)
		return nil
	case fault.Busy, fault.Unknown, fault.Held:
		return nil
	default:
		return err
	}
}

// Revisit says that a claimant is back. If their share was refused for a reason that
// they can mend, it is tried again under a new key, within 7 days of the claim;
// otherwise nothing happens. It is safe to repeat and may be called beside Run.
func (w *Worker) Revisit(ctx context.Context, id packet.ID, who packet.Claimant) error {
	pic, err := w.engine.Packet(ctx, id)
	if err != nil {
		return err
	}
	now := w.now()
	var old, next store.Payout
	plan := func(r store.Reader) error {
		old, next = store.Payout{}, store.Payout{}
		newest, err := newestPayouts(r, id)
		if err != nil {
			return err
		}
		for _, p := range newest {
			if p.Claimant != who || !retries(&p) {
				continue
			}
			claims, err := r.Claims(id, 0)
			if err == nil && p.Slot < len(claims) && now < mendUntil(&claims[p.Slot]) {
				old, next = p, queued(pic, &claims[p.Slot], p.Generation+1, now)
			}
			return err
		}
		return nil
	}
	if err := w.store.View(ctx, plan); err != nil || next.Generation == 0 {
		return err
	}
	err = w.store.Update(ctx, func(tx store.Tx) error {
		if err := plan(tx); err != nil || next.Generation == 0 {
			return err
		}
		// The refused payout moves on too: a return that was decided on it falls through.
		old.Version, old.UpdatedAt = old.Version+1, now
		if err := tx.UpdatePayouts([]store.Payout{old}); err != nil {
			return err
		}
		return tx.InsertPayouts([]store.Payout{next})
	})
	if errors.Is(err, store.ErrStale) { // it was returned or tried again just now
		return nil
	}
	return err
}

// retries says whether a payout was refused for a reason that the payee can mend.
func retries(p *store.Payout) bool {
	return p.State == store.PayoutRefused && p.Mendable && !p.Returned && !p.Operator && p.Generation < generationMax
}
