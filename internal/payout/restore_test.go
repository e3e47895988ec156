package payout_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

// backup copies the database as it is now, row by row, whatever its engine.
func (b *bench) backup() *storebed.Bed {
	b.t.Helper()
	bed := storebed.New(b.t)
	to := bed.Open(b.t)
	b.must(b.store.Store.View(b.t.Context(), func(from store.Reader) error {
		return to.Update(b.t.Context(), func(tx store.Tx) error { return copyRows(from, tx) })
	}))
	return bed
}

// copyRows copies what a bench can have in its database.
func copyRows(from store.Reader, to store.Tx) error {
	const all = 10_000
	var err error
	try := func(e error) {
		if err == nil {
			err = e
		}
	}
	merchants, e := from.Merchants()
	try(e)
	for _, m := range merchants {
		try(to.InsertMerchant(m))
		book, e := from.Account(m.MchID)
		try(e)
		entries, e := from.AccountEntries(m.MchID, 0, all)
		try(e)
		bills, e := from.Bills(m.MchID, "", all)
		try(e)
		try(to.UpdateAccounts([]store.AccountUpdate{{To: book}}))
		try(to.InsertAccountEntries(entries))
		try(to.InsertBills(bills))
	}
	packets, e := from.Packets(0, all)
	try(e)
	try(to.InsertPackets(packets))
	for i := range packets {
		id := packets[i].Head.ID
		claims, e := from.Claims(id, 0)
		try(e)
		entries, e := from.Entries(id)
		try(e)
		place, e := from.Follower(id, "payout")
		try(e)
		payouts, e := from.Payouts(id)
		try(e)
		events, e := from.PayoutEvents(id)
		try(e)
		try(to.InsertClaims(claims))
		try(to.InsertEntries(entries))
		try(to.InsertPayouts(payouts))
		try(to.InsertPayoutEvents(events))
		if place.Fence > 0 {
			try(to.SaveFollower(store.Follower{}, place))
		}
	}
	return err
}

// restored is a bench on a backup, paused before anything else. The rail remembers
// what was sent after the backup, and the clock goes on.
func (b *bench) restored(backup *storebed.Bed) *bench {
	b.t.Helper()
	db := backup.Open(b.t)
	again := *b
	again.bed, again.store = backup, &hooked{Store: db, before: b.store.before, after: b.store.after}
	again.config.Store = db
	b.must(payout.Pause{Since: b.clock.Now(), Reason: "restored"}.Set(b.t.Context(), db))
	again.start()
	return &again
}

