package crash_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao"
)

// What the load is made of.
const (
	callersMax = 24  // at a time
	hotMax     = 6   // packets that everybody rushes to
	slowMax    = 12  // packets that people come to now and then, until their time is over
	numMax     = 40  // shares of a packet
	stepsMax   = 250 // of one packet, so that its history can be checked; what must be asked again comes on top
	wrongMax   = 20  // findings, after which nothing more is noted
)

// A bill is one packet, under the merchant's number for it, and all that its
// callers have been told. The load's mutex guards it.
type bill struct {
	deal
	no     string
	listID string   // empty: nobody has been told
	people []string // who will come, in this order; the seed is the first
	came   int      // of people
	links  []string // that are known; the first is the seed's
	told   map[string]saying
	steps  []step
	over   bool // its end has been told
}

// A saying is an answer that holds for ever, and when it was given.
type saying struct {
	at   time.Duration
	text string
	share
}

// sending is the key in bill.told of the answer to the send; the other keys are the
// claimants.
const sending = ""

// An ask is a call to be made.
type ask struct {
	kind kind
	bill *bill
	who  string // of a claim
}

// A load is callers who send, claim and ask, and everything they were told.
type load struct {
	caller *caller
	start  time.Time
	tally  [away + 1]atomic.Int64 // of calls, by outcome
	limit  atomic.Int64           // of calls, at which callers wait for the next grant

	mu        sync.Mutex // guards all below
	bills     []*bill
	hot, slow []*bill // where people are still to come
	inSend    int     // bills that nobody has been told to be sent
	again     []ask   // calls whose answer was lost, or that were too early
	recent    []ask   // answered for the first time since they were last fetched
	codes     map[string]int
	wrong     []string
}

func newLoad(s *shop) (*load, error) {
	c, err := newCaller(s, callersMax)
	return &load{caller: c, start: time.Now(), codes: map[string]int{}}, err
}

func (l *load) clock() time.Duration { return time.Since(l.start) }

// calls is how many calls there were.
func (l *load) calls() int64 {
	return l.tally[done].Load() + l.tally[refused].Load() + l.tally[unknown].Load()
}

// grant lets callers make so many calls more.
func (l *load) grant(calls int64) { l.limit.Store(l.calls() + calls) }

// work has callers at work until stop is closed, and every call answered or lost.
func (l *load) work(seed uint64, stop <-chan struct{}) {
	var working sync.WaitGroup
	for i := range callersMax {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if l.calls() >= l.limit.Load() {
					rest(stop)
				} else if s := l.insist(r, l.next(r), stop); s.outcome == unknown || s.code == codeBusy {
					rest(stop)
				}
			}
		})
	}
	working.Wait()
}

// rest is what callers do between calls that lead nowhere. It returns false when
// stop says so.
func rest[T any](stop <-chan T) bool {
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}

// insist makes a call, again and again while no server takes it.
func (l *load) insist(r *rand.Rand, a ask, stop <-chan struct{}) step {
	for {
		s := l.do(r, a)
		if s.outcome != away {
			return s
		}
		if !rest(stop) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.again = append(l.again, a)
			return s
		}
	}
}

// do makes a call and notes what came of it.
func (l *load) do(r *rand.Rand, a ask) step {
	server := r.IntN(len(l.caller.merchants))
	s := step{kind: a.kind, who: a.who, call: l.clock()}
	switch a.kind {
	case sends:
		s.answer = l.caller.send(server, a.bill.order())
	case claims:
		link, listID := l.way(r, a.bill)
		s.call = l.clock()
		s.answer = l.caller.claim(server, link, listID, a.who)
	case queries:
		s.answer = l.caller.query(server, a.bill.no)
	}
	s.ret = l.clock()
	l.note(a, s)
	return s
}

// order is the request that sends the packet, always the same.
func (b *bill) order() hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: b.no, WxAppID: appID, SendName: "巷口茶铺", ReOpenID: b.seed, TotalAmount: b.total, TotalNum: b.num,
		Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
	}
}

// way is one of the links to a packet, and its number.
func (l *load) way(r *rand.Rand, b *bill) (link, listID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.links[r.IntN(len(b.links))], b.listID
}

// next decides what a caller does.
func (l *load) next(r *rand.Rand) ask {
	l.mu.Lock()
	defer l.mu.Unlock()
	dice, b := r.IntN(100), l.old(r)
	switch {
	case dice < 30 && len(l.again) > 0, len(l.again) > callersMax:
		return l.pop(r.IntN(len(l.again)))
	case b == nil:
	case dice < 42:
		return ask{queries, b, ""}
	case b.came == 0: // it may not be sent yet
	case dice < 46:
		return ask{sends, b, ""}
	case dice < 66:
		return ask{claims, b, b.people[r.IntN(b.came)]}
	case dice < 68:
		return ask{claims, b, fmt.Sprintf("late-%d", r.IntN(5))}
	}
	switch {
	case dice > 95 && len(l.slow) > 0:
		return l.newcomer(&l.slow, r.IntN(len(l.slow)))
	case len(l.hot)+l.inSend < hotMax || b == nil:
		return ask{sends, l.open(r), ""}
	case len(l.hot) > 0:
		return l.newcomer(&l.hot, r.IntN(len(l.hot)))
	default:
		return ask{queries, b, ""}
	}
}

// pop takes a call from those to be made again.
func (l *load) pop(i int) ask {
	a, last := l.again[i], len(l.again)-1
	l.again[i] = l.again[last]
	l.again = l.again[:last]
	return a
}

