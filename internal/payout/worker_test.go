package payout_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
)

var errCut = errors.New("cut off here")

// once returns an error the nth time it is called, and nil otherwise.
func once(n int) func() error {
	return func() error {
		if n--; n == 0 {
			return errCut
		}
		return nil
	}
}

func TestNewRefusesWhatDoesNotBelongTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	real := payouttest.NewRail(packet.Production, nil, nil)
	ok := payout.Config{Engine: b.engine, Store: b.store, Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*payout.Config){
		"no engine":                    func(c *payout.Config) { c.Engine = nil },
		"no store":                     func(c *payout.Config) { c.Store = nil },
		"no log":                       func(c *payout.Config) { c.Log = nil },
		"a real channel in a sandbox":  func(c *payout.Config) { c.Channels = []payout.Channel{real} },
		"two channels of the one name": func(c *payout.Config) { c.Channels = []payout.Channel{rail(0), rail(0)} },
	} {
		c := ok
		change(&c)
		if _, err := payout.New(c); err == nil {
			t.Errorf("%s: a worker was made", name)
		}
	}
	if _, err := payout.New(ok); err != nil {
		t.Error(err)
	}
}

func TestFollowMakesAPayoutOfEachClaim(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	w := b.worker(r)
	id := b.send(2, "lin", "wang")
	for range 2 { // the second time there is nothing left to do
		b.must(w.Follow(t.Context(), id))
		all := b.payouts(id)
		if len(all) != 2 || all[0].State != store.PayoutQueued || all[1].Slot != 1 || all[0].Channel != "rail" || all[0].MchID != mchID {
			t.Fatalf("%+v", all)
		}
		pic, err := b.engine.Packet(t.Context(), id)
		b.must(err)
		for i, p := range all {
			if c := pic.Claims[i]; p.Amount != c.Amount || p.RailKey != payout.Key(mchID, payout.ClaimID(pic.ListID, c.Claimant), 1) {
				t.Errorf("claim %+v gave rise to %+v", c, p)
			}
		}
	}
	b.claim(id, "zhou")
	b.must(w.Follow(t.Context(), id))
	if all := b.payouts(id); len(all) != 3 {
		t.Errorf("%d payouts after 3 claims", len(all))
	}
	if w.Stats().Created.Load() != 3 || r.Calls() != 0 {
		t.Errorf("%d payouts made, %d calls", w.Stats().Created.Load(), r.Calls())
	}
	place := read(b, func(r store.Reader) (store.Follower, error) { return r.Follower(id, "payout") })
	if head := b.packet(id).Head; place.Seq != head.Seq || place.Fence != 2 {
		t.Errorf("followed to %+v, the book has %d entries", place, head.Seq)
	}
}

func TestMoreClaimsThanFitInABatch(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	w := b.worker(r)
	people := make([]string, payout.BatchMax+2)
	for i := range people {
		people[i] = "p" + strconv.Itoa(i)
	}
	id := b.send(0, people...)
	b.must(w.Follow(t.Context(), id))
	if all := b.payouts(id); len(all) != len(people) {
		t.Fatalf("%d payouts of %d claims", len(all), len(people))
	}
	for i, want := range []int{payout.BatchMax, 2, 0} {
		if n, err := w.Round(t.Context()); n != want || err != nil {
			t.Errorf("round %d takes %d, %v, want %d", i+1, n, err, want)
		}
	}
	if row := b.packet(id); !row.Settled || paid(r) != row.Head.Claimed {
		t.Errorf("settled %v, %d of %d fen paid", row.Settled, paid(r), row.Head.Claimed)
	}
}

