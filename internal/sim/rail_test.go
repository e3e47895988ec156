package sim_test

import (
	"context"
	"math/rand/v2"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
)

// rail is the bank of a world. What it does with a payout, and what goes wrong with a
// call, is drawn from the seed.
type rail struct {
	*payouttest.Rail
	next payouttest.Fault // of the call that is being made
}

func newRail(chance *rand.Rand) *rail {
	r := &rail{}
	r.Rail = payouttest.NewRail(packet.Sandbox,
		func(payout.Order) payouttest.Fate { return pick(chance, append(payouttest.Fates(), payouttest.Mend)) },
		func() payouttest.Fault { return r.next })
	return r
}

// line is a process's channel to the rail.
type line struct {
	*rail
	world   *world
	process *process
}

// Submit implements payout.Channel.
func (l line) Submit(ctx context.Context, f payout.Frozen) payout.Result {
	return l.call(ctx, "submit", f, l.rail.Submit)
}

// Query implements payout.Channel.
func (l line) Query(ctx context.Context, f payout.Frozen) payout.Result {
	return l.call(ctx, "query", f, l.rail.Query)
}

func (l line) call(ctx context.Context, what string, f payout.Frozen, do func(context.Context, payout.Frozen) payout.Result) payout.Result {
	m := l.world.tasks.stand(ctx, call, what+" "+f.Key)
	if l.process.dead.Load() {
		return payout.Result{}
	}
	if m == diesBefore {
		l.process.die()
		return payout.Result{}
	}
	l.rail.next = map[mishap]payouttest.Fault{
		notArrived: payouttest.NotArrived, answerLost: payouttest.AnswerLost, arrivedTwice: payouttest.Twice, late: payouttest.Late,
	}[m]
	if ctx.Err() != nil && m == fine {
		m = timedOut // while it stood still; the rail does not know that nobody listens
	}
	result := do(context.WithoutCancel(ctx), f)
	switch m { //nolint:exhaustive // the others are of the database, or drawn above
	case diesAfter:
		l.process.die()
		return payout.Result{}
	case timedOut:
		return payout.Result{}
	}
	return result
}
