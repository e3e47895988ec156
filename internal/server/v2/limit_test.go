package v2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/wire"
)

// another is a receiver beside the seed of every request here.
var another = set("re_openid", "another")

// billed is a group request under a number of its own, of 10.00 yuan in 3 shares.
func billed(n int, changes ...func(*wire.Document)) wire.Document {
	return group(both(append(changes, set("mch_billno", fmt.Sprint("b", n)))...))
}

// sendOne posts a normal packet.
func (r *rig) sendOne(doc wire.Document) wire.Answer {
	r.t.Helper()
	_, a, _ := r.post(wire.SendRedPack.Path(), signed(r.t, doc, keyNow, wire.MD5))
	return a
}

// hears checks an answer's err_code and text, and that it is signed.
func (r *rig) hears(a wire.Answer, code, says string) {
	r.t.Helper()
	if a.Value("err_code") != code || !strings.Contains(a.Value("err_code_des"), says) {
		r.t.Errorf("%v, want %s with %q", a, code, says)
	}
	if err := wire.VerifyAnswer(a, key(r.t, keyNow)); err != nil {
		r.t.Error(err)
	}
}

// TestQuotasOfTheDay sends two packets to one receiver, and then the one that is too
// much: today it is refused, tomorrow it goes through under the same number. What
// two quotas refuse is answered in the documented order.
func TestQuotasOfTheDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings   store.Settings
		code, says string
	}{
		"group packets":            {store.Settings{DayNum: 2}, "DAY_OVER_LIMITED", "企业红包的按天日发放受限"},
		"packets to one":           {store.Settings{SeedDayNum: 2}, "SENDNUM_LIMIT", "该用户今日领取红包个数超过限制"},
		"amount to one":            {store.Settings{SeedDayAmount: 3*334 - 1}, "RCVDAMOUNT_LIMIT", "该用户今日领取金额超过限制"},
		"amount to all":            {store.Settings{DayAmount: 2999}, "SENDAMOUNT_LIMIT", "您的商户号今日发放金额超过限制"},
		"the merchant's count 1st": {store.Settings{DayNum: 2, SeedDayNum: 2, SeedDayAmount: 700, DayAmount: 2000}, "DAY_OVER_LIMITED", ""},
		"the receiver's count 2nd": {store.Settings{SeedDayNum: 2, SeedDayAmount: 700, DayAmount: 2000}, "SENDNUM_LIMIT", ""},
		"the receiver's sum 3rd":   {store.Settings{SeedDayAmount: 700, DayAmount: 2000}, "RCVDAMOUNT_LIMIT", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, packet.Sandbox, c.settings, nil)
			r.hears(r.send(billed(1)), "SUCCESS", "")
			r.hears(r.send(billed(2)), "SUCCESS", "")
			r.hears(r.send(billed(3)), c.code, c.says)
			r.hears(r.send(billed(1)), "SUCCESS", "") // a repeat is no packet more
			r.now = time.Date(2026, 11, 24, 23, 59, 59, 0, packet.Beijing)
			r.hears(r.send(billed(3)), c.code, c.says)
			r.now = time.Date(2026, 11, 25, 0, 0, 0, 0, packet.Beijing)
			r.hears(r.send(billed(3)), "SUCCESS", "")
		})
	}
}

// TestWhatQuotasCount: the merchant's count is of groups alone, its amount of both
// calls; a receiver's quota is that receiver's, and of a group only a share.
func TestWhatQuotasCount(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{DayNum: 1, DayAmount: 3000}, nil)
	r.hears(r.sendOne(normal(set("mch_billno", "n1"))), "SUCCESS", "")
	r.hears(r.send(billed(1)), "SUCCESS", "")
	r.hears(r.send(billed(2, another)), "DAY_OVER_LIMITED", "")
	r.hears(r.sendOne(normal(set("mch_billno", "n2"))), "SUCCESS", "")
	r.hears(r.sendOne(normal(both(set("mch_billno", "n3"), set("total_amount", "100")))), "SENDAMOUNT_LIMIT", "")

	r = setup(t, packet.Sandbox, store.Settings{SeedDayAmount: 1334}, nil)
	r.hears(r.send(billed(1)), "SUCCESS", "")
	r.hears(r.sendOne(normal(set("mch_billno", "n1"))), "SUCCESS", "")
	r.hears(r.sendOne(normal(both(set("mch_billno", "n2"), set("total_amount", "100")))), "RCVDAMOUNT_LIMIT", "")
	r.hears(r.send(billed(2, another)), "SUCCESS", "")
}

