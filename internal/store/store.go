// Package store is the contract between the engine and a database.
//
// A Store runs closures in transactions. Update's closure **may run more than
// once** (a serialization failure, a lost connection), so it touches nothing but
// its Tx and variables it sets anew each time. When Update returns nil, all it
// wrote is on disk; when it returns anything but ErrUnknown, nothing was written.
//
// # Keys
//
// Everything of a packet has the packet's id as the first column of its primary
// key, everything of an account the merchant's: no total, sequence or index is
// shared between packets, so that claims of different packets never meet.
//
//	packets   id                        head: counters, seq, hash
//	terms     packet_id                 what was sent; never changes
//	claims    packet_id, claimant       one row a claim, written once
//	entries   packet_id, seq            all other entries of a packet's book
//	followers packet_id, worker         how far a worker has followed the book
//	payouts   packet_id, claimant, generation
//	accounts  mch_id                    head of a merchant's book
//	account_entries mch_id, seq
//	bills     mch_id, mch_billno        bill number → packet and first answer
//	day_sums  mch_id, day, seed         what was sent today, where there is a quota
//	merchants, keys, settings, tickets
//
// # Locks
//
// Locks are taken in one order everywhere: packets by ascending id, accounts by
// ascending mch_id, bills, then new rows. A head is updated only against the seq
// it was read with; the row count is checked before the commit is sent.
package store

import (
	"context"
	"errors"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
)

// Errors that a closure or Update can return, beside fault.NotFound for a row
// that is not there and fault.Busy when nothing was done and trying again later
// is the cure (a full disk, a database that is being reopened). A call that failed
// with any of them but fault.NotFound has ended the transaction: later calls fail
// as it did, and so does Update, whatever its closure returns.
var (
	// ErrStale says that a row was not as it had been read: its seq or version
	// has moved on, or a row of that key exists. Nothing was written. Read again.
	ErrStale = errors.New("store: the row has changed")
	// ErrTaken says that a packet id is in use. Nothing was written. Draw another.
	ErrTaken = errors.New("store: the packet id is taken")
	// ErrUnknown says that the commit was sent and its fate is not known. Ask, under
	// the locks it held, whether all that it wrote exists: one row may be another's.
	ErrUnknown = errors.New("store: the fate of the commit is unknown")
)

// ForgetMax bounds how many sums of earlier days one sum of today costs.
const ForgetMax = 1000

// Store is a database. All methods may be called from several goroutines.
type Store interface {
	// Update runs f in a read-write transaction and commits it durably. f's own
	// error rolls back and is returned as it is. ctx bounds the wait for the
	// writer, never the commit.
	Update(ctx context.Context, f func(Tx) error) error
	// View runs f in a read-only transaction over one consistent state.
	View(ctx context.Context, f func(Reader) error) error
	// Health returns nil when the store can read and write.
	Health(ctx context.Context) error
	// Close lets running transactions end and gives up all files.
	Close() error
}

// Reader reads. A single row that does not exist is fault.NotFound; lists are
// empty. Results belong to the caller.
type Reader interface {
	// Setting returns the value under name.
	Setting(name string) (string, error)
	// Kinds lists what the store says of each kind of entry, by number.
	Kinds() ([]Kind, error)
	// TicketUsed tells whether a claim ticket is marked as used up.
	TicketUsed(mchID string, jti [16]byte) (bool, error)

	Merchant(mchID string) (Merchant, error)
	// Merchants lists all merchants by mch_id.
	Merchants() ([]Merchant, error)
	// Keys lists a merchant's keys, newest first.
	Keys(mchID string) ([]Key, error)
	// NextMerchant returns the first mch_id after another under which there is any row
	// of a merchant's, be there a merchant or not; "" if there is none.
	NextMerchant(after string) (string, error)
	Account(mchID string) (ledger.Book, error)
	// AccountEntries lists up to limit entries after seq, ascending.
	AccountEntries(mchID string, after uint64, limit int) ([]ledger.Entry, error)
	// AccountEntry returns the entry with a reference.
	AccountEntry(mchID, ref string) (ledger.Entry, error)
	Bill(mchID, billNo string) (Bill, error)
	// Bills lists up to limit bills after a bill number, ascending.
	Bills(mchID, after string, limit int) ([]Bill, error)
	// DaySum returns what a merchant has sent on a day; a sum of nothing if there is
	// no row.
	DaySum(mchID string, day int, seed packet.Claimant) (DaySum, error)

	Packet(id packet.ID) (Packet, error)
	// Packets lists up to limit packets with ids above after, ascending.
	Packets(after packet.ID, limit int) ([]Packet, error)
	// PacketsOf lists up to limit packets of a merchant with ids below before,
	// newest first.
	PacketsOf(mchID string, before packet.ID, limit int) ([]Packet, error)
	// Claims lists a packet's claims with seq above after, by slot.
	Claims(id packet.ID, after uint64) ([]packet.Claim, error)
	// Entries lists the other entries of a packet's book, by seq.
	Entries(id packet.ID) ([]packet.Entry, error)
	// Strays lists rows with packet ids above after and up to through that belong to no
	// whole packet, since head or terms are missing: of each table the first, by packet
	// and table.
	Strays(after, through packet.ID) ([]Stray, error)
	// Due lists up to limit packets that are neither ended nor held and whose DueAt is
	// a deadline above after and not later than until (milliseconds), the earliest first.
	Due(after Deadline, until int64, limit int) ([]Deadline, error)

	// Follower returns a worker's place in a packet's book; the zero place if it
	// has none yet.
	Follower(id packet.ID, worker string) (Follower, error)
	// Unsettled lists up to limit packets with ids above after for which something
	// may remain to be done: Settle has not been called, or the book has grown.
	Unsettled(after packet.ID, limit int) ([]packet.ID, error)
	// Payouts lists a packet's payouts by slot and generation.
	Payouts(id packet.ID) ([]Payout, error)
	// PayoutsOf lists the payouts of one claimant's share by generation.
	PayoutsOf(id packet.ID, claimant packet.Claimant) ([]Payout, error)
	// PayoutsDue lists up to limit payouts that are not final, wait for no operator
	// and have NextCheck at or before a time (milliseconds), the oldest first.
	PayoutsDue(at int64, limit int) ([]Payout, error)
	// PayoutEvents lists what happened to a packet's payouts, by claimant, generation
	// and number.
	PayoutEvents(id packet.ID) ([]PayoutEvent, error)
}