// old picks a bill, more often than not a recent one, that there is room for in the
// history of; nil if that fails.
func (l *load) old(r *rand.Rand) *bill {
	for range min(5, len(l.bills)) {
		n := len(l.bills)
		if n > 30 && r.IntN(3) > 0 {
			n = 30
		}
		if b := l.bills[len(l.bills)-1-r.IntN(n)]; len(b.steps) < stepsMax {
			return b
		}
	}
	return nil
}

// newcomer is the next person to come to the packet at i of a list.
func (l *load) newcomer(list *[]*bill, i int) ask {
	b := (*list)[i]
	a := ask{claims, b, b.people[b.came]}
	if b.came++; b.came == len(b.people) || b.over {
		*list = slices.Delete(*list, i, i+1)
	}
	return a
}

// open thinks of a packet. Some are hot and get more people than shares, some too
// few, and some are slow, so that people still come when its time is over.
func (l *load) open(r *rand.Rand) *bill {
	b := &bill{no: fmt.Sprintf("crash%08d", len(l.bills)+1), told: map[string]saying{}}
	b.deal = deal{
		num: 3 + r.IntN(numMax-2), seed: fmt.Sprintf("seed-%d", r.IntN(1000)), life: l.caller.shop.life,
	}
	b.total = int64(b.num) * (100 + r.Int64N(400))
	people := b.num + r.IntN(4)
	if r.IntN(3) == 0 {
		people = 1 + r.IntN(b.num)
	}
	b.people = append(b.people, b.seed)
	for i := 1; i < people; i++ {
		name := fmt.Sprintf("friend-%d", i)
		if r.IntN(15) == 0 {
			name = fmt.Sprintf("%s-%d", unpayable, i)
		}
		b.people = append(b.people, name)
	}
	l.bills = append(l.bills, b)
	l.inSend++
	return b
}

// note notes what came of a call: what has to hold for ever is compared with what
// was said before.
func (l *load) note(a ask, s step) {
	l.tally[s.outcome].Add(1)
	if s.outcome == away {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := a.bill
	b.steps = append(b.steps, s)
	if s.outcome != done {
		l.codes[s.outcome.String()+" "+s.code]++
	}
	before, answered := b.told[a.who]
	answered = answered && a.kind != queries
	switch {
	case s.outcome == unknown && a.kind != queries, s.outcome == refused && (s.code == codeBusy || s.code == codeSeedFirst):
		l.again = append(l.again, a)
	case s.outcome == done && a.kind != queries && !answered:
		l.first(a, s)
	case s.outcome == done && answered && s.text != before.text,
		s.outcome == refused && answered && before.at < s.call:
		l.find("%s %s: at %.6f s the answer was\n  %s\nasked at %.6f s, it is at %.6f s\n  %s", b.no, a.who,
			before.at.Seconds(), before.text, s.call.Seconds(), s.ret.Seconds(), s.answer.String())
	case a.kind == claims && s.ends():
		b.over = true
	case s.outcome == refused && a.kind != queries:
		l.find("%s: a refusal that nothing accounts for: %s", b.no, s)
	}
}

// first notes an answer that nobody has got before.
func (l *load) first(a ask, s step) {
	b := a.bill
	b.told[a.who] = saying{s.ret, s.text, s.share}
	b.links = append(b.links, s.link)
	l.recent = append(l.recent, a)
	if a.kind == claims {
		return
	}
	b.listID = s.listID
	l.inSend--
	if len(l.slow) < slowMax {
		l.slow = append(l.slow, b)
	} else {
		l.hot = append(l.hot, b)
	}
}

// find notes something that must not be. The caller holds the mutex.
func (l *load) find(format string, args ...any) {
	if len(l.wrong) < wrongMax {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// failed tells whether anything was found.
func (l *load) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.wrong) > 0
}

// answers returns what to ask again: all that was answered for the first time since
// this was called last, and a sample of what is older.
func (l *load) answers(r *rand.Rand, sample int) []ask {
	l.mu.Lock()
	defer l.mu.Unlock()
	asks := l.recent
	l.recent = nil
	for range sample {
		b := l.bills[r.IntN(len(l.bills))]
		for _, who := range []string{sending, b.people[r.IntN(len(b.people))]} {
			if _, ok := b.told[who]; ok {
				asks = append(asks, b.repeat(who))
			}
		}
	}
	return asks
}

// repeat is the call that was answered with what is in told.
func (b *bill) repeat(who string) ask {
	if who == sending {
		return ask{sends, b, who}
	}
	return ask{claims, b, who}
}

// all returns every call that was answered.
func (l *load) all() (asks []ask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.bills {
		for _, who := range slices.Sorted(maps.Keys(b.told)) {
			asks = append(asks, b.repeat(who))
		}
	}
	return asks
}

// unanswered takes all calls that are to be made again.
func (l *load) unanswered() []ask {
	l.mu.Lock()
	defer l.mu.Unlock()
	asks := l.again
	l.again = nil
	return asks
}

// askAll makes calls until each is answered.
func (l *load) askAll(r *rand.Rand, asks []ask) {
	queue := make(chan ask)
	var working sync.WaitGroup
	for range callersMax / 3 {
		r := rand.New(rand.NewPCG(r.Uint64(), 0))
		working.Go(func() {
			for a := range queue {
				l.persist(r, a)
			}
		})
	}
	for _, a := range asks {
		queue <- a
	}
	close(queue)
	working.Wait()
}

// persist makes a call until it is answered.
func (l *load) persist(r *rand.Rand, a ask) {
	late := time.After(patience)
	for {
		s := l.do(r, a)
		if s.outcome == done || s.outcome == refused && s.code != codeBusy {
			return
		}
		if !rest(late) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.find("%s %s: no answer in %s: %s", a.bill.no, a.who, patience, s)
			return
		}
	}
}
