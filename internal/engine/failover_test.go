package engine_test

import (
	"context"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// TestMemoryOfALostCommitIsGivenUp: a failover has lost a claim that a running server
// remembers, and another server has put another one in its place, under the same number.
// The first server takes its book from the database, not from memory.
func TestMemoryOfALostCommitIsGivenUp(t *testing.T) {
	t.Parallel()
	inPairs(t, func(p *pair) {
		sent, err := p.b.Send(p.Context(), wish("1", 1000, 5))
		if err != nil {
			p.Fatal(err)
		}
		claim := func(e *engine.Engine, who string) engine.Claimed {
			c, err := e.Claim(p.Context(), sent.ID, person(who), 0, fault.OK)
			if err != nil {
				p.Errorf("%s: %v", who, err)
			}
			return c
		}
		claim(p.b, seed)
		before := p.memory.Snapshot()
		claim(p.b, "lost")
		p.memory.Restore(before)
		other := p.engine(p.memory, false)
		defer other.Close()
		p.clock.pass(time.Millisecond)
		claim(other, "wang")
		p.clock.pass(time.Minute)

		if c := claim(p.b, "li"); c.Slot != 2 {
			p.Errorf("li has slot %d, want 2", c.Slot)
		}
		if c := claim(p.b, "lost"); c.Repeat || c.Slot != 3 {
			p.Errorf("a claim that was lost is answered as slot %d, repeated: %t", c.Slot, c.Repeat)
		}
		if pic, err := p.engineOf(p.memory).Fresh(p.Context(), sent.ID); err != nil || pic.Broken || len(pic.Claims) != 4 {
			p.Errorf("the packet is broken: %t, with %d claims: %v", pic.Broken, len(pic.Claims), err)
		}
	})
}

// engineOf is another process, for the length of the test.
func (p *pair) engineOf(s store.Store) *engine.Engine {
	e := p.engine(s, false)
	p.Cleanup(e.Close)
	return e
}

// TestASendThatIsHalfThereIsUnknown: on a database of several nodes, that of the account
// has committed, and that of the packet has not yet. Nothing was refused.
func TestASendThatIsHalfThereIsUnknown(t *testing.T) {
	t.Parallel()
	inPairs(t, func(p *pair) {
		h := &halfway{Store: p.memory, clock: p.clock}
		p.faulty.Store = h
		answer := p.asks(func(ctx context.Context) error { _, err := p.a.Send(ctx, wish("1", 1000, 3)); return err })
		p.loses(func() {})
		if err := answer(); fault.CodeOf(err) != fault.Busy {
			p.Errorf("a send of which nothing is there: %v", err)
		}
		answer = p.asks(func(ctx context.Context) error { _, err := p.a.Send(ctx, wish("2", 1000, 3)); return err })
		p.faulty.next(func(run func() error) error {
			h.hide = run() == nil
			return store.ErrUnknown
		})
		p.a.Step(p.Context())
		if err := answer(); fault.CodeOf(err) != fault.Unknown {
			p.Errorf("a send that is in its merchant's book only: %v", err)
		}
	})
}

// halfway is a database whose packets cannot be seen while hide is set. Time passes with
// each look at it.
type halfway struct {
	store.Store
	clock *clock
	hide  bool
}

// Update implements store.Store.
func (h *halfway) Update(ctx context.Context, f func(store.Tx) error) error {
	return h.Store.Update(ctx, func(tx store.Tx) error {
		if h.hide {
			h.clock.pass(time.Second)
			return f(hidden{tx})
		}
		return f(tx)
	})
}

type hidden struct{ store.Tx }

func (hidden) LockPackets(ids []packet.ID) ([]store.Place, error) {
	return make([]store.Place, len(ids)), nil
}
func (hidden) Claims(packet.ID, uint64) ([]packet.Claim, error) { return nil, nil }
func (hidden) Entries(packet.ID) ([]packet.Entry, error)        { return nil, nil }