// TestAfterARestoreNobodyIsPaidTwice loses what came after a backup in each state that
// a share can be in, and finds it again at the rail.
func TestAfterARestoreNobodyIsPaidTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fate   payouttest.Fate
		before func(*bench, *payout.Worker, packet.ID) // the backup
		after  func(*bench, *payout.Worker, packet.ID) // it, and before the loss
		events []string
		word   string // in the end
	}{
		"a claim that had no payout": {
			events: []string{"submitting by query", "done by query"}, word: "paid",
		},
		"a payout that was not sent": {
			before: func(b *bench, w *payout.Worker, id packet.ID) { b.must(w.Follow(b.t.Context(), id)) },
			events: []string{"submitting by query", "done by query"}, word: "paid",
		},
		"one that waits for its payee": {
			fate:   payouttest.Confirm,
			events: []string{"submitting by query", "cancelling by query", "done by query"}, word: "paid",
		},
		"one that was refused for good": {
			fate:   payouttest.Refuse,
			events: []string{"submitting by query", "refused by query"}, word: "returned",
		},
		"one that was refused, mended and paid": {
			fate: payouttest.Mend,
			after: func(b *bench, w *payout.Worker, id packet.ID) {
				b.clock.move(time.Minute)
				b.must(w.Revisit(b.t.Context(), id, b.claimant(id, "lin")))
			},
			events: []string{"submitting by query", "refused by query", "submitting by query", "done by query"}, word: "paid",
		},
		"one that was refused before, and mended and paid after": {
			fate:   payouttest.Mend,
			before: func(b *bench, w *payout.Worker, _ packet.ID) { b.settle(w) },
			after: func(b *bench, w *payout.Worker, id packet.ID) {
				b.clock.move(time.Minute)
				b.must(w.Revisit(b.t.Context(), id, b.claimant(id, "lin")))
			},
			events: []string{"submitting by create", "refused by create", "submitting by query", "done by query"}, word: "paid",
		},
		"one that was refused before, and nobody came": {
			fate:   payouttest.Mend,
			before: func(b *bench, w *payout.Worker, _ packet.ID) { b.settle(w) },
			events: []string{"submitting by create", "refused by create", "submitting by query", "cancelled by query"}, word: "returned",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := newWatch(payouttest.NewRail(packet.Sandbox, func(o payout.Order) payouttest.Fate {
				if o.Generation > 1 {
					return payouttest.Pay
				}
				return c.fate
			}, nil))
			w := b.worker(r)
			id := b.send(0, "lin")
			if c.before != nil {
				c.before(b, w, id)
			}
			backup := b.backup()
			b.settle(w)
			if c.after != nil {
				c.after(b, w, id)
			}
			b.settle(w)
			sent := r.submits

			b.clock.move(8 * day) // a share that could be mended would return by now
			b = b.restored(backup)
			w = b.worker(r)
			b.settle(w)
			if r.submits != sent || b.unasked() != 0 {
				t.Errorf("during the pause: %d submits, %d are left", r.submits-sent, b.unasked())
			}
			b.resume()
			for range 3 {
				b.clock.move(11 * time.Minute)
				b.settle(w)
			}
			all := b.payouts(id)
			p := all[len(all)-1]
			if got := payout.Word(p, true); got != c.word || (paid(r.Rail) == p.Amount) != (c.word == "paid") || len(r.Wrong()) != 0 {
				t.Errorf("%s, %d of %d fen paid, %q", got, paid(r.Rail), p.Amount, r.Wrong())
			}
			if diff := cmp.Diff(c.events, b.events(id)); diff != "" {
				t.Error(diff)
			}
			if !b.packet(id).Settled {
				t.Error("the packet is not settled")
			}
		})
	}
}

