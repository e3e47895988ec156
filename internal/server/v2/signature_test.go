package v2_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/wire"
)

// TestASandboxSaysWhyASignIsWrong: to the same requests production answers with two
// words.
func TestASandboxSaysWhyASignIsWrong(t *testing.T) {
	t.Parallel()
	const keyNew, ticket = "HongbaoNewKey_0123456789abcdef03", "TicketHS256Secret_0123456789abcd"
	doc := group(nil)
	sign := func(doc wire.Document, secret string) string { return wire.Sign(doc, key(t, secret), wire.MD5) }
	spaced, trimmed := group(set("wishing", " 新年快乐 ")), group(set("wishing", "新年快乐"))
	typed := group(set("sign_type", "md5"))
	cases := map[string]struct {
		doc  wire.Document
		sign string
		says string
	}{
		"no sign":                   {doc, "", "没有 sign"},
		"a key that has ended":      {doc, sign(doc, keyOld), "用的是旧密钥（尾号 ef02），已轮换"},
		"the ticket's key":          {doc, sign(doc, ticket), "用的是别的密钥（票据密钥，尾号 abcd）"},
		"a stranger's key":          {doc, sign(doc, strings.Repeat("x", 32)), "种常见错误都对不上。多半是密钥不是这个商户的，或内容在签名后被改过"},
		"trimmed":                   {spaced, sign(trimmed, keyNew), "wishing 首尾的空白签名前被去掉，发送时还在"},
		"trimmed, by the other key": {spaced, sign(trimmed, keyNow), "wishing 首尾的空白签名前被去掉，发送时还在"},
		"yuan":                      {doc, sign(group(set("total_amount", "10.00")), keyNew), "total_amount 签的是 10.00，发的是 1000"},
		"wrong sign_type":           {typed, sign(typed, keyNew), "sign_type 只能是 MD5 或 HMAC-SHA256，收到的是 md5"},
	}
	for _, env := range []packet.Environment{packet.Sandbox, packet.Production} {
		r := setup(t, env, store.Settings{CertPolicy: "off"}, nil)
		r.now = r.now.Add(2 * time.Hour) // keyOld has ended
		_, err := r.engine.AddAPIKey(t.Context(), mchID, keyNew, time.Hour)
		must(t, err)
		must(t, r.engine.AddTicketKey(t.Context(), mchID, engine.TicketKey{ID: "k", Alg: "HS256", Secret: []byte(ticket)}))
		for name, c := range cases {
			body := wire.AppendRequest(nil, append(slices.Clone(c.doc), wire.Field{Name: "sign", Value: c.sign}))
			_, a, _ := r.post(wire.SendGroupRedPack.Path(), body)
			des := a.Value("err_code_des")
			if a.Value("err_code") != "SIGN_ERROR" || a.Has("sign") || a.Value("return_msg") != des || len([]rune(des)) > 128 {
				t.Errorf("%s, %s: %v", env, name, a)
			}
			if env == packet.Production && des != "签名错误" {
				t.Errorf("%s: production says %q", name, des)
			}
			if env == packet.Sandbox && (!strings.HasPrefix(des, "签名错误: ") || !strings.HasSuffix(des, c.says)) {
				t.Errorf("%s: the sandbox says %q, want %q", name, des, c.says)
			}
		}
	}
}

func TestASandboxSaysThatHMACIsWanted(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{HMACOnly: true}, nil)
	if a := r.send(group(nil)); a.Value("err_code_des") != "签名错误: 签名正确，但这个商户只接受 HMAC-SHA256" {
		t.Errorf("%v", a)
	}
}
