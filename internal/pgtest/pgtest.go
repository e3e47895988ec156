// Package pgtest gives tests a real PostgreSQL, 15 or later, from the binaries
// that the system has installed. No container, no service, no port that could be
// taken.
//
//	Schema    an empty schema in a server that all tests of the process share:
//	          milliseconds, for tests that want a database
//	Start     a server of its own, as durable as in production: a second, for
//	          tests that kill it, stop it, or have a standby take over
//
// A server listens on a Unix socket, in a temporary folder with its data that
// nobody else may enter. PostgreSQL refuses to run as root; there it runs as the
// system's user postgres.
//
// Texts sort as people sort them, not by their bytes, as on many a server in
// production: SQL that needs the order of bytes has to say so.
//
// # No server outlives its test
//
// A postmaster is started by a shell, its guard, which then reads from a pipe that
// the test process holds. However that process ends, be it by kill -9, the pipe
// ends with it; the guard then ends the server and removes the folder. So there is
// nothing to call at the end of a package's tests.
//
// # A server elsewhere
//
// HONGBAO_TEST_POSTGRES, a URL, names a running server for Schema to use instead,
// such as one of a distributed engine. HONGBAO_TEST_DISTRIBUTION says how tables
// are spread over it.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	serverVariable       = "HONGBAO_TEST_POSTGRES"
	distributionVariable = "HONGBAO_TEST_DISTRIBUTION"
)

// patience is how long any one thing may take that a server is asked for.
const patience = 2 * time.Minute

// Distribution says how the tests' tables are to be distributed: "" for not at
// all, "citus" by Citus.
func Distribution() string { return os.Getenv(distributionVariable) }

// Schema makes an empty schema and returns a URL whose connections use it by
// default. At the end of the test the schema is dropped with all that is in it.
// Connections must be closed by then.
func Schema(t testing.TB) string {
	t.Helper()
	server := os.Getenv(serverVariable)
	if server == "" {
		s, err := shared()
		if err != nil {
			t.Fatal(err)
		}
		server = s.url(database)
	}
	name := "test_" + strings.ToLower(rand.Text())
	options := "-c search_path=" + name
	if Distribution() == "citus" {
		options += " -c citus.shard_count=4" // each is a table to be created: the default of 32 takes seconds
	}
	dsn, err := withOptions(server, options)
	if err != nil {
		t.Fatalf("%s: %v", serverVariable, err)
	}
	do := func(sql string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := execute(ctx, dsn, sql); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE SCHEMA " + name)
	t.Cleanup(func() { do("DROP SCHEMA " + name + " CASCADE") })
	return dsn
}

// shared is the server of all schemas. Nothing in it is worth a sync to disk.
//
//nolint:gochecknoglobals // one server for the process: starting it takes a second
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return create(ctx, Options{Settings: []string{"fsync = off", "full_page_writes = off", "max_connections = 300"}})
})

// withOptions adds command line options for the session to a URL.
func withOptions(server, options string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("not of the form postgres://user@host/database")
	}
	q := u.Query()
	q.Set("options", strings.TrimSpace(q.Get("options")+" "+options))
	u.RawQuery = query(q)
	return u.String(), nil
}

// query encodes the query of a URL, in which libpq takes a plus sign for itself.
func query(q url.Values) string { return strings.ReplaceAll(q.Encode(), "+", "%20") }

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, dsn, sql string) error {
	return ask(ctx, dsn, sql, nil)
}

// ask runs one statement on a connection of its own. The first column of its only
// row is put into answer, unless that is nil.
func ask(ctx context.Context, dsn, sql string, answer any) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing hangs on it: the statement is done
	if answer == nil {
		_, err = conn.Exec(ctx, sql)
		return err
	}
	return conn.QueryRow(ctx, sql).Scan(answer)
}
