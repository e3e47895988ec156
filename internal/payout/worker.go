package payout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// workerName is the worker's name beside its place in a book.
const workerName = "payout"

// What bounds a Worker.
const (
	batchMax      = 256 // rows in one transaction, packets in one page of a scan
	roundsMax     = 64  // full rounds in one beat
	dirtyMax      = 4096
	triesMax      = 4 // to write answers to rows that had changed
	generationMax = 20
	beatEvery     = 200 * time.Millisecond
	scanEvery     = time.Minute
	postponed     = time.Minute        // until a payout that has to wait is looked at again
	mendWithin    = 7 * 24 * time.Hour // of the claim; then a share that was refused returns
)

// Config is all a worker needs. Zero limits mean the default named beside them.
type Config struct {
	Engine   *engine.Engine // of which the worker has clock, keys and environment too
	Store    store.Store    // the engine's
	Channels []Channel
	Log      *slog.Logger

	Calls    int           // calls to channels at a time; default 32
	CallTime time.Duration // bound on one call; default 10 s
}

// Worker pays. Several workers, in several processes, may work on one database:
// they share out the payouts by compare and swap. All methods may be called from
// several goroutines.
type Worker struct {
	engine   *engine.Engine
	store    store.Store
	channels map[string]Channel
	log      *slog.Logger
	calls    int
	callTime time.Duration
	lease    time.Duration // outlasts the calls of a full round
	pause    atomic.Pointer[Pause]
	stats    Stats
}

// Stats counts what a worker has done since it started.
type Stats struct {
	Created, Done, Refused, Returned, Settled atomic.Int64
	Mismatches                                atomic.Int64 // rows found that are not what their book was written for
	Contradictions                            atomic.Int64 // answers that contradict a final one
	Conflicts                                 atomic.Int64 // payouts whose key the channel has for another request
	Recovered                                 atomic.Int64 // payouts that the channel knew before they were sent from this database
}

// New makes a worker. It refuses channels of another environment than the engine's,
// so that no sandbox pays real money, and no real claimant is paid in play money.
func New(cfg Config) (*Worker, error) {
	if cfg.Engine == nil || cfg.Store == nil || cfg.Log == nil {
		return nil, errors.New("payout: Engine, Store and Log must be set")
	}
	w := &Worker{
		engine: cfg.Engine, store: cfg.Store, log: cfg.Log, channels: make(map[string]Channel),
		calls: cfg.Calls, callTime: cfg.CallTime,
	}
	w.pause.Store(&Pause{})
	if w.calls == 0 {
		w.calls = 32
	}
	if w.callTime == 0 {
		w.callTime = 10 * time.Second
	}
	w.lease = time.Duration(2*batchMax/w.calls+2) * w.callTime // a payout may be asked about and sent again
	for _, c := range cfg.Channels {
		switch _, taken := w.channels[c.Name()]; {
		case c.Environment() != cfg.Engine.Environment():
			return nil, fmt.Errorf("payout: channel %s is of the %s environment, the engine of %s", c.Name(), c.Environment(), cfg.Engine.Environment())
		case taken:
			return nil, fmt.Errorf("payout: two channels are called %s", c.Name())
		}
		w.channels[c.Name()] = c
	}
	return w, nil
}

// Stats returns the worker's counters; they go on counting.
func (w *Worker) Stats() *Stats { return &w.stats }

// Pause returns the pause that the worker has met last.
func (w *Worker) Pause() Pause { return *w.pause.Load() }

// notice keeps the pause that a round has met, and tells when it is another one.
func (w *Worker) notice(now Pause) {
	switch was := w.pause.Swap(&now); {
	case *was == now:
	case now.Paused():
		w.log.Warn("payouts are paused; to go on: hongbao payout resume", "since", now.Since, "reason", now.Reason)
	default:
		w.log.Info("payouts go on")
	}
}

// Health lists what an operator must look at: nil when all is well.
func (w *Worker) Health() []string {
	var all []string
	if p := w.Pause(); p.Paused() {
		all = append(all, "payout: paused since "+p.Since.Format(time.RFC3339)+" ("+p.Reason+"); nothing is sent until: hongbao payout resume")
	}
	if w.stats.Mismatches.Load() > 0 {
		all = append(all, "payout: a claim or payout is not what its packet's book was written for; the packet is held, see the log")
	}
	if w.stats.Contradictions.Load() > 0 {
		all = append(all, "payout: a channel contradicted a final answer: a share may have been paid twice, see payout events")
	}
	if w.stats.Conflicts.Load() > 0 {
		all = append(all, "payout: a channel has another amount or payee under the key of a share, which waits for an operator; see payout events")
	}
	return all
}

// Run works until ctx ends: on hints of the engine, on payouts that are due, and on
// a scan of all packets with work left, at start and every minute. An answer that
// came in before ctx ended is written down.
func (w *Worker) Run(ctx context.Context) {
	beat, scan := time.NewTicker(beatEvery), time.NewTicker(scanEvery)
	defer beat.Stop()
	defer scan.Stop()
	dirty := make(map[packet.ID]bool)
	scanning, after := true, packet.ID(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-scan.C:
			scanning = true
		case id := <-w.engine.Hints():
			if len(dirty) < dirtyMax { // else the scan finds it
				dirty[id] = true
			}
		case <-beat.C:
			for id := range dirty {
				w.report(ctx, w.Follow(ctx, id))
			}
			clear(dirty)
			if scanning {
				var err error
				after, err = w.Scan(ctx, after)
				scanning = after != 0
				w.report(ctx, err)
			}
			before := w.Pause()
			w.rounds(ctx)
			if w.Pause() != before { // what sleeps may be wanted
				scanning, after = true, 0
			}
		}
	}
}

// rounds pays what is due.
func (w *Worker) rounds(ctx context.Context) {
	for range roundsMax {
		n, err := w.Round(ctx)
		w.report(ctx, err)
		if n < batchMax || err != nil || ctx.Err() != nil {
			return
		}
	}
}

// report logs what went wrong, unless the worker is being stopped.
func (w *Worker) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		w.log.Error("payout", "error", err)
	}
}

// Scan follows one page of the packets of which something may remain to be done,
// those with ids above after, and returns where the next page starts, 0 after the
// last. What goes wrong with one packet does not keep it from the others.
func (w *Worker) Scan(ctx context.Context, after packet.ID) (next packet.ID, err error) {
	var ids []packet.ID
	if err := w.store.View(ctx, func(r store.Reader) (err error) {
		ids, err = r.Unsettled(after, batchMax)
		return err
	}); err != nil {
		return after, fmt.Errorf("payout: scan: %w", err)
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, w.Follow(ctx, id))
	}
	if len(ids) == batchMax {
		next = ids[len(ids)-1]
	}
	return next, errors.Join(errs...)
}

// now is the engine's time, in milliseconds as rows have it.
func (w *Worker) now() int64 { return w.engine.Now().UnixMilli() }
