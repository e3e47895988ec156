package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hongbao.example/hongbao"
)

// A drill is load on a shop whose servers are struck down again and again.
type drill struct {
	*load
	shop     *shop
	rand     *rand.Rand
	seed     uint64
	strikes  int   // how many
	callsMin int64 // how many calls at least, spread over the strikes

	// strike strikes something down and sets it up again; nil is kill. When it
	// returns, all servers have been started.
	strike func(*drill) error
	// alarming says that servers may write errors into their logs.
	alarming bool

	struck   int
	restarts []time.Duration // of servers, from the start to being ready
}

// newDrill prepares a drill. Its random choices follow from the seed that it logs,
// as far as the machine lets them.
func newDrill(t *testing.T, s *shop, strikes, calls int) *drill {
	t.Helper()
	l, err := newLoad(s)
	must(t, err)
	seed := number(t, "HONGBAO_SEED", int(time.Now().UnixNano()&0xffffffff))
	t.Logf("%s: HONGBAO_SEED=%d", s.name, seed)
	return &drill{
		load: l, shop: s, seed: uint64(seed), rand: rand.New(rand.NewPCG(uint64(seed), 1<<32)),
		strikes: strikes, callsMin: int64(calls),
	}
}

// run runs the drill and returns what was found wrong. Whatever happens, the load
// has ended when it returns.
func (d *drill) run() []string {
	stop := make(chan struct{})
	var working sync.WaitGroup
	err := d.startAll()
	if err == nil {
		working.Go(func() { d.work(d.seed, stop) })
		err = d.storm()
	}
	close(stop)
	working.Wait()
	if err == nil && !d.failed() {
		err = d.settle()
	}
	if err == nil && !d.failed() {
		d.check()
	}
	if err != nil {
		d.mu.Lock()
		d.find("%v", err)
		d.mu.Unlock()
	}
	return d.wrong
}

func (d *drill) startAll() error {
	for _, v := range d.shop.servers {
		if err := v.start(); err != nil {
			return err
		}
	}
	return nil
}

// storm strikes, and after each strike asks again and audits, while the load goes
// on.
func (d *drill) storm() error {
	strike := d.strike
	if strike == nil {
		strike = (*drill).kill
	}
	for n := range d.strikes {
		pace := d.pace(n)
		d.grant(pace / 2)
		if err := d.standing(); err != nil || d.failed() {
			return err
		}
		d.grant(2 * pace)
		d.wait(d.rand.Int64N(pace + 1))
		if err := strike(d); err != nil {
			return fmt.Errorf("strike %d: %w", n+1, err)
		}
		d.struck++
	}
	d.grant(d.pace(d.strikes))
	if err := d.standing(); err != nil {
		return err
	}
	d.wait(d.limit.Load() - d.calls())
	return nil
}

// pace is how many calls there are to be until the next strike, about.
func (d *drill) pace(n int) int64 { return max(50, (d.callsMin-d.calls())/int64(d.strikes-n+1)) }

// wait waits until so many calls more have been made, or time is up.
func (d *drill) wait(calls int64) {
	tick, late := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for end := d.calls() + calls; d.calls() < end; {
		select {
		case <-tick.C:
		case <-late:
			return
		}
	}
}

// kill kills one server, or now and then all of them, and starts what it killed. Now
// and then it kills again before the server has come to itself.
func (d *drill) kill() error {
	victims := []*server{d.shop.servers[d.rand.IntN(len(d.shop.servers))]}
	if d.rand.IntN(4) == 0 {
		victims = d.shop.servers
	}
	for _, v := range victims {
		if err := errors.Join(v.kill(), v.start()); err != nil {
			return err
		}
	}
	for d.rand.IntN(6) == 0 {
		v := victims[0]
		d.pause(time.Duration(d.rand.Int64N(int64(150 * time.Millisecond))))
		if err := errors.Join(v.kill(), v.start()); err != nil {
			return err
		}
	}
	return nil
}

// pause lets time pass.
func (d *drill) pause(t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	<-timer.C
}

// standing waits until all servers are ready, and holds them to what was answered
// before.
func (d *drill) standing() error {
	for _, v := range d.shop.servers {
		took, err := v.ready()
		if err != nil {
			return err
		}
		if !v.counted {
			d.restarts, v.counted = append(d.restarts, took), true
		}
	}
	d.askAll(d.rand, d.answers(d.rand, 30))
	return d.shop.verify()
}

// settle waits until every packet has come to its end, and compares all that was
// ever said with what is said now.
func (d *drill) settle() error {
	for range 3 { // what is answered "too early" comes back; the seed has come after that
		d.askAll(d.rand, d.unanswered())
	}
	d.askAll(d.rand, d.all())
	if err := d.endAll(); err != nil {
		return err
	}
	for _, v := range d.shop.servers {
		if err := errors.Join(v.healthy(), v.stop()); err != nil {
			return err
		}
		if lines := v.alarms(); len(lines) > 0 && !d.alarming {
			return fmt.Errorf("a server wrote\n%s", strings.Join(lines, ""))
		}
	}
	if err := d.shop.verify(); err != nil {
		return err
	}
	return d.compare()
}

