package explain_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"hongbao.example/hongbao/internal/wire"
	"hongbao.example/hongbao/internal/wire/explain"
)

// A slip is a mistake as a program makes it. It gets a good request, may send it
// otherwise, and signs it wrongly.
type slip struct {
	cause  explain.Cause
	fields string // that must be named, with blanks between
	make   func(p *pen) (sent []wire.Field, sign string)
}

// A pen has a request to sign, and chance.
type pen struct {
	fields []wire.Field
	chance *rand.Rand
}

// md5 signs fields as it should be, but for the fields.
func (p *pen) md5(fields []wire.Field) string { return md5Hex(canonical(fields, keyNow)) }

// sends makes a slip that sends the request as it is.
func sends(sign func(p *pen) string) func(p *pen) ([]wire.Field, string) {
	return func(p *pen) ([]wire.Field, string) { return p.fields, sign(p) }
}

// sets makes a slip that sends a field with a value and signs it with another.
func sets(name, sent, signed string) func(p *pen) ([]wire.Field, string) {
	return func(p *pen) ([]wire.Field, string) {
		return with(p.fields, name, sent), p.md5(with(p.fields, name, signed))
	}
}

// text makes a slip that hashes another string.
func text(change func(string) string) func(p *pen) ([]wire.Field, string) {
	return sends(func(p *pen) string { return md5Hex(change(canonical(p.fields, keyNow))) })
}

// keyed makes a slip that signs with another key.
func keyed(key string) func(p *pen) ([]wire.Field, string) {
	return sends(func(p *pen) string { return md5Hex(canonical(p.fields, key)) })
}

// framed makes a slip that appends the key otherwise.
func framed(frame func(string) string) func(p *pen) ([]wire.Field, string) {
	return sends(func(p *pen) string { return md5Hex(frame(joined(sorted(p.fields)))) })
}

// written makes a slip that writes the digest otherwise.
func written(write func([]byte) string) func(p *pen) ([]wire.Field, string) {
	return sends(func(p *pen) string {
		sum := md5.Sum([]byte(canonical(p.fields, keyNow)))
		return write(sum[:])
	})
}

// raw joins fields without looking whether they have values.
func raw(fields []wire.Field) string {
	slices.SortFunc(fields, func(a, b wire.Field) int { return strings.Compare(a.Name, b.Name) })
	return joined(fields) + "&key=" + keyNow
}

func escapeXML(v string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(v)); err != nil {
		panic(err)
	}
	return b.String()
}

const tea = "茶 & <b>\"it's\"</b>"

