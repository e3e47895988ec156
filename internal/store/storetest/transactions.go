package storetest

import (
	"context"
	"errors"
	"sync"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// errRefused is a closure's own error.
var errRefused = errors.New("the closure says no")

// fill writes at least one row of everything for merchant m1 and packet ID(1).
func fill(tx store.Tx) error {
	m := Merchant("m1")
	if err := inOrder(
		func() error { return tx.InsertSetting(store.SettingEnvironment, "sandbox") },
		func() error { return tx.InsertMerchant(m) },
		func() error {
			return tx.InsertKey(store.Key{MchID: m.MchID, ID: "k", Use: store.APIKey, Alg: "v2", Sealed: filler("key", 9)})
		},
		func() error { return tx.UseTicket(m.MchID, [16]byte{1}, Start, Start) },
		func() error { return fund(tx, m.MchID, "r1") },
		func() error { return tx.SaveDaySums([]store.DaySum{{MchID: m.MchID, Day: days[0], Num: 1, Amount: 2}}) },
	); err != nil {
		return err
	}
	p, err := Send(tx, ID(1), m.MchID)
	if err != nil {
		return err
	}
	head, claim := Claim(&p, 0)
	payout := Payout(&p, &claim)
	return inOrder(
		func() error { return tx.UpdateHeads([]store.HeadUpdate{{From: p.Head.Seq, To: head}}) },
		func() error { return tx.InsertClaims([]packet.Claim{claim}) },
		func() error {
			return tx.SaveFollower(store.Follower{}, store.Follower{Packet: ID(1), Worker: "payout", Seq: 2})
		},
		func() error { return tx.InsertPayouts([]store.Payout{payout}) },
		func() error { return tx.InsertPayoutEvents([]store.PayoutEvent{event(&payout, "create")}) },
	)
}

// fund adds 100 yuan to an account.
func fund(tx store.Tx, mchID, ref string) error {
	books, err := tx.LockAccounts([]string{mchID})
	if err != nil {
		return err
	}
	update, e := Fund(books[0], 100_00, ref)
	if err := tx.UpdateAccounts([]store.AccountUpdate{update}); err != nil {
		return err
	}
	return tx.InsertAccountEntries([]ledger.Entry{e})
}

func event(p *store.Payout, source string) store.PayoutEvent {
	return store.PayoutEvent{
		Packet: p.Packet, Claimant: p.Claimant, Generation: p.Generation,
		State: p.State, Source: source, Evidence: "evidence of " + source, At: p.UpdatedAt,
	}
}

var transactions = map[string]func(*bed){
	"a healthy store says so": func(b *bed) {
		if err := b.Health(b.Context()); err != nil {
			b.Errorf("health: %v", err)
		}
	},
	"an update reads what it wrote, and so does the next view": func(b *bed) {
		var inside string
		b.update(func(tx store.Tx) (err error) {
			if err := fill(tx); err != nil {
				return err
			}
			inside, err = dump(tx)
			return err
		})
		same(b.T, b.dump(), inside)
	},
	"a refused update leaves nothing": func(b *bed) {
		b.refuse(errRefused, func(tx store.Tx) error {
			if err := fill(tx); err != nil {
				return err
			}
			return errRefused
		})
		b.update(fill)
	},
	"an update of nothing is done": func(b *bed) {
		b.update(func(tx store.Tx) error {
			_, locked := tx.LockPackets(nil)
			_, books := tx.LockAccounts(nil)
			return errors.Join(
				locked, books, tx.InsertPackets(nil), tx.UpdateHeads(nil), tx.InsertClaims(nil), tx.InsertEntries(nil),
				tx.UpdateAccounts(nil), tx.InsertAccountEntries(nil), tx.InsertBills(nil), tx.SaveDaySums(nil),
				tx.InsertPayouts(nil), tx.UpdatePayouts(nil), tx.InsertPayoutEvents(nil),
			)
		})
	},
	"a panic leaves nothing and stops nobody": func(b *bed) {
		before := b.dump()
		func() {
			defer func() {
				if recover() == nil {
					b.Error("the panic was swallowed")
				}
			}()
			_ = b.Update(b.Context(), func(tx store.Tx) error {
				if err := fill(tx); err != nil {
					return err
				}
				panic("in a closure")
			})
		}()
		same(b.T, b.dump(), before)
		b.update(fill)
	},
	"a write that failed ends the transaction": func(b *bed) {
		before := b.dump()
		err := b.once.Update(b.Context(), func(tx store.Tx) error {
			if err := fill(tx); err != nil {
				return err
			}
			for name, call := range map[string]func() error{
				"a setting set again": func() error { return tx.InsertSetting(store.SettingEnvironment, "again") },
				"a write afterwards":  func() error { return tx.InsertSetting(store.SettingFingerprint, "x") },
				"a change afterwards": func() error { return tx.Settle(ID(1)) },
				"a list afterwards":   func() error { _, err := tx.Merchants(); return err },
				"a row afterwards":    func() error { _, err := tx.Merchant("m9"); return err },
			} {
				_ = tx.InsertSetting(store.SettingEnvironment, "again")
				if err := call(); !errors.Is(err, store.ErrStale) {
					b.Errorf("%s: %v", name, err)
				}
			}
			return nil
		})
		if !errors.Is(err, store.ErrStale) {
			b.Errorf("update: %v", err)
		}
		same(b.T, b.dump(), before)
		b.update(fill)
	},
	"a row that is not there ends nothing": func(b *bed) {
		b.update(func(tx store.Tx) error {
			if _, err := tx.Merchant("m1"); !isNotFound(err) {
				b.Errorf("no merchant: %v", err)
			}
			return fill(tx)
		})
	},
	"a view sees one state, whatever is committed meanwhile": func(b *bed) {
		b.update(fill)
		b.view(func(r store.Reader) error {
			before, err := dump(r)
			if err != nil {
				return err
			}
			b.update(func(tx store.Tx) error { return fund(tx, "m1", "r2") })
			after, err := dump(r)
			same(b.T, after, before)
			return err
		})
		reads(b, 3, func(r store.Reader) (int, error) {
			account, err := r.Account("m1")
			return int(account.Seq), err
		})
	},
	"a view's own error comes back": func(b *bed) {
		if err := b.View(b.Context(), func(store.Reader) error { return errRefused }); err != errRefused { //nolint:errorlint // as it is
			b.Errorf("view: %v", err)
		}
	},
	"a context that is over stops an update before it begins": func(b *bed) {
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		before := b.dump()
		if err := b.once.Update(ctx, fill); fault.CodeOf(err) != fault.Busy {
			b.Errorf("update: %v, want busy", err)
		}
		same(b.T, b.dump(), before)
	},
	"a context that ends during an update stops nothing": func(b *bed) {
		ctx, cancel := context.WithCancel(b.Context())
		if err := b.once.Update(ctx, func(tx store.Tx) error { cancel(); return fill(tx) }); err != nil {
			b.Errorf("update: %v", err)
		}
		reads(b, 1, func(r store.Reader) (int, error) {
			ms, err := r.Merchants()
			return len(ms), err
		})
	},
	"a context that ends while waiting for a lock ends the waiting": func(b *bed) {
		b.update(fill)
		ctx, cancel := context.WithCancel(b.Context())
		err := b.once.Update(b.Context(), func(tx store.Tx) error {
			if _, err := tx.LockAccounts([]string{"m1"}); err != nil {
				return err
			}
			waiting := make(chan error)
			go func() {
				waiting <- b.once.Update(ctx, func(tx store.Tx) error { return fund(tx, "m1", "r2") })
			}()
			cancel()
			if err := <-waiting; fault.CodeOf(err) != fault.Busy {
				b.Errorf("update: %v, want busy", err)
			}
			return nil
		})
		if err != nil {
			b.Errorf("update: %v", err)
		}
	},
	"updates of one row come one after the other": func(b *bed) {
		b.update(fill)
		const workers, rounds = 4, 25
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range rounds {
					ref := string(rune('A'+w)) + string(rune('A'+i))
					err := store.ErrStale
					for errors.Is(err, store.ErrStale) {
						err = b.Update(b.Context(), func(tx store.Tx) error { return fund(tx, "m1", ref) })
					}
					if err != nil {
						b.Errorf("update: %v", err)
					}
				}
			})
		}
		for range workers {
			wg.Go(func() {
				for range rounds {
					b.checkBook("m1")
				}
			})
		}
		wg.Wait()
		if n := b.checkBook("m1"); n != 2+workers*rounds {
			b.Errorf("%d entries, want %d", n, 2+workers*rounds)
		}
	},
	"a lock keeps a second update from reading what the first is changing": func(b *bed) {
		b.update(fill)
		second := make(chan uint64, 1)
		var start sync.Once
		err := b.once.Update(b.Context(), func(tx store.Tx) error {
			if _, err := tx.LockPackets([]packet.ID{ID(1)}); err != nil {
				return err
			}
			start.Do(func() {
				go func() {
					var places []store.Place
					if err := b.once.Update(b.Context(), func(tx store.Tx) (err error) {
						places, err = tx.LockPackets([]packet.ID{ID(1)})
						return err
					}); err != nil {
						b.Errorf("second update: %v", err)
						places = make([]store.Place, 1)
					}
					second <- places[0].Seq
				}()
			})
			p, err := tx.Packet(ID(1))
			if err != nil {
				return err
			}
			to := p.Head
			to.Seq++
			return tx.UpdateHeads([]store.HeadUpdate{{From: p.Head.Seq, To: to}})
		})
		if err != nil {
			b.Fatalf("first update: %v", err)
		}
		if seq := <-second; seq != 3 {
			b.Errorf("the second update read seq %d, want 3", seq)
		}
	},
}

// checkBook reads a merchant's book in one View, checks that head and entries
// agree, and returns how many entries there are.
func (b *bed) checkBook(mchID string) (n int) {
	if err := b.View(b.Context(), func(r store.Reader) error {
		head, err := r.Account(mchID)
		if err != nil {
			return err
		}
		entries, err := r.AccountEntries(mchID, 0, all)
		if err != nil {
			return err
		}
		book := ledger.Book{MchID: mchID}
		for _, e := range entries {
			book, _ = book.Post(e.Kind, e.Amount, e.Ref, e.At)
		}
		same(b.T, book, head)
		n = len(entries)
		return nil
	}); err != nil {
		b.Errorf("view: %v", err)
	}
	return n
}
