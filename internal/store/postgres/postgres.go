// Package postgres keeps everything in a PostgreSQL database, version 15 or later,
// which several processes may share and which a standby may take over.
//
// # Connections
//
//	writers  for Update: READ COMMITTED, rows locked with FOR UPDATE before they are read
//	readers  for View: REPEATABLE READ READ ONLY, one consistent state
//
// They are two pools, so that no crowd of readers keeps a committer waiting. Nothing
// but plain SQL is spoken: no advisory lock, no LISTEN, no sequence, no trigger.
//
// # When a transaction fails
//
//	before COMMIT   serialization, deadlock, lost connection: again, with a new
//	                transaction, a bounded number of times; then fault.Busy
//	                a lock not given in time, no room, no primary: fault.Busy
//	at COMMIT       the server says that it rolled back: again, as above
//	                anything else: store.ErrUnknown
//
// COMMIT runs without deadline or cancellation. One that came back with a warning is
// unknown too: the wait for a synchronous standby was broken off, so what is written
// here may not be there. A transaction whose client has vanished keeps its locks until
// the server notices, so its fate is asked under those locks, which waits for it.
//
// # Distribution
//
// Under Citus the tables are spread by the first column of their keys (layout). A
// statement about several packets takes each with one of its own there, because no
// locking statement may span nodes; see statements.go.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
)

const (
	lockWait    = 5 * time.Second  // for a row that another transaction holds
	idleMax     = 10 * time.Second // of an open transaction: a process that hangs must not hold others up
	connectWait = 5 * time.Second
	triesMax    = 4 // transactions of one Update
	writersMax  = 8
	readersMax  = 16
)

// Distribution says how the tables are spread over several nodes.
type Distribution string

// The distributions.
const (
	Single Distribution = ""      // one server has them all
	Citus  Distribution = "citus" // spread by packet and by merchant
)

// Options may differ from one use of a database to another. The zero value is useful.
type Options struct {
	Distribution Distribution
	WritersMax   int  // connections for Updates; 0: 8
	ReadersMax   int  // connections for Views; 0: 16
	Volatile     bool // accept a server that does not sync what it commits; for tests

	tracer pgx.QueryTracer
}

// Store is a store.Store in a database.
type Store struct {
	name        string // of the database, for errors; holds no secret
	writers     *pgxpool.Pool
	readers     *pgxpool.Pool
	readOnly    bool
	distributed bool
	closed      atomic.Bool
}

// Create makes the tables in an empty database or schema, and opens it. It refuses
// one that hongbao has tables in (fs.ErrExist). After any other failure it may be
// called again.
func Create(ctx context.Context, dsn string, o Options) (*Store, error) {
	return connect(ctx, dsn, o, func(ctx context.Context, cfg *pgx.ConnConfig) error {
		version, err := versionOf(ctx, cfg)
		switch {
		case err == nil && version > 0:
			return fmt.Errorf("it holds tables of hongbao: %w", fs.ErrExist)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return migrate(ctx, cfg, o.Distribution)
	})
}

// Open opens a database (fs.ErrNotExist when hongbao has no tables there) and brings
// its tables up to this program's version. It refuses those that a newer program made.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	return connect(ctx, dsn, o, func(ctx context.Context, cfg *pgx.ConnConfig) error {
		if _, err := versionOf(ctx, cfg); err != nil {
			return err
		}
		return migrate(ctx, cfg, o.Distribution)
	})
}

// OpenReadOnly opens a database to look at it (fs.ErrNotExist when hongbao has no
// tables there), which may be a standby. It changes nothing, and refuses tables of
// another version than this program's. Update is an error.
func OpenReadOnly(ctx context.Context, dsn string, o Options) (*Store, error) {
	s, err := connect(ctx, dsn, o, checkVersion)
	if s != nil {
		s.readOnly = true
	}
	return s, err
}

// connect makes the pools, after the tables were seen to.
func connect(ctx context.Context, dsn string, o Options, tables func(context.Context, *pgx.ConnConfig) error) (*Store, error) {
	cfg, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	c := cfg.ConnConfig
	s := &Store{name: c.Database + " on " + net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), distributed: o.Distribution == Citus}
	c.Tracer = o.tracer
	if err := checkServer(ctx, c, o); err != nil {
		return nil, s.unopened(err)
	}
	if err := tables(ctx, c); err != nil {
		return nil, s.unopened(err)
	}
	cfg.MaxConns = int32(cmp.Or(o.WritersMax, writersMax))
	if s.writers, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg); err != nil {
		return nil, s.unopened(err)
	}
	cfg = cfg.Copy()
	cfg.MaxConns = int32(cmp.Or(o.ReadersMax, readersMax))
	if s.readers, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg); err != nil {
		s.writers.Close()
		return nil, s.unopened(err)
	}
	return s, nil
}

