package payout_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
)

// pause pauses payouts.
func (b *bench) pause() payout.Pause {
	b.t.Helper()
	p := payout.Pause{Since: b.clock.Now(), Reason: "a test"}
	b.must(p.Set(b.t.Context(), b.store))
	return p
}

// resume ends the pause, which nothing may stand in the way of.
func (b *bench) resume() {
	b.t.Helper()
	_, err := payout.Resume(b.t.Context(), b.store, false)
	b.must(err)
}

// unasked counts what stands in the way of it.
func (b *bench) unasked() int {
	b.t.Helper()
	found, err := payout.Look(b.t.Context(), b.store)
	b.must(err)
	return found.Unasked
}

// watch is a rail that counts submits.
type watch struct {
	*meddler
	submits int
}

func newWatch(r *payouttest.Rail) *watch {
	w := &watch{meddler: &meddler{Rail: r}}
	w.submit = func(r payout.Result) payout.Result { w.submits++; return r }
	return w
}

func TestDuringAPauseNothingIsSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay))
	w := b.worker(r)
	b.pause()
	id := b.send(2, "lin", "wang")
	for range 5 {
		b.settle(w)
		b.clock.move(time.Hour)
	}
	for i, p := range b.payouts(id) {
		if p.State != store.PayoutQueued || payout.Word(p, true) != "due" {
			t.Errorf("slot %d: %s, %s", i, p.State, payout.Word(p, true))
		}
	}
	if r.submits != 0 || r.Calls() != 2 { // each was asked about, once
		t.Errorf("%d submits, %d calls", r.submits, r.Calls())
	}
	if h := w.Health(); len(h) != 1 || !strings.Contains(h[0], "paused since 2026-11-24T20:00:00Z (a test)") || !strings.Contains(h[0], "hongbao payout resume") {
		t.Errorf("health %q", h)
	}
	b.resume()
	b.claim(id, "zhou")
	b.settle(w)
	if row := b.packet(id); paid(r.Rail) != row.Head.Claimed || r.submits != 3 || len(w.Health()) != 0 || w.Pause().Paused() {
		t.Errorf("%d of %d fen paid in %d submits, health %q", paid(r.Rail), row.Head.Claimed, r.submits, w.Health())
	}
	if diff := cmp.Diff([]string{"queued by query", "submitting by create", "done by create"}, b.events(id)[:3]); diff != "" {
		t.Error(diff)
	}
}

// TestWhatWasSentBeforeAPauseIsAskedAbout: as in a held packet, it is not sent again.
func TestWhatWasSentBeforeAPauseIsAskedAbout(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay, payouttest.NotArrived))
	w := b.worker(r)
	id := b.send(0, "lin")
	b.settle(w)
	b.pause()
	b.clock.move(5 * time.Second)
	b.settle(w)
	if p := b.only(id); r.submits != 1 || r.Calls() != 2 || p.State != store.PayoutUnknown || p.Code != "never_seen" || b.unasked() != 0 {
		t.Errorf("%d submits, %d calls, %+v", r.submits, r.Calls(), p)
	}
	b.resume()
	b.clock.move(15 * time.Second)
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutDone || r.submits != 2 {
		t.Errorf("%s after %d submits", p.State, r.submits)
	}
}

// TestAPauseStopsARound that has taken its leases: what it has not sent yet, for the
// first time or again, is asked about when the lease is over.
func TestAPauseStopsARound(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"sent": false, "sent again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := newWatch(rail(payouttest.Pay, payouttest.NotArrived, payouttest.NotArrived))
			w := b.worker(r)
			id := b.send(1, "lin", "wang")
			b.must(w.Follow(t.Context(), id))
			if again {
				b.settle(w)
				b.clock.move(5 * time.Second)
			}
			before := r.submits
			r.submit = func(result payout.Result) payout.Result {
				if r.submits++; r.submits == before+1 {
					b.pause()
				}
				return result
			}
			_, err := w.Round(t.Context())
			b.must(err)
			b.clock.move(w.Lease())
			b.settle(w)
			if r.submits != before+1 {
				t.Errorf("%d submits, the pause began with the first", r.submits-before)
			}
			b.resume()
			for range 3 {
				b.clock.move(time.Hour)
				b.settle(w)
			}
			if row := b.packet(id); paid(r.Rail) != row.Head.Claimed || len(r.Wrong()) != 0 {
				t.Errorf("%d of %d fen paid, %q", paid(r.Rail), row.Head.Claimed, r.Wrong())
			}
		})
	}
}