// TestAClaimThatWasLost is paid, and claimed once more after the restore: under the
// same key, so the rail does not pay again. It says that it has another amount, or
// finds that it is the same.
func TestAClaimThatWasLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		slot     int // of the second claim; the first had 1
		paused   bool
		operator bool
	}{
		{"the same share, during the pause", 1, true, false},
		{"the same share, after it", 1, false, false},
		{"another share, during the pause", 2, true, true},
		{"another share, after it", 2, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			r := rail(payouttest.Pay)
			id := b.send(3, "lin")
			b.settle(b.worker(r))
			backup := b.backup()
			b.claim(id, "wang")
			b.settle(b.worker(r))
			before := paid(r)

			b.clock.move(time.Hour)
			b = b.restored(backup)
			w := b.worker(r)
			b.settle(w)
			if !c.paused {
				b.resume()
			}
			if c.slot == 2 {
				b.claim(id, "zhao")
			}
			b.claim(id, "wang")
			for range 10 {
				b.settle(w)
				b.clock.move(time.Hour)
			}
			if c.paused {
				b.resume()
			}
			for range 10 {
				b.settle(w)
				b.clock.move(time.Hour)
			}
			p := b.payouts(id)[c.slot]
			var others money.Fen
			if c.slot == 2 {
				others = b.payouts(id)[1].Amount
			}
			if paid(r) != before+others {
				t.Errorf("%d fen were paid for a share that had been paid", paid(r)-before-others)
			}
			word, want := payout.Word(p, true), "paid"
			if c.operator {
				want = "held"
			}
			if word != want || p.Operator != c.operator || w.Stats().Conflicts.Load() != int64(len(w.Health())) || (len(w.Health()) == 1) != c.operator {
				t.Errorf("%s: %+v, health %q", word, p, w.Health())
			}
			if found, err := payout.Look(t.Context(), b.store); err != nil || (found.Operator == 1) != c.operator {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

// TestTheSameClaimGivesTheSameRequest: to the byte, whenever it is made.
func TestTheSameClaimGivesTheSameRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t, "rail")
	b.send(0, "lin")
	backup := b.backup()
	first, second := rail(payouttest.Pay), rail(payouttest.Pay)
	b.settle(b.worker(first))
	b.clock.move(day)
	b = b.restored(backup)
	_, err := payout.Resume(t.Context(), b.store, true)
	b.must(err)
	b.settle(b.worker(second))
	if diff := cmp.Diff(first.Orders(), second.Orders()); diff != "" || len(first.Orders()) != 1 {
		t.Error(diff)
	}
}

// TestNoShareReturnsThatWasPaid by an attempt of which the database knows nothing,
// though its payee never comes back.
func TestNoShareReturnsThatWasPaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claimed bool // at the backup; its payout is under way then, and no answer has come
		waits   bool // for an answer until the pause is over
	}{
		"under way at the backup":                          {claimed: true},
		"under way at the backup, and still after a pause": {claimed: true, waits: true},
		"claimed after the backup, and anew after it":      {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			silent := 0
			if c.claimed {
				silent = 1
			}
			r := payouttest.NewRail(packet.Sandbox, func(o payout.Order) payouttest.Fate {
				if o.Generation > 1 {
					return payouttest.Pay
				}
				return payouttest.Mend
			}, func() payouttest.Fault {
				if silent == 0 {
					return payouttest.Fine
				}
				silent--
				return payouttest.AnswerLost
			})
			w := b.worker(r)
			id := b.sendTo("lin", 1)
			backup := b.backup()
			b.claim(id, "lin")
			b.settle(w)
			if c.claimed {
				backup = b.backup()
			}
			b.clock.move(time.Minute)
			b.settle(w)
			b.must(w.Revisit(t.Context(), id, b.claimant(id, "lin")))
			b.settle(w)
			if got := paid(r); got != b.packet(id).Head.Claimed {
				t.Fatalf("%d fen were paid before the loss", got)
			}

			b.clock.move(time.Hour)
			b = b.restored(backup)
			w = b.worker(r)
			if c.waits {
				silent = 1
				_, err := w.Round(t.Context())
				b.must(err)
			} else {
				b.settle(w)
				b.settle(w)
			}
			b.resume()
			if !c.claimed {
				b.claim(id, "lin")
			}
			for range 10 {
				b.clock.move(day)
				b.settle(w)
			}
			row, p := b.packet(id), b.newest(id)
			if !row.Settled || row.Head.Returned != 0 || p.State != store.PayoutDone || paid(r) != p.Amount || len(r.Wrong()) != 0 {
				t.Errorf("settled %v, %d fen returned, %s in generation %d, %d fen paid, %q",
					row.Settled, row.Head.Returned, p.State, p.Generation, paid(r), r.Wrong())
			}
		})
	}
}

// TestALastAttemptIsAskedAboutOnly: it is never sent, whatever comes between.
func TestALastAttemptIsAskedAboutOnly(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*bench, packet.ID){
		"nothing":  func(*bench, packet.ID) {},
		"a pause":  func(b *bench, _ packet.ID) { b.pause() },
		"a hold":   func(b *bench, id packet.ID) { b.must(b.engine.Hold(b.t.Context(), id, "test")) },
		"a lease":  func(b *bench, _ packet.ID) { b.store.after = func() error { b.store.after = nil; return errCut } },
		"a record": func(b *bench, _ packet.ID) { b.store.before = second(b, errCut) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "rail")
			// The first is refused. Asked about the second, the rail does not answer twice.
			r := newWatch(rail(payouttest.Mend, payouttest.Fine, payouttest.NotArrived, payouttest.NotArrived))
			w := b.worker(r)
			id := b.send(1, "lin")
			b.settle(w)
			b.clock.move(payout.MendWithin)
			b.must(w.Follow(t.Context(), id))
			if all := b.payouts(id); len(all) != 2 || all[0].Returned || all[1].State != store.PayoutQueued {
				t.Fatalf("%+v", all)
			}
			between(b, id)
			for range 3 {
				_, _ = w.Round(t.Context()) // it may be cut off
				b.clock.move(time.Hour)
			}
			_ = b.engine.Release(t.Context(), id, "test") // it may not be held
			b.settle(w)
			all, head := b.payouts(id), b.packet(id).Head
			if len(all) != 2 || all[0].Returned || all[1].State != store.PayoutCancelled || !all[1].Returned || head.Returned != head.Claimed {
				t.Errorf("%d of %d fen returned, %+v", head.Returned, head.Claimed, all)
			}
			if s := w.Stats(); r.submits != 1 || s.Refused.Load() != 1 || s.Recovered.Load() != 0 || len(r.Wrong()) != 0 {
				t.Errorf("%d submits, %d refused, %d recovered, %q", r.submits, s.Refused.Load(), s.Recovered.Load(), r.Wrong())
			}
		})
	}
}