func TestAScanComesToEveryPacket(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Pay))
	var ids []packet.ID
	for range payout.BatchMax + 1 {
		ids = append(ids, b.sendTo("lin", 1))
		b.clock.move(time.Millisecond)
	}
	first, last := ids[0], ids[payout.BatchMax]
	b.claim(first, "lin")
	b.claim(last, "lin")
	for page, want := range []packet.ID{ids[payout.BatchMax-1], 0} {
		next, err := w.Scan(t.Context(), []packet.ID{0, ids[payout.BatchMax-1]}[page])
		if err != nil || next != want || len(b.payouts(first)) != 1 || len(b.payouts(last)) != page {
			t.Errorf("page %d: the next one starts at %d, want %d: %v", page+1, next, want, err)
		}
	}
}

// TestAClaimThatWasEditedIsNotPaid edits a claim in the database in the ways that
// would move money elsewhere.
func TestAClaimThatWasEditedIsNotPaid(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*packet.Claim){
		"another payee":         func(c *packet.Claim) { c.Payee = append(c.Payee[:len(c.Payee)-1:len(c.Payee)-1], 0) },
		"no payee":              func(c *packet.Claim) { c.Payee = nil },
		"another payee's hash":  func(c *packet.Claim) { c.PayeeHash[3] ^= 1 },
		"another claimant":      func(c *packet.Claim) { c.Claimant[0] ^= 1 },
		"a larger share":        func(c *packet.Claim) { c.Amount++ },
		"another entry's chain": func(c *packet.Claim) { c.Hash[0] ^= 1 },
		"another slot":          func(c *packet.Claim) { c.Slot = 0 },
		"a slot beyond":         func(c *packet.Claim) { c.Slot = 9 },
		"another place in it":   func(c *packet.Claim) { c.Seq++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay)
			w := b.worker(r)
			id := b.send(1, "lin", "wang")
			b.store.claims = func(c *packet.Claim) {
				if c.Slot == 1 {
					edit(c)
				}
			}
			for range 2 {
				if err := w.Follow(t.Context(), id); err == nil && !b.packet(id).Head.Held {
					t.Fatal("the claim is believed")
				}
			}
			place := read(b, func(r store.Reader) (store.Follower, error) { return r.Follower(id, "payout") })
			if row := b.packet(id); !row.Head.Held || len(b.payouts(id)) != 0 || place.Seq != 0 {
				t.Errorf("held %v, %d payouts, followed to %d", row.Head.Held, len(b.payouts(id)), place.Seq)
			}
			if w.Stats().Mismatches.Load() != 1 || len(w.Health()) != 1 {
				t.Errorf("%d mismatches, health %q", w.Stats().Mismatches.Load(), w.Health())
			}
			b.store.claims = nil
			b.must(b.engine.Release(t.Context(), id, "mended"))
			b.settle(w)
			if head := b.packet(id).Head; paid(r) != head.Claimed {
				t.Errorf("%d of %d fen paid", paid(r), head.Claimed)
			}
		})
	}
}

// TestAnEditedClaimOfAPacketThatHasEnded: it cannot be held, and is not paid.
func TestAnEditedClaimOfAPacketThatHasEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	w := b.worker(r)
	id := b.send(0, "lin")
	b.store.claims = func(c *packet.Claim) { c.Amount = 20_000 }
	if err := scan(t.Context(), w); err == nil || len(b.payouts(id)) != 0 {
		t.Errorf("%v, %d payouts", err, len(b.payouts(id)))
	}
}

// elsewhere is a rail under another name.
type elsewhere struct{ *payouttest.Rail }

func (elsewhere) Name() string { return "elsewhere" }