// TestUsualQuotas are those of a merchant without settings: ten packets a day to one
// receiver; and none if it is unlimited.
func TestUsualQuotas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings store.Settings
		last     string
	}{
		"no settings": {store.Settings{}, "SENDNUM_LIMIT"}, "unlimited": {store.Settings{Unlimited: true, DayNum: 1}, "SUCCESS"},
		"more": {store.Settings{SeedDayNum: 11}, "SUCCESS"}, "as many as they like": {store.Settings{SeedDayNum: -1}, "SUCCESS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, packet.Sandbox, c.settings, nil)
			for i := range 10 {
				r.hears(r.send(billed(i)), "SUCCESS", "")
			}
			r.hears(r.send(billed(10)), c.last, "")
		})
	}
}

// TestQuotasComeBeforeFunds, and what is refused for want of funds is not counted.
func TestQuotasComeBeforeFunds(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{SeedDayNum: 1, TotalMax: 200_000_000, AverageMax: 200_000_000, SeedDayAmount: -1, DayAmount: -1}, nil)
	dear := set("total_amount", "200000000")
	r.hears(r.sendOne(normal(both(set("mch_billno", "n"), dear))), "MONEY_LIMIT", "红包金额超出限制 [total_amount") // the channel pays no such share
	large := both(set("total_amount", "10000"), set("total_num", "100"))
	_, err := r.engine.Withdraw(t.Context(), mchID, 99_990_001, "w")
	must(t, err)
	r.hears(r.send(billed(1, large)), "NOTENOUGH", "")
	r.hears(r.send(billed(2)), "SUCCESS", "")
	r.hears(r.send(billed(3, large)), "SENDNUM_LIMIT", "")
}

func TestSharesOfAPacket(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{NumMax: 4}, nil)
	r.hears(r.send(billed(1, set("total_num", "4"))), "SUCCESS", "")
	r.hears(r.send(billed(2, set("total_num", "5"))), "PARAM_ERROR", `total_num不能大于4 [total_num: "5"]`)
}

func TestNightBan(t *testing.T) {
	t.Parallel()
	for _, banned := range []bool{true, false} {
		r := setup(t, packet.Sandbox, store.Settings{NightBan: banned}, nil)
		at := func(hour, minute int) { r.now = time.Date(2026, 11, 25, hour, minute, 0, 0, packet.Beijing) }
		night := map[bool]string{true: "TIME_LIMITED", false: "SUCCESS"}[banned]
		at(0, 0)
		r.hears(r.send(billed(1)), night, "")
		at(7, 59)
		r.hears(r.send(billed(1)), night, "")
		r.hears(r.sendOne(normal(set("mch_billno", "n"))), night, "")
		at(8, 0)
		r.hears(r.send(billed(1)), "SUCCESS", "")
		at(23, 59)
		r.hears(r.send(billed(2)), "SUCCESS", "")
		r.now = r.now.Add(2 * time.Minute)
		r.hears(r.send(billed(1)), "SUCCESS", "") // a repeat is answered at any hour
	}
}

