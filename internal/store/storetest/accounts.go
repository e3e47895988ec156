package storetest

import (
	"fmt"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

var accounts = map[string]func(*bed){
	"a new merchant has an empty account": func(b *bed) {
		b.addMerchants("m1")
		reads(b, ledger.Book{MchID: "m1"}, func(r store.Reader) (ledger.Book, error) { return r.Account("m1") })
		findsNothing(b, func(r store.Reader) (ledger.Book, error) { return r.Account("m2") })
	},
	"merchants are found one after the other, by any row": func(b *bed) {
		b.addMerchants("m2", "m10", "m1")
		p, opening := Packet(ID(1), "of packets")
		bill, sum := Bill(&p), store.DaySum{MchID: "of sums", Day: days[0], Num: 1, Amount: 1}
		bill.MchID = "of bills"
		for mchID, write := range map[string]func(store.Tx) error{
			"of entries": func(tx store.Tx) error {
				_, e := Fund(ledger.Book{MchID: "of entries"}, 5, "r")
				return tx.InsertAccountEntries([]ledger.Entry{e})
			},
			"of bills":   func(tx store.Tx) error { return tx.InsertBills([]store.Bill{bill}) },
			"of sums":    func(tx store.Tx) error { return tx.SaveDaySums([]store.DaySum{sum}) },
			"of keys":    func(tx store.Tx) error { return tx.InsertKey(store.Key{MchID: "of keys", ID: "k", Use: store.APIKey}) },
			"of tickets": func(tx store.Tx) error { return tx.UseTicket("of tickets", [16]byte{1}, 2, 1) },
			"":           func(tx store.Tx) error { return tx.InsertEntries([]packet.Entry{opening}) }, // no merchant's
		} {
			b.Log(mchID)
			b.update(write)
		}
		var found []string
		b.view(func(r store.Reader) (err error) {
			found = nil
			for mchID := "\x01"; mchID != "" && err == nil; {
				if mchID, err = r.NextMerchant(mchID); mchID != "" {
					found = append(found, mchID)
				}
			}
			return err
		})
		same(b.T, found, []string{"m1", "m10", "m2", "of bills", "of entries", "of keys", "of sums", "of tickets"})
		reads(b, "m1", func(r store.Reader) (string, error) { return r.NextMerchant("") })
	},
	"accounts are locked in order and as they are": func(b *bed) {
		b.addMerchants("m1", "m2", "m3")
		b.update(func(tx store.Tx) error { return fund(tx, "m3", "r") })
		b.update(func(tx store.Tx) error {
			books, err := tx.LockAccounts([]string{"m1", "m3"})
			if err != nil {
				return err
			}
			third, err := tx.Account("m3")
			same(b.T, books, []ledger.Book{{MchID: "m1"}, third})
			return err
		})
	},
	"an account that is not there cannot be locked": func(b *bed) {
		b.addMerchants("m1")
		b.update(func(tx store.Tx) error {
			if _, err := tx.LockAccounts([]string{"m1", "m2"}); !isNotFound(err) {
				b.Errorf("lock: %v, want not_found", err)
			}
			return nil
		})
	},
	"an account moves on only from where it was read": func(b *bed) {
		b.addMerchants("m1")
		b.update(func(tx store.Tx) error { return fund(tx, "m1", "r1") })
		b.refuse(store.ErrStale, func(tx store.Tx) error {
			update, _ := Fund(ledger.Book{MchID: "m1"}, 5, "r2")
			return tx.UpdateAccounts([]store.AccountUpdate{update})
		})
		b.refuse(store.ErrStale, func(tx store.Tx) error {
			update, _ := Fund(ledger.Book{MchID: "m2"}, 5, "r2")
			return tx.UpdateAccounts([]store.AccountUpdate{update})
		})
	},
	"entries of an account are listed from a place on, and found by reference": func(b *bed) {
		b.addMerchants("m1", "m2")
		entries := b.fundTimes("m1", 5)
		b.fundTimes("m2", 2)
		for _, c := range []struct {
			after uint64
			limit int
			want  []ledger.Entry
		}{{0, 9, entries}, {0, 2, entries[:2]}, {2, 2, entries[2:4]}, {4, 9, entries[4:]}, {5, 9, nil}} {
			reads(b, c.want, func(r store.Reader) ([]ledger.Entry, error) { return r.AccountEntries("m1", c.after, c.limit) })
		}
		reads(b, entries[3], func(r store.Reader) (ledger.Entry, error) { return r.AccountEntry("m1", entries[3].Ref) })
		findsNothing(b, func(r store.Reader) (ledger.Entry, error) { return r.AccountEntry("m2", entries[3].Ref) })
	},
	"neither a number nor a reference of an account is used twice": func(b *bed) {
		b.addMerchants("m1", "m2")
		last := b.fundTimes("m1", 2)[1]
		sameSeq, sameRef, elsewhere := last, last, last
		sameSeq.Ref, sameRef.Seq, elsewhere.MchID = "another", 3, "m2"
		for _, e := range []ledger.Entry{sameSeq, sameRef} {
			b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertAccountEntries([]ledger.Entry{e}) })
		}
		b.update(func(tx store.Tx) error { return tx.InsertAccountEntries([]ledger.Entry{elsewhere}) })
	},
	"bills are found by number and listed from a place on": func(b *bed) {
		bill := func(mchID, billNo string) store.Bill {
			return store.Bill{MchID: mchID, BillNo: billNo, Packet: ID(3), Fields: []byte(`{"a":"b"}`), Link: "l" + billNo, At: 4}
		}
		b1, b2, b3 := bill("m1", "b1"), bill("m1", "b2"), bill("m1", "b3")
		b.addMerchants("m1", "m2")
		b.update(func(tx store.Tx) error { return tx.InsertBills([]store.Bill{b3, b1, bill("m2", "b2"), b2}) })
		reads(b, b2, func(r store.Reader) (store.Bill, error) { return r.Bill("m1", "b2") })
		findsNothing(b, func(r store.Reader) (store.Bill, error) { return r.Bill("m2", "b1") })
		for _, c := range []struct {
			after string
			limit int
			want  []store.Bill
		}{{"", 9, []store.Bill{b1, b2, b3}}, {"", 2, []store.Bill{b1, b2}}, {"b1", 9, []store.Bill{b2, b3}}, {"b3", 9, nil}} {
			reads(b, c.want, func(r store.Reader) ([]store.Bill, error) { return r.Bills("m1", c.after, c.limit) })
		}
		b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertBills([]store.Bill{bill("m1", "b4"), bill("m1", "b2")}) })
	},
	"sums of a day are by merchant and seed, and the last one holds": func(b *bed) {
		sum := func(mchID string, day int, seed packet.Claimant, n int) store.DaySum {
			return store.DaySum{MchID: mchID, Day: day, Seed: seed, Num: n, Amount: money.Fen(n) * 100}
		}
		one := Claimant(1)
		findsSum := func(want store.DaySum) {
			b.Helper()
			reads(b, want, func(r store.Reader) (store.DaySum, error) { return r.DaySum(want.MchID, want.Day, want.Seed) })
		}
		findsSum(store.DaySum{MchID: "m1", Day: 20261124, Seed: one})
		b.update(func(tx store.Tx) error {
			return tx.SaveDaySums([]store.DaySum{
				sum("m1", 20261124, packet.Claimant{}, 1), sum("m1", 20261124, one, 2), sum("m2", 20261124, one, 3), sum("m1", 20261124, Claimant(2), 4),
			})
		})
		b.update(func(tx store.Tx) error { return tx.SaveDaySums([]store.DaySum{sum("m1", 20261124, one, 5)}) })
		for _, want := range []store.DaySum{
			sum("m1", 20261124, packet.Claimant{}, 1), sum("m1", 20261124, one, 5), sum("m2", 20261124, one, 3), sum("m1", 20261124, Claimant(2), 4),
		} {
			findsSum(want)
		}
	},
	"with a sum of today, those of earlier days are forgotten": func(b *bed) {
		yesterday := make([]store.DaySum, store.ForgetMax+2)
		for i := range yesterday {
			yesterday[i] = store.DaySum{MchID: "m1", Day: 20261124, Seed: packet.Claimant{byte(i >> 8), byte(i)}, Num: 1}
		}
		today := store.DaySum{MchID: "m1", Day: 20261125, Num: 7}
		other := store.DaySum{MchID: "m2", Day: 20261124, Num: 8}
		left := func() (n int) {
			b.Helper()
			b.view(func(r store.Reader) error {
				for _, s := range yesterday {
					found, err := r.DaySum(s.MchID, s.Day, s.Seed)
					if err != nil {
						return err
					}
					n += found.Num
				}
				return nil
			})
			return n
		}
		b.update(func(tx store.Tx) error { return tx.SaveDaySums(append(yesterday, other)) })
		b.update(func(tx store.Tx) error { return tx.SaveDaySums([]store.DaySum{today}) })
		if n := left(); n != 2 {
			b.Errorf("%d sums of yesterday are left, want 2", n)
		}
		b.update(func(tx store.Tx) error { return tx.SaveDaySums([]store.DaySum{today}) })
		if n := left(); n != 0 {
			b.Errorf("%d sums of yesterday are left, want none", n)
		}
		for _, want := range []store.DaySum{today, other} {
			reads(b, want, func(r store.Reader) (store.DaySum, error) { return r.DaySum(want.MchID, want.Day, want.Seed) })
		}
	},
	"a send is one atom": func(b *bed) {
		b.addMerchants("m1")
		b.refuse(store.ErrTaken, func(tx store.Tx) error {
			if err := fund(tx, "m1", "r1"); err != nil {
				return err
			}
			if _, err := Send(tx, ID(1), "m1"); err != nil {
				return err
			}
			p, _ := Packet(ID(1), "m1")
			return tx.InsertPackets([]store.Packet{p})
		})
	},
}

// fundTimes funds an account n times and returns the entries.
func (b *bed) fundTimes(mchID string, n int) []ledger.Entry {
	b.Helper()
	var entries []ledger.Entry
	for i := range n {
		b.update(func(tx store.Tx) error { return fund(tx, mchID, fmt.Sprint("ref ", i)) })
	}
	b.view(func(r store.Reader) (err error) {
		entries, err = r.AccountEntries(mchID, 0, all)
		return err
	})
	book := ledger.Book{MchID: mchID}
	for i, e := range entries {
		var want ledger.Entry
		_, want = Fund(book, 100_00, fmt.Sprint("ref ", i))
		same(b.T, e, want)
		book, _ = book.Post(e.Kind, e.Amount, e.Ref, e.At)
	}
	if len(entries) != n {
		b.Fatalf("%d entries, want %d", len(entries), n)
	}
	return entries
}
