// Package engine is what hongbao does: it sends packets, hands out shares, and
// returns what is left. It decides with the pure core (packages packet, split,
// ledger) and writes with a store; racing callers meet in lanes.
//
//	caller ──► lane        a bounded queue; full ⇒ Busy, nothing lost
//	           committer   takes all that queued while the last commit ran; now := the clock, once
//	             begin · lock and compare · decide, in order, on drafts · write · commit (fsync)
//	             ──► drafts become memory ──► every caller is answered, refusals too
//
// # What is answered without the lane
//
// Memory holds live packets as they were last committed. From memory alone two
// things are said: the share the asker already has, and that the packet has ended.
// Both are final. Every other refusal is given after the packet's head was
// compared with the database in that group, even if the group writes nothing.
//
// # Fate of a commit
//
// When the store cannot say whether a commit happened, the committer asks: under
// the locks the transaction held, does the last entry it wrote to each book exist? It
// asks for a bounded time; only then are callers answered Unknown. Repeating a call is
// always safe, because a bill number and a claimant are their own idempotency keys.
//
// A caller's context ends the caller's waiting, never the order it gave.
package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Config is all an engine needs. Zero limits mean the default named beside them.
type Config struct {
	Store       store.Store
	Vault       *vault.Vault
	Environment packet.Environment
	Random      io.Reader // secrets and packet ids; crypto/rand.Reader outside of tests
	Log         *slog.Logger

	// Now is the wall clock; Elapsed is a clock that only runs forward, by which the
	// sweeper notices that the wall clock was moved.
	Now     func() time.Time
	Elapsed func() time.Duration

	// DatabaseNow is the clock of a database that several processes share; nil: there is
	// none but Now.
	DatabaseNow func(context.Context) (time.Time, error)

	Law       split.Law // of new packets; default double-mean
	Channel   Channel   // of payout, for new packets
	Providers string    // who vouches for claimants, where the merchant names nobody; comma-separated

	Scope       Scope         // of a transaction; default ScopeQueue
	Lanes       int           // default 1
	QueueMax    int           // orders waiting in a lane; default 8192
	BatchMax    int           // orders in one commit; default 1024
	LiveMax     int           // shares of the packets in memory, at some 300 bytes each; default 1,000,000
	RefundDelay time.Duration // from a packet's expiry to its refund; default 0
	SweepOff    bool          // expired packets are another process's business
	Driven      bool          // nothing runs by itself: whoever made the engine calls Step and Sweep
	FateWait    time.Duration // how long to ask for the fate of a commit; default 5 s
}

// Scope is what one transaction of a lane takes on.
type Scope string

// The scopes. Under ScopePacket a claim's transaction touches the rows of one packet
// and no others, which a distributed database keeps on one node.
const (
	ScopeQueue  Scope = "queue"  // all that is queued
	ScopePacket Scope = "packet" // the orders of one packet, or those of one account that send
)

// ScopeCommits is how many transactions of a lane run at the same time under ScopePacket.
const ScopeCommits = 8

// Channel is what a packet's split must respect of the payout channel behind it.
type Channel struct {
	Name     string
	Min, Cap money.Fen // of one share
}

// Engine runs a database of packets. All methods may be called from several
// goroutines.
type Engine struct {
	cfg       Config
	log       *slog.Logger
	live      *memory
	merchants *merchantCache
	topics    *topics
	ids       *idSource
	lanes     []*lane
	stats     Stats
	sweeper   sweeper
	hints     chan packet.ID
	wait      sync.WaitGroup
	cancel    context.CancelFunc
}

// Stats counts what an engine has done since it started.
type Stats struct {
	Sends, Claims, Repeats, Refusals, Refunds atomic.Int64
	Groups, Orders, Stale, Unknown            atomic.Int64
	Broken                                    atomic.Int64 // packets found to break an invariant
}