// slips are in no order. Each is to be named, with its fields.
var slips = map[string]slip{
	"an empty field": {explain.EmptyField, "scene_id", func(p *pen) ([]wire.Field, string) {
		fields := with(p.fields, "scene_id", "")
		return fields, md5Hex(raw(slices.Clone(fields)))
	}},
	"two empty fields": {explain.EmptyField, "client_ip scene_id", func(p *pen) ([]wire.Field, string) {
		fields := with(with(but(p.fields, "client_ip", "scene_id"), "client_ip", ""), "scene_id", "")
		return fields, md5Hex(raw(slices.Clone(fields)))
	}},
	"an empty field as null": {explain.NullField, "scene_id", func(p *pen) ([]wire.Field, string) {
		return with(p.fields, "scene_id", ""), p.md5(with(p.fields, "scene_id", "null"))
	}},
	"an unsent field as undefined": {explain.NullField, "risk_info", func(p *pen) ([]wire.Field, string) {
		fields := but(p.fields, "risk_info")
		return fields, p.md5(with(fields, "risk_info", "undefined"))
	}},
	"a field left out": {explain.FieldLeftOut, "nonce_str", sends(func(p *pen) string { return p.md5(but(p.fields, "nonce_str")) })},
	"two fields left out": {explain.FieldLeftOut, "mch_id re_openid", sends(func(p *pen) string {
		return p.md5(but(p.fields, "mch_id", "re_openid"))
	})},
	"sign_type signed, not sent": {explain.ExtraField, "sign_type", sends(func(p *pen) string {
		return p.md5(with(p.fields, "sign_type", "MD5"))
	})},
	"appid beside wxappid": {explain.ExtraField, "appid", sends(func(p *pen) string {
		return p.md5(with(p.fields, "appid", "wx8888888888888888"))
	})},
	"an empty field that was not sent": {explain.ExtraField, "sub_mch_id", sends(func(p *pen) string {
		return md5Hex(raw(append(sorted(p.fields), wire.Field{Name: "sub_mch_id"})))
	})},
	"sign, empty": {explain.SignSigned, "sign", sends(func(p *pen) string {
		return md5Hex(raw(append(sorted(p.fields), wire.Field{Name: "sign"})))
	})},
	"signed twice": {explain.SignSigned, "sign", sends(func(p *pen) string {
		return p.md5(with(p.fields, "sign", p.md5(p.fields)))
	})},
	"the order of the document": {explain.Order, "", func(p *pen) ([]wire.Field, string) {
		p.chance.Shuffle(len(p.fields), func(i, j int) { p.fields[i], p.fields[j] = p.fields[j], p.fields[i] })
		return p.fields, md5Hex(joined(p.fields) + "&key=" + keyNow)
	}},
	"the reverse order": {explain.Order, "", sends(func(p *pen) string {
		fields := sorted(p.fields)
		slices.Reverse(fields)
		return md5Hex(joined(fields) + "&key=" + keyNow)
	})},
	"the previous key":            {explain.PreviousKey, "", keyed(keyOld)},
	"the other environment's key": {explain.OtherEnvironment, "", keyed(keySandbox)},
	"the v3 key":                  {explain.V3Key, "", keyed(keyV3)},
	"another secret":              {explain.OtherSecret, "", keyed(keyTicket)},
	"the sample's key":            {explain.SampleKey, "", keyed("192006250b4c09247ec02edce69f6a2d")},
	"mch_id for a key":            {explain.KeyIsField, "mch_id", keyed("10000098")},
	"no key at all":               {explain.KeyEmpty, "", keyed("")},
	"a key with a line break":     {explain.KeySpaces, "", keyed(keyNow + "\n")},
	"a key after a blank":         {explain.KeySpaces, "", keyed(" " + keyNow)},
	"a key of capitals":           {explain.KeyCase, "", keyed(strings.ToUpper(keyNow))},
	"a key without its end":       {explain.KeyCut, "", keyed(keyNow[:31])},
	"a key, hashed": {explain.KeyForm, "", sends(func(p *pen) string {
		return md5Hex(canonical(p.fields, strings.ToLower(md5Hex(keyNow))))
	})},
	"a key in quotes":   {explain.KeyForm, "", keyed(`"` + keyNow + `"`)},
	"no &key=":          {explain.NoKey, "", framed(func(s string) string { return s })},
	"no key=":           {explain.KeyName, "", framed(func(s string) string { return s + "&" + keyNow })},
	"nothing before it": {explain.KeyName, "", framed(func(s string) string { return s + keyNow })},
	"a key named KEY":   {explain.KeyName, "", framed(func(s string) string { return s + "&KEY=" + keyNow })},
	"the key in front":  {explain.KeyPlace, "", framed(func(s string) string { return "key=" + keyNow + "&" + s })},
	"the key sorted": {explain.KeyPlace, "", sends(func(p *pen) string {
		return md5Hex(joined(sorted(with(p.fields, "key", keyNow))))
	})},
	"an ampersand too many": {explain.Joint, "", framed(func(s string) string { return s + "&&key=" + keyNow })},
	"ampersands escaped": {explain.Joint, "", framed(func(s string) string {
		return strings.ReplaceAll(s, "&", "&amp;") + "&key=" + keyNow
	})},
	"HMAC, but sign_type MD5": {explain.Method, "", func(p *pen) ([]wire.Field, string) {
		fields := with(p.fields, "sign_type", "MD5")
		return fields, hmacHex(canonical(fields, keyNow), keyNow)
	}},
	"MD5, but sign_type HMAC-SHA256": {explain.Method, "", func(p *pen) ([]wire.Field, string) {
		fields := with(p.fields, "sign_type", "HMAC-SHA256")
		return fields, p.md5(fields)
	}},
	"sign_type HMAC": {explain.SignType, "", func(p *pen) ([]wire.Field, string) {
		fields := with(p.fields, "sign_type", "HMAC")
		return fields, hmacHex(canonical(fields, keyNow), keyNow)
	}},
	"HMAC with an empty key": {explain.HMACKey, "", sends(func(p *pen) string { return hmacHex(canonical(p.fields, keyNow), "") })},
	"HMAC upside down":       {explain.HMACKey, "", sends(func(p *pen) string { return hmacHex(keyNow, canonical(p.fields, keyNow)) })},
	"HMAC without &key=":     {explain.NoKey, "", sends(func(p *pen) string { return hmacHex(joined(sorted(p.fields)), keyNow) })},
	"SHA-256": {explain.Hash, "", sends(func(p *pen) string {
		sum := sha256.Sum256([]byte(canonical(p.fields, keyNow)))
		return upper(sum[:])
	})},
	"SHA-1": {explain.Hash, "", sends(func(p *pen) string {
		sum := sha1.Sum([]byte(canonical(p.fields, keyNow)))
		return upper(sum[:])
	})},
	"HMAC-MD5": {explain.Hash, "", sends(func(p *pen) string {
		mac := hmac.New(md5.New, []byte(keyNow))
		mac.Write([]byte(canonical(p.fields, keyNow)))
		return upper(mac.Sum(nil))
	})},
	"hashed twice": {explain.DoubleHash, "", sends(func(p *pen) string { return md5Hex(strings.ToLower(p.md5(p.fields))) })},
	"half of it":   {explain.SignCut, "", written(func(sum []byte) string { return upper(sum)[8:24] })},
	"without zeros": {explain.SignDigits, "", func(p *pen) ([]wire.Field, string) {
		for { // until a byte has a zero in front
			fields := with(p.fields, "nonce_str", fmt.Sprint(p.chance.Uint64()))
			sum := md5.Sum([]byte(canonical(fields, keyNow)))
			var b strings.Builder
			for _, c := range sum {
				fmt.Fprintf(&b, "%x", c)
			}
			if b.Len() < 32 {
				return fields, b.String()
			}
		}
	}},
	"hex of hex": {explain.SignTwice, "", written(func(sum []byte) string { return upper([]byte(upper(sum))) })},
	"base64":     {explain.SignBase64, "", written(base64.StdEncoding.EncodeToString)},
	"base64 of hex": {explain.SignBase64, "", written(func(sum []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum)))
	})},
	"hyphens":                   {explain.SignMarks, "", written(func(sum []byte) string { return fmt.Sprintf("% X", sum) })},
	"lower case before hashing": {explain.LetterCase, "", text(strings.ToLower)},
	"GBK":                       {explain.Charset, "", text(toGBK)},
	"question marks": {explain.CharsetLost, "", text(func(s string) string {
		return strings.Map(func(r rune) rune {
			if r > 127 {
				return '?'
			}
			return r
		}, s)
	})},
	"UTF-16": {explain.UTF16, "", text(func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	})},
	"Latin-1": {explain.CharsetTwice, "", text(func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteRune(rune(c))
		}
		return b.String()
	})},
	"JSON escapes": {explain.UnicodeEscapes, "", text(func(s string) string {
		return strings.Trim(fmt.Sprintf("%+q", s), `"`)
	})},
	"a byte order mark":     {explain.ByteOrderMark, "", text(func(s string) string { return "\uFEFF" + s })},
	"all of it URL-encoded": {explain.StringEncoded, "", text(url.QueryEscape)},
	"values URL-encoded": {explain.URLEncoded, "act_name remark risk_info send_name wishing", sends(func(p *pen) string {
		return p.md5(mapped(p.fields, url.QueryEscape))
	})},
	"one value URL-encoded, with %20": {explain.URLEncoded, "send_name", sets("send_name", "天虹 百货", url.PathEscape("天虹 百货"))},
	"one value URL-encoded, with +":   {explain.URLEncoded, "send_name", sets("send_name", "天虹 百货", url.QueryEscape("天虹 百货"))},
	"risk_info URL-decoded":           {explain.URLDecoded, "risk_info", sets("risk_info", "mobile%3d1%26deviceid%3dA", "mobile=1&deviceid=A")},
	"escapes signed": {explain.Entities, "remark", sends2("remark", tea, func(p *pen, fields []wire.Field) string {
		return p.md5(mapped(fields, escapeXML))
	})},
	"escapes sent": {explain.EntitiesSent, "wishing", sets("wishing", "a &lt;b&gt; &amp; c", "a <b> & c")},
	"CDATA everywhere": {explain.CDATA, "*", sends(func(p *pen) string {
		return p.md5(mapped(p.fields, func(v string) string { return "<![CDATA[" + v + "]]>" }))
	})},
	"CDATA in one": {explain.CDATA, "remark", sets("remark", "谢谢", "<![CDATA[谢谢]]>")},
	"quotes":       {explain.Quotes, "remark", sets("remark", "谢谢", `"谢谢"`)},
	"backslashes":  {explain.Backslashes, "remark", sets("remark", "it's", `it\'s`)},
	"trimmed": {explain.WhiteSpace, "act_name wishing", func(p *pen) ([]wire.Field, string) {
		fields := with(with(p.fields, "act_name", "  春节  活动 "), "wishing", "\t新年快乐 ")
		return fields, p.md5(mapped(fields, strings.TrimSpace))
	}},
	"one trimmed":        {explain.WhiteSpace, "wishing", sets("wishing", " 新年快乐", "新年快乐")},
	"a line break lost":  {explain.WhiteSpaceLost, "remark", sets("remark", "谢谢", "谢谢\n")},
	"CR LF":              {explain.LineEnd, "remark", sets("remark", "a\nb", "a\r\nb")},
	"emoji dropped":      {explain.Supplementary, "wishing", sets("wishing", "新年快乐🧧", "新年快乐")},
	"yuan":               {explain.NumberForm, "total_amount", sets("total_amount", "1000", "10.00")},
	"whole yuan":         {explain.NumberForm, "total_amount", sets("total_amount", "1000", "10")},
	"yuan sent":          {explain.NumberForm, "total_amount", sets("total_amount", "10.00", "1000")},
	"a leading zero":     {explain.NumberForm, "total_amount", sets("total_amount", "1000", "01000")},
	"a number as a real": {explain.NumberForm, "total_num", sets("total_num", "5", "5.0")},
	"MchBillNO": {explain.FieldName, "mch_billno", sends(func(p *pen) string {
		no := value(p.fields, "mch_billno")
		return p.md5(with(but(p.fields, "mch_billno"), "MchBillNO", no))
	})},
	"camelCase": {explain.FieldName, "*", sends(func(p *pen) string {
		fields := slices.Clone(p.fields)
		for i, f := range fields {
			words := strings.Split(f.Name, "_")
			for j := 1; j < len(words); j++ {
				words[j] = strings.ToUpper(words[j][:1]) + words[j][1:]
			}
			fields[i].Name = strings.Join(words, "")
		}
		return p.md5(fields)
	})},
	"sent as nonceStr": {explain.FieldName, "nonceStr", func(p *pen) ([]wire.Field, string) {
		return with(but(p.fields, "nonce_str"), "nonceStr", value(p.fields, "nonce_str")), p.md5(p.fields)
	}},
}

