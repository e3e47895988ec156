package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/store/storetest"
)

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

func TestCreateMakesAFileForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a %20 strange?name#.db")
	s := create(t, path)
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", file, info.Mode())
		}
	}
	if _, err := sqlite.Create(t.Context(), path, sqlite.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a file: %v", err)
	}
}

func TestOpenMakesNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of no file: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open has left a file: %v", err)
	}
}

func TestOpenCompletesAnEmptyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	if err := s.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil {
		closeAfter(t, s)
		t.Error("opened")
	}
}

func TestOpenRefusesAFileOfANewerProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	create(t, path)
	if _, err := raw(t, path).ExecContext(t.Context(), "INSERT INTO migrations (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil {
		closeAfter(t, s)
	}
	if err == nil || !strings.Contains(err.Error(), "version 999") || !strings.Contains(err.Error(), path) {
		t.Errorf("open: %v", err)
	}
}

func TestWhatWasCommittedIsThereAfterReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	first := create(t, path)
	if err := first.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	if v := value(t, first, "n"); v != "v" { // a reader is open too
		t.Errorf("setting %q", v)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(path + "-*"); err != nil || len(files) > 0 {
		t.Errorf("beside the closed file there are %q, %v", files, err)
	}
	second, err := sqlite.Open(t.Context(), path, sqlite.Options{ViewsMax: 1})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, second)
	if v := value(t, second, "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
}

func TestAClosedStoreIsBusy(t *testing.T) {
	t.Parallel()
	s := create(t, filepath.Join(t.TempDir(), "hongbao.db"))
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
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s := create(t, path)
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
	if got := column(t, raw(t, path), "SELECT value FROM settings"); !slices.Equal(got, []string{"v"}) {
		t.Errorf("settings: %q", got)
	}
}

func TestThePragmasHold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	create(t, path)
	db := raw(t, path)
	for pragma, want := range map[string]string{"journal_mode": "wal", "page_size": "4096", "integrity_check": "ok"} {
		if got := column(t, db, "PRAGMA "+pragma); !slices.Equal(got, []string{want}) {
			t.Errorf("%s = %q, want %s", pragma, got, want)
		}
	}
}

// TestADamagedRowIsAnErrorOfItsOwn: neither a wrong value nor a row that is not
// there; and once it has been mended it can be read.
func TestADamagedRowIsAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s := create(t, path)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertMerchant(storetest.Merchant("m1")) }); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	merchant := func(r store.Reader) error { _, err := r.Merchant("m1"); return err }
	account := func(r store.Reader) error { _, err := r.Account("m1"); return err }
	kinds := func(r store.Reader) error { _, err := r.Kinds(); return err }
	for _, c := range []struct {
		damage, mend string
		read         func(store.Reader) error
	}{
		{"UPDATE merchants SET settings = '{'", "UPDATE merchants SET settings = '{}'", merchant},
		{"UPDATE accounts SET hash = x'00'", "UPDATE accounts SET hash = zeroblob(32)", account},
		{"UPDATE accounts SET hash = zeroblob(33)", "UPDATE accounts SET hash = zeroblob(32)", account},
		{"UPDATE kinds SET kind = 267 WHERE kind = 11", "UPDATE kinds SET kind = 11 WHERE kind = 267", kinds}, // 11, cut to a byte
		{"UPDATE kinds SET kind = -1 WHERE kind = 1", "UPDATE kinds SET kind = 1 WHERE kind = -1", kinds},
	} {
		inUpdate := func(tx store.Tx) error { return c.read(tx) }
		if _, err := db.ExecContext(t.Context(), c.damage); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"view": s.View(t.Context(), c.read), "update": s.Update(t.Context(), inUpdate)} {
			if fault.CodeOf(err) != fault.Internal {
				t.Errorf("%s: %s: %v", c.damage, name, err)
			}
		}
		if _, err := db.ExecContext(t.Context(), c.mend); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.View(t.Context(), c.read), s.Update(t.Context(), inUpdate)); err != nil {
			t.Errorf("%s: %v", c.mend, err)
		}
	}
}

func TestTwoProgramsWriteInTurn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	server := create(t, path)
	tool, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, tool)
	for i, s := range []store.Store{server, tool, server, tool} {
		name := string(rune('a' + i))
		if err := s.Update(t.Context(), set(name, name)); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
		for _, other := range []store.Store{server, tool} {
			if v := value(t, other, name); v != name {
				t.Errorf("after update %d one reads %q", i, v)
			}
		}
	}
}

func TestAnotherProgramsTransactionIsWaitedForAsLongAsTheContextAllows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s := create(t, path)
	db := raw(t, path)
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	patience, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	start := time.Now()
	if err := s.Update(patience, set("n", "v")); !isBusy(err) {
		t.Errorf("update: %v, want busy", err)
	}
	if waited := time.Since(start); waited > sqlite.BusyTimeout/2 {
		t.Errorf("waited for %v", waited)
	}
	if _, err := db.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Errorf("update afterwards: %v", err)
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	release, err := sqlite.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Lock(path); err == nil || !strings.Contains(err.Error(), path+" is in use") {
		t.Errorf("second lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = sqlite.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Lock(filepath.Join(t.TempDir(), "none", "hongbao.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("lock in no folder: %v", err)
	}
}

// TestALockIsTheFilesNotTheNames: a second server by another name is a second server.
func TestALockIsTheFilesNotTheNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "data", "hongbao.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, file := filepath.Join(dir, "folder"), filepath.Join(dir, "link.db")
	if err := errors.Join(os.Symlink("data", folder), os.Symlink(filepath.Join("data", "hongbao.db"), file)); err != nil {
		t.Fatal(err)
	}
	refused := func(name string) {
		t.Helper()
		if release, err := sqlite.Lock(name); err == nil || !strings.Contains(err.Error(), "is in use") {
			t.Errorf("a second lock by %s: %v", name, err)
			if err == nil {
				_ = release()
			}
		}
	}
	lock := func() (release func() error) {
		t.Helper()
		release, err := sqlite.Lock(path)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	release := lock() // before there is a file
	refused(filepath.Join(folder, "hongbao.db"))
	if err := release(); err != nil {
		t.Fatal(err)
	}
	create(t, path)
	defer lock()() //nolint:errcheck // the file is closed with the test
	refused(file)
	refused(filepath.Join(folder, "hongbao.db"))
}