// New starts an engine: its lanes and its sweeper run until Close, unless it is Driven.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil || cfg.Vault == nil || cfg.Random == nil || cfg.Log == nil || cfg.Now == nil || cfg.Elapsed == nil {
		return nil, errors.New("engine: Store, Vault, Random, Log, Now and Elapsed must be set")
	}
	cfg.Law = or(cfg.Law, split.DoubleMean)
	cfg.Scope = or(cfg.Scope, ScopeQueue)
	cfg.Lanes = or(cfg.Lanes, 1)
	cfg.QueueMax = or(cfg.QueueMax, 8192)
	cfg.BatchMax = or(cfg.BatchMax, 1024)
	cfg.LiveMax = or(cfg.LiveMax, 1_000_000)
	cfg.FateWait = or(cfg.FateWait, 5*time.Second)
	e := &Engine{
		cfg:       cfg,
		log:       cfg.Log,
		live:      newMemory(cfg.LiveMax),
		merchants: newMerchantCache(),
		topics:    newTopics(),
		ids:       &idSource{random: cfg.Random},
		hints:     make(chan packet.ID, 4096),
	}
	ctx, cancel := context.WithCancel(context.Background())
	alarm, err := e.clockAlarm(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	if err := e.askDatabase(ctx); err != nil {
		cancel()
		return nil, err
	}
	e.sweeper.start(cfg.Now(), cfg.Elapsed(), alarm)
	e.cancel = cancel
	for range cfg.Lanes {
		l := newLane(e)
		e.lanes = append(e.lanes, l)
		if !cfg.Driven {
			e.wait.Go(l.run)
		}
	}
	if !cfg.SweepOff && !cfg.Driven {
		e.wait.Go(func() { e.sweep(ctx) })
	}
	return e, nil
}

// Close stops taking orders, carries out and answers those already taken, and
// returns when nothing of the engine runs any more. The store stays open.
func (e *Engine) Close() {
	e.cancel()
	for _, l := range e.lanes {
		l.close()
	}
	for e.cfg.Driven && e.Step(context.Background()) {
	}
	e.wait.Wait()
}

// Environment says whether this engine moves real money.
func (e *Engine) Environment() packet.Environment { return e.cfg.Environment }

// Vault returns the keys the engine works with.
func (e *Engine) Vault() *vault.Vault { return e.cfg.Vault }

// Now returns the engine's time.
func (e *Engine) Now() time.Time { return e.cfg.Now() }

// Stats returns the engine's counters; they go on counting.
func (e *Engine) Stats() *Stats { return &e.stats }

// Hints delivers ids of packets whose book has grown, for workers that follow
// books. It is a hint only: a full channel drops it, and a scan finds the packet.
func (e *Engine) Hints() <-chan packet.ID { return e.hints }

// Health lists what an operator must look at: nothing when all is well. ready says
// whether the store can read and write.
func (e *Engine) Health(ctx context.Context) (problems []string, ready bool) {
	err := e.cfg.Store.Health(ctx)
	if err != nil {
		problems = append(problems, "store: "+err.Error())
	}
	if e.apart() {
		problems = append(problems, "clock: this machine's clock is "+time.Duration(e.sweeper.ahead.Load()).Round(time.Second).String()+" ahead of the database's; it makes no refunds until they agree: set it right")
	} else if !e.ClockHolds() {
		problems = append(problems, "clock: wall clock and monotonic clock drift apart; refunds wait until they agree for ten minutes, or: hongbao clock confirm")
	}
	if e.stats.Broken.Load() > 0 {
		problems = append(problems, "ledger: a packet breaks an invariant and is held; run hongbao verify")
	}
	return problems, err == nil
}

// nowMillis is the engine's time as entries carry it.
func (e *Engine) nowMillis() int64 { return e.cfg.Now().UnixMilli() }

// lane returns the lane that serves a packet.
func (e *Engine) lane(id packet.ID) *lane {
	// The low bits of an id are random.
	return e.lanes[uint64(id)%uint64(len(e.lanes))]
}

// view reads.
func (e *Engine) view(ctx context.Context, op string, f func(store.Reader) error) error {
	err := e.cfg.Store.View(ctx, f)
	if err != nil && fault.CodeOf(err) == fault.Internal {
		return &fault.Error{Op: op, Code: fault.Internal, Err: err}
	}
	return err
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
