package explain_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"hongbao.example/hongbao/internal/wire"
	"hongbao.example/hongbao/internal/wire/explain"
)

// TestVectors: what the vectors say of a request, the explanation says, and of a
// refused one it names what their notes name.
func TestVectors(t *testing.T) {
	t.Parallel()
	named := map[string]string{
		"GRP-08": "[white_space]", "GRP-16": "[method]", "GRP-24": "[line_end]", "GRP-27": "[number_form]", "GRP-28": "[none_fits]",
		"GRP-29": "[order]", "GRP-30": "[empty_field]", "GRP-31": "[charset]", "GRP-32": "[hmac_key]",
	}
	for _, v := range readVectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			rep := explain.Explain(explain.Request{Call: v.Call, Document: parse(t, v.Body), Keys: []explain.Key{newKey(t, explain.Valid, "", v.Key)}})
			got, _ := causes(rep)
			want := named[v.ID]
			if want == "" {
				want = "[]"
			}
			if fmt.Sprint(got) != want || (rep.Verdict == explain.Right) != (v.Expect == "accept") {
				t.Errorf("verdict %d, %s, want %s", rep.Verdict, got, want)
			}
		})
	}
}

// TestTwoMistakesTogether: combinations that people do make.
func TestTwoMistakesTogether(t *testing.T) {
	t.Parallel()
	base := but(plainRequests(t)[0], "scene_id")
	empty := with(base, "scene_id", "")
	old := func(text string) string { return strings.ReplaceAll(text, keyNow, keyOld) }
	for name, c := range map[string]struct {
		sent []wire.Field
		sign string
		want string
	}{
		"the previous key, in the order of the document": {
			base, md5Hex(old(joined(base) + "&key=" + keyNow)), "[previous_key order]",
		},
		"an empty field, and lower case":           {empty, md5Hex(strings.ToLower(raw(slices.Clone(empty)))), "[empty_field letter_case]"},
		"no sorting, no key":                       {base, md5Hex(joined(base)), "[order no_key]"},
		"GBK with the previous key":                {with(base, "remark", "x"), md5Hex(old(toGBK(canonical(with(base, "remark", "x"), keyNow)))), "[previous_key charset]"},
		"yuan, and a key with a line break":        {base, md5Hex(canonical(with(base, "total_amount", "10.00"), keyNow+"\n")), "[number_form key_spaces]"},
		"a field left out of the v3 key":           {base, md5Hex(canonical(but(base, "risk_info"), keyV3)), "[v3_key field_left_out]"},
		"an empty field, and half the digest":      {empty, md5Hex(raw(slices.Clone(empty)))[:16], "[empty_field sign_cut]"},
		"an empty field, with a wrong sign_type":   {with(empty, "sign_type", "md5"), md5Hex(raw(with(empty, "sign_type", "md5"))), "[empty_field sign_type]"},
		"plain SHA-256 in the document's order":    {base, strings.ToUpper(sha256Hex(joined(base) + "&key=" + keyNow)), "[order hash]"},
		"signed twice, the first time without key": {base, md5Hex(canonical(with(base, "sign", md5Hex(joined(sorted(base)))), keyNow)), "[none_fits]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep := explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: parse(t, body(c.sent, c.sign)), Keys: allKeys(t)})
			if got, _ := causes(rep); fmt.Sprint(got) != c.want {
				t.Fatalf("%s, want %s", got, c.want)
			}
			if n := len(rep.Findings); n == 2 && !strings.Contains(rep.Say(explain.English), "2 mistakes together: ") {
				t.Errorf("it is said so: %s", rep.Say(explain.English))
			}
		})
	}
}