// TestAPayoutThatWasEditedIsNotSent edits a payout that waits to be sent.
func TestAPayoutThatWasEditedIsNotSent(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*store.Payout){
		"a larger share":       func(p *store.Payout) { p.Amount = 20_000 },
		"another key":          func(p *store.Payout) { p.RailKey = "HB0" },
		"a generation skipped": func(p *store.Payout) { p.Generation = 2 },
		"another slot":         func(p *store.Payout) { p.Slot = 1 },
		"a slot beyond":        func(p *store.Payout) { p.Slot = 9 },
		"another claimant":     func(p *store.Payout) { p.Claimant[0] ^= 1 },
		"another merchant":     func(p *store.Payout) { p.MchID = "1" },
		"another channel":      func(p *store.Payout) { p.Channel = "elsewhere" },
		"another claimant, and the key that goes with it": func(p *store.Payout) {
			p.Claimant[0] ^= 1
			p.RailKey = payout.Key(p.MchID, payout.ClaimID(p.Packet.ListID(packet.Sandbox), p.Claimant), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay)
			w := b.worker(r, elsewhere{r})
			id := b.send(1, "lin")
			b.must(w.Follow(t.Context(), id))
			b.store.rows = edit
			if _, err := w.Round(t.Context()); err == nil {
				t.Error("nothing is reported")
			}
			if p := b.only(id); r.Calls() != 0 || p.State != store.PayoutQueued || !b.packet(id).Head.Held || w.Stats().Mismatches.Load() != 1 {
				t.Errorf("%d calls, payout %+v", r.Calls(), p)
			}
		})
	}
}

// TestAPayoutEditedAfterItWasSentIsNotSentAgain: least of all under another key,
// which the rail has never seen.
func TestAPayoutEditedAfterItWasSentIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*store.Payout){
		"another request": func(p *store.Payout) { p.Frozen[len(p.Frozen)-1] ^= 1 },
		"another key":     func(p *store.Payout) { p.RailKey = "HB0" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay, payouttest.NotArrived)
			w := b.worker(r)
			id := b.send(1, "lin")
			b.settle(w)
			b.clock.move(time.Minute)
			b.store.rows = edit
			if _, err := w.Round(t.Context()); err == nil || r.Calls() != 1 || !b.packet(id).Head.Held {
				t.Errorf("%v, %d calls", err, r.Calls())
			}
		})
	}
}

func TestPayoutsOfAHeldPacketWait(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	w := b.worker(r)
	id := b.send(2, "lin")
	b.must(w.Follow(t.Context(), id))
	b.claim(id, "wang")
	b.must(b.engine.Hold(t.Context(), id, "test"))
	b.settle(w)
	if p := b.only(id); r.Calls() != 0 || p.State != store.PayoutQueued {
		t.Errorf("%d calls, %s", r.Calls(), p.State)
	}
	b.must(b.engine.Release(t.Context(), id, "test"))
	b.clock.move(time.Minute)
	b.settle(w)
	if all := b.payouts(id); len(all) != 2 || all[0].State != store.PayoutDone || all[1].State != store.PayoutDone {
		t.Errorf("%+v", all)
	}
}

func TestSharesOfAHeldPacketDoNotReturn(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Mend))
	id := b.send(1, "lin")
	b.settle(w)
	b.must(b.engine.Hold(t.Context(), id, "test"))
	b.clock.move(payout.MendWithin)
	b.settle(w)
	if b.only(id).Returned {
		t.Error("a share of a held packet went back")
	}
	b.must(b.engine.Release(t.Context(), id, "test"))
	b.settle(w)
	if !b.newest(id).Returned {
		t.Error("the share did not go back after the release")
	}
}

// TestWhatWasSentBeforeAHoldIsAskedAbout: asking moves nothing. Sending again does.
func TestWhatWasSentBeforeAHoldIsAskedAbout(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay, payouttest.NotArrived)
	w := b.worker(r)
	id := b.send(1, "lin")
	b.settle(w)
	b.must(b.engine.Hold(t.Context(), id, "test"))
	b.clock.move(5 * time.Second)
	b.settle(w)
	if p := b.only(id); r.Calls() != 2 || p.State != store.PayoutUnknown || p.Code != "never_seen" || paid(r) != 0 {
		t.Errorf("%d calls, %s %s", r.Calls(), p.State, p.Code)
	}
	b.must(b.engine.Release(t.Context(), id, "test"))
	b.clock.move(15 * time.Second)
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutDone || paid(r) != p.Amount {
		t.Errorf("%s, %d fen paid", p.State, paid(r))
	}
}

// TestAHoldThatBeginsDuringARound, after its leases were taken, stops what is not sent
// yet, for the first time or again.
func TestAHoldThatBeginsDuringARound(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"sent": false, "sent again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := newWatch(rail(payouttest.Pay, payouttest.NotArrived))
			w := b.worker(r)
			id := b.send(1, "lin")
			b.must(w.Follow(t.Context(), id))
			if again {
				b.settle(w)
				b.clock.move(5 * time.Second)
			}
			before := r.submits
			b.store.after = func() error {
				b.store.after = nil
				return b.engine.Hold(t.Context(), id, "test")
			}
			_, err := w.Round(t.Context())
			b.must(err)
			if r.submits != before {
				t.Errorf("%d submits for a packet that is held", r.submits-before)
			}
			b.must(b.engine.Release(t.Context(), id, "test"))
			for range 2 { // it is asked about, then sent again
				b.clock.move(w.Lease())
				b.settle(w)
			}
			if p := b.only(id); p.State != store.PayoutDone || paid(r.Rail) != p.Amount {
				t.Errorf("%s, %d fen paid", p.State, paid(r.Rail))
			}
		})
	}
}

// TestNothingIsSentUnlessTheDatabaseSaysThatItMayBe just before.
func TestNothingIsSentUnlessTheDatabaseSaysThatItMayBe(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay))
	w := b.worker(r)
	id := b.send(1, "lin")
	b.must(w.Follow(t.Context(), id))
	b.store.after = func() error {
		b.store.after, b.store.view = nil, func() error { return errCut }
		return nil
	}
	if _, err := w.Round(t.Context()); !errors.Is(err, errCut) || r.submits != 0 {
		t.Errorf("%v, %d submits", err, r.submits)
	}
	b.store.view = nil
	if p := b.only(id); p.State != store.PayoutSubmitting {
		t.Errorf("%s", p.State)
	}
}

// TestAWorkerThatDies cuts a round off at each of its writes. The share is paid once,
// whatever the rail has seen of it, and the lease is waited for.
func TestAWorkerThatDies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after int // which write fails, or seems to
		calls         int // of the worker that died
		events        []string
	}{
		"before the lease":   {before: 1, events: []string{"submitting by create", "done by create"}},
		"after the lease":    {after: 1, events: []string{"submitting by create", "unknown by lease", "unknown by query", "done by create"}},
		"before the answer":  {before: 2, calls: 1, events: []string{"submitting by create", "unknown by lease", "done by query"}},
		"after it was noted": {after: 2, calls: 1, events: []string{"submitting by create", "done by create"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay)
			w := b.worker(r)
			id := b.send(0, "lin")
			b.must(w.Follow(t.Context(), id))
			b.store.before, b.store.after = once(c.before), once(c.after)
			if _, err := w.Round(t.Context()); !errors.Is(err, errCut) || r.Calls() != c.calls {
				t.Fatalf("%v, %d calls, want %d", err, r.Calls(), c.calls)
			}
			b.store.before, b.store.after = nil, nil
			if p := b.only(id); p.State == store.PayoutSubmitting {
				b.clock.move(w.Lease() - time.Second)
				b.settle(b.worker(r))
				if r.Calls() != c.calls {
					t.Error("the lease is not waited for")
				}
			}
			b.clock.move(time.Second)
			b.settle(b.worker(r))
			if p := b.only(id); p.State != store.PayoutDone || paid(r) != p.Amount || len(r.Wrong()) != 0 {
				t.Errorf("%s, %d of %d fen paid, %q", p.State, paid(r), p.Amount, r.Wrong())
			}
			if diff := cmp.Diff(c.events, b.events(id)); diff != "" {
				t.Error(diff)
			}
			if !b.packet(id).Settled {
				t.Error("the packet is not settled")
			}
		})
	}
}

