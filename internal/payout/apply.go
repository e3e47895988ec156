package payout

import (
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
)

// When a payout that is under way is asked about again.
const (
	waitLong    = time.Hour           // between asks, once waits is used up; and during a pause, after one
	waitConfirm = 10 * time.Minute    // between asks while the payee must confirm
	lapseGrace  = 5 * time.Minute     // after the time to confirm, until it is asked whether it lapsed
	patience    = 25 * 24 * time.Hour // then an operator looks, and nothing is sent again: rails forget after 30 days
)

// waits are the first pauses between asks, counted from the last change of state.
var waits = [...]time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}

// Sources of events: which call an answer was to.
const (
	sourceCreate = "create"
	sourceQuery  = "query"
	sourceLease  = "lease"
)

// answer is a result and the call it answers.
type answer struct {
	source string
	Result
}

// apply moves a payout on by an answer. confirm is how long the payee has to
// confirm, now is in milliseconds. It is the one place where the state of a payout
// that was sent changes.
//
// A final state stays: an answer that agrees with it, or says nothing, leaves the
// payout as it is, Version included; one that contradicts it is a sign of a double
// payment, changes nothing and calls an operator. The event is zero when nothing
// changed that anybody would look for. An answer to what was never sent is an error.
func apply(p store.Payout, a answer, confirm time.Duration, now int64) (store.Payout, store.PayoutEvent, error) {
	switch {
	case p.State == store.PayoutQueued:
		return p, store.PayoutEvent{}, &fault.Error{Op: "apply answer", Code: fault.Internal, Detail: "payout " + p.RailKey + " was not sent"}
	case p.State.Final() && agrees(&p, &a.Result):
		return p, store.PayoutEvent{}, nil
	case p.State.Final():
		p.Operator = true
		p.Version, p.UpdatedAt = p.Version+1, now
		return p, event(&p, a.source, "contradicted: "+a.Outcome.String()+" "+a.RailRef+" "+a.Evidence, now), nil
	}
	was := p
	p.State = after(p.State, &a.Result)
	p.Mendable = p.State == store.PayoutRefused && a.Mendable
	p.Code = a.Code
	if a.RailRef != "" {
		p.RailRef = a.RailRef
	}
	if p.State != was.State {
		p.Attempts = 1
	}
	p.Operator = !p.State.Final() && (p.Operator || a.Progress == Conflict || now-p.CreatedAt >= patience.Milliseconds())
	p.NextCheck = nextCheck(&p, confirm, now)
	p.Version, p.UpdatedAt = p.Version+1, now
	if p.State == was.State && p.Code == was.Code && p.RailRef == was.RailRef && p.Operator == was.Operator {
		return p, store.PayoutEvent{}, nil
	}
	return p, event(&p, a.source, a.Evidence, now), nil
}

// agrees says whether an answer goes with the final state of a payout.
func agrees(p *store.Payout, r *Result) bool {
	switch r.Outcome {
	case Done:
		return p.State == store.PayoutDone && (r.RailRef == "" || p.RailRef == "" || r.RailRef == p.RailRef)
	case Refused:
		return p.State != store.PayoutDone
	case Unknown:
	}
	return true
}

// after is the state that follows one that is not final. An answer that says
// nothing takes back nothing: what the rail has accepted it does not forget, so only
// a payout that it never acknowledged is unknown.
func after(s store.PayoutState, r *Result) store.PayoutState {
	switch {
	case r.Outcome == Done:
		return store.PayoutDone
	case r.Outcome == Refused && r.Cancelled:
		return store.PayoutCancelled
	case r.Outcome == Refused:
		return store.PayoutRefused
	case r.Progress == Accepted:
		return store.PayoutAccepted
	case r.Progress == AwaitingUser:
		return store.PayoutAwaiting
	case r.Progress == Cancelling:
		return store.PayoutCancelling
	case s == store.PayoutSubmitting:
		return store.PayoutUnknown
	default:
		return s
	}
}

// nextCheck is when to look at a payout again that was looked at now.
func nextCheck(p *store.Payout, confirm time.Duration, now int64) int64 {
	if p.State == store.PayoutAwaiting {
		at := now + waitConfirm.Milliseconds()
		if lapse := p.CreatedAt + (confirm + lapseGrace).Milliseconds(); now < lapse {
			at = min(at, lapse)
		}
		return at
	}
	if n := max(p.Attempts, 1); n <= len(waits) {
		return now + waits[n-1].Milliseconds()
	}
	return now + waitLong.Milliseconds()
}

// event is the record of what a payout became.
func event(p *store.Payout, source, evidence string, now int64) store.PayoutEvent {
	return store.PayoutEvent{
		Packet: p.Packet, Claimant: p.Claimant, Generation: p.Generation,
		State: p.State, Source: source, Evidence: evidence, At: now,
	}
}