// TestNothingIsSentAfterAPauseWasSet, though it was leased beside it.
func TestNothingIsSentAfterAPauseWasSet(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay))
	w := b.worker(r)
	id := b.send(1, "lin")
	b.must(w.Follow(t.Context(), id))
	b.store.after = func() error {
		b.store.after = nil
		b.pause()
		return nil
	}
	_, err := w.Round(t.Context())
	b.must(err)
	if p := b.only(id); r.submits != 0 || p.State != store.PayoutSubmitting {
		t.Errorf("%d submits, %s", r.submits, p.State)
	}
}

// TestAPauseThatBeginsDuringARound: what the round has read is not what it finds when
// it takes its leases.
func TestAPauseThatBeginsDuringARound(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay))
	w := b.worker(r)
	id := b.send(0, "lin")
	b.must(w.Follow(t.Context(), id))
	b.store.before = func() error {
		b.store.before = nil
		b.pause()
		return nil
	}
	if n, err := w.Round(t.Context()); n != 1 || err != nil || r.Calls() != 0 {
		t.Errorf("%d, %v, %d calls", n, err, r.Calls())
	}
	b.settle(w)
	if p := b.only(id); r.submits != 0 || p.State != store.PayoutQueued {
		t.Errorf("%d submits, %s", r.submits, p.State)
	}
}

// TestResumeWaitsUntilAllIsAskedAbout goes through what there may be to ask about.
func TestResumeWaitsUntilAllIsAskedAbout(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay, payouttest.Fine, payouttest.NotArrived, payouttest.AnswerLost))
	w := b.worker(r)
	first, second := b.send(1, "lin"), b.send(2, "wang")
	b.must(w.Follow(t.Context(), second))
	b.pause()
	if found, err := payout.Resume(t.Context(), b.store, false); !errors.Is(err, payout.ErrUnasked) || found.Unasked != 2 || found.First != first || found.Waiting != 2 {
		t.Errorf("one claim without a payout, one that waits: %+v, %v", found, err)
	}
	b.clock.move(time.Millisecond)
	b.claim(second, "li") // after the pause: asked about too, but not waited for
	if n := b.unasked(); n != 2 {
		t.Errorf("%d are waited for", n)
	}
	for _, want := range []int{1, 0} { // of three calls one is answered, then the other two
		b.settle(w)
		if n := b.unasked(); n != want {
			t.Errorf("after %d calls %d are left, want %d", r.Calls(), n, want)
		}
		b.clock.move(20 * time.Second)
	}
	if r.submits != 0 {
		t.Errorf("%d submits", r.submits)
	}
	b.resume()
	if found, err := payout.Resume(t.Context(), b.store, false); err != nil || found.Pause.Paused() {
		t.Errorf("resumed twice: %+v, %v", found, err)
	}
	b.clock.move(time.Minute)
	b.settle(w)
	if got := paid(r.Rail); got != b.packet(first).Head.Claimed+b.packet(second).Head.Claimed || r.submits != 3 {
		t.Errorf("%d fen paid in %d submits", got, r.submits)
	}
}

// TestResumeWaitsForAttemptsThatMayBeLost: a share that was refused may have been
// mended and paid since the backup.
func TestResumeWaitsForAttemptsThatMayBeLost(t *testing.T) {
	t.Parallel()
	b := newBench(t, payout.SandboxName)
	w := b.worker(newSandbox(t, b.clock.Now))
	id := b.send(1, "payout-mend", "payout-refused")
	b.settle(w)
	b.pause()
	if found, err := payout.Resume(t.Context(), b.store, false); !errors.Is(err, payout.ErrUnasked) || found.Unasked != 1 || found.Mendable != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	b.settle(w)
	if all := b.payouts(id); len(all) != 3 || all[1].Generation != 2 || all[1].State != store.PayoutQueued {
		t.Errorf("%+v", all)
	}
	b.resume()
}

