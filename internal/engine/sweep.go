package engine

import (
	"context"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// What bounds the sweeper.
const (
	sweepEvery = time.Second
	sweepBatch = 500              // packets refunded in one round trip
	driftMax   = 30 * time.Second // between wall clock and monotonic clock, in one round
	driftCalm  = 10 * time.Minute // without drift, until refunds go on
)

// sweeper refunds what nobody claimed once a packet's life is over. A wall clock
// that jumped would end packets early or late, so the sweeper compares it with a
// clock that cannot jump, and stops with an alarm while the two disagree.
type sweeper struct {
	alarm   atomic.Bool
	wall    time.Time     // of the last round; the sweeper's goroutine alone
	elapsed time.Duration // of the last round
	calm    time.Duration // since when the clocks agree, on the elapsed clock
}

// sweep runs rounds until ctx ends.
func (e *Engine) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := e.sweepRound(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweepRound refunds all packets that are due, unless the clock is in doubt. It is
// safe to repeat and to cut off anywhere: each refund is one transaction, and a
// packet that has ended is not due.
func (e *Engine) sweepRound(ctx context.Context) error {
	now := e.cfg.Now()
	if !e.clockHolds(now, e.cfg.Elapsed()) {
		return nil
	}
	at := now.Add(-e.cfg.RefundDelay).UnixMilli()
	for ctx.Err() == nil {
		var ids []packet.ID
		if err := e.view(ctx, "sweep", func(r store.Reader) (err error) {
			ids, err = r.Due(at, sweepBatch)
			return err
		}); err != nil {
			return err
		}
		done, err := e.expire(ctx, ids)
		if err != nil || len(ids) < sweepBatch || done == 0 {
			return err
		}
	}
	return nil
}

// clockHolds compares the two clocks with those of the round before.
func (e *Engine) clockHolds(wall time.Time, elapsed time.Duration) bool {
	s := &e.sweeper
	if !s.wall.IsZero() {
		drift := wall.Round(0).Sub(s.wall) - (elapsed - s.elapsed)
		if drift.Abs() > driftMax {
			s.calm = elapsed
			if !s.alarm.Swap(true) {
				e.log.Error("the wall clock was moved; refunds wait", "by", drift.String())
			}
		}
	}
	s.wall, s.elapsed = wall.Round(0), elapsed
	if s.alarm.Load() && elapsed-s.calm >= driftCalm {
		s.alarm.Store(false)
		e.log.Info("the clocks agree again; refunds go on")
	}
	return !s.alarm.Load()
}

// ConfirmClock is an operator's word that the wall clock is right: refunds go on.
func (e *Engine) ConfirmClock() { e.sweeper.alarm.Store(false) }

// expire refunds packets, and says how many of them have ended now.
func (e *Engine) expire(ctx context.Context, ids []packet.ID) (done int, err error) {
	waits := make([]*waiting, 0, len(ids))
	for _, id := range ids {
		p, err := e.find(ctx, id)
		if err != nil {
			return done, err
		}
		o := &endOrder{id: id, mchID: p.terms.MchID, kind: ledger.Refund, expired: true}
		w, err := e.lane(id).put(o)
		if err != nil {
			break // the lane is full of claims; what is left is due in the next round too
		}
		waits = append(waits, w)
	}
	for _, w := range waits {
		<-w.done
		switch fault.CodeOf(w.err) {
		case fault.OK:
			done++
			e.stats.Refunds.Add(1)
		case fault.Finished, fault.Expired:
			done++
		default: // held since it was read, or not written: due again in the next round
		}
	}
	return done, nil
}
