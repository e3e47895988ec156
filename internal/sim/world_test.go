package sim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
)

// A world is one life of the product, told by its seed. Its fields are the driver's,
// which runs only while all else stands still, but for those that say otherwise.
type world struct {
	seed      uint64
	rand      *rand.Rand
	tune      tuning
	weights   []int               // of moves
	weight    int                 // of all moves
	rest      func(time.Duration) // lets time pass
	born      time.Time
	db        *database
	rail      *rail
	tasks     tasks
	servers   []*server
	processes []*process // that have not ended, also those that no server runs any more

	// What the world knows.
	bills    []*bill
	names    int // that were given to effects
	promises map[effect]*promise
	keyed    map[string]time.Time // when somebody was told of a change of a ticket key
	books    *books
	seen     storetest.Snapshot // which books are read from
	later    []func() error     // what must hold once the books are read

	// What the world knows of clocks.
	acting    *process // that used the database or the rail last
	confirmed int      // in which step an alarm of a clock was last taken back

	calm    bool // no mishaps any more
	steps   int
	log     strings.Builder // the transcript
	failure error
	counts  counts
}

// tuning is what differs from life to life, beside chance.
type tuning struct {
	steps   int
	trouble int // mishaps in a thousand updates
	haste   int // in a hundred steps, how many let a task go on
	pays    bool
	quota   engine.Quota
	engine  engine.Config // without its parts
	calls   int           // to the rail at a time; the more, the shorter a lease
	fewIDs  bool          // packet ids meet
	jumps   bool          // wall clocks are moved
	third   bool          // the database has a clock, and it is right
}

func drawTuning(r *rand.Rand) tuning {
	t := tuning{
		steps: pick(r, []int{100, 150, 200}), trouble: pick(r, []int{0, 20, 60, 150}), haste: pick(r, []int{50, 65, 75}),
		pays: r.IntN(20) > 0, calls: pick(r, []int{1, 32, 32}), fewIDs: r.IntN(3) == 0, jumps: r.IntN(2) == 0, third: r.IntN(4) == 0,
		engine: engine.Config{
			Law: pick(r, []split.Law{split.DoubleMean, split.Equal, split.Simplex}), Lanes: pick(r, []int{1, 1, 2}),
			Scope:    pick(r, []engine.Scope{engine.ScopeQueue, engine.ScopePacket}),
			QueueMax: pick(r, []int{3, 100}), BatchMax: pick(r, []int{1, 3, 100}), LiveMax: pick(r, []int{1, 40, 1_000_000}),
			RefundDelay: pick(r, []time.Duration{0, time.Minute}),
		},
	}
	if r.IntN(4) == 0 {
		t.quota = engine.Quota{Num: 2, SeedNum: 1}
	}
	return t
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// server is one of the two machines. Its clock may be off.
type server struct {
	name    string
	starts  int
	off     atomic.Int64 // how far its wall clock is off
	process *process     // nil while none runs
}

// process is one run of a server.
type process struct {
	name   string
	server *server
	engine *engine.Engine
	worker *payout.Worker
	dead   atomic.Bool
	work   context.Context // of sweeper and worker
	stop   context.CancelFunc

	// What its sweeper saw of its wall clock.
	off      time.Duration // how far it was off
	jump     time.Duration // how much of that is in doubt
	jumped   time.Time     // since when
	jumpedIn int           // in which step that was

	committing, sweeping, paying *task
	leaving, closed              bool
	hints                        map[packet.ID]bool
}

// die ends a process: nothing it does has an effect any more.
func (p *process) die() { p.dead.Store(true) }

// newWorld makes a world that rests by means of rest, on a store.
func newWorld(seed uint64, rest func(time.Duration), inner store.Store, reopen func() store.Store) *world {
	w := &world{
		seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), rest: rest, born: time.Now(), counts: make(counts),
		promises: make(map[effect]*promise), keyed: make(map[string]time.Time),
		servers: []*server{{name: "a"}, {name: "b"}},
	}
	w.tune = drawTuning(w.rand)
	w.weigh()
	w.db = &database{inner: inner, reopen: reopen}
	w.db.memory, _ = inner.(*storetest.Memory)
	w.rail = newRail(w.rand)
	w.init()
	for _, s := range w.servers {
		w.boot(s)
	}
	return w
}

