package payout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Round leases up to batchMax payouts that are due, submits them or asks about
// them, writes down the answers, and follows the packets that may have come to
// their end by that. It returns how many payouts were due. It is safe to repeat and
// to cut off anywhere: what it did not write down is asked about when the lease is
// over. During a pause it only asks; one that begins meanwhile stops its submits.
func (w *Worker) Round(ctx context.Context) (int, error) {
	r := &round{now: w.now()}
	due, books, err := w.due(ctx, r)
	if err != nil {
		return 0, fmt.Errorf("payout: what is due: %w", err)
	}
	w.notice(r.pause)
	if len(due) == 0 {
		return 0, nil
	}
	for i := range due {
		w.take(ctx, r, &due[i], books[due[i].Packet])
	}
	switch err := w.begin(ctx, r); {
	case errors.Is(err, store.ErrStale): // another worker has taken some of them, or a pause has begun
		return len(due), errors.Join(r.errs...)
	case err != nil:
		return len(due), errors.Join(append(r.errs, fmt.Errorf("payout: lease: %w", err))...)
	}
	w.call(ctx, r.jobs)
	for _, j := range r.jobs {
		r.errs = append(r.errs, j.err)
	}
	if err := w.record(context.WithoutCancel(ctx), r.jobs); err != nil { // a shutdown must not lose answers
		return len(due), errors.Join(append(r.errs, fmt.Errorf("payout: record answers: %w", err))...)
	}
	for _, id := range r.closing(books) {
		r.errs = append(r.errs, w.Follow(ctx, id))
	}
	return len(due), errors.Join(r.errs...)
}

// round is what one Round has to do.
type round struct {
	now    int64
	pause  Pause
	rows   []store.Payout // as they are written before the calls
	events []store.PayoutEvent
	jobs   []*job
	errs   []error
}

// book is what a round knows of a packet.
type book struct {
	pic    *engine.Picture
	head   packet.Head
	claims []packet.Claim   // by slot; read only if a payout was not sent before
	asked  map[attempt]bool // during the pause; read then, if a payout was not sent before
	err    error            // why the packet cannot be worked on now
}

// held says whether the packet waits, by what the database or memory knows of it.
func (b *book) held() bool { return b.head.Held || b.pic.State == packet.Held }

