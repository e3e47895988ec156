package hongbao

import (
	"errors"
	"strconv"
	"time"
)

// Outcome is how a call ended.
type Outcome int

// The outcomes. Whatever is not known to be otherwise is Unknown.
const (
	Unknown Outcome = iota // it may have happened; repeat it with the same MchBillNo
	Refused                // this call has done nothing
	Done
)

// String returns the name of o in lower case.
func (o Outcome) String() string { return [...]string{"unknown", "refused", "done"}[o] }

// OutcomeOf returns Done for nil, what an *Error says of itself, and Unknown for
// every other error.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome()
	}
	return Unknown
}

// Advice is what to do after an Error.
type Advice int

// The answers to "may I call again?".
const (
	RetrySame       Advice = iota // the same number and fields, once the cause is gone, after a second or more
	RetryFixed                    // correct the request; the number is still free
	RetryAfterQuery               // ask QueryRedPack what became of the number, then RetrySame
	RetryNewNumber                // this number is spent
	RetryNever                    // the program is wrong: the number belongs to another order
)

// Error is a call that is not done. Every method of this package that takes a
// Request returns this type.
type Error struct {
	Call    string // such as "sendgroupredpack"
	Code    string // the err_code of the answer, empty if there was none; PARAM_ERROR if the client itself refused
	Message string // what the answer says to people
	Field   string // the element at fault, if the client itself refused
	Status  int    // the HTTP status, if it was not 200
	Tries   int    // requests that were made
	Err     error  // why nothing can be known, such as a lost connection; nil after a refusal

	RetryAfter time.Duration // how long the server asks to wait, if it does
}

// Error writes "hongbao: call: code: field: message: cause", leaving out what is
// empty, and how many tries ended unknown if there was more than one.
func (e *Error) Error() string {
	text := "hongbao"
	for _, part := range []string{e.Call, e.Code, e.Field, e.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	if e.Status != 0 {
		text += ": HTTP status " + strconv.Itoa(e.Status)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Tries > 1 && e.Outcome() == Unknown {
		text += " (outcome unknown after " + strconv.Itoa(e.Tries) + " tries)"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Outcome says whether the call was refused or is of unknown outcome. A refusal
// after a try of unknown outcome is unknown too. It speaks of this call alone: if an
// earlier one with the same number ended unknown, ask QueryRedPack.
func (e *Error) Outcome() Outcome {
	outcome, _ := e.advice()
	return outcome
}

// Advice says what to do next.
func (e *Error) Advice() Advice {
	_, advice := e.advice()
	return advice
}

// advice is the table of docs/api/wire.md#error-codes. A code that is not in it
// must not be taken for a refusal: who then sends under a new number may pay
// twice.
func (e *Error) advice() (Outcome, Advice) {
	if e.Err != nil {
		return Unknown, RetrySame
	}
	switch e.Code {
	case "XML_ERROR", "PARAM_ERROR", "CA_ERROR", "SIGN_ERROR", "ILLEGAL_APPID", "OPENID_ERROR",
		"MSGAPPID_ERROR", "ACCEPTMODE_ERROR", "MONEY_LIMIT":
		return Refused, RetryFixed
	case "API_METHOD_CLOSED", "SENDNUM_LIMIT", "SENDAMOUNT_LIMIT", "SECOND_OVER_LIMITED",
		"DAY_OVER_LIMITED", "TIME_LIMITED", "NOTENOUGH", "NOT_FOUND":
		return Refused, RetrySame
	case "NO_AUTH", "SEND_FAILED":
		return Refused, RetryNewNumber
	case "FATAL_ERROR":
		return Refused, RetryNever
	case "PROCESSING":
		return Unknown, RetryAfterQuery
	}
	return Unknown, RetrySame
}
