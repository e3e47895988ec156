package postgres_test

import (
	"testing"

	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return create(t, pgtest.Schema(t))
	})
}

func options() postgres.Options {
	return postgres.Options{Distribution: postgres.Distribution(pgtest.Distribution()), Volatile: true}
}

// create makes the tables in an empty schema for the length of a test.
func create(t testing.TB, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Create(t.Context(), dsn, options())
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	return s
}

func closeAfter(t testing.TB, s *postgres.Store) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}
