package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return create(t, filepath.Join(t.TempDir(), "hongbao.db"))
	})
}

// create makes a new database for the length of a test.
func create(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Create(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	return s
}

func closeAfter(t testing.TB, s *sqlite.Store) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func isBusy(err error) bool     { return errors.Is(err, fault.Busy) }
func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }
