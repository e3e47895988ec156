package sim_test

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing/synctest"
)

// A task is something that runs in a process: a request, or a turn of its committer,
// sweeper or payout worker.
type task struct {
	id      int
	kind    kind
	process *process
	cancel  context.CancelFunc
	hungUp  bool   // nobody waits for the answer any more
	learn   func() // what the world learns when it has ended; nil if it panicked
	panic   string
}

type kind string

const (
	request   kind = "request"   // of a merchant or claimant
	operation kind = "operation" // of an operator
	committer kind = "committer"
	sweeper   kind = "sweeper"
	payer     kind = "payer"
)

// A point is where a task stands still: before it uses the database or the rail.
type point struct {
	task *task
	use  use
	what string
	turn chan mishap
}

// tasks are all tasks of a world. At any moment at most one of them runs, but for
// those that have just been answered and use nothing more.
type tasks struct {
	started int
	alive   []*task // by id

	mu     sync.Mutex // guards all below
	points []*point
	ended  []*task
}

type taskKey struct{}

// start runs f as a task until it stands still. What f returns is called once it has
// ended, by the driver.
func (w *world) start(parent context.Context, p *process, k kind, f func(context.Context) func()) *task {
	w.tasks.started++
	t := &task{id: w.tasks.started, kind: k, process: p}
	ctx := context.WithValue(parent, taskKey{}, t)
	ctx, t.cancel = context.WithCancel(ctx)
	w.tasks.alive = append(w.tasks.alive, t)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				t.panic = fmt.Sprintf("%v\n%s", r, debug.Stack())
			}
			w.tasks.mu.Lock()
			defer w.tasks.mu.Unlock()
			w.tasks.ended = append(w.tasks.ended, t)
		}()
		t.learn = f(ctx)
	}()
	synctest.Wait()
	return t
}

// stand stands still until the driver says how it goes on. What is not a task's, such
// as the first look of an engine at its database, goes on at once.
func (s *tasks) stand(ctx context.Context, u use, what string) mishap {
	t, ok := ctx.Value(taskKey{}).(*task)
	if !ok {
		return fine
	}
	p := &point{t, u, what, make(chan mishap)}
	s.mu.Lock()
	s.points = append(s.points, p)
	s.mu.Unlock()
	return <-p.turn
}

// standing lists the points at which tasks stand, in an order that the seed decides
// alone.
func (s *tasks) standing(which func(*point) bool) (all []*point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.points {
		if which(p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *point) int {
		return cmp.Or(cmp.Compare(a.task.id, b.task.id), cmp.Compare(a.what, b.what))
	})
	return all
}

func anyPoint(*point) bool { return true }

// resume lets a task go on from a point until all stand still again.
func (s *tasks) resume(p *point, m mishap) {
	s.mu.Lock()
	s.points = slices.DeleteFunc(s.points, func(o *point) bool { return o == p })
	s.mu.Unlock()
	p.turn <- m
	synctest.Wait()
}

// collect takes the tasks that have ended, by id.
func (s *tasks) collect() []*task {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := s.ended
	s.ended = nil
	slices.SortFunc(ended, func(a, b *task) int { return cmp.Compare(a.id, b.id) })
	s.alive = slices.DeleteFunc(s.alive, func(t *task) bool { return slices.Contains(ended, t) })
	return ended
}

// waits says whether a task of the process waits for its committer.
func (s *tasks) waits(p *process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.alive, func(t *task) bool {
		return t.process == p && t.kind != committer && !slices.ContainsFunc(s.points, func(o *point) bool { return o.task == t })
	})
}