// meddler is a rail whose answers to submits a test may replace, after they took effect.
type meddler struct {
	*payouttest.Rail
	submit  func(payout.Result) payout.Result
	prepare error
}

func (m *meddler) Submit(ctx context.Context, f payout.Frozen) payout.Result {
	return m.submit(m.Rail.Submit(ctx, f))
}

func (m *meddler) Prepare(o payout.Order) (payout.Frozen, error) {
	if m.prepare != nil {
		return payout.Frozen{}, m.prepare
	}
	return m.Rail.Prepare(o)
}

// TestTwoWorkers: while one waits for its answer, its lease runs out and another one
// asks. The answer that comes late agrees, or calls an operator.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late     payout.Result
		operator bool
	}{
		"the late answer agrees":         {payout.Result{Outcome: payout.Done}, false},
		"the late answer says nothing":   {payout.Result{}, false},
		"the late answer is the reverse": {payout.Result{Outcome: payout.Refused}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay)
			other := b.worker(r)
			var w *payout.Worker
			w = b.worker(&meddler{Rail: r, submit: func(payout.Result) payout.Result {
				b.clock.move(w.Lease())
				b.settle(other)
				return c.late
			}})
			id := b.send(0, "lin")
			b.settle(w)
			if p := b.only(id); p.State != store.PayoutDone || p.Operator != c.operator || paid(r) != p.Amount {
				t.Errorf("%+v", p)
			}
			if wrong := w.Stats().Contradictions.Load() == 1 && len(w.Health()) == 1; wrong != c.operator {
				t.Errorf("%d contradictions, health %q", w.Stats().Contradictions.Load(), w.Health())
			}
		})
	}
}