func (s *Store) unopened(err error) error { return fmt.Errorf("postgres: open %s: %w", s.name, err) }

// parse reads a DSN and sets what every connection needs.
func parse(dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err) // pgx leaves the password out
	}
	c := cfg.ConnConfig
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectWait)
	// A primary that vanished without a word is noticed when it does not answer these.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3}}
	c.DialFunc = dialer.DialContext
	c.OnNotice = noteWarning
	for name, value := range map[string]string{
		"application_name":                    "hongbao",
		"lock_timeout":                        fmt.Sprint(lockWait.Milliseconds()),
		"idle_in_transaction_session_timeout": fmt.Sprint(idleMax.Milliseconds()),
		"statement_timeout":                   "0", // COMMIT is a statement
	} {
		c.RuntimeParams[name] = value
	}
	return cfg, nil
}

// checkServer refuses servers whose commits are not durable, and those too old.
func checkServer(ctx context.Context, cfg *pgx.ConnConfig, o Options) error {
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	var version int
	var fsync, commit string
	const settings = "SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('synchronous_commit')"
	if err := c.QueryRow(ctx, settings).Scan(&version, &fsync, &commit); err != nil {
		return err
	}
	switch {
	case version < 150000:
		return fmt.Errorf("server_version_num is %d: PostgreSQL 15 or later is needed", version)
	case commit == "off":
		return errors.New("synchronous_commit is off: what is answered would not be on disk; set it to on")
	case fsync == "off" && !o.Volatile:
		return errors.New("fsync is off: what is answered would not be on disk; set it to on")
	}
	return nil
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	if s.readOnly {
		return errors.New("postgres: " + s.name + " is open for reading only")
	}
	for try := 1; ; try++ {
		err := s.on(ctx, s.writers, func(w *session) error { return w.update(f) })
		if _, again := errors.AsType[*againError](err); !again {
			return err
		}
		if try == triesMax || ctx.Err() != nil {
			return busy(err)
		}
	}
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, f func(store.Reader) error) error {
	for try := 1; ; try++ {
		began := false
		err := s.on(ctx, s.readers, func(r *session) error {
			if err := r.begin(beginRead); err != nil {
				return err
			}
			began = true
			return r.view(f)
		})
		if _, again := errors.AsType[*againError](err); !again {
			return err
		}
		if began || try == triesMax || ctx.Err() != nil {
			return busy(err)
		}
	}
}

// on runs f on a connection of a pool. When it is lost, so are probably the others:
// they are all made anew.
func (s *Store) on(ctx context.Context, pool *pgxpool.Pool, f func(*session) error) error {
	if s.closed.Load() {
		return busy(errors.New(s.name + " is closed"))
	}
	c, err := pool.Acquire(ctx)
	if err != nil {
		return busy(err)
	}
	defer c.Release()
	w := &session{conn: c.Conn(), ctx: context.WithoutCancel(ctx), wait: ctx, distributed: s.distributed}
	defer func() {
		if w.conn.PgConn().TxStatus() != 'I' { // also after a panic: the server rolls back
			_ = w.conn.Close(w.ctx)
		}
		if w.lost || w.conn.IsClosed() {
			_ = w.conn.Close(w.ctx)
			pool.Reset()
		}
	}()
	return f(w)
}

// Health implements store.Store.
func (s *Store) Health(ctx context.Context) error {
	return s.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Setting(store.SettingEnvironment); err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		return nil
	})
}

// Now is the server's clock.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.on(ctx, s.readers, func(r *session) error {
		err := r.conn.QueryRow(ctx, clock).Scan(&now)
		return classify(err)
	})
	return now, err
}

// Close implements store.Store. It waits for all transactions. What is called
// afterwards is Busy.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.writers.Close()
	s.readers.Close()
	return nil
}

// warning is where a connection keeps the last warning that came.
const warning = "hongbao_warning"

// noteWarning is called with what a server says beside its answers.
func noteWarning(c *pgconn.PgConn, n *pgconn.Notice) {
	if strings.EqualFold(n.SeverityUnlocalized, "WARNING") {
		c.CustomData()[warning] = n.Code + " " + n.Message
	}
}
