package table

import (
	"encoding/json"
	"fmt"
	"math"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
)

// Row is a row being read, column by column from the left.
type Row struct {
	Values []any // int64, string, []byte, bool, nil; as the driver has decoded them

	next int
	err  error // a value of the wrong type or length
}

// Read reads the row that stands in Values.
func Read[T any](r *Row, scan func(*Row) T) (T, error) {
	r.next, r.err = 0, nil
	v := scan(r)
	return v, r.err
}

// take returns the next column; NULL is the zero value.
func take[T any](r *Row) T {
	v := r.Values[r.next]
	r.next++
	t, ok := v.(T)
	if !ok && v != nil {
		r.err = fmt.Errorf("column %d is a %T", r.next, v)
	}
	return t
}

// Text reads a text.
func (r *Row) Text() string { return take[string](r) }

// Int reads a number.
func (r *Row) Int() int64 { return take[int64](r) }

// Uint reads a number that is not negative.
func (r *Row) Uint() uint64 { return uint64(r.Int()) }

// ID reads the id of a packet.
func (r *Row) ID() packet.ID { return packet.ID(r.Int()) }

// Bool reads a flag, which SQLite keeps as a number.
func (r *Row) Bool() bool {
	if n, ok := r.Values[r.next].(int64); ok {
		r.next++
		return n != 0
	}
	return take[bool](r)
}

func (r *Row) blob() []byte   { return take[[]byte](r) }
func (r *Row) fen() money.Fen { return money.Fen(r.Int()) }

func (r *Row) hash() (h ledger.Hash)           { r.fixed(h[:]); return h }
func (r *Row) commitment() (c [32]byte)        { r.fixed(c[:]); return c }
func (r *Row) claimant() (c packet.Claimant)   { r.fixed(c[:]); return c }
func (r *Row) payeeHash() (h packet.PayeeHash) { r.fixed(h[:]); return h }
func (r *Row) parent() int {
	if r.Values[r.next] == nil {
		r.next++
		return packet.NoParent
	}
	return int(r.Int())
}

// byte reads a number from 0 to 255: another one is not to pass for one of those.
func (r *Row) byte() uint8 {
	n := r.Int()
	if n < 0 || n > math.MaxUint8 {
		r.err = fmt.Errorf("column %d is %d", r.next, n)
	}
	return uint8(n)
}

// fixed reads a blob that must fill dst.
func (r *Row) fixed(dst []byte) {
	if b := r.blob(); copy(dst, b) != len(dst) || len(b) != len(dst) {
		r.err = fmt.Errorf("column %d has %d bytes, not %d", r.next, len(b), len(dst))
	}
}

// json reads a text of JSON into dst.
func (r *Row) json(dst any) {
	if err := json.Unmarshal([]byte(r.Text()), dst); err != nil {
		r.err = fmt.Errorf("column %d: %w", r.next, err)
	}
}

// ScanPacket reads HeadColumns and TermsColumns.
func ScanPacket(r *Row) store.Packet {
	p := store.Packet{Head: packet.Head{
		ID: r.ID(), Seq: r.Uint(), Hash: r.hash(), At: r.Int(), ClaimedNum: int(r.Int()),
		Claimed: r.fen(), Refunded: r.fen(), Returned: r.fen(), Held: r.Bool(), Ended: r.Bool(),
	}, Settled: r.Bool(), DueAt: r.Int()}
	_ = r.ID() // packet_id, which the other table has too
	p.Terms = packet.Terms{
		MchID: r.Text(), BillNo: r.Text(), Type: packet.Type(r.Text()), AppID: r.Text(),
		SendName: r.Text(), Wishing: r.Text(), ActName: r.Text(), Remark: r.Text(),
		Total: r.fen(), Num: int(r.Int()), Law: split.Law(r.Text()), Min: r.fen(), Cap: r.fen(), Commitment: r.commitment(),
		Seed: r.claimant(), Providers: r.Text(), Channel: r.Text(), ClaimantKey: r.byte(), LinkKey: r.byte(),
		SentAt: r.Int(), ExpiresAt: r.Int(),
	}
	p.Secret, p.SeedRef = r.blob(), r.blob()
	return p
}

// ScanClaim reads ClaimColumns.
func ScanClaim(r *Row) packet.Claim {
	return packet.Claim{
		Packet: r.ID(), Claimant: r.claimant(), Seq: r.Uint(), Slot: int(r.Int()), Parent: r.parent(), Amount: r.fen(),
		At: r.Int(), PayeeHash: r.payeeHash(), Hash: r.hash(), Payee: r.blob(), Name: r.Text(),
	}
}

