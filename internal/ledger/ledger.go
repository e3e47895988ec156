// Package ledger is the book-keeping of hongbao: what kinds of entries there
// are, which account each one debits and credits, and how entries are chained.
//
// There are two sorts of books, and both have the same form: a head that holds
// the number and hash of the last entry, and append-only entries numbered from 1.
//
//	packet   its own small ledger: send, claim, hold, release, refund, return
//	account  one per merchant:     fund, withdraw, send, refund, return
//
// An entry is a double-entry line: its kind says the accounts, so that no row can
// name accounts that do not belong together. An entry that crosses (send, refund,
// return) stands in the packet's book and in the merchant's, under one Ref.
//
//	fund      outside   → available       claim    packet    → due
//	withdraw  available → outside         return   due       → available
//	send      available → packet          reserve  due       → in_flight
//	refund    packet    → available       post     in_flight → paid
//	                                      void     in_flight → due
//
// The last three are the payout's: they are derived from the state of payout
// rows (package payout) and stand in no book.
//
// Each entry's hash covers the one before, the book it stands in and all it says,
// so a book that was rewritten contradicts its head, the receipts claimants hold
// and the proofs that were served.
package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"hongbao.example/hongbao/internal/money"
)

// Account is one pot of money in the double entry. For every merchant, what was
// funded and not withdrawn is the sum of the other pots.
type Account string

// The accounts. Each holds a credit balance but Outside, which mirrors them all.
const (
	Outside   Account = "outside"   // the world: where funds come from and withdrawals go
	Available Account = "available" // the merchant's balance
	Packet    Account = "packet"    // inside a packet, unclaimed
	Due       Account = "due"       // claimed, owed to a claimant
	InFlight  Account = "in_flight" // handed to a payout channel, not yet final
	Paid      Account = "paid"      // arrived
)

// Kind is what an entry does. Its number is part of the hash and never changes.
type Kind uint8

// The kinds of entries, in books and (from Reserve on) in payouts.
const (
	Fund     Kind = 1
	Withdraw Kind = 2
	Send     Kind = 3
	Claim    Kind = 4
	Hold     Kind = 5 // moves nothing
	Release  Kind = 6 // moves nothing
	Refund   Kind = 7 // what nobody claimed, at the end of the packet's life
	Return   Kind = 8 // a claimed share that could not be paid
	Reserve  Kind = 9
	Post     Kind = 10
	Void     Kind = 11
)

// rule is one line of the table that gives entries their meaning.
type rule struct {
	name          string
	debit, credit Account // both empty: the kind moves nothing
}

var rules = map[Kind]rule{
	Fund:     {"fund", Outside, Available},
	Withdraw: {"withdraw", Available, Outside},
	Send:     {"send", Available, Packet},
	Claim:    {"claim", Packet, Due},
	Hold:     {"hold", "", ""},
	Release:  {"release", "", ""},
	Refund:   {"refund", Packet, Available},
	Return:   {"return", Due, Available},
	Reserve:  {"reserve", Due, InFlight},
	Post:     {"post", InFlight, Paid},
	Void:     {"void", InFlight, Due},
}

// Kinds lists all kinds in the order of their numbers.
func Kinds() []Kind {
	all := make([]Kind, 0, len(rules))
	for k := Fund; k <= Void; k++ {
		all = append(all, k)
	}
	return all
}