// TestAPauseOfTheSandbox: its rail knows only what was sent, and one kind of payee.
func TestAPauseOfTheSandbox(t *testing.T) {
	t.Parallel()
	b := newBench(t, payout.SandboxName)
	w := b.worker(newSandbox(t, b.clock.Now))
	b.pause()
	id := b.send(1, scripts...)
	b.settle(w)
	for i, p := range b.payouts(id) {
		want := "due"
		if scripts[i] == "payout-known" {
			want = "paid"
		}
		if got := payout.Word(p, true); got != want {
			t.Errorf("%s is %s, want %s", scripts[i], got, want)
		}
	}
	if w.Stats().Recovered.Load() != 1 || w.Stats().Done.Load() != 1 || b.unasked() != 0 {
		t.Errorf("%d recovered, %d are left", w.Stats().Recovered.Load(), b.unasked())
	}
}

func TestAPauseIsAskedAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay))
	w := b.worker(r)
	b.send(1, "lin")
	for range 2 {
		b.clock.move(time.Minute)
		b.pause()
		if n := b.unasked(); n != 1 {
			t.Errorf("what was asked about during an earlier pause counts: %d are left", n)
		}
		b.settle(w)
		if n := b.unasked(); n != 0 {
			t.Errorf("%d are left", n)
		}
	}
	if r.Calls() != 2 || r.submits != 0 {
		t.Errorf("%d calls, %d submits", r.Calls(), r.submits)
	}
}

// TestAChannelThatDoesNotAnswerIsAskedLessAndLess during a pause too.
func TestAChannelThatDoesNotAnswerIsAskedLessAndLess(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := payouttest.NewRail(packet.Sandbox, nil, func() payouttest.Fault { return payouttest.NotArrived })
	w := b.worker(r)
	b.send(0, "lin")
	b.pause()
	for range 60 {
		b.settle(w)
		b.clock.move(time.Minute)
	}
	if r.Calls() != 6 || b.unasked() != 1 {
		t.Errorf("%d calls in an hour, %d are left", r.Calls(), b.unasked())
	}
}

// TestAResumeByForce sends what nobody has asked about.
func TestAResumeByForce(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Pay))
	id := b.send(0, "lin")
	b.pause()
	if found, err := payout.Resume(t.Context(), b.store, true); err != nil || found.Unasked != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutDone {
		t.Errorf("%s", p.State)
	}
}

// TestAResumeDoesNotEndAnotherPause: one that has begun while it looked.
func TestAResumeDoesNotEndAnotherPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	b.pause()
	b.store.before = func() error {
		b.store.before = nil
		b.clock.move(time.Second)
		b.pause()
		return nil
	}
	if _, err := payout.Resume(t.Context(), b.store, false); fault.CodeOf(err) != fault.Busy {
		t.Errorf("resume: %v, want busy", err)
	}
	b.settle(b.worker(rail(payouttest.Pay)))
	if found, err := payout.Look(t.Context(), b.store); err != nil || !found.Pause.Since.Equal(b.clock.Now()) {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAPauseThatCannotBeReadIsAPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := rail(payouttest.Pay)
	b.must(b.store.Update(t.Context(), func(tx store.Tx) error {
		return tx.InsertSetting(store.SettingPayoutsPaused, "since yesterday")
	}))
	id := b.send(0, "lin")
	w := b.worker(r)
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutQueued || len(w.Health()) != 1 || !strings.Contains(w.Health()[0], "since yesterday") {
		t.Errorf("%s, health %q", p.State, w.Health())
	}
	b.resume()
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutDone {
		t.Errorf("%s", p.State)
	}
}

