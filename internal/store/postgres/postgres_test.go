package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/storetest"
)

// patience is how long anything may take that a test waits for.
const patience = time.Minute

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return create(t, pgtest.Schema(t), options())
	})
}

// options are those of the server that the environment asks for.
func options() postgres.Options {
	return postgres.Options{Distribution: postgres.Distribution(pgtest.Distribution()), Volatile: true}
}

// single are options for tests of what a server does, which want no more than one.
func single() postgres.Options { return postgres.Options{Volatile: true} }

// create makes the tables in an empty schema for the length of a test.
func create(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Create(context.WithoutCancel(t.Context()), dsn, o)
	return opened(t, s, err)
}

// open opens a database for the length of a test.
func open(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.WithoutCancel(t.Context()), dsn, o)
	return opened(t, s, err)
}

// opened is a database that was opened for the length of a test.
func opened(t testing.TB, s *postgres.Store, err error) *postgres.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// with is a DSN with further parameters: pairs of name and value.
func with(t testing.TB, dsn string, parameters ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i < len(parameters); i += 2 {
		name, value := parameters[i], parameters[i+1]
		if old := q.Get(name); name == "options" && old != "" {
			value = old + " " + value
		}
		q.Set(name, value)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // a plus sign stands for itself
	return u.String()
}

// stranger is a connection that is not the store's, for the length of a test.
type stranger struct {
	*pgx.Conn
	t testing.TB
}

func connect(t testing.TB, dsn string) stranger {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(ctx) })
	return stranger{c, t}
}

// run runs statements.
func (c stranger) run(sql string, values ...any) {
	c.t.Helper()
	if _, err := c.Exec(context.WithoutCancel(c.t.Context()), sql, values...); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// column is what a query of one column finds.
func column[T any](c stranger, sql string, values ...any) []T {
	c.t.Helper()
	rows, err := c.Query(context.WithoutCancel(c.t.Context()), sql, values...)
	if err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return all
}

// until asks a query for numbers until it has found as many as wanted, and returns them.
func (c stranger) until(wanted int, sql string, values ...any) []int64 {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		found := column[int64](c, sql, values...)
		if len(found) == wanted {
			return found
		}
		select {
		case <-tick.C:
		case <-late.C:
			c.t.Fatalf("%s: %d rows, want %d", sql, len(found), wanted)
		}
	}
}

// set returns a closure that sets a setting.
func set(name, value string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.InsertSetting(name, value) }
}

// value reads a setting; "" when it is not set.
func value(t testing.TB, s store.Store, name string) (v string) {
	t.Helper()
	if err := s.View(t.Context(), func(r store.Reader) (err error) {
		v, err = r.Setting(name)
		return err
	}); err != nil && !isNotFound(err) {
		t.Errorf("view: %v", err)
	}
	return v
}

func isBusy(err error) bool     { return errors.Is(err, fault.Busy) }
func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }
