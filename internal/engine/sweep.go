package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
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
// that jumped would end packets early or late, so the wall clock is compared with a
// clock that cannot jump, and an alarm stops the sweeper while the two disagree. The
// alarm is a setting of the database: a restart does not forget it, and an operator
// may take it back (ConfirmClock).
//
// Where several processes share a database, its clock is the third: a process whose
// wall clock is not with it leaves refunds to the others until it is.
type sweeper struct {
	alarm atomic.Bool  // never set before the database knows
	ahead atomic.Int64 // of the database's clock, in nanoseconds, when last asked

	mu      sync.Mutex    // guards all below
	wall    time.Time     // of the last comparison
	elapsed time.Duration // of the last comparison
	calm    time.Duration // since when the clocks agree, on the elapsed clock
}

// start takes the first reading of the clocks.
func (s *sweeper) start(wall time.Time, elapsed time.Duration, alarm bool) {
	s.wall, s.elapsed, s.calm = wall.Round(0), elapsed, elapsed
	s.alarm.Store(alarm)
}

// drift is how far the wall clock was moved since the last comparison.
func (s *sweeper) drift(wall time.Time, elapsed time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wall.Round(0).Sub(s.wall) - (elapsed - s.elapsed)
}

// compared notes a comparison, and since when the clocks agree if they do not now.
// It returns for how long they have agreed.
func (s *sweeper) compared(wall time.Time, elapsed time.Duration, agree bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall, s.elapsed = wall.Round(0), elapsed
	if !agree {
		s.calm = elapsed
	}
	return elapsed - s.calm
}

// sweep runs rounds until ctx ends.
func (e *Engine) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := e.Sweep(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep is one round of the sweeper: it refunds all packets that are due, unless the
// clock is in doubt. It is safe to repeat and to cut off anywhere: each refund is one
// transaction, and a packet that has ended is not due. The refunds are orders like any
// other: of a Driven engine, Step must be called meanwhile.
func (e *Engine) Sweep(ctx context.Context) error {
	now, elapsed := e.cfg.Now(), e.cfg.Elapsed() // together, before anything that may wait
	if err := e.compareClocks(ctx, now, elapsed); err != nil {
		return err
	}
	if err := e.askDatabase(ctx); err != nil || !e.ClockHolds() {
		return err
	}
	until := now.Add(-e.cfg.RefundDelay).UnixMilli()
	for last := (store.Deadline{}); ctx.Err() == nil; {
		var due []store.Deadline
		if err := e.view(ctx, "sweep", func(r store.Reader) (err error) {
			due, err = r.Due(last, until, sweepBatch)
			return err
		}); err != nil {
			return err
		}
		e.expire(ctx, due)
		if len(due) < sweepBatch {
			return nil
		}
		last = due[len(due)-1] // what could not be refunded is passed over in this round
	}
	return nil
}

// askDatabase compares the wall clock with the database's, if it has one of its own. Their
// time is of some moment between question and answer, which may lie far apart, so the
// clocks differ by no less than it is outside of the two.
func (e *Engine) askDatabase(ctx context.Context) error {
	if e.cfg.DatabaseNow == nil {
		return nil
	}
	asked := e.cfg.Now()
	theirs, err := e.cfg.DatabaseNow(ctx)
	if err != nil {
		return err
	}
	ahead := max(asked.Sub(theirs), 0) + min(e.cfg.Now().Sub(theirs), 0)
	before := e.apart()
	e.sweeper.ahead.Store(int64(ahead))
	if e.apart() && !before {
		e.log.Error("this machine's clock is not with the database's; refunds are left to others until it is", "ahead", ahead.String())
	}
	return nil
}

// apart says whether the wall clock was not with the database's when last asked.
func (e *Engine) apart() bool { return time.Duration(e.sweeper.ahead.Load()).Abs() > driftMax }

// compareClocks compares the two clocks with those of the round before, and raises
// or ends the alarm. An alarm that could not be written down is raised by the next
// round: until then the comparison is not noted, and the clocks disagree as they did.
func (e *Engine) compareClocks(ctx context.Context, wall time.Time, elapsed time.Duration) error {
	s := &e.sweeper
	if s.alarm.Load() { // an operator may have taken it back
		raised, err := e.clockAlarm(ctx)
		if err != nil {
			return err
		}
		s.alarm.Store(raised)
	}
	drift := s.drift(wall, elapsed)
	moved := drift.Abs() > driftMax
	if moved && !s.alarm.Load() {
		e.log.Error("the wall clock was moved; refunds wait. If it is right: hongbao clock confirm", "by", drift.String())
		if err := e.setClockAlarm(ctx, wall); err != nil {
			return err
		}
		s.alarm.Store(true)
	}
	if calm := s.compared(wall, elapsed, !moved); s.alarm.Load() && calm >= driftCalm {
		e.log.Info("the clocks agree again; refunds go on")
		return e.ConfirmClock(ctx)
	}
	return nil
}

func (e *Engine) clockAlarm(ctx context.Context) (raised bool, err error) {
	err = e.view(ctx, "read clock alarm", func(r store.Reader) error {
		_, err := r.Setting(store.SettingClockAlarm)
		raised = err == nil
		if fault.CodeOf(err) == fault.NotFound {
			return nil
		}
		return err
	})
	return raised, err
}

func (e *Engine) setClockAlarm(ctx context.Context, since time.Time) error {
	return e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		return store.PutSetting(tx, store.SettingClockAlarm, since.UTC().Format(time.RFC3339))
	})
}

// ClockHolds says whether the wall clock is believed: what moves money because time
// has passed waits while it is not.
func (e *Engine) ClockHolds() bool {
	return !e.apart() && !e.sweeper.alarm.Load() && e.sweeper.drift(e.cfg.Now(), e.cfg.Elapsed()).Abs() <= driftMax
}

// ConfirmClock is an operator's word that the wall clock is right: refunds go on,
// those of a running server within a second. It is safe to repeat.
func (e *Engine) ConfirmClock(ctx context.Context) error {
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error { return store.PutSetting(tx, store.SettingClockAlarm, "") })
	if err == nil {
		e.sweeper.alarm.Store(false)
	}
	return err
}

// expire refunds packets. What cannot be refunded now is due in the next round too.
func (e *Engine) expire(ctx context.Context, due []store.Deadline) {
	waits := make([]*waiting, 0, len(due))
	for _, d := range due {
		id := d.Packet
		p, err := e.sound(ctx, id)
		if err != nil { // that packet's own affair, which is told where it was found
			continue
		}
		o := &endOrder{id: id, mchID: p.terms.MchID, kind: ledger.Refund, expired: true}
		w, err := e.lane(id).put(o)
		if err != nil {
			break // the lane is full of claims
		}
		waits = append(waits, w)
	}
	for _, w := range waits {
		if <-w.done; w.err == nil {
			e.stats.Refunds.Add(1)
		}
	}
}
