package audit

import (
	"encoding/hex"
	"net/netip"
	"slices"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
)

// The bounds of the average share where a merchant has none of its own.
const (
	averageMin = 1 * money.Yuan
	averageMax = 200 * money.Yuan
)

// merchantSettings refuses settings that no operator was ever let set, and under
// which a limit would be none, or nothing could be sent.
func merchantSettings(c *account) *wrong {
	s := &c.settings
	average := store.Bounds{Min: averageMin, Max: averageMax}
	if s.AverageMin != 0 {
		average.Min = s.AverageMin
	}
	if s.AverageMax != 0 {
		average.Max = s.AverageMax
	}
	for _, rule := range []struct {
		name  string
		holds bool
	}{
		{"providers", c.environment == packet.Sandbox || !slices.Contains(s.Providers, "sandbox")},
		{"life_hours", s.LifeHours >= 0 && s.LifeHours <= 72},
		{"sources", all(s.Sources, isNetwork)},
		{"cert_policy", slices.Contains([]store.CertPolicy{"", store.CertOff, store.CertPinned, store.CertCA}, s.CertPolicy)},
		{"cert_sha256", all(s.CertSHA256, isSHA256)},
		{"average_min or average_max", s.AverageMin >= 0 && s.AverageMax >= 0 && feasible(average)},
		{"scenes", scenesFeasible(s.Scenes)},
		{"total_max", s.TotalMax >= 0 && s.TotalMax <= split.TotalMax},
		{"num_max", s.NumMax == 0 || s.NumMax >= 3 && s.NumMax <= split.NumMax},
		{"sends_per_s", s.SendsPerSec >= -1},
		{"day_num", s.DayNum >= -1},
		{"day_amount", s.DayAmount >= -1},
		{"seed_day_num", s.SeedDayNum >= -1},
		{"seed_day_amount", s.SeedDayAmount >= -1},
	} {
		if !rule.holds {
			return wrongf("merchants mch_id="+c.mchID, "its settings have no such %s", rule.name)
		}
	}
	return nil
}

func all(values []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !ok(v) })
}

func isNetwork(s string) bool {
	p, err := netip.ParsePrefix(s)
	return err == nil && p == p.Masked()
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

// feasible says whether an average share can be within bounds.
func feasible(b store.Bounds) bool { return b.Min > 0 && b.Min <= b.Max && b.Max <= split.TotalMax }

func scenesFeasible(scenes map[string]store.Bounds) bool {
	for name, b := range scenes {
		if !slices.Contains(sceneNames, name) || !feasible(b) {
			return false
		}
	}
	return true
}
