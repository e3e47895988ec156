package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"hongbao.example/hongbao/internal/fault"
)

// SQLSTATE codes (PostgreSQL, appendix A). Errors are told apart by them, never by
// their text; the names of constraints are of no use, since a distributed engine adds
// the number of a shard to them.
const (
	uniqueViolation      = "23505"
	readOnlyTransaction  = "25006" // a server that is not the primary any more
	idleTransaction      = "25P03" // this process was silent for too long in a transaction
	serializationFailure = "40001"
	completionUnknown    = "40003"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014" // by an operator

	classConnection = "08"
	classConstraint = "23"
	classRollback   = "40"
	classResources  = "53" // no room on disk, no memory, too many connections
	classOperator   = "57" // the server is being stopped, or is starting
)

// againError says that nothing was written and that a new transaction may succeed.
type againError struct{ err error }

func (e *againError) Error() string { return e.err.Error() }
func (e *againError) Unwrap() error { return e.err }

// state returns the SQLSTATE of err, "" if the server did not say anything.
func state(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// class returns the first two characters of a SQLSTATE.
func class(code string) string { return code[:min(2, len(code))] }

// ended tells whether an error is the end of a context.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// classify says what an error before COMMIT means, after which nothing was written.
// closed says that there is no connection any more.
func classify(err error, closed bool) error {
	code := state(err)
	switch {
	case ended(err), code == lockNotAvailable, class(code) == classResources:
		return busy(err)
	case code == "" && closed, code == serializationFailure, code == deadlockDetected,
		code == readOnlyTransaction, code == idleTransaction,
		class(code) == classConnection, class(code) == classOperator:
		return &againError{err}
	default:
		return fmt.Errorf("postgres: %w", err)
	}
}

// rolledBack tells whether an error at COMMIT says that nothing was written: the
// server gave the transaction up before its commit record, or had ended the session
// before COMMIT came. After anything else that ends a session the record may be there.
func rolledBack(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return false
	case e.Code == idleTransaction:
		return true
	case e.SeverityUnlocalized != "ERROR" || e.Code == completionUnknown:
		return false
	default:
		c := class(e.Code)
		return c == classRollback || c == classResources || c == classConstraint
	}
}

// lost tells whether an error says that the server cannot be worked with, and so
// probably not by other connections either.
func lost(err error, closed bool) bool {
	code := state(err)
	return code == "" && closed && !ended(err) || code == readOnlyTransaction ||
		class(code) == classConnection || class(code) == classOperator && code != queryCanceled
}

func busy(err error) error { return &fault.Error{Op: "postgres", Code: fault.Busy, Err: err} }
