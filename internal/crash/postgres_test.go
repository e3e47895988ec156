package crash_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"hongbao.example/hongbao/internal/pgtest"
)

// postgres is a database on a server of PostgreSQL, with two servers of ours.
func postgres(t *testing.T, dsn string) backend {
	t.Helper()
	file := filepath.Join(t.TempDir(), "database.url")
	must(t, os.WriteFile(file, []byte(dsn), 0o600))
	return backend{name: "postgres", servers: 2, init: []string{"--database-url", "file:" + file}}
}

func TestKilledServersOnPostgreSQLKeepTheirWord(t *testing.T) {
	t.Parallel()
	kills, calls := counts(t)
	c := pgtest.Start(t, pgtest.Options{})
	pass(t, newDrill(t, openShop(t, postgres(t, c.DSN()), life), kills, calls/2))
}

// Under the scope packet each packet's claims are a transaction of their own, many at
// the same time.
func TestKilledServersOfScopePacketKeepTheirWord(t *testing.T) {
	t.Parallel()
	kills, calls := counts(t)
	c := pgtest.Start(t, pgtest.Options{})
	b := postgres(t, c.DSN())
	b.name = "postgres-by-packet"
	b.set = map[string]string{"commit_scope": `"packet"`, "lanes": "2"}
	pass(t, newDrill(t, openShop(t, b, life), kills/4, calls/4))
}

// The database server is killed, all its processes at once, and started again.
func TestAKilledDatabaseServerLosesNothing(t *testing.T) {
	t.Parallel()
	kills, calls := counts(t)
	c := pgtest.Start(t, pgtest.Options{})
	d := newDrill(t, openShop(t, postgres(t, c.DSN()), life), kills/6, calls/4)
	d.alarming = true
	d.strike = func(*drill) error {
		c.Kill()
		c.Restart()
		return nil
	}
	pass(t, d)
}

// TestASynchronousStandbyTakesOver: the primary is lost for good under load. What was
// answered is on the standby, which is promoted; the servers find it by themselves.
func TestASynchronousStandbyTakesOver(t *testing.T) {
	t.Parallel()
	kills, calls := counts(t)
	for i := range max(1, kills/40) {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			primary := pgtest.Start(t, pgtest.Options{})
			standby := primary.Standby(t)
			d := newDrill(t, openShop(t, postgres(t, either(t, primary, standby)), life), 1, min(calls/6, 5000))
			d.alarming = true
			d.strike = func(*drill) error {
				primary.Kill()
				standby.Promote()
				return nil
			}
			pass(t, d)
		})
	}
}

// either is the address of whichever of two servers can be written to.
func either(t *testing.T, a, b *pgtest.Cluster) string {
	t.Helper()
	first, err := url.Parse(a.DSN())
	must(t, err)
	second, err := url.Parse(b.DSN())
	must(t, err)
	q := first.Query()
	for _, name := range []string{"host", "port"} {
		q.Set(name, q.Get(name)+","+second.Query().Get(name))
	}
	q.Set("target_session_attrs", "read-write")
	first.RawQuery = q.Encode()
	return first.String()
}