// TestSetsThatASignMayCover: a mistake is found on top of each set that would have
// been accepted.
func TestSetsThatASignMayCover(t *testing.T) {
	t.Parallel()
	fields := with(with(with(plainRequests(t)[0], "sign_type", "MD5"), "sub_appid", "wx1"), "client_ip", "1.2.3.4")
	documented := but(fields, "sign_type", "sub_appid", "client_ip")
	for name, signed := range map[string][]wire.Field{
		"everything": fields, "what is documented": documented, "all but sign_type and sub_appid": with(documented, "client_ip", "1.2.3.4"),
	} {
		for key, want := range map[string]string{keyNow: "[]", keyOld: "[previous_key]"} {
			doc := parse(t, body(fields, md5Hex(canonical(signed, key))))
			rep := explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: doc, Keys: allKeys(t)})
			if got, _ := causes(rep); fmt.Sprint(got) != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if want != "[]" && rep.Expected != strings.ReplaceAll(canonical(signed, keyNow), keyNow, "••••ef01") {
				t.Errorf("%s: expected %s", name, rep.Expected)
			}
		}
	}
	query := []wire.Field{{Name: "mch_id", Value: "1"}, {Name: "appid", Value: "wx1"}, {Name: "sub_mch_id", Value: "2"}, {Name: "x", Value: "3"}}
	doc := parse(t, body(query, md5Hex(canonical(but(query, "sub_mch_id"), keyOld))))
	rep := explain.Explain(explain.Request{Call: wire.GetHBInfo, Document: doc, Keys: allKeys(t)})
	if got, _ := causes(rep); fmt.Sprint(got) != "[previous_key]" {
		t.Errorf("a query without sub_mch_id: %s", got)
	}
}

// TestWhatIsWrongWithoutASearch are findings that can be seen.
func TestWhatIsWrongWithoutASearch(t *testing.T) {
	t.Parallel()
	fields := plainRequests(t)[0]
	sign := md5Hex(canonical(fields, keyNow))
	odd := strings.Repeat("A", 32)
	for name, c := range map[string]struct {
		doc     wire.Document
		hmac    bool
		verdict explain.Verdict
		want    string
		proved  bool
	}{
		"right":                        {parse(t, body(fields, sign)), false, explain.Right, "[]", true},
		"right, in lower case":         {parse(t, body(fields, strings.ToLower(sign))), false, explain.Right, "[]", true},
		"MD5 where HMAC is asked":      {parse(t, body(fields, sign)), true, explain.Found, "[hmac_only]", true},
		"HMAC where HMAC is asked":     {parse(t, body(fields, hmacHex(canonical(fields, keyNow), keyNow))), true, explain.Right, "[]", true},
		"no sign":                      {parse(t, body(fields, "")), false, explain.Found, "[no_sign]", true},
		"no document":                  {nil, false, explain.Found, "[no_sign]", true},
		"a sign that is none":          {parse(t, body(fields, "hello")), false, explain.Unknown, "[sign_form none_fits]", false},
		"a long sign that is none":     {parse(t, body(fields, strings.Repeat("z", 9000))), false, explain.Unknown, "[sign_form too_long]", false},
		"a sign of 300 digits":         {parse(t, body(fields, strings.Repeat("a", 300))), false, explain.Unknown, "[sign_form none_fits]", false},
		"a sign of 30 digits":          {parse(t, body(fields, odd[:30])), false, explain.Unknown, "[sign_form none_fits]", false},
		"another sign":                 {parse(t, body(fields, odd)), false, explain.Unknown, "[none_fits]", false},
		"another sign, by sign_type":   {parse(t, body(with(fields, "sign_type", "HMAC-SHA256"), odd)), false, explain.Unknown, "[method none_fits]", false},
		"another sign_type":            {parse(t, body(with(fields, "sign_type", "RSA"), odd)), false, explain.Unknown, "[sign_type none_fits]", false},
		"a document of 9 KB":           {parse(t, body(with(fields, "remark", strings.Repeat("x", 9000)), odd)), false, explain.Unknown, "[too_long]", false},
		"a right document of 9 KB":     {parse(t, body(with(fields, "remark", strings.Repeat("x", 9000)), md5Hex(canonical(with(fields, "remark", strings.Repeat("x", 9000)), keyNow)))), false, explain.Right, "[]", true},
		"SHA-512 of something":         {parse(t, body(fields, strings.Repeat("a", 128))), false, explain.Unknown, "[sign_form none_fits]", false},
		"an element called key":        {parse(t, body(with(fields, "key", keyNow), odd)), false, explain.Unknown, "[none_fits]", false},
		"sign alone":                   {parse(t, body(nil, odd)), false, explain.Unknown, "[none_fits]", false},
		"right, with the key inside":   {parse(t, body(with(fields, "key", keyNow), md5Hex(canonical(with(fields, "key", keyNow), keyNow)))), false, explain.Right, "[]", true},
		"SHA-1, and what sign_type is": {parse(t, body(with(fields, "sign_type", "x"), strings.Repeat("b", 40))), false, explain.Unknown, "[sign_form none_fits]", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep := explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: c.doc, Keys: allKeys(t), HMACOnly: c.hmac})
			got, proved := causes(rep)
			if rep.Verdict != c.verdict || fmt.Sprint(got) != c.want || proved != c.proved {
				t.Errorf("verdict %d, %s, proved %t, want %d, %s, %t", rep.Verdict, got, proved, c.verdict, c.want, c.proved)
			}
			if strings.Contains(rep.Expected, keyNow) {
				t.Errorf("the key is in %s", rep.Expected)
			}
			if rep.Verdict != explain.Right && rep.Signed == "" && strings.Contains(rep.Say(explain.Chinese), "一字不差") {
				t.Errorf("claims to have reproduced the sign: %s", rep.Say(explain.Chinese))
			}
		})
	}
}

// documents draws documents that people do not send, but could.
func documents(t *rapid.T) []wire.Field {
	names := []string{
		"nonce_str", "mch_billno", "mch_id", "wxappid", "appid", "send_name", "re_openid", "total_amount", "total_num", "amt_type", "wishing",
		"act_name", "remark", "scene_id", "risk_info", "client_ip", "sign_type", "sub_appid", "sub_mch_id", "key", "Zeta", "_x", "字段", "a-b", "mchId",
	}
	values := rapid.OneOf(
		rapid.StringMatching(`[0-9]{0,6}`), rapid.StringMatching(`[a-zA-Z0-9 %&=+<>'"]{0,12}`),
		rapid.StringOfN(rapid.SampledFrom([]rune(" \t\nab&<;=红包茶é🧧%3d/\\+")), 0, 12, -1),
	)
	var fields []wire.Field
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 14, rapid.ID).Draw(t, "names") {
		v := values.Draw(t, name)
		if name == "sign_type" {
			v = rapid.SampledFrom([]string{"", "MD5", "HMAC-SHA256", "md5"}).Draw(t, name)
		}
		fields = append(fields, wire.Field{Name: name, Value: v})
	}
	return fields
}

var anyCall = rapid.SampledFrom([]wire.Call{wire.SendGroupRedPack, wire.SendRedPack, wire.GetHBInfo, "other"})

// TestRightIsWhatVerifies: the explanation says right when and only when the
// signature is, whichever set of fields it covers.
func TestRightIsWhatVerifies(t *testing.T) {
	t.Parallel()
	keys := allKeys(t)
	key, err := wire.NewKey(keyNow)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		fields, call := documents(t), anyCall.Draw(t, "call")
		covered := but(fields, rapid.SliceOfN(rapid.SampledFrom([]string{"sign_type", "sub_appid", "sub_mch_id", "key", "Zeta"}), 0, 3).Draw(t, "unsigned")...)
		sign := md5Hex(canonical(covered, keyNow))
		if rapid.Bool().Draw(t, "hmac") {
			sign = hmacHex(canonical(covered, keyNow), keyNow)
		}
		doc := wire.Document(with(fields, "sign", sign))
		_, alg, err := wire.Verify(call, doc, key)
		rep := explain.Explain(explain.Request{Call: call, Document: doc, Keys: keys})
		if (rep.Verdict == explain.Right) != (err == nil) || err == nil && (rep.Algorithm != alg || rep.Key.String() != "••••ef01") {
			t.Fatalf("verdict %d, %v, Verify says %v", rep.Verdict, rep.Algorithm, err)
		}
	})
}

// TestNothingIsMadeUp: a sign that was made by no mistake of the list is not
// explained, however the request looks.
func TestNothingIsMadeUp(t *testing.T) {
	t.Parallel()
	keys := allKeys(t)[:2]
	stranger := strings.Repeat("Stranger", 4)
	rapid.Check(t, func(t *rapid.T) {
		fields := documents(t)
		text := canonical(fields, keyNow)
		sign := rapid.SampledFrom([]func() string{
			func() string { return md5Hex(canonical(fields, stranger)) },
			func() string { return hmacHex(canonical(fields, stranger), stranger) },
			func() string { return hmacHex(text, stranger) },
			func() string { return md5Hex(canonical(with(fields, "remark", "changed afterwards"), keyNow)) },
			func() string { return md5Hex(canonical(with(fields, "total_amount", "7319542"), keyNow)) }, // longer than any drawn
			func() string { return md5Hex("salt" + text) },
			func() string { return md5Hex(strings.ReplaceAll(text, "=", "!")) },
			func() string { return sha256Hex(text + "?") },
			func() string { return reversed(md5Hex(text)) },
			func() string { return strings.Repeat("0", 32) },
			func() string { return md5Hex(text)[:12] },
			func() string { return reversed(hmacHex(text, keyNow))[:40] },
		}).Draw(t, "sign")()
		rep := explain.Explain(explain.Request{Call: anyCall.Draw(t, "call"), Document: with(fields, "sign", sign), Keys: keys})
		last := rep.Findings[len(rep.Findings)-1]
		if rep.Verdict != explain.Unknown || last.Cause != explain.NoneFits || last.Proved || rep.Signed != "" || rep.Key.String() != "••••" {
			t.Fatalf("verdict %d, %+v", rep.Verdict, rep.Findings)
		}
		for _, f := range rep.Findings {
			if f.Proved && f.Cause != explain.SignType && f.Cause != explain.SignForm {
				t.Fatalf("%s is said to be proved", f.Cause)
			}
		}
	})
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// TestKeysStaySecret: nothing of a report, in any form, has more of a key in it
// than its last four characters; whatever the mistake was.
func TestKeysStaySecret(t *testing.T) {
	t.Parallel()
	secrets := []string{keyNow, keyOld, keySandbox, keyV3, keyTicket}
	keys, plain := allKeys(t), plainRequests(t)
	for name, s := range slips {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, sign := s.make(draw(rand.New(rand.NewPCG(7, 7)), plain))
			requests := [][]wire.Field{sent}
			if s.cause == explain.UTF16 { // one whose sign is then made by nothing
				requests = append(requests, with(sent, "key", keyNow), with(sent, "remark", strings.ToUpper("x"+keyOld)))
			}
			for _, fields := range requests {
				rep := explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: parse(t, body(fields, sign)), Keys: keys})
				said := fmt.Sprintf("%v %+v %#v %s %s %s", rep, rep, rep, rep.Brief(), rep.Say(explain.Chinese), rep.Say(explain.English))
				for _, f := range rep.Findings {
					said += f.Say(explain.Chinese) + f.Fix(explain.English)
				}
				text, err := json.Marshal(rep)
				if err != nil {
					t.Fatal(err)
				}
				said = strings.ToLower(said + string(text))
				for _, secret := range secrets {
					for i := range len(secret) - 8 {
						if part := strings.ToLower(secret[i : i+8]); strings.Contains(said, part) {
							t.Fatalf("%q of a key is in\n%s", part, said)
						}
					}
				}
			}
		})
	}
}

