package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/vault"
)

// Create makes the database that cfg names and writes into it, once and for ever,
// which environment it is and which instance key it belongs to. It refuses a
// database that exists, unless it has no merchant: what a call that was cut off has
// left in PostgreSQL is begun anew.
func Create(ctx context.Context, cfg config.Config, key vault.Key) error {
	s, err := createStore(ctx, cfg)
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx store.Tx) error {
		merchants, err := tx.Merchants()
		if err != nil {
			return err
		}
		if len(merchants) > 0 {
			return fmt.Errorf("the database %s has merchants: %w. If they are of an init that was cut off, drop its tables first", cfg.Database, fs.ErrExist)
		}
		for name, value := range map[string]string{
			store.SettingEnvironment: string(cfg.Environment),
			store.SettingFingerprint: vault.New(key).Fingerprint(),
		} {
			if err := store.PutSetting(tx, name, value); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, s.Close())
}

func createStore(ctx context.Context, cfg config.Config) (store.Store, error) {
	if !cfg.Database.Postgres() {
		return stored(sqlite.Create(ctx, cfg.Database.Path, sqlite.Options{}))
	}
	s, err := inPostgres(ctx, cfg, postgres.Create)
	if errors.Is(err, fs.ErrExist) {
		return inPostgres(ctx, cfg, postgres.Open)
	}
	return s, err
}

func openStore(ctx context.Context, cfg config.Config) (store.Store, error) {
	if !cfg.Database.Postgres() {
		return stored(sqlite.Open(ctx, cfg.Database.Path, sqlite.Options{}))
	}
	return inPostgres(ctx, cfg, postgres.Open)
}

// OpenReadOnly opens the database that cfg names to look at it. It may be in use.
func OpenReadOnly(ctx context.Context, cfg config.Config) (store.Store, error) {
	if !cfg.Database.Postgres() {
		return stored(sqlite.OpenReadOnly(ctx, cfg.Database.Path, sqlite.Options{}))
	}
	return inPostgres(ctx, cfg, postgres.OpenReadOnly)
}

// writersBeside are the connections of those who write without a lane: the payout
// worker, the sweeper's alarm, health.
const writersBeside = 4

// inPostgres opens the PostgreSQL database that cfg names. A sandbox may be on a
// server that does not sync; real money may not.
func inPostgres(ctx context.Context, cfg config.Config, open func(context.Context, string, postgres.Options) (*postgres.Store, error)) (store.Store, error) {
	url, err := cfg.Database.URL.Value()
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err)
	}
	return stored(open(ctx, url, postgres.Options{
		Distribution: postgres.Distribution(cfg.Database.Distribution),
		WritersMax:   cfg.Database.Lanes*engine.ScopeCommits + writersBeside,
		Volatile:     cfg.Environment == packet.Sandbox,
	}))
}

// stored makes no Store, rather than one that holds a nil, of one that was not opened.
func stored[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// clockOf returns the clock of a database that has one of its own.
func clockOf(s store.Store) func(context.Context) (time.Time, error) {
	if c, ok := s.(interface {
		Now(context.Context) (time.Time, error)
	}); ok {
		return c.Now
	}
	return nil
}

// lockDatabase keeps a second server off a file. A PostgreSQL database takes several.
func lockDatabase(d config.Database) (release func() error, err error) {
	if d.Postgres() {
		return func() error { return nil }, nil
	}
	if _, err := os.Stat(d.Path); err != nil { // before a lock is left beside nothing
		return nil, withInit(err)
	}
	return sqlite.Lock(d.Path)
}

// withInit says how a database that is not there is made.
func withInit(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; run: hongbao init", err)
	}
	return err
}
