package store

import (
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// Names of settings.
const (
	SettingEnvironment = "environment"  // packet.Environment, written once
	SettingFingerprint = "instance_key" // fingerprint of the instance key, written once
	SettingClockAlarm  = "clock_alarm"  // since when the wall clock is in doubt; absent when it is not

	SettingPayoutsPaused = "payouts_paused" // since when no payout is sent, and why; absent when they are
)

// Packet is a packet as it is stored.
type Packet struct {
	Head    packet.Head
	Terms   packet.Terms
	Secret  []byte // sealed; the split's secret
	SeedRef []byte // sealed; the seed's openid, to answer queries with
	Settled bool
	DueAt   int64 // Terms.ExpiresAt once more, beside the head: what Due goes by
}

// Place is how far a packet's book has come: the number of its last entry, and its hash,
// which stands for all before it. The zero Place is that of a packet that does not
// exist. After a failover that lost commits one number may have had two hashes.
type Place struct {
	Seq  uint64
	Hash ledger.Hash
}

// Kind is what a store tells those who read its rows without this program of a kind
// of entry: a copy of the ledger's own rules.
type Kind struct {
	Kind          ledger.Kind
	Name          string
	Debit, Credit ledger.Account // both empty: it moves nothing
}

// Stray is a row of a packet that is not whole.
type Stray struct {
	Table  string
	Packet packet.ID
}

// Deadline is when a packet's life ends. Deadlines are ordered by time, then packet.
type Deadline struct {
	At     int64 // milliseconds
	Packet packet.ID
}

// HeadUpdate moves a packet's head on from the seq it was read at.
type HeadUpdate struct {
	From uint64
	To   packet.Head
}

// AccountUpdate moves an account's head on from the seq it was read at.
type AccountUpdate struct {
	From uint64
	To   ledger.Book
}

// Bill ties a bill number to the packet it sent.
type Bill struct {
	MchID, BillNo string
	Packet        packet.ID
	Fields        []byte // JSON; keyed hashes of what a repeat must equal (docs/api/wire.md#idempotency)
	Link          string // token of the root link, the same in every answer
	At            int64  // milliseconds
}

// Merchant is who pays.
type Merchant struct {
	MchID     string
	Name      string
	CreatedAt int64 // milliseconds
	Settings  Settings
}

// DaySum is what a merchant has sent on one day, to one seed claimant or, under the
// zero Claimant, to all. It is kept for that day only, and only where a quota asks
// for it.
type DaySum struct {
	MchID  string
	Day    int // packet.Day
	Seed   packet.Claimant
	Num    int       // packets; to all: those of a group
	Amount money.Fen // to one: the average share of each packet, rounded up
}

// KeyUse is what a key is for.
type KeyUse string

// The uses of keys.
const (
	APIKey    KeyUse = "api"    // signs the merchant's requests and our answers
	TicketKey KeyUse = "ticket" // verifies claim tickets
)

// Key is one key of a merchant. Sealed holds an API key or an HS256 secret;
// Public an Ed25519 public key.
type Key struct {
	MchID     string
	ID        string // kid of a ticket key; a fingerprint of an API key
	Use       KeyUse
	Alg       string // api: "v2"; ticket: "EdDSA" or "HS256"
	Sealed    []byte
	Public    []byte
	CreatedAt int64 // milliseconds
	NotAfter  int64 // milliseconds; 0: no end
}

// Follower is a worker's place in a packet's book: every entry up to Seq has been
// acted on.
type Follower struct {
	Packet packet.ID
	Worker string
	Seq    uint64
	Fence  uint64 // grows by one with each move
}

// PayoutState is how far a payout has come. Final states never change again but
// done, which a bank may return.
type PayoutState string

// The states of a payout.
const (
	PayoutQueued     PayoutState = "queued"
	PayoutSubmitting PayoutState = "submitting" // written before the channel is called
	PayoutAccepted   PayoutState = "accepted"
	PayoutAwaiting   PayoutState = "awaiting_user"
	PayoutUnknown    PayoutState = "unknown"
	PayoutCancelling PayoutState = "cancelling"
	PayoutDone       PayoutState = "done"      // final
	PayoutRefused    PayoutState = "refused"   // final
	PayoutCancelled  PayoutState = "cancelled" // final
)

// Final says whether nothing more will happen to a payout by itself.
func (s PayoutState) Final() bool {
	return s == PayoutDone || s == PayoutRefused || s == PayoutCancelled
}

// Payout is one attempt to move one claimed share to its claimant. Its identity
// is (send_listid, claimant, generation), never the slot, so that after a restore
// the same person has the same rail key.
type Payout struct {
	Packet     packet.ID
	Slot       int
	Generation int // 1 for the first attempt
	Claimant   packet.Claimant
	MchID      string
	Channel    string
	RailKey    string
	Amount     money.Fen
	Payee      []byte // sealed, as in the claim
	Frozen     []byte // sealed; the exact request, once it was made
	State      PayoutState
	Version    int   // grows by one with each change
	Attempts   int   // of submitting or asking
	NextCheck  int64 // milliseconds; when to look at it again; until then a worker may be at it
	Operator   bool  // waits for an operator
	Mendable   bool  // refused for a reason the payee can mend
	Returned   bool  // the share went back to the merchant
	Code       string
	RailRef    string
	CreatedAt  int64
	UpdatedAt  int64
}

// PayoutEvent is one change of a payout, kept for ever.
type PayoutEvent struct {
	Packet     packet.ID
	Claimant   packet.Claimant
	Generation int
	Num        int // 1, 2, … within the payout; set by the store
	State      PayoutState
	Source     string // create, query, callback, operator, lease
	Evidence   string // hash of the channel's answer, or words
	At         int64
}
