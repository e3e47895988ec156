package payout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
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
	last   bool // if the rail does not know it, it is cancelled (tooLate)

	err   error        // why nothing was sent, if the database could not say that it may be
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
				w.perform(ctx, j)
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	wait.Wait()
}

// perform asks, submits, or does one after the other. Every submit of a payout sends
// the same bytes under the same key, and the row says so before the first of them.
// What is not submitted, because payouts were paused or the packet held meanwhile,
// stays as it is leased, and is asked about when the lease is over.
func (w *Worker) perform(ctx context.Context, j *job) {
	if j.ask {
		r := within(ctx, w.callTime, j.frozen, j.channel.Query)
		j.answers = append(j.answers, answer{sourceQuery, r})
		if !j.resend || r.Outcome != Unknown || r.Progress != NeverSeen {
			return
		}
	}
	stopped, err := w.stopped(ctx, j.leased.Packet)
	if err != nil {
		j.err = fmt.Errorf("payout: packet %d: before a submit: %w", int64(j.leased.Packet), err)
	}
	if stopped || err != nil {
		return
	}
	j.answers = append(j.answers, answer{sourceCreate, within(ctx, w.callTime, j.frozen, j.channel.Submit)})
}

// stopped says whether there is a pause, or a packet is held, by the database as it is
// now: a round is long, and either may have begun since it took its leases.
func (w *Worker) stopped(ctx context.Context, id packet.ID) (stopped bool, err error) {
	err = w.store.View(ctx, func(r store.Reader) error {
		pause, err := ReadPause(r)
		if err != nil {
			return err
		}
		row, err := r.Packet(id)
		stopped = pause.Paused() || row.Head.Held
		return err
	})
	return stopped, err
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
			if a.Progress == NeverSeen {
				a.Result = Result{Outcome: Refused, Cancelled: true, Code: a.Code, Evidence: a.Evidence}
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
// is, and it is noted that it was asked about; but the last one is cancelled. For that
// it too goes by way of submitting, in one write: whatever is final was that.
func (j *job) probed(p store.Payout, a answer, now int64) (store.Payout, store.PayoutEvent) {
	p.Version, p.UpdatedAt = p.Version+1, now
	switch {
	case a.Outcome == Unknown && a.Progress == NoProgress:
		p.NextCheck = nextCheck(&p, 0, now)
		return p, store.PayoutEvent{}
	case a.Outcome == Unknown && a.Progress == NeverSeen && j.last:
		p.State, p.Frozen = store.PayoutSubmitting, j.sealed
		return p, event(&p, a.source, "asked about only, not sent", now)
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
		never := j.last && slices.ContainsFunc(j.answers, unseen)
		if j.leased.State == store.PayoutQueued && j.row.State != store.PayoutQueued && !never {
			w.stats.Recovered.Add(1)
		}
		switch {
		case never: // no rail has refused it
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

func unseen(a answer) bool { return a.Progress == NeverSeen }
