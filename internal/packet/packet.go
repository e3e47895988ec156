// Package packet decides what may happen to a red packet. It is pure: rows that
// were read come in, a refusal or the rows to write go out. Time is an argument,
// chance was spent when the packet was sent (package split), and nothing here
// waits, locks or logs; so one seed replays a packet's whole life.
//
//	sent ──seed opens──► open ──last share──► finished      held: no claims until
//	  └────── life ───────┴──► expired ──refund──► refunded     released
//
// # The packet's book
//
// Everything that happens to a packet is an entry of its own ledger (package
// ledger), numbered by Seq and chained by Hash. A claim is one row, written once;
// the other kinds are rows of another table; the Head is derived from both and
// kept for speed.
//
// # Counters
//
//	unclaimed = Total − Claimed − Refunded ≥ 0
//	Claimed   = Returned + what payout rows hold
//
// How far a claimed share has come is its payout row's business, never the
// head's, so that payouts and claims do not contend.
package packet

import (
	"fmt"
	"strconv"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/split"
)

// Claimant is the keyed hash of a person in one space (package vault). It never
// leads back to an openid without the key.
type Claimant [16]byte

// PayeeHash is the keyed hash of whom a share is to be paid to. It stands in the
// chain, so that an edited payee cannot redirect money.
type PayeeHash [16]byte

// Type tells a packet for many from one for the seed alone.
type Type string

// The types, named as the merchant's query answers them.
const (
	Group  Type = "GROUP"
	Normal Type = "NORMAL"
)

// Terms is what was sent. It never changes.
type Terms struct {
	MchID, BillNo string
	Type          Type
	AppID         string // the space in which the packet's claimants are known

	SendName, Wishing, ActName, Remark string

	Total      money.Fen
	Num        int // shares
	Law        split.Law
	Min, Cap   money.Fen // of a share, pinned from the payout channel
	Commitment [32]byte

	Seed        Claimant
	Providers   string // who may vouch for claimants, comma-separated
	Channel     string // of payout
	ClaimantKey uint8  // id of the key behind every Claimant of this packet
	LinkKey     uint8  // id of the key behind its links

	SentAt, ExpiresAt int64 // milliseconds since 1970
}

// Split returns the terms of the packet's split.
func (t *Terms) Split(listID string) split.Terms {
	return split.Terms{SendListID: listID, Total: t.Total, Num: t.Num, Law: t.Law, Min: t.Min, Cap: t.Cap}
}

// Head is how far a packet has come.
type Head struct {
	ID         ID
	Seq        uint64 // number of the last entry
	Hash       ledger.Hash
	At         int64 // time of the last entry, milliseconds; never runs back
	ClaimedNum int   // shares taken, and so the next slot
	Claimed    money.Fen
	Refunded   money.Fen // the rest, at the end of life
	Returned   money.Fen // claimed shares that went back later
	Held       bool
	Ended      bool // final: the last share was taken, or the rest refunded
}

// NoParent is the parent of the seed's claim.
const NoParent = -1

// Claim is one share in one person's hands. It is written once and never changes.
type Claim struct {
	Packet    ID
	Seq       uint64
	Slot      int
	Claimant  Claimant
	Parent    int // slot of the claim whose link brought them, or NoParent
	Amount    money.Fen
	At        int64 // milliseconds
	PayeeHash PayeeHash
	Hash      ledger.Hash

	// Outside the chain, so that it can be erased.
	Payee []byte // sealed; who is to be paid
	Name  string // what they are called on the page; may be empty
}

// Entry is any other entry of a packet's book.
type Entry struct {
	Packet ID
	Seq    uint64
	Kind   ledger.Kind
	Amount money.Fen
	At     int64
	Note   string // why it was held, released or ended; which claim returned
	Hash   ledger.Hash
}