// String returns the kind's name in SQL, logs and statements.
func (k Kind) String() string {
	if r, ok := rules[k]; ok {
		return r.name
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Transfer is one double-entry line.
type Transfer struct {
	Debit, Credit Account
	Amount        money.Fen
}

// Transfer says what an entry of kind k over amount moves; ok is false for a
// kind that moves nothing.
func (k Kind) Transfer(amount money.Fen) (t Transfer, ok bool) {
	r := rules[k]
	return Transfer{r.debit, r.credit, amount}, r.debit != ""
}

// Balance returns what an entry of kind k over amount adds to the merchant's
// available balance; negative when it takes away.
func (k Kind) Balance(amount money.Fen) money.Fen {
	switch r := rules[k]; {
	case r.credit == Available:
		return amount
	case r.debit == Available:
		return -amount
	default:
		return 0
	}
}

// Hash is the SHA-256 of an entry and, through it, of the whole book before it.
// The zero Hash stands before a book's first entry.
type Hash [sha256.Size]byte

// Line is what every entry says, in either sort of book. At is in milliseconds
// since 1970 (UTC). Detail is the kind's own content in a fixed layout.
type Line struct {
	Seq    uint64
	Kind   Kind
	Amount money.Fen
	At     int64
	Detail []byte
}

// domains keep a packet's book and an account's book apart under the hash.
const (
	packetDomain  = "hongbao packet entry v1\x00"
	accountDomain = "hongbao account entry v1\x00"
)

// HashInPacket chains l to prev in the book of a packet.
//
// Layout, numbers big-endian: domain ‖ prev (32) ‖ packet id (8) ‖ seq (8) ‖
// kind (1) ‖ amount (8) ‖ at (8) ‖ detail.
func HashInPacket(prev Hash, packetID int64, l Line) Hash {
	b := make([]byte, 0, 192)
	b = append(b, packetDomain...)
	b = append(b, prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(packetID))
	return sha256.Sum256(appendLine(b, l))
}

// HashInAccount chains l to prev in the book of a merchant's account.
//
// Layout: domain ‖ prev (32) ‖ length of mch_id (1) ‖ mch_id ‖ then as in
// HashInPacket from seq on; the detail is the entry's ref.
func HashInAccount(prev Hash, mchID string, l Line) Hash {
	b := make([]byte, 0, 192)
	b = append(b, accountDomain...)
	b = append(b, prev[:]...)
	b = append(append(b, byte(len(mchID))), mchID...)
	return sha256.Sum256(appendLine(b, l))
}

func appendLine(b []byte, l Line) []byte {
	b = binary.BigEndian.AppendUint64(b, l.Seq)
	b = append(b, byte(l.Kind))
	b = binary.BigEndian.AppendUint64(b, uint64(l.Amount))
	b = binary.BigEndian.AppendUint64(b, uint64(l.At))
	return append(b, l.Detail...)
}

// Ref names the entry of a packet's book that an account's entry mirrors; it is
// the transfer id of an entry that crosses.
func Ref(packetID int64, seq uint64) string {
	return strconv.FormatInt(packetID, 10) + "/" + strconv.FormatUint(seq, 10)
}

// ParseRef undoes Ref; ok is false for any other text, such as the reference an
// operator gave to a funding.
func ParseRef(ref string) (packetID int64, seq uint64, ok bool) {
	p, s, slash := strings.Cut(ref, "/")
	if !slash {
		return 0, 0, false
	}
	packetID, err := strconv.ParseInt(p, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	seq, err = strconv.ParseUint(s, 10, 64)
	return packetID, seq, err == nil && Ref(packetID, seq) == ref
}

// Book is the head of a merchant's account: the balance it came to and the last
// entry's number and hash.
type Book struct {
	MchID   string
	Seq     uint64
	Balance money.Fen
	Hash    Hash
	At      int64 // of the last entry, milliseconds
}

// Entry is one line of a merchant's account, chained.
type Entry struct {
	MchID  string
	Seq    uint64
	Kind   Kind
	Ref    string
	Amount money.Fen
	At     int64 // milliseconds
	Hash   Hash
}

// Chain returns the hash that e must carry after prev.
func (e Entry) Chain(prev Hash) Hash {
	return HashInAccount(prev, e.MchID, Line{e.Seq, e.Kind, e.Amount, e.At, []byte(e.Ref)})
}

// Post appends an entry to b and returns the book after it. The time of an entry
// is never before the one it follows. Post does not judge whether the balance
// suffices: that is a guard of the decision that posts. It panics when the
// balance would turn negative, because then that guard is missing.
func (b Book) Post(k Kind, amount money.Fen, ref string, at int64) (Book, Entry) {
	e := Entry{MchID: b.MchID, Seq: b.Seq + 1, Kind: k, Ref: ref, Amount: amount, At: max(at, b.At)}
	e.Hash = e.Chain(b.Hash)
	b.Seq, b.Balance, b.Hash, b.At = e.Seq, b.Balance.Plus(k.Balance(amount)), e.Hash, e.At
	if b.Balance < 0 {
		panic(fmt.Sprintf("ledger: %s of %d leaves account %s at %d fen", k, amount, b.MchID, b.Balance))
	}
	return b, e
}
