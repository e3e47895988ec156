package payout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// Round leases up to batchMax payouts that are due, submits them or asks about
// them, writes down the answers, and follows the packets that may have come to
// their end by that. It returns how many payouts it looked at. It is safe to repeat
// and to cut off anywhere: what it did not write down is asked about when the lease
// is over.
func (w *Worker) Round(ctx context.Context) (int, error) {
	now := w.now()
	due, books, err := w.due(ctx, now)
	if err != nil {
		return 0, fmt.Errorf("payout: what is due: %w", err)
	}
	if len(due) == 0 {
		return 0, nil
	}
	var r round
	for i := range due {
		w.take(ctx, &r, &due[i], books[due[i].Packet], now)
	}
	switch err := w.write(ctx, r.rows, r.events); {
	case errors.Is(err, store.ErrStale): // another worker has taken some of them
		return 0, errors.Join(r.errs...)
	case err != nil:
		return 0, errors.Join(append(r.errs, fmt.Errorf("payout: lease: %w", err))...)
	}
	w.call(ctx, r.jobs)
	ctx = context.WithoutCancel(ctx) // what was answered must not be lost to a shutdown
	if err := w.record(ctx, r.jobs); err != nil {
		return len(due), errors.Join(append(r.errs, fmt.Errorf("payout: record answers: %w", err))...)
	}
	for id := range r.closing(books) {
		r.errs = append(r.errs, w.Follow(ctx, id))
	}
	return len(due), errors.Join(r.errs...)
}

// round is what one Round has to do.
type round struct {
	rows   []store.Payout // as they are written before the calls
	events []store.PayoutEvent
	jobs   []*job
	errs   []error
}

// book is what a round knows of a packet.
type book struct {
	pic    *engine.Picture
	head   packet.Head
	held   bool
	claims []packet.Claim // by slot; read only if a payout is to be sent for the first time
	err    error          // why the packet cannot be worked on now
}

// due reads the payouts that are due, and of each packet what is needed to judge them.
func (w *Worker) due(ctx context.Context, now int64) (due []store.Payout, books map[packet.ID]*book, err error) {
	err = w.store.View(ctx, func(r store.Reader) (err error) {
		books = make(map[packet.ID]*book)
		if due, err = r.PayoutsDue(now, batchMax); err != nil {
			return err
		}
		for i := range due {
			if err := readBook(r, books, &due[i]); err != nil {
				return err
			}
		}
		return nil
	})
	for id, b := range books {
		if b.err == nil {
			b.pic, b.err = w.engine.Packet(ctx, id)
		}
		b.held = b.held || b.err == nil && b.pic.State == packet.Held // by what memory knows of it, too
	}
	return due, books, err
}

func readBook(r store.Reader, books map[packet.ID]*book, p *store.Payout) error {
	b := books[p.Packet]
	if b == nil {
		row, err := r.Packet(p.Packet)
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return err
		}
		b = &book{head: row.Head, held: row.Head.Held, err: err}
		books[p.Packet] = b
	}
	if p.State != store.PayoutQueued || b.claims != nil || b.err != nil {
		return nil
	}
	claims, err := r.Claims(p.Packet, 0)
	b.claims = claims
	return err
}

// job is one payout under a lease, and what is to be done about it.
type job struct {
	row     store.Payout // as leased, then as it became
	channel Channel
	frozen  Frozen
	ask     bool // before anything is sent
	resend  bool // if the rail has never seen it
	answers []answer
}

// take decides what a round does about one payout: lease it for a call, or let it
// wait, so that it does not stand in the way of others.
func (w *Worker) take(ctx context.Context, r *round, p *store.Payout, b *book, now int64) {
	channel, first := w.channels[p.Channel], p.State == store.PayoutQueued
	next := *p
	next.Version, next.UpdatedAt = p.Version+1, now
	wait := func(errs ...error) {
		next = *p
		next.Version, next.UpdatedAt, next.NextCheck = p.Version+1, now, now+postponed.Milliseconds()
		r.rows, r.errs = append(r.rows, next), append(r.errs, errs...)
	}
	switch {
	case b.err != nil:
		wait(fmt.Errorf("payout: packet %d: %w", int64(p.Packet), b.err))
		return
	case channel == nil:
		wait(fmt.Errorf("payout: packet %d pays through channel %s, which this worker does not have", int64(p.Packet), p.Channel))
		return
	case first && (b.held || p.Held):
		wait()
		return
	}
	j := &job{channel: channel, ask: !first}
	next.Attempts++
	next.Lease = now + w.lease.Milliseconds()
	next.NextCheck = next.Lease
	switch {
	case first:
		payee, err := w.trustPayout(b, p)
		if err != nil {
			wait(w.distrust(ctx, p.Packet, err))
			return
		}
		j.frozen, err = channel.Prepare(order(b, p, payee, now))
		if err != nil {
			refuseToSend(r, next, err, now)
			return
		}
		next.State, next.Frozen = store.PayoutSubmitting, w.engine.Vault().Seal(vault.FrozenRequest, frozenRow(p), j.frozen.Body)
		r.events = append(r.events, event(&next, sourceCreate, "", now))
	}
	_ = time.Second
	j.row = next
	r.rows, r.jobs = append(r.rows, next), append(r.jobs, j)
}
