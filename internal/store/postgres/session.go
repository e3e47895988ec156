package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// session is one transaction on a connection.
type session struct {
	conn        *pgx.Conn
	ctx         context.Context // never done, since a transaction that runs is not interrupted
	wait        context.Context // bounds the wait for locks
	lockWait    time.Duration   // bounds it too
	distributed bool
	opening     string // what begins the transaction, until it is sent with the first statement
	lost        bool   // the server cannot be worked with
	err         error  // what failed in the transaction
}

// update runs f in a read-write transaction. BEGIN and what f asks first make one round
// trip.
func (s *session) update(f func(store.Tx) error) error {
	s.opening = beginWrite
	if err := f(tx{reader{s}}); err != nil || s.err != nil {
		s.rollback()
		return s.cause(err)
	}
	if s.opening != "" {
		return nil // f asked nothing
	}
	return s.commit()
}

// beginView begins a read-only transaction.
func (s *session) beginView() error {
	_, err := s.send(s.wait, single(beginRead), nil)
	return s.failed(err, nil)
}

// view runs f in the transaction that has begun.
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

// rollback ends the transaction. A connection on which that fails is given up, and
// the server rolls back.
func (s *session) rollback() {
	if s.opening != "" || s.conn.IsClosed() {
		return
	}
	if _, err := s.conn.Exec(s.ctx, rollback); err != nil {
		s.lost = true
	}
}

// commit sends COMMIT and decides what comes back. The closure's context is gone from
// here on: nothing but the server's answer or the loss of the connection ends the wait.
// Whether an error is from before anything was sent is not for the driver to say
// (pgconn.SafeToRetry): it does so of a connection that was lost while it waited, too.
func (s *session) commit() error {
	if s.conn.IsClosed() {
		return &againError{errors.New("the connection was lost before COMMIT")}
	}
	data := s.conn.PgConn().CustomData()
	delete(data, warning)
	committing(s.conn.PgConn(), true)
	tag, err := s.conn.Exec(s.ctx, commit)
	if !s.conn.IsClosed() {
		committing(s.conn.PgConn(), false)
	}
	switch {
	case err == nil && tag.String() == "COMMIT" && data[warning] == nil:
		return nil
	case err == nil && tag.String() == "ROLLBACK":
		return &againError{errors.New("COMMIT was answered with ROLLBACK")}
	case err == nil:
		return fmt.Errorf("%w: COMMIT came with a warning: %v", store.ErrUnknown, data[warning])
	case rolledBack(err):
		return &againError{err}
	default:
		s.lost = true
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
}

// fail notes what ends the transaction. The server refuses every later statement of
// it, so none is sent.
func (s *session) fail(err error) error {
	if err != nil {
		s.err = cmp.Or(s.err, err)
	}
	return s.err
}

// failed says what an error of the driver or the server means; taken, where it says
// that there is a row of that key.
func (s *session) failed(err, taken error) error {
	switch {
	case err == nil || s.err != nil:
		return s.err
	case taken != nil && state(err) == uniqueViolation:
		return s.fail(taken)
	}
	s.lost = lost(err, s.conn.IsClosed())
	return s.fail(classify(err, s.conn.IsClosed()))
}

// send runs statements, in one round trip, and returns how many rows they changed. The
// rows that come back go to read.
func (s *session) send(ctx context.Context, b *pgx.Batch, read func(*table.Row) error) (changed int64, err error) {
	if s.err != nil || b.Len() == 0 {
		return 0, s.err
	}
	if s.opening != "" {
		b.QueuedQueries = slices.Insert(b.QueuedQueries, 0, &pgx.QueuedQuery{SQL: s.opening})
		s.opening = ""
	}
	results := s.conn.SendBatch(ctx, b)
	for i := 0; i < b.Len() && err == nil; i++ {
		var n int64
		n, err = each(results, read)
		changed += n
	}
	return changed, cmp.Or(err, results.Close())
}

// each hands the rows of the next result to read, and returns how many it tells of.
func each(results pgx.BatchResults, read func(*table.Row) error) (int64, error) {
	rows, err := results.Query()
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var row table.Row
	for rows.Next() {
		if row.Values, err = rows.Values(); err == nil {
			err = read(&row)
		}
		if err != nil {
			return 0, err
		}
	}
	rows.Close()
	return rows.CommandTag().RowsAffected(), rows.Err()
}

// exec runs a statement in the transaction and returns how many rows it changed.
func (s *session) exec(sql string, values ...any) (int64, error) {
	changed, err := s.send(s.ctx, single(sql, values...), nil)
	return changed, s.failed(err, nil)
}

// insert adds a row; taken is the answer when there is one of its key.
func (s *session) insert(taken error, sql string, values ...any) error {
	_, err := s.send(s.ctx, single(sql, values...), nil)
	return s.failed(err, taken)
}

// inserts is insert for each of rows, in one round trip.
func inserts[T any](s *session, taken error, sql string, rows []T, values func(*T) []any) error {
	_, err := s.send(s.ctx, repeated(sql, rows, values), nil)
	return s.failed(err, taken)
}

// swaps changes rows as they were read, in one round trip, or is ErrStale. A statement
// that names a key changes at most one row, so the sum tells about each.
func swaps[T any](s *session, sql string, rows []T, values func(*T) []any) error {
	changed, err := s.send(s.ctx, repeated(sql, rows, values), nil)
	return s.swapped(changed, len(rows), err)
}

// swapped is ErrStale if not every row was changed that was to be.
func (s *session) swapped(changed int64, want int, err error) error {
	if err := s.failed(err, nil); err != nil || changed == int64(want) {
		return err
	}
	return s.fail(store.ErrStale)
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
	return lists(s.ctx, s, single(sql, values...), scan)
}

// lists reads queries, one result after the other, in one round trip. The end of ctx
// ends it.
func lists[T any](ctx context.Context, s *session, queries *pgx.Batch, scan func(*table.Row) T) (all []T, err error) {
	_, err = s.send(ctx, queries, func(r *table.Row) error {
		row, err := table.Read(r, scan)
		all = append(all, row)
		return err
	})
	if err := s.failed(err, nil); err != nil {
		return nil, err
	}
	return all, nil
}

// locks is lists of queries that lock rows. While it waits for other transactions the
// end of the caller's context ends it; a caller who has gone before that is not asked.
// Nor does it wait much longer than the server would let it, which knows nothing of
// what another node of a distributed database waits for.
func locks[T any](s *session, queries *pgx.Batch, scan func(*table.Row) T) ([]T, error) {
	ctx := s.wait
	if ctx.Err() != nil {
		ctx = s.ctx
	}
	ctx, cancel := context.WithTimeout(ctx, s.lockWait+s.lockWait/4)
	defer cancel()
	return lists(ctx, s, queries, scan)
}

// single is one statement to be sent.
func single(sql string, values ...any) *pgx.Batch {
	var b pgx.Batch
	b.Queue(sql, values...)
	return &b
}

// repeated is a statement to be sent once for each of rows.
func repeated[T any](sql string, rows []T, values func(*T) []any) *pgx.Batch {
	var b pgx.Batch
	for i := range rows {
		b.Queue(sql, values(&rows[i])...)
	}
	return &b
}
