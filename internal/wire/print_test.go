package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
)

func TestAppendRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, want string }{
		"text":                     {"巷口茶铺", "<![CDATA[巷口茶铺]]>"},
		"a number":                 {"1000", "<![CDATA[1000]]>"},
		"mark-up":                  {`<a b="c">&amp;</a>`, `<![CDATA[<a b="c">&amp;</a>]]>`},
		"white space at the edges": {" \tx\n ", "<![CDATA[ \tx\n ]]>"},
		"the end of CDATA":         {"x]]>y", "<![CDATA[x]]]]><![CDATA[>y]]>"},
		"the end of CDATA, twice":  {"]]>]]>", "<![CDATA[]]]]><![CDATA[>]]]]><![CDATA[>]]>"},
		"more brackets":            {"]]]>]>>", "<![CDATA[]]]]]><![CDATA[>]>>]]>"},
		"brackets at the end":      {"x]]", "<![CDATA[x]]]]>"},
		"a carriage return":        {"1\r\n2", "<![CDATA[1]]>&#13;<![CDATA[\n2]]>"},
		"a return inside brackets": {"]]\r>", "<![CDATA[]]]]>&#13;<![CDATA[>]]>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := wire.Document{{"remark", c.value}}
			got := string(wire.AppendRequest(nil, doc))
			if want := "<xml><remark>" + c.want + "</remark></xml>"; got != want {
				t.Errorf("printed %s, want %s", got, want)
			}
			again, err := wire.Parse([]byte(got))
			if diff := cmp.Diff(doc, again); diff != "" || err != nil {
				t.Errorf("%v, read again (-want +got)\n%s", err, diff)
			}
		})
	}
	got := string(wire.AppendRequest([]byte("before "), wire.Document{{"b", "1"}, {"empty", ""}, {"a", "2"}}))
	if want := "before <xml><b><![CDATA[1]]></b><a><![CDATA[2]]></a></xml>"; got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
}

func TestAppendAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ field, value, want string }{
		"a merchant's number is bare":              {"mch_id", "10000098", "<mch_id>10000098</mch_id>\n"},
		"an amount is bare":                        {"total_amount", "1000", "<total_amount>1000</total_amount>\n"},
		"a count is bare":                          {"total_num", "5", "<total_num>5</total_num>\n"},
		"a refund is bare":                         {"refund_amount", "638", "<refund_amount>638</refund_amount>\n"},
		"send_listid is bare":                      {"send_listid", "1000202611240000000000000000001", "<send_listid>1000202611240000000000000000001</send_listid>\n"},
		"digits of another element are not":        {"mch_billno", "100", "<mch_billno><![CDATA[100]]></mch_billno>\n"},
		"nor are those of detail_id":               {"detail_id", "100", "<detail_id><![CDATA[100]]></detail_id>\n"},
		"nor an amount that is no number":          {"total_amount", "1e3", "<total_amount><![CDATA[1e3]]></total_amount>\n"},
		"text is one CDATA section":                {"return_msg", `发放成功 & "more" > 'less'`, `<return_msg><![CDATA[发放成功 & "more" > 'less']]></return_msg>` + "\n"},
		"the claim link is CDATA":                  {"claim_url", "https://h.example/p/x?a=1&b=2", "<claim_url><![CDATA[https://h.example/p/x?a=1&b=2]]></claim_url>\n"},
		"an empty element is left out":             {"err_code", "", ""},
		"white space at the edges stays in CDATA":  {"wishing", " x\t", "<wishing><![CDATA[ x\t]]></wishing>\n"},
		"mark-up is escaped, by name":              {"remark", `<html>&"'`, "<remark>&lt;html&gt;&amp;\"'</remark>\n"},
		"so is the end of CDATA":                   {"remark", "a]]>b&c", "<remark>a]]&gt;b&amp;c</remark>\n"},
		"line ends are line feeds":                 {"remark", "1\r\n2\r3\n", "<remark><![CDATA[1\n2\n3\n]]></remark>\n"},
		"control characters are replaced":          {"err_code_des", "a\x00b\x1Fc\u0085d\x7F", "<err_code_des><![CDATA[a\uFFFDb\uFFFDc\uFFFDd\uFFFD]]></err_code_des>\n"},
		"what XML has not is replaced":             {"err_code_des", "a\uFFFEb", "<err_code_des><![CDATA[a\uFFFDb]]></err_code_des>\n"},
		"what is not UTF-8 is replaced":            {"err_code_des", "a\xED\xA0\x80b", "<err_code_des><![CDATA[a\uFFFD\uFFFD\uFFFDb]]></err_code_des>\n"},
		"characters outside the BMP are as good":   {"wishing", "🧧", "<wishing><![CDATA[🧧]]></wishing>\n"},
		"a lone less-than is escaped, not in full": {"wishing", "5 < 6", "<wishing>5 &lt; 6</wishing>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(wire.AppendAnswer(nil, wire.Answer{Document: wire.Document{{c.field, c.value}}}))
			if want := "<xml>\n" + c.want + "</xml>"; got != want {
				t.Fatalf("printed %s, want %s", got, want)
			}
			again, err := wire.ParseAnswer([]byte(got))
			if err != nil {
				t.Fatal(err)
			}
			if twice := string(wire.AppendAnswer(nil, again)); twice != got {
				t.Errorf("read and printed again %s, want %s", twice, got)
			}
		})
	}
}

func TestAppendAnswerClaims(t *testing.T) {
	t.Parallel()
	claim := wire.Document{{"openid", "o1"}, {"amount", "317"}, {"rcv_time", "2026-11-24 20:19:40"}}
	got := string(wire.AppendAnswer([]byte("> "), wire.Answer{Document: wire.Document{{"status", "SENT"}}, Claims: []wire.Document{claim, claim}}))
	one := "<hbinfo>\n<openid><![CDATA[o1]]></openid>\n<amount>317</amount>\n<rcv_time><![CDATA[2026-11-24 20:19:40]]></rcv_time>\n</hbinfo>\n"
	want := "> <xml>\n<status><![CDATA[SENT]]></status>\n<hblist>\n" + one + one + "</hblist>\n</xml>"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = string(wire.AppendAnswer(nil, wire.Answer{Claims: []wire.Document{}}))
	if want := "<xml>\n</xml>"; got != want {
		t.Errorf("no claims printed as %s, want %s", got, want)
	}
}

func TestLegal(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"": true, "天虹 🧧\t\r\n\u0085\uFFFD": true, strings.Repeat("x", 99): true,
		"\x00": false, "a\x1Fb": false, "\uFFFF": false, "\xFF": false, "\xED\xA0\x80": false, "a\xE5\xA4": false,
	} {
		if got := wire.Legal(value); got != want {
			t.Errorf("Legal(%q) = %v", value, got)
		}
	}
}