// due reads the payouts that are due, and of each packet what is needed to judge them.
func (w *Worker) due(ctx context.Context, r *round) (due []store.Payout, books map[packet.ID]*book, err error) {
	err = w.store.View(ctx, func(reader store.Reader) (err error) {
		books = make(map[packet.ID]*book)
		if r.pause, err = ReadPause(reader); err != nil {
			return err
		}
		if due, err = reader.PayoutsDue(r.now, batchMax); err != nil {
			return err
		}
		for i := range due {
			if err := readBook(reader, books, &due[i], r.pause); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(books)) {
		if b := books[id]; b.err == nil {
			b.pic, b.err = w.engine.Fresh(ctx, id) // after its rows were read, see trust
		}
	}
	return due, books, err
}

func readBook(r store.Reader, books map[packet.ID]*book, p *store.Payout, pause Pause) error {
	b := books[p.Packet]
	if b == nil {
		row, err := r.Packet(p.Packet)
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return err
		}
		b = &book{head: row.Head, err: err} // NotFound is that packet's own affair
		books[p.Packet] = b
	}
	if p.State == store.PayoutQueued && b.claims == nil && b.err == nil {
		var err error
		if b.claims, err = r.Claims(p.Packet, 0); err != nil {
			return err
		}
		b.asked, err = askedDuring(r, p.Packet, pause)
		return err
	}
	return nil
}

// begin writes what a round does before it calls any channel: leases above all. A round
// that was decided on before a pause began is not begun. One that begins beside it all
// the same, or is under way, meets the pause before its next submit (stopped).
func (w *Worker) begin(ctx context.Context, r *round) error {
	return w.store.Update(ctx, func(tx store.Tx) error {
		switch now, err := ReadPause(tx); {
		case err != nil:
			return err
		case now != r.pause:
			return store.ErrStale
		}
		return write(tx, r.rows, r.events)
	})
}

// take decides what a round does about one payout. What cannot be worked on waits,
// so that it does not stand in the way of others.
func (w *Worker) take(ctx context.Context, r *round, p *store.Payout, b *book) {
	channel, first := w.channels[p.Channel], p.State == store.PayoutQueued
	switch {
	case b.err != nil:
		r.wait(p, fmt.Errorf("payout: packet %d: %w", int64(p.Packet), b.err))
	case channel == nil:
		r.wait(p, noChannel(p.Packet, p.Channel))
	case !first:
		w.again(ctx, r, p, b, channel)
	case tooLate(b.pic, p):
		w.probe(ctx, r, p, b, channel)
	case b.asked[attemptOf(p)]:
		r.sleep(p)
	case r.pause.Paused():
		w.probe(ctx, r, p, b, channel)
	case b.held():
		r.wait(p, nil)
	default:
		w.first(ctx, r, p, b, channel)
	}
}

// first sends a payout that was never sent.
func (w *Worker) first(ctx context.Context, r *round, p *store.Payout, b *book, channel Channel) {
	frozen, ok := w.freeze(ctx, r, p, b, channel)
	if !ok {
		return
	}
	next := w.leased(p, r.now)
	next.State, next.Frozen = store.PayoutSubmitting, w.seal(p, frozen)
	r.rows = append(r.rows, next)
	r.events = append(r.events, event(&next, sourceCreate, "", r.now))
	r.jobs = append(r.jobs, &job{leased: next, channel: channel, frozen: frozen})
}

// probe asks about a payout that this database has not sent. Before it was restored
// from a backup it may have.
func (w *Worker) probe(ctx context.Context, r *round, p *store.Payout, b *book, channel Channel) {
	frozen, ok := w.freeze(ctx, r, p, b, channel)
	if !ok {
		return
	}
	next := w.leased(p, r.now)
	r.rows = append(r.rows, next)
	r.jobs = append(r.jobs, &job{
		leased: next, channel: channel, frozen: frozen, ask: true,
		sealed: w.seal(p, frozen), pause: r.pause, last: tooLate(b.pic, p),
	})
}

// freeze makes the request of a payout that was never sent. If it cannot, the payout
// waits, and ok is false.
func (w *Worker) freeze(ctx context.Context, r *round, p *store.Payout, b *book, channel Channel) (f Frozen, ok bool) {
	payee, err := w.trustPayout(b, p)
	if err != nil {
		r.wait(p, w.distrust(ctx, p.Packet, err))
		return Frozen{}, false
	}
	at := p.CreatedAt
	if p.Generation == 1 {
		at = b.claims[p.Slot].At
	}
	f, err = channel.Prepare(Order{
		Key: p.RailKey, ListID: b.pic.ListID, Generation: p.Generation, Amount: p.Amount, Payee: payee, At: time.UnixMilli(at),
	})
	if err != nil { // a matter of configuration: the channel had promised to take such a share
		next := changed(p, r.now)
		next.Operator = true
		r.rows = append(r.rows, next)
		r.events = append(r.events, event(&next, sourceCreate, "cannot be sent: "+err.Error(), r.now))
	}
	return f, err == nil
}

func (w *Worker) seal(p *store.Payout, f Frozen) []byte {
	return w.engine.Vault().Seal(vault.FrozenRequest, vault.PayoutRow(p.Packet, p.Claimant, p.Generation), f.Body)
}

// again asks about a payout that was sent. Only one that the rail never acknowledged
// may be sent again, and only while the rail is sure to remember its key.
func (w *Worker) again(ctx context.Context, r *round, p *store.Payout, b *book, channel Channel) {
	body, err := w.engine.Vault().Open(vault.FrozenRequest, vault.PayoutRow(p.Packet, p.Claimant, p.Generation), p.Frozen)
	if err != nil || p.RailKey != keyOf(b.pic, p.Claimant, p.Generation) { // under another key the rail would pay again
		r.wait(p, w.distrust(ctx, p.Packet, errPayout))
		return
	}
	next := w.leased(p, r.now)
	if p.State == store.PayoutSubmitting { // whoever sent it did not live to tell
		next.State, next.Attempts = store.PayoutUnknown, 1
		r.events = append(r.events, event(&next, sourceLease, "", r.now))
	}
	r.rows = append(r.rows, next)
	r.jobs = append(r.jobs, &job{
		leased: next, channel: channel, frozen: Frozen{Key: p.RailKey, Body: body, Sent: true}, ask: true,
		resend: next.State == store.PayoutUnknown && !b.held() && !r.pause.Paused() && r.now-p.CreatedAt < patience.Milliseconds(),
	})
}

// changed is a payout in its next version.
func changed(p *store.Payout, now int64) store.Payout {
	next := *p
	next.Version, next.UpdatedAt = p.Version+1, now
	return next
}

// leased is a payout that this worker is at.
func (w *Worker) leased(p *store.Payout, now int64) store.Payout {
	next := changed(p, now)
	next.Attempts++
	next.NextCheck = now + w.lease.Milliseconds()
	return next
}

// wait puts a payout off.
func (r *round) wait(p *store.Payout, cause error) {
	next := changed(p, r.now)
	next.NextCheck = r.now + postponed.Milliseconds()
	r.rows, r.errs = append(r.rows, next), append(r.errs, cause)
}

// sleep puts a payout off that has been asked about during the pause, until the pause
// is over (Worker.asleep).
func (r *round) sleep(p *store.Payout) {
	next := changed(p, r.now)
	next.NextCheck = r.now + waitLong.Milliseconds()
	r.rows = append(r.rows, next)
}

// closing lists the packets that a round's answers may have brought to their end:
// a share was refused, or the last one of a packet that has ended is paid.
func (r *round) closing(books map[packet.ID]*book) []packet.ID {
	ids := make(map[packet.ID]bool)
	for _, j := range r.jobs {
		if p := &j.row; p.State.Final() && (p.State != store.PayoutDone || books[p.Packet].head.Ended) {
			ids[p.Packet] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

func write(tx store.Tx, rows []store.Payout, events []store.PayoutEvent) error {
	if err := tx.UpdatePayouts(rows); err != nil {
		return err
	}
	return tx.InsertPayoutEvents(events)
}

func noChannel(id packet.ID, name string) error {
	return fmt.Errorf("payout: packet %d pays through channel %s, which this worker does not have", int64(id), name)
}