// TestStringsSideBySide: what was signed and what should have been, and where they
// part.
func TestStringsSideBySide(t *testing.T) {
	t.Parallel()
	fields := []wire.Field{{Name: "a", Value: "红"}, {Name: "b", Value: ""}, {Name: "c", Value: "茶"}}
	for name, c := range map[string]struct {
		sign, signed, expected string
		differ                 int
	}{
		"an empty field":   {md5Hex("a=红&b=&c=茶&key=" + keyNow), "a=红&b=&c=茶&key=••••ef01", "a=红&c=茶&key=••••ef01", 6},
		"the previous key": {md5Hex("a=红&c=茶&key=" + keyOld), "a=红&c=茶&key=••••EF02", "a=红&c=茶&key=••••ef01", 29 - 1},
		"a line break":     {md5Hex("a=红&c=茶&key=" + keyNow + "\n"), "a=红&c=茶&key=••••ef01\n", "a=红&c=茶&key=••••ef01", 32},
		"no name":          {md5Hex("a=红&c=茶&" + keyNow), "a=红&c=茶&••••ef01", "a=红&c=茶&key=••••ef01", 12},
		"lower case":       {md5Hex(strings.ToLower("a=红&c=茶&key=" + keyOld)), "a=红&c=茶&key=••••ef02", "a=红&c=茶&key=••••ef01", 31},
		"lost":             {md5Hex("a=?&c=?&key=" + keyNow), "a=?&c=?&key=••••ef01", "a=红&c=茶&key=••••ef01", 2},
		"UTF-16":           {md5Hex(strings.Join(strings.Split("a=x", ""), "\x00")), "", "a=红&c=茶&key=••••ef01", -1},
		"GBK":              {md5Hex(toGBK("a=红&c=茶&key=" + keyNow)), "a=红&c=茶&key=••••ef01", "a=红&c=茶&key=••••ef01", -1},
		"no key":           {md5Hex("a=红&c=茶"), "a=红&c=茶", "a=红&c=茶&key=••••ef01", 11},
		"a character":      {md5Hex("a=红&c=苶&key=" + keyNow), "", "a=红&c=茶&key=••••ef01", -1},
		"an empty key":     {md5Hex("a=红&c=茶&key="), "a=红&c=茶&key=", "a=红&c=茶&key=••••ef01", 16},
		"a hashed key":     {md5Hex("a=红&c=茶&key=" + md5Hex(keyNow)), "a=红&c=茶&key=••••", "a=红&c=茶&key=••••ef01", 28},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep := explain.Explain(explain.Request{Call: "x", Document: with(fields, "sign", c.sign), Keys: allKeys(t)})
			if rep.Signed != c.signed || rep.Expected != c.expected || rep.Differ != c.differ {
				t.Errorf("%q, %q, %d", rep.Signed, rep.Expected, rep.Differ)
			}
			if d := rep.Differ; d >= 0 && (!utf8.ValidString(rep.Signed[:d]) || rep.Signed[:d] != rep.Expected[:d]) {
				t.Errorf("the common beginning is %q", rep.Signed[:d])
			}
		})
	}
}

// TestTheCommonBeginningIsWholeCharacters: two that begin with one byte differ.
func TestTheCommonBeginningIsWholeCharacters(t *testing.T) {
	t.Parallel()
	doc := document("a", "！", "sign", md5Hex("a=\uFFFD&key="+keyNow))
	rep := explain.Explain(explain.Request{Document: doc, Keys: allKeys(t)})
	if got, _ := causes(rep); fmt.Sprint(got) != "[charset_lost]" || rep.Differ != len("a=") {
		t.Errorf("%s, differ %d", got, rep.Differ)
	}
}

