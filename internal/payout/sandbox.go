package payout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/vault"
)

// SandboxName is how packets of a sandbox name their channel.
const SandboxName = "sandbox"

// What the sandbox's rail takes, in fen, and for how long it waits.
const (
	sandboxMin     money.Fen = 1
	sandboxMax     money.Fen = 20_000
	sandboxConfirm           = 24 * time.Hour
)

// Sandbox pays in play money. It keeps nothing, not even which requests it has seen:
// what becomes of a payout is written in the payee's openid, by its beginning, and
// follows from the request, the time since its order and whether it was sent.
//
//	payout-refused   refused, cannot be mended: the share returns to the merchant
//	payout-mend      refused, can be mended; the second generation is done
//	payout-unknown   the answer to the submit is lost; asked, it is done
//	payout-lost      the submit itself is lost, it was never seen; sent again, it is done
//	payout-accepted  accepted; asked, it is done
//	payout-confirm   waits for the payee; asked, it is done
//	payout-lapse     waits for the payee, who does not confirm: cancelled after 24 hours
//	payout-never     unknown for ever
//	payout-known     done; and known already when it was never sent from this database,
//	                 as after a restore
//	any other        done at once
type Sandbox struct{ now func() time.Time }

// NewSandbox makes the channel of a sandbox; it refuses production. now is the wall
// clock.
func NewSandbox(env packet.Environment, now func() time.Time) (*Sandbox, error) {
	if env != packet.Sandbox {
		return nil, fmt.Errorf("payout: the sandbox channel pays nobody and has no place in %q", env)
	}
	return &Sandbox{now}, nil
}

// Name returns SandboxName.
func (s *Sandbox) Name() string { return SandboxName }

// Environment returns packet.Sandbox.
func (s *Sandbox) Environment() packet.Environment { return packet.Sandbox }

// Limits are those of a merchant's transfer, but that it pays single fen.
func (s *Sandbox) Limits() Limits { return Limits{sandboxMin, sandboxMax, sandboxConfirm} }

// request is the body of a frozen request to the sandbox's rail.
type request struct {
	Key        string      `json:"key"`
	ListID     string      `json:"send_listid"`
	Generation int         `json:"generation"`
	Amount     money.Fen   `json:"amount"`
	Payee      vault.Payee `json:"payee"`
	At         time.Time   `json:"at"`
}

// Prepare refuses amounts outside of Limits and payees without an openid.
func (s *Sandbox) Prepare(o Order) (Frozen, error) {
	switch l := s.Limits(); {
	case o.Amount < l.Min || o.Amount > l.Max:
		return Frozen{}, fmt.Errorf("sandbox: %d fen is not within %d to %d", o.Amount, l.Min, l.Max)
	case o.Payee.Subject == "":
		return Frozen{}, errors.New("sandbox: the payee has no openid")
	}
	body, err := json.Marshal(request(o))
	return Frozen{Key: o.Key, Body: body}, err
}

// Submit answers as the openid says.
func (s *Sandbox) Submit(_ context.Context, f Frozen) Result { return s.answer(f, false) }

// Query answers as the openid says.
func (s *Sandbox) Query(_ context.Context, f Frozen) Result { return s.answer(f, true) }

func (s *Sandbox) answer(f Frozen, asked bool) Result {
	var q request
	if err := json.Unmarshal(f.Body, &q); err != nil || q.Key != f.Key {
		return Result{Code: "malformed", Evidence: "sandbox: not a request of this channel"}
	}
	age := s.now().Sub(q.At)
	is := func(script string) bool { return strings.HasPrefix(q.Payee.Subject, "payout-"+script) }
	switch {
	case asked && (is("lost") || !f.Sent && !is("known")):
		return Result{Progress: NeverSeen, Code: "never_seen", Evidence: "sandbox: no such key"}
	case is("refused"):
		return Result{Outcome: Refused, Code: "account_closed", Evidence: "sandbox: refused"}
	case is("mend") && q.Generation == 1:
		return Result{Outcome: Refused, Mendable: true, Code: "name_missing", Evidence: "sandbox: refused, can be mended"}
	case is("never"), is("unknown") && !asked, is("lost") && !asked && age < waits[0]:
		return Result{Code: "no_answer", Evidence: "sandbox: no answer"}
	case is("accepted") && !asked:
		return Result{Progress: Accepted, Code: "accepted", Evidence: "sandbox: accepted"}
	case is("confirm") && !asked, is("lapse") && age < sandboxConfirm:
		return Result{Progress: AwaitingUser, Code: "confirm", Evidence: "sandbox: waits for the payee"}
	case is("lapse"):
		return Result{Outcome: Refused, Cancelled: true, Code: "not_confirmed", Evidence: "sandbox: not confirmed in time"}
	default:
		return Result{Outcome: Done, RailRef: "sandbox-" + f.Key, Evidence: "sandbox: done"}
	}
}
