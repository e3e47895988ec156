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
			events: []string{"submitting by create", "refused by create", "queued by query", "submitting by create", "done by create"}, word: "paid",
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
