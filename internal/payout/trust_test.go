package payout_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
)

// TestAClaimOfAnotherProcessIsPaid: memory is behind the book, and catches up, whoever
// made the payout.
func TestAClaimOfAnotherProcessIsPaid(t *testing.T) {
	t.Parallel()
	for name, follow := range map[string]func(here, there *payout.Worker, id packet.ID) error{
		"followed here":  func(here, _ *payout.Worker, id packet.ID) error { return here.Follow(context.Background(), id) },
		"followed there": func(_, there *payout.Worker, id packet.ID) error { return there.Follow(context.Background(), id) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay)
			id := b.send(1, "lin")
			other := b.beside()
			other.claim(id, "wang")
			w := b.worker(r)
			b.must(follow(w, other.worker(r), id))
			if n, err := w.Round(t.Context()); n != 2 || err != nil {
				t.Errorf("%d payouts are due, %v", n, err)
			}
			if row := b.packet(id); !row.Settled || paid(r) != row.Head.Claimed {
				t.Errorf("settled %v, %d of %d fen paid", row.Settled, paid(r), row.Head.Claimed)
			}
		})
	}
}

// TestABookThatWasEditedIsNotPaid edits a book in the database, once its claims were
// committed, and looks at it from processes that remember more or less of it.
func TestABookThatWasEditedIsNotPaid(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{
		"a larger share": `UPDATE claims SET amount = 19999 WHERE slot = 2`,
		"two shares change hands": `
			CREATE TEMP TABLE was AS SELECT slot, claimant, payee, payee_hash FROM claims WHERE slot > 0;
			UPDATE claims SET claimant = CASE slot WHEN 1 THEN x'01010101010101010101010101010101' ELSE x'02020202020202020202020202020202' END WHERE slot > 0;
			UPDATE claims SET (claimant, payee, payee_hash) = (SELECT claimant, payee, payee_hash FROM was WHERE was.slot = 3 - claims.slot) WHERE slot > 0`,
		"somebody instead of another": `
			UPDATE claims SET (payee, payee_hash) = (SELECT payee, payee_hash FROM claims WHERE slot = 1) WHERE slot = 2`,
		"another time":      `UPDATE claims SET at = at + 1 WHERE slot = 2`,
		"another hash":      `UPDATE claims SET hash = x'0000000000000000000000000000000000000000000000000000000000000000' WHERE slot = 2`,
		"another merchant":  `UPDATE terms SET mch_id = '1'`,
		"another channel":   `UPDATE terms SET channel = 'sandbox'`,
		"a head of its own": `UPDATE packets SET hash = x'0000000000000000000000000000000000000000000000000000000000000000'`,
	} {
		for view, from := range map[string]func(b, other *bench) *bench{
			"behind the book":   func(b, _ *bench) *bench { return b },
			"after a restart":   func(b, _ *bench) *bench { return b.beside() },
			"knowing all of it": func(_, other *bench) *bench { return other },
		} {
			t.Run(name+", "+view, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, "rail")
				id := b.send(1, "lin", "wang")
				other := b.beside()
				other.claim(id, "mallory")
				shares := make(map[string]money.Fen)
				for i, c := range read(b, func(r store.Reader) ([]packet.Claim, error) { return r.Claims(id, 0) }) {
					shares[[]string{"lin", "wang", "mallory"}[i]] = c.Amount
				}
				b.tamper(edit)
				r := rail(payouttest.Pay)
				w := from(b, other).worker(r)
				for range 3 {
					_ = scan(t.Context(), w) // it may say that it distrusts the packet
					_, _ = w.Round(t.Context())
					b.clock.move(time.Minute)
				}
				for who, amount := range r.Paid() {
					if amount != shares[who[1]] {
						t.Errorf("%s is paid %d fen for a share of %d", who[1], amount, shares[who[1]])
					}
				}
				if view != "knowing all of it" && (r.Calls() != 0 || len(b.payouts(id)) != 0) {
					t.Errorf("%d payouts, %d calls for a book that does not hold", len(b.payouts(id)), r.Calls())
				}
			})
		}
	}
}

