package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hongbao.example/hongbao/internal/store"
)

// settle lets mishaps stop and time pass until all has come to rest.
func (w *world) settle() {
	w.note("mishaps stop")
	w.calm, w.db.full = true, false
	if w.db.locked {
		w.decide(w.rand.IntN(2) == 0)
	}
	for _, s := range w.servers {
		s.off.Store(0)
		if s.process == nil {
			w.boot(s)
		}
	}
	w.drain()
	w.repeat()
	for _, pause := range pauses {
		if w.failure != nil || w.atRest() {
			return
		}
		w.note("%v pass", pause)
		w.pause(pause)
		w.round()
	}
}

// pauses lead past the patience of everybody: clocks that are to agree, claimants who
// confirm or mend.
var pauses = []time.Duration{
	0, 11 * time.Minute, 11 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	48 * time.Hour, 72 * time.Hour, 72 * time.Hour, 72 * time.Hour, 72 * time.Hour,
}

func (w *world) atRest() bool {
	return !slices.ContainsFunc(w.books.packets, func(p store.Packet) bool { return !p.Settled })
}

// round gives everybody who works by themselves a turn.
func (w *world) round() {
	for _, p := range w.running() {
		w.startSweep(p)
		w.drain()
		rounds := 0
		for due := 1; due > 0 && w.failure == nil; rounds++ {
			if rounds == patience {
				w.fail("%s finds payouts that are due, again and again", p.name)
			}
			w.start(p.work, p, payer, func(ctx context.Context) func() {
				_, errScan := p.worker.Scan(ctx, 0)
				n, errRound := p.worker.Round(ctx)
				return func() {
					if due = n; errors.Join(errScan, errRound) != nil {
						w.fail("%s: without a mishap: %w", p.name, errors.Join(errScan, errRound))
					}
				}
			})
			w.drain()
		}
	}
}

// repeat lets everybody ask again who did not hear, or is not sure.
func (w *world) repeat() {
	for _, b := range w.bills {
		w.ask(pick(w.rand, w.running()), sends(b, false))
		w.drain()
	}
	for i := range w.books.packets {
		id, held := w.books.packets[i].Head.ID, w.books.packets[i].Head.Held
		for _, c := range w.books.claims[id] {
			e := effect{what: "claim", packet: id, who: c.Claimant}
			w.ask(pick(w.rand, w.running()), claims(id, e.subject(), 0))
			w.drain()
			if w.failure == nil && w.promise(e).told == nil {
				w.fail("%v is there, and is refused to who has it", e)
			}
		}
		if held {
			w.names++
			w.ask(pick(w.rand, w.running()), changes("release", id, fmt.Sprintf("reason %d", w.names)))
			w.drain()
		}
	}
}

// drain lets all tasks come to their end, without a mishap.
func (w *world) drain() {
	defer w.look()
	for slept := 0; w.failure == nil; {
		w.tidy()
		if points := w.tasks.standing(anyPoint); len(points) > 0 {
			w.resume(points[0])
			continue
		}
		i := slices.IndexFunc(w.processes, func(p *process) bool { return p.committing == nil && !p.closed && w.tasks.waits(p) })
		switch {
		case i >= 0:
			w.commit(w.processes[i])
		case len(w.tasks.alive) == 0:
			return
		case slept == patience:
			w.fail("%d tasks wait for nothing", len(w.tasks.alive))
		default: // somebody asks for the fate of a commit
			slept++
			w.pause(time.Second)
		}
	}
}

// patience is how long a task may sleep while there are no mishaps, in seconds.
const patience = 60

// end lets no goroutine outlive the world.
func (w *world) end() {
	for _, p := range w.processes {
		p.die()
	}
	for range patience {
		w.tidy()
		if len(w.tasks.alive) == 0 {
			return
		}
		w.pause(time.Second)
	}
	panic(fmt.Sprintf("%s\nseed %d: %d tasks outlive the world; %v", w.log.String(), w.seed, len(w.tasks.alive), w.failure))
}
