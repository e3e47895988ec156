package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// session is one transaction on a connection.
type session struct {
	conn        *pgx.Conn
	ctx         context.Context // never done, since a transaction that runs is not interrupted
	wait        context.Context // bounds the wait for locks
	distributed bool
	lost        bool  // the connection must be given up
	err         error // what failed in the transaction
}

// update runs f in a read-write transaction.
func (s *session) update(f func(store.Tx) error) error {
	if err := s.begin(beginWrite); err != nil {
		return err
	}
	if err := f(tx{reader{s}}); err != nil || s.err != nil {
		s.rollback()
		return s.cause(err)
	}
	return s.commit()
}

// view runs f in the read-only transaction that has begun.
func (s *session) view(f func(store.Reader) error) error {
	err := f(reader{s})
	s.rollback()
	return s.cause(err)
}

// cause is what a closure's transaction ended with: what asks for another one, else
// the closure's own word.
func (s *session) cause(err error) error {
	if _, again := errors.AsType[*againError](s.err); again {
		return s.err
	}
	return cmp.Or(err, s.err)
}

func (s *session) begin(statement string) error {
	_, err := s.conn.Exec(s.wait, statement)
	return s.fail(classify(err), err)
}

// rollback ends the transaction. A connection on which that fails is given up, and
// the server rolls back.
func (s *session) rollback() {
	if s.conn.IsClosed() {
		return
	}
	if _, err := s.conn.Exec(s.ctx, rollback); err != nil {
		s.lost = true
	}
}

// commit sends COMMIT and decides what comes back. The closure's context is gone from
// here on: nothing but the server's answer or the loss of the connection ends the wait.
func (s *session) commit() error {
	data := s.conn.PgConn().CustomData()
	delete(data, warning)
	tag, err := s.conn.Exec(s.ctx, commit)
	switch {
	case err == nil && tag.String() == "COMMIT" && data[warning] == nil:
		return nil
	case err == nil && tag.String() == "ROLLBACK":
		return &againError{errors.New("COMMIT was answered with ROLLBACK")}
	case err == nil:
		return fmt.Errorf("%w: COMMIT came with a warning: %v", store.ErrUnknown, data[warning])
	case rolledBack(err), pgconn.SafeToRetry(err):
		return &againError{err}
	default:
		s.lost = true
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
}

// fail notes what ends the transaction. The server refuses every later statement of
// it, so none is sent.
func (s *session) fail(err, raw error) error {
	if err != nil {
		s.err = cmp.Or(s.err, err)
		s.lost = s.lost || lost(raw)
	}
	return s.err
}

// exec runs a statement in the transaction and returns how many rows it changed.
func (s *session) exec(sql string, values ...any) (int64, error) {
	if s.err != nil {
		return 0, s.err
	}
	tag, err := s.conn.Exec(s.ctx, sql, values...)
	return tag.RowsAffected(), s.fail(classify(err), err)
}

// outcome says what it means that a row was written, or not: taken, where there is
// one of its key.
func (s *session) outcome(err, taken error) error {
	if state(err) == uniqueViolation {
		return s.fail(taken, err)
	}
	return s.fail(classify(err), err)
}

// insert adds a row; taken is the answer when there is one of its key.
func (s *session) insert(taken error, sql string, values ...any) error {
	if s.err != nil {
		return s.err
	}
	_, err := s.conn.Exec(s.ctx, sql, values...)
	return s.outcome(err, taken)
}

// swap changes one row as it was read, or is ErrStale.
func (s *session) swap(sql string, values ...any) error {
	n, err := s.exec(sql, values...)
	if err == nil && n != 1 {
		err = s.fail(store.ErrStale, nil)
	}
	return err
}

// inserts adds a row for each of rows, in one round trip.
func inserts[T any](s *session, taken error, sql string, rows []T, values func(*T) []any) error {
	_, err := pipeline(s, taken, sql, rows, values)
	return err
}

// swaps is swap for each of rows, in one round trip.
func swaps[T any](s *session, sql string, rows []T, values func(*T) []any) error {
	changed, err := pipeline(s, store.ErrStale, sql, rows, values)
	if err == nil && changed != int64(len(rows)) {
		err = s.fail(store.ErrStale, nil)
	}
	return err
}

// pipeline runs a statement once for each of rows, without waiting in between, and
// returns how many rows were changed. One that has a key of its own changes at most
// one row, so the sum tells about each.
func pipeline[T any](s *session, taken error, sql string, rows []T, values func(*T) []any) (changed int64, err error) {
	if s.err != nil || len(rows) == 0 {
		return 0, s.err
	}
	var b pgx.Batch
	for i := range rows {
		b.Queue(sql, values(&rows[i])...)
	}
	results := s.conn.SendBatch(s.ctx, &b)
	for range rows {
		var tag pgconn.CommandTag
		if tag, err = results.Exec(); err != nil {
			break
		}
		changed += tag.RowsAffected()
	}
	return changed, s.outcome(cmp.Or(err, results.Close()), taken)
}

// each hands the rows of a query to read, one after the other.
func (s *session) each(ctx context.Context, sql string, read func(*table.Row) error, values ...any) error {
	if s.err != nil {
		return s.err
	}
	rows, err := s.conn.Query(ctx, sql, values...)
	if err != nil {
		return s.fail(classify(err), err)
	}
	defer rows.Close()
	var row table.Row
	var bad error
	for bad == nil && rows.Next() {
		if row.Values, bad = rows.Values(); bad == nil {
			bad = read(&row)
		}
	}
	rows.Close()
	if bad != nil {
		return s.fail(fmt.Errorf("postgres: %w", bad), nil)
	}
	return s.fail(classify(rows.Err()), rows.Err())
}

// one reads a query of at most one row.
func one[T any](s *session, sql string, scan func(*table.Row) T, values ...any) (result T, err error) {
	all, err := list(s, sql, scan, values...)
	if err == nil && len(all) == 0 {
		return result, fault.NotFound
	}
	if err == nil {
		result = all[0]
	}
	return result, err
}

// list reads a query of many rows.
func list[T any](s *session, sql string, scan func(*table.Row) T, values ...any) ([]T, error) {
	return listUntil(s.ctx, s, sql, scan, values...)
}

// listUntil is list, given up when ctx ends.
func listUntil[T any](ctx context.Context, s *session, sql string, scan func(*table.Row) T, values ...any) (results []T, err error) {
	err = s.each(ctx, sql, func(r *table.Row) error {
		result, err := table.Read(r, scan)
		results = append(results, result)
		return err
	}, values...)
	return results, err
}