// Tx reads and writes. Every batch may be empty. What it wrote it reads back.
type Tx interface {
	Reader

	// LockPackets locks packets, which must be sorted ascending, and returns how far
	// the book of each has come.
	LockPackets(ids []packet.ID) ([]Place, error)
	// LockAccounts locks accounts, which must be sorted ascending, and returns
	// them; an account that does not exist is fault.NotFound.
	LockAccounts(mchIDs []string) ([]ledger.Book, error)

	// InsertPackets adds heads and terms. ErrTaken if one of the ids exists.
	InsertPackets([]Packet) error
	// UpdateHeads moves heads on. ErrStale if one is not at From any more.
	UpdateHeads([]HeadUpdate) error
	// InsertClaims adds claims. ErrStale if a claimant is there already. That a slot
	// is taken once is for the head's seq to see to; a store may see to it too.
	InsertClaims([]packet.Claim) error
	// InsertEntries adds entries. ErrStale if a seq is there already.
	InsertEntries([]packet.Entry) error
	// Settle notes that nothing remains to be done for a packet.
	Settle(packet.ID) error

	// UpdateAccounts moves account heads on. ErrStale as in UpdateHeads.
	UpdateAccounts([]AccountUpdate) error
	// InsertAccountEntries adds entries. ErrStale if a seq or reference exists.
	InsertAccountEntries([]ledger.Entry) error
	// InsertBills adds bills. ErrStale if a bill number exists.
	InsertBills([]Bill) error
	// SaveDaySums adds sums of a day, or replaces them. With each, up to ForgetMax sums
	// of the merchant's earlier days are forgotten, the oldest first.
	SaveDaySums([]DaySum) error

	// SaveFollower moves a worker on from the place it was read at; the fence of the
	// new place is the store's to set. ErrStale if another one has moved it.
	SaveFollower(from, to Follower) error
	// InsertPayouts adds payouts. ErrStale if one exists.
	InsertPayouts([]Payout) error
	// UpdatePayouts writes payouts whose Version is one above that stored. ErrStale
	// if one is not.
	UpdatePayouts([]Payout) error
	// InsertPayoutEvents adds events, numbered by the store within their payout.
	InsertPayoutEvents([]PayoutEvent) error

	// InsertSetting sets a name once. ErrStale if it is set.
	InsertSetting(name, value string) error
	// DeleteSetting unsets a name that has a value. ErrStale if it has not, or another.
	DeleteSetting(name, value string) error
	// InsertMerchant adds a merchant with an empty account. ErrStale if it exists.
	InsertMerchant(Merchant) error
	// UpdateMerchant replaces a merchant's name and settings. fault.NotFound if there
	// is no such merchant.
	UpdateMerchant(Merchant) error
	// InsertKey adds a key. ErrStale if its id exists for that merchant.
	InsertKey(Key) error
	// RetireKeys sets the end of life of a merchant's keys of one use that end later.
	RetireKeys(mchID string, use KeyUse, notAfter int64) error
	// RetireKey does that to one key. An id that the merchant has no key of is none to
	// retire, and no error.
	RetireKey(mchID, id string, notAfter int64) error
	// UseTicket marks a claim ticket as used up until its expiry (milliseconds),
	// and forgets those of the merchant that expired before now. ErrStale if it is
	// used.
	UseTicket(mchID string, jti [16]byte, expires, now int64) error
}
