package main

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// bed is one database under test with its one connection: the driver's own, as
// sql.Conn.Raw hands it out. As with a bufio.Writer, after the first error its
// methods do nothing; err is looked at once a run. One goroutine uses it.
type bed struct {
	Candidate
	conn driver.Conn
	draw *draw
	err  error

	begin, commit, checkpoint, forget, size *statement
	update, last, load                      *statement
	send, write                             []*statement
}

// statement is a prepared statement with its argument list, reused from call
// to call; its arguments stand in a row from an index on.
type statement struct {
	driver.Stmt
	args []driver.NamedValue
	from int
}

// openBed creates the database of a candidate and prepares its statements.
func openBed(path string, c Candidate) *bed {
	b := &bed{Candidate: c, draw: newDraw()}
	if b.conn, b.err = (&sqlite.Driver{}).Open(path); b.err != nil {
		return b
	}
	setup := fmt.Sprintf(`PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
		PRAGMA wal_autocheckpoint = %d; PRAGMA cache_size = -524288; PRAGMA temp_store = MEMORY;
		PRAGMA journal_size_limit = -1; `, c.Page, c.Checkpoint)
	for _, t := range slices.Concat(c.Head.tables, c.Claims.tables) {
		setup += t.create()
	}
	setup += "CREATE INDEX packets_live ON packets (expires_at) WHERE " + c.Head.live
	_, b.err = b.conn.(driver.ExecerContext).ExecContext(context.Background(), setup, nil)

	b.begin, b.commit = b.prepare("BEGIN IMMEDIATE"), b.prepare("COMMIT")
	b.checkpoint, b.forget = b.prepare("PRAGMA wal_checkpoint(PASSIVE)"), b.prepare("PRAGMA shrink_memory")
	b.size, b.load = b.prepare("PRAGMA page_count"), b.prepare(c.Claims.load)
	update := "UPDATE packets SET seq = ?, hash = ?, at = ?, claimed_num = ?, claimed = ?%s WHERE id = ? AND seq = ?"
	b.update, b.last = b.prepare(fmt.Sprintf(update, c.Head.each)), b.prepare(fmt.Sprintf(update, c.Head.last))
	b.send, b.write = b.inserts(c.Head.tables), b.inserts(c.Claims.tables)
	return b
}

func (b *bed) prepare(text string) *statement {
	s := &statement{args: make([]driver.NamedValue, strings.Count(text, "?"))}
	for i := range s.args {
		s.args[i].Ordinal = i + 1
	}
	if b.err == nil {
		s.Stmt, b.err = b.conn.Prepare(text)
	}
	return s
}

func (b *bed) inserts(tables []table) (all []*statement) {
	for _, t := range tables {
		s := b.prepare(t.insert())
		s.from = t.from
		all = append(all, s)
	}
	return all
}

func (s *statement) bind(row []driver.Value) []driver.NamedValue {
	for i := range s.args {
		s.args[i].Value = row[s.from+i]
	}
	return s.args
}

// exec runs a statement and returns the number of rows it changed.
func (b *bed) exec(s *statement, row ...driver.Value) (n int64) {
	if b.err != nil {
		return 0
	}
	r, err := s.Stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(row))
	if b.err = err; err == nil {
		n, b.err = r.RowsAffected()
	}
	return n
}

// query reads every row and returns how many there were, and the last one.
func (b *bed) query(s *statement, row ...driver.Value) (n int, last []driver.Value) {
	if b.err != nil {
		return 0, nil
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(row))
	if b.err = err; err != nil {
		return 0, nil
	}
	last = make([]driver.Value, len(rows.Columns()))
	for err = rows.Next(last); err == nil; err = rows.Next(last) {
		n++
	}
	if b.err = rows.Close(); err != io.EOF {
		b.err = err
	}
	return n, last
}

// sendAll writes the heads of packets in one transaction.
func (b *bed) sendAll(packets []*packet) {
	b.exec(b.begin)
	for _, p := range packets {
		row := b.draw.head(p)
		for _, s := range b.send {
			b.exec(s, row...)
		}
	}
	b.exec(b.commit)
}

// commitGroup writes one group of claims as the store will: the claims in
// order, each packet's head once, by compare and swap, and one fsync.
func (b *bed) commitGroup(group []claim) {
	var touched []*packet
	b.exec(b.begin)
	for _, c := range group {
		for _, s := range b.write {
			b.exec(s, c.row...)
		}
		if c.packet.fresh++; c.packet.fresh == 1 {
			touched = append(touched, c.packet)
		}
	}
	slices.SortFunc(touched, func(a, b *packet) int { return cmp.Compare(a.id, b.id) })
	for _, p := range touched {
		old, s := p.claimed, b.update
		if p.claimed, p.fresh = p.claimed+p.fresh, 0; p.claimed == p.shares {
			s = b.last
		}
		n := b.exec(s, p.claimed, p.hash, p.sentAt+p.claimed, p.claimed, 100*p.claimed, p.id, old)
		if n != 1 && b.err == nil {
			b.err = fmt.Errorf("head of packet %d: %d rows changed", p.id, n)
		}
	}
	b.exec(b.commit)
}

// counter is one of SQLite's counters of pages on this connection.
func (b *bed) counter(op sqlite.DBStatusOp) float64 {
	n, _, err := b.conn.(sqlite.DBStatus).Status(op, false)
	b.err = cmp.Or(b.err, err)
	return float64(n)
}

func (b *bed) pageCount() float64 {
	if n, row := b.query(b.size); n == 1 {
		return float64(row[0].(int64))
	}
	return 0
}
