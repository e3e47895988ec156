package audit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
)

func TestSettingsThatNoMerchantCanHave(t *testing.T) {
	t.Parallel()
	scene := func(name string, low, high money.Fen) store.Settings {
		return store.Settings{Scenes: map[string]store.Bounds{name: {Min: low, Max: high}}}
	}
	for _, s := range []store.Settings{
		{LifeHours: -1},
		{LifeHours: 73},
		{Sources: []string{"192.0.2.1/24"}},
		{Sources: []string{"192.0.2.0/24", "anywhere"}},
		{CertPolicy: "some"},
		{CertSHA256: []string{"ab"}},
		{AverageMin: -1},
		{AverageMax: -1},
		{AverageMin: 20_001},
		{AverageMin: 500, AverageMax: 400},
		{AverageMax: split.TotalMax + 1},
		scene("PRODUCT_9", 1, 2),
		scene("PRODUCT_1", 0, 2),
		scene("PRODUCT_1", 3, 2),
		{TotalMax: -1},
		{TotalMax: split.TotalMax + 1},
		{NumMax: -1},
		{NumMax: 2},
		{NumMax: split.NumMax + 1},
		{SendsPerSec: -2},
		{DayNum: -2},
		{DayAmount: -2},
		{SeedDayNum: -2},
		{SeedDayAmount: -2},
	} {
		if diff := cmp.Diff([]string{"merchant-settings merchants mch_id=42"}, settingsFound(t, s)); diff != "" {
			t.Errorf("%+v: found (-want +got):\n%s", s, diff)
		}
	}
}

func TestSettingsThatAMerchantCanHave(t *testing.T) {
	t.Parallel()
	for _, s := range []store.Settings{
		{},
		{Unlimited: true, LifeHours: 72, Sources: []string{"192.0.2.0/24", "2001:db8::/32"}, Providers: []string{"sandbox", "ticket"}},
		{CertPolicy: store.CertCA, CertSHA256: []string{strings.Repeat("0a", 32)}},
		{AverageMin: 30, AverageMax: 50_000, TotalMax: split.TotalMax, NumMax: split.NumMax},
		{AverageMin: 20_000, NumMax: 3, Scenes: map[string]store.Bounds{"PRODUCT_1": {Min: 1, Max: 1}, "PRODUCT_8": {Min: 1, Max: split.TotalMax}}},
		{SendsPerSec: -1, DayNum: -1, DayAmount: -1, SeedDayNum: -1, SeedDayAmount: -1},
	} {
		if found := settingsFound(t, s); len(found) > 0 {
			t.Errorf("%+v: found %q", s, found)
		}
	}
}

// settingsFound audits a database in which there is one merchant, with settings that
// nobody has looked at.
func settingsFound(t *testing.T, s store.Settings) []string {
	t.Helper()
	m := storetest.NewMemory()
	err := m.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)),
			tx.InsertSetting(store.SettingFingerprint, keys.Fingerprint()),
			tx.InsertMerchant(store.Merchant{MchID: "42", Settings: s}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Run(t.Context(), m, keys, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rows(r)
}
