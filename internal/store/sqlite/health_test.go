package sqlite_test

import (
	"errors"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"hongbao.example/hongbao/internal/store"
)

func TestHealthAsksADiskThatHasFailedWhetherItWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]failure{
		"full":              {instead: "ROLLBACK", code: sqlite3.SQLITE_FULL},
		"full in between":   {instead: "ROLLBACK", code: sqlite3.SQLITE_FULL, of: "INSERT INTO settings"},
		"failing":           {code: sqlite3.SQLITE_IOERR_WRITE},
		"failing the flush": {instead: "ROLLBACK", code: sqlite3.SQLITE_IOERR_FSYNC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d disk
			s, path := openOn(t, &d)
			failed := func(what string, call func() error) {
				t.Helper()
				d.next.Store(&c)
				if err := call(); !errors.Is(err, &c) || !isBusy(err) && !errors.Is(err, store.ErrUnknown) {
					t.Errorf("%s: %v, want what the disk said", what, err)
				}
			}
			failed("update", func() error { return s.Update(t.Context(), set("n", "v")) })
			failed("health", func() error { return s.Health(t.Context()) })
			failed("health again", func() error { return s.Health(t.Context()) })
			if err := s.Health(t.Context()); err != nil {
				t.Errorf("health of a disk that writes again: %v", err)
			}
			if got := column(t, raw(t, path), "SELECT name FROM settings"); len(got) > 0 {
				t.Errorf("health has left %q", got)
			}
			log := string(content(t, path+"-wal"))
			if err := s.Health(t.Context()); err != nil || string(content(t, path+"-wal")) != log {
				t.Errorf("health writes, though the disk is well: %v", err)
			}
		})
	}
}

// TestHealthAsksAgainUntilItHasSeenTheDiskWrite: that the writer could not be had says
// nothing of the disk.
func TestHealthAsksAgainUntilItHasSeenTheDiskWrite(t *testing.T) {
	t.Parallel()
	var d disk
	s, path := openOn(t, &d)
	d.next.Store(&failure{code: sqlite3.SQLITE_FULL})
	if err := s.Update(t.Context(), set("n", "v")); !isBusy(err) {
		t.Fatalf("update: %v", err)
	}
	other := raw(t, path)
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := s.Health(t.Context()); !isBusy(err) {
		t.Errorf("health beside another program that writes: %v, want busy", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	d.next.Store(&failure{code: sqlite3.SQLITE_FULL, of: "INSERT"})
	if err := s.Health(t.Context()); !isBusy(err) {
		t.Errorf("health of a full disk: %v, want busy", err)
	}
}

func TestHealthCopiesALogThatCommitsCannot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waiting string // what SQLite says of the log
		copies  any
		left    bool
		want    string // of the error
	}{
		"most of it was copied":        {"SELECT 0, 30000, 14000", nil, true, ""},
		"too much was not, and is now": {"SELECT 0, 30000, 13999", nil, false, ""},
		"the disk cannot write it":     {"SELECT 0, 30000, 0", &failure{code: sqlite3.SQLITE_IOERR_WRITE}, true, "hongbao.db-wal into the database"},
		"another program reads it":     {"SELECT 0, 30000, 0", blocked, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d disk
			s, path := openOn(t, &d)
			d.swaps.Store(askForCopy, c.waiting)
			d.swaps.Store(copySome, c.copies)
			if err := s.Update(t.Context(), set("n", "v")); err != nil {
				t.Fatal(err)
			}
			err := s.Health(t.Context())
			if c.want == "" && err != nil || c.want != "" && (!isBusy(err) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("health: %v, want %q", err, c.want)
			}
			if _, uncopied, err := checkpoint(t.Context(), path, "NOOP"); err != nil || uncopied > 0 != c.left {
				t.Errorf("%d pages are left to copy: %v", uncopied, err)
			}
		})
	}
}
