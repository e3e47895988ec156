package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/storetest"
)

// opening is one of the ways to open a database.
type opening func(context.Context, string, postgres.Options) (*postgres.Store, error)

// refusal is the error of an opening that is to fail.
func (o opening) refusal(t *testing.T, dsn string, options postgres.Options) error {
	t.Helper()
	s, err := o(t.Context(), dsn, options)
	if err == nil {
		_ = s.Close()
		t.Fatal("opened")
	}
	return err
}

func TestOpenMakesNoTables(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	for name, o := range map[string]opening{"open": postgres.Open, "open read-only": postgres.OpenReadOnly} {
		if err := o.refusal(t, dsn, options()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if tables := column[string](connect(t, dsn), "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"); len(tables) > 0 {
		t.Errorf("there are tables now: %q", tables)
	}
}

func TestCreateRefusesADatabaseWithTables(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, options())
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	if err := opening(postgres.Create).refusal(t, dsn, options()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create again: %v", err)
	}
	if v := value(t, open(t, dsn, options()), "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
}

func TestCreateGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	c := connect(t, dsn)
	c.run("CREATE TABLE merchants ()") // of which the tables to be made would be a second
	if err := opening(postgres.Create).refusal(t, dsn, single()); errors.Is(err, fs.ErrExist) {
		t.Errorf("create: %v", err)
	}
	c.run("DROP TABLE merchants")
	if err := create(t, dsn, single()).Health(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSeveralProcessesMakeTheTablesAtTheSameTime(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	const processes = 4
	var wait sync.WaitGroup
	errs := make([]error, processes)
	for i := range processes {
		wait.Go(func() {
			s, err := postgres.Create(t.Context(), dsn, options())
			if errors.Is(err, fs.ErrExist) {
				s, err = postgres.Open(t.Context(), dsn, options())
			}
			if err == nil {
				err = errors.Join(s.Health(t.Context()), s.Close())
			}
			errs[i] = err
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	twice := column[int64](connect(t, dsn), "SELECT version_id FROM migrations GROUP BY version_id HAVING count(*) > 1")
	if len(twice) > 0 {
		t.Errorf("versions %d were applied more than once", twice)
	}
}

func TestTablesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	const newer, older = "INSERT INTO migrations (version_id, is_applied) VALUES (999, TRUE)", "DELETE FROM migrations WHERE version_id > 0"
	for name, c := range map[string]struct {
		opening
		change, want string
	}{
		"newer":                {postgres.Open, newer, "version 999"},
		"newer, for reading":   {postgres.OpenReadOnly, newer, "version 999"},
		"newer, to be created": {postgres.Create, newer, "file already exists"},
		"older, for reading":   {postgres.OpenReadOnly, older, "start the server once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.Schema(t)
			create(t, dsn, single())
			other := connect(t, dsn)
			other.run(c.change)
			const versions = "SELECT version_id FROM migrations ORDER BY id"
			had := column[int64](other, versions)
			if err := c.refusal(t, dsn, single()); !strings.Contains(err.Error(), c.want) {
				t.Errorf("open: %v", err)
			}
			if diff := cmp.Diff(had, column[int64](other, versions)); diff != "" {
				t.Errorf("versions (-before +after):\n%s", diff)
			}
		})
	}
}

// readOnly opens a database to look at it, for the length of a test.
func readOnly(t *testing.T, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.OpenReadOnly(t.Context(), dsn, o)
	return opened(t, s, err)
}

func TestReadingOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, options())
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	// To read, it does not matter what is durable.
	careless := with(t, dsn, "options", "-c synchronous_commit=off -c default_transaction_read_only=on")
	r := readOnly(t, careless, postgres.Options{})
	if v := value(t, r, "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
	if err := r.Update(t.Context(), set("m", "v")); fault.CodeOf(err) != fault.Internal || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("update: %v", err)
	}
	if err := s.Update(t.Context(), set("m", "v")); err != nil {
		t.Errorf("beside the reader: %v", err)
	}
	if v := value(t, r, "m"); v != "v" {
		t.Errorf("setting %q to the reader", v)
	}
}

// pretending is a DSN of a server that has other settings than its own: what a function
// of the schema says comes before what the system's says.
func pretending(t *testing.T, dsn, setting, is string) string {
	t.Helper()
	c := connect(t, dsn)
	schema := column[string](c, "SELECT current_schema()")[0]
	c.run(fmt.Sprintf(`CREATE FUNCTION current_setting(name text) RETURNS text LANGUAGE sql
		AS $$ SELECT CASE name WHEN '%s' THEN '%s' ELSE pg_catalog.current_setting(name) END $$`, setting, is))
	return with(t, dsn, "options", "-c search_path="+schema+",pg_catalog")
}

func TestServersThatDoNotServe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting, is string
		volatile    bool
		want        string // empty: it serves
	}{
		"it is too old":                    {"server_version_num", "140099", true, "PostgreSQL 15 or later"},
		"it is just new enough":            {"server_version_num", "150000", true, ""},
		"it does not flush":                {"fsync", "off", false, "fsync is off"},
		"it does not flush, for tests":     {"fsync", "off", true, ""},
		"it answers before it writes":      {"synchronous_commit", "off", true, "synchronous_commit is off"},
		"it waits for what a standby does": {"synchronous_commit", "remote_apply", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pretending(t, pgtest.Schema(t), c.setting, c.is)
			o := postgres.Options{Volatile: c.volatile}
			if c.want == "" {
				create(t, dsn, o)
				return
			}
			if err := opening(postgres.Create).refusal(t, dsn, o); !strings.Contains(err.Error(), c.want) {
				t.Errorf("create: %v", err)
			}
		})
	}
}

