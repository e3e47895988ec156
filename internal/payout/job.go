package payout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
)

// job is one payout under a lease, and what is to be done about it.
type job struct {
	leased  store.Payout
	channel Channel
	frozen  Frozen
	ask     bool // it may have been sent: nothing is sent before the rail was asked
	resend  bool // if the rail says that it never saw it
	answers []answer

	// Of what was not sent from here (Worker.probe); else zero.
	sealed []byte // the request, as it is kept once the rail knows it
	pause  Pause

	row   store.Payout // as the answers left it
	final bool         // by these answers
}

// call calls the channels, with a bounded number of calls at a time.
func (w *Worker) call(ctx context.Context, jobs []*job) {
	next := make(chan *job)
	var wait sync.WaitGroup
	for range min(w.calls, len(jobs)) {
		wait.Go(func() {
			for j := range next {
				j.call(ctx, w.callTime)
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	wait.Wait()
}

// call asks, submits, or does one after the other. Every submit of a payout sends
// the same bytes under the same key, and the row says so before the first of them.
func (j *job) call(ctx context.Context, limit time.Duration) {
	if j.ask {
		r := within(ctx, limit, j.frozen, j.channel.Query)
		j.answers = append(j.answers, answer{sourceQuery, r})
		if !j.resend || r.Outcome != Unknown || r.Progress != NeverSeen {
			return
		}
	}
	j.answers = append(j.answers, answer{sourceCreate, within(ctx, limit, j.frozen, j.channel.Submit)})
}

func within(ctx context.Context, limit time.Duration, f Frozen, call func(context.Context, Frozen) Result) Result {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return call(ctx, f)
}

// record writes down what the channels answered. A payout that another worker has
// moved on meanwhile is read again, and the answer applied to what it is now.
func (w *Worker) record(ctx context.Context, jobs []*job) error {
	now := w.now()
	err := store.ErrStale
	for try := 0; try < triesMax && errors.Is(err, store.ErrStale); try++ {
		err = w.store.Update(ctx, func(tx store.Tx) error {
			var rows []store.Payout
			var events []store.PayoutEvent
			for _, j := range jobs {
				was := j.leased
				if try > 0 {
					var err error
					if was, err = current(tx, &j.leased); err != nil {
						return err
					}
				}
				more, err := j.apply(was, now)
				if err != nil {
					return err
				}
				if j.row.Version != was.Version {
					rows, events = append(rows, j.row), append(events, more...)
				}
			}
			return write(tx, rows, events)
		})
	}
	if err == nil {
		w.count(jobs)
	}
	return err
}

// apply makes j.row what was becomes by the answers, one version on if anything
// changed.
func (j *job) apply(was store.Payout, now int64) (events []store.PayoutEvent, err error) {
	confirm := j.channel.Limits().ConfirmTTL
	j.row = was
	for _, a := range j.answers {
		var e store.PayoutEvent
		if j.row.State == store.PayoutQueued && j.sealed != nil {
			if j.row, e = j.probed(j.row, a, now); e.State != "" {
				events = append(events, e)
			}
			if j.row.State == store.PayoutQueued {
				continue
			}
		}
		if j.row, e, err = apply(j.row, a, confirm, now); err != nil {
			return nil, err
		}
		if e.State != "" {
			events = append(events, e)
		}
	}
	j.row.Version = min(j.row.Version, was.Version+1) // two answers are one write
	j.final = j.row.State.Final() && !was.State.Final()
	return events, nil
}

// probed moves on a payout that was not sent from here and was asked about. One that
// the rail knows has been sent, by a server whose database is lost: what the rail
// says of it is then applied as to any other. One that it does not know stays as it
// is, and it is noted that it was asked about.
func (j *job) probed(p store.Payout, a answer, now int64) (store.Payout, store.PayoutEvent) {
	p.Version, p.UpdatedAt = p.Version+1, now
	switch {
	case a.Outcome == Unknown && a.Progress == NoProgress:
		p.NextCheck = nextCheck(&p, 0, now)
		return p, store.PayoutEvent{}
	case a.Outcome == Unknown && a.Progress == NeverSeen:
		p.Attempts, p.NextCheck = 0, now+waitLong.Milliseconds() // asleep, see Worker.asleep
		return p, event(&p, a.source, neverSeen(j.pause)+a.Evidence, now)
	default:
		p.State, p.Frozen = store.PayoutSubmitting, j.sealed
		return p, event(&p, a.source, "the channel knows it", now)
	}
}

// current reads a payout as it is now.
func current(tx store.Tx, p *store.Payout) (store.Payout, error) {
	all, err := tx.Payouts(p.Packet)
	for i := range all {
		if all[i].Claimant == p.Claimant && all[i].Generation == p.Generation {
			return all[i], err
		}
	}
	if err == nil {
		err = fault.NotFound
	}
	return store.Payout{}, err
}

// count counts what answers brought.
func (w *Worker) count(jobs []*job) {
	for _, j := range jobs {
		if j.leased.State == store.PayoutQueued && j.row.State != store.PayoutQueued {
			w.stats.Recovered.Add(1)
		}
		switch {
		case j.row.State.Final() && j.row.Operator && !j.leased.Operator:
			w.stats.Contradictions.Add(1)
		case j.row.Operator && !j.leased.Operator && slices.ContainsFunc(j.answers, conflicts):
			w.stats.Conflicts.Add(1)
		case j.final && j.row.State == store.PayoutDone:
			w.stats.Done.Add(1)
		case j.final:
			w.stats.Refused.Add(1)
		}
	}
}

func conflicts(a answer) bool { return a.Progress == Conflict }
