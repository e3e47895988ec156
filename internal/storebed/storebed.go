// Package storebed gives tests a database of the engine that the environment asks
// for, so that one suite runs on each:
//
//	HONGBAO_TEST_STORE   sqlite (the default), or postgres: see package pgtest
//	HONGBAO_TEST_SCOPE   queue or packet: what one commit takes on
//
// Under HONGBAO_TEST_DISTRIBUTION = citus both follow: only postgres has it, and only
// the scope packet goes with it. A test that is about the engines themselves runs on
// each, whatever the environment asks for: see Engines.
package storebed

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/sqlite" // and its driver "sqlite"
)

// Postgres says whether tests run on PostgreSQL.
func Postgres() bool {
	return pgtest.Distribution() != "" || os.Getenv("HONGBAO_TEST_STORE") == "postgres"
}

// Scope is what one commit takes on.
func Scope() string {
	if pgtest.Distribution() != "" {
		return "packet"
	}
	return cmp.Or(os.Getenv("HONGBAO_TEST_SCOPE"), "queue")
}

// Bed is one database.
type Bed struct {
	driver, source string // as package database/sql has them
}

// Engine is where a bed is.
type Engine string

// The engines.
const (
	OnSQLite   Engine = "sqlite"
	OnPostgres Engine = "postgres"
)

// Engines are all engines.
func Engines() []Engine { return []Engine{OnSQLite, OnPostgres} }

// New makes a bed for the length of a test, on the engine that the environment asks
// for. There is nothing in it yet.
func New(t testing.TB) *Bed {
	t.Helper()
	if Postgres() {
		return OnPostgres.New(t)
	}
	return OnSQLite.New(t)
}

// New makes a bed on this engine.
func (e Engine) New(t testing.TB) *Bed {
	t.Helper()
	if e == OnPostgres {
		return &Bed{"pgx", pgtest.Schema(t)}
	}
	return &Bed{"sqlite", filepath.Join(t.TempDir(), "hongbao.db")}
}

// URL is where a PostgreSQL database is; "" of a file.
func (b *Bed) URL() string {
	if b.driver == "pgx" {
		return b.source
	}
	return ""
}

// Path is where a file is, or would be if everything were not in PostgreSQL.
func (b *Bed) Path() string {
	if b.driver == "sqlite" {
		return b.source
	}
	return "hongbao.db"
}

// Open opens the database, with tables in it, until the end of the test. It may be
// opened several times, as by several processes.
func (b *Bed) Open(t testing.TB) store.Store {
	t.Helper()
	s, err := b.open(context.WithoutCancel(t.Context()))
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

// Look opens the database for reading only, as who looks at it does, for the length of
// f. There must be tables.
func (b *Bed) Look(t testing.TB, f func(store.Store)) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var s store.Store
	var err error
	if b.driver == "sqlite" {
		s, err = sqlite.OpenReadOnly(ctx, b.source, sqlite.Options{ViewsMax: 1}) // each connection reads the schema
	} else {
		s, err = postgres.OpenReadOnly(ctx, b.source, postgresOptions())
	}
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *Bed) open(ctx context.Context) (store.Store, error) {
	if b.driver == "sqlite" {
		s, err := sqlite.Create(ctx, b.source, sqlite.Options{})
		if errors.Is(err, fs.ErrExist) {
			s, err = sqlite.Open(ctx, b.source, sqlite.Options{})
		}
		return s, err
	}
	s, err := postgres.Create(ctx, b.source, postgresOptions())
	if errors.Is(err, fs.ErrExist) {
		s, err = postgres.Open(ctx, b.source, postgresOptions())
	}
	return s, err
}

func postgresOptions() postgres.Options {
	return postgres.Options{Distribution: postgres.Distribution(pgtest.Distribution()), Volatile: true}
}

