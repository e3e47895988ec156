package payout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
)

const (
	seeds  = 12
	steps  = 200
	people = 8
)

// TestNobodyIsPaidTwice lives through random histories: claims, rounds, revisits,
// holds, workers that die between any two writes, requests and answers that are lost,
// delayed or doubled. At no moment has anybody been paid more than their share. When
// faults stop, every share is paid or returned, and the books agree.
func TestNobodyIsPaidTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			newHistory(t, seed).live()
		})
	}
}

// history is one life of two packets, replayed by its seed.
type history struct {
	*bench
	random *rand.Rand
	rail   *payouttest.Rail
	worker *payout.Worker
	ids    []packet.ID
	calm   bool // no faults any more
	lost   lostClaims
}

func newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	h := &history{bench: newBench(t, "rail"), random: rand.New(rand.NewPCG(seed, 0))}
	h.rail = payouttest.NewRail(packet.Sandbox,
		func(payout.Order) payouttest.Fate { return pick(h.random, append(payouttest.Fates(), payouttest.Mend)) },
		func() payouttest.Fault {
			if h.calm || h.random.IntN(2) > 0 {
				return payouttest.Fine
			}
			return pick(h.random, payouttest.Faults())
		})
	cut := func() error {
		if h.calm || h.random.IntN(10) > 0 {
			return nil
		}
		return errCut
	}
	h.store.before, h.store.after = cut, cut
	h.restart()
	for range 2 {
		h.ids = append(h.ids, h.send(people-1, "p0"))
	}
	return h
}

// restart drops the worker and makes a new one.
func (h *history) restart() { h.worker = h.bench.worker(h.rail) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (h *history) live() {
	for range steps {
		h.step()
		h.check()
	}
	h.calm = true
	for _, id := range h.ids {
		_ = h.engine.Release(h.t.Context(), id, "over") // it may not be held
		h.end(id)
	}
	for range 40 { // a share that could be mended returns after 7 days
		h.settle(h.worker)
		h.check()
		h.clock.move(5 * time.Hour)
	}
	for _, id := range h.ids {
		h.checkEnd(id)
	}
}

// step does one thing. What is cut off or refused is as it should be; check judges.
func (h *history) step() {
	ctx, id := h.t.Context(), pick(h.random, h.ids)
	who := fmt.Sprintf("p%d", h.random.IntN(people))
	var err error
	switch h.random.IntN(16) {
	case 0, 1, 2:
		_, err = h.engine.Claim(ctx, id, engine.Person{Provider: "sandbox", Space: appID, Subject: who}, 0, fault.OK)
		if c := fault.CodeOf(err); c == fault.SeedFirst || c == fault.Held || c == fault.Finished || c == fault.Expired {
			err = nil
		}
	case 3, 4, 5, 6:
		_, err = h.worker.Round(ctx)
	case 7:
		err = scan(ctx, h.worker)
	case 8:
		err = h.worker.Follow(ctx, id)
	case 9, 10, 11:
		h.clock.move(pick(h.random, []time.Duration{time.Second, 6 * time.Second, time.Minute, 6 * time.Minute, 20 * time.Minute, 2 * time.Hour}))
	case 12, 13:
		err = h.worker.Revisit(ctx, id, h.claimant(id, who))
	case 14:
		if h.engine.Hold(ctx, id, "random") != nil {
			_ = h.engine.Release(ctx, id, "random") // it may have ended
		}
	case 15:
		h.restart()
	}
	if err != nil && !errors.Is(err, errCut) {
		h.t.Fatal(err)
	}
}

// check holds what must be true at any moment.
func (h *history) check() {
	if wrong := h.rail.Wrong(); len(wrong) > 0 && h.lost == nil {
		h.t.Fatalf("the rail complains: %q", wrong)
	}
	if s := h.worker.Stats(); s.Mismatches.Load() > 0 || s.Contradictions.Load() > 0 {
		h.t.Fatalf("health: %q", h.worker.Health())
	}
	for _, id := range h.ids {
		paid := h.paid(id)
		head := h.packet(id).Head
		var followed, owed money.Fen
		for _, p := range h.newest(id) {
			if p.Returned && paid[p.Claimant] > 0 || paid[p.Claimant] > p.Amount && !h.lost.allows(id, p.Claimant, paid[p.Claimant]) {
				h.t.Fatalf("packet %d: %d fen paid for a share of %d, returned %v", id, paid[p.Claimant], p.Amount, p.Returned)
			}
			if p.State == store.PayoutDone && paid[p.Claimant] != p.Amount {
				h.t.Fatalf("packet %d: a share of %d is done, %d fen are paid", id, p.Amount, paid[p.Claimant])
			}
			followed = followed.Plus(p.Amount)
			if !p.Returned {
				owed = owed.Plus(p.Amount)
			}
		}
		if head.Returned != followed.Minus(owed) {
			h.t.Fatalf("packet %d: the head says %d fen returned, its payouts %d", id, head.Returned, followed.Minus(owed))
		}
	}
}

// checkEnd holds what must be true at the end.
func (h *history) checkEnd(id packet.ID) {
	row, paid := h.packet(id), h.paid(id)
	var sum money.Fen
	all := h.newest(id)
	for _, p := range all {
		if h.lost[id][p.Claimant] != nil && p.Operator {
			return // the rail has another amount: nothing moves
		}
		if !p.State.Final() || p.Returned == (paid[p.Claimant] == p.Amount) {
			h.t.Errorf("packet %d: slot %d ends %s, returned %v, with %d of %d fen paid", id, p.Slot, p.State, p.Returned, paid[p.Claimant], p.Amount)
		}
		sum = sum.Plus(paid[p.Claimant])
	}
	if !row.Settled || len(all) != row.Head.ClaimedNum || row.Head.Claimed != row.Head.Returned.Plus(sum) {
		h.t.Errorf("packet %d: settled %v, %d payouts of %d claims, claimed %d = returned %d + paid %d",
			id, row.Settled, len(all), row.Head.ClaimedNum, row.Head.Claimed, row.Head.Returned, sum)
	}
}

// newest lists the newest payout of each claim, and fails on a second one while an
// earlier one is not refused.
func (h *history) newest(id packet.ID) (newest []store.Payout) {
	for _, p := range h.payouts(id) {
		n := len(newest) - 1
		if n < 0 || newest[n].Slot != p.Slot {
			newest = append(newest, p)
			continue
		}
		if old := newest[n]; old.State != store.PayoutRefused || old.Returned || p.Generation != old.Generation+1 {
			h.t.Fatalf("packet %d: slot %d has generation %d after one that is %s, returned %v", id, p.Slot, p.Generation, old.State, old.Returned)
		}
		newest[n] = p
	}
	return newest
}

// paid is what the rail paid for a packet, by claimant.
func (h *history) paid(id packet.ID) map[packet.Claimant]money.Fen {
	all := make(map[packet.Claimant]money.Fen)
	for who, amount := range h.rail.Paid() {
		if who[0] == id.ListID(packet.Sandbox) {
			all[h.claimant(id, who[1])] = amount
		}
	}
	return all
}