// TestAServerIsAskedAgainWithEachConnection: after a failover it is another one.
func TestAServerIsAskedAgainWithEachConnection(t *testing.T) {
	t.Parallel()
	dsn, name := named(t, pretending(t, pgtest.Schema(t), "none", ""))
	s := create(t, dsn, single())
	other := connect(t, with(t, dsn, "application_name", "other"))
	other.run("CREATE OR REPLACE FUNCTION current_setting(name text) RETURNS text LANGUAGE sql AS $$ SELECT 'off' $$")
	if err := s.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Merchants(); return err }); !isBusy(err) {
		t.Errorf("update on a server that became careless: %v, want busy", err)
	}
	other.until(0, sessions, name)
}

func TestAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	dsn := "postgres://hongbao:hunter2@127.0.0.1:1/hongbao?sslmode=disable"
	err := opening(postgres.Open).refusal(t, dsn, options())
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "hongbao on 127.0.0.1:1") {
		t.Errorf("open: %v", err)
	}
}

func TestThePasswordIsInNoError(t *testing.T) {
	t.Parallel()
	const password = "hunter2"
	server := pgtest.Start(t, pgtest.Options{TCP: true})
	cfg, err := pgx.ParseConfig(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	right := with(t, server.DSN(), "application_name", "right")
	s := create(t, right, postgres.Options{})
	at := fmt.Sprintf("@%s:%d/hongbao", cfg.Host, cfg.Port)
	errs := map[string]error{}
	for name, dsn := range map[string]string{
		"wrong password":        "postgres://hongbao:" + password + at,
		"wrong name":            "postgres://nobody:" + password + at,
		"no such host":          "postgres://hongbao:" + password + "@nowhere.invalid/hongbao",
		"no number for a port":  "postgres://hongbao:" + password + "@127.0.0.1:port/hongbao",
		"no way to encrypt":     "postgres://hongbao:" + password + at + "?sslmode=perhaps",
		"no such certificate":   "postgres://hongbao:" + password + at + "?sslmode=verify-full&sslrootcert=/none",
		"a slash in it":         "postgres://hongbao:" + password + "/2" + at,
		"a sign in it":          "postgres://hongbao:" + password + "%zz" + at,
		"a question in it":      "postgres://hongbao:" + password + "?x=y" + at,
		"another host in it":    "postgres://hongbao:1@" + password + at + "?sslmode=perhaps",
		"in words":              "host=127.0.0.1 port=port password=" + password,
		"in words, in quotes":   `host=127.0.0.1 port=port password='\'` + password + `'`,
		"not at all":            password,
		"among the parameters":  "postgres://hongbao" + at + "?password=" + password + "&sslmode=perhaps",
		"no such scheme either": "pg://hongbao:" + password + at,
	} {
		errs[name] = opening(postgres.Open).refusal(t, dsn, postgres.Options{})
	}
	server.Stop()
	errs["a server that has stopped"] = s.Update(t.Context(), set("n", "v"))
	for name, err := range errs {
		t.Logf("%s: %v", name, err)
		for _, secret := range []string{password, cfg.Password} {
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestAClosedStoreIsBusy(t *testing.T) {
	t.Parallel()
	s := create(t, pgtest.Schema(t), options())
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for name, err := range map[string]error{
		"update": s.Update(t.Context(), set("n", "v")),
		"view":   s.View(t.Context(), func(store.Reader) error { return nil }),
		"health": s.Health(t.Context()),
	} {
		if !isBusy(err) {
			t.Errorf("%s: %v, want busy", name, err)
		}
	}
}

func TestCloseWaitsForAnUpdate(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, options())
	closed := make(chan error)
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		go func() { closed <- s.Close() }()
		return set("n", "v")(tx)
	}); err != nil {
		t.Errorf("update: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if diff := cmp.Diff([]string{"v"}, column[string](connect(t, dsn), "SELECT value FROM settings")); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestADamagedRowIsAnErrorOfItsOwn: neither a wrong value nor a row that is not there, nor
// one to try again; and once it has been mended it can be read.
func TestADamagedRowIsAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, options())
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertMerchant(storetest.Merchant("m1")) }); err != nil {
		t.Fatal(err)
	}
	other := connect(t, dsn)
	merchant := func(r store.Reader) error { _, err := r.Merchant("m1"); return err }
	account := func(r store.Reader) error { _, err := r.Account("m1"); return err }
	kinds := func(r store.Reader) error { _, err := r.Kinds(); return err }
	for _, c := range []struct {
		damage, mend string
		read         func(store.Reader) error
	}{
		{"UPDATE merchants SET settings = '{'", "UPDATE merchants SET settings = '{}'", merchant},
		{"UPDATE accounts SET hash = '\\x00'", "UPDATE accounts SET hash = decode(repeat('00', 32), 'hex')", account},
		{"UPDATE accounts SET hash = decode(repeat('00', 33), 'hex')", "UPDATE accounts SET hash = decode(repeat('00', 32), 'hex')", account},
		{"UPDATE kinds SET kind = 267 WHERE kind = 11", "UPDATE kinds SET kind = 11 WHERE kind = 267", kinds}, // 11, cut to a byte
	} {
		other.run(c.damage)
		runs := 0
		inUpdate := func(tx store.Tx) error { runs++; return c.read(tx) }
		for name, err := range map[string]error{"view": s.View(t.Context(), c.read), "update": s.Update(t.Context(), inUpdate)} {
			if fault.CodeOf(err) != fault.Internal || runs != 1 {
				t.Errorf("%s: %s: %v, in %d runs", c.damage, name, err, runs)
			}
		}
		other.run(c.mend)
		if err := errors.Join(s.View(t.Context(), c.read), s.Update(t.Context(), inUpdate)); err != nil {
			t.Errorf("%s: %v", c.mend, err)
		}
	}
}
