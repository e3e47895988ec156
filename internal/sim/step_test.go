package sim_test

import (
	"context"
	"slices"
	"testing/synctest"

	"hongbao.example/hongbao/internal/store/storetest"
)

// life lives a life to its end.
func (w *world) life() life {
	for w.steps < w.tune.steps && w.failure == nil {
		w.steps++
		w.step()
		w.look()
	}
	if w.failure == nil {
		w.settle()
	}
	if w.failure == nil {
		if err := w.checkEnd(); err != nil {
			w.fail("at the end: %w", err)
		}
	}
	w.end()
	w.counts.add("steps", w.steps)
	return life{w.log.String(), w.counts, w.failure}
}

// look tidies up after a step and looks at everything.
func (w *world) look() {
	w.tidy()
	if w.failure == nil {
		if w.db.panics != "" {
			w.fail("panic: %s", w.db.panics)
		} else if err := w.check(); err != nil {
			w.fail("%w", err)
		}
	}
}

// step does one thing.
func (w *world) step() {
	if points := w.tasks.standing(anyPoint); len(points) > 0 && w.rand.IntN(100) < w.tune.haste {
		w.goOn(pick(w.rand, points).task)
		return
	}
	var idle []*process
	for _, p := range w.running() {
		if p.committing == nil && w.tasks.waits(p) {
			idle = append(idle, p)
		}
	}
	if len(idle) > 0 && w.rand.IntN(2) == 0 {
		w.commit(pick(w.rand, idle))
		return
	}
	if w.db.full && w.rand.IntN(6) == 0 {
		w.failDisk()
		return
	}
	if len(w.running()) < len(w.servers) && w.rand.IntN(4) == 0 {
		w.bootOne()
		return
	}
	n := w.rand.IntN(w.weight)
	for i := range moves {
		if n -= w.weights[i]; n < 0 {
			moves[i].do(w)
			return
		}
	}
}

// goOn lets a task go on, from one point or from several.
func (w *world) goOn(t *task) {
	for {
		points := w.tasks.standing(func(p *point) bool { return p.task == t })
		if len(points) == 0 {
			return
		}
		at := pick(w.rand, points)
		w.resume(at)
		w.look()
		pauses := 6
		if at.use == call {
			pauses = 2 // while others ask the rail for the same
		}
		if w.failure != nil || w.rand.IntN(pauses) == 0 {
			return
		}
	}
}

// A move is a thing that happens, and how often. What cannot happen now does not.
type move struct {
	weight int
	do     func(*world)
}

var moves = []move{
	{14, (*world).sendSomething},
	{60, (*world).claimSomething},
	{3, (*world).enterSomewhere},
	{4, (*world).moveMoney},
	{5, (*world).changeSomething},
	{3, (*world).changeKeys},
	{5, (*world).lookSomewhere},
	{4, (*world).revisit},
	{50, (*world).pay},
	{7, (*world).sweep},
	{24, (*world).pass},
	{5, (*world).jump},
	{1, (*world).confirmClock},
	{2, (*world).hangUp},
	{1, (*world).killOne},
	{1, (*world).stopOne},
	{1, (*world).cutPower},
	{2, (*world).failDisk},
}

// weigh draws what this life is about: some things happen more often than in other
// lives, some not at all.
func (w *world) weigh() {
	for _, m := range moves {
		n := m.weight * pick(w.rand, []int{0, 1, 1, 2, 4})
		if m.weight >= 10 {
			n = max(n, m.weight)
		}
		w.weights = append(w.weights, n)
		w.weight += n
	}
}

// running lists the processes that take requests.
func (w *world) running() (all []*process) {
	for _, s := range w.servers {
		if s.process != nil {
			all = append(all, s.process)
		}
	}
	return all
}

// at gives a process that takes requests, if there is one, or two now and then.
func (w *world) at(do func(*process)) {
	all := w.running()
	if len(all) == 0 {
		return
	}
	first := w.rand.IntN(len(all))
	do(all[first])
	if len(all) == 2 && w.rand.IntN(3) == 0 {
		w.counts.add("event: asked twice at once", 1)
		do(all[1-first])
	}
}

