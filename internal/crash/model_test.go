package crash_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"hongbao.example/hongbao"
)

// kind is what is called.
type kind int

const (
	sends kind = iota
	claims
	queries
)

// A step is one call about one packet and what came of it. Times are of one clock
// that never jumps.
type step struct {
	kind      kind
	who       string // of a claim
	call, ret time.Duration
	answer
}

func (s step) String() string {
	return fmt.Sprintf("%10.6f to %10.6f s  %s %s: %s", s.call.Seconds(), s.ret.Seconds(),
		[...]string{"send", "claim", "query"}[s.kind], s.who, s.answer.String())
}

// slack is by how much the servers' clock, in milliseconds, may differ from ours.
const slack = 250 * time.Millisecond

// unpayable begins the openids of people whose share the sandbox's rail refuses for
// good, so that it goes back to the merchant. docs/sandbox.md#scripted-payouts
const unpayable = "payout-refused"

// A deal is what is fixed of a packet before it is sent.
type deal struct {
	num   int   // shares
	total int64 // fen
	seed  string
	life  time.Duration
}

// A book is what a packet comes to, step by step: the model that a history is held
// against. It holds no more than what somebody can be told.
type book struct {
	sent     bool
	listID   string // empty: sent, and nobody has been told under which number
	rows     []row  // by slot
	over     bool   // its life has ended
	refunded bool   // and the rest has gone back
}

// A row is a share that somebody has.
type row struct {
	who      string
	amount   int64 // 0: nobody has been told
	returned bool  // could not be paid, and went back
}

// A trial is a packet whose history is being checked.
type trial struct {
	deal
	// The packet's life ends between these two, as far as its sends tell.
	endMin, endMax time.Duration
	// owners are who was told to have which slot. A call that nobody heard of again
	// cannot have taken one of those.
	owners map[int]string
}

// newTrial reads a packet's history.
func newTrial(d deal, history []step) *trial {
	t := &trial{deal: d, endMin: math.MaxInt64, endMax: math.MaxInt64, owners: map[int]string{}}
	for _, s := range history {
		if s.kind == sends {
			t.endMin = min(t.endMin, s.call+d.life-slack)
		}
		if s.kind == sends && s.outcome == done {
			t.endMax = min(t.endMax, s.ret+d.life+slack)
		}
		if s.kind == claims && s.outcome == done {
			t.owners[s.share.slot] = s.who
		}
	}
	return t
}

// ends tells whether the answer to a claim is that there is nothing left to claim.
func (s *step) ends() bool {
	return s.outcome == refused && (s.code == codeFinished || s.code == codeExpired)
}

// step says whether the answer of s is right for a packet of which b holds, and
// what holds then. A call of unknown outcome has all the time there is, so that
// being carried out at the very end, when nobody looks any more, stands for not
// being carried out.
func (t *trial) step(b book, s step) (bool, book) {
	b.rows = slices.Clone(b.rows)
	var ok bool
	switch s.kind {
	case sends:
		ok = t.send(&b, s)
	case claims:
		ok = t.claim(&b, s)
	case queries:
		ok = t.query(&b, s)
	}
	return ok, b
}

func (t *trial) send(b *book, s step) bool {
	b.sent = true
	return s.outcome == unknown || s.outcome == done && b.named(s.listID)
}

// named tells whether the packet has this number.
func (b *book) named(listID string) bool {
	if b.listID == "" {
		b.listID = listID
	}
	return b.listID == listID && listID != ""
}

func (t *trial) claim(b *book, s step) bool {
	slot := slices.IndexFunc(b.rows, func(r row) bool { return r.who == s.who })
	has, full := slot >= 0, len(b.rows) == t.num
	switch {
	case s.outcome == unknown:
		return t.lostClaim(b, s, has)
	case s.outcome == done && has:
		return slot == s.share.slot && b.rows[slot].has(s.share.amount)
	case s.outcome == done:
		return t.take(b, s) && s.share.slot == len(b.rows)-1 && b.rows[s.share.slot].has(s.share.amount)
	case s.code == codeBusy:
		return true
	case has:
		return false
	case s.code == codeFinished:
		return full
	case s.code == codeExpired:
		return !full && t.end(b, s)
	case s.code == codeSeedFirst:
		return !b.over && len(b.rows) == 0 && s.who != t.seed
	default:
		return false
	}
}

// lostClaim carries out a claim whose answer was lost.
func (t *trial) lostClaim(b *book, s step, has bool) bool {
	next := len(b.rows)
	if has || b.over || next == t.num || next == 0 && s.who != t.seed { // nothing comes of it
		return true
	}
	return t.owners[next] == "" && t.take(b, s)
}