// TestSharesOfAHeldPacketAreAskedAboutDuringAPause: else they would be sent unasked
// when the packet is released after the pause.
func TestSharesOfAHeldPacketAreAskedAboutDuringAPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	r := newWatch(rail(payouttest.Pay))
	w := b.worker(r)
	id := b.send(1, "lin")
	b.must(b.engine.Hold(t.Context(), id, "test"))
	b.pause()
	b.settle(w)
	if b.unasked() != 0 || r.Calls() != 1 {
		t.Errorf("%d are left after %d calls", b.unasked(), r.Calls())
	}
	b.resume()
	b.settle(w)
	if p := b.only(id); r.submits != 0 || p.State != store.PayoutQueued {
		t.Errorf("%d submits, %s", r.submits, p.State)
	}
	b.must(b.engine.Release(t.Context(), id, "test"))
	b.clock.move(time.Minute)
	b.settle(w)
	if p := b.only(id); p.State != store.PayoutDone {
		t.Errorf("%s", p.State)
	}
}

func TestABrokenPacketGetsNoPayoutsDuringAPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	id := b.send(1, "lin")
	b.pause()
	b.tamper("UPDATE packets SET claimed = claimed + 1")
	other := b.beside()
	r := rail(payouttest.Pay)
	if _, err := other.worker(r).Scan(t.Context(), 0); err != nil || len(b.payouts(id)) != 0 || r.Calls() != 0 {
		t.Errorf("%v, %d payouts", err, len(b.payouts(id)))
	}
	if b.unasked() != 1 {
		t.Errorf("%d are left", b.unasked())
	}
}

// TestALookComesToEveryPacket, on more than one page.
func TestALookComesToEveryPacket(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	for i := range payout.BatchMax + 1 {
		b.claim(b.sendTo("lin", 1), "lin")
		if i%100 == 0 {
			b.clock.move(time.Millisecond)
		}
	}
	b.pause()
	if n := b.unasked(); n != payout.BatchMax+1 {
		t.Errorf("%d shares, want %d", n, payout.BatchMax+1)
	}
	none := newBench(t, payout.NoneName)
	none.send(1, "lin")
	none.pause()
	if found, err := payout.Resume(t.Context(), none.store, false); err != nil || found.Waiting != 0 {
		t.Errorf("a packet that is not paid from here: %+v, %v", found, err)
	}
}

// TestALookCounts what each share waits for.
func TestALookCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t, payout.SandboxName)
	w := b.worker(newSandbox(t, b.clock.Now))
	b.send(1, "lin", "payout-refused", "payout-never", "payout-lapse", "payout-unknown")
	b.settle(w)
	b.clock.move(payout.Patience)
	b.settle(w) // what is not known by now waits for an operator
	b.send(1, "lin", "payout-mend", "payout-accepted")
	b.settle(w)
	b.claim(b.send(1, "lin"), "wang")
	found, err := payout.Look(t.Context(), b.store)
	want := payout.Survey{Waiting: 2, UnderWay: 1, Mendable: 1, Operator: 1}
	if err != nil || found != want {
		t.Errorf("%+v, %v, want %+v", found, err, want)
	}
}

// TestRunPauses: a pause holds within a second, and across a restart.
func TestRunPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		b := newBenchAt(t, "rail", nil, time.Now, func() time.Duration { return time.Since(begin) })
		r := newWatch(rail(payouttest.Pay))
		run := func(d time.Duration, meanwhile func()) {
			done := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			w := b.worker(r)
			go func() { w.Run(ctx); close(done) }()
			time.Sleep(time.Second)
			meanwhile()
			time.Sleep(d)
			cancel()
			<-done
		}
		var id packet.ID
		pause := payout.Pause{Since: begin, Reason: "a test"}
		run(time.Second, func() {
			b.must(pause.Set(t.Context(), b.store))
			time.Sleep(time.Second)
			id = b.send(1, "lin")
		})
		run(5*time.Minute, func() { b.claim(id, "wang") })
		if r.submits != 0 || len(b.payouts(id)) != 2 {
			t.Errorf("%d submits, %d payouts", r.submits, len(b.payouts(id)))
		}
		run(time.Second, b.resume)
		if row := b.packet(id); paid(r.Rail) != row.Head.Claimed {
			t.Errorf("a second after the pause %d of %d fen are paid", paid(r.Rail), row.Head.Claimed)
		}
	})
}
