// Package fault is the closed list of reasons for which the system says no, and
// the one error type that carries them.
//
// A Code is itself an error, so a decision can return it as it stands:
//
//	case h.Held:
//		return h, Claim{}, fault.Held
//
// An edge that wants to say more wraps it in an Error with the field at fault
// and a detail for people. CodeOf finds the code again, through any wrapping;
// what carries no code is Internal, and its text reaches the log only. Each edge
// maps every code to its own words in one table.
package fault

import (
	"errors"
	"strconv"
)

// Code is one reason. The zero Code is no reason: all is well.
type Code int

// The codes of a claim stand in the order in which they are checked: when two
// apply, the first is the answer. Those of a send follow the order of checks of
// docs/api/wire.md#order-of-checks.
const (
	OK Code = iota

	// What a claimant is told.
	NotFound      // no such packet, or a link that was tampered with
	Method        // the path exists, the method does not
	TooLarge      // a body over the limit
	CrossSite     // a form or script of another site, or a missing CSRF token
	SignIn        // nobody is signed in
	TicketRefused // the claim ticket does not hold
	Held          // an operator or an invariant stopped the packet
	Finished      // every share has been taken
	Expired       // the packet's life has ended
	NotYours      // a normal packet, seen by somebody else
	SlowDown      // too many tries
	Refused       // the merchant's rules or risk control say no
	SeedFirst     // the seed claimant has not opened yet
	Busy          // nothing was done; try again
	Unknown       // whether it was done is not known; repeat, it is safe

	// What a merchant is told.
	Malformed    // the body is not the XML it should be
	Invalid      // a field is missing, too long or wrong; Field names it
	Certificate  // the client certificate does not satisfy the merchant's policy
	Signature    // the sign does not match
	Conflict     // the bill number was used with other fields; Field names the first
	Closed       // sending by API is switched off for this merchant
	Unauthorized // not enabled for this merchant or address
	Relation     // a service provider may not send for this merchant
	MsgAppID     // a service provider may not deliver under this appid
	AmountLimit  // total or average outside the bounds
	Night        // no sending at this hour
	RateLimit    // over the merchant's rate
	DayNum       // over the merchant's packets of the day
	SeedNum      // over the packets of the day to one seed claimant
	SeedAmount   // over the amount of the day to one seed claimant
	DayAmount    // over the merchant's amount of the day
	Funds        // the balance does not cover it

	// What an operator is told.
	Internal // a fault of ours; details are in the log
)

// Codes lists every code but OK, so that a test can walk an edge's table.
func Codes() []Code {
	all := make([]Code, 0, Internal)
	for c := NotFound; c <= Internal; c++ {
		all = append(all, c)
	}
	return all
}

var names = [...]string{
	OK: "ok", NotFound: "not_found", Method: "method", TooLarge: "too_large", CrossSite: "cross_site", SignIn: "sign_in",
	TicketRefused: "ticket_refused", Held: "held", Finished: "finished", Expired: "expired", NotYours: "not_yours",
	SlowDown: "slow_down", Refused: "refused", SeedFirst: "seed_first", Busy: "busy", Unknown: "unknown",
	Malformed: "malformed", Invalid: "invalid", Certificate: "certificate", Signature: "signature", Conflict: "conflict",
	Closed: "closed", Unauthorized: "unauthorized", Relation: "relation", MsgAppID: "msg_app_id", AmountLimit: "amount_limit",
	Night: "night", RateLimit: "rate_limit", DayNum: "day_num", SeedNum: "seed_num", SeedAmount: "seed_amount",
	DayAmount: "day_amount", Funds: "funds", Internal: "internal",
}

// String returns the code's stable name, the one that claimants' programs see.
func (c Code) String() string {
	if c < 0 || int(c) >= len(names) {
		return "fault(" + strconv.Itoa(int(c)) + ")"
	}
	return names[c]
}

// Error makes a Code an error.
func (c Code) Error() string { return c.String() }

// Error is a refusal with its circumstances. Detail is for people and may be
// shown to the caller; Err may hold anything and is for the log.
type Error struct {
	Op     string // what was tried, such as "send"
	Code   Code
	Field  string // the input at fault, by its name at the edge; may be empty
	Detail string
	Err    error
}

// Error writes "op: code (field): detail: cause", leaving out what is empty.
func (e *Error) Error() string {
	s := e.Code.String()
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives errors.Is and errors.As both the code and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Err}
}

// CodeOf returns the code that err carries: OK for nil, Internal for an error
// that carries none.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if c, ok := errors.AsType[Code](err); ok {
		return c
	}
	return Internal
}

// FieldOf returns the field that err blames, or "".
func FieldOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Field
	}
	return ""
}

// DetailOf returns what err says for people, or "".
func DetailOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Detail
	}
	return ""
}
