package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

func TestFission(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	sent, err := r.Send(t.Context(), wish("1", 1000, 3))
	if err != nil {
		t.Fatal(err)
	}
	if tok, err := decode(r, sent.Link); err != nil || packet.ID(tok.Packet) != sent.ID || tok.Sharer >= 0 {
		t.Errorf("link %q is of %+v, %v", sent.Link, tok, err)
	}
	if got := r.balance(); got != 999_000 {
		t.Errorf("balance %d after the send, want 999000", got)
	}
	if _, err := r.claim(sent.ID, "wang", 0); fault.CodeOf(err) != fault.SeedFirst {
		t.Errorf("a friend before the seed: %v", err)
	}
	first := r.mustClaim(sent.ID, seed, 0)
	second := r.mustClaim(sent.ID, "wang", 0)
	third := r.mustClaim(sent.ID, "em", 1)
	for i, c := range []engine.Claimed{first, second, third} {
		if c.Slot != i || c.Repeat || c.ListID != sent.ListID || c.Num != 3 {
			t.Errorf("claim %d: %+v", i, c)
		}
	}
	if first.Parent != packet.NoParent || second.Parent != 0 || third.Parent != 1 {
		t.Errorf("parents %d, %d, %d", first.Parent, second.Parent, third.Parent)
	}
	if sum := first.Amount + second.Amount + third.Amount; sum != 1000 {
		t.Errorf("shares sum to %d", sum)
	}
	if _, err := r.claim(sent.ID, "zhou", 0); fault.CodeOf(err) != fault.Finished {
		t.Errorf("after the last share: %v", err)
	}
	again := r.mustClaim(sent.ID, "wang", 1)
	if !again.Repeat || again.Hash != second.Hash || again.At != second.At || again.Parent != 0 {
		t.Errorf("asked again: %+v, was %+v", again, second)
	}
	p := r.picture(sent.ID)
	if p.State != packet.Finished || len(p.Claims) != 3 || p.Head.Hash != third.Hash {
		t.Errorf("picture %+v", p)
	}
	if c, ok := p.Share(r.Claimant(p, person("em"))); !ok || c.Slot != 2 {
		t.Errorf("em's share: %+v, %v", c, ok)
	}
}

func TestTheRestartKnowsEverything(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	before := r.mustClaim(id, seed, 0)
	r.Forget()
	after := r.mustClaim(id, seed, 0)
	if !after.Repeat || after.Hash != before.Hash || after.Amount != before.Amount {
		t.Errorf("%+v, was %+v", after, before)
	}
	if c := r.mustClaim(id, "wang", 0); c.Slot != 1 {
		t.Errorf("the next slot is %d", c.Slot)
	}
}

