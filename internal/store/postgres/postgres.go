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
// A View is not begun again once its closure runs: what fails it then is fault.Busy.
//
// COMMIT runs without deadline or cancellation. One that came back with a warning is
// unknown too: the wait for a synchronous standby was broken off, so what is written
// here may not be there. A transaction whose client has vanished keeps its locks until
// the server notices, so its fate is asked under those locks, which waits for it.
//
// # Distribution
//
// Under Citus the tables are spread by the first column of their keys (layout). Several
// packets are locked one by one there, because no locking statement may span nodes; see
// statements.go. What a View reads of one packet, or of one account, is one state there
// too, but not what it reads of several.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strconv"
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
	versionMin  = 150000 // server_version_num
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

	readOnly bool
	lockWait time.Duration         // 0: the constant
	tune     func(*pgx.ConnConfig) // has the last word on how to connect; for tests
}

// Store is a store.Store in a database.
type Store struct {
	name    string // of the database, for errors; holds no secret
	options Options
	writers *pgxpool.Pool
	readers *pgxpool.Pool
	closed  atomic.Bool
}

// Create makes the tables in an empty database or schema, and opens it. It refuses
// one that hongbao has tables in (fs.ErrExist). After any other failure it may be
// called again.
func Create(ctx context.Context, dsn string, o Options) (*Store, error) {
	return connect(ctx, dsn, o, func(ctx context.Context, cfg *pgx.ConnConfig) error {
		has, err := versionOf(ctx, cfg)
		switch {
		case err == nil && has > 0:
			return fmt.Errorf("it holds tables of hongbao: %w", fs.ErrExist)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return migrate(ctx, cfg, has, o.Distribution)
	})
}

// Open opens a database (fs.ErrNotExist when hongbao has no tables there) and brings
// its tables up to this program's version. It refuses those that a newer program made.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	return connect(ctx, dsn, o, func(ctx context.Context, cfg *pgx.ConnConfig) error {
		has, err := versionOf(ctx, cfg)
		if err != nil {
			return err
		}
		return migrate(ctx, cfg, has, o.Distribution)
	})
}

// OpenReadOnly opens a database to look at it (fs.ErrNotExist when hongbao has no
// tables there), which may be a standby. It changes nothing, and refuses tables of
// another version than this program's. Update is an error.
func OpenReadOnly(ctx context.Context, dsn string, o Options) (*Store, error) {
	o.readOnly = true
	return connect(ctx, dsn, o, func(ctx context.Context, cfg *pgx.ConnConfig) error {
		has, err := versionOf(ctx, cfg)
		if err != nil {
			return err
		}
		return withMigrator(cfg, func(m *migrator) error { return m.checkVersion(has) })
	})
}

// connect makes the pools, after the tables were seen to.
func connect(ctx context.Context, dsn string, o Options, tables func(context.Context, *pgx.ConnConfig) error) (*Store, error) {
	o.WritersMax, o.ReadersMax = cmp.Or(o.WritersMax, writersMax), cmp.Or(o.ReadersMax, readersMax)
	o.lockWait = cmp.Or(o.lockWait, lockWait)
	cfg, err := parse(dsn, o)
	if err != nil {
		return nil, err
	}
	c := cfg.ConnConfig
	s := &Store{name: c.Database + " on " + net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), options: o}
	if err := tables(ctx, c); err != nil {
		return nil, s.unopened(err)
	}
	cfg.MaxConns = int32(o.WritersMax)
	if s.writers, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg); err != nil {
		return nil, s.unopened(err)
	}
	cfg = cfg.Copy()
	cfg.MaxConns = int32(o.ReadersMax)
	if s.readers, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg); err != nil {
		s.writers.Close()
		return nil, s.unopened(err)
	}
	return s, nil
}

func (s *Store) unopened(err error) error { return fmt.Errorf("postgres: open %s: %w", s.name, err) }

// parse reads a DSN and sets what every connection needs.
func parse(dsn string, o Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, unparsed(dsn, err)
	}
	cfg.PingTimeout = connectWait
	c := cfg.ConnConfig
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectWait)
	c.DialFunc = dial
	if !o.readOnly { // of several machines, the one that can be written to; never a standby
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.AfterConnect = o.checkServer
	c.OnNotice = noteWarning
	c.RuntimeParams["application_name"] = cmp.Or(c.RuntimeParams["application_name"], "hongbao")
	c.RuntimeParams["lock_timeout"] = fmt.Sprint(o.lockWait.Milliseconds())
	c.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(idleMax.Milliseconds())
	c.RuntimeParams["statement_timeout"] = "0" // COMMIT is a statement
	if o.tune != nil {
		o.tune(c)
	}
	return cfg, nil
}

// unparsed is why a DSN cannot be used, without the DSN. What is said of one that has not
// the form of a URL may contain any part of it, so nothing is.
func unparsed(dsn string, err error) error {
	u, malformed := url.Parse(dsn)
	at := strings.LastIndex(err.Error(), "`: ") // behind what could not be parsed
	if malformed != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || at < 0 {
		return errors.New("postgres: the database's URL is not of the form postgres://user:password@host:port/database?sslmode=verify-full")
	}
	return errors.New("postgres: the database's URL: " + err.Error()[at+len("`: "):])
}

// checkServer refuses servers that are too old, and those whose commits are not
// durable. Each connection is asked, since after a failover there is another server.
func (o Options) checkServer(ctx context.Context, c *pgconn.PgConn) error {
	const settings = "SELECT current_setting('server_version_num'), current_setting('synchronous_commit'), current_setting('fsync')"
	result := c.ExecParams(ctx, settings, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return result.Err
	}
	var version, commit, fsync string
	for _, row := range result.Rows {
		version, commit, fsync = string(row[0]), string(row[1]), string(row[2])
	}
	n, err := strconv.Atoi(version)
	switch {
	case err != nil || n < versionMin:
		return fmt.Errorf("server_version_num is %s: PostgreSQL 15 or later is needed", version)
	case o.readOnly:
		return nil
	case commit == "off":
		return errors.New("synchronous_commit is off: what is answered would not be on disk; set it to on")
	case fsync == "off" && !o.Volatile:
		return errors.New("fsync is off: what is answered would not be on disk; set it to on")
	}
	return nil
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	if s.options.readOnly {
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
			if err := r.beginView(); err != nil {
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

// on runs f on a connection of a pool. If the server cannot be worked with, the pool's
// other connections are made anew too.
func (s *Store) on(ctx context.Context, pool *pgxpool.Pool, f func(*session) error) error {
	if s.closed.Load() {
		return busy(errors.New(s.name + " is closed"))
	}
	c, err := pool.Acquire(ctx)
	if err != nil {
		return busy(err)
	}
	defer c.Release() // one that is closed, or in a transaction still, is given up
	w := &session{conn: c.Conn(), ctx: context.WithoutCancel(ctx), wait: ctx, lockWait: s.options.lockWait, distributed: s.options.Distribution == Citus}
	defer func() {
		if w.lost {
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
		if err := r.conn.QueryRow(ctx, clock).Scan(&now); err != nil {
			return busy(r.failed(err, nil))
		}
		return nil
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
