package sqlite_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/vault"
)

// How a log is laid out: a header, then frames, each with a header and one page.
const (
	logHeaderBytes   = 32
	frameHeaderBytes = 24
	frameBytes       = frameHeaderBytes + 4096
)

// The packets of a past: what lies in the database already, and what is in its log only.
const (
	packetsBefore = 4
	packetsIn     = 3 // fewer, so that an older log shows behind them
)

var keys = vault.New(vault.Key{1, 2, 3})

// past is a database in whose log a server has committed for a while, and what it told
// its callers.
type past struct {
	file    []byte // the database, as the last checkpoint left it
	log     []byte
	older   []byte   // what lay where the log is before it was written; may be longer
	commits []commit // the first is what the database holds without the log
	shares  map[string][]share
	now     int64
}

// commit is what one commit left.
type commit struct {
	end   int // of the log up to it
	state string
}

// share is a share as its claimant was told of it.
type share struct {
	packet packet.ID
	name   string
	by     int
	slot   int
	amount money.Fen
}

// pasts are made once: one whose log is new, one whose log was written over an older one.
var pasts = [2]func(testing.TB) *past{onlyOnce(false), onlyOnce(true)}

func onlyOnce(over bool) func(testing.TB) *past {
	var once sync.Once
	var p *past
	return func(t testing.TB) *past {
		t.Helper()
		once.Do(func() { p = live(t, over) })
		if p == nil {
			t.Fatal("there is no past to look at")
		}
		return p
	}
}

// live lets an engine and a payout worker live on a database for a while.
func live(t testing.TB, over bool) *past {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s, err := sqlite.Create(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := newWorld(t, s, make(map[string][]share), time.Date(2026, 11, 25, 9, 0, 0, 0, packet.Beijing).UnixMilli())
	first.start(s)
	for n := range packetsBefore {
		first.packet(n)
	}
	first.engine.Close()
	if over {
		if blocked, _, err := checkpoint(t.Context(), path, "RESTART"); err != nil || blocked {
			t.Fatalf("checkpoint: %v, blocked: %v", err, blocked)
		}
	} else if s, err = reopen(t, s, path); err != nil {
		t.Fatal(err)
	}
	r := newRecorder(t, s, path)
	second := newWorld(t, r, first.told, first.now.Load())
	for n := range packetsIn {
		second.packet(packetsBefore + n)
	}
	second.send("last") // a commit of many pages
	second.engine.Close()
	p := r.past
	p.shares, p.now = second.told, second.now.Load()
	if err := errors.Join(r.db.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return p
}

// checkpoint copies the log into the database in one of SQLite's modes, and returns whether
// another program held it up, and how many pages remain to be copied.
func checkpoint(ctx context.Context, path, mode string) (blocked bool, uncopied int, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return false, 0, err
	}
	var frames, copied int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&blocked, &frames, &copied)
	return blocked, frames - copied, errors.Join(err, db.Close())
}

func reopen(t testing.TB, s *sqlite.Store, path string) (*sqlite.Store, error) {
	t.Helper()
	if err := s.Close(); err != nil {
		return nil, err
	}
	return sqlite.Open(t.Context(), path, sqlite.Options{})
}

// recorder is a store that takes down what each commit leaves.
type recorder struct {
	store.Store
	t    testing.TB
	path string
	db   *sql.DB

	mu   sync.Mutex // guards past, and lets no commit come between another and its record
	past *past
}

func newRecorder(t testing.TB, s store.Store, path string) *recorder {
	t.Helper()
	db, log := beside(t, path), content(t, path+"-wal")
	return &recorder{Store: s, t: t, path: path, db: db, past: &past{
		file: content(t, path), log: log, older: log, commits: []commit{{0, state(t.Context(), t, db)}},
	}}
}

