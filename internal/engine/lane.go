package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// order is one caller's wish. decide is called within a group's transaction, and
// may be called again from the start when the group is retried: it sets the order's
// result anew each time.
type order interface {
	packet() packet.ID // to be locked; 0 for none
	account() string   // mch_id of the account to be locked; "" for none
	decide(*group) error
	// redraw is called when a packet id was taken and nothing was written.
	redraw() error
}

// waiting is an order in a lane, and where its answer goes.
type waiting struct {
	order order
	err   error // valid once done is closed
	done  chan struct{}
}

// lane is a bounded queue and the state machine that empties it. Orders of one
// packet always meet in one lane of a process.
type lane struct {
	e    *Engine
	wake chan struct{} // holds one token while the queue may not be empty

	mu     sync.Mutex // guards all below
	queue  []*waiting
	closed bool
}

func newLane(e *Engine) *lane {
	return &lane{e: e, wake: make(chan struct{}, 1)}
}

// put queues an order, or refuses with Busy when the lane is full or closed.
func (l *lane) put(o order) (*waiting, error) {
	w := &waiting{order: o, done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.queue) >= l.e.cfg.QueueMax {
		return nil, fault.Busy
	}
	l.queue = append(l.queue, w)
	l.signal()
	return w, nil
}

// signal wakes the committer. The caller holds mu.
func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default: // a token is there already
	}
}

// take removes up to BatchMax orders; more says whether the lane goes on.
func (l *lane) take() (orders []*waiting, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), l.e.cfg.BatchMax)
	orders, l.queue = l.queue[:n:n], l.queue[n:]
	if len(l.queue) > 0 {
		l.signal()
	}
	return orders, n > 0 || !l.closed
}

// close refuses new orders; run returns when those queued are answered.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.signal()
}

// Step carries out what is queued in each lane, once, and answers it. It returns
// false when the engine is closed and nothing is left. It does what the committers of
// an engine do that is not Driven, and like each of them it may run once at a time.
func (e *Engine) Step(ctx context.Context) bool {
	more := false
	for _, l := range e.lanes {
		more = l.step(ctx) || more
	}
	return more
}

// run is the committer: it steps until the lane is closed and empty.
func (l *lane) run() {
	for range l.wake {
		if !l.step(context.Background()) {
			return
		}
	}
}

// step carries out what is queued, in the groups of the configured scope, and answers
// it. It returns false when the lane is closed and empty.
func (l *lane) step(ctx context.Context) bool {
	orders, more := l.take()
	if len(orders) == 0 {
		return more
	}
	if l.e.cfg.Scope == ScopePacket {
		l.spread(ctx, apart(orders))
	} else {
		l.carryOut(ctx, orders)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.signal() // come round once more, to find the queue empty
	}
	return true
}

// carryOut carries out orders as one group and answers them.
func (l *lane) carryOut(ctx context.Context, orders []*waiting) {
	l.e.stats.Groups.Add(1)
	l.e.stats.Orders.Add(int64(len(orders)))
	err := l.commit(ctx, orders)
	for _, w := range orders {
		if err != nil {
			w.err = err
		}
		close(w.done)
	}
}

// apart puts orders into groups each of which locks one packet, or none and one
// account, in the order in which they were given.
func apart(orders []*waiting) (groups [][]*waiting) {
	type locked struct {
		packet  packet.ID
		account string
	}
	at := make(map[locked]int)
	for _, w := range orders {
		key := locked{packet: w.order.packet()}
		if key.packet == 0 {
			key.account = w.order.account()
		}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], w)
	}
	return groups
}

// spread carries out groups that have no packet in common, up to ScopeCommits at a
// time, and returns when all are answered.
func (l *lane) spread(ctx context.Context, groups [][]*waiting) {
	var all sync.WaitGroup
	room := make(chan struct{}, ScopeCommits)
	for _, orders := range groups {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			l.carryOut(ctx, orders)
		})
	}
	all.Wait()
}

// triesMax bounds how often a group is decided anew after it met a row that had
// changed or an id that was taken.
const triesMax = 4

// commit decides and writes a group. An error is the answer to every order of it;
// without one, each order carries its own.
func (l *lane) commit(ctx context.Context, orders []*waiting) error {
	for range triesMax {
		g := newGroup(l.e)
		err := l.e.cfg.Store.Update(ctx, func(tx store.Tx) error { return g.run(tx, orders) })
		switch {
		case err == nil:
			g.remember()
			return nil
		case errors.Is(err, store.ErrStale):
			l.e.stats.Stale.Add(1)
			g.forget()
		case errors.Is(err, store.ErrTaken):
			if err := redraw(orders); err != nil {
				return err
			}
		case errors.Is(err, store.ErrUnknown):
			return l.askFate(ctx, g, orders)
		case fault.CodeOf(err) == fault.Busy:
			return fault.Busy
		default:
			l.e.log.Error("a group was not committed", "orders", len(orders), "error", err)
			return fault.Busy
		}
	}
	return fault.Busy
}

func redraw(orders []*waiting) error {
	for _, w := range orders {
		if err := w.order.redraw(); err != nil {
			return &fault.Error{Op: "draw a packet id", Code: fault.Busy, Err: err}
		}
	}
	return nil
}

// askFate finds out whether a group whose commit was lost had been committed. It asks
// for FateWait; then the answer is Unknown. Of a ticket it is Unknown whatever is found:
// if it is used, it may have been used elsewhere, and only one may enter by it; if it is
// not, no lock tells that the commit is not still under way.
func (l *lane) askFate(ctx context.Context, g *group, orders []*waiting) error {
	g.forget() // whatever the answer, memory must not vouch for this
	deadline := l.e.cfg.Elapsed() + l.e.cfg.FateWait
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var written bool
		err := l.e.cfg.Store.Update(ctx, func(tx store.Tx) (err error) {
			written, err = g.written(tx)
			return err
		})
		switch {
		case err == nil:
			if written {
				g.announce()
			}
			tell(orders, written)
			return nil
		case l.e.cfg.Elapsed()+pause > deadline:
			l.e.stats.Unknown.Add(1)
			l.e.log.Error("the fate of a commit is not known", "error", err)
			return fault.Unknown
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
}

// tell gives orders their answers once their fate is known.
func tell(orders []*waiting, written bool) {
	for _, w := range orders {
		_, ticket := w.order.(*ticketOrder)
		switch {
		case ticket && w.err == nil:
			w.err = fault.Unknown
		case !written:
			w.err = fault.Busy
		}
	}
}

// submit gives an order to a lane and waits for its answer, or for ctx: then the
// order goes on and its outcome is Unknown to this caller.
func (e *Engine) submit(ctx context.Context, l *lane, o order) error {
	w, err := l.put(o)
	if err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fault.Unknown
	}
}
