package sim_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing/synctest"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// sendSomething sends something new, or what was sent before.
func (w *world) sendSomething() {
	old := len(w.bills) > 0 && (len(w.bills) >= packetsMax || w.rand.IntN(3) == 0)
	var b *bill
	if old {
		b = pick(w.rand, w.bills)
	} else {
		b = w.newBill()
	}
	w.at(func(p *process) { w.ask(p, sends(b, old && w.rand.IntN(8) == 0)) })
}

// somePacket gives a packet, if there is one; rather one that has not ended.
func (w *world) somePacket(do func(packet.ID)) {
	for tries := 3; len(w.books.packets) > 0; tries-- {
		if p := &w.books.packets[w.rand.IntN(len(w.books.packets))]; tries == 0 || !p.Head.Ended {
			do(p.Head.ID)
			return
		}
	}
}

func (w *world) claimSomething() {
	w.somePacket(func(id packet.ID) {
		who := person(w.rand.IntN(people))
		if row := w.books.packet(id); row.Head.ClaimedNum == 0 && w.rand.IntN(5) > 0 {
			for name, c := range claimants {
				if c == row.Terms.Seed {
					who = name
				}
			}
		}
		by := w.rand.IntN(4)
		w.at(func(p *process) { w.ask(p, claims(id, who, by)) })
	})
}

func (w *world) enterSomewhere() {
	jti := fmt.Sprintf("ticket %d", w.rand.IntN(4))
	w.at(func(p *process) {
		w.names++
		w.ask(p, enters(jti, w.names, w.born.Add(1000*time.Hour)))
	})
}

func (w *world) moveMoney() {
	ref := fmt.Sprintf("ref%d", w.rand.IntN(6))
	a := funds(pick(w.rand, []money.Fen{1000, 500, -100, -400}), ref)
	w.at(func(p *process) { w.ask(p, a) })
}

func (w *world) changeSomething() {
	w.somePacket(func(id packet.ID) {
		what := pick(w.rand, []string{"hold", "release", "release", "end"})
		w.at(func(p *process) {
			w.names++
			w.ask(p, changes(what, id, fmt.Sprintf("reason %d", w.names)))
		})
	})
}

func (w *world) changeKeys() {
	n := w.rand.IntN(4)
	var a ask
	switch w.rand.IntN(3) {
	case 0:
		a = rotates(fmt.Sprintf("secret %d", n), pick(w.rand, []time.Duration{0, time.Hour}))
	case 1:
		a = vouches(fmt.Sprintf("kid %d", n))
	case 2:
		a = retires(fmt.Sprintf("kid %d", n))
	}
	w.at(func(p *process) { w.ask(p, a) })
}

func (w *world) lookSomewhere() {
	if w.rand.IntN(4) == 0 {
		w.at(w.asksKeys)
		return
	}
	w.somePacket(func(id packet.ID) { w.at(func(p *process) { w.looks(p, id) }) })
}

// revisit lets a claimant come back.
func (w *world) revisit() {
	w.somePacket(func(id packet.ID) {
		who := claimants[person(w.rand.IntN(people))]
		w.at(func(p *process) {
			w.start(context.Background(), p, request, func(ctx context.Context) func() {
				err := p.worker.Revisit(ctx, id, who)
				return func() { w.note("%s: revisit of %d → %v", p.name, id, err) }
			})
		})
	})
}

// pay gives a payout worker a turn.
func (w *world) pay() {
	for _, p := range w.running() {
		w.hear(p)
		if p.paying != nil || w.rand.IntN(3) == 0 {
			continue
		}
		hinted := slices.Sorted(maps.Keys(p.hints))
		what := w.rand.IntN(5)
		w.note("%s: a turn of the payout worker", p.name)
		p.paying = w.start(p.work, p, payer, func(ctx context.Context) func() {
			var err error
			switch {
			case what <= 1 && len(hinted) > 0:
				err = p.worker.Follow(ctx, hinted[0])
			case what <= 1:
				_, err = p.worker.Scan(ctx, 0)
			default:
				_, err = p.worker.Round(ctx)
			}
			return func() {
				p.paying = nil
				if what <= 1 && len(hinted) > 0 {
					delete(p.hints, hinted[0])
				}
				w.note("%s: the payout worker is done: %v", p.name, err)
			}
		})
		return
	}
}

// hear takes the hints of an engine.
func (w *world) hear(p *process) {
	for {
		select {
		case id := <-p.engine.Hints():
			p.hints[id] = true
		default:
			return
		}
	}
}

// sweep gives a sweeper a turn.
func (w *world) sweep() {
	for _, p := range w.running() {
		if p.sweeping == nil && w.rand.IntN(2) == 0 {
			w.startSweep(p)
			return
		}
	}
}

