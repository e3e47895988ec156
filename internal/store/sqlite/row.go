package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
)

// row is a row being read, column by column from the left. The functions below
// name the columns in the order of the lists in statements.go.
type row struct {
	values []driver.Value
	next   int
	err    error // a value of the wrong type or length
}

// take returns the next column; NULL is the zero value.
func take[T any](r *row) T {
	v := r.values[r.next]
	r.next++
	t, ok := v.(T)
	if !ok && v != nil {
		r.err = fmt.Errorf("column %d is a %T", r.next, v)
	}
	return t
}

func (r *row) text() string   { return take[string](r) }
func (r *row) blob() []byte   { return take[[]byte](r) }
func (r *row) int() int64     { return take[int64](r) }
func (r *row) uint() uint64   { return uint64(r.int()) }
func (r *row) bool() bool     { return r.int() != 0 }
func (r *row) fen() money.Fen { return money.Fen(r.int()) }
func (r *row) id() packet.ID  { return packet.ID(r.int()) }

func (r *row) hash() (h ledger.Hash)           { r.fixed(h[:]); return h }
func (r *row) commitment() (c [32]byte)        { r.fixed(c[:]); return c }
func (r *row) claimant() (c packet.Claimant)   { r.fixed(c[:]); return c }
func (r *row) payeeHash() (h packet.PayeeHash) { r.fixed(h[:]); return h }
func (r *row) parent() int {
	if r.values[r.next] == nil {
		r.next++
		return packet.NoParent
	}
	return int(r.int())
}

// byte reads a number from 0 to 255: another one is not to pass for one of those.
func (r *row) byte() uint8 {
	n := r.int()
	if n < 0 || n > math.MaxUint8 {
		r.err = fmt.Errorf("column %d is %d", r.next, n)
	}
	return uint8(n)
}

// fixed reads a blob that must fill dst.
func (r *row) fixed(dst []byte) {
	if b := r.blob(); copy(dst, b) != len(dst) || len(b) != len(dst) {
		r.err = fmt.Errorf("column %d has %d bytes, not %d", r.next, len(b), len(dst))
	}
}

// json reads a text of JSON into dst.
func (r *row) json(dst any) {
	if err := json.Unmarshal([]byte(r.text()), dst); err != nil {
		r.err = fmt.Errorf("column %d: %w", r.next, err)
	}
}

func scanPacket(r *row) store.Packet {
	p := store.Packet{Head: packet.Head{
		ID: r.id(), Seq: r.uint(), Hash: r.hash(), At: r.int(), ClaimedNum: int(r.int()),
		Claimed: r.fen(), Refunded: r.fen(), Returned: r.fen(), Held: r.bool(), Ended: r.bool(),
	}, Settled: r.bool(), DueAt: r.int()}
	_ = r.id() // packet_id, which the other table has too
	p.Terms = packet.Terms{
		MchID: r.text(), BillNo: r.text(), Type: packet.Type(r.text()), AppID: r.text(),
		SendName: r.text(), Wishing: r.text(), ActName: r.text(), Remark: r.text(),
		Total: r.fen(), Num: int(r.int()), Law: split.Law(r.text()), Min: r.fen(), Cap: r.fen(), Commitment: r.commitment(),
		Seed: r.claimant(), Providers: r.text(), Channel: r.text(), ClaimantKey: r.byte(), LinkKey: r.byte(),
		SentAt: r.int(), ExpiresAt: r.int(),
	}
	p.Secret, p.SeedRef = r.blob(), r.blob()
	return p
}

func scanClaim(r *row) packet.Claim {
	return packet.Claim{
		Packet: r.id(), Claimant: r.claimant(), Seq: r.uint(), Slot: int(r.int()), Parent: r.parent(), Amount: r.fen(),
		At: r.int(), PayeeHash: r.payeeHash(), Hash: r.hash(), Payee: r.blob(), Name: r.text(),
	}
}

func scanEntry(r *row) packet.Entry {
	return packet.Entry{
		Packet: r.id(), Seq: r.uint(), Kind: ledger.Kind(r.byte()), Amount: r.fen(), At: r.int(), Note: r.text(), Hash: r.hash(),
	}
}

func scanDeadline(r *row) store.Deadline {
	at := r.int()
	return store.Deadline{At: at, Packet: r.id()}
}

func scanPayout(r *row) store.Payout {
	return store.Payout{
		Packet: r.id(), Claimant: r.claimant(), Generation: int(r.int()), Slot: int(r.int()), MchID: r.text(),
		Channel: r.text(), RailKey: r.text(), Amount: r.fen(), Payee: r.blob(), Frozen: r.blob(),
		State: store.PayoutState(r.text()), Version: int(r.int()), Attempts: int(r.int()), NextCheck: r.int(),
		Operator: r.bool(), Mendable: r.bool(), Returned: r.bool(), Code: r.text(), RailRef: r.text(),
		CreatedAt: r.int(), UpdatedAt: r.int(),
	}
}

func scanPayoutEvent(r *row) store.PayoutEvent {
	return store.PayoutEvent{
		Packet: r.id(), Claimant: r.claimant(), Generation: int(r.int()), Num: int(r.int()),
		State: store.PayoutState(r.text()), Source: r.text(), Evidence: r.text(), At: r.int(),
	}
}

func scanAccount(r *row) ledger.Book {
	return ledger.Book{MchID: r.text(), Seq: r.uint(), Balance: r.fen(), Hash: r.hash(), At: r.int()}
}

func scanAccountEntry(r *row) ledger.Entry {
	return ledger.Entry{
		MchID: r.text(), Seq: r.uint(), Kind: ledger.Kind(r.byte()), Ref: r.text(), Amount: r.fen(), At: r.int(), Hash: r.hash(),
	}
}

func scanBill(r *row) store.Bill {
	return store.Bill{
		MchID: r.text(), BillNo: r.text(), Packet: r.id(), Fields: []byte(r.text()), Link: r.text(), At: r.int(),
	}
}

func scanDaySum(r *row) store.DaySum {
	return store.DaySum{MchID: r.text(), Day: int(r.int()), Seed: r.claimant(), Num: int(r.int()), Amount: r.fen()}
}

func scanKind(r *row) store.Kind {
	return store.Kind{Kind: ledger.Kind(r.byte()), Name: r.text(), Debit: ledger.Account(r.text()), Credit: ledger.Account(r.text())}
}

func scanMerchant(r *row) store.Merchant {
	m := store.Merchant{MchID: r.text(), Name: r.text(), CreatedAt: r.int()}
	r.json(&m.Settings)
	return m
}

func scanKey(r *row) store.Key {
	return store.Key{
		MchID: r.text(), ID: r.text(), Use: store.KeyUse(r.text()), Alg: r.text(),
		Sealed: r.blob(), Public: r.blob(), CreatedAt: r.int(), NotAfter: r.int(),
	}
}
