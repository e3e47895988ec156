package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
)

// merchantShowCmd is `hongbao merchant show`.
type merchantShowCmd struct {
	MchID string `arg:"" name:"mch-id" help:"The merchant."`
	JSON  bool   `name:"json" help:"Print JSON: amounts in fen, and of the settings only those that were set."`
	where
}

// Run shows the merchant.
func (c *merchantShowCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error { return showMerchant(p, core, c.MchID, c.JSON) })
}

// shownMerchant is a merchant with what may be told of its keys.
type shownMerchant struct {
	merchantLine
	Keys []shownKey `json:"keys"`
}

// shownKey is a key without itself.
type shownKey struct {
	ID        string       `json:"id"`
	Use       store.KeyUse `json:"use"`
	Alg       string       `json:"alg"`
	CreatedAt time.Time    `json:"created_at"`
	NotAfter  *time.Time   `json:"not_after"` // null: no end
}

// showMerchant prints a merchant.
func showMerchant(p *program, core *server.Core, mchID string, asJSON bool) error {
	var m store.Merchant
	var book ledger.Book
	var keys []store.Key
	err := core.Store.View(p.ctx, func(r store.Reader) (err error) {
		if m, err = r.Merchant(mchID); err != nil {
			return err
		}
		if book, err = r.Account(mchID); err != nil {
			return err
		}
		keys, err = r.Keys(mchID)
		return err
	})
	if err != nil {
		return unknownMerchant(err, mchID)
	}
	shown := shownMerchant{merchantLine{m.MchID, m.Name, moment(m.CreatedAt), book.Balance, book.Seq, m.Settings}, []shownKey{}}
	for _, k := range keys {
		line := shownKey{k.ID, k.Use, k.Alg, moment(k.CreatedAt), nil}
		if k.NotAfter != 0 {
			end := moment(k.NotAfter)
			line.NotAfter = &end
		}
		shown.Keys = append(shown.Keys, line)
	}
	if asJSON {
		return p.json(shown)
	}
	return shown.print(p, core)
}

// print prints a merchant for people: every setting under the name it is stored by,
// with what it comes to.
func (m *shownMerchant) print(p *program, core *server.Core) error {
	s, l := &m.Settings, engine.LimitsOf(&m.Settings)
	cfg := core.Config
	number := func(n int) string { return noLimit(n, strconv.Itoa(n)) }
	yuan := func(a money.Fen) string { return noLimit(a, a.String()) }
	rows := [][]string{
		{"mch_id", m.MchID},
		{"name", m.Name},
		{"created_at", clock(m.CreatedAt.UnixMilli())},
		{"balance", m.Balance.String()},
		{"app_ids", strings.Join(s.AppIDs, ",")},
		{"sub_mch_ids", orDefault(s.SubMchIDs, "any")},
		{"providers", orDefault(s.Providers, strings.Join(cfg.Packets.Providers, ","))},
		{"life_hours", told(s.LifeHours, strconv.Itoa(s.LifeHours), cfg.Packets.Life.Std().String())},
		{"send_closed", yesNo(s.SendClosed)},
		{"night_ban", yesNo(s.NightBan)},
		{"sources", orDefault(s.Sources, "any")},
		{"cert_policy", told(s.CertPolicy, string(s.CertPolicy), string(v2.Policy(s, core.Environment())))},
		{"cert_sha256", strings.Join(s.CertSHA256, ",")},
		{"hmac_only", yesNo(s.HMACOnly)},
		{"strict", yesNo(s.Strict)},
		{"err_code_0", yesNo(s.ErrCodeZero)},
		{"average_min", told(s.AverageMin, s.AverageMin.String(), l.Average.Min.String())},
		{"average_max", told(s.AverageMax, s.AverageMax.String(), l.Average.Max.String())},
		{"scenes", scenes(s.Scenes)},
		{"total_max", told(s.TotalMax, s.TotalMax.String(), l.TotalMax.String())},
		{"num_max", told(s.NumMax, strconv.Itoa(s.NumMax), strconv.Itoa(l.NumMax))},
		{"sends_per_s", told(s.SendsPerSec, number(s.SendsPerSec), number(l.SendsPerSec))},
		{"day_num", told(s.DayNum, number(s.DayNum), number(l.Quota.Num))},
		{"day_amount", told(s.DayAmount, yuan(s.DayAmount), yuan(l.Quota.Amount))},
		{"seed_day_num", told(s.SeedDayNum, number(s.SeedDayNum), number(l.Quota.SeedNum))},
		{"seed_day_amount", told(s.SeedDayAmount, yuan(s.SeedDayAmount), yuan(l.Quota.SeedAmount))},
		{"unlimited", yesNo(s.Unlimited)},
	}
	for _, k := range m.Keys {
		end := "no end"
		if k.NotAfter != nil {
			end = "until " + clock(k.NotAfter.UnixMilli())
		}
		rows = append(rows, []string{string(k.Use) + " key", k.ID + " (" + k.Alg + "), " + end})
	}
	return p.table(rows)
}

// told is a setting, or what holds without it.
func told[T comparable](set T, text, usual string) string {
	var zero T
	if set == zero {
		return usual + " (default)"
	}
	return text
}

func orDefault(list []string, usual string) string {
	return told(len(list), strings.Join(list, ","), usual)
}

func noLimit[N ~int | ~int64](n N, text string) string {
	if n <= 0 {
		return "no limit"
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func scenes(all map[string]store.Bounds) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		texts = append(texts, name+"="+all[name].Min.String()+"-"+all[name].Max.String())
	}
	return strings.Join(texts, ",")
}
