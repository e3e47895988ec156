package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
)

func TestForms(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("1", n) }
	for name, c := range map[string]struct {
		valid     func(string) bool
		good, bad []string
	}{
		"mch_id":       {wire.ValidMchID, []string{"1", "10000098", x(32)}, []string{"", x(33), "1a", "-1", " 1", "１"}},
		"mch_billno":   {wire.ValidBillNo, []string{"1", "abcXYZ019", x(28)}, []string{"", x(29), "a-b", "a_b", "a b", "号"}},
		"wxappid":      {wire.ValidID, []string{"wx8888888888888888", "a_B-9", x(32)}, []string{"", x(33), "a.b", "a b", "é"}},
		"total_amount": {wire.ValidNumber, []string{"1", "1000", "9999999999"}, []string{"", "0", "01", "-1", "+1", "1.0", "1e3", " 1", x(11), "１"}},
		"nonce_str":    {wire.ValidNonce, []string{"!", "~", x(32), "1717171199000"}, []string{"", x(33), "a b", "a\x7F", "é", "\n"}},
		"scene_id":     {wire.ValidSceneID, []string{"PRODUCT_1", "PRODUCT_8"}, []string{"", "PRODUCT_", "PRODUCT_0", "PRODUCT_9", "PRODUCT_10", "product_1", " PRODUCT_1"}},
		"wishing": {
			func(s string) bool { return wire.ValidText(s, 3) },
			[]string{"1", " 1 ", "恭喜！", "🧧🧧🧧", "\u0085a"},
			[]string{"", "1234", " ", "\u3000", "a\nb", "a\tb", "a\x00", "a\x1F"},
		},
		"remark": {
			func(s string) bool { return wire.ValidLines(s, 3) },
			[]string{"1", "a\nb", "\tab"},
			[]string{"", "\n", "a\rb", "a\x0B", "1234"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range c.good {
				if !c.valid(s) {
					t.Errorf("%q is refused", s)
				}
			}
			for _, s := range c.bad {
				if c.valid(s) {
					t.Errorf("%q is accepted", s)
				}
			}
		})
	}
}

func TestParseRiskInfo(t *testing.T) {
	t.Parallel()
	want := wire.Document{{"posttime", "123123412"}, {"clientversion", "234134"}, {"mobile", "122344545"}, {"deviceid", "IOS"}}
	for name, c := range map[string]struct {
		value string
		want  wire.Document
	}{
		"escaped, lower case":         {"posttime%3d123123412%26clientversion%3d234134%26mobile%3d122344545%26deviceid%3dIOS", want},
		"escaped, upper case":         {"posttime%3D123123412%26clientversion%3D234134%26mobile%3D122344545%26deviceid%3DIOS", want},
		"not escaped":                 {"posttime=123123412&clientversion=234134&mobile=122344545&deviceid=IOS", want},
		"escapes inside a value":      {"deviceid%3d00%253a11%2526%26x%3d1", wire.Document{{"deviceid", "00:11&"}, {"x", "1"}}},
		"unknown names are kept":      {"imei%3d1", wire.Document{{"imei", "1"}}},
		"empty values are left out":   {"mobile%3d%26deviceid%3d1", wire.Document{{"deviceid", "1"}}},
		"the first of two stands":     {"a%3d1%26a%3d2", wire.Document{{"a", "1"}}},
		"a pair that cannot be read":  {"a=%zz&b=1&=2&c", wire.Document{{"b", "1"}}},
		"a value that cannot be read": {"%zz", nil},
		"nothing":                     {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, wire.ParseRiskInfo(c.value)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	var b strings.Builder
	for i := range 40000 {
		b.WriteString("&" + strings.Repeat("x", i%7+1) + string(rune('a'+i%26)) + "=1")
	}
	if n := len(wire.ParseRiskInfo(b.String())); n > 64 {
		t.Errorf("%d pairs, want at most 64", n)
	}
}

func TestRiskInfo(t *testing.T) {
	t.Parallel()
	info := wire.Document{{"posttime", "123123412"}, {"clientversion", "234134"}, {"empty", ""}, {"mobile", "122344545"}, {"deviceid", "IOS"}}
	if got, want := wire.RiskInfo(info), "posttime%3d123123412%26clientversion%3d234134%26mobile%3d122344545%26deviceid%3dIOS"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, value := range []string{"00:1B:44", "a&b=c", "100%", "+86 1", "~._-", "设备", "%3d", "a=b"} {
		want := wire.Document{{"deviceid", value}, {"mobile", "1"}}
		if diff := cmp.Diff(want, wire.ParseRiskInfo(wire.RiskInfo(want))); diff != "" {
			t.Errorf("written and read (-want +got)\n%s", diff)
		}
	}
	if got := wire.RiskInfo(nil); got != "" {
		t.Errorf("nothing is written %q", got)
	}
}
