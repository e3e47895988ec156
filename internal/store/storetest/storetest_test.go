package storetest_test

import (
	"testing"

	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		m := storetest.NewMemory()
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
		return m
	})
}