// TestRace lets many claimants, each three times, run for one packet.
func TestRace(t *testing.T) {
	t.Parallel()
	const shares, claimants, tries = 50, 200, 3
	r := setup(t, func(c *engine.Config) { c.BatchMax = 16; c.LiveMax = 1 })
	id := r.send("1", 50*100, shares)
	other := r.send("2", 50*100, shares)
	r.mustClaim(id, seed, 0)
	r.mustClaim(other, seed, 0)

	var mu sync.Mutex
	got := map[string]map[int]bool{} // claimant → slots answered
	finished := 0
	var wait sync.WaitGroup
	for i := range claimants {
		for range tries {
			wait.Go(func() {
				name := fmt.Sprintf("p%d", i)
				if i%2 == 0 { // keep pushing the packet out of memory
					_, _ = r.Packet(t.Context(), other)
				}
				c, err := r.claim(id, name, 0)
				mu.Lock()
				defer mu.Unlock()
				switch fault.CodeOf(err) {
				case fault.OK:
					if got[name] == nil {
						got[name] = map[int]bool{}
					}
					got[name][c.Slot] = true
				case fault.Finished:
					finished++
				default:
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	wait.Wait()
	slots := map[int]bool{0: true}
	for name, of := range got {
		if len(of) != 1 {
			t.Errorf("%s was answered %d different slots", name, len(of))
		}
		for s := range of {
			if slots[s] {
				t.Errorf("slot %d was given twice", s)
			}
			slots[s] = true
		}
	}
	if len(slots) != shares {
		t.Errorf("%d slots were given, want %d", len(slots), shares)
	}
	if want := (claimants - shares + 1) * tries; finished != want {
		t.Errorf("%d were told finished, want %d", finished, want)
	}
}

func TestSendIsIdempotent(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	var wait sync.WaitGroup
	answers := make([]engine.Sent, 6)
	for i := range answers {
		wait.Go(func() {
			var err error
			if answers[i], err = r.Send(t.Context(), wish("1", 1000, 3)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	repeats := 0
	for _, a := range answers {
		if a.ListID != answers[0].ListID || a.Link != answers[0].Link {
			t.Errorf("answers %+v and %+v differ", a, answers[0])
		}
		if a.Repeat {
			repeats++
		}
	}
	if repeats != 5 || r.balance() != 999_000 {
		t.Errorf("%d repeats, balance %d", repeats, r.balance())
	}
	changed := wish("1", 1001, 3)
	_, err := r.Send(t.Context(), changed)
	if fault.CodeOf(err) != fault.Conflict || fault.FieldOf(err) != "total_amount" {
		t.Errorf("another amount: %v", err)
	}
	changed = wish("1", 1000, 3)
	changed.Compared[0].Value = "somebody else"
	if _, err = r.Send(t.Context(), changed); fault.CodeOf(err) != fault.Conflict || fault.FieldOf(err) != "re_openid" {
		t.Errorf("another openid: %v", err)
	}
	if s, err := r.Replay(t.Context(), mchID, "1", wish("1", 1000, 3).Compared); err != nil || s.ListID != answers[0].ListID {
		t.Errorf("replay: %+v, %v", s, err)
	}
	if _, err := r.Replay(t.Context(), mchID, "2", nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("replay of a free number: %v", err)
	}
	if _, err := r.Send(t.Context(), wish("2", 10_000*money.Yuan, 1000)); fault.CodeOf(err) != fault.Funds {
		t.Errorf("more than the balance: %v", err)
	}
	if _, err := r.Send(t.Context(), wish("3", 2, 3)); fault.CodeOf(err) != fault.AmountLimit {
		t.Errorf("a split that does not exist: %v", err)
	}
	if r.balance() != 999_000 {
		t.Errorf("refusals moved the balance to %d", r.balance())
	}
}

func TestExpiryRefundsOnce(t *testing.T) {
	t.Parallel()
	r := setup(t, func(c *engine.Config) { c.RefundDelay = time.Minute })
	id := r.send("1", 1000, 3)
	held := r.send("2", 1000, 3)
	c := r.mustClaim(id, seed, 0)
	if err := r.Hold(t.Context(), held, "suspicion"); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(24*time.Hour - time.Second)
	r.mustClaim(id, "wang", 0)
	r.clock.pass(time.Second)
	if _, err := r.claim(id, "em", 0); fault.CodeOf(err) != fault.Expired {
		t.Errorf("a claim at expiry: %v", err)
	}
	round(t, r)
	if p := r.picture(id); p.State != packet.Expired {
		t.Errorf("within the refund's delay the packet is %s", p.State)
	}
	r.clock.pass(time.Minute)
	for range 3 {
		round(t, r)
	}
	p := r.picture(id)
	if p.State != packet.Refunded || p.Head.Refunded+p.Head.Claimed != 1000 {
		t.Errorf("picture %+v", p)
	}
	if got, want := r.balance(), 1_000_000-2000+p.Head.Refunded; got != want {
		t.Errorf("balance %d, want %d", got, want)
	}
	if p := r.picture(held); p.State != packet.Held {
		t.Errorf("a held packet is %s", p.State)
	}
	if _, err := r.claim(id, "em", 0); fault.CodeOf(err) != fault.Expired {
		t.Errorf("a claim after the refund: %v", err)
	}
	if again := r.mustClaim(id, seed, 0); again.Hash != c.Hash {
		t.Error("the seed's share changed with the refund")
	}
	if err := r.End(t.Context(), held, "settled by hand"); err != nil {
		t.Fatal(err)
	}
	if got, want := r.balance(), 1_000_000-1000+p.Head.Refunded; got != want {
		t.Errorf("balance %d after the operator's end, want %d", got, want)
	}
	if err := r.End(t.Context(), held, "again"); fault.CodeOf(err) != fault.Expired {
		t.Errorf("ended again: %v", err)
	}
}

func round(t *testing.T, r *rig) {
	t.Helper()
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestExpiryCutOff breaks the sweeper off after every group, with the commit written
// or lost, and starts another process: each packet is refunded exactly once.
func TestExpiryCutOff(t *testing.T) {
	t.Parallel()
	const packets = 12
	bed, c := storebed.New(t), newClock()
	first := open(t, bed, c, nil)
	if err := first.AddMerchant(t.Context(), store.Merchant{MchID: mchID}); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Fund(t.Context(), mchID, packets*1000, "start"); err != nil {
		t.Fatal(err)
	}
	ids := make([]packet.ID, packets)
	for i := range ids {
		ids[i] = first.send(fmt.Sprint(i), 1000, 3)
	}
	c.pass(25 * time.Hour)
	var last *rig
	for i := range packets {
		var f *faulty
		last = open(t, bed, c, func(cfg *engine.Config) {
			f = &faulty{Store: cfg.Store}
			cfg.Store, cfg.BatchMax, cfg.FateWait = f, 2, time.Nanosecond
		})
		f.next(func(run func() error) error { // the process dies here, before or after its commit
			f.next(func(func() error) error { return store.ErrUnknown })
			if i%2 == 0 {
				return errors.Join(store.ErrUnknown, run())
			}
			return store.ErrUnknown
		})
		round(t, last)
	}
	last = open(t, bed, c, nil)
	round(t, last)
	for _, id := range ids {
		if p := last.picture(id); p.State != packet.Refunded || p.Head.Seq != 2 {
			t.Errorf("packet %d is %s with %d entries", id, p.State, p.Head.Seq)
		}
	}
	if got := last.balance(); got != packets*1000 {
		t.Errorf("balance %d, want %d", got, packets*1000)
	}
}

func TestRefundsWaitWhileTheClockIsInDoubt(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	round(t, r)
	r.clock.jump(48 * time.Hour)
	if r.ClockHolds() {
		t.Error("the clock is believed before anybody has looked")
	}
	round(t, r)
	if p := r.picture(id); p.State == packet.Refunded {
		t.Fatal("a jump of the clock refunded a packet")
	}
	if h, ready := r.Health(t.Context()); !ready || len(h) != 1 || !strings.Contains(h[0], "clock") {
		t.Errorf("health %q", h)
	}
	r.clock.pass(9 * time.Minute)
	round(t, r)
	if p := r.picture(id); p.State == packet.Refunded {
		t.Error("refunded before the clocks had agreed for ten minutes")
	}
	r.clock.pass(time.Minute)
	round(t, r)
	if p := r.picture(id); p.State != packet.Refunded {
		t.Errorf("after ten minutes of agreement the packet is %s", p.State)
	}

	second := r.send("2", 1000, 3)
	r.clock.jump(48 * time.Hour)
	round(t, r)
	r.Forget()
	again := open(t, r.bed, r.clock, nil)
	round(t, again)
	if p := again.picture(second); p.State == packet.Refunded || again.ClockHolds() {
		t.Errorf("a restart forgot the alarm: the packet is %s", p.State)
	}
	if err := again.ConfirmClock(t.Context()); err != nil {
		t.Fatal(err)
	}
	round(t, r)
	if p := r.picture(second); p.State != packet.Refunded || !r.ClockHolds() {
		t.Errorf("after an operator's word at another process the packet is %s", p.State)
	}
}

// TestAServerWhoseClockIsNotTheDatabasesLeavesRefundsToOthers: nobody's packet ends
// early because one of several machines is ahead.
func TestAServerWhoseClockIsNotTheDatabasesLeavesRefundsToOthers(t *testing.T) {
	t.Parallel()
	var ahead, slow time.Duration
	var unreachable error
	c := newClock()
	r := setupAt(t, c, func(cfg *engine.Config) {
		cfg.DatabaseNow = func(context.Context) (time.Time, error) {
			c.pass(slow / 2)
			defer c.pass(slow / 2)
			return c.now().Add(-ahead), unreachable
		}
	})
	id := r.send("1", 1000, 3)
	r.clock.pass(25 * time.Hour)
	for _, ahead = range []time.Duration{time.Minute, -time.Minute} {
		round(t, r)
		if p := r.picture(id); p.State == packet.Refunded || r.ClockHolds() {
			t.Errorf("ahead by %s: the packet is %s", ahead, p.State)
		}
		if h, ready := r.Health(t.Context()); !ready || len(h) != 1 || !strings.Contains(h[0], ahead.String()+" ahead of the database's") {
			t.Errorf("health %q", h)
		}
	}
	ahead, unreachable = 0, errors.New("the database is gone")
	if err := r.Sweep(t.Context()); !errors.Is(err, unreachable) {
		t.Errorf("a round without the database's clock: %v", err)
	}
	unreachable, slow = nil, time.Minute // the answer comes late, and no clock is wrong
	round(t, r)
	if p := r.picture(id); p.State != packet.Refunded || !r.ClockHolds() {
		t.Errorf("with one time everywhere the packet is %s", p.State)
	}
}

func TestClaimsGoOnWhenTheClockRunsBack(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	first := r.mustClaim(id, seed, 0)
	r.clock.jump(-time.Hour)
	if c := r.mustClaim(id, "wang", 0); c.At != first.At {
		t.Errorf("claim dated %d, the one before %d", c.At, first.At)
	}
}

func TestOperators(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	if err := r.Hold(t.Context(), id, "suspicion"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.claim(id, seed, 0); fault.CodeOf(err) != fault.Held {
		t.Errorf("a claim of a held packet: %v", err)
	}
	if err := r.Hold(t.Context(), id, "again"); fault.CodeOf(err) != fault.Held {
		t.Errorf("held again: %v", err)
	}
	if err := r.Release(t.Context(), id, "fine"); err != nil {
		t.Fatal(err)
	}
	r.mustClaim(id, seed, 0)
	for _, reason := range []string{"", " ", "two\nlines", strings.Repeat("x", 201)} {
		if err := r.Hold(t.Context(), id, reason); fault.CodeOf(err) != fault.Invalid || fault.FieldOf(err) != "reason" {
			t.Errorf("held for %q: %v", reason, err)
		}
	}
	if err := r.Hold(t.Context(), 12345, "nothing there"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("hold of no packet: %v", err)
	}
	if _, err := r.claim(12345, seed, 0); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("claim of no packet: %v", err)
	}
}

func TestMoneyInAndOut(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	ctx := t.Context()
	first, err := r.Fund(ctx, mchID, 500, "f1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Fund(ctx, mchID, 500, "f1")
	if err != nil || again.Hash != first.Hash {
		t.Errorf("the same funding again: %+v, %v", again, err)
	}
	for field, f := range map[string]func() (ledger.Entry, error){
		"amount": func() (ledger.Entry, error) { return r.Fund(ctx, mchID, 501, "f1") },
		"kind":   func() (ledger.Entry, error) { return r.Withdraw(ctx, mchID, 500, "f1") },
	} {
		if _, err := f(); fault.CodeOf(err) != fault.Conflict || fault.FieldOf(err) != field {
			t.Errorf("another %s under the same ref: %v", field, err)
		}
	}
	if _, err := r.Withdraw(ctx, mchID, 1_000_501, "w1"); fault.CodeOf(err) != fault.Funds {
		t.Errorf("more than the balance: %v", err)
	}
	if _, err := r.Withdraw(ctx, mchID, 1_000_500, "w2"); err != nil || r.balance() != 0 {
		t.Errorf("all of it: %v, balance %d", err, r.balance())
	}
	for name, f := range map[string]func() (ledger.Entry, error){
		"amount": func() (ledger.Entry, error) { return r.Fund(ctx, mchID, 0, "f2") },
		"ref":    func() (ledger.Entry, error) { return r.Fund(ctx, mchID, 1, "7/1") },
	} {
		if _, err := f(); fault.CodeOf(err) != fault.Invalid || fault.FieldOf(err) != name {
			t.Errorf("bad %s: %v", name, err)
		}
	}
	if _, err := r.Fund(ctx, mchID, engine.BalanceMax, "f3"); err != nil {
		t.Error(err)
	}
	if _, err := r.Fund(ctx, mchID, 1, "f4"); fault.CodeOf(err) != fault.AmountLimit {
		t.Errorf("over the largest balance: %v", err)
	}
	if _, err := r.Fund(ctx, "404", 1, "f5"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no such merchant: %v", err)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	r.mustClaim(id, seed, 0)
	r.mustClaim(id, "wang", 0)
	rep, err := r.Query(t.Context(), mchID, "1")
	if err != nil || len(rep.Claims) != 2 || rep.Claims[0].Openid != seed || rep.Claims[1].Openid != "wang" || rep.Overdue {
		t.Errorf("report %+v, %v", rep, err)
	}
	if s, err := r.Seed(&rep.Packet); err != nil || s != seed {
		t.Errorf("seed %q, %v", s, err)
	}
	r.clock.pass(24 * time.Hour)
	if rep, _ := r.Query(t.Context(), mchID, "1"); !rep.Overdue || rep.RefundedAt != 0 {
		t.Errorf("at expiry: %+v", rep)
	}
	round(t, r)
	if rep, _ := r.Report(t.Context(), id); rep.Overdue || rep.RefundedAt != r.clock.now().UnixMilli() {
		t.Errorf("after the refund: %+v", rep)
	}
	if _, err := r.Query(t.Context(), mchID, "2"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a free number: %v", err)
	}
	if rows, err := r.Packets(t.Context(), mchID, 1<<62, 10); err != nil || len(rows) != 1 {
		t.Errorf("packets %d, %v", len(rows), err)
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	before, err := r.Proof(t.Context(), id)
	if err != nil || before.Ended || before.Shares != nil || before.Secret != [32]byte{} || before.Split.Total != 0 {
		t.Errorf("before the end: %+v, %v", before, err)
	}
	for i, name := range []string{seed, "a", "b"} {
		r.mustClaim(id, name, i)
	}
	after, err := r.Proof(t.Context(), id)
	if err != nil || !after.Ended || after.Commitment != before.Commitment || after.Head == before.Head {
		t.Errorf("after the end: %+v, %v", after, err)
	}
	if err := split.Check(after.Secret, after.Split, after.Commitment, after.Shares); err != nil {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 1000, 3)
	next, stop := r.Watch(id)
	grown := next()
	select {
	case <-grown:
		t.Fatal("told before anything happened")
	default:
	}
	r.mustClaim(id, seed, 0)
	<-grown
	if hinted := <-r.Hints(); hinted != id {
		t.Errorf("hinted %d, want %d", hinted, id)
	}
	stop()
}

// TestSoldOutTouchesNoDisk counts transactions.
func TestSoldOutTouchesNoDisk(t *testing.T) {
	t.Parallel()
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f })
	id := r.send("1", 300, 3)
	for i, name := range []string{seed, "a", "b"} {
		r.mustClaim(id, name, i)
	}
	before := f.count()
	for i := range 100 {
		if _, err := r.claim(id, fmt.Sprintf("late%d", i), 0); fault.CodeOf(err) != fault.Finished {
			t.Fatal(err)
		}
	}
	r.mustClaim(id, seed, 0)
	if n := f.count() - before; n != 0 {
		t.Errorf("%d transactions for answers that memory has", n)
	}
}

func TestFateOfALostCommit(t *testing.T) {
	t.Parallel()
	written := func(run func() error) error { return errors.Join(store.ErrUnknown, run()) }
	lost := func(func() error) error { return store.ErrUnknown }
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f })

	id := r.send("1", 1000, 3)
	f.next(written)
	c := r.mustClaim(id, seed, 0)
	if again := r.mustClaim(id, seed, 0); again.Hash != c.Hash || again.Slot != 0 {
		t.Errorf("a claim whose commit was written: %+v, then %+v", c, again)
	}
	f.next(lost)
	if _, err := r.claim(id, "wang", 0); fault.CodeOf(err) != fault.Unknown && fault.CodeOf(err) != fault.Busy {
		t.Errorf("a claim whose commit was lost: %v", err)
	}
	if c := r.mustClaim(id, "wang", 0); c.Slot != 1 || c.Repeat {
		t.Errorf("claimed after a lost commit: %+v", c)
	}

	f.next(written)
	sent, err := r.Send(t.Context(), wish("2", 1000, 3))
	if err != nil {
		t.Errorf("a send whose commit was written: %v", err)
	}
	if again, err := r.Send(t.Context(), wish("2", 1000, 3)); err != nil || again.ListID != sent.ListID || !again.Repeat {
		t.Errorf("sent %+v, then %+v, %v", sent, again, err)
	}
	f.next(lost)
	if _, err := r.Send(t.Context(), wish("3", 1000, 3)); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a send whose commit was lost: %v", err)
	}
	f.next(written)
	if err := r.Hold(t.Context(), id, "x"); err != nil {
		t.Errorf("a hold whose commit was written: %v", err)
	}
	f.next(lost)
	if err := r.Release(t.Context(), id, "x"); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a release whose commit was lost: %v", err)
	}
	if got, want := r.balance(), money.Fen(1_000_000-2000); got != want {
		t.Errorf("balance %d, want %d", got, want)
	}
}

func TestAStoreThatIsNotThere(t *testing.T) {
	t.Parallel()
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f })
	id := r.send("1", 1000, 3)
	for name, spoil := range map[string]error{"full": fault.Busy, "broken": errors.New("no such thing")} {
		f.next(func(func() error) error { return spoil })
		if _, err := r.claim(id, seed, 0); fault.CodeOf(err) != fault.Busy {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.mustClaim(id, seed, 0)
}

// TestTwoEngines shares one database between two processes' engines: what one has
// in memory, the other changes.
func TestTwoEngines(t *testing.T) {
	t.Parallel()
	bed, c := storebed.New(t), newClock()
	a, b := open(t, bed, c, nil), open(t, bed, c, nil)
	if err := a.AddMerchant(t.Context(), store.Merchant{MchID: mchID}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fund(t.Context(), mchID, 10_000, "start"); err != nil {
		t.Fatal(err)
	}
	id := a.send("1", 1000, 4)
	b.mustClaim(id, seed, 0)
	if got := a.mustClaim(id, "wang", 0); got.Slot != 1 {
		t.Errorf("the next slot is %d", got.Slot)
	}
	first := b.mustClaim(id, "em", 1)
	if got := a.mustClaim(id, "em", 0); got.Hash != first.Hash || got.Parent != 1 {
		t.Errorf("%+v, the other engine said %+v", got, first)
	}
	if err := b.Hold(t.Context(), id, "x"); err != nil {
		t.Fatal(err)
	}
	if p, err := a.Fresh(t.Context(), id); err != nil || p.State != packet.Held {
		t.Errorf("compared now: %+v, %v", p, err)
	}
	if err := b.Release(t.Context(), id, "x"); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Second)
	if p := a.picture(id); p.State != packet.Open {
		t.Errorf("a second later the packet is %s", p.State)
	}
	if err := b.Hold(t.Context(), id, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.claim(id, "zhou", 0); fault.CodeOf(err) != fault.Held {
		t.Errorf("held by the other engine: %v", err)
	}
	if sent, err := b.Send(t.Context(), wish("1", 1000, 4)); err != nil || sent.ID != id {
		t.Errorf("repeated at the other engine: %+v, %v", sent, err)
	}
}

func TestAFullLaneIsBusy(t *testing.T) {
	t.Parallel()
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f; c.QueueMax = 4 })
	id := r.send("1", 100*100, 100)
	r.mustClaim(id, seed, 0)
	inside, release := make(chan struct{}), make(chan struct{})
	f.next(func(run func() error) error { close(inside); <-release; return run() })
	var wait sync.WaitGroup
	codes := make([]fault.Code, 20)
	ask := func(i int) {
		_, err := r.claim(id, fmt.Sprintf("p%d", i), 0)
		codes[i] = fault.CodeOf(err)
	}
	wait.Go(func() { ask(0) })
	<-inside // one is being committed; of the others four fit into the queue
	for i := 1; i < len(codes); i++ {
		wait.Go(func() { ask(i) })
	}
	for r.Stats().Refusals.Load() < int64(len(codes)-5) {
		runtime.Gosched()
	}
	close(release)
	wait.Wait()
	slices.Sort(codes)
	if n := len(codes) - 5; codes[4] != fault.OK || codes[5] != fault.Busy || codes[len(codes)-1] != fault.Busy {
		t.Errorf("codes %v, want 5 done and %d busy", codes, n)
	}
}

func TestACallerMayStopWaiting(t *testing.T) {
	t.Parallel()
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f })
	id := r.send("1", 1000, 3)
	ctx, cancel := context.WithCancel(t.Context())
	f.next(func(run func() error) error { cancel(); return run() })
	if _, err := r.Claim(ctx, id, person(seed), 0, 0); fault.CodeOf(err) != fault.Unknown && err != nil {
		t.Errorf("a caller that went away: %v", err)
	}
	if c := r.mustClaim(id, seed, 0); c.Slot != 0 {
		t.Errorf("the order was lost with its caller: %+v", c)
	}
}

// TestCloseAnswersWhatIsQueued closes an engine under load.
func TestCloseAnswersWhatIsQueued(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	id := r.send("1", 100*100, 100)
	r.mustClaim(id, seed, 0)
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			if _, err := r.claim(id, fmt.Sprintf("p%d", i), 0); err != nil && fault.CodeOf(err) != fault.Busy {
				t.Error(err)
			}
		})
	}
	r.Close()
	wait.Wait()
	if _, err := r.claim(id, "late", 0); fault.CodeOf(err) != fault.Busy {
		t.Errorf("after the end: %v", err)
	}
}

// sameIDs gives every packet the same random bits.
type sameIDs struct{}

func (sameIDs) Read(p []byte) (int, error) {
	if len(p) != 4 {
		for i := range p {
			p[i] = byte(i)
		}
		return len(p), nil
	}
	clear(p)
	return len(p), nil
}

func TestATakenIDIsDrawnAnew(t *testing.T) {
	t.Parallel()
	bed, c := storebed.New(t), newClock()
	same := func(cfg *engine.Config) { cfg.Random = sameIDs{} }
	a, b := open(t, bed, c, same), open(t, bed, c, same)
	if err := a.AddMerchant(t.Context(), store.Merchant{MchID: mchID}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fund(t.Context(), mchID, 10_000, "start"); err != nil {
		t.Fatal(err)
	}
	if first, second := a.send("1", 1000, 3), b.send("2", 1000, 3); first == second {
		t.Errorf("two packets have the id %d", first)
	}
}

func TestSettingsAndKeys(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	ctx := t.Context()
	if err := r.AddMerchant(ctx, store.Merchant{MchID: mchID}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("the same merchant again: %v", err)
	}
	if _, err := r.AddAPIKey(ctx, mchID, "first key", 0); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(time.Second)
	if _, err := r.AddAPIKey(ctx, mchID, "second key", time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := r.AddAPIKey(ctx, mchID, "second key", 0); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("the same key again: %v", err)
	}
	if _, err := r.AddAPIKey(ctx, "404", "key", 0); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a key of nobody: %v", err)
	}
	if err := r.AddTicketKey(ctx, mchID, engine.TicketKey{ID: "k1", Alg: "HS256", Secret: []byte("s")}); err != nil {
		t.Fatal(err)
	}
	keys := func() (all []string) {
		m, err := r.Merchant(ctx, mchID)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range m.APIKeys {
			all = append(all, k.Secret)
		}
		for _, k := range m.TicketKeys {
			all = append(all, k.ID+string(k.Secret))
		}
		return all
	}
	if got := fmt.Sprint(keys()); got != "[second key first key k1s]" {
		t.Errorf("keys %s", got)
	}
	r.clock.pass(time.Hour)
	if got := fmt.Sprint(keys()); got != "[second key k1s]" {
		t.Errorf("keys after the overlap: %s", got)
	}
	merchants, books, err := r.Merchants(ctx)
	if err != nil || len(merchants) != 1 || books[0].Balance != 1_000_000 {
		t.Errorf("merchants %+v, %+v, %v", merchants, books, err)
	}
}

// TestRetiredKeys: an API key that has ended is kept for explanations, in a sandbox
// alone, and never among the keys that verify.
func TestRetiredKeys(t *testing.T) {
	t.Parallel()
	for env, want := range map[packet.Environment]string{
		packet.Sandbox: "[key 6] retired [key 5 key 4 key 3 key 2]", packet.Production: "[key 6] retired []",
	} {
		r := setup(t, func(c *engine.Config) { c.Environment = env })
		for i := range 7 {
			if _, err := r.AddAPIKey(t.Context(), mchID, fmt.Sprint("key ", i), 0); err != nil {
				t.Fatal(err)
			}
			r.clock.pass(time.Second)
		}
		m, err := r.Merchant(t.Context(), mchID)
		if err != nil {
			t.Fatal(err)
		}
		secrets := func(keys []engine.APIKey) (all []string) {
			for _, k := range keys {
				all = append(all, k.Secret)
			}
			return all
		}
		if got := fmt.Sprint(secrets(m.APIKeys), " retired ", secrets(m.Retired)); got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
}

// TestADamagedKeyMattersWhileItSigns: then its merchant is refused.
func TestADamagedKeyMattersWhileItSigns(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	for _, c := range []struct {
		id       string
		notAfter int64
		want     fault.Code
	}{{"ended", 1, fault.OK}, {"valid", 0, fault.Internal}} {
		key := store.Key{MchID: mchID, ID: c.id, Use: store.APIKey, Alg: "v2", Sealed: []byte("damaged"), NotAfter: c.notAfter}
		if err := r.store.Update(t.Context(), func(tx store.Tx) error { return tx.InsertKey(key) }); err != nil {
			t.Fatal(err)
		}
		r.clock.pass(2 * time.Second)
		if m, err := r.Merchant(t.Context(), mchID); fault.CodeOf(err) != c.want || m != nil && len(m.Retired) != 0 {
			t.Errorf("%s: %+v, %v", c.id, m, err)
		}
	}
}

func TestATicketOpensOneSession(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	end := r.clock.now().Add(time.Minute)
	if err := r.UseTicket(t.Context(), mchID, "0123456789abcdef", end); err != nil {
		t.Fatal(err)
	}
	if err := r.UseTicket(t.Context(), mchID, "0123456789abcdef", end); fault.CodeOf(err) != fault.TicketRefused || fault.FieldOf(err) != "jti" {
		t.Errorf("the second use: %v", err)
	}
}