// second is an error instead of the second update from now, and of no other.
func second(b *bench, err error) func() error {
	n := 0
	return func() error {
		if n++; n < 2 {
			return nil
		}
		b.store.before = nil
		return err
	}
}

// lostClaims are the claims that restores have forgotten: by packet and claimant, what
// they were worth.
type lostClaims map[packet.ID]map[packet.Claimant][]money.Fen

// allows says whether somebody's claim was forgotten, and what they were paid is what
// it was worth: once, then, and not again for what they have claimed since.
func (l lostClaims) allows(id packet.ID, who packet.Claimant, paid money.Fen) bool {
	return slices.Contains(l[id][who], paid)
}

// lose restores a backup in place of the database.
func (h *history) lose(backup *storebed.Bed) {
	before := h.bench
	h.bench = before.restored(backup)
	h.restart()
	for _, id := range h.ids {
		kept := make(map[packet.Claimant]bool)
		for _, c := range read(h.bench, func(r store.Reader) ([]packet.Claim, error) { return r.Claims(id, 0) }) {
			kept[c.Claimant] = true
		}
		for _, c := range read(before, func(r store.Reader) ([]packet.Claim, error) { return r.Claims(id, 0) }) {
			if !kept[c.Claimant] {
				h.lost[id][c.Claimant] = append(h.lost[id][c.Claimant], c.Amount)
			}
		}
	}
}

// TestNobodyIsPaidTwiceAcrossRestores lives through the same random histories, with
// pauses and with databases that are lost and restored from backups. Who had claimed
// before the backup is paid once or has their share returned. Who claimed after it is
// paid once at most, whatever they claim again.
func TestNobodyIsPaidTwiceAcrossRestores(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds / 2) { // each is as long as two of the others
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, seed)
			h.lost = lostClaims{h.ids[0]: {}, h.ids[1]: {}}
			for range 3 {
				h.liveOn(20 + h.random.IntN(60))
				backup := h.backup()
				h.liveOn(h.random.IntN(40))
				h.lose(backup)
			}
			h.liveOn(60)
			h.calm = true
			for tries := 0; ; tries++ {
				h.settle(h.worker)
				if _, err := payout.Resume(t.Context(), h.store, false); err == nil {
					break
				} else if tries == 20 {
					t.Fatal(err)
				}
				h.clock.move(time.Minute)
			}
			h.live()
		})
	}
}

// liveOn lives on for some steps, some of which pause payouts or try to resume them.
func (h *history) liveOn(steps int) {
	for range steps {
		var err error
		switch h.random.IntN(20) {
		case 0:
			err = payout.Pause{Since: h.clock.Now(), Reason: "random"}.Set(h.t.Context(), h.store)
		case 1, 2, 3:
			_, err = payout.Resume(h.t.Context(), h.store, false)
		default:
			h.step()
		}
		if err != nil && !errors.Is(err, errCut) && !errors.Is(err, payout.ErrUnasked) {
			h.t.Fatal(err)
		}
		h.check()
	}
}