// Chain returns the hash that e must carry after prev. The first entry of a book
// covers the packet's terms too.
func (e Entry) Chain(prev ledger.Hash) ledger.Hash {
	return ledger.HashInPacket(prev, int64(e.Packet), ledger.Line{
		Seq: e.Seq, Kind: e.Kind, Amount: e.Amount, At: e.At, Detail: []byte(e.Note),
	})
}

// Chain returns the hash that c must carry after prev. Its detail is slot (4) ‖
// parent + 1 (4) ‖ claimant (16) ‖ payee hash (16), numbers big-endian.
func (c *Claim) Chain(prev ledger.Hash) ledger.Hash {
	var d [40]byte
	putUint32(d[0:], uint32(c.Slot))
	putUint32(d[4:], uint32(c.Parent+1))
	copy(d[8:], c.Claimant[:])
	copy(d[24:], c.PayeeHash[:])
	return ledger.HashInPacket(prev, int64(c.Packet), ledger.Line{
		Seq: c.Seq, Kind: ledger.Claim, Amount: c.Amount, At: c.At, Detail: d[:],
	})
}

func putUint32(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}

// Unclaimed is what is still inside the packet.
func (h *Head) Unclaimed(t *Terms) money.Fen {
	return t.Total.Minus(h.Claimed).Minus(h.Refunded)
}

// State is what a packet looks like from outside.
type State string

// The states.
const (
	Sent     State = "sent" // the seed has not opened yet
	Open     State = "open"
	Finished State = "finished"
	Expired  State = "expired"
	Refunded State = "refunded"
	Held     State = "held"
)

// State returns the packet's state at a time (milliseconds).
func (h *Head) State(t *Terms, now int64) State {
	switch {
	case h.ClaimedNum == t.Num:
		return Finished
	case h.Ended:
		return Refunded
	case h.Held:
		return Held
	case max(now, h.At) >= t.ExpiresAt:
		return Expired
	case h.ClaimedNum == 0:
		return Sent
	default:
		return Open
	}
}

// Check says which invariant of a packet's counters is broken, or nil. It is
// asked before every write and after every read.
func (h *Head) Check(t *Terms) error {
	for _, counter := range []money.Fen{h.Claimed, h.Refunded, h.Returned} {
		if counter < 0 || counter > t.Total { // first, so that no sum below overflows
			return broken(h, "a counter is out of range: claimed %d, refunded %d, returned %d of %d fen", h.Claimed, h.Refunded, h.Returned, t.Total)
		}
	}
	switch u := h.Unclaimed(t); {
	case u < 0:
		return broken(h, "unclaimed is %d fen", u)
	case h.ClaimedNum < 0 || h.ClaimedNum > t.Num:
		return broken(h, "%d of %d shares claimed", h.ClaimedNum, t.Num)
	case h.Returned > h.Claimed:
		return broken(h, "%d fen returned of %d claimed", h.Returned, h.Claimed)
	case (h.ClaimedNum == 0) != (h.Claimed == 0):
		return broken(h, "%d fen claimed in %d shares", h.Claimed, h.ClaimedNum)
	case h.Ended && u != 0:
		return broken(h, "ended with %d fen unclaimed", u)
	case h.ClaimedNum == t.Num && u != 0:
		return broken(h, "every share claimed and %d fen unclaimed", u)
	case h.ClaimedNum == t.Num && !h.Ended:
		return broken(h, "every share claimed and not ended")
	case h.Refunded > 0 && !h.Ended:
		return broken(h, "refunded and not ended")
	default:
		return nil
	}
}

// InvariantError says which rule a packet breaks. Such a packet is held.
type InvariantError struct {
	Packet ID
	Reason string
}

// Error writes the packet's number and the reason.
func (e *InvariantError) Error() string {
	return "packet " + strconv.FormatInt(int64(e.Packet), 10) + ": " + e.Reason
}

func broken(h *Head, format string, args ...any) error {
	return &InvariantError{h.ID, fmt.Sprintf(format, args...)}
}
