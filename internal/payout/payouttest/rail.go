// Package payouttest is the test bench of payouts: a rail in memory that counts the
// money it pays and fails as it is told, and the contract that every channel keeps.
package payouttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
)

// Fault is what goes wrong with one call to a Rail.
type Fault int

// The faults. The zero Fault is none.
const (
	Fine       Fault = iota
	NotArrived       // the call never reaches the rail; the caller hears nothing
	AnswerLost       // it takes effect; the caller hears nothing
	Twice            // it takes effect, and again: a network delivered it twice
	Late             // the caller hears nothing; it takes effect after the next call
	faults           // how many there are
)

// Faults lists all faults.
func Faults() []Fault { return upTo(faults) }

// Fate is what a Rail does with a payout that it sees for the first time.
type Fate int

// The fates. The zero Fate is to pay at once.
const (
	Pay     Fate = iota
	Accept       // pays when it is asked for the second time
	Confirm      // waits for the payee, then pays when it is asked for the second time
	Lapse        // waits for the payee; cancelled when it is asked for the second time
	Refuse       // refuses for good
	Mend         // refuses for a reason that the payee can mend
	fates        // how many there are
)

// Fates lists all fates.
func Fates() []Fate { return upTo(fates) }

func upTo[T ~int](n T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = T(i)
	}
	return all
}

// Rail is a bank in memory, and the channel to it. Like a real one it knows a payout
// by its key and does it once, however often it is told. It is never wrong: what goes
// wrong is between it and who calls it. All methods may be called from several
// goroutines.
type Rail struct {
	env  packet.Environment
	fate func(payout.Order) Fate
	fail func() Fault

	mu    sync.Mutex // guards all below, and calls to fate and fail
	bills map[string]*bill
	late  []payout.Frozen // submits that are still under way
	calls int
	wrong []string
}

// bill is what the rail knows of one key.
type bill struct {
	order payout.Order
	fate  Fate
	asked int
	paid  money.Fen
}

// NewRail makes a rail that asks fate what to do with a payout that is new to it,
// and fail what goes wrong with a call. Either may be nil: pay, and nothing.
func NewRail(env packet.Environment, fate func(payout.Order) Fate, fail func() Fault) *Rail {
	if fate == nil {
		fate = func(payout.Order) Fate { return Pay }
	}
	if fail == nil {
		fail = func() Fault { return Fine }
	}
	return &Rail{env: env, fate: fate, fail: fail, bills: make(map[string]*bill)}
}

// Name returns "rail".
func (r *Rail) Name() string { return "rail" }

// Environment returns that of NewRail.
func (r *Rail) Environment() packet.Environment { return r.env }

// Limits are 1 to 20000 fen, and 24 hours to confirm.
func (r *Rail) Limits() payout.Limits {
	return payout.Limits{Min: 1, Max: 20_000, ConfirmTTL: 24 * time.Hour}
}

// Prepare writes the order as JSON.
func (r *Rail) Prepare(o payout.Order) (payout.Frozen, error) {
	if l := r.Limits(); o.Amount < l.Min || o.Amount > l.Max {
		return payout.Frozen{}, errors.New("rail: the amount is outside of the limits")
	}
	body, err := json.Marshal(o)
	return payout.Frozen{Key: o.Key, Body: body}, err
}

// Submit takes a payout on, or says what became of it.
func (r *Rail) Submit(ctx context.Context, f payout.Frozen) payout.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.arrive()()
	fault := r.call(ctx)
	switch fault {
	case NotArrived:
		return payout.Result{Evidence: "no answer"}
	case Late:
		r.late = append(r.late, f)
		return payout.Result{Evidence: "no answer"}
	case Twice:
		r.submit(f)
	case Fine, AnswerLost, faults:
	}
	result := r.submit(f)
	if fault == AnswerLost {
		return payout.Result{Evidence: "no answer"}
	}
	return result
}

