package payout_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
)

const (
	mchID = "1900000001"
	appID = "wx0123456789abcdef"
)

// clock is a clock that stands until it is moved.
type clock struct{ moved atomic.Int64 }

var start = time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)

func (c *clock) Now() time.Time         { return start.Add(c.Elapsed()) }
func (c *clock) Elapsed() time.Duration { return time.Duration(c.moved.Load()) }
func (c *clock) move(d time.Duration)   { c.moved.Add(int64(d)) }

// bench is an engine on a database of its own, with one merchant who has money.
type bench struct {
	t      *testing.T
	bed    *storebed.Bed
	config engine.Config
	clock  *clock
	store  *hooked
	engine *engine.Engine
	sent   int
}

// newBench makes a bench whose packets are paid through the named channel.
func newBench(t *testing.T, channel string) *bench {
	t.Helper()
	c := &clock{}
	return newBenchAt(t, channel, c, c.Now, c.Elapsed)
}

func newBenchAt(t *testing.T, channel string, c *clock, now func() time.Time, elapsed func() time.Duration) *bench {
	t.Helper()
	bed := storebed.New(t)
	db := bed.Open(t)
	b := &bench{t: t, bed: bed, clock: c, store: &hooked{Store: db}, config: engine.Config{
		Store: db, Vault: vault.New(vault.Key{1}), Environment: packet.Sandbox,
		Random: rand.NewChaCha8([32]byte{2}), Log: slog.New(slog.DiscardHandler), Now: now, Elapsed: elapsed,
		Channel: engine.Channel{Name: channel, Min: 1, Cap: 20_000}, Providers: "sandbox",
		Scope:    engine.Scope(storebed.Scope()),
		SweepOff: c != nil, // or it would find the clock moved between two readings
	}}
	b.start()
	if err := b.engine.AddMerchant(t.Context(), store.Merchant{MchID: mchID, Name: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Fund(t.Context(), mchID, 1_000_000, "start"); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) start() {
	b.t.Helper()
	e, err := engine.New(b.config)
	b.must(err)
	b.t.Cleanup(e.Close)
	b.engine = e
}

// beside is another process on the same database, or the same one after a restart:
// its engine remembers nothing.
func (b *bench) beside() *bench {
	b.t.Helper()
	other := *b
	other.start()
	return &other
}

// tamper runs SQL on the database behind everybody's back.
func (b *bench) tamper(statements string, args ...any) {
	b.t.Helper()
	b.bed.Exec(b.t, statements, args...)
}

// worker makes a worker that pays through channels, one call after the other.
func (b *bench) worker(channels ...payout.Channel) *payout.Worker {
	b.t.Helper()
	w, err := payout.New(payout.Config{
		Engine: b.engine, Store: b.store, Channels: channels, Log: slog.New(slog.DiscardHandler), Calls: 1, CallTime: time.Second,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// send sends a packet whose shares the people named open, in that order; rest shares
// are left.
func (b *bench) send(rest int, people ...string) packet.ID {
	b.t.Helper()
	id := b.sendTo(people[0], len(people)+rest)
	for _, who := range people {
		b.claim(id, who)
	}
	return id
}

// sendTo sends a packet of num shares that nobody has opened.
func (b *bench) sendTo(seed string, num int) packet.ID {
	b.t.Helper()
	b.sent++
	sent, err := b.engine.Send(b.t.Context(), engine.Wish{
		MchID: mchID, BillNo: "bill" + strconv.Itoa(b.sent), Type: packet.Group, AppID: appID,
		Seed: seed, Total: money.Fen(num) * 100, Num: num, SendName: "s", Wishing: "w", ActName: "a", Life: 24 * time.Hour,
	})
	b.must(err)
	return sent.ID
}

func (b *bench) claim(id packet.ID, who string) {
	b.t.Helper()
	p := engine.Person{Provider: "sandbox", Space: appID, Subject: who}
	if _, err := b.engine.Claim(b.t.Context(), id, p, 0, fault.OK); err != nil {
		b.t.Fatalf("claim of %s: %v", who, err)
	}
}

// end ends a packet, so that it can be settled.
func (b *bench) end(id packet.ID) {
	b.t.Helper()
	switch err := b.engine.End(b.t.Context(), id, "test"); fault.CodeOf(err) {
	case fault.OK, fault.Finished, fault.Expired:
	default:
		b.t.Fatal(err)
	}
}

// settle works until nothing is due now.
func (b *bench) settle(w *payout.Worker) {
	b.t.Helper()
	for range 100 {
		b.must(scan(b.t.Context(), w))
		n, err := w.Round(b.t.Context())
		b.must(err)
		if n == 0 {
			b.must(scan(b.t.Context(), w))
			return
		}
	}
	b.t.Fatal("the worker finds no end")
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// scan follows all packets that are not settled.
func scan(ctx context.Context, w *payout.Worker) error {
	for after := packet.ID(0); ; {
		next, err := w.Scan(ctx, after)
		if err != nil || next == 0 {
			return err
		}
		after = next
	}
}

// payouts reads a packet's payouts as they are stored.
func (b *bench) payouts(id packet.ID) []store.Payout {
	b.t.Helper()
	return read(b, func(r store.Reader) ([]store.Payout, error) { return r.Payouts(id) })
}

// only reads the payouts of a packet that must have exactly one.
func (b *bench) only(id packet.ID) store.Payout {
	b.t.Helper()
	all := b.payouts(id)
	if len(all) != 1 {
		b.t.Fatalf("%d payouts, want 1", len(all))
	}
	return all[0]
}

// newest reads the newest payout of a packet of one share.
func (b *bench) newest(id packet.ID) store.Payout {
	b.t.Helper()
	all := b.payouts(id)
	if len(all) == 0 || all[0].Slot != all[len(all)-1].Slot {
		b.t.Fatalf("%d payouts of more or less than one share", len(all))
	}
	return all[len(all)-1]
}

func (b *bench) packet(id packet.ID) store.Packet {
	b.t.Helper()
	return read(b, func(r store.Reader) (store.Packet, error) { return r.Packet(id) })
}

// events lists what happened to a packet's payouts, as "state by source".
func (b *bench) events(id packet.ID) (all []string) {
	b.t.Helper()
	for _, e := range read(b, func(r store.Reader) ([]store.PayoutEvent, error) { return r.PayoutEvents(id) }) {
		all = append(all, string(e.State)+" by "+e.Source)
	}
	return all
}

func read[T any](b *bench, f func(store.Reader) (T, error)) (v T) {
	b.t.Helper()
	err := b.store.Store.View(context.Background(), func(r store.Reader) (err error) {
		v, err = f(r)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// claimant returns who somebody is to a packet.
func (b *bench) claimant(id packet.ID, who string) packet.Claimant {
	b.t.Helper()
	pic, err := b.engine.Packet(b.t.Context(), id)
	b.must(err)
	return b.engine.Claimant(pic, engine.Person{Space: appID, Subject: who})
}

// hooked is a store in which a test has its hands.
type hooked struct {
	store.Store
	claims func(*packet.Claim)  // edits claims as they are read
	rows   func(*store.Payout)  // edits payouts that are due as they are read
	view   func() error         // an error instead of a view
	before func() error         // an error instead of an update
	after  func() error         // an error after an update that was committed
	within func(store.Tx) error // runs before an update, in its transaction
}

func (h *hooked) View(ctx context.Context, f func(store.Reader) error) error {
	if h.view != nil {
		if err := h.view(); err != nil {
			return err
		}
	}
	return h.Store.View(ctx, func(r store.Reader) error { return f(hookedReader{r, h}) })
}

func (h *hooked) Update(ctx context.Context, f func(store.Tx) error) error {
	if h.before != nil {
		if err := h.before(); err != nil {
			return err
		}
	}
	err := h.Store.Update(ctx, func(tx store.Tx) error {
		if h.within != nil {
			if err := h.within(tx); err != nil {
				return err
			}
		}
		return f(tx)
	})
	if err == nil && h.after != nil {
		return h.after()
	}
	return err
}

// hookedReader is a reader of a hooked store.
type hookedReader struct {
	store.Reader
	hooks *hooked
}

func (r hookedReader) Claims(id packet.ID, after uint64) ([]packet.Claim, error) {
	all, err := r.Reader.Claims(id, after)
	for i := range all {
		if r.hooks.claims != nil {
			r.hooks.claims(&all[i])
		}
	}
	return all, err
}

func (r hookedReader) PayoutsDue(at int64, limit int) ([]store.Payout, error) {
	all, err := r.Reader.PayoutsDue(at, limit)
	for i := range all {
		if r.hooks.rows != nil {
			r.hooks.rows(&all[i])
		}
	}
	return all, err
}

// rail makes a rail that treats all payouts alike and fails as told, call by call;
// then nothing fails.
func rail(fate payouttest.Fate, script ...payouttest.Fault) *payouttest.Rail {
	return payouttest.NewRail(packet.Sandbox, func(payout.Order) payouttest.Fate { return fate }, func() payouttest.Fault {
		if len(script) == 0 {
			return payouttest.Fine
		}
		next := script[0]
		script = script[1:]
		return next
	})
}

// paid is what a rail paid in all.
func paid(r *payouttest.Rail) (sum money.Fen) {
	for _, amount := range r.Paid() {
		sum = sum.Plus(amount)
	}
	return sum
}