// Update implements store.Store.
func (r *recorder) Update(ctx context.Context, f func(store.Tx) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.Store.Update(ctx, f)
	log := content(r.t, r.path+"-wal")
	if end := written(log, r.past.log); err == nil && end > 0 {
		frames := (end - logHeaderBytes + frameBytes - 1) / frameBytes
		r.past.log = log
		r.past.commits = append(r.past.commits, commit{logHeaderBytes + frames*frameBytes, state(ctx, r.t, r.db)})
	}
	return err
}

// written is where the last byte ends in which a log is not what it was before.
func written(log, before []byte) int {
	end := len(log)
	for end > 0 && end <= len(before) && log[end-1] == before[end-1] {
		end--
	}
	return end
}

// beside opens a database for reading, beside the store that has it open.
func beside(t testing.TB, path string) *sql.DB {
	t.Helper()
	return raw(t, (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}).String())
}

// state says how far every book of a database has come: the hash of an entry covers all
// that stand before it. What stands beside the books has versions.
func state(ctx context.Context, t testing.TB, db *sql.DB) (s string) {
	t.Helper()
	if err := db.QueryRowContext(ctx, `SELECT concat_ws(' ',
		(SELECT group_concat(seq || hex(hash) || settled) FROM packets),
		(SELECT group_concat(seq || hex(hash)) FROM accounts),
		(SELECT count(*) || '.' || total(version) FROM payouts),
		(SELECT count(*) FROM payout_events),
		(SELECT total(fence) FROM followers))`).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// world is an engine and a payout worker on a store, on a clock that goes on a second
// with every deed. Its deeds can be repeated: they do what has not been done yet.
type world struct {
	t      testing.TB
	engine *engine.Engine
	worker *payout.Worker
	now    atomic.Int64       // milliseconds
	told   map[string][]share // by bill number, in the order of slots
	lost   int                // shares that had been told of and were not there
}

func newWorld(t testing.TB, s store.Store, told map[string][]share, now int64) *world {
	t.Helper()
	w := &world{t: t, told: told}
	w.now.Store(now)
	clock := func() time.Time { return time.UnixMilli(w.now.Load()) }
	log := slog.New(slog.DiscardHandler)
	var err error
	w.engine, err = engine.New(engine.Config{
		Store: s, Vault: keys, Environment: packet.Sandbox, Log: log, Random: rand.Reader,
		Now: clock, Elapsed: func() time.Duration { return time.Duration(w.now.Load()) * time.Millisecond },
		Channel: engine.Channel{Name: payout.SandboxName, Min: 1, Cap: 20000}, Providers: "sandbox", SweepOff: true,
	})
	w.must(err)
	channel, err := payout.NewSandbox(packet.Sandbox, clock)
	w.must(err)
	w.worker, err = payout.New(payout.Config{Engine: w.engine, Store: s, Channels: []payout.Channel{channel}, Log: log})
	w.must(err)
	return w
}

// must ends the test on an error, but for one that says that it has been done already.
func (w *world) must(err error, already ...fault.Code) {
	w.t.Helper()
	if err != nil && !slices.Contains(already, fault.CodeOf(err)) {
		w.t.Fatal(err)
	}
	w.now.Add(1000)
}

const shop = "1230000109"

// start does what init does, and makes a merchant with money.
func (w *world) start(s store.Store) {
	ctx := w.t.Context()
	w.must(s.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)),
			tx.InsertSetting(store.SettingFingerprint, keys.Fingerprint()))
	}))
	w.must(w.engine.AddMerchant(ctx, store.Merchant{MchID: shop, Name: "shop"}))
	_, err := w.engine.Fund(ctx, shop, 1_000_000, "start")
	w.must(err)
}

