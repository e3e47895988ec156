package sqlite

import (
	"context"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"hongbao.example/hongbao/internal/fault"
)

// Result codes of SQLite. Errors are told apart by them, never by their text.
const (
	plain = sqlite3.SQLITE_ERROR // among others, of a ROLLBACK outside of a transaction
	full  = sqlite3.SQLITE_FULL
)

// coded is an error with an extended result code, as all of the driver's are.
type coded interface {
	error
	Code() int
}

// extended returns the extended result code of err, 0 if it has none.
func extended(err error) int {
	if c, ok := errors.AsType[coded](err); ok {
		return c.Code()
	}
	return 0
}

// primary returns the result code of which extended is a shade.
func primary(err error) int { return extended(err) & 0xff }

// exists tells whether a row was refused because there is one of its key.
func exists(err error) bool {
	switch extended(err) {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return true
	default:
		return false
	}
}

// ofDisk tells whether it is the disk that failed, or is full.
func ofDisk(err error) bool {
	switch primary(err) {
	case full, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return true
	default:
		return false
	}
}

// classify makes Busy of what passes: a lock, a full or failing disk, the end of
// the caller's patience. It is for errors after which nothing was written.
func classify(err error) error {
	switch code := primary(err); {
	case err == nil:
		return nil
	case ofDisk(err), code == sqlite3.SQLITE_BUSY, code == sqlite3.SQLITE_PROTOCOL:
		return busy(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return busy(err)
	default:
		return fmt.Errorf("sqlite: %w", err)
	}
}

func busy(err error) error { return &fault.Error{Op: "sqlite", Code: fault.Busy, Err: err} }