// TestWorkersAtTheSameTime follow one packet and pay its shares together.
func TestWorkersAtTheSameTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	var people []string
	for i := range 40 {
		people = append(people, "p"+strconv.Itoa(i))
	}
	id := b.send(0, people...)
	var wait sync.WaitGroup
	for range 3 {
		w, err := payout.New(payout.Config{Engine: b.engine, Store: b.store, Channels: []payout.Channel{r}, Log: slog.New(slog.DiscardHandler)})
		b.must(err)
		wait.Go(func() {
			for range 5 {
				if err := w.Follow(t.Context(), id); err != nil {
					t.Error(err)
				}
				if _, err := w.Round(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if row := b.packet(id); !row.Settled || paid(r) != row.Head.Claimed || r.Calls() != len(people) {
		t.Errorf("settled %v, %d of %d fen paid in %d calls", row.Settled, paid(r), row.Head.Claimed, r.Calls())
	}
}

// TestAContradictedRefusalIsNotReturned: the rail refused for a reason that can be
// mended, and then said that it paid. Until somebody has looked, nothing moves.
func TestAContradictedRefusalIsNotReturned(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	other := b.worker(rail(payouttest.Mend))
	var w *payout.Worker
	w = b.worker(&meddler{Rail: rail(payouttest.Mend), submit: func(payout.Result) payout.Result {
		b.clock.move(w.Lease())
		b.settle(other)
		return payout.Result{Outcome: payout.Done}
	}})
	id := b.send(0, "lin")
	b.settle(w)
	b.clock.move(time.Minute)
	b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
	b.clock.move(payout.MendWithin)
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutRefused || !p.Operator || p.Returned || b.packet(id).Settled {
		t.Errorf("%+v", p)
	}
}

// TestUnknownIsAskedBeforeAnythingIsSentAgain: nothing is, as long as the rail does
// not say that it never saw the payout.
func TestUnknownIsAskedBeforeAnythingIsSentAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	submits := 0
	r := rail(payouttest.Accept, payouttest.AnswerLost, payouttest.NotArrived)
	w := b.worker(&meddler{Rail: r, submit: func(r payout.Result) payout.Result { submits++; return r }})
	id := b.send(0, "lin")
	for i, want := range []store.PayoutState{store.PayoutUnknown, store.PayoutUnknown, store.PayoutAccepted, store.PayoutDone} {
		b.settle(w)
		if p := b.only(id); p.State != want || r.Calls() != i+1 || submits != 1 {
			t.Errorf("after %d calls: %s, want %s, %d submits", r.Calls(), p.State, want, submits)
		}
		b.clock.move(time.Minute)
	}
}

func TestWhatAChannelCannotTakeWaitsForAnOperator(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	w := b.worker(&meddler{Rail: r, prepare: errors.New("over the day's limit")})
	id := b.send(0, "lin")
	b.settle(w)
	b.clock.move(30 * day)
	b.settle(w)
	if p := b.only(id); !p.Operator || p.State != store.PayoutQueued || r.Calls() != 0 || b.packet(id).Settled {
		t.Errorf("%+v", p)
	}
	if diff := cmp.Diff([]string{"queued by create"}, b.events(id)); diff != "" {
		t.Error(diff)
	}
}

func TestAPacketOfAChannelThatIsNotThereWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	id := b.send(0, "lin")
	poor, w := b.worker(), b.worker(r)
	if err := scan(t.Context(), poor); err == nil || !strings.Contains(err.Error(), "rail") || len(b.payouts(id)) != 0 {
		t.Errorf("%v, %d payouts", err, len(b.payouts(id)))
	}
	b.must(w.Follow(t.Context(), id))
	if _, err := poor.Round(t.Context()); err == nil {
		t.Error("nothing is reported")
	}
	b.settle(w)
	if r.Calls() != 0 {
		t.Error("what was put off is not put off")
	}
	b.clock.move(time.Minute)
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutDone {
		t.Errorf("%+v", p)
	}
}

// TestAPacketThatIsNotPaidFromHere is settled once it has ended, or every scan would
// come to all such packets there ever were.
func TestAPacketThatIsNotPaidFromHere(t *testing.T) {
	t.Parallel()
	b := newBench(t, payout.NoneName)
	w := b.worker()
	finished, open := b.send(0, "lin"), b.send(1, "lin")
	b.settle(w)
	if !b.packet(finished).Settled || b.packet(open).Settled {
		t.Errorf("settled is %v once finished, %v while open", b.packet(finished).Settled, b.packet(open).Settled)
	}
	b.end(open)
	b.settle(w)
	if left := read(b, func(r store.Reader) ([]packet.ID, error) { return r.Unsettled(0, 9) }); len(left) != 0 {
		t.Errorf("a scan still comes to %v", left)
	}
	if n := len(b.payouts(finished)) + len(b.payouts(open)); n != 0 {
		t.Errorf("%d payouts", n)
	}
}

func TestAPayoutWithoutAPacketIsPutOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	w := b.worker(r)
	id := b.send(0, "lin")
	b.must(w.Follow(t.Context(), id))
	b.store.rows = func(p *store.Payout) { p.Packet++ }
	if _, err := w.Round(t.Context()); err == nil || r.Calls() != 0 {
		t.Errorf("%v, %d calls", err, r.Calls())
	}
}

func TestAReturnedShareIsBackWithTheMerchant(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Refuse))
	id := b.send(1, "lin", "wang")
	b.settle(w)
	row := b.packet(id)
	if row.Head.Returned != row.Head.Claimed || row.Settled {
		t.Errorf("%d of %d fen returned, settled %v", row.Head.Returned, row.Head.Claimed, row.Settled)
	}
	b.end(id)
	b.settle(w)
	if row = b.packet(id); !row.Settled || w.Stats().Returned.Load() != 2 || w.Stats().Refused.Load() != 2 || w.Stats().Settled.Load() != 1 {
		t.Errorf("settled %v, %d returned, %d refused", row.Settled, w.Stats().Returned.Load(), w.Stats().Refused.Load())
	}
	book := read(b, func(r store.Reader) (ledger.Book, error) { return r.Account(mchID) })
	if book.Balance != 1_000_000 {
		t.Errorf("the merchant has %d fen", book.Balance)
	}
}