// TestKeyThatIsHex: some libraries decode a key that looks like bytes.
func TestKeyThatIsHex(t *testing.T) {
	t.Parallel()
	key := "00112233445566778899aabbccddeeff"
	bytes, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	doc := document("total_amount", "0.00", "sign", md5Hex("total_amount=0.00&key="+string(bytes)))
	rep := explain.Explain(explain.Request{Document: doc, Keys: []explain.Key{newKey(t, explain.Valid, "", key)}})
	if got, _ := causes(rep); fmt.Sprint(got) != "[key_form]" || rep.Signed != "total_amount=0.00&key=••••" {
		t.Errorf("%s, %s", got, rep.Signed)
	}
}

// TestSearchIsBounded: no request makes it work longer than its bounds say.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	keys := slices.Repeat(allKeys(t)[:1], 100)
	for name, doc := range heavy() {
		rep := explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: doc, Keys: keys})
		if rep.Verdict != explain.Unknown || rep.Ways > 20_000 {
			t.Errorf("%s: verdict %d after %d ways", name, rep.Verdict, rep.Ways)
		}
	}
}

// heavy are requests that give the search the most to do.
func heavy() map[string]wire.Document {
	odd := strings.Repeat("A1", 16)
	many := func(value string, n int) (doc wire.Document) {
		for i := range n {
			doc = append(doc, wire.Field{Name: fmt.Sprintf("field_name_%d", i), Value: value})
		}
		return append(doc, wire.Field{Name: "sign", Value: odd})
	}
	return map[string]wire.Document{
		"64 fields":         many("红 & 包", 63),
		"64 fields, HMAC":   append(many("红 & 包", 63)[:63], wire.Field{Name: "sign", Value: odd + odd}),
		"64 empty fields":   many("", 63),
		"two fields":        many("1", 2),
		"three of 1 KB":     many(strings.Repeat("红 &\n'%20", 110), 3),
		"one of 4 KB":       many(strings.Repeat("<\"茶🧧\">", 350), 1),
		"64 KB":             many(strings.Repeat("红", 340), 63),
		"a sign of 40 hex":  append(many("红", 14)[:14], wire.Field{Name: "sign", Value: odd[:20] + odd[:20]}),
		"a sign of 100 hex": append(many("红", 14)[:14], wire.Field{Name: "sign", Value: strings.Repeat(odd, 3) + "1234"}),
	}
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", strings.Repeat("x", 31), strings.Repeat("x", 33), strings.Repeat("x", 31) + "\n"} {
		if _, err := explain.NewKey(explain.Valid, "", text); err == nil || len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("a valid key %q: %v", text, err)
		}
	}
	for text, ok := range map[string]bool{"": false, "1234567": false, "12345678": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false} {
		if _, err := explain.NewKey(explain.V3, "", text); (err == nil) != ok {
			t.Errorf("another secret of %d bytes: %v", len(text), err)
		}
	}
	for text, want := range map[string]string{
		keyNow: "••••ef01", " " + keyNow + "\n": " ••••ef01\n", "123456789012345": "••••", "密钥密钥密钥密钥密钥密钥密钥密尾": "••••密钥密尾",
	} {
		k := newKey(t, explain.Other, "", text)
		if got := fmt.Sprintf("%s|%v|%#v|%d", k, k, k, k); got != strings.Join([]string{want, want, want, want}, "|") || k.GoString() != want {
			t.Errorf("%q prints as %q", text, got)
		}
	}
}

func TestCallOf(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]wire.Call{
		"mch_id wxappid amt_type": wire.SendGroupRedPack, "mch_id wxappid total_num=3": wire.SendGroupRedPack, "mch_id wxappid total_num=1": wire.SendRedPack,
		"mch_id wxappid total_num=10 client_ip": wire.SendRedPack, "mch_id appid": wire.GetHBInfo, "mch_id bill_type": wire.GetHBInfo, "": wire.SendRedPack,
	} {
		var doc wire.Document
		for _, f := range strings.Fields(names) {
			name, v, _ := strings.Cut(f, "=")
			doc = append(doc, wire.Field{Name: name, Value: v})
		}
		if got := explain.CallOf(doc); got != want {
			t.Errorf("%s: %s, want %s", names, got, want)
		}
	}
}