// readClock notes whether a sweeper that begins now may believe its wall clock: what it
// has jumped by since it last began is in doubt for a while.
func (w *world) readClock(p *process) {
	off := time.Duration(p.server.off.Load())
	if w.confirmed > p.jumpedIn || time.Since(p.jumped) >= doubt {
		p.jump = 0
	}
	if d := off - p.off; d.Abs() > drift {
		p.jump += d
		p.jumped, p.jumpedIn = time.Now(), w.steps
	}
	p.off = off
}

func (w *world) startSweep(p *process) {
	w.note("%s: a turn of the sweeper", p.name)
	w.readClock(p)
	p.sweeping = w.start(p.work, p, sweeper, func(ctx context.Context) func() {
		err := p.engine.Sweep(ctx)
		return func() {
			p.sweeping = nil
			w.note("%s: the sweeper is done: %v", p.name, err)
		}
	})
}

// How much time passes at once: mostly what a request or a commit may take.
var (
	short = []time.Duration{time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 6 * time.Second, time.Minute}
	long  = []time.Duration{6 * time.Minute, 20 * time.Minute, 2 * time.Hour, 13 * time.Hour}
)

func (w *world) pass() {
	d := pick(w.rand, short)
	if w.rand.IntN(8) == 0 {
		d = pick(w.rand, long)
	}
	if n := len(w.tasks.standing(anyPoint)); n > 0 && d >= time.Second {
		w.counts.add("event: stood still for a second or more", n)
	}
	w.note("%v pass", d)
	w.pause(d)
}

// jump moves the wall clock of a server.
func (w *world) jump() {
	if !w.tune.jumps {
		return
	}
	s := pick(w.rand, w.servers)
	d := pick(w.rand, []time.Duration{20 * time.Second, time.Minute, 2 * time.Hour, 26 * time.Hour})
	if w.rand.IntN(2) == 0 || s.off.Load() > int64(48*time.Hour) {
		d = -d
	}
	w.note("the clock of %s jumps by %v", s.name, d)
	w.counts.add("event: clock jumped", 1)
	s.off.Add(int64(d))
	p := s.process
	if p != nil && p.sweeping == nil && w.rand.IntN(2) == 0 { // the machine was asleep: its timers are due, its disk may not be there yet
		if !w.db.full && w.rand.IntN(3) == 0 {
			w.failDisk()
		}
		w.startSweep(p)
	}
}

func (w *world) confirmClock() {
	w.confirmed = w.steps
	w.at(func(p *process) {
		w.start(context.Background(), p, operation, func(ctx context.Context) func() {
			err := p.engine.ConfirmClock(ctx)
			return func() { w.note("%s: the clock is confirmed: %v", p.name, err) }
		})
	})
}

// hangUp lets somebody who asked give up waiting.
func (w *world) hangUp() {
	var asking []*task
	for _, t := range w.tasks.alive {
		if t.kind == request && !t.process.dead.Load() {
			asking = append(asking, t)
		}
	}
	if len(asking) > 0 {
		t := pick(w.rand, asking)
		w.note("%s: who asked %d hangs up", t.process.name, t.id)
		w.counts.add("event: hung up", 1)
		t.hungUp = true
		t.cancel()
		synctest.Wait()
	}
}

func (w *world) killOne() {
	if all := w.running(); len(all) > 0 {
		w.kill(pick(w.rand, all))
	}
}

// stopOne lets a process end in order.
func (w *world) stopOne() {
	if all := w.running(); len(all) > 0 {
		p := pick(w.rand, all)
		w.note("%s is stopped", p.name)
		w.counts.add("event: stopped", 1)
		p.server.process, p.leaving = nil, true
		p.stop()
	}
}

func (w *world) bootOne() {
	for _, s := range w.servers {
		if s.process == nil {
			w.boot(s)
			return
		}
	}
}

// cutPower kills everything; what was not synced is lost.
func (w *world) cutPower() {
	if !w.db.locked && w.rand.IntN(3) > 0 {
		return
	}
	w.note("the power is cut")
	w.counts.add("event: power cut", 1)
	if w.db.locked {
		w.counts.add("event: power cut with a write unsynced", 1)
		w.decide(false)
	}
	for _, p := range w.processes {
		p.die()
	}
	w.look() // before anything uses the database again
	if w.db.reopen != nil {
		must(w.db.inner.Close())
		w.db.inner = w.db.reopen()
	}
}

// failDisk lets the disk fail, or work again.
func (w *world) failDisk() {
	if w.db.full = !w.db.full; w.db.full {
		w.counts.add("event: disk full", 1)
	}
	w.note("the disk is full: %v", w.db.full)
}
