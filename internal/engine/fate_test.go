package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
	"hongbao.example/hongbao/internal/vault"
)

// pair is two servers on one database in a bubble. Time stands still, the first one's
// database is faulty, and its committer has a turn when the test gives it one.
type pair struct {
	*testing.T
	memory *storetest.Memory
	faulty *faulty
	a, b   *engine.Engine
	clock  *clock
}

// inPairs runs a test on a pair that has a merchant with 10,000.00 yuan.
func inPairs(t *testing.T, test func(*pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{T: t, memory: storetest.NewMemory(), clock: newClock()}
		p.faulty = &faulty{Store: p.memory}
		p.a, p.b = p.engine(p.faulty, true), p.engine(p.memory, false)
		if err := p.b.AddMerchant(t.Context(), store.Merchant{MchID: mchID}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.b.Fund(t.Context(), mchID, 1_000_000, "start"); err != nil {
			t.Fatal(err)
		}
		test(p)
		p.a.Close()
		p.b.Close()
	})
}

func (p *pair) engine(s store.Store, driven bool) *engine.Engine {
	p.Helper()
	e, err := engine.New(engine.Config{
		Store: s, Vault: vault.New(vault.Key{1}), Environment: packet.Sandbox, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)), Now: p.clock.now, Elapsed: p.clock.since,
		Channel: engine.Channel{Name: "sandbox", Min: 1, Cap: 20000}, Providers: "sandbox",
		SweepOff: true, Driven: driven, FateWait: time.Second,
	})
	if err != nil {
		p.Fatal(err)
	}
	return e
}

// asks lets a caller ask the first server, and returns the answer once there is one.
func (p *pair) asks(call func(context.Context) error) (answer func() error) {
	done := make(chan error, 1)
	go func() { done <- call(p.Context()) }()
	synctest.Wait()
	return func() error { return <-done }
}

// loses gives the first server's committer a turn, whose commit is lost; before it asks
// for the fate of it, meanwhile happens.
func (p *pair) loses(meanwhile func()) {
	p.faulty.next(func(run func() error) error {
		before := p.memory.Snapshot()
		if err := run(); err != nil {
			return err
		}
		p.memory.Restore(before)
		meanwhile()
		return store.ErrUnknown
	})
	p.a.Step(p.Context())
}

// TestTheFateOfAGroupIsNotThatOfOneClaim: a claimant asks both servers in one
// millisecond. The claims are the same to the last bit; the send that was to be
// committed with one of them is lost all the same.
func TestTheFateOfAGroupIsNotThatOfOneClaim(t *testing.T) {
	t.Parallel()
	inPairs(t, func(p *pair) {
		sent, err := p.b.Send(p.Context(), wish("1", 1000, 3))
		if err != nil {
			p.Fatal(err)
		}
		claim := func(e *engine.Engine) (engine.Claimed, error) {
			return e.Claim(p.Context(), sent.ID, person(seed), 0, fault.OK)
		}
		var first, second engine.Claimed
		claimed := p.asks(func(context.Context) (err error) { first, err = claim(p.a); return err })
		sends := p.asks(func(ctx context.Context) error { _, err := p.a.Send(ctx, wish("2", 1000, 3)); return err })
		p.loses(func() {
			if second, err = claim(p.b); err != nil {
				p.Fatal(err)
			}
		})
		if err := claimed(); err == nil && first.Hash != second.Hash || err != nil && fault.CodeOf(err) != fault.Busy {
			p.Errorf("the claim: %+v, %v, at the other server %+v", first, err, second)
		}
		_, there := p.b.Query(p.Context(), mchID, "2")
		if err := sends(); fault.CodeOf(err) != fault.Busy || fault.CodeOf(there) != fault.NotFound {
			p.Errorf("a send whose commit was lost: %v; asked for it: %v", err, there)
		}
	})
}

// TestTheFateOfATicketIsUnknown: whether it was used by the commit that was lost or at
// the other server, a used ticket does not say; and no lock tells of one that is not used
// that it will not be. Nobody enters twice, and nobody is told that nothing was done.
func TestTheFateOfATicketIsUnknown(t *testing.T) {
	t.Parallel()
	inPairs(t, func(p *pair) {
		expires := p.clock.now().Add(time.Minute)
		use := func(e *engine.Engine) error { return e.UseTicket(p.Context(), mchID, "0123456789abcdef", expires) }
		first := p.asks(func(context.Context) error { return use(p.a) })
		p.loses(func() {
			if err := use(p.b); err != nil {
				p.Errorf("the ticket at the other server: %v", err)
			}
		})
		if err := first(); fault.CodeOf(err) != fault.Unknown {
			p.Errorf("a ticket whose commit was lost, and which was used elsewhere: %v", err)
		}

		second := p.asks(func(ctx context.Context) error { return p.a.UseTicket(ctx, mchID, "abcdef0123456789", expires) })
		p.loses(func() {})
		if err := second(); fault.CodeOf(err) != fault.Unknown {
			p.Errorf("a ticket whose commit was lost: %v", err)
		}
	})
}

// TestAClockAlarmThatIsNotWrittenDownIsRaisedAgain: the disk fails just when the clock
// has jumped.
func TestAClockAlarmThatIsNotWrittenDownIsRaisedAgain(t *testing.T) {
	t.Parallel()
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f })
	id := r.send("1", 1000, 3)
	r.clock.jump(48 * time.Hour)
	f.next(func(func() error) error { return fault.Busy })
	if err := r.Sweep(t.Context()); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a round whose alarm was not written down: %v", err)
	}
	for range 3 {
		round(t, r)
		r.clock.pass(time.Second)
	}
	if p := r.picture(id); p.State == packet.Refunded || r.ClockHolds() {
		t.Errorf("the alarm was lost: the packet is %s", p.State)
	}
	again := open(t, r.bed, r.clock, nil)
	if again.ClockHolds() {
		t.Error("a restart forgot the alarm")
	}
}
