package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// conn is what the driver's connections can do beside what every driver's can.
type conn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
}

// preparedStmt is the same of its statements.
type preparedStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// statement is a prepared statement with room for its arguments and for one row.
type statement struct {
	preparedStmt
	args   []driver.NamedValue
	values []driver.Value
	row    table.Row
}

// session is a connection with the statements prepared on it, or the place for
// one: conn is nil while there is none. It is used by one goroutine at a time. It
// speaks to the driver directly: package database/sql would lock, convert and
// allocate with every claim.
type session struct {
	conn  conn
	stmts [len(queries)]*statement
	lost  bool // the connection must be given up

	// Of the transaction that runs.
	ctx context.Context // never done, since a transaction that runs is not interrupted
	err error           // what failed in it
}

// close gives up the connection. Its statements go first, or SQLite would keep
// the file open for them.
func (s *session) close() error {
	if s.conn == nil {
		return nil
	}
	var err error
	for i, st := range s.stmts {
		if st != nil {
			err = cmp.Or(err, st.Close())
			s.stmts[i] = nil
		}
	}
	err = cmp.Or(err, s.conn.Close())
	s.conn, s.lost = nil, false
	return err
}

// checkLog makes sure that the file has a write-ahead log: where SQLite cannot keep
// one (on some network file systems) it goes on without.
func (s *session) checkLog() error {
	mode, err := one(s, journalMode, (*table.Row).Text)
	if err == nil && mode != "wal" {
		err = fmt.Errorf("the file system allows no write-ahead log, only journal mode %q; use a local disk", mode)
	}
	return err
}

// settle copies the log into the database and syncs it. Commits that SQLite found
// in the log when it opened the file may have been in the system's cache only.
func (s *session) settle(q query) error {
	blocked, err := one(s, q, (*table.Row).Bool)
	if err == nil && blocked && q == checkpointAll {
		err = errors.New("another program uses the log")
	}
	return err
}

// update runs f in a read-write transaction.
func (s *session) update(ctx context.Context, f func(store.Tx) error) error {
	if err := s.begin(ctx, beginWrite); err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended { // f refused, or panicked
			s.rollback()
		}
	}()
	if err := f(tx{reader{s}}); err != nil {
		return err
	}
	if s.err != nil {
		return s.err
	}
	ended = true
	return s.commit()
}

// view runs f in a read-only transaction.
func (s *session) view(ctx context.Context, f func(store.Reader) error) error {
	if err := s.begin(ctx, beginRead); err != nil {
		return err
	}
	defer s.rollback()
	if err := f(reader{s}); err != nil {
		return err
	}
	return s.err
}

// begin starts a transaction. Waiting for another process ends with ctx.
func (s *session) begin(ctx context.Context, q query) error {
	s.ctx, s.err = context.WithoutCancel(ctx), nil
	_, err := s.run(ctx, q)
	if err != nil {
		s.rollback() // it may have begun while ctx ended
	}
	return classify(err)
}

// commit sends COMMIT and decides what its failure means. In two cases nothing
// was written. When ROLLBACK still finds a transaction, COMMIT had not begun. And
// when the disk is full, SQLite met that in a write, all of which come before the
// end of the frame that commits. After any other failure (of fsync, of the shared
// memory) that frame may be on disk, or in the system's cache only, or not there:
// the fate is unknown, and this connection must not write over it.
func (s *session) commit() error {
	_, err := s.run(s.ctx, commit)
	if err == nil {
		return nil
	}
	if s.rollback() || primary(err) == full {
		return busy(err)
	}
	s.lost = true
	return fmt.Errorf("%w: %w", store.ErrUnknown, err)
}

// rollback ends the transaction and tells whether there was one to end: SQLite
// may have rolled it back by itself.
func (s *session) rollback() (open bool) {
	_, err := s.run(s.ctx, rollback)
	if err != nil && primary(err) != plain {
		s.lost = true
	}
	return err == nil
}

// fail notes what ends the transaction. After some errors SQLite has rolled back,
// and a later statement would be a transaction of its own; so none is run.
func (s *session) fail(err error) error {
	s.err = cmp.Or(s.err, err)
	return s.err
}

// exec runs a statement in the transaction and returns how many rows it changed.
func (s *session) exec(q query, values ...any) (int64, error) {
	if s.err != nil {
		return 0, s.err
	}
	r, err := s.run(s.ctx, q, values...)
	if err != nil {
		return 0, s.fail(classify(err))
	}
	return r.RowsAffected()
}

// insert adds a row; taken is the answer when there is one of its key.
func (s *session) insert(taken error, q query, values ...any) error {
	if s.err != nil {
		return s.err
	}
	_, err := s.run(s.ctx, q, values...)
	if exists(err) {
		return s.fail(taken)
	}
	return s.fail(classify(err))
}

// swap changes one row as it was read, or is ErrStale.
func (s *session) swap(q query, values ...any) error {
	n, err := s.exec(q, values...)
	if err == nil && n != 1 {
		err = s.fail(store.ErrStale)
	}
	return err
}

// each hands the rows of a query to read, one after the other.
func (s *session) each(q query, read func(*table.Row) error, values ...any) error {
	if s.err != nil {
		return s.err
	}
	st, err := s.bind(q, values)
	if err != nil {
		return s.fail(classify(err))
	}
	rows, err := st.QueryContext(s.ctx, st.args)
	if err != nil {
		return s.fail(classify(err))
	}
	if st.values == nil {
		st.values = make([]driver.Value, len(rows.Columns()))
		st.row.Values = make([]any, len(st.values))
	}
	for err == nil {
		if err = rows.Next(st.values); err == nil {
			for i, v := range st.values {
				st.row.Values[i] = v
			}
			err = read(&st.row)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return s.fail(classify(cmp.Or(err, rows.Close())))
}

// one reads a query of at most one row.
func one[T any](s *session, q query, scan func(*table.Row) T, values ...any) (result T, err error) {
	found := false
	err = s.each(q, func(r *table.Row) (err error) {
		result, err = table.Read(r, scan)
		found = true
		return err
	}, values...)
	if err == nil && !found {
		err = fault.NotFound
	}
	return result, err
}

// list reads a query of many rows.
func list[T any](s *session, q query, scan func(*table.Row) T, values ...any) (results []T, err error) {
	err = s.each(q, func(r *table.Row) error {
		result, err := table.Read(r, scan)
		results = append(results, result)
		return err
	}, values...)
	return results, err
}

// run executes a statement, whatever the state of the transaction.
func (s *session) run(ctx context.Context, q query, values ...any) (driver.Result, error) {
	st, err := s.bind(q, values)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, st.args)
}

// bind returns a statement with its arguments, prepared when it is first needed.
func (s *session) bind(q query, values []any) (*statement, error) {
	st := s.stmts[q]
	if st == nil {
		stmt, err := s.conn.PrepareContext(s.ctx, queries[q])
		if err != nil {
			return nil, err
		}
		prepared, ok := stmt.(preparedStmt)
		if !ok {
			return nil, errors.Join(fmt.Errorf("sqlite: a statement is a %T", stmt), stmt.Close())
		}
		st = &statement{preparedStmt: prepared, args: make([]driver.NamedValue, strings.Count(queries[q], "?"))}
		for i := range st.args {
			st.args[i].Ordinal = i + 1
		}
		s.stmts[q] = st
	}
	if len(values) != len(st.args) {
		panic(fmt.Sprintf("sqlite: %d values for %s", len(values), queries[q]))
	}
	for i, v := range values {
		st.args[i].Value = v
	}
	return st, nil
}
