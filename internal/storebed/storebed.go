// Package storebed gives tests a database of the engine that the environment asks
// for, so that one suite runs on each:
//
//	HONGBAO_TEST_STORE   sqlite (the default), or postgres: see package pgtest
//	HONGBAO_TEST_SCOPE   queue or packet: what one commit takes on
//
// Under HONGBAO_TEST_DISTRIBUTION = citus both follow: only postgres has it, and only
// the scope packet goes with it.
package storebed

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
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

// New makes a bed for the length of a test. There is nothing in it yet.
func New(t testing.TB) *Bed {
	t.Helper()
	if Postgres() {
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

func (b *Bed) open(ctx context.Context) (store.Store, error) {
	if b.driver == "sqlite" {
		s, err := sqlite.Create(ctx, b.source, sqlite.Options{})
		if errors.Is(err, fs.ErrExist) {
			s, err = sqlite.Open(ctx, b.source, sqlite.Options{})
		}
		return s, err
	}
	o := postgres.Options{Distribution: postgres.Distribution(pgtest.Distribution()), Volatile: true}
	s, err := postgres.Create(ctx, b.source, o)
	if errors.Is(err, fs.ErrExist) {
		s, err = postgres.Open(ctx, b.source, o)
	}
	return s, err
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
	db, err := sql.Open(b.driver, b.source)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

var (
	blobs = regexp.MustCompile(`\bx'([0-9a-f]*)'`)
	flags = regexp.MustCompile(`\b(held|ended|settled|operator|mendable) = ([01])\b`)
)

// words puts SQL into the words of the engine.
func (b *Bed) words(text string) string {
	if b.driver == "sqlite" {
		return text
	}
	text = blobs.ReplaceAllString(text, `'\x$1'::bytea`)
	text = flags.ReplaceAllStringFunc(text, func(flag string) string {
		return strings.NewReplacer("= 0", "= FALSE", "= 1", "= TRUE").Replace(flag)
	})
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