// TestRatesByCall: the rate of a merchant has a name of its own for groups.
func TestRatesByCall(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{SendsPerSec: 1}, nil)
	for i, want := range []string{"SUCCESS", "SUCCESS", "FREQ_LIMIT"} {
		r.hears(r.sendOne(normal(set("mch_billno", fmt.Sprint("n", i)))), want, "")
	}
	for i, want := range []string{"SUCCESS", "SUCCESS", "SECOND_OVER_LIMITED"} {
		r.hears(r.send(billed(i)), want, "")
	}
	ask := func() string {
		_, a, _ := r.post(wire.GetHBInfo.Path(), signed(t, query(set("mch_billno", "b0")), keyNow, wire.MD5))
		return a.Value("err_code")
	}
	if got := ask() + " " + ask() + " " + ask(); got != "SUCCESS SUCCESS FREQ_LIMIT" {
		t.Errorf("queries: %s", got)
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	from := "192.0.2.7"
	r := setup(t, packet.Sandbox, store.Settings{Sources: []string{"192.0.2.0/24", "2001:db8::/32"}}, func(c *v2.Config) {
		c.Address = func(*http.Request) string { return from }
	})
	r.hears(r.send(billed(1)), "SUCCESS", "")
	for i, good := range []string{"2001:db8::1", "::ffff:192.0.2.255"} {
		from = good
		r.hears(r.send(billed(2+i)), "SUCCESS", "")
	}
	for _, bad := range []string{"192.0.3.1", "2001:db9::1", "", "pipe"} {
		from = bad
		r.hears(r.send(billed(9)), "NO_AUTH", "没有权限")
		r.hears(r.sendOne(normal(set("mch_billno", "n"))), "NO_AUTH", "没有权限")
		r.hears(r.send(billed(1)), "SUCCESS", "") // what is on record is told to whoever can sign
		_, a, _ := r.post(wire.GetHBInfo.Path(), signed(t, query(set("mch_billno", "b1")), keyNow, wire.MD5))
		if a.Value("err_code") != "NO_AUTH" || a.Value("err_code_des") != "没有权限" {
			t.Errorf("%q asks: %v", bad, a)
		}
	}
	r.hears(r.send(billed(9, set("send_name", ""))), "NO_AUTH", "") // before the fields
}

// TestServiceProviders: whom a provider may send for is looked at once it is set.
func TestServiceProviders(t *testing.T) {
	t.Parallel()
	sub := set("sub_mch_id", "10000099")
	for name, c := range map[string]struct {
		subMchIDs  []string
		change     func(*wire.Document)
		code, says string
	}{
		"nothing is set":       {nil, both(sub, set("msgappid", "wx1")), "SUCCESS", ""},
		"for itself":           {[]string{"10000099"}, nil, "SUCCESS", ""},
		"for one of its own":   {[]string{"10000099"}, both(sub, set("msgappid", "wx8888888888888888")), "SUCCESS", ""},
		"for somebody else":    {[]string{"1"}, both(sub, set("msgappid", "wx8888888888888888")), "ACCEPTMODE_ERROR", "主、子商户号关系校验失败"},
		"delivered by nobody":  {[]string{"10000099"}, sub, "MSGAPPID_ERROR", "触达消息给用户appid有误"},
		"delivered by another": {[]string{"10000099"}, both(sub, set("msgappid", "wx1")), "MSGAPPID_ERROR", ""},
		"before the amounts":   {[]string{"1"}, both(sub, set("total_amount", "1")), "ACCEPTMODE_ERROR", ""},
		"after the appid":      {[]string{"1"}, both(sub, set("wxappid", "wx1")), "PARAM_ERROR", "wxappid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, packet.Sandbox, store.Settings{SubMchIDs: c.subMchIDs}, nil)
			change := c.change
			if change == nil {
				change = func(*wire.Document) {}
			}
			r.hears(r.send(billed(1, change)), c.code, c.says)
		})
	}
}

