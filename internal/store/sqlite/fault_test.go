package sqlite_test

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/store/storetest"
)

// failure is what the next statement of a kind does instead of what it should: it
// runs another one, or none, and then reports an error with a code of SQLite's.
type failure struct {
	instead string
	code    int
	of      string // how the statement begins; "": COMMIT
}

func (f *failure) Error() string { return "a failure made by a test" }
func (f *failure) Code() int     { return f.code }

// disk is a connection's disk as a test wants it. Its zero value is a good one.
type disk struct {
	next   atomic.Pointer[failure]
	swaps  sync.Map     // statements that are others to it, from the next connection on
	opened atomic.Int32 // connections so far, also those that failed
	live   atomic.Int32 // connections that are open
	beside atomic.Int32 // connections that were when the last one was opened
	writer atomic.Pointer[sqlite.Conn]
}

// Statements about the log, and what the first says when another program uses it.
const (
	copyAll    = "PRAGMA wal_checkpoint(TRUNCATE)"
	copySome   = "PRAGMA wal_checkpoint(PASSIVE)"
	askForCopy = "PRAGMA wal_checkpoint(NOOP)"
	blocked    = "SELECT 1, 0, 0"
)

// conn is a connection that meets the disk's failures.
type conn struct {
	sqlite.Conn
	disk *disk
}

func (d *disk) through(open func() (sqlite.Conn, error)) (sqlite.Conn, error) {
	d.opened.Add(1)
	d.beside.Store(d.live.Load())
	c, err := open()
	if err != nil {
		return nil, err
	}
	d.live.Add(1)
	d.writer.CompareAndSwap(nil, &c) // it is the first
	return conn{c, d}, nil
}

// Close implements driver.Conn.
func (c conn) Close() error {
	c.disk.live.Add(-1)
	return c.Conn.Close()
}

// PrepareContext implements driver.ConnPrepareContext.
func (c conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.PrepareContext(ctx, query)
	if full, ok := stmt.(prepared); ok {
		return statement{full, c, query}, err
	}
	return stmt, err
}

type prepared interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// statement is one that meets the disk's failures.
type statement struct {
	prepared
	conn  conn
	query string
}

// QueryContext implements driver.StmtQueryContext.
func (s statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	switch swap, _ := s.conn.disk.swaps.Load(s.query); swap := swap.(type) {
	case *failure:
		return nil, swap
	case string:
		if c, ok := s.conn.Conn.(driver.QueryerContext); ok {
			return c.QueryContext(ctx, swap, args)
		}
		return nil, errors.New("the connection cannot query")
	default:
		return s.prepared.QueryContext(ctx, args)
	}
}

// ExecContext implements driver.StmtExecContext.
func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	f := s.conn.disk.next.Load()
	if f == nil || !strings.HasPrefix(s.query, cmp.Or(f.of, "COMMIT")) {
		return s.prepared.ExecContext(ctx, args)
	}
	s.conn.disk.next.Store(nil)
	if f.instead != "" {
		if _, err := s.conn.ExecContext(ctx, f.instead, nil); err != nil {
			return nil, err
		}
	}
	return nil, f
}

// openOn opens a new database on a disk.
func openOn(t *testing.T, d *disk) (s *sqlite.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hongbao.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.OpenWith(t.Context(), path, d.through)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	return s, path
}