// Query says what became of a payout.
func (r *Rail) Query(ctx context.Context, f payout.Frozen) payout.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.arrive()()
	if fault := r.call(ctx); fault != Fine && fault != Twice {
		return payout.Result{Evidence: "no answer"}
	}
	b, ok := r.bills[f.Key]
	if !ok {
		return payout.Result{Progress: payout.NeverSeen, Code: "never_seen", Evidence: "no such key"}
	}
	if !b.is(f) {
		return otherRequest()
	}
	b.asked++
	b.settle()
	return b.result()
}

// arrive returns a function that lets what is late by now arrive.
func (r *Rail) arrive() func() {
	late := r.late
	r.late = nil
	return func() {
		for _, f := range late {
			r.submit(f)
		}
	}
}

// call counts a call and draws what goes wrong with it.
func (r *Rail) call(ctx context.Context) Fault {
	r.calls++
	if ctx.Err() != nil {
		return NotArrived
	}
	return r.fail()
}

func (r *Rail) submit(f payout.Frozen) payout.Result {
	b, ok := r.bills[f.Key]
	if !ok {
		b = new(bill)
		if err := json.Unmarshal(f.Body, &b.order); err != nil || b.order.Key != f.Key {
			r.wrong = append(r.wrong, "a request that is not one of this channel: "+f.Key)
			return payout.Result{Evidence: "malformed"}
		}
		b.fate = r.fate(b.order)
		r.bills[f.Key] = b
		b.settle()
	}
	if !b.is(f) {
		r.wrong = append(r.wrong, "key "+f.Key+" was used with two requests")
		return otherRequest()
	}
	return b.result()
}

// is says whether a request is the one that the rail has under its key. Like a bank
// it looks at who gets how much for what, not at when somebody says they asked.
func (b *bill) is(f payout.Frozen) bool {
	var o payout.Order
	err := json.Unmarshal(f.Body, &o)
	o.At = b.order.At
	return err == nil && o == b.order
}

func otherRequest() payout.Result {
	return payout.Result{Progress: payout.Conflict, Code: "other_parameters", Evidence: "the key has another request"}
}

// settle pays what is to be paid by now, once.
func (b *bill) settle() {
	if b.fate == Pay || (b.fate == Accept || b.fate == Confirm) && b.asked >= 2 {
		b.paid = b.order.Amount
	}
}

func (b *bill) result() payout.Result {
	r := payout.Result{RailRef: "bill-" + b.order.Key, Evidence: fmt.Sprintf("fate %d, asked %d", b.fate, b.asked)}
	switch {
	case b.paid > 0:
		r.Outcome = payout.Done
	case b.fate == Refuse:
		r.Outcome, r.Code = payout.Refused, "closed"
	case b.fate == Mend:
		r.Outcome, r.Code, r.Mendable = payout.Refused, "name", true
	case b.fate == Lapse && b.asked >= 2:
		r.Outcome, r.Code, r.Cancelled = payout.Refused, "lapsed", true
	case b.fate == Accept:
		r.Progress = payout.Accepted
	case b.asked == 1 && b.fate == Confirm:
		r.Progress = payout.Cancelling // the payee may confirm first, and does
	default:
		r.Progress = payout.AwaitingUser
	}
	return r
}

// Paid returns what each person was paid for each packet, over all keys, by
// send_listid and subject.
func (r *Rail) Paid() map[[2]string]money.Fen {
	r.mu.Lock()
	defer r.mu.Unlock()
	paid := make(map[[2]string]money.Fen)
	for _, b := range r.bills {
		who := [2]string{b.order.ListID, b.order.Payee.Subject}
		paid[who] = paid[who].Plus(b.paid)
	}
	return paid
}

// Orders lists what the rail has seen, by key.
func (r *Rail) Orders() []payout.Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []payout.Order
	for _, key := range slices.Sorted(maps.Keys(r.bills)) {
		all = append(all, r.bills[key].order)
	}
	return all
}

// Calls returns how often the rail was called, whether or not that arrived.
func (r *Rail) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// Wrong lists the rules of a rail that its callers broke; nil when all is well.
func (r *Rail) Wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.wrong)
}
