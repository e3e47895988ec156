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
	serializationFailure = "40001"
	completionUnknown    = "40003"
	deadlockDetected     = "40P01"
	readOnlyTransaction  = "25006" // a server that is not the primary any more
	lockNotAvailable     = "55P03"

	classConnection = "08"
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

// classify says what an error before COMMIT means, after which nothing was written.
func classify(err error) error {
	code := state(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return busy(err)
	case code == "", code == serializationFailure, code == deadlockDetected,
		class(code) == classConnection, class(code) == classOperator, code == readOnlyTransaction:
		return &againError{err}
	case code == lockNotAvailable, class(code) == classResources:
		return busy(err)
	default:
		return fmt.Errorf("postgres: %w", err)
	}
}

// rolledBack tells whether an error at COMMIT says that nothing was written: the
// server gave the transaction up before its commit record. After what ends a
// connection the record may be there all the same.
func rolledBack(err error) bool {
	code := state(err)
	return class(code) == classRollback && code != completionUnknown ||
		class(code) == classResources || class(code) == class(uniqueViolation)
}

// lost tells whether an error says that a connection is of no use any more.
func lost(err error) bool {
	code := state(err)
	return class(code) == classConnection || class(code) == classOperator || code == readOnlyTransaction
}

func busy(err error) error { return &fault.Error{Op: "postgres", Code: fault.Busy, Err: err} }
