package storetest

import (
	"fmt"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/store"
)

var accounts = map[string]func(*bed){
	"a new merchant has an empty account": func(b *bed) {
		b.addMerchants("m1")
		reads(b, ledger.Book{MchID: "m1"}, func(r store.Reader) (ledger.Book, error) { return r.Account("m1") })
		findsNothing(b, func(r store.Reader) (ledger.Book, error) { return r.Account("m2") })
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
