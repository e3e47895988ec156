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
)

// Packet is a packet as it is stored.
type Packet struct {
	Head    packet.Head
	Terms   packet.Terms
	Secret  []byte // sealed; the split's secret
	SeedRef []byte // sealed; the seed's openid, to answer queries with
	Settled bool
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

// Settings are what an operator may set for one merchant. Stored as JSON; a
// missing field has its zero value, and zero means the default named here.
type Settings struct {
	AppIDs      []string  `json:"app_ids"`               // wxappids the merchant may send under
	Providers   []string  `json:"providers,omitempty"`   // who vouches for claimants; default: the configuration's
	LifeHours   int       `json:"life_hours,omitempty"`  // of a packet, 1–72; default 24
	SendClosed  bool      `json:"send_closed,omitempty"` // sending by API is off
	HMACOnly    bool      `json:"hmac_only,omitempty"`   // MD5 signatures are refused
	ErrCodeZero bool      `json:"err_code_0,omitempty"`  // success has err_code 0, not SUCCESS
	AverageMin  money.Fen `json:"average_min,omitempty"` // of a share; default 100
	AverageMax  money.Fen `json:"average_max,omitempty"` // of a share; default 20000
	TotalMax    money.Fen `json:"total_max,omitempty"`   // of a packet; default 100000
	NumMax      int       `json:"num_max,omitempty"`     // shares of a packet; default 1000
	SendsPerSec int       `json:"sends_per_s,omitempty"` // rate; default 30, with a burst of twice that; -1: no limit
	CertPolicy  string    `json:"cert_policy,omitempty"` // off, pinned, ca; default: the environment's
	CertSHA256  []string  `json:"cert_sha256,omitempty"` // pinned leaf certificates, hex
	Unlimited   bool      `json:"unlimited,omitempty"`   // quotas off (the demo)
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
	NextCheck  int64 // milliseconds; when to look at it again
	Lease      int64 // milliseconds; until when a worker is at it
	Operator   bool  // waits for an operator
	Held       bool  // by risk control
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