// take gives the next share to somebody who has none, and tells whether that is
// allowed.
func (t *trial) take(b *book, s step) bool {
	slot := len(b.rows)
	b.rows = append(b.rows, row{who: s.who})
	return b.sent && !b.over && slot < t.num && (slot > 0 || s.who == t.seed) && s.call <= t.endMax
}

// has tells whether the row's share is of this amount.
func (r *row) has(amount int64) bool {
	if r.amount == 0 {
		r.amount = amount
	}
	return r.amount == amount && amount > 0
}

// end ends the packet's life, and tells whether it can have ended.
func (t *trial) end(b *book, s step) bool {
	ok := b.over || s.ret >= t.endMin
	b.over = true
	return ok
}

func (t *trial) query(b *book, s step) bool {
	if s.outcome == refused {
		return s.code == codeNotFound && !b.sent
	}
	if !b.sent || !b.named(s.listID) || !t.lists(b, s.report.claims) {
		return false
	}
	listed, back, full := sum(s.report.claims), s.report.refund, len(b.rows) == t.num
	switch s.report.status {
	case hongbao.StatusSent:
		return !b.over && !full && s.call <= t.endMax && b.returned(back)
	case hongbao.StatusRefunding: // tells the time, not that no claim is being committed
		return !full && (b.over || s.ret >= t.endMin) && !b.refunded && b.returned(back)
	case hongbao.StatusReceived:
		return full && back == 0 && listed == t.total
	case hongbao.StatusRefunded:
		b.refunded = true
		return (full || t.end(b, s)) && back > 0 && listed+back == t.total
	default:
		return false
	}
}

// lists tells whether a report lists the packet's shares, but for those that went
// back.
func (t *trial) lists(b *book, list []held) bool {
	for i := range b.rows {
		r := &b.rows[i]
		switch listed := len(list) > 0 && list[0].who == r.who; {
		case listed && !r.returned && r.has(list[0].amount):
			list = list[1:]
		case !listed && strings.HasPrefix(r.who, unpayable):
			r.returned = true
		default:
			return false
		}
	}
	return len(list) == 0
}

// returned tells whether the shares that went back are worth this, as far as their
// amounts are known.
func (b *book) returned(back int64) bool {
	for _, r := range b.rows {
		if r.returned && r.amount == 0 {
			return true
		}
		if r.returned {
			back -= r.amount
		}
	}
	return back == 0
}

func sum(list []held) (total int64) {
	for _, h := range list {
		total += h.amount
	}
	return total
}

// model is the trial as porcupine wants it: an operation's input is its step.
func (t *trial) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return book{} },
		Step: func(state, input, _ any) (bool, any) {
			b, _ := state.(book)
			s, _ := input.(step)
			return t.step(b, s)
		},
		Equal: func(one, other any) bool {
			a, _ := one.(book)
			b, _ := other.(book)
			return a.sent == b.sent && a.listID == b.listID && a.over == b.over && a.refunded == b.refunded && slices.Equal(a.rows, b.rows)
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

// operations is a history as porcupine wants it, without calls of unknown outcome as
// far as possible: each of those is an order that the servers may carry out whenever
// they like, and with a dozen of them there are too many ways to tell the story. But
// mostly it is known what became of them.
func operations(history []step) (all []porcupine.Operation) {
	lost, fates := map[string]step{}, map[string]int{} // the first lost call, and what tells its fate, by caller
	for i, s := range history {
		key, first := s.key(), lost[s.key()]
		last, told := fates[key]
		switch {
		case s.kind == queries:
		case s.outcome == unknown && (first.outcome != unknown || s.call < first.call):
			lost[key] = s
		case s.outcome == done && (!told || s.ret < history[last].ret), s.ends():
			fates[key] = i
		}
	}
	for i, s := range history {
		if s.outcome == unknown {
			continue // if it is needed it comes below
		}
		if first := lost[s.key()]; s.outcome == done && first.outcome == unknown && fates[s.key()] == i {
			s.call = min(s.call, first.call) // one of the two did it
		}
		all = append(all, operation(s, s.ret))
	}
	for key, s := range lost {
		if _, told := fates[key]; !told {
			all = append(all, operation(s, math.MaxInt64))
		}
	}
	return all
}

// key tells whose call a step is: such calls have one effect in all.
func (s *step) key() string { return fmt.Sprint(s.kind, s.who) }

func operation(s step, ret time.Duration) porcupine.Operation {
	return porcupine.Operation{Input: s, Call: int64(s.call), Return: int64(ret)}
}

// checkMax bounds the search for an order of one packet's steps.
const checkMax = time.Minute

// linearizable says whether the steps of one packet can have happened one after the
// other, each between its call and its answer.
func linearizable(d deal, history []step) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(newTrial(d, history).model(), operations(history), checkMax)
}
