package explain_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/wire"
	"hongbao.example/hongbao/internal/wire/explain"
)

// TestEveryCauseHasWords: in both languages, with every placeholder filled, and
// with a row in the documentation.
func TestEveryCauseHasWords(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/signature.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(explain.Causes()); n < 41 {
		t.Errorf("only %d causes", n)
	}
	for _, c := range explain.Causes() {
		f := explain.Finding{Cause: c, Fields: []string{"remark"}, Signed: "10.00", Sent: "1000", Key: "••••ef01"}
		for _, in := range []explain.Language{explain.Chinese, explain.English} {
			for what, said := range map[string]string{"words": f.Say(in), "fix": f.Fix(in)} {
				if said == "" || strings.ContainsAny(said, "{}•") || strings.HasSuffix(said, "。") || strings.HasSuffix(said, ".") {
					t.Errorf("%s, %s in %s: %q", c, what, in, said)
				}
			}
			if (in == explain.Chinese) != (strings.IndexFunc(f.Fix(in), func(r rune) bool { return r > 0x4E00 }) >= 0) {
				t.Errorf("%s: the fix in %s is %q", c, in, f.Fix(in))
			}
		}
		if !strings.Contains(string(page), "`"+string(c)+"`") {
			t.Errorf("docs/signature.md does not name %s", c)
		}
	}
}

// TestWords pins the sentences whose form matters.
func TestWords(t *testing.T) {
	t.Parallel()
	fields := plainRequests(t)[0]
	explained := func(sent []wire.Field, sign string) explain.Report {
		return explain.Explain(explain.Request{Call: wire.SendGroupRedPack, Document: parse(t, body(sent, sign)), Keys: allKeys(t)})
	}
	empty := with(fields, "scene_id", "")
	long := fields
	for _, first := range "abcdef" {
		long = with(long, string(first)+strings.Repeat("n", 60), "")
	}
	for name, c := range map[string]struct {
		rep               explain.Report
		zh, en, briefly   string
		briefRunesAtLeast int
	}{
		"right": {
			explained(fields, md5Hex(canonical(fields, keyNow))),
			"签名正确，用的是当前密钥（尾号 ef01，MD5）", "The signature is right: current key (ends ef01), MD5", "签名错误: ", 0,
		},
		"one": {
			explained(empty, md5Hex(raw(empty))),
			"空字段 scene_id 参与了签名。这样算出来的，与你发来的 sign 一字不差，所以原因就是它",
			"An empty field was signed: scene_id. That gives exactly the sign you sent, so this is the cause",
			"签名错误: 空字段 scene_id 参与了签名", 0,
		},
		"two": {
			explained(empty, md5Hex(strings.ReplaceAll(raw(empty), keyNow, keyOld))),
			"有 2 处同时出错：用的是旧密钥（尾号 EF02），已轮换；空字段 scene_id 参与了签名。这样算出来的，与你发来的 sign 一字不差，所以原因就是它",
			"2 mistakes together: Signed with the previous key (ends EF02), which was replaced; An empty field was signed: scene_id. That gives exactly the sign you sent, so this is the cause",
			"签名错误: 有 2 处同时出错：用的是旧密钥（尾号 EF02），已轮换；空字段 scene_id 参与了签名", 0,
		},
		"none": {
			explained(fields, strings.Repeat("A", 32)),
			"{n} 种常见错误都对不上。多半是密钥不是这个商户的，或内容在签名后被改过",
			"None of {n} known mistakes fits. Most likely the key belongs to another merchant, or the content changed after signing",
			"签名错误: {n} 种常见错误都对不上。多半是密钥不是这个商户的，或内容在签名后被改过", 0,
		},
		"a fact, and nothing": {
			explained(with(fields, "sign_type", "RSA\n"+strings.Repeat("x", 40)), strings.Repeat("A", 32)),
			"sign_type 只能是 MD5 或 HMAC-SHA256，收到的是 RSAxxxxxxxxxxxxxxxxxxxx…。{n} 种常见错误都对不上。多半是密钥不是这个商户的，或内容在签名后被改过",
			"sign_type is MD5 or HMAC-SHA256, not RSAxxxxxxxxxxxxxxxxxxxx…. None of {n} known mistakes fits. Most likely the key belongs to another merchant, or the content changed after signing",
			"签名错误: sign_type 只能是", 0,
		},
		"no sign":    {explained(fields, ""), "没有 sign", "There is no sign", "签名错误: 没有 sign", 0},
		"many names": {explained(long, md5Hex(raw(long))), "空字段 ", "An empty field was signed: ", "签名错误: 空字段 ", 128},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, said := range []*string{&c.zh, &c.en, &c.briefly} {
				*said = strings.ReplaceAll(*said, "{n}", strconv.Itoa(c.rep.Kinds))
			}
			if got := c.rep.Say(explain.Chinese); !strings.HasPrefix(got, c.zh) || c.briefRunesAtLeast == 0 && got != c.zh {
				t.Errorf("in Chinese: %s", got)
			}
			if got := c.rep.Say(explain.English); !strings.HasPrefix(got, c.en) || c.briefRunesAtLeast == 0 && got != c.en {
				t.Errorf("in English: %s", got)
			}
			got := c.rep.Brief()
			if n := len([]rune(got)); !strings.HasPrefix(got, c.briefly) || n > 128 || n < c.briefRunesAtLeast {
				t.Errorf("briefly: %s", got)
			}
		})
	}
	illegal := explain.Report{Verdict: explain.Found, Findings: []explain.Finding{{Cause: explain.EmptyField, Fields: []string{"a\x00"}}}}
	if got := illegal.Brief(); got != "签名错误" {
		t.Errorf("what XML cannot hold is said: %q", got)
	}
}
