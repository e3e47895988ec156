package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/pgtest"
)

// patience is how long anything here may take.
const patience = time.Minute

func TestSchemasDoNotMeet(t *testing.T) {
	t.Parallel()
	one, two := connect(t, pgtest.Schema(t)), connect(t, pgtest.Schema(t))
	for i, conn := range []*pgx.Conn{one, two} {
		run(t, conn, "CREATE TABLE things (name text PRIMARY KEY)")
		run(t, conn, "INSERT INTO things VALUES ($1)", fmt.Sprint("of schema ", i))
	}
	same(t, names(t, one), []string{"of schema 0"})
	same(t, names(t, two), []string{"of schema 1"})
}

func TestASchemaGoesWithItsTest(t *testing.T) {
	t.Parallel()
	schemas := func(conn *pgx.Conn, name string) int {
		return value[int](t, conn, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", name)
	}
	conn := connect(t, pgtest.Schema(t))
	var name string
	t.Run("inner", func(t *testing.T) {
		inner := connect(t, pgtest.Schema(t))
		run(t, inner, "CREATE TABLE things (name text PRIMARY KEY)")
		name = value[string](t, inner, "SELECT current_schema")
		same(t, schemas(conn, name), 1)
	})
	same(t, schemas(conn, name), 0)
}

func TestSchemaInAServerElsewhere(t *testing.T) {
	elsewhere := pgtest.Start(t, pgtest.Options{TCP: true})
	t.Setenv("HONGBAO_TEST_POSTGRES", elsewhere.DSN()+"&options=-c%20lock_timeout%3D7s")
	t.Setenv("HONGBAO_TEST_DISTRIBUTION", "citus")
	conn := connect(t, pgtest.Schema(t))
	folder := "SHOW data_directory"
	same(t, value[string](t, conn, folder), value[string](t, connect(t, elsewhere.DSN()), folder))
	same(t, value[string](t, conn, "SHOW citus.shard_count"), "4")
	same(t, value[string](t, conn, "SHOW lock_timeout"), "7s")
	same(t, pgtest.Distribution(), "citus")
}

func TestServerOfOnesOwn(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Start(t, pgtest.Options{Settings: []string{"deadlock_timeout = 7s"}}).DSN())
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "deadlock_timeout": "7s",
	} {
		same(t, value[string](t, conn, "SHOW "+setting), want)
	}
	same(t, value[bool](t, conn, "SELECT 'a' < 'B'"), true)
}

func TestTCPAsksForThePassword(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.Start(t, pgtest.Options{TCP: true}).DSN())
	if err != nil {
		t.Fatal(err)
	}
	same(t, value[string](t, connect(t, u.String()), "SELECT host(inet_server_addr())"), "127.0.0.1")
	u.User = url.UserPassword(u.User.Username(), "guess")
	if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
		_ = conn.Close(t.Context())
		t.Error("connected with a wrong password")
	}
}

func TestKilledClusterKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, pgtest.Options{})
	conn := connect(t, c.DSN())
	run(t, conn, "CREATE TABLE things (name text PRIMARY KEY)")
	run(t, conn, "INSERT INTO things VALUES ('committed')")
	run(t, conn, "BEGIN")
	run(t, conn, "INSERT INTO things VALUES ('not committed')")
	busy, observer := connect(t, c.DSN()), connect(t, c.DSN())
	backend := value[int](t, busy, "SELECT pg_backend_pid()")
	answer := make(chan error, 1)
	go func() {
		_, err := busy.Exec(context.WithoutCancel(t.Context()), "SELECT count(*) FROM generate_series(1, 1e12)")
		answer <- err
	}()
	eventually(t, "a connection is busy", func() bool {
		return value[string](t, observer, "SELECT state FROM pg_stat_activity WHERE pid = $1", backend) == "active"
	})
	c.Kill()
	eventually(t, "the busy process ends", func() bool { return ended(backend) })
	if err := <-answer; err == nil {
		t.Error("a killed server has answered")
	}
	c.Kill() // does nothing
	if _, err := pgx.Connect(t.Context(), c.DSN()); err == nil {
		t.Error("a killed server took a connection")
	}
	c.Restart()
	conn = connect(t, c.DSN())
	same(t, names(t, conn), []string{"committed"})
	run(t, conn, "INSERT INTO things VALUES ('later')")
	c.Stop()
	c.Restart()
	same(t, names(t, connect(t, c.DSN())), []string{"committed", "later"})
}