// TestScenes: a scene has bounds of its own where the merchant has set some.
func TestScenes(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{Scenes: map[string]store.Bounds{"PRODUCT_2": {Min: 30, Max: 500}, "PRODUCT_5": {Min: 20000, Max: 40000}}}, nil)
	with := func(scene, total string) func(*wire.Document) {
		return both(set("scene_id", scene), set("total_amount", total))
	}
	for i, c := range []struct {
		scene, total, code, says string
	}{
		{"", "90", "MONEY_LIMIT", "1.00元到200.00元"},
		{"PRODUCT_1", "90", "MONEY_LIMIT", "1.00元到200.00元"},
		{"PRODUCT_2", "90", "SUCCESS", ""},
		{"PRODUCT_2", "89", "MONEY_LIMIT", "0.30元到5.00元"},
		{"PRODUCT_2", "1500", "SUCCESS", ""},
		{"PRODUCT_2", "1501", "MONEY_LIMIT", "0.30元到5.00元"},
		{"PRODUCT_5", "60000", "SUCCESS", ""},
		{"PRODUCT_5", "60001", "MONEY_LIMIT", "红包金额超出限制"}, // more than the channel pays in one share
		{"PRODUCT_9", "1000", "PARAM_ERROR", "scene_id错误"},
	} {
		r.hears(r.send(billed(i, with(c.scene, c.total))), c.code, c.says)
	}
	one := func(scene, total string) func(*wire.Document) {
		return both(with(scene, total), set("mch_billno", "n"+total))
	}
	r.hears(r.sendOne(normal(one("", "30"))), "MONEY_LIMIT", "")
	r.hears(r.sendOne(normal(one("PRODUCT_2", "30"))), "SUCCESS", "")
}

// TestStrictLengths: by the letter of the original host, a text is shorter than n
// bytes; 13 characters of Chinese are too many for 32.
func TestStrictLengths(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		name, value, says string
	}{
		{"send_name", strings.Repeat("店", 10) + "a", ""},
		{"send_name", strings.Repeat("店", 11), "send_name: 33字节"},
		{"send_name", strings.Repeat("a", 31), ""},
		{"send_name", strings.Repeat("a", 32), "send_name: 32"},
		{"send_name", "好🎉", "send_name: 有4字节的字符"},
		{"act_name", strings.Repeat("节", 11), "act_name: 33字节"},
		{"wishing", strings.Repeat("福", 42), ""},
		{"wishing", strings.Repeat("福", 43), "wishing: 129字节"},
		{"wishing", "🧧", "wishing: 有4字节的字符"},
		{"remark", strings.Repeat("备", 85), ""},
		{"remark", strings.Repeat("备", 85) + "a", "remark: 256字节"},
		{"risk_info", strings.Repeat("a", 127), ""},
		{"risk_info", strings.Repeat("a", 128), "risk_info: 128"},
	} {
		strict, lax := setup(t, packet.Sandbox, store.Settings{Strict: true}, nil), setup(t, packet.Sandbox, store.Settings{}, nil)
		short := both(set("send_name", "a"), set("wishing", "b"), set("act_name", "c"), set("remark", "d"), set(c.name, c.value))
		code := "SUCCESS"
		if c.says != "" {
			code = "PARAM_ERROR"
		}
		strict.hears(strict.send(billed(i, short)), code, c.says)
		lax.hears(lax.send(billed(i, short)), "SUCCESS", "")
	}
}

// TestProcessing: a send whose outcome does not come in time goes on, and its number
// tells what became of it.
func TestProcessing(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, func(c *v2.Config) { c.Wait = 200 * time.Millisecond })
	busy, free, written := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { // somebody else writes to the merchant's book, and takes his time
		written <- r.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.LockAccounts([]string{mchID})
			close(busy)
			<-free
			return err
		})
	}()
	<-busy
	for range 2 { // the second asks while the first is being decided
		r.hears(r.send(group(nil)), "PROCESSING", "请求已受理，请稍后使用原单号查询发放结果")
	}
	close(free)
	must(t, <-written)
	_, err := r.engine.Fund(t.Context(), mchID, 1, "behind")
	must(t, err)
	first := r.send(group(nil))
	r.hears(first, "SUCCESS", "")
	book, _, err := r.engine.Statement(t.Context(), mchID, 0, 1)
	if err != nil || book.Seq != 3 {
		t.Errorf("%d entries, want two fundings and one packet: %v", book.Seq, err)
	}
}
