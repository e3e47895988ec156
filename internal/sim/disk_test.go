package sim_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
)

// A mishap is what goes wrong with one use of the database or the rail.
type mishap int

const (
	fine       mishap = iota
	diesBefore        // the process dies before it is done
	diesAfter         // the process dies after it is done, before it knows

	// Of the database.
	busy       // nothing is done
	stale      // a row is said to have changed
	ranTwice   // the closure runs twice, the first time for nothing
	rolledBack // the closure runs, and nothing is committed
	lost       // likewise, and nobody knows
	unheard    // it is committed, and nobody knows
	inDoubt    // it is written, and whether it will be committed is not decided

	// Of the rail.
	notArrived
	answerLost
	arrivedTwice
	late
	timedOut // the call takes longer than the caller waits

	mishaps // how many there are
)

var mishapNames = [mishaps]string{
	"", "dies before", "dies after",
	"busy", "stale", "closure ran twice", "rolled back", "commit lost", "commit unheard", "commit in doubt",
	"call not arrived", "answer lost", "call arrived twice", "call late", "call timed out",
}

func (m mishap) String() string { return mishapNames[m] }

// A use is one way to use the database or the rail.
type use string

const (
	view   use = "view"
	update use = "update"
	call   use = "call"
)

// database is the database of a world, and what may go wrong with it. inner holds
// what is synced, so it is what a crash at this moment would leave.
type database struct {
	inner  store.Store
	memory *storetest.Memory  // inner, if it is one
	doubt  storetest.Snapshot // what a commit in doubt would make of it; none if there is none
	locked bool               // by a commit in doubt
	full   bool               // a disk that takes nothing any more
	panics string             // of a closure
	reopen func() store.Store // opens inner again after a power cut; nil if that is no use
}

var errRollBack = errors.New("sim: roll back")

// rolled runs f in a transaction that is rolled back, and returns what f did.
func (d *database) rolled(ctx context.Context, f func(store.Tx) error) error {
	err := d.inner.Update(ctx, func(tx store.Tx) error {
		if err := d.run(tx, f); err != nil {
			return err
		}
		return errRollBack
	})
	if errors.Is(err, errRollBack) {
		return nil
	}
	return err
}

// run runs a closure. If it panics, the world ends, but not the process that runs it.
func (d *database) run(tx store.Tx, f func(store.Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			d.panics, err = fmt.Sprintf("%v\n%s", r, debug.Stack()), fault.Busy
		}
	}()
	return f(tx)
}

func (d *database) commit(ctx context.Context, f func(store.Tx) error) error {
	return d.inner.Update(ctx, func(tx store.Tx) error { return d.run(tx, f) })
}

// commitInDoubt leaves a commit undecided, where inner can; elsewhere it is decided
// already and only its locks are kept.
func (d *database) commitInDoubt(ctx context.Context, f func(store.Tx) error, decided bool) error {
	switch {
	case d.memory != nil:
		before := d.memory.Snapshot()
		if err := d.commit(ctx, f); err != nil {
			return err
		}
		d.doubt = d.memory.Snapshot()
		d.memory.Restore(before)
	case decided:
		if err := d.commit(ctx, f); err != nil {
			return err
		}
	default:
		if err := d.rolled(ctx, f); err != nil {
			return err
		}
	}
	d.locked = true
	return store.ErrUnknown
}

// decide ends the doubt about a commit.
func (d *database) decide(committed bool) {
	if committed && d.memory != nil {
		d.memory.Restore(d.doubt)
	}
	d.doubt, d.locked = storetest.Snapshot{}, false
}

// handle is a process's connection to the database.
type handle struct {
	*world
	process *process
}

// Update implements store.Store.
func (h handle) Update(ctx context.Context, f func(store.Tx) error) error {
	m := h.tasks.stand(ctx, update, locks(ctx, f))
	d := h.db
	if h.process.dead.Load() || d.locked || d.full {
		return fault.Busy
	}
	switch m { //nolint:exhaustive // the others are of the rail
	case diesBefore:
		h.process.die()
		return fault.Busy
	case diesAfter:
		defer h.process.die()
		return d.commit(ctx, f)
	case busy:
		return fault.Busy
	case stale:
		return store.ErrStale
	case ranTwice:
		if err := d.rolled(ctx, f); err != nil {
			return err
		}
		return d.commit(ctx, f)
	case rolledBack, lost:
		if err := d.rolled(ctx, f); err != nil {
			return err
		}
		if m == lost {
			return store.ErrUnknown
		}
		return fault.Busy
	case unheard:
		if err := d.commit(ctx, f); err != nil {
			return err
		}
		return store.ErrUnknown
	case inDoubt:
		return d.commitInDoubt(ctx, f, h.rand.IntN(2) == 0)
	}
	return d.commit(ctx, f)
}

// View implements store.Store.
func (h handle) View(ctx context.Context, f func(store.Reader) error) error {
	m := h.tasks.stand(ctx, view, "")
	switch {
	case h.process.dead.Load(), m == busy:
		return fault.Busy
	case m == diesBefore:
		h.process.die()
		return fault.Busy
	}
	return h.db.inner.View(ctx, f)
}

// now asks for the database's time.
func (h handle) now(ctx context.Context) (time.Time, error) {
	switch m := h.tasks.stand(ctx, view, "clock"); {
	case h.process.dead.Load(), m == busy:
		return time.Time{}, fault.Busy
	case m == diesBefore:
		h.process.die()
		return time.Time{}, fault.Busy
	}
	return time.Now(), nil
}

// Health implements store.Store.
func (h handle) Health(context.Context) error { return nil }

// Close implements store.Store.
func (h handle) Close() error { return nil }

// locks tells the groups of a committer apart by what they would lock: under
// engine.ScopePacket several stand still at a time. It runs the closure up to the
// first lock; a closure may run more than once.
func locks(ctx context.Context, f func(store.Tx) error) (what string) {
	if t, ok := ctx.Value(taskKey{}).(*task); !ok || t.kind != committer {
		return ""
	}
	p := &probe{what: "nothing locked"}
	defer func() {
		if recover() != nil { // it does something else first
			what = p.what
		}
	}()
	_ = f(p) // its error is the probe's own
	return p.what
}

var errProbed = errors.New("sim: probed")

// probe is a transaction that ends at the first lock.
type probe struct {
	store.Tx
	what string
}

func (p *probe) LockPackets(ids []packet.ID) ([]store.Place, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	p.what = fmt.Sprintf("packets %d", ids)
	return nil, errProbed
}

func (p *probe) LockAccounts(mchIDs []string) ([]ledger.Book, error) {
	p.what = fmt.Sprintf("accounts %s", mchIDs)
	return nil, errProbed
}

// TicketUsed is what the fate of a used ticket is asked by.
func (p *probe) TicketUsed(string, [16]byte) (bool, error) {
	p.what = "a ticket"
	return false, errProbed
}