func TestACommitOfUnknownFate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure failure
		want    string // of the setting, once the file has been reopened
	}{
		"done, and the flush failed":         {failure{instead: "COMMIT", code: sqlite3.SQLITE_IOERR_FSYNC}, "v"},
		"done, and the shared memory failed": {failure{instead: "COMMIT", code: sqlite3.SQLITE_IOERR_SHMSIZE}, "v"},
		"done, and the error has no code":    {failure{instead: "COMMIT", code: 0}, "v"},
		"not done, and the write failed":     {failure{instead: "ROLLBACK", code: sqlite3.SQLITE_IOERR_WRITE}, ""},
		"not done, and memory ran out":       {failure{instead: "ROLLBACK", code: sqlite3.SQLITE_NOMEM}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d disk
			s, path := openOn(t, &d)
			if v := value(t, s, "n"); v != "" { // a reader is open too
				t.Fatalf("setting %q", v)
			}
			before := d.opened.Load()
			d.next.Store(&c.failure)
			if err := s.Update(t.Context(), set("n", "v")); !errors.Is(err, store.ErrUnknown) || !errors.Is(err, &c.failure) {
				t.Errorf("update: %v, want unknown with its cause", err)
			}
			if err := s.View(t.Context(), func(store.Reader) error { return nil }); !isBusy(err) {
				t.Errorf("view of a file that was given up: %v, want busy", err)
			}
			if opened := d.opened.Load(); opened != before {
				t.Errorf("%d connections were opened by a view", opened-before)
			}
			var v string
			if err := s.Update(t.Context(), func(tx store.Tx) (err error) {
				if v, err = tx.Setting("n"); isNotFound(err) {
					err = nil
				}
				return err
			}); err != nil {
				t.Errorf("asking for the fate: %v", err)
			}
			if others := d.beside.Load(); others != 0 {
				t.Errorf("%d connections were open when the file was opened anew", others)
			}
			if log, err := os.Stat(path + "-wal"); err != nil || log.Size() > 0 {
				t.Errorf("what was found in the log was not copied into the file: %v, %v", log, err)
			}
			if v != c.want || value(t, s, "n") != c.want {
				t.Errorf("setting %q, want %q", v, c.want)
			}
			if opened := d.opened.Load() - before; opened != 2 {
				t.Errorf("%d connections were opened anew, want a writer and a reader", opened)
			}
			if err := s.Health(t.Context()); err != nil {
				t.Errorf("health: %v", err)
			}
		})
	}
}

func TestAnUpdateThatCertainlyFailed(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]failure{
		"the disk was full":                         {instead: "ROLLBACK", code: sqlite3.SQLITE_FULL},
		"the disk was full and nothing undone":      {code: sqlite3.SQLITE_FULL},
		"it was refused before it began":            {code: sqlite3.SQLITE_BUSY},
		"it failed and the transaction is open":     {code: sqlite3.SQLITE_IOERR_WRITE},
		"a write before it failed":                  {code: sqlite3.SQLITE_IOERR_WRITE, of: "INSERT INTO settings"},
		"a write before it failed and was undone":   {instead: "ROLLBACK", code: sqlite3.SQLITE_IOERR_READ, of: "INSERT INTO settings"},
		"the transaction could not begin":           {code: sqlite3.SQLITE_BUSY_RECOVERY, of: "BEGIN IMMEDIATE"},
		"the transaction began and an error came":   {instead: "BEGIN", code: sqlite3.SQLITE_PROTOCOL, of: "BEGIN IMMEDIATE"},
		"the transaction could not open its memory": {code: sqlite3.SQLITE_CANTOPEN, of: "BEGIN IMMEDIATE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d disk
			s, _ := openOn(t, &d)
			before := d.opened.Load()
			d.next.Store(&f)
			if err := s.Update(t.Context(), set("n", "v")); !isBusy(err) || errors.Is(err, store.ErrUnknown) || !errors.Is(err, &f) {
				t.Errorf("update: %v, want busy with its cause", err)
			}
			if v := value(t, s, "n"); v != "" {
				t.Errorf("setting %q was written", v)
			}
			if err := s.Update(t.Context(), set("n", "w")); err != nil {
				t.Errorf("update afterwards: %v", err)
			}
			if opened := d.opened.Load(); opened != before+1 { // the reader's
				t.Errorf("%d connections were opened", opened-before)
			}
		})
	}
}

func TestReopeningWaitsForRunningViews(t *testing.T) {
	t.Parallel()
	var d disk
	s, _ := openOn(t, &d)
	if err := s.View(t.Context(), func(r store.Reader) error {
		d.next.Store(&failure{instead: "ROLLBACK", code: sqlite3.SQLITE_IOERR_FSYNC})
		if err := s.Update(t.Context(), set("n", "v")); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("update: %v, want unknown", err)
		}
		patience, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer stop()
		if err := s.Health(patience); !isBusy(err) {
			t.Errorf("health while a view runs: %v, want busy", err)
		}
		_, err := r.Merchants()
		return err
	}); err != nil {
		t.Errorf("view: %v", err)
	}
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("health: %v", err)
	}
}