// Save returns all that is in the database, which must have tables and not be open.
func (b *Bed) Save(t testing.TB) (all []byte) {
	t.Helper()
	if b.driver == "sqlite" {
		b.Exec(t, "PRAGMA wal_checkpoint(TRUNCATE)") // so that one file is all there is
		all, err := os.ReadFile(b.source)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	b.with(t, func(db *sql.DB) error {
		names, err := column(t.Context(), db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'migrations%'")
		for _, name := range names {
			statements, e := column(t.Context(), db, fmt.Sprintf(refill, name))
			all, err = append(all, strings.Join(statements, "")...), errors.Join(err, e)
		}
		return err
	})
	return all
}

// refill asks PostgreSQL for the statements that put the rows of a table back.
const refill = `SELECT format('DELETE FROM %[1]s; INSERT INTO %[1]s SELECT * FROM json_populate_recordset(NULL::%[1]s, %%L);', coalesce(json_agg(r), '[]')) FROM %[1]s AS r`

// Load puts what Save has returned, of another bed on the same engine, in place of all
// rows that are there. The database must not be open, nor its tables have been changed
// by Exec.
func (b *Bed) Load(t testing.TB, all []byte) {
	t.Helper()
	if b.driver == "sqlite" {
		for _, beside := range []string{"-wal", "-shm"} {
			if err := os.Remove(b.source + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(b.source, all, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	b.with(t, func(db *sql.DB) error {
		tables, err := column(t.Context(), db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'packets'")
		if err == nil && len(tables) == 0 {
			var s store.Store
			if s, err = b.open(t.Context()); err == nil {
				err = s.Close()
			}
		}
		if err == nil {
			_, err = db.ExecContext(t.Context(), string(all))
		}
		return err
	})
}

// column asks a query for its one column.
func column(ctx context.Context, db *sql.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, rows.Err()
}

// Exec changes the database behind the store's back. statements are SQLite's, with ?
// for values; for PostgreSQL they are put into its words.
func (b *Bed) Exec(t testing.TB, statements string, values ...any) {
	t.Helper()
	b.with(t, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), b.words(statements), values...)
		return err
	})
}

// Number asks a query for one number.
func (b *Bed) Number(t testing.TB, query string, values ...any) (n int64) {
	t.Helper()
	b.with(t, func(db *sql.DB) error {
		return db.QueryRowContext(t.Context(), b.words(query), values...).Scan(&n)
	})
	return n
}

func (b *Bed) with(t testing.TB, f func(*sql.DB) error) {
	t.Helper()
	source := b.source
	if b.driver == "sqlite" {
		source += "?_pragma=synchronous(OFF)" // what a test breaks need not survive a power cut
	}
	db, err := sql.Open(b.driver, source)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// dialect puts what SQLite says in its own way into PostgreSQL's. (A packet's returned
// is an amount: say it as 2 or more.)
var dialect = []struct {
	sqlite   *regexp.Regexp
	postgres string
}{
	{regexp.MustCompile(`\bx'([0-9a-f]*)'`), `'\x$1'::bytea`},
	{regexp.MustCompile(`\bzeroblob\((\d+|length\(\w+\))\)`), `decode(repeat('00', $1), 'hex')`},
	{regexp.MustCompile(`\b(held|ended|settled|operator|mendable|returned) = 0\b`), `$1 = FALSE`},
	{regexp.MustCompile(`\b(held|ended|settled|operator|mendable|returned) = 1\b`), `$1 = TRUE`},
	{regexp.MustCompile(`\bjson_set\((\w+), '\$\.(\w+)', '(\w*)'\)`), `jsonb_set($1::jsonb, '{$2}', '"$3"')::text`},
	{regexp.MustCompile(`\bjson_remove\((\w+), '\$\.(\w+)'\)`), `($1::jsonb - '$2')::text`},
}

// words puts SQL into the words of the engine.
func (b *Bed) words(text string) string {
	if b.driver == "sqlite" {
		return text
	}
	for _, d := range dialect {
		text = d.sqlite.ReplaceAllString(text, d.postgres)
	}
	var out strings.Builder
	n := 0
	for _, c := range text {
		if c != '?' {
			out.WriteRune(c)
			continue
		}
		n++
		out.WriteString("$" + strconv.Itoa(n))
	}
	return out.String()
}
