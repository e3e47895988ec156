package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store/sqlite"
)

// openReadOnly opens a database for the length of a test.
func openReadOnly(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenReadOnly(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	return s
}

// crashed copies a database that is open, with all that is committed in its log only,
// as a machine that stopped would leave it.
func crashed(t *testing.T) (path string) {
	t.Helper()
	from, path := filepath.Join(t.TempDir(), "hongbao.db"), filepath.Join(t.TempDir(), "hongbao.db")
	s := create(t, from)
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		if err := os.WriteFile(path+suffix, content(t, from+suffix), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func content(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadingOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	path := crashed(t)
	file, log := string(content(t, path)), string(content(t, path+"-wal"))
	s := openReadOnly(t, path)
	if v := value(t, s, "n"); v != "v" {
		t.Errorf("setting %q, want what was committed in the log", v)
	}
	if err := s.Update(t.Context(), set("m", "v")); fault.CodeOf(err) != fault.Internal || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("update: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if string(content(t, path)) != file || string(content(t, path+"-wal")) != log {
		t.Error("the file or its log was changed")
	}
}

func TestReadingOnlyBesideAWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	server := create(t, path)
	reader := openReadOnly(t, path)
	for _, name := range []string{"a", "b"} {
		if err := server.Update(t.Context(), set(name, "v")); err != nil {
			t.Fatal(err)
		}
		if v := value(t, reader, name); v != "v" {
			t.Errorf("setting %s is %q to the reader", name, v)
		}
	}
	if err := reader.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := server.Update(t.Context(), set("c", "v")); err != nil {
		t.Errorf("after the reader has gone: %v", err)
	}
}

func TestReadingOnlyAfterACleanStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	server := create(t, path)
	if err := errors.Join(server.Update(t.Context(), set("n", "v")), server.Close()); err != nil {
		t.Fatal(err)
	}
	before := string(content(t, path))
	reader := openReadOnly(t, path)
	if v := value(t, reader, "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
	if err := reader.Close(); err != nil || string(content(t, path)) != before {
		t.Errorf("the file was changed, or did not close: %v", err)
	}
	again, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatalf("open after reading: %v", err)
	}
	closeAfter(t, again)
	if v := value(t, again, "n"); v != "v" {
		t.Errorf("setting %q after reading", v)
	}
}

func TestReadingOnlyRefusesTablesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, want string }{
		"newer": {"INSERT INTO migrations (version_id, is_applied) VALUES (999, 1)", "version 999"},
		"older": {"DELETE FROM migrations WHERE version_id = (SELECT max(version_id) FROM migrations)", "start the server once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "hongbao.db")
			create(t, path)
			db := raw(t, path)
			if _, err := db.ExecContext(t.Context(), c.change); err != nil {
				t.Fatal(err)
			}
			had := column(t, db, "SELECT count(*) FROM migrations")
			s, err := sqlite.OpenReadOnly(t.Context(), path, sqlite.Options{})
			if err == nil {
				closeAfter(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("open: %v", err)
			}
			if has := column(t, db, "SELECT count(*) FROM migrations"); has[0] != had[0] {
				t.Errorf("%s migrations, there were %s", has, had)
			}
		})
	}
}

func TestReadingOnlyMakesNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(dir, "none.db"), sqlite.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of no file: %v", err)
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.OpenReadOnly(t.Context(), empty, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "not a hongbao database") {
		t.Errorf("open of an empty file: %v", err)
	}
	if got := content(t, empty); len(got) != 0 {
		t.Errorf("an empty file has %d bytes now", len(got))
	}
}
