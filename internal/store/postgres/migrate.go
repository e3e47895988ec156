package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A process that has to wait for another one's migrations asks again after a pause.
const (
	migratePause = 500 * time.Millisecond
	migrateTries = 1200 // ten minutes
)

// migrate brings tables of some version, 0 for none, up to the newest that this program
// knows, and spreads them. There is no way back: tables that are newer are refused.
// Processes that start at the same time take turns, by a row of a table of goose's.
func migrate(ctx context.Context, cfg *pgx.ConnConfig, has int64, d Distribution) error {
	return withMigrator(cfg, func(m *migrator) error {
		err := m.checkVersion(has)
		if errors.Is(err, errOlder) {
			_, err = m.provider.Up(ctx)
		}
		if err != nil {
			return err
		}
		return withConn(ctx, cfg, func(c *pgx.Conn) error {
			todo, err := unspread(ctx, c, d)
			if err != nil || len(todo) == 0 {
				return err
			}
			return m.inTurn(ctx, func() error { return distribute(ctx, c) })
		})
	})
}

// errOlder says that the tables are those of an older program.
var errOlder = errors.New("start the server once, which brings them up, or use the program that made them")

// checkVersion refuses tables that are not those that this program knows.
func (m *migrator) checkVersion(has int64) error {
	sources := m.provider.ListSources()
	knows := sources[len(sources)-1].Version
	switch {
	case has > knows:
		return fmt.Errorf("its tables are of version %d and this program knows %d: use the newer program that made it", has, knows)
	case has < knows:
		return fmt.Errorf("its tables are of version %d and this program's of %d: %w", has, knows, errOlder)
	}
	return nil
}

// versionOf returns the version of the tables; fs.ErrNotExist if there are none.
func versionOf(ctx context.Context, cfg *pgx.ConnConfig) (version int64, err error) {
	err = withConn(ctx, cfg, func(c *pgx.Conn) error {
		if found, err := exists(ctx, c, "migrations"); err != nil || !found {
			return cmp.Or(err, fmt.Errorf("it holds no tables of hongbao: %w", fs.ErrNotExist))
		}
		return c.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM migrations WHERE is_applied").Scan(&version)
	})
	return version, err
}

// exists tells whether there is a table of that name.
func exists(ctx context.Context, c *pgx.Conn, name string) (found bool, err error) {
	err = c.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&found)
	return found, err
}

// withConn hands over a connection.
func withConn(ctx context.Context, cfg *pgx.ConnConfig, f func(*pgx.Conn) error) error {
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	return cmp.Or(f(c), c.Close(context.WithoutCancel(ctx)))
}

// migrator knows the migrations of a database.
type migrator struct {
	db       *sql.DB
	provider *goose.Provider
	locker   lock.Locker
}

// withMigrator hands over the migrator of a database.
func withMigrator(cfg *pgx.ConnConfig, f func(*migrator) error) (err error) {
	m := &migrator{db: stdlib.OpenDB(*cfg)}
	defer func() { err = cmp.Or(err, m.db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	m.locker, err = lock.NewPostgresTableLocker(lock.WithTableName("migrations_lock"), lock.WithTableLockTimeout(migratePause, migrateTries))
	if err != nil {
		return err
	}
	m.provider, err = goose.NewProvider(goose.DialectPostgres, m.db, files,
		goose.WithTableName("migrations"), goose.WithDisableGlobalRegistry(true), goose.WithLocker(m.locker))
	if err != nil {
		return err
	}
	return f(m)
}

// inTurn runs f while no other process runs migrations.
func (m *migrator) inTurn(ctx context.Context, f func() error) error {
	if err := m.locker.Lock(ctx, m.db); err != nil {
		return err
	}
	return cmp.Or(f(), m.locker.Unlock(ctx, m.db))
}

// spread is how Citus spreads a table.
type spread struct{ table, column, with string }

// layout is how Citus spreads the tables: those of a packet by its id and those of an
// account by the merchant's, each kind together, so that a transaction on one packet
// or one account stays on one node. Tables without a column are copied to every node.
// What is not named stays where it is.
var layout = []spread{
	{"packets", "id", "none"},
	{"terms", "packet_id", "packets"},
	{"claims", "packet_id", "packets"},
	{"entries", "packet_id", "packets"},
	{"followers", "packet_id", "packets"},
	{"payouts", "packet_id", "packets"},
	{"payout_events", "packet_id", "packets"},
	{"accounts", "mch_id", "none"},
	{"account_entries", "mch_id", "accounts"},
	{"bills", "mch_id", "accounts"},
	{"day_sums", "mch_id", "accounts"},
	{"tickets", "mch_id", "accounts"},
	{"merchants", "", ""},
	{"keys", "", ""},
	{"settings", "", ""},
	{"kinds", "", ""},
}

// unspread lists the tables that are yet to be spread. It refuses to take tables that are
// spread for tables that are not: statements would be refused later.
func unspread(ctx context.Context, c *pgx.Conn, d Distribution) (todo []spread, err error) {
	switch known, err := exists(ctx, c, "pg_dist_partition"); {
	case err != nil:
		return nil, err
	case !known && d == Citus:
		return nil, errors.New("distribution is citus, and the database has no extension of that name; run in it: CREATE EXTENSION citus")
	case !known:
		return nil, nil
	}
	for _, s := range layout {
		var done bool
		const query = "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)"
		switch err := c.QueryRow(ctx, query, s.table).Scan(&done); {
		case err != nil:
			return nil, err
		case done && d != Citus:
			return nil, errors.New("its tables are spread by Citus; set distribution to citus")
		case !done && d == Citus:
			todo = append(todo, s)
		}
	}
	return todo, nil
}

// distribute spreads the tables that are not spread yet.
func distribute(ctx context.Context, c *pgx.Conn) error {
	todo, err := unspread(ctx, c, Citus)
	for _, s := range todo {
		if s.column == "" {
			_, err = c.Exec(ctx, "SELECT create_reference_table($1::text::regclass)", s.table)
		} else {
			_, err = c.Exec(ctx, "SELECT create_distributed_table($1::text::regclass, $2, colocate_with => $3)", s.table, s.column, s.with)
		}
		if err != nil {
			return fmt.Errorf("distribute %s: %w", s.table, err)
		}
	}
	return err
}
