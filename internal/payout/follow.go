package payout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// NoneName is the channel of packets that are not paid from here: their claims stay
// due, and they are settled once they have ended.
const NoneName = "none"

// Follow does for one packet what its book and its payouts call for: payouts for
// claims that have none, returns of shares that cannot be paid, and Settle when
// nothing remains. It moves no money but back to the merchant. It is safe to repeat
// and to cut off anywhere. A packet that is held waits, but for what a pause asks of it.
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
	h, pays := &row.Head, row.Terms.Channel != NoneName
	if row.Settled || !h.Ended && (h.ClaimedNum == 0 || !pays) {
		return nil
	}
	for more := pays && place.Seq < h.Seq; more; { // each turn moves the cursor on, or is the last
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
	var pause Pause
	err = w.store.View(ctx, func(r store.Reader) (err error) {
		if pause, err = ReadPause(r); err != nil {
			return err
		}
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
	pic, err := w.engine.Fresh(ctx, id)
	if err != nil {
		return false, fmt.Errorf("payout: follow packet %d: %w", int64(id), err)
	}
	if rests(pic, pause) {
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

// rests says whether nothing is to be made of a packet's book now: the packet is
// held. During a pause its shares get payouts all the same, to be asked about.
func rests(pic *engine.Picture, pause Pause) bool {
	return pic.Broken || pic.State == packet.Held && !pause.Paused()
}

// queued is a new attempt to pay a claim.
func queued(pic *engine.Picture, c *packet.Claim, generation int, now int64) store.Payout {
	return store.Payout{
		Packet: c.Packet, Slot: c.Slot, Generation: generation, Claimant: c.Claimant,
		MchID: pic.Terms.MchID, Channel: pic.Terms.Channel,
		RailKey: keyOf(pic, c.Claimant, generation),
		Amount:  c.Amount, Payee: c.Payee, State: store.PayoutQueued, Version: 1,
		NextCheck: now, CreatedAt: now, UpdatedAt: now,
	}
}

// tidy returns shares whose newest payout was refused for good, and settles the
// packet when it has ended and every claimed share is paid or returned. Before that
// it compares each payout with its claim: one that was moved to another slot would
// make an older one the newest.
func (w *Worker) tidy(ctx context.Context, id packet.ID) error {
	var row store.Packet
	var all []store.Payout
	var pause Pause
	if err := w.store.View(ctx, func(r store.Reader) (err error) {
		if pause, err = ReadPause(r); err != nil {
			return err
		}
		if row, err = r.Packet(id); err != nil {
			return err
		}
		all, err = r.Payouts(id)
		return err
	}); err != nil {
		return fmt.Errorf("payout: tidy packet %d: %w", int64(id), err)
	}
	if woken := w.asleep(all, pause); len(woken) > 0 {
		err := w.store.Update(ctx, func(tx store.Tx) error { return tx.UpdatePayouts(woken) })
		if err != nil && !errors.Is(err, store.ErrStale) { // stale: another worker was here
			return fmt.Errorf("payout: wake packet %d: %w", int64(id), err)
		}
	}
	newest := newestOf(all)
	if !slices.ContainsFunc(all, refused) && !settles(&row, newest) {
		return nil
	}
	pic, err := w.engine.Fresh(ctx, id)
	if err != nil {
		return fmt.Errorf("payout: tidy packet %d: %w", int64(id), err)
	}
	if rests(pic, pause) {
		return nil
	}
	for i := range all {
		if !followsFrom(pic, &all[i]) {
			return w.distrust(ctx, id, errPayout)
		}
	}
	if pause.Paused() {
		if made, err := w.followUp(ctx, pic, newest); made || err != nil {
			return err
		}
	}
	if pic.State == packet.Held {
		return nil
	}
	if err := w.giveBackAll(ctx, pic, newest); err != nil {
		return err
	}
	if !settles(&row, newest) {
		return nil
	}
	// All of this is final, so it is still so in the transaction.
	if err := w.store.Update(ctx, func(tx store.Tx) error { return tx.Settle(id) }); err != nil {
		return fmt.Errorf("payout: settle packet %d: %w", int64(id), err)
	}
	w.stats.Settled.Add(1)
	return nil
}

// asleep lists, as they become, the payouts of a packet that were put off during a
// pause and are wanted now: it is over, or another one has begun since.
func (w *Worker) asleep(all []store.Payout, pause Pause) (woken []store.Payout) {
	now := w.now()
	for i := range all {
		p := &all[i]
		if p.State != store.PayoutQueued || p.NextCheck <= now+w.lease.Milliseconds() { // it may be under a lease
			continue
		}
		if !pause.Paused() || p.UpdatedAt < pause.Since.UnixMilli() {
			next := changed(p, now)
			next.NextCheck = now
			woken = append(woken, next)
		}
	}
	return woken
}

// newestOf lists the newest payout of each share. all is sorted by slot and generation.
func newestOf(all []store.Payout) (newest []store.Payout) {
	for i := range all {
		if i+1 == len(all) || all[i+1].Slot != all[i].Slot {
			newest = append(newest, all[i])
		}
	}
	return newest
}

// refused says whether a payout has failed, and nothing has followed from that yet.
// One that an operator must look at is left to them.
func refused(p store.Payout) bool {
	return p.State.Final() && p.State != store.PayoutDone && !p.Returned && !p.Operator
}

// settles says whether nothing remains to be done for a packet.
func settles(row *store.Packet, newest []store.Payout) bool {
	closed := 0
	for i := range newest {
		if newest[i].Returned || newest[i].State == store.PayoutDone {
			closed++
		}
	}
	return row.Head.Ended && (closed >= row.Head.ClaimedNum || row.Terms.Channel == NoneName)
}

// giveBackAll returns the shares that are to go back to the merchant: the newest
// payout was refused, and the payee cannot mend the reason, or has not done so in
// time. While the clock is in doubt, no time is over. A share that could have been
// mended is not returned before the attempt that may have followed was asked about.
func (w *Worker) giveBackAll(ctx context.Context, pic *engine.Picture, newest []store.Payout) error {
	now, sure := w.now(), w.engine.ClockHolds()
	for i := range newest {
		p := &newest[i]
		if !refused(*p) || p.Mendable && (!sure || now < mendUntil(&pic.Claims[p.Slot])) {
			continue
		}
		if mayHaveFollowed(p) {
			if err := w.next(ctx, pic, p, now); err != nil {
				return err
			}
			continue
		}
		if err := w.giveBack(ctx, p, now); err != nil {
			return fmt.Errorf("payout: return slot %d of packet %d: %w", p.Slot, int64(p.Packet), err)
		}
	}
	return nil
}

// mendUntil is until when a refused share waits for its payee, in milliseconds.
func mendUntil(c *packet.Claim) int64 { return c.At + mendWithin.Milliseconds() }

// tooLate says whether a payout was made when its payee could mend nothing any more:
// not to be sent, but to ask whether it was, by a server whose database is lost. If the
// channel does not know it, it is cancelled and the share returns.
func tooLate(pic *engine.Picture, p *store.Payout) bool {
	return p.Generation > 1 && followsFrom(pic, p) && p.CreatedAt >= mendUntil(&pic.Claims[p.Slot])
}

// giveBack returns a share. A return that was not carried out, or of which that is
// not known, is found by the next scan.
func (w *Worker) giveBack(ctx context.Context, p *store.Payout, now int64) error {
	next := changed(p, now)
	next.Returned = true
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
// otherwise nothing happens, nor if the last attempt is no older than a pause that
// grows with each (see pauses). It is safe to repeat and may be called beside Run.
func (w *Worker) Revisit(ctx context.Context, id packet.ID, who packet.Claimant) error {
	now := w.now()
	var old store.Payout
	find := func(r store.Reader) error {
		old = store.Payout{}
		if _, err := r.Packet(id); err != nil {
			return err
		}
		all, err := r.Payouts(id)
		for _, p := range newestOf(all) {
			if p.Claimant == who && retries(&p, now) {
				old = p
			}
		}
		return err
	}
	if err := w.store.View(ctx, find); err != nil || old.Generation == 0 {
		return err
	}
	pic, err := w.engine.Fresh(ctx, id)
	if err != nil {
		return err
	}
	err = w.store.Update(ctx, func(tx store.Tx) error {
		if err := find(tx); err != nil || old.Generation == 0 {
			return err
		}
		if !followsFrom(pic, &old) {
			return errPayout
		}
		if now >= mendUntil(&pic.Claims[old.Slot]) {
			return nil
		}
		return retry(tx, pic, &old, now)
	})
	switch {
	case errors.Is(err, errPayout):
		return w.distrust(ctx, id, errPayout)
	case errors.Is(err, store.ErrStale): // it was returned or tried again just now
		return nil
	default:
		return err
	}
}

// retry makes the attempt after one that was refused. The refused payout moves on too:
// a return that was decided on it falls through.
func retry(tx store.Tx, pic *engine.Picture, old *store.Payout, now int64) error {
	c := pic.Claims[old.Slot]
	c.Payee = old.Payee // memory has none
	if err := tx.UpdatePayouts([]store.Payout{changed(old, now)}); err != nil {
		return err
	}
	return tx.InsertPayouts([]store.Payout{queued(pic, &c, old.Generation+1, now)})
}

// followUp makes, during a pause, the attempt after each that may have had one in what
// a restore has lost, so that it is found before its payee is back. made says whether
// there was one.
func (w *Worker) followUp(ctx context.Context, pic *engine.Picture, newest []store.Payout) (made bool, err error) {
	now := w.now()
	for i := range newest {
		old := &newest[i]
		if !mayHaveFollowed(old) {
			continue
		}
		made = true
		if err := w.next(ctx, pic, old, now); err != nil {
			return made, err
		}
	}
	return made, nil
}

// next is retry in a transaction of its own, unless somebody was quicker.
func (w *Worker) next(ctx context.Context, pic *engine.Picture, old *store.Payout, now int64) error {
	err := w.store.Update(ctx, func(tx store.Tx) error { return retry(tx, pic, old, now) })
	if err != nil && !errors.Is(err, store.ErrStale) { // stale: the payee was back just now
		return fmt.Errorf("payout: try slot %d of packet %d again: %w", old.Slot, int64(old.Packet), err)
	}
	return nil
}

// mayHaveFollowed says whether there may have been an attempt after a payout, in what
// a restore has lost: their payee may have been back.
func mayHaveFollowed(p *store.Payout) bool {
	return refused(*p) && p.Mendable && p.Generation < generationMax && p.Payee != nil
}

// pauses are how old an attempt must be before a visit makes another one: each uses
// up one of generationMax, and a page that is loaded again and again must not.
var pauses = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}

// retries says whether a visit makes another attempt after a payout: it was refused
// for a reason that the payee can mend, and they have had time to.
func retries(p *store.Payout, now int64) bool {
	pause := pauses[min(p.Generation, len(pauses))-1]
	return refused(*p) && p.Mendable && p.Generation < generationMax && now-p.CreatedAt >= pause.Milliseconds()
}
