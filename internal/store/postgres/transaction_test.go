package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/storetest"
)

// failing makes the next statements that set something fail, each with a SQLSTATE.
func failing(c stranger, code string, times int) {
	c.run("CREATE SEQUENCE attempts")
	c.run(fmt.Sprintf(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('attempts') <= %d THEN RAISE EXCEPTION 'a failure made by a test' USING ERRCODE = '%s'; END IF;
		RETURN NEW;
	END $$`, times, code))
	c.run("CREATE TRIGGER failing BEFORE INSERT ON settings FOR EACH ROW EXECUTE FUNCTION fail()")
}

func TestWhatAServersErrorMeansBeforeCommit(t *testing.T) {
	t.Parallel()
	const most = postgres.TriesMax
	for name, c := range map[string]struct {
		code  string
		times int        // that it fails
		want  fault.Code // of Update
		runs  int        // of the closure
	}{
		"a serialization failure is met once":               {"40001", 1, fault.OK, 2},
		"a serialization failure is met as often as it may": {"40001", most - 1, fault.OK, most},
		"a serialization failure is met always":             {"40001", most, fault.Busy, most},
		"a deadlock is met always":                          {"40P01", most, fault.Busy, most},
		"a node of a cluster was lost":                      {"08006", 1, fault.OK, 2},
		"an operator has cancelled it":                      {"57014", 1, fault.OK, 2},
		"the server is no primary any more":                 {"25006", 1, fault.OK, 2},
		"the disk is full":                                  {"53100", 1, fault.Busy, 1},
		"there is no memory":                                {"53200", 1, fault.Busy, 1},
		"a lock was not given":                              {"55P03", 1, fault.Busy, 1},
		"it may not":                                        {"42501", 1, fault.Internal, 1},
		"a row is damaged":                                  {"XX001", 1, fault.Internal, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.Schema(t)
			s := create(t, dsn, single())
			failing(connect(t, dsn), c.code, c.times)
			runs := 0
			err := s.Update(t.Context(), func(tx store.Tx) error {
				runs++
				err := tx.InsertSetting("n", "v")
				if again := tx.InsertSetting("m", "v"); (err == nil) != (again == nil) {
					t.Errorf("after %v: %v", err, again)
				}
				return err
			})
			if fault.CodeOf(err) != c.want || runs != c.runs {
				t.Errorf("update: %v, in %d runs; want %v in %d", err, runs, c.want, c.runs)
			}
			if wrote := value(t, s, "n") == "v"; wrote != (err == nil) {
				t.Errorf("written: %v", wrote)
			}
			if err := s.Update(t.Context(), set("again", "v")); err != nil {
				t.Errorf("update afterwards: %v", err)
			}
		})
	}
}

// TestAServersErrorComesBeforeTheClosuresOwn: a closure that makes something else of it
// has not been told no.
func TestAServersErrorComesBeforeTheClosuresOwn(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, single())
	failing(connect(t, dsn), "40001", 2)
	runs := 0
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		if runs++; tx.InsertSetting("n", "v") != nil && runs == 1 {
			return errors.New("an error of the closure's own")
		}
		return nil
	}); err != nil || runs != 3 {
		t.Errorf("update: %v, in %d runs; want 3", err, runs)
	}
	if v := value(t, s, "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
}

// twoMerchants writes two accounts to lock.
func twoMerchants(t *testing.T, s *postgres.Store) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.InsertMerchant(storetest.Merchant("m1")), tx.InsertMerchant(storetest.Merchant("m2")))
	}); err != nil {
		t.Fatal(err)
	}
}

const (
	lockAccount = "SELECT FROM accounts WHERE mch_id = $1 FOR UPDATE"
	waiters     = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
	sessions    = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid"
)

func TestADeadlockIsResolvedByRunningAgain(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	// Whoever notices a deadlock first is the one to give way: the store.
	s := create(t, with(t, dsn, "options", "-c deadlock_timeout=50ms"), single())
	twoMerchants(t, s)
	other := connect(t, with(t, dsn, "options", "-c deadlock_timeout=1min"))
	other.run("BEGIN")
	other.run(lockAccount, "m2")
	runs := 0
	var wait sync.WaitGroup
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if runs++; runs > 1 {
			wait.Wait() // else it might be the first again
		}
		if _, err := tx.LockAccounts([]string{"m1"}); err != nil {
			return err
		}
		if runs == 1 {
			wait.Go(func() {
				_, err := other.Exec(t.Context(), lockAccount, "m1")
				_, committed := other.Exec(t.Context(), "COMMIT")
				if err := errors.Join(err, committed); err != nil {
					t.Errorf("the other one: %v", err)
				}
			})
		}
		if _, err := tx.LockAccounts([]string{"m2"}); err != nil {
			return err
		}
		return tx.InsertSetting("n", "v")
	})
	wait.Wait()
	if err != nil || runs != 2 {
		t.Errorf("update: %v, in %d runs; want 2", err, runs)
	}
	if v := value(t, s, "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
}

func TestALockThatIsNotGivenIsBusy(t *testing.T) {
	t.Parallel()
	for name, tune := range map[string]func(*pgx.ConnConfig){
		"as the server sees it": func(*pgx.ConnConfig) {},
		"as the store sees it":  func(c *pgx.ConnConfig) { c.RuntimeParams["lock_timeout"] = "0" }, // as where another node waits
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.Schema(t)
			twoMerchants(t, create(t, dsn, single()))
			s := open(t, dsn, single().Waiting(50*time.Millisecond).Tuned(tune))
			other := connect(t, dsn)
			other.run("BEGIN")
			other.run(lockAccount, "m1")
			runs := 0
			lock := func(tx store.Tx) error {
				runs++
				_, err := tx.LockAccounts([]string{"m1"})
				return err
			}
			if err := s.Update(context.WithoutCancel(t.Context()), lock); !isBusy(err) || runs != 1 {
				t.Errorf("update: %v, in %d runs; want busy, in one", err, runs)
			}
			other.run("ROLLBACK")
			if err := s.Update(t.Context(), lock); err != nil {
				t.Errorf("update afterwards: %v", err)
			}
		})
	}
}

// named is a DSN whose sessions can be told from others, by a name of the test's.
func named(t *testing.T, dsn string) (_, name string) {
	t.Helper()
	name = "of " + column[string](connect(t, dsn), "SELECT current_schema()")[0]
	return with(t, dsn, "application_name", name), name
}

func TestAConnectionThatIsKilledBeforeCommit(t *testing.T) {
	t.Parallel()
	dsn, name := named(t, pgtest.Schema(t))
	s := create(t, dsn, single())
	other := connect(t, with(t, dsn, "application_name", "other"))
	for _, c := range []struct {
		kills int
		want  fault.Code
		runs  int
	}{{1, fault.OK, 2}, {postgres.TriesMax, fault.Busy, postgres.TriesMax}} {
		setting := fmt.Sprint(c.kills)
		runs := 0
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.InsertSetting(setting, "v"); err != nil {
				return err
			}
			if runs++; runs <= c.kills {
				other.kill(name, "state = 'idle in transaction'")
			}
			return tx.InsertSetting(setting+" too", "v")
		})
		if fault.CodeOf(err) != c.want || runs != c.runs {
			t.Errorf("%d kills: %v, in %d runs; want %v in %d", c.kills, err, runs, c.want, c.runs)
		}
		if wrote := value(t, s, setting) == "v" && value(t, s, setting+" too") == "v"; wrote != (err == nil) {
			t.Errorf("written: %v, answered %v", wrote, err)
		}
	}
}

// kill ends sessions, and returns when they have gone.
func (c stranger) kill(name, which string) {
	c.t.Helper()
	const where = " FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() AND "
	if n := len(column[bool](c, "SELECT pg_terminate_backend(pid)"+where+which, name)); n == 0 {
		c.t.Error("there was nobody to kill")
	}
	c.until(0, "SELECT pid"+where+which, name)
}

func TestConnectionsThatAreKilledWhileIdleAreNotMissed(t *testing.T) {
	t.Parallel()
	dsn, name := named(t, pgtest.Schema(t))
	s := create(t, dsn, single())
	other := connect(t, with(t, dsn, "application_name", "other"))
	for round := range 3 {
		fan(t, s, 4)
		other.kill(name, "TRUE")
		setting := fmt.Sprint(round)
		if err := s.View(t.Context(), func(store.Reader) error { return nil }); err != nil {
			t.Errorf("view: %v", err)
		}
		if err := s.Update(t.Context(), set(setting, "v")); err != nil {
			t.Errorf("update: %v", err)
		}
		if v := value(t, s, setting); v != "v" {
			t.Errorf("setting %q", v)
		}
	}
}

// fan has several Views and Updates run at the same time, each on a connection of its own.
func fan(t *testing.T, s store.Store, n int) {
	t.Helper()
	var running, wait sync.WaitGroup
	running.Add(2 * n)
	meet := func(err error) error { running.Done(); running.Wait(); return err }
	for range n {
		wait.Go(func() {
			if err := s.View(t.Context(), func(r store.Reader) error { _, err := r.Merchants(); return meet(err) }); err != nil {
				t.Errorf("view: %v", err)
			}
		})
		wait.Go(func() {
			if err := s.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Merchants(); return meet(err) }); err != nil {
				t.Errorf("update: %v", err)
			}
		})
	}
	wait.Wait()
}

// TestACallerWhoLeavesCostsOneConnection, not all of a pool: callers leave all the time.
func TestACallerWhoLeavesCostsOneConnection(t *testing.T) {
	t.Parallel()
	dsn, name := named(t, pgtest.Schema(t))
	s := create(t, dsn, single())
	twoMerchants(t, s)
	fan(t, s, 3)
	other := connect(t, with(t, dsn, "application_name", "other"))
	other.run("BEGIN")
	other.run(lockAccount, "m1")
	before := other.until(6, sessions, name)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		left <- s.Update(ctx, func(tx store.Tx) error { _, err := tx.LockAccounts([]string{"m1"}); return err })
	}()
	waiting := other.until(1, waiters, name)
	leave()
	if err := <-left; !isBusy(err) {
		t.Errorf("update: %v, want busy", err)
	}
	other.run("ROLLBACK")
	want := slices.DeleteFunc(before, func(pid int64) bool { return pid == waiting[0] })
	if diff := cmp.Diff(want, other.until(5, sessions, name)); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
}

func TestAnIdleTransactionIsEndedByTheServerAndRunsAgain(t *testing.T) {
	t.Parallel()
	dsn, name := named(t, pgtest.Schema(t))
	create(t, with(t, dsn, "application_name", "other"), single())
	s := open(t, dsn, single().Tuned(func(c *pgx.ConnConfig) {
		c.RuntimeParams["idle_in_transaction_session_timeout"] = "300ms"
	}))
	other := connect(t, with(t, dsn, "application_name", "other"))
	const idle = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle in transaction'"
	runs := 0
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.InsertSetting("n", "v"); err != nil {
			return err
		}
		if runs++; runs == 1 {
			other.until(0, idle, name)
		}
		return tx.InsertSetting("m", "v")
	}); err != nil || runs != 2 {
		t.Errorf("update: %v, in %d runs; want 2", err, runs)
	}
	if v := value(t, s, "n") + value(t, s, "m"); v != "vv" {
		t.Errorf("settings %q", v)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	var cfg *pgx.ConnConfig
	dsn := with(t, pgtest.Schema(t), "lock_timeout", "1h", "statement_timeout", "1h")
	create(t, dsn, single().Tuned(func(c *pgx.ConnConfig) { cfg = c }))
	c, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	for name, want := range map[string]string{
		"lock_timeout": "5s", "idle_in_transaction_session_timeout": "10s", "statement_timeout": "0", "application_name": "hongbao",
	} {
		if got := column[string](stranger{c, t}, "SHOW "+name); got[0] != want {
			t.Errorf("%s is %s, want %s", name, got[0], want)
		}
	}
}

func TestAViewWhoseConnectionIsKilledIsBusy(t *testing.T) {
	t.Parallel()
	dsn, name := named(t, pgtest.Schema(t))
	s := create(t, dsn, single())
	other := connect(t, with(t, dsn, "application_name", "other"))
	runs := 0
	if err := s.View(t.Context(), func(r store.Reader) error {
		runs++
		other.kill(name, "state = 'idle in transaction'")
		_, err := r.Merchants()
		return err
	}); !isBusy(err) || runs != 1 {
		t.Errorf("view: %v, in %d runs; want busy, in one", err, runs)
	}
	if err := s.View(t.Context(), func(r store.Reader) error { _, err := r.Merchants(); return err }); err != nil {
		t.Errorf("view afterwards: %v", err)
	}
}