// In the bubble, time passes at once when everybody waits for it.
func TestReopeningIsTriedNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d disk
		s, path := openOn(t, &d)
		d.next.Store(&failure{instead: "COMMIT", code: sqlite3.SQLITE_IOERR_FSYNC})
		if err := s.Update(t.Context(), set("n", "v")); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("update: %v, want unknown", err)
		}
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		tried := func(want int32) {
			t.Helper()
			before := d.opened.Load()
			if err := s.Health(t.Context()); !isBusy(err) {
				t.Errorf("health: %v, want busy", err)
			}
			if err := s.Update(t.Context(), set("m", "v")); !isBusy(err) {
				t.Errorf("update: %v, want busy", err)
			}
			if got := d.opened.Load() - before; got != want {
				t.Errorf("%d connections opened, want %d", got, want)
			}
		}
		tried(1) // there is no file
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		tried(0) // it is too soon
		time.Sleep(sqlite.ReopenPause)
		d.swaps.Store(copyAll, blocked)
		tried(1)
		d.swaps.Delete(copyAll)
		time.Sleep(sqlite.ReopenPause)
		patience, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		readers := sqlite.HoldReaders(s)
		if err := s.Health(patience); !isBusy(err) {
			t.Errorf("health while views run: %v, want busy", err)
		}
		readers()
		if err := s.Health(t.Context()); err != nil {
			t.Errorf("health: %v", err)
		}
		if v := value(t, s, "n"); v != "v" {
			t.Errorf("setting %q", v)
		}
	})
}

// fillDisk writes claims until the database says no.
func fillDisk(ctx context.Context, s store.Store) (claims int, err error) {
	for n := 1; ; n++ {
		c := packet.Claim{Packet: 1, Seq: uint64(n), Slot: n, Claimant: storetest.Claimant(n), Amount: 1, Payee: make([]byte, 900)}
		if err := s.Update(ctx, func(tx store.Tx) error { return tx.InsertClaims([]packet.Claim{c}) }); err != nil {
			return n - 1, err
		}
	}
}

func TestAFullDiskIsBusyUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	var d disk
	s, path := openOn(t, &d)
	limit := func(pragma string) {
		if _, err := (*d.writer.Load()).ExecContext(t.Context(), pragma, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit("PRAGMA max_page_count = 60")
	written, err := fillDisk(t.Context(), s)
	if !isBusy(err) || !strings.Contains(err.Error(), "full") {
		t.Errorf("update: %v, want busy", err)
	}
	if written == 0 {
		t.Fatal("nothing could be written at all")
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		e := packet.Entry{Packet: 1, Seq: 1, Kind: ledger.Hold, Note: strings.Repeat("n", 90_000)}
		if err := tx.InsertEntries([]packet.Entry{e}); !isBusy(err) {
			t.Errorf("an entry on a full disk: %v, want busy", err)
		}
		// After some errors SQLite has rolled back and would commit this at once.
		if err := tx.InsertSetting("n", "v"); !isBusy(err) {
			t.Errorf("a small row after it: %v, want busy", err)
		}
		return nil
	}); !isBusy(err) {
		t.Errorf("update: %v, want busy", err)
	}
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("health: %v", err) // it can still be read, and written if less is asked
	}
	limit("PRAGMA max_page_count = 1000000")
	if err := s.Update(t.Context(), set("m", "w")); err != nil {
		t.Errorf("update with room again: %v", err)
	}
	db := raw(t, path)
	if got := column(t, db, "SELECT name FROM settings"); !slices.Equal(got, []string{"m"}) {
		t.Errorf("settings: %q", got)
	}
	if got := column(t, db, "SELECT 1 FROM claims"); len(got) != written {
		t.Errorf("%d claims, %d were answered", len(got), written)
	}
	if got := column(t, db, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("integrity: %q", got)
	}
}
