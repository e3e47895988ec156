package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
)

// Limits are what holds for a merchant: its settings, and the defaults where it has
// none.
type Limits struct {
	Average     store.Bounds // of a share
	TotalMax    money.Fen    // of a packet
	NumMax      int          // shares of a packet
	SendsPerSec int          // rate; 0: no limit
	Quota       Quota
}

// LimitsOf returns the limits that settings come to.
func LimitsOf(s *store.Settings) Limits {
	l := Limits{
		Average:     store.Bounds{Min: or(s.AverageMin, 1*money.Yuan), Max: or(s.AverageMax, 200*money.Yuan)},
		TotalMax:    or(s.TotalMax, 1000*money.Yuan),
		NumMax:      or(s.NumMax, split.NumMax),
		SendsPerSec: limit(s.SendsPerSec, 30),
		Quota: Quota{
			Num: limit(s.DayNum, 10_000), Amount: limit(s.DayAmount, 1_000_000*money.Yuan),
			SeedNum: limit(s.SeedDayNum, 10), SeedAmount: limit(s.SeedDayAmount, 1000*money.Yuan),
		},
	}
	if s.Unlimited {
		l.SendsPerSec, l.Quota = 0, Quota{}
	}
	return l
}

// limit is a limit as it is set: 0 means the usual one, below 0 none, which is 0
// where limits are applied.
func limit[N int | money.Fen](set, usual N) N { return max(or(set, usual), 0) }

// What bounds a merchant's settings.
const (
	appIDsMax      = 100
	subMchIDsMax   = 10_000
	sourcesMax     = 100
	certsMax       = 16
	lifeHoursMax   = 72
	sendsPerSecMax = 10_000
	dayNumMax      = 100_000_000
	numMin         = 3  // shares of a group
	idMax          = 32 // characters of an appid or mch_id
)

// checkSettings refuses settings that cannot hold, with Invalid and the name of the
// first that does not, as it is stored.
func checkSettings(env packet.Environment, s *store.Settings) error {
	l := LimitsOf(s)
	within := func(b store.Bounds) bool { return b.Min > 0 && b.Min <= b.Max && b.Max <= split.TotalMax }
	for _, rule := range []struct {
		field string
		holds bool
		says  string
	}{
		{"app_ids", each(s.AppIDs, appIDsMax, isAppID), "up to 100 of 1 to 32 letters, digits, '-' or '_'"},
		{"sub_mch_ids", each(s.SubMchIDs, subMchIDsMax, isMchID), "up to 10000 of 1 to 32 digits"},
		{"providers", env == packet.Sandbox || !slices.Contains(s.Providers, "sandbox"), "the sandbox provider does not exist in production"},
		{"life_hours", s.LifeHours >= 0 && s.LifeHours <= lifeHoursMax, "1 to 72 hours"},
		{"sources", each(s.Sources, sourcesMax, isNetwork), "up to 100 networks such as 192.0.2.0/24"},
		{"cert_policy", slices.Contains([]store.CertPolicy{"", store.CertOff, store.CertPinned, store.CertCA}, s.CertPolicy), "off, pinned or ca"},
		{"cert_sha256", each(s.CertSHA256, certsMax, isSHA256), "up to 16 of 64 hexadecimal digits in lower case"},
		{"average_max", s.AverageMax >= 0, "above 0"},
		{"average_min", s.AverageMin >= 0 && within(l.Average), "above 0, and not above average_max"},
		{"scenes", scenesHold(s.Scenes, within), "PRODUCT_1 to PRODUCT_8, each from above 0 up"},
		{"total_max", l.TotalMax > 0 && l.TotalMax <= split.TotalMax, fmt.Sprintf("up to %s yuan", split.TotalMax)},
		{"num_max", l.NumMax >= numMin && l.NumMax <= split.NumMax, fmt.Sprintf("%d to %d", numMin, split.NumMax)},
		{"sends_per_s", s.SendsPerSec >= -1 && s.SendsPerSec <= sendsPerSecMax, fmt.Sprintf("1 to %d, or -1", sendsPerSecMax)},
		{"day_num", s.DayNum >= -1 && s.DayNum <= dayNumMax, fmt.Sprintf("1 to %d, or -1", dayNumMax)},
		{"day_amount", s.DayAmount >= -1 && s.DayAmount <= BalanceMax, "above 0, or -1"},
		{"seed_day_num", s.SeedDayNum >= -1 && s.SeedDayNum <= dayNumMax, fmt.Sprintf("1 to %d, or -1", dayNumMax)},
		{"seed_day_amount", s.SeedDayAmount >= -1 && s.SeedDayAmount <= BalanceMax, "above 0, or -1"},
	} {
		if !rule.holds {
			return &fault.Error{Op: "settings", Code: fault.Invalid, Field: rule.field, Detail: rule.says}
		}
	}
	return nil
}

// each says whether there are at most so many values and all of them are ok.
func each(values []string, most int, ok func(string) bool) bool {
	return len(values) <= most && !slices.ContainsFunc(values, func(v string) bool { return !ok(v) })
}

func isAppID(s string) bool { return len(s) <= idMax && spelled(s, "-_") }

func isMchID(s string) bool {
	return s != "" && len(s) <= idMax && strings.Trim(s, "0123456789") == ""
}

func isNetwork(s string) bool {
	p, err := netip.ParsePrefix(s)
	return err == nil && p == p.Masked()
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

func scenesHold(scenes map[string]store.Bounds, within func(store.Bounds) bool) bool {
	for name, b := range scenes {
		if n, ok := strings.CutPrefix(name, "PRODUCT_"); !ok || len(n) != 1 || n < "1" || n > "8" || !within(b) {
			return false
		}
	}
	return true
}

// ChangeMerchant changes a merchant's name and settings, and returns it as it is
// then. change is given what is stored; it may be called more than once, and what it
// returns is the answer. NotFound if there is no such merchant; Invalid, with the
// setting's name as it is stored, if one does not hold. Servers take the change within
// a second.
func (e *Engine) ChangeMerchant(ctx context.Context, mchID string, change func(*store.Merchant) error) (store.Merchant, error) {
	var m store.Merchant
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) (err error) {
		// The account's lock keeps two changes from reading the same settings.
		if _, err = tx.LockAccounts([]string{mchID}); err != nil {
			return err
		}
		if m, err = tx.Merchant(mchID); err != nil {
			return err
		}
		if err = change(&m); err != nil {
			return err
		}
		if err = checkSettings(e.cfg.Environment, &m.Settings); err != nil {
			return err
		}
		return tx.UpdateMerchant(m)
	})
	e.merchants.forget(mchID)
	return m, err
}
