package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/link"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
)

const (
	mchID = "10000098"
	appID = "wx8888888888888888"
	seed  = "seed"
)

// clock is a clock that a test moves: wall time and elapsed time apart.
type clock struct {
	mu      sync.Mutex // guards all below
	wall    time.Time
	elapsed time.Duration
}

func newClock() *clock {
	return &clock{wall: time.Date(2026, 11, 24, 20, 0, 0, 0, packet.Beijing), elapsed: time.Hour}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *clock) since() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// pass lets time pass.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.wall.Add(d), c.elapsed+d
}

// jump moves the wall clock alone.
func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// rig is an engine on a real database.
type rig struct {
	*engine.Engine
	t     *testing.T
	clock *clock
	store store.Store
	log   *bytes.Buffer
	bed   *storebed.Bed
}

// open opens a database; tune may change the engine's configuration.
func open(t *testing.T, bed *storebed.Bed, c *clock, tune func(*engine.Config)) *rig {
	t.Helper()
	s := bed.Open(t)
	r := &rig{t: t, clock: c, log: &bytes.Buffer{}, bed: bed}
	cfg := engine.Config{
		Store: s, Vault: vault.New(vault.Key{1}), Environment: packet.Sandbox, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(&locked{w: r.log}, nil)), Now: c.now, Elapsed: c.since,
		Channel: engine.Channel{Name: "sandbox", Min: 1, Cap: 20000}, Providers: "sandbox",
		SweepOff: true, FateWait: time.Second, Scope: engine.Scope(storebed.Scope()),
	}
	if tune != nil {
		tune(&cfg)
	}
	r.store = cfg.Store
	var err error
	if r.Engine, err = engine.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// setup opens a new database with a merchant that has 10,000.00 yuan.
func setup(t *testing.T, tune func(*engine.Config)) *rig {
	t.Helper()
	return setupAt(t, newClock(), tune)
}

func setupAt(t *testing.T, c *clock, tune func(*engine.Config)) *rig {
	t.Helper()
	r := open(t, storebed.New(t), c, tune)
	if err := r.AddMerchant(t.Context(), store.Merchant{MchID: mchID, Settings: store.Settings{AppIDs: []string{appID}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fund(t.Context(), mchID, 10_000*money.Yuan, "start"); err != nil {
		t.Fatal(err)
	}
	return r
}

// locked lets goroutines share a writer.
type locked struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func wish(billNo string, total money.Fen, num int) engine.Wish {
	return engine.Wish{
		MchID: mchID, BillNo: billNo, Type: packet.Group, AppID: appID, Seed: seed, Total: total, Num: num,
		SendName: "天虹百货", Wishing: "祝您元宵节快乐", ActName: "猜灯谜", Remark: "快来抢", Life: 24 * time.Hour,
		Compared: []engine.Field{{Name: "re_openid", Value: seed}, {Name: "total_amount", Value: total.String()}},
	}
}

func (r *rig) send(billNo string, total money.Fen, num int) packet.ID {
	r.t.Helper()
	sent, err := r.Send(r.t.Context(), wish(billNo, total, num))
	if err != nil {
		r.t.Fatal(err)
	}
	return sent.ID
}

func person(name string) engine.Person {
	return engine.Person{Provider: "sandbox", Space: appID, Subject: name}
}

func (r *rig) claim(id packet.ID, name string, by int) (engine.Claimed, error) {
	return r.Claim(r.t.Context(), id, person(name), by, 0)
}

func (r *rig) mustClaim(id packet.ID, name string, by int) engine.Claimed {
	r.t.Helper()
	c, err := r.claim(id, name, by)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return c
}

func (r *rig) balance() money.Fen {
	r.t.Helper()
	book, _, err := r.Statement(r.t.Context(), mchID, 0, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return book.Balance
}

func (r *rig) picture(id packet.ID) *engine.Picture {
	r.t.Helper()
	p, err := r.Packet(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// faulty is a store whose Update a test can spoil.
type faulty struct {
	store.Store
	mu      sync.Mutex                   // guards all below
	spoil   func(run func() error) error // called in place of the next Update; nil: none
	updates int
}

func (f *faulty) Update(ctx context.Context, g func(store.Tx) error) error {
	f.mu.Lock()
	spoil := f.spoil
	f.spoil = nil
	f.updates++
	f.mu.Unlock()
	run := func() error { return f.Store.Update(ctx, g) }
	if spoil != nil {
		return spoil(run)
	}
	return run()
}

func (f *faulty) next(spoil func(run func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoil = spoil
}

func (f *faulty) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.updates
}

func decode(r *rig, token string) (link.Token, error) {
	return link.Decode(r.Vault().LinkKey, token)
}