// sends2 makes a slip that sends a field with another value.
func sends2(name, v string, sign func(*pen, []wire.Field) string) func(p *pen) ([]wire.Field, string) {
	return func(p *pen) ([]wire.Field, string) {
		fields := with(p.fields, name, v)
		return fields, sign(p, fields)
	}
}

func value(fields []wire.Field, name string) string { return wire.Document(fields).Value(name) }

// plainRequests are the vectors' group requests with the fields of the usual kind:
// what is odd about the others would be a second cause.
func plainRequests(t testing.TB) (all [][]wire.Field) {
	t.Helper()
	for _, v := range readVectors(t) {
		if v.Call == wire.SendGroupRedPack && slices.Contains([]string{"GRP-01", "GRP-02", "GRP-20", "GRP-25"}, v.ID) {
			all = append(all, but(parse(t, v.Body), "sign"))
		}
	}
	if len(all) != 4 {
		t.Fatalf("%d plain requests", len(all))
	}
	return all
}

// draw makes a request with a bill number and a nonce of its own, in some order.
func draw(chance *rand.Rand, plain [][]wire.Field) *pen {
	fields := slices.Clone(plain[chance.IntN(len(plain))])
	fields = with(fields, "mch_billno", fmt.Sprintf("10000098%08d%010d", chance.IntN(1e8), chance.IntN(1e9)))
	fields = with(fields, "nonce_str", fmt.Sprintf("n%x", chance.Uint64()))
	chance.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return &pen{fields: fields, chance: chance}
}

// TestSlipsAreNamed: whatever of the known mistakes a program makes, the
// explanation names it and nothing else, and says that this is proved.
func TestSlipsAreNamed(t *testing.T) {
	t.Parallel()
	const seeds = 3
	keys, plain := allKeys(t), plainRequests(t)
	if len(slips) < 40 {
		t.Fatalf("only %d slips", len(slips))
	}
	for name, s := range slips {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				sent, sign := s.make(draw(rand.New(rand.NewPCG(seed, 1)), plain))
				doc := parse(t, body(sent, sign))
				rep := explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: doc, Keys: keys})
				got, proved := causes(rep)
				if rep.Verdict != explain.Found || !slices.Equal(got, []explain.Cause{s.cause}) || !proved {
					t.Fatalf("seed %d: verdict %d, %q, proved %t, want %s in %v", seed, rep.Verdict, got, proved, s.cause, doc)
				}
				fields := slices.Sorted(slices.Values(rep.Findings[0].Fields))
				if s.fields == "*" && len(fields) > 9 {
					continue
				}
				if want := s.fields; strings.Join(fields, " ") != want {
					t.Fatalf("seed %d: fields %q, want %q", seed, fields, want)
				}
			}
		})
	}
}
