package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	usual := engine.Limits{
		Average: store.Bounds{Min: 100, Max: 20000}, TotalMax: 100_000, NumMax: 1000, SendsPerSec: 30,
		Quota: engine.Quota{Num: 10_000, Amount: 1_000_000 * money.Yuan, SeedNum: 10, SeedAmount: 1000 * money.Yuan},
	}
	free := usual
	free.SendsPerSec, free.Quota = 0, engine.Quota{}
	for name, c := range map[string]struct {
		settings store.Settings
		want     engine.Limits
	}{
		"nothing set": {store.Settings{}, usual},
		"unlimited":   {store.Settings{Unlimited: true, DayNum: 5}, free},
		"no limits":   {store.Settings{SendsPerSec: -1, DayNum: -1, DayAmount: -1, SeedDayNum: -1, SeedDayAmount: -1}, free},
		"all set": {
			store.Settings{AverageMin: 1, AverageMax: 2, TotalMax: 3, NumMax: 4, SendsPerSec: 5, DayNum: 6, DayAmount: 7, SeedDayNum: 8, SeedDayAmount: 9},
			engine.Limits{Average: store.Bounds{Min: 1, Max: 2}, TotalMax: 3, NumMax: 4, SendsPerSec: 5, Quota: engine.Quota{Num: 6, Amount: 7, SeedNum: 8, SeedAmount: 9}},
		},
	} {
		if diff := cmp.Diff(c.want, engine.LimitsOf(&c.settings)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestSettingsThatDoNotHold are refused by name when they are set, and then nothing
// is.
func TestSettingsThatDoNotHold(t *testing.T) {
	t.Parallel()
	many := func(n int, text string) []string { return strings.Fields(strings.Repeat(text+" ", n)) }
	sum := strings.Repeat("0f", 32)
	scene := func(name string, low, high money.Fen) map[string]store.Bounds {
		return map[string]store.Bounds{name: {Min: low, Max: high}}
	}
	r := setup(t, nil)
	for _, c := range []struct {
		field string
		bad   store.Settings
	}{
		{"app_ids", store.Settings{AppIDs: []string{"wx 1"}}},
		{"app_ids", store.Settings{AppIDs: []string{""}}},
		{"app_ids", store.Settings{AppIDs: []string{strings.Repeat("x", 33)}}},
		{"app_ids", store.Settings{AppIDs: many(101, "wx")}},
		{"sub_mch_ids", store.Settings{SubMchIDs: []string{"1a"}}},
		{"sub_mch_ids", store.Settings{SubMchIDs: []string{""}}},
		{"life_hours", store.Settings{LifeHours: 73}},
		{"life_hours", store.Settings{LifeHours: -1}},
		{"sources", store.Settings{Sources: []string{"10.0.0.1"}}},
		{"sources", store.Settings{Sources: []string{"10.0.0.1/8"}}},
		{"sources", store.Settings{Sources: many(101, "10.0.0.0/8")}},
		{"cert_policy", store.Settings{CertPolicy: "lax"}},
		{"cert_sha256", store.Settings{CertSHA256: []string{sum[:62]}}},
		{"cert_sha256", store.Settings{CertSHA256: []string{strings.ToUpper(sum)}}},
		{"cert_sha256", store.Settings{CertSHA256: many(17, sum)}},
		{"average_min", store.Settings{AverageMin: -1}},
		{"average_min", store.Settings{AverageMin: 20001}},
		{"average_min", store.Settings{AverageMin: 5, AverageMax: 4}},
		{"average_max", store.Settings{AverageMax: -1}},
		{"scenes", store.Settings{Scenes: scene("PRODUCT_9", 1, 2)}},
		{"scenes", store.Settings{Scenes: scene("PRODUCT_", 1, 2)}},
		{"scenes", store.Settings{Scenes: scene("PRODUCT_1", 0, 2)}},
		{"scenes", store.Settings{Scenes: scene("PRODUCT_1", 3, 2)}},
		{"total_max", store.Settings{TotalMax: -1}},
		{"total_max", store.Settings{TotalMax: 1_000_000_000_001}},
		{"num_max", store.Settings{NumMax: 2}},
		{"num_max", store.Settings{NumMax: 1001}},
		{"sends_per_s", store.Settings{SendsPerSec: -2}},
		{"sends_per_s", store.Settings{SendsPerSec: 10_001}},
		{"day_num", store.Settings{DayNum: -2}},
		{"day_amount", store.Settings{DayAmount: -2}},
		{"seed_day_num", store.Settings{SeedDayNum: 100_000_001}},
		{"seed_day_amount", store.Settings{SeedDayAmount: engine.BalanceMax + 1}},
	} {
		_, changed := r.ChangeMerchant(t.Context(), mchID, func(m *store.Merchant) error { m.Settings = c.bad; return nil })
		added := r.AddMerchant(t.Context(), store.Merchant{MchID: "10000099", Settings: c.bad})
		for _, err := range []error{changed, added} {
			if fault.CodeOf(err) != fault.Invalid || fault.FieldOf(err) != c.field || fault.DetailOf(err) == "" {
				t.Errorf("%+v: %v, want %s", c.bad, err, c.field)
			}
		}
	}
	m, err := r.Merchant(t.Context(), mchID)
	if diff := cmp.Diff(store.Settings{AppIDs: []string{appID}}, m.Settings); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	if merchants, _, err := r.Merchants(t.Context()); len(merchants) != 1 || err != nil {
		t.Errorf("%d merchants, %v", len(merchants), err)
	}
}

func TestProductionHasNoSandboxProvider(t *testing.T) {
	t.Parallel()
	for env, want := range map[packet.Environment]fault.Code{packet.Sandbox: fault.OK, packet.Production: fault.Invalid} {
		r := setup(t, func(c *engine.Config) { c.Environment = env })
		m := store.Merchant{MchID: "1", Settings: store.Settings{Providers: []string{"ticket", "sandbox"}}}
		if err := r.AddMerchant(t.Context(), m); fault.CodeOf(err) != want {
			t.Errorf("%s: %v", env, err)
		}
	}
}

// TestChangesOfAMerchantDoNotUndoEachOther.
func TestChangesOfAMerchantDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	r := setup(t, func(c *engine.Config) { c.Store = again{c.Store} })
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			_, err := r.ChangeMerchant(t.Context(), mchID, func(m *store.Merchant) error {
				m.Settings.AppIDs = append(m.Settings.AppIDs, fmt.Sprint("wx", i))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	m, err := r.Merchant(t.Context(), mchID)
	if err != nil || len(m.Settings.AppIDs) != 21 {
		t.Errorf("%d appids, %v", len(m.Settings.AppIDs), err)
	}
	no := errors.New("no")
	if _, err := r.ChangeMerchant(t.Context(), mchID, func(m *store.Merchant) error { m.Name = "x"; return no }); !errors.Is(err, no) {
		t.Errorf("a change that refuses: %v", err)
	}
	if _, err := r.ChangeMerchant(t.Context(), "1", func(*store.Merchant) error { return nil }); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("nobody: %v", err)
	}
	changed, err := r.ChangeMerchant(t.Context(), mchID, func(m *store.Merchant) error { m.Settings.LifeHours = 3; return nil })
	if m, _ = r.Merchant(t.Context(), mchID); err != nil || changed.Settings.LifeHours != 3 || m.Settings.LifeHours != 3 || m.Name != "" {
		t.Errorf("%+v, %+v, %v", changed, m.Merchant, err)
	}
}
