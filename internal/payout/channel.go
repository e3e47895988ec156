package payout

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/vault"
)

// Channel is a way to pay people. It keeps no state, never touches the database,
// and decides nothing: it carries a request to a rail and says what the rail
// answered. All methods may be called from several goroutines.
type Channel interface {
	// Name is how packets name the channel in their terms. It never changes.
	Name() string
	// Environment says which money the channel moves. A worker of the other
	// environment refuses it.
	Environment() packet.Environment
	// Limits says which payouts the rail takes.
	Limits() Limits
	// Prepare makes the exact request for an order, or says why the rail cannot take
	// it, in words that name nobody. It is pure: the same order gives the same bytes,
	// and nothing leaves.
	Prepare(Order) (Frozen, error)
	// Submit sends a request. It may be sent any number of times: the rail knows it
	// by its key. What Submit cannot classify is Unknown; it has no error to return,
	// because an error of a request is not the fate of a payout.
	Submit(context.Context, Frozen) Result
	// Query asks the rail what became of a request. It changes nothing there. The
	// request may never have been sent from here, and under its key the rail may have
	// another amount or payee: that is Conflict, whatever became of it. Only Query may
	// answer NeverSeen, and only when the rail says so for certain.
	Query(context.Context, Frozen) Result
}

// Limits are what a rail takes.
type Limits struct {
	Min, Max   money.Fen     // of one payout
	ConfirmTTL time.Duration // how long a payee has to confirm, where they must
}

// Order is one share to be paid to one person.
type Order struct {
	Key        string // rail key
	ListID     string // send_listid of the packet
	Generation int    // 1 for the first attempt
	Amount     money.Fen
	Payee      vault.Payee
	// At is when the share was claimed; of a later attempt, when that was made. A
	// restored database gives the same claim the same order, and so the same request.
	At time.Time
}

// Frozen is an exact request: whatever is sent under Key is sent with Body. Body
// says who is paid, so a Frozen prints its key only.
type Frozen struct {
	Key  string
	Body []byte
	// Sent says, when it is asked about, that it was handed to Submit or may have been,
	// as far as this database knows. A rail knows better; only one that keeps nothing
	// has to believe it.
	Sent bool
}

// Format prints the key, whatever the verb.
func (f Frozen) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, f.Key) // a formatter has nobody to tell
}

// LogValue logs the key.
func (f Frozen) LogValue() slog.Value { return slog.StringValue(f.Key) }

// Outcome is what one answer proves about a payout's fate.
type Outcome int

// The outcomes. The zero Outcome is Unknown: whatever an adapter forgets to set is
// asked about again.
const (
	Unknown Outcome = iota
	Done            // the money arrived
	Refused         // it did not, and under this key it never will
)

// String returns the outcome's name in events.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Refused:
		return "refused"
	case Unknown:
	}
	return "unknown"
}

// Progress is what an Unknown answer tells all the same.
type Progress int

// The kinds of progress.
const (
	NoProgress   Progress = iota // nothing can be said
	NeverSeen                    // the rail knows no such key: the same request may be sent again
	Accepted                     // the rail is at it
	AwaitingUser                 // the payee must confirm
	Cancelling                   // it is being called off, or paid after all
	Conflict                     // the rail has another request under this key: an operator must look
)

// Result is the answer to one call.
type Result struct {
	Outcome   Outcome
	Progress  Progress // with Unknown
	Cancelled bool     // with Refused: it was called off, or not confirmed in time
	Mendable  bool     // with Refused: for a reason the payee can mend
	Code      string   // the rail's word, for people; never decided upon here
	RailRef   string   // the rail's own name for the payout
	Evidence  string   // hash of the raw answer, or words; never a secret
}