// TestAPayoutThatWasEditedIsNotReturned edits payouts before a share would go
// back to the merchant.
func TestAPayoutThatWasEditedIsNotReturned(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{
		"a larger share":                     `UPDATE payouts SET amount = 19999 WHERE slot = 1 AND generation = 1`,
		"another slot":                       `UPDATE payouts SET slot = 0 WHERE slot = 1 AND generation = 1`,
		"a slot beyond":                      `UPDATE payouts SET slot = 9 WHERE slot = 1 AND generation = 1`,
		"another claimant":                   `UPDATE payouts SET claimant = x'00000000000000000000000000000000' WHERE slot = 1 AND generation = 1`,
		"another merchant":                   `UPDATE payouts SET mch_id = '1' WHERE slot = 1 AND generation = 1`,
		"another channel":                    `UPDATE payouts SET channel = 'none' WHERE slot = 1 AND generation = 1`,
		"the attempt that was paid is moved": `UPDATE payouts SET slot = 9 WHERE slot = 0 AND generation = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := payouttest.NewRail(packet.Sandbox, func(o payout.Order) payouttest.Fate {
				if o.Generation == 1 {
					return payouttest.Mend
				}
				return payouttest.Pay
			}, func() payouttest.Fault { return payouttest.Fine })
			w := b.worker(r)
			id := b.send(1, "lin", "wang")
			b.settle(w)
			b.clock.move(time.Minute)
			b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
			b.settle(w)
			b.tamper(edit)
			b.clock.move(payout.MendWithin)
			if err := scan(t.Context(), w); err == nil {
				t.Error("nothing is reported")
			}
			if head := b.packet(id).Head; head.Returned != 0 || !head.Held || w.Stats().Mismatches.Load() != 1 {
				t.Errorf("%d fen returned, held %v, %d mismatches", head.Returned, head.Held, w.Stats().Mismatches.Load())
			}
		})
	}
}

// TestAnAttemptOfAnEditedPayoutIsNotFollowedByAnother: a visit believes rows no more
// than a round does.
func TestAnAttemptOfAnEditedPayoutIsNotFollowedByAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	w := b.worker(rail(payouttest.Mend))
	id := b.send(1, "lin")
	b.settle(w)
	b.tamper(`UPDATE payouts SET amount = 19999`)
	b.clock.move(time.Minute)
	if err := w.Revisit(t.Context(), id, b.claimant(id, "lin")); err == nil || !b.packet(id).Head.Held {
		t.Errorf("%v, held %v", err, b.packet(id).Head.Held)
	}
	b.only(id)
}

// TestNothingOfABrokenBookIsReturnedOrSettled: the rest of the rows may be in order.
func TestNothingOfABrokenBookIsReturnedOrSettled(t *testing.T) {
	t.Parallel()
	for name, fate := range map[string]payouttest.Fate{"a share that was refused": payouttest.Refuse, "a share that was paid": payouttest.Pay} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(fate)
			id := b.send(0, "lin")
			b.must(b.worker(r).Follow(t.Context(), id))
			w := b.worker(&meddler{Rail: r, submit: func(r payout.Result) payout.Result {
				b.tamper(`UPDATE claims SET at = at + 1; UPDATE packets SET seq = seq + 1`)
				return r
			}})
			_, _ = w.Round(t.Context())
			_ = scan(t.Context(), w)
			if row := b.packet(id); row.Head.Returned != 0 || row.Settled || !b.only(id).State.Final() {
				t.Errorf("%d fen returned, settled %v, %s", row.Head.Returned, row.Settled, b.only(id).State)
			}
		})
	}
}

// TestNoShareReturnsWhileTheClockIsInDoubt: the wall clock jumps over the days that a
// payee had to mend the reason. What the rail refused for good does not wait.
func TestNoShareReturnsWhileTheClockIsInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin, jump := time.Now(), &clock{}
		b := newBenchAt(t, "rail", nil,
			func() time.Time { return time.Now().Add(jump.Elapsed()) }, func() time.Duration { return time.Since(begin) })
		mend, refuse := b.worker(rail(payouttest.Mend)), b.worker(rail(payouttest.Refuse))
		id := b.send(1, "lin")
		b.settle(mend)
		time.Sleep(2 * time.Second)
		jump.move(payout.MendWithin)
		time.Sleep(2 * time.Second)
		if b.engine.ClockHolds() {
			t.Fatal("nobody has noticed that the clock was moved")
		}
		b.settle(mend)
		if p := b.only(id); p.Returned {
			t.Error("a share is returned days before its time")
		}
		other := b.send(0, "wang")
		b.settle(refuse)
		if p := b.only(other); !p.Returned {
			t.Error("a share that was refused for good waits for the clock")
		}
		b.must(b.engine.ConfirmClock(t.Context())) // it really is that late
		b.settle(mend)
		if p := b.newest(id); !p.Returned {
			t.Error("a share was not returned in its time")
		}
	})
}
