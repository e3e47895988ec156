package postgres

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to the newest version that this program knows. There
// is no way back: tables that are newer are refused. Processes that start at the same
// time take turns, by a row of a table of goose's.
func migrate(ctx context.Context, cfg *pgx.ConnConfig, d Distribution) error {
	return withProvider(cfg, func(p *goose.Provider) error {
		err := checkKnown(ctx, cfg, p)
		if errors.Is(err, errOlder) {
			_, err = p.Up(ctx)
		}
		if err != nil || d != Citus {
			return err
		}
		return distribute(ctx, cfg)
	})
}

// checkVersion refuses tables that are not those that this program knows, without
// changing them.
func checkVersion(ctx context.Context, cfg *pgx.ConnConfig) error {
	return withProvider(cfg, func(p *goose.Provider) error { return checkKnown(ctx, cfg, p) })
}

// errOlder says that the tables are those of an older program.
var errOlder = errors.New("start the server once, which brings them up, or use the program that made them")

func checkKnown(ctx context.Context, cfg *pgx.ConnConfig, p *goose.Provider) error {
	has, err := versionOf(ctx, cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errOlder, err)
	}
	sources := p.ListSources()
	knows := sources[len(sources)-1].Version
	switch {
	case err != nil:
		return err
	case has > knows:
		return fmt.Errorf("its tables are of version %d and this program knows %d: use the newer program that made it", has, knows)
	case has < knows:
		return fmt.Errorf("its tables are of version %d and this program's of %d: %w", has, knows, errOlder)
	}
	return nil
}

// versionOf returns the version of the tables; fs.ErrNotExist if there are none.
func versionOf(ctx context.Context, cfg *pgx.ConnConfig) (version int64, err error) {
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer func() { err = cmp.Or(err, c.Close(context.WithoutCancel(ctx))) }()
	var found bool
	if err := c.QueryRow(ctx, "SELECT to_regclass('migrations') IS NOT NULL").Scan(&found); err != nil {
		return 0, err
	}
	if !found {
		return 0, fmt.Errorf("it holds no tables of hongbao: %w", fs.ErrNotExist)
	}
	err = c.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM migrations WHERE is_applied").Scan(&version)
	return version, err
}

// withProvider hands over what knows the migrations of a database.
func withProvider(cfg *pgx.ConnConfig, f func(*goose.Provider) error) (err error) {
	db := stdlib.OpenDB(*cfg)
	defer func() { err = cmp.Or(err, db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName("migrations_lock"))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("migrations"), goose.WithDisableGlobalRegistry(true), goose.WithLocker(locker))
	if err != nil {
		return err
	}
	return f(p)
}

// layout is how Citus spreads the tables: those of a packet by its id and those of an
// account by the merchant's, each kind together, so that a transaction on one packet
// or one account stays on one node. Reference tables are copied to every node. What
// is not named stays where it is.
var layout = []struct{ table, column, with string }{
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

// distribute spreads the tables that are not spread yet.
func distribute(ctx context.Context, cfg *pgx.ConnConfig) (err error) {
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, c.Close(context.WithoutCancel(ctx))) }()
	for _, l := range layout {
		var done bool
		if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)", l.table).Scan(&done); err != nil {
			return fmt.Errorf("distribution is citus, but: %w", err)
		}
		switch {
		case done:
		case l.column == "":
			_, err = c.Exec(ctx, "SELECT create_reference_table($1::text::regclass)", l.table)
		default:
			_, err = c.Exec(ctx, "SELECT create_distributed_table($1::text::regclass, $2, colocate_with => $3)", l.table, l.column, l.with)
		}
		if err != nil {
			return fmt.Errorf("distribute %s: %w", l.table, err)
		}
	}
	return nil
}
