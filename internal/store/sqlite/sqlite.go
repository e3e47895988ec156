// Package sqlite keeps everything in one SQLite file, the default store. It needs
// no server and no C compiler; sqlite3 opens the file, litestream replicates it.
//
// # Connections
//
//	writer   one, with the statements of the claim path prepared. Update takes it,
//	         BEGIN IMMEDIATE … COMMIT, and gives it back: writes never meet.
//	readers  a few, read-only, opened when first used. View takes one. It reads
//	         the latest commit, and what is committed meanwhile does not show.
//
// The write-ahead log is synced with every commit (synchronous = FULL). Another
// program may use the file at the same time, as the command line does while the
// server runs: SQLite's locks arbitrate, and Update waits up to busyTimeout. That
// no second server does is Lock's business.
//
// # When the disk fails
//
// After an error before COMMIT, and after some at COMMIT, nothing was written and
// the answer is fault.Busy. After any other error at COMMIT the fate is unknown,
// and so is what the system's cache holds: the Store gives up all connections,
// answers store.ErrUnknown once and fault.Busy from then on, until the file could
// be opened again. Update and Health try that, at most once in reopenPause. What
// SQLite then finds committed in the log is copied into the database and synced,
// so that it is committed for good before anybody is told. Health is an error until
// the disk has been seen to write again.
//
// What a machine that stopped has left of its last commit is no damage: SQLite takes
// the log up to the commit before. A log that has lost more than that is refused.
//
// # Layout
//
// The tables are explained in migrations, and why claims lie as they do in
// docs/adr/0002-row-layout.md. Rows of a packet are found by its id, rows of an
// account by its mch_id. No foreign keys are declared: they would look up a parent
// for every row of a claim, to prove what the same transaction has just read.
//
// Left out on purpose: UNIQUE (packet_id, slot), which would cost each claim more
// pages. A slot is taken once because heads move only from the seq they were read
// at, and the audit counts again.
package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"hongbao.example/hongbao/internal/store"
)

const (
	pageBytes       = 4096            // of a new file
	checkpointPages = 8000            // of log, before a commit copies it into the database
	writerCacheKiB  = 64 << 10        // the packets that are being claimed, with all their rows
	readerCacheKiB  = 8 << 10         // readers have the system's cache behind them
	busyTimeout     = 5 * time.Second // for another program to end its transaction
	reopenPause     = time.Second     // after an attempt that failed
	viewsMax        = 8
)

// Options may differ from one use of a file to another. The zero value is useful.
type Options struct {
	ViewsMax int // Views that run at the same time; 0: 8
}

// Store is a store.Store in a file.
type Store struct {
	path     string
	dial     dialer
	readOnly bool
	closed   atomic.Bool

	// The tokens to work with: who holds one owns its session. Whoever holds all
	// owns the Store.
	writer  chan *session
	readers chan *session

	// While down is set nothing of the file is open but what running Views hold.
	// It and pause are changed by the holder of the writer.
	down  atomic.Bool
	pause *time.Timer // until the next attempt to reopen; nil: none has failed

	ailing atomic.Bool // the disk has failed an Update, and Health has not seen it write since
}

// dialer opens a connection by its URI.
type dialer func(ctx context.Context, uri string) (conn, error)

// Create makes a new file, readable by its owner only, and opens it. It refuses a
// path that exists (fs.ErrExist). After any other failure Open completes the file.
func Create(ctx context.Context, path string, o Options) (*Store, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	return Open(ctx, path, o)
}

// Open opens a file (fs.ErrNotExist when there is none) and brings its tables up
// to this program's version. It refuses a file that a newer program made.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	return open(ctx, path, o, dial)
}

func open(ctx context.Context, path string, o Options, d dialer) (*Store, error) {
	s, err := newStore(path, o, d)
	if err != nil {
		return nil, err
	}
	w := new(session)
	for _, step := range []func() error{
		func() error { return s.connect(ctx, w, "rw", writerPragmas()) },
		w.checkLog,
		func() error { return migrate(ctx, s.path) },
		func() error { return w.settle(checkpoint) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(s.unopened(err), w.close())
		}
	}
	s.writer <- w
	return s, nil
}

// OpenReadOnly opens a file to look at it (fs.ErrNotExist when there is none) and
// changes nothing of it: it migrates nothing, and refuses tables of another version
// than this program's; it copies no log into the database; Update is an error. A
// server may be running on the file.
//
// SQLite wants a -shm file beside one that has a log, even to read it. It uses the
// one that is there, else it makes one, and a log of no bytes, and leaves them behind.
// In a folder in which it may write neither, a file can be read only while another
// program has it open.
func OpenReadOnly(ctx context.Context, path string, o Options) (*Store, error) {
	s, err := newStore(path, o, dial)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(ctx, s.path); err != nil {
		return nil, s.unopened(err)
	}
	s.readOnly = true
	s.writer <- new(session)
	return s, nil
}

// newStore is a Store with readers, but without a writer yet.
func newStore(path string, o Options, d dialer) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := checkDamage(path); err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	n := cmp.Or(o.ViewsMax, viewsMax)
	s := &Store{path: path, dial: d, writer: make(chan *session, 1), readers: make(chan *session, n)}
	for range n {
		s.readers <- new(session)
	}
	return s, nil
}

func (s *Store) unopened(err error) error { return fmt.Errorf("sqlite: open %s: %w", s.path, err) }

// Update implements store.Store. Waiting for another program counts as waiting for
// the writer.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	if s.readOnly {
		return errors.New("sqlite: " + s.path + " is open for reading only")
	}
	w, err := s.takeWriter(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if w.lost {
			s.down.Store(true)
			_ = w.close() // the connection is given up for an error that has been told
		}
		s.writer <- w
	}()
	err = w.update(ctx, f)
	if ofDisk(err) {
		s.ailing.Store(true)
	}
	return err
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, f func(store.Reader) error) error {
	r, err := await(ctx, s.readers)
	if err != nil {
		return err
	}
	defer func() {
		if r.lost || s.down.Load() {
			_ = r.close() // it was read only; the next View opens another
		}
		s.readers <- r
	}()
	if s.closed.Load() || s.down.Load() {
		return busy(errors.New(s.path + " is not open"))
	}
	if r.conn == nil {
		if err := s.connect(ctx, r, "ro", readerPragmas()); err != nil {
			return classify(err)
		}
	}
	return r.view(ctx, f)
}

// Close implements store.Store. It waits for all transactions. What is called
// afterwards is Busy.
func (s *Store) Close() error {
	s.closed.Store(true)
	w := <-s.writer
	readers := make([]*session, cap(s.readers))
	for i := range readers {
		readers[i] = <-s.readers
		_ = readers[i].close() // it was read only
	}
	err := w.close() // the last one: it copies the log into the file and removes it
	for _, r := range readers {
		s.readers <- r
	}
	s.writer <- w
	return err
}

// await waits for a session.
func await(ctx context.Context, from chan *session) (*session, error) {
	select {
	case w := <-from:
		return w, nil
	case <-ctx.Done():
		return nil, busy(ctx.Err())
	}
}

// allReaders waits until every View has ended. The caller puts the readers back.
func (s *Store) allReaders(ctx context.Context) (all []*session, err error) {
	for range cap(s.readers) {
		r, err := await(ctx, s.readers)
		if err != nil {
			for _, r := range all {
				s.readers <- r
			}
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// takeWriter waits for the writer, with the file open.
func (s *Store) takeWriter(ctx context.Context) (*session, error) {
	w, err := await(ctx, s.writer)
	if err != nil {
		return nil, err
	}
	if s.closed.Load() {
		err = busy(errors.New(s.path + " is closed"))
	} else if s.down.Load() {
		err = s.reopen(ctx, w)
	}
	if err != nil {
		s.writer <- w
		return nil, err
	}
	return w, nil
}

// reopen opens the file again after a commit of unknown fate. All connections are
// closed first, because SQLite reads the log anew only for the first one.
func (s *Store) reopen(ctx context.Context, w *session) error {
	if s.pause != nil {
		select {
		case <-s.pause.C:
			s.pause = nil
		default:
			return busy(errors.New(s.path + " is about to be reopened"))
		}
	}
	readers, err := s.allReaders(ctx)
	if err != nil {
		return err
	}
	for _, r := range readers {
		_ = r.close() // it was read only
		s.readers <- r
	}
	if err = checkDamage(s.path); err == nil {
		err = s.connect(ctx, w, "rw", writerPragmas())
	}
	if err == nil {
		err = w.settle(checkpointAll)
	}
	if err != nil {
		s.pause = time.NewTimer(reopenPause)
		return busy(errors.Join(err, w.close()))
	}
	s.down.Store(false)
	return nil
}

// connect opens a connection for a session. Its mode is SQLite's: ro, or rw, which
// does not create the file either.
func (s *Store) connect(ctx context.Context, to *session, mode, pragmas string) error {
	ctx = context.WithoutCancel(ctx)
	c, err := s.dial(ctx, uri(s.path, mode))
	if err != nil {
		return err
	}
	*to = session{conn: c, ctx: ctx}
	if _, err := c.ExecContext(ctx, pragmas, nil); err != nil {
		return errors.Join(err, to.close())
	}
	return nil
}

func uri(path, mode string) string {
	return (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=" + mode}).String()
}

func dial(ctx context.Context, uri string) (conn, error) {
	d, err := sqlite.NewConnector(uri)
	if err != nil {
		return nil, err
	}
	c, err := d.Connect(ctx)
	if err != nil {
		return nil, err
	}
	ours, ok := c.(conn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a connection is a %T", c), c.Close())
	}
	return ours, nil
}

// writerPragmas are set before anything else: the size of a page is that of the
// first one written.
func writerPragmas() string {
	return fmt.Sprintf(`
		PRAGMA busy_timeout = %d;
		PRAGMA page_size = %d;
		PRAGMA journal_mode = WAL;
		PRAGMA synchronous = FULL;
		PRAGMA wal_autocheckpoint = %d;
		PRAGMA journal_size_limit = -1; -- a log that was written once is written over faster
		PRAGMA cache_size = -%d;
		PRAGMA temp_store = MEMORY;
		PRAGMA foreign_keys = OFF; -- none are declared`,
		busyTimeout.Milliseconds(), pageBytes, checkpointPages, writerCacheKiB)
}

func readerPragmas() string {
	return fmt.Sprintf(`
		PRAGMA busy_timeout = %d;
		PRAGMA query_only = ON;
		PRAGMA cache_size = -%d;
		PRAGMA temp_store = MEMORY;`,
		busyTimeout.Milliseconds(), readerCacheKiB)
}