// endAll asks about every bill until nothing can happen to it any more.
func (d *drill) endAll() error {
	tick, late := time.NewTicker(250*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		var asks []ask
		for _, b := range d.bills {
			if !b.settled() {
				asks = append(asks, ask{queries, b, ""})
			}
		}
		if len(asks) == 0 {
			return nil
		}
		d.askAll(d.rand, asks)
		if d.failed() {
			return nil
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("%d packets have not come to an end; the first: %s", len(asks), asks[0].bill.no)
		}
	}
}

// settled tells whether the last report on a bill says that there is nothing left to
// claim. Shares that cannot be paid may still go back.
func (b *bill) settled() bool {
	last := b.steps[len(b.steps)-1]
	return last.kind == queries &&
		(last.outcome == refused || last.report.status == hongbao.StatusReceived || last.report.status == hongbao.StatusRefunded)
}

// compare compares what the books hold, now that no server runs, with what was
// told.
func (d *drill) compare() error {
	packets, err := d.shop.packets()
	if err != nil {
		return err
	}
	balance, err := d.shop.balance()
	if err != nil {
		return err
	}
	owned := balance
	for _, b := range d.bills {
		p, sent := packets[b.no]
		if sent != (b.listID != "") || p.SendListID != b.listID {
			return fmt.Errorf("%s: callers were told of packet %q, in the books it is %q", b.no, b.listID, p.SendListID)
		}
		delete(packets, b.no)
		last := b.steps[len(b.steps)-1].report
		if p.Claimed+p.Refunded != p.Total || sum(last.claims)+last.refund != p.Total || last.refund > p.Refunded+p.Returned {
			return fmt.Errorf("%s: the books have %+v, the last report was %+v", b.no, p, last)
		}
		owned += p.Claimed - p.Returned
		for who, s := range b.told {
			listed := slices.Contains(last.claims, held{who, s.amount})
			if who != sending && !listed && !strings.HasPrefix(who, unpayable) {
				return fmt.Errorf("%s: at %.6f s %s was told to have slot %d, %d fen; the packet's last report was %+v",
					b.no, s.at.Seconds(), who, s.slot, s.amount, last)
			}
		}
	}
	if len(packets) > 0 {
		return fmt.Errorf("in the books are packets that nobody has asked for: %+v", packets)
	}
	if owned != funds {
		return fmt.Errorf("of %d fen the merchant has %d, and claimants the rest to %d", funds, balance, owned)
	}
	return nil
}

// check looks for packets whose history cannot have happened.
func (d *drill) check() {
	queue := make(chan *bill)
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for b := range queue {
				if d.failed() {
					continue // one is enough to look into
				}
				if r := linearizable(b.deal, b.steps); r != porcupine.Ok {
					d.mu.Lock()
					d.find("%s: the history is %s; it is in %s", b.no, r, b.file(d.shop.dir))
					d.mu.Unlock()
				}
			}
		})
	}
	for _, b := range d.bills {
		queue <- b
	}
	close(queue)
	working.Wait()
}

// file writes a bill's history down, for people: the steps, and the longest orders
// of them that are right.
func (b *bill) file(dir string) string {
	text := fmt.Sprintf("%s: %+v\n", b.no, b.deal)
	for _, s := range b.steps {
		text += s.String() + "\n"
	}
	name := filepath.Join(dir, b.no)
	if err := os.WriteFile(name+".txt", []byte(text), 0o600); err != nil {
		return err.Error()
	}
	model := newTrial(b.deal, b.steps).model()
	_, info := porcupine.CheckOperationsVerbose(model, operations(b.steps), checkMax)
	if err := porcupine.VisualizePath(model, info, name+".html"); err != nil {
		return err.Error()
	}
	return name + ".txt and .html"
}

// report logs what the drill has been.
func (d *drill) report(t *testing.T) {
	t.Helper()
	shares, refunds, steps := 0, 0, 0
	for _, b := range d.bills {
		shares += max(0, len(b.told)-1)
		steps = max(steps, len(b.steps))
		if len(b.steps) > 0 && b.steps[len(b.steps)-1].report.status == hongbao.StatusRefunded {
			refunds++
		}
	}
	slices.Sort(d.restarts)
	at := func(percent int) time.Duration {
		if len(d.restarts) == 0 {
			return 0
		}
		return d.restarts[(len(d.restarts)-1)*percent/100].Round(time.Millisecond)
	}
	t.Logf("%s: %d strikes; %d calls: %d done, %d refused, %d unknown (%d more reached no server); %d packets, %d shares, %d refunds; at most %d calls of one packet; ready after %s, %s, %s (least, median, most); %s in all",
		d.shop.name, d.struck, d.calls(), d.tally[done].Load(), d.tally[refused].Load(), d.tally[unknown].Load(), d.tally[away].Load(),
		len(d.bills), shares, refunds, steps, at(0), at(50), at(100), d.clock().Round(time.Millisecond))
	t.Logf("%s: not done: %v", d.shop.name, d.codes)
}