func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	conn := connect(t, primary.DSN())
	run(t, conn, "CREATE TABLE things (name text PRIMARY KEY)")
	standby := primary.Standby(t)
	run(t, conn, "INSERT INTO things VALUES ('committed')")
	primary.Kill()
	conn = connect(t, standby.DSN())
	same(t, value[string](t, conn, "SHOW transaction_read_only"), "on")
	standby.Promote()
	run(t, conn, "INSERT INTO things VALUES ('later')")
	same(t, names(t, conn), []string{"committed", "later"})
}

// TestNoCommitWithoutTheStandby: that a row is on the standby in the test above may
// be luck; that a commit waits for it is not.
func TestNoCommitWithoutTheStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{TCP: true})
	conn, other := connect(t, primary.DSN()), connect(t, primary.DSN())
	standby := primary.Standby(t)
	same(t, value[bool](t, connect(t, standby.DSN()), "SELECT pg_is_in_recovery()"), true)
	standby.Kill()
	pid := value[int](t, conn, "SELECT pg_backend_pid()")
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), "CREATE TABLE things (name text PRIMARY KEY)")
		done <- err
	}()
	eventually(t, "the commit waits for the standby", func() bool {
		return value[int](t, other, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'", pid) == 1
	})
	standby.Restart()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// hostageVariable asks TestHostage to be the process that is killed.
const hostageVariable = "HONGBAO_TEST_PGTEST_HOSTAGE"

func TestClusterDiesWithItsTest(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostage$", "-test.v")
	child.Env = append(os.Environ(), hostageVariable+"=yes", "HONGBAO_TEST_POSTGRES=")
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var folders []string
	for lines := bufio.NewScanner(pipe); len(folders) < 3 && lines.Scan(); {
		if folder, ok := strings.CutPrefix(lines.Text(), "data in "); ok {
			folders = append(folders, folder)
		}
	}
	if len(folders) != 3 {
		t.Fatalf("the child named %q only", folders)
	}
	var locks [][]string
	for _, folder := range folders {
		locks = append(locks, lock(t, folder))
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	for i, folder := range folders {
		pid, segment := locks[i][0], strings.Fields(locks[i][6])[1]
		eventually(t, "the postmaster of "+folder+" ends", func() bool { return ended(number(t, pid)) })
		eventually(t, folder+" is removed", func() bool {
			_, err := os.Stat(filepath.Dir(folder))
			return errors.Is(err, fs.ErrNotExist)
		})
		if slices.Contains(segments(), segment) {
			t.Errorf("its shared memory %s is left", segment)
		}
	}
}

// TestHostage is the child of TestClusterDiesWithItsTest: it holds the shared server,
// one of its own and one that was killed, until it is killed itself.
func TestHostage(t *testing.T) {
	t.Parallel()
	if os.Getenv(hostageVariable) == "" {
		return
	}
	var folders []string
	killed := pgtest.Start(t, pgtest.Options{})
	for _, dsn := range []string{pgtest.Schema(t), pgtest.Start(t, pgtest.Options{}).DSN(), killed.DSN()} {
		folders = append(folders, value[string](t, connect(t, dsn), "SHOW data_directory"))
	}
	killed.Kill()
	for _, folder := range folders {
		fmt.Println("data in", folder)
	}
	select {}
}

// lock is the lock file of a postmaster: its process in line 1, its segment of shared
// memory in line 7.
func lock(t *testing.T, folder string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 || len(strings.Fields(lines[6])) != 2 {
		t.Fatalf("lock file: %q", lines)
	}
	return lines
}

// segments are the ids of all segments of shared memory, where the system has /proc.
func segments() (ids []string) {
	table, _ := os.ReadFile("/proc/sysvipc/shm")
	for line := range strings.Lines(string(table)) {
		ids = append(ids, strings.Fields(line)[1])
	}
	return ids
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ended tells whether no process has this id, or only the remains of one.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, late := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// value is the only column of the only row.
func value[V any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v V) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func names(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return value[[]string](t, conn, "SELECT array_agg(name ORDER BY name) FROM things")
}

func same[V any](t *testing.T, got, want V) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