// init does what an operator does before the first start.
func (w *world) init() {
	p := w.boot(w.servers[0])
	ctx := context.Background()
	must(w.db.inner.Update(ctx, func(tx store.Tx) error {
		return errors.Join(
			tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)),
			tx.InsertSetting(store.SettingFingerprint, keys.Fingerprint()),
		)
	}))
	must(p.engine.AddMerchant(ctx, store.Merchant{MchID: mchID, Name: "test", Settings: store.Settings{AppIDs: []string{appID}}}))
	w.calm = true
	w.ask(p, funds(3000, "start"))
	w.drain()
	for range w.rand.IntN(4) {
		w.ask(p, sends(w.newBill(), false))
		w.drain()
	}
	w.calm = false
	w.kill(p)
	w.tidy()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// boot starts a process on a server.
func (w *world) boot(s *server) *process {
	s.starts++
	p := &process{name: fmt.Sprintf("%s%d", s.name, s.starts), server: s, hints: make(map[packet.ID]bool)}
	p.work, p.stop = context.WithCancel(context.Background())
	started := time.Now()
	random := rand.NewChaCha8([32]byte{byte(w.rand.Uint32()), byte(w.rand.Uint32()), s.name[0]})
	cfg := w.tune.engine
	cfg.Store, cfg.Vault, cfg.Environment = handle{w, p}, keys, packet.Sandbox
	cfg.Random, cfg.Log, cfg.Driven = idReader{random, w.tune.fewIDs}, slog.New(&logger{w}), true
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(s.off.Load())) }
	cfg.Elapsed = func() time.Duration { return time.Since(started) + time.Hour }
	cfg.Channel, cfg.Providers = engine.Channel{Name: payout.NoneName, Min: 1, Cap: 200 * money.Yuan}, "sandbox"
	if w.tune.pays {
		cfg.Channel.Name = w.rail.Name()
	}
	if w.tune.third {
		cfg.DatabaseNow = handle{w, p}.now
	}
	var err error
	p.engine, err = engine.New(cfg)
	must(err)
	p.worker, err = payout.New(payout.Config{
		Engine: p.engine, Store: cfg.Store, Channels: []payout.Channel{line{w.rail, w, p}}, Log: cfg.Log, Calls: w.tune.calls, CallTime: time.Second,
	})
	must(err)
	p.off = time.Duration(s.off.Load())
	s.process = p
	w.processes = append(w.processes, p)
	w.note("%s starts", p.name)
	return p
}

// idReader draws secrets, and packet ids of which few are different.
type idReader struct {
	random *rand.ChaCha8
	few    bool
}

func (r idReader) Read(b []byte) (int, error) {
	n, err := r.random.Read(b)
	if r.few && len(b) == 4 {
		copy(b, []byte{0, 0, 0, b[3] & 1})
	}
	return n, err
}

// logger notes what a process logs as an error. Few errors are explained by mishaps.
type logger struct{ *world }

var explained = []string{"the wall clock was moved", "this machine's clock is not with the database's", "the fate of a commit is not known"}

func (l *logger) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *logger) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logger) WithGroup(string) slog.Handler                    { return l }
func (l *logger) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	l.note("log: %s", text)
	if !slices.ContainsFunc(explained, func(s string) bool { return strings.HasPrefix(r.Message, s) }) {
		l.fail("logged: %s", text)
	}
	return nil
}

// pause lets time pass until all stand still again.
func (w *world) pause(d time.Duration) {
	w.rest(d)
	synctest.Wait()
}

// note writes a line of the transcript.
func (w *world) note(format string, args ...any) {
	fmt.Fprintf(&w.log, "%4d %-10v ", w.steps, time.Since(w.born))
	fmt.Fprintf(&w.log, format+"\n", args...)
}

// fail ends the world at the next step.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
	}
}