// ScanEntry reads EntryColumns.
func ScanEntry(r *Row) packet.Entry {
	return packet.Entry{
		Packet: r.ID(), Seq: r.Uint(), Kind: ledger.Kind(r.byte()), Amount: r.fen(), At: r.Int(), Note: r.Text(), Hash: r.hash(),
	}
}

// ScanStray reads a table's name and a packet's id.
func ScanStray(r *Row) store.Stray {
	name := r.Text()
	return store.Stray{Table: name, Packet: r.ID()}
}

// ScanDeadline reads a time and a packet's id.
func ScanDeadline(r *Row) store.Deadline {
	at := r.Int()
	return store.Deadline{At: at, Packet: r.ID()}
}

// ScanPlace reads seq and hash of a head.
func ScanPlace(r *Row) store.Place { return store.Place{Seq: r.Uint(), Hash: r.hash()} }

// ScanFollower reads seq and fence of a follower.
func ScanFollower(r *Row) store.Follower { return store.Follower{Seq: r.Uint(), Fence: r.Uint()} }

// ScanPayout reads PayoutColumns.
func ScanPayout(r *Row) store.Payout {
	return store.Payout{
		Packet: r.ID(), Claimant: r.claimant(), Generation: int(r.Int()), Slot: int(r.Int()), MchID: r.Text(),
		Channel: r.Text(), RailKey: r.Text(), Amount: r.fen(), Payee: r.blob(), Frozen: r.blob(),
		State: store.PayoutState(r.Text()), Version: int(r.Int()), Attempts: int(r.Int()), NextCheck: r.Int(),
		Operator: r.Bool(), Mendable: r.Bool(), Returned: r.Bool(), Code: r.Text(), RailRef: r.Text(),
		CreatedAt: r.Int(), UpdatedAt: r.Int(),
	}
}

// ScanPayoutEvent reads EventColumns.
func ScanPayoutEvent(r *Row) store.PayoutEvent {
	return store.PayoutEvent{
		Packet: r.ID(), Claimant: r.claimant(), Generation: int(r.Int()), Num: int(r.Int()),
		State: store.PayoutState(r.Text()), Source: r.Text(), Evidence: r.Text(), At: r.Int(),
	}
}

// ScanAccount reads AccountColumns.
func ScanAccount(r *Row) ledger.Book {
	return ledger.Book{MchID: r.Text(), Seq: r.Uint(), Balance: r.fen(), Hash: r.hash(), At: r.Int()}
}

// ScanAccountEntry reads AccountEntryColumns.
func ScanAccountEntry(r *Row) ledger.Entry {
	return ledger.Entry{
		MchID: r.Text(), Seq: r.Uint(), Kind: ledger.Kind(r.byte()), Ref: r.Text(), Amount: r.fen(), At: r.Int(), Hash: r.hash(),
	}
}

// ScanBill reads BillColumns.
func ScanBill(r *Row) store.Bill {
	return store.Bill{
		MchID: r.Text(), BillNo: r.Text(), Packet: r.ID(), Fields: []byte(r.Text()), Link: r.Text(), At: r.Int(),
	}
}

// ScanDaySum reads DaySumColumns.
func ScanDaySum(r *Row) store.DaySum {
	return store.DaySum{MchID: r.Text(), Day: int(r.Int()), Seed: r.claimant(), Num: int(r.Int()), Amount: r.fen()}
}

// ScanKind reads KindColumns.
func ScanKind(r *Row) store.Kind {
	return store.Kind{Kind: ledger.Kind(r.byte()), Name: r.Text(), Debit: ledger.Account(r.Text()), Credit: ledger.Account(r.Text())}
}

// ScanMerchant reads MerchantColumns.
func ScanMerchant(r *Row) store.Merchant {
	m := store.Merchant{MchID: r.Text(), Name: r.Text(), CreatedAt: r.Int()}
	r.json(&m.Settings)
	return m
}

// ScanKey reads KeyColumns.
func ScanKey(r *Row) store.Key {
	return store.Key{
		MchID: r.Text(), ID: r.Text(), Use: store.KeyUse(r.Text()), Alg: r.Text(),
		Sealed: r.blob(), Public: r.blob(), CreatedAt: r.Int(), NotAfter: r.Int(),
	}
}