// TestAReturnGivesWayToARevisit: the payee came back after the return was decided,
// before it was carried out.
func TestAReturnGivesWayToARevisit(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Mend))
	id := b.send(0, "lin")
	b.settle(w)
	stale := b.only(id)
	stale.Returned, stale.Version = true, stale.Version+1
	b.clock.move(time.Minute)
	for range 2 { // the second visit finds the new attempt
		b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
	}
	if err := b.engine.Return(t.Context(), stale); err == nil {
		t.Error("a share is returned of which a new payout is under way")
	}
	if all := b.payouts(id); len(all) != 2 || all[0].Returned || b.packet(id).Head.Returned != 0 {
		t.Errorf("%+v", all)
	}
}

func TestARevisitThatChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fate  payouttest.Fate
		who   string
		after time.Duration
	}{
		"of somebody else":       {payouttest.Mend, "wang", time.Minute},
		"of who is paid":         {payouttest.Pay, "lin", time.Minute},
		"of who has to confirm":  {payouttest.Confirm, "lin", time.Minute},
		"of who cannot mend it":  {payouttest.Refuse, "lin", time.Minute},
		"at once":                {payouttest.Mend, "lin", time.Minute - 1},
		"when 7 days are over":   {payouttest.Mend, "lin", payout.MendWithin},
		"when it was given back": {payouttest.Mend, "lin", payout.MendWithin + time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			w := b.worker(rail(c.fate))
			id := b.send(1, "lin")
			b.settle(w)
			b.clock.move(c.after)
			if c.after > payout.MendWithin {
				b.settle(w)
				b.clock.move(-day) // even if the clock was moved back
			}
			before := len(b.payouts(id))
			b.must(w.Revisit(t.Context(), id, b.claimant(id, c.who)))
			if n := len(b.payouts(id)); n != before {
				t.Errorf("%d attempts instead of %d", n, before)
			}
		})
	}
}

func TestAShareIsTriedAgainSoOftenOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Mend)
	w := b.worker(r)
	id := b.send(0, "lin")
	for range payout.GenerationMax + 3 {
		b.clock.move(6 * time.Hour)
		b.settle(w)
		b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
	}
	b.settle(w)
	if n := len(b.payouts(id)); n != payout.GenerationMax || len(r.Orders()) != n {
		t.Errorf("%d attempts, %d keys", n, len(r.Orders()))
	}
	b.clock.move(payout.MendWithin)
	b.settle(w)
	if row := b.packet(id); row.Head.Returned != row.Head.Claimed || !row.Settled {
		t.Errorf("%d returned", row.Head.Returned)
	}
}

// TestVisitsInARowUseUpNoAttempts: between two attempts there is a pause that grows,
// so that who loads the page again and again can still be paid on the seventh day.
func TestVisitsInARowUseUpNoAttempts(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Mend))
	id := b.send(0, "lin")
	b.settle(w)
	for i, pause := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 6 * time.Hour} {
		for _, step := range []time.Duration{pause - time.Millisecond, time.Millisecond} {
			b.clock.move(step)
			b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
			b.settle(w)
			want := i + 1
			if step == time.Millisecond {
				want++
			}
			if n := len(b.payouts(id)); n != want {
				t.Errorf("%d attempts, %v after attempt %d; want %d", n, pause, i+1, want)
			}
		}
	}
}

