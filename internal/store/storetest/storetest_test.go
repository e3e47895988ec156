package storetest_test

import (
	"reflect"
	"testing"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
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

// TestMemorySharesNothing: a copy of a row that shared a slice or a map with what is
// stored would let a caller change it.
func TestMemorySharesNothing(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]func() string{
		"setting": copied[string], "merchant": copied[store.Merchant], "key": copied[store.Key],
		"account": copied[ledger.Book], "account entry": copied[ledger.Entry], "bill": copied[store.Bill], "day sum": copied[store.DaySum],
		"packet": copied[store.Packet], "claim": copied[packet.Claim], "entry": copied[packet.Entry],
		"follower": copied[store.Follower], "payout": copied[store.Payout], "payout event": copied[store.PayoutEvent], "ticket": copied[int64],
	} {
		if path := shared(); path != "" {
			t.Errorf("%s: the copy shares %s", name, path)
		}
	}
}

// copied fills every slice and map of a row, copies the row, and names the first one
// that row and copy share.
func copied[T any]() string {
	var row T
	fill(reflect.ValueOf(&row).Elem())
	own := storetest.Own(row)
	return shared(reflect.ValueOf(&row).Elem(), reflect.ValueOf(&own).Elem(), "")
}

func fill(v reflect.Value) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	}
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	}
}

func shared(row, own reflect.Value, path string) string {
	if row.Kind() == reflect.Struct {
		for i := range row.NumField() {
			if s := shared(row.Field(i), own.Field(i), path+"."+row.Type().Field(i).Name); s != "" {
				return s
			}
		}
	}
	points := row.Kind() == reflect.Slice || row.Kind() == reflect.Map || row.Kind() == reflect.Pointer
	if points && row.UnsafePointer() == own.UnsafePointer() {
		return path
	}
	return ""
}