// send sends a packet.
func (w *world) send(billNo string) engine.Sent {
	w.t.Helper()
	sent, err := w.engine.Send(w.t.Context(), engine.Wish{
		MchID: shop, BillNo: billNo, Type: packet.Group, AppID: "wx", Seed: "seed", Total: 1500, Num: 10,
		SendName: "somebody", Wishing: "a wish", ActName: "an act", Remark: "a remark", Life: 24 * time.Hour,
		Compared: []engine.Field{
			{Name: "call", Value: "sendgroupredpack"},
			{Name: "re_openid", Value: "seed"},
			{Name: "total_amount", Value: "1500"},
			{Name: "total_num", Value: "10"},
			{Name: "wxappid", Value: "wx"},
			{Name: "sub_mch_id"},
			{Name: "amt_type", Value: "ALL_RAND"},
			{Name: "send_name", Value: "somebody"},
			{Name: "wishing", Value: "a wish"},
			{Name: "act_name", Value: "an act"},
			{Name: "remark", Value: "a remark"},
			{Name: "scene_id"},
		},
	})
	w.must(err)
	return sent
}

// packet is the life of a packet: sent, claimed by its seed and by friends at the same
// time, paid out; some are held for a while, some end with shares that nobody claims,
// some with a share that cannot be paid and returns.
func (w *world) packet(n int) {
	ctx, billNo := w.t.Context(), fmt.Sprint("bill", n)
	sent := w.send(billNo)
	w.claims(sent.ID, billNo, []share{{name: "seed"}})
	if n%2 == 0 {
		w.must(w.engine.Hold(ctx, sent.ID, "a look at it"), fault.Held, fault.Expired)
		w.must(w.engine.Release(ctx, sent.ID, "looked at"), fault.Expired, fault.Invalid)
	}
	w.claims(sent.ID, billNo, []share{{name: "wang"}, {name: "li"}, {name: "payout-refused"}, {name: "zhang"}})
	w.claims(sent.ID, billNo, []share{{name: "zhao", by: 1}, {name: "chen", by: 2}})
	w.must(w.worker.Follow(ctx, sent.ID))
	_, err := w.worker.Round(ctx)
	w.must(err)
	if n%3 == 0 {
		w.must(w.engine.End(ctx, sent.ID, "enough"), fault.Expired)
	}
	w.must(w.worker.Follow(ctx, sent.ID))
}

// claims opens shares at the same time. Where their claimants have been told of them,
// it opens them in the order of slots, and each must be what it was: the split was fixed
// when the packet was sent.
func (w *world) claims(id packet.ID, billNo string, wanted []share) {
	w.t.Helper()
	var told, fresh []share
	for _, want := range wanted {
		i := slices.IndexFunc(w.told[billNo], func(s share) bool { return s.name == want.name })
		if i >= 0 {
			told = append(told, w.told[billNo][i])
		} else {
			fresh = append(fresh, want)
		}
	}
	slices.SortFunc(told, func(a, b share) int { return a.slot - b.slot })
	for _, s := range told {
		c, err := w.claim(id, s)
		w.must(err)
		if id == s.packet && (c.Slot != s.slot || c.Amount != s.amount) {
			w.t.Errorf("%s's share of %s: slot %d, %d fen; it was slot %d, %d fen", s.name, billNo, c.Slot, c.Amount, s.slot, s.amount)
		}
		if !c.Repeat {
			w.lost++
		}
	}
	var wait sync.WaitGroup
	errs := make([]error, len(fresh))
	for i := range fresh {
		wait.Go(func() {
			c, err := w.claim(id, fresh[i])
			fresh[i].packet, fresh[i].slot, fresh[i].amount, errs[i] = id, c.Slot, c.Amount, err
		})
	}
	wait.Wait()
	w.must(errors.Join(errs...))
	if len(fresh) > 0 {
		w.told[billNo] = append(w.told[billNo], fresh...)
	}
}

func (w *world) claim(id packet.ID, s share) (engine.Claimed, error) {
	return w.engine.Claim(w.t.Context(), id, engine.Person{Provider: "sandbox", Space: "wx", Subject: s.name, Name: s.name}, s.by, fault.OK)
}