// resume lets a task go on from a point, with a mishap or without.
func (w *world) resume(p *point) {
	if w.db.locked && p.use == update && w.rand.IntN(2) == 0 {
		w.decide(w.rand.IntN(2) == 0)
	}
	m := fine
	switch {
	case p.use == update && (w.db.locked || w.db.full):
		m = busy
	case !w.calm && w.rand.IntN(1000) < w.tune.trouble*weightOf[p.use]/4:
		m = pick(w.rand, mishapsOf[p.use])
	}
	if m == stale && p.task.kind == operation {
		m = busy // an operator believes it
	}
	w.counts.add("uses of "+string(p.use), 1)
	if m != fine {
		w.counts.add("mishap: "+m.String(), 1)
	}
	w.note("%s: %s %d goes on: %s %s %s", p.task.process.name, p.task.kind, p.task.id, p.use, p.what, m)
	w.acting = p.task.process
	w.tasks.resume(p, m)
	if m == inDoubt && w.db.doubt != (storetest.Snapshot{}) {
		w.auditDoubt()
	}
}

var mishapsOf = map[use][]mishap{
	view:   {busy, diesBefore},
	update: {busy, stale, ranTwice, rolledBack, lost, unheard, inDoubt, inDoubt, inDoubt, diesBefore, diesAfter},
	call:   {notArrived, answerLost, arrivedTwice, late, timedOut, diesBefore, diesAfter},
}

// weightOf is how often there is a mishap with one use of four.
var weightOf = map[use]int{view: 1, update: 4, call: 16}

// auditDoubt looks at what there will be if a commit in doubt is found to be there.
func (w *world) auditDoubt() {
	m := storetest.NewMemory()
	m.Restore(w.db.doubt)
	if err := audited(m, false); err != nil {
		w.fail("%w", err)
	}
}

func (w *world) decide(committed bool) {
	w.note("the commit in doubt is there: %v", committed)
	w.db.decide(committed)
}

// commit gives a committer a turn.
func (w *world) commit(p *process) {
	w.note("%s: a turn of the committer", p.name)
	p.committing = w.start(context.Background(), p, committer, func(ctx context.Context) func() {
		p.engine.Step(ctx)
		return func() { p.committing = nil }
	})
}

// tidy notes what has ended, and buries the processes that have died.
func (w *world) tidy() {
	for again := true; again; {
		again = false
		for _, t := range w.tasks.collect() {
			again = true
			t.cancel()
			if t.panic != "" {
				w.fail("panic: %s", t.panic)
				continue
			}
			t.learn()
		}
		for _, p := range w.processes {
			again = w.bury(p) || again
		}
		w.processes = slices.DeleteFunc(w.processes, func(p *process) bool {
			return p.closed && !slices.ContainsFunc(w.tasks.alive, func(t *task) bool { return t.process == p })
		})
	}
}

// bury moves a dead or leaving process on towards its end.
func (w *world) bury(p *process) (moved bool) {
	dead := p.dead.Load()
	if dead && p.server.process == p {
		w.note("%s is dead", p.name)
		p.server.process, p.leaving = nil, true
		p.stop()
		for _, t := range w.tasks.alive {
			if t.process == p && t.kind != committer {
				t.cancel()
				synctest.Wait()
			}
		}
		moved = true
	}
	if dead {
		for _, at := range w.tasks.standing(func(at *point) bool { return at.task.process == p }) {
			w.tasks.resume(at, fine)
			moved = true
		}
	}
	if p.leaving && !p.closed && p.committing == nil && len(w.tasks.standing(func(at *point) bool { return at.task.process == p })) == 0 {
		p.closed = true
		p.engine.Close()
		synctest.Wait()
		w.counts.addWork(p)
		moved = true
	}
	return moved
}

func (w *world) kill(p *process) {
	w.note("%s is killed", p.name)
	w.counts.add("event: killed", 1)
	p.die()
}