func TestWhatTheStoreRefusesIsReported(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Mend))
	id := b.send(0, "lin")
	if err := w.Follow(t.Context(), id+1); err == nil {
		t.Error("a packet that does not exist is followed")
	}
	if err := w.Revisit(t.Context(), id+1, packet.Claimant{}); err == nil {
		t.Error("a packet that does not exist is visited")
	}
	b.store.before = func() error { return errCut }
	if err := w.Follow(t.Context(), id); !errors.Is(err, errCut) {
		t.Errorf("follow: %v", err)
	}
	b.store.before = nil
	b.settle(w)
	b.store.view = func() error { return errCut }
	if _, err := w.Round(t.Context()); !errors.Is(err, errCut) {
		t.Errorf("round: %v", err)
	}
	if _, err := w.Scan(t.Context(), 0); !errors.Is(err, errCut) {
		t.Errorf("scan: %v", err)
	}
	if err := w.Follow(t.Context(), id); !errors.Is(err, errCut) {
		t.Errorf("follow: %v", err)
	}
	if err := w.Revisit(t.Context(), id, b.claimant(id, "lin")); !errors.Is(err, errCut) {
		t.Errorf("revisit: %v", err)
	}
	b.store.view = nil
	id = b.send(0, "lin")
	for i := 1; i <= 3; i++ { // each of the views that Follow has
		b.store.view = once(i)
		if err := w.Follow(t.Context(), id); !errors.Is(err, errCut) {
			t.Errorf("view %d of follow: %v", i, err)
		}
	}
}

func TestAnotherWorkerWasHere(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Mend)
	w := b.worker(r)
	id := b.send(0, "lin")
	stale := func(store.Tx) error { return store.ErrStale }
	b.store.within = stale
	b.must(w.Follow(t.Context(), id))
	b.store.within = nil
	b.must(w.Follow(t.Context(), id))
	b.store.within = stale
	if n, err := w.Round(t.Context()); n != 1 || err != nil || r.Calls() != 0 {
		t.Errorf("%d, %v, %d calls", n, err, r.Calls())
	}
	b.store.within = nil
	b.settle(w)
	b.store.within = stale
	b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
	b.only(id)
}

// TestRun drives the loop through claims, an answer that is lost and the end, with
// nothing but time passing.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		b := newBenchAt(t, "rail", nil, time.Now, func() time.Duration { return time.Since(begin) })
		r := rail(payouttest.Pay, payouttest.Fine, payouttest.AnswerLost)
		var down atomic.Bool
		b.store.view = func() error {
			if down.Load() {
				return errCut
			}
			return nil
		}
		w := b.worker(r)
		before := b.send(1, "lin") // found by the scan, should its hint be lost
		for len(b.engine.Hints()) > 0 {
			<-b.engine.Hints()
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		time.Sleep(time.Second)
		if p := b.only(before); p.State != store.PayoutDone {
			t.Errorf("the scan at start leaves a share %s", p.State)
		}
		id := b.send(0, "wang")
		time.Sleep(time.Second)
		if p := b.only(id); p.State != store.PayoutUnknown {
			t.Errorf("a claim leads to %s", p.State)
		}
		time.Sleep(5 * time.Second)
		if p := b.only(id); p.State != store.PayoutDone || !b.packet(id).Settled {
			t.Errorf("asked again, it is %s", p.State)
		}
		down.Store(true)
		time.Sleep(2 * time.Minute) // what goes wrong is logged and outlived
		down.Store(false)
		b.claim(before, "zhou")
		time.Sleep(time.Second)
		if row := b.packet(before); !row.Settled || paid(r) != row.Head.Claimed+b.packet(id).Head.Claimed {
			t.Errorf("settled %v, %d fen paid", row.Settled, paid(r))
		}
		cancel()
		<-ended
	})
}

// TestAnAnswerOutlivesAShutdown: the context ends while the channel is being called.
func TestAnAnswerOutlivesAShutdown(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	ctx, cancel := context.WithCancel(t.Context())
	w := b.worker(&meddler{Rail: rail(payouttest.Pay), submit: func(r payout.Result) payout.Result { cancel(); return r }})
	id := b.send(0, "lin")
	b.must(w.Follow(ctx, id))
	_, _ = w.Round(ctx)
	if p := b.only(id); p.State != store.PayoutDone {
		t.Errorf("the answer was lost: %s", p.State)
	}
}
