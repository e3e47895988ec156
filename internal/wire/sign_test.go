package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
)

const keyText = "HongbaoTestKey0123456789abcdef01"

// request returns a group request whose elements take part in every candidate.
func request() wire.Document {
	return wire.Document{
		{"mch_billno", "10000098202611240000000001"},
		{"mch_id", "10000098"},
		{"wxappid", "wx8888888888888888"},
		{"total_amount", "1000"},
		{"amt_type", "ALL_RAND"},
		{"nonce_str", "7f3c9a1be2d84456"},
	}
}

func signed(doc wire.Document, sign string) wire.Document {
	return append(slices.Clone(doc), wire.Field{Name: "sign", Value: sign})
}

// TestVerifyCandidates has a row for each way in which client libraries sign:
// what travels, which of it they sign, and what must come through.
func TestVerifyCandidates(t *testing.T) {
	t.Parallel()
	signType := wire.Field{Name: "sign_type", Value: "MD5"}
	subAppID := wire.Field{Name: "sub_appid", Value: "wx1111111111111111"}
	subMchID := wire.Field{Name: "sub_mch_id", Value: "10000090"}
	clientIP := wire.Field{Name: "client_ip", Value: "192.0.2.1"}
	unknown := wire.Field{Name: "logo_imgurl", Value: "x"}
	empty := wire.Field{Name: "scene_id"}

	for name, c := range map[string]struct {
		call   wire.Call
		extra  []wire.Field // what travels besides the request
		leaves []string     // what is not signed
		ok     bool
	}{
		"everything, nothing more":                      {wire.SendGroupRedPack, nil, nil, true},
		"everything, and an unknown element":            {wire.SendGroupRedPack, []wire.Field{unknown}, nil, true},
		"everything, and sign_type":                     {wire.SendGroupRedPack, []wire.Field{signType}, nil, true},
		"everything but sign_type":                      {wire.SendGroupRedPack, []wire.Field{signType}, []string{"sign_type"}, true},
		"the documented elements":                       {wire.SendGroupRedPack, []wire.Field{signType, subAppID, subMchID, clientIP, unknown}, []string{"sign_type", "sub_appid", "client_ip", "logo_imgurl"}, true},
		"the documented elements of the normal call":    {wire.SendRedPack, []wire.Field{clientIP, unknown}, []string{"amt_type", "logo_imgurl"}, true},
		"client_ip on a group call, without sign_type":  {wire.SendGroupRedPack, []wire.Field{clientIP, signType, subAppID}, []string{"sign_type", "sub_appid"}, true},
		"a query by a service provider":                 {wire.GetHBInfo, []wire.Field{unknown, subMchID, signType}, []string{"sub_mch_id", "sign_type"}, true},
		"an empty element, unsigned":                    {wire.SendGroupRedPack, []wire.Field{empty}, nil, true},
		"sub_mch_id left out of a send":                 {wire.SendGroupRedPack, []wire.Field{subMchID}, []string{"sub_mch_id"}, false},
		"an amount left out":                            {wire.SendGroupRedPack, nil, []string{"total_amount"}, false},
		"client_ip left out of a normal call":           {wire.SendRedPack, []wire.Field{clientIP}, []string{"client_ip"}, false},
		"an unknown element signed, client_ip left out": {wire.SendGroupRedPack, []wire.Field{unknown, clientIP}, []string{"client_ip"}, false},
		"sign_type signed, an unknown element left out": {wire.SendGroupRedPack, []wire.Field{unknown, signType}, []string{"logo_imgurl"}, false},
	} {
		for _, alg := range []wire.Algorithm{wire.MD5, wire.HMACSHA256} {
			t.Run(name+", "+alg.String(), func(t *testing.T) {
				t.Parallel()
				key := newKey(t, keyText)
				doc := request()
				for _, f := range c.extra {
					if f.Name == "sign_type" {
						f.Value = alg.String()
					}
					doc = append(doc, f)
				}
				want := without(doc, c.leaves...)
				doc = signed(doc, wire.Sign(want, key, alg))
				got, gotAlg, err := wire.Verify(c.call, doc, key)
				if !c.ok {
					if !errors.Is(err, wire.ErrSign) || got != nil {
						t.Errorf("verified as %v, %v, want ErrSign", got, err)
					}
					return
				}
				if diff := cmp.Diff(want, got); diff != "" || err != nil || gotAlg != alg {
					t.Errorf("%v, %v (-want +got)\n%s", gotAlg, err, diff)
				}
			})
		}
	}
}

func TestVerifySignAndSignType(t *testing.T) {
	t.Parallel()
	key := newKey(t, keyText)
	md5, hmac := wire.Sign(request(), key, wire.MD5), wire.Sign(request(), key, wire.HMACSHA256)
	flipped := map[byte]string{'0': "1"}[md5[0]]
	if flipped == "" {
		flipped = "0"
	}
	for name, c := range map[string]struct {
		signType, sign string
		ok             bool
	}{
		"MD5 by its length":              {"", md5, true},
		"HMAC-SHA256 by its length":      {"", hmac, true},
		"lower-case hex":                 {"", strings.ToLower(md5), true},
		"mixed hex":                      {"", md5[:7] + strings.ToLower(md5[7:]), true},
		"MD5 stated":                     {"MD5", md5, true},
		"HMAC-SHA256 stated":             {"HMAC-SHA256", hmac, true},
		"MD5 stated, HMAC-SHA256 given":  {"MD5", hmac, false},
		"HMAC-SHA256 stated, MD5 given":  {"HMAC-SHA256", md5, false},
		"another algorithm":              {"SHA256", hmac, false},
		"an algorithm in lower case":     {"md5", md5, false},
		"no sign":                        {"", "", false},
		"a short sign":                   {"", md5[:31], false},
		"a long sign":                    {"", md5 + "0", false},
		"a byte too many":                {"", md5 + "00", false},
		"not hex":                        {"", "G" + md5[1:], false},
		"blanks around it":               {"", " " + md5, false},
		"another first digit":            {"", flipped + md5[1:], false},
		"HMAC-SHA256 cut to MD5's size":  {"", hmac[:32], false},
		"MD5 padded to HMAC's size":      {"", md5 + md5, false},
		"a digest of the empty document": {"", wire.Sign(nil, key, wire.MD5), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := signed(request(), c.sign)
			doc.Add("sign_type", c.signType)
			_, _, err := wire.Verify(wire.SendGroupRedPack, doc, key)
			if c.ok && err != nil || !c.ok && !errors.Is(err, wire.ErrSign) {
				t.Errorf("%v, want ok = %v", err, c.ok)
			}
		})
	}
}

func TestVerifyRefusesAnotherKeyAndNoKey(t *testing.T) {
	t.Parallel()
	doc := signed(request(), wire.Sign(request(), newKey(t, keyText), wire.MD5))
	other := newKey(t, strings.Repeat("0", 32))
	for name, key := range map[string]wire.Key{"another key": other, "the zero key": {}} {
		if got, _, err := wire.Verify(wire.SendGroupRedPack, doc, key); !errors.Is(err, wire.ErrSign) || got != nil {
			t.Errorf("%s: verified as %v, %v", name, got, err)
		}
		if err := wire.VerifyAnswer(wire.Answer{Document: doc}, key); !errors.Is(err, wire.ErrSign) {
			t.Errorf("%s: an answer verified, %v", name, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("the zero key signs")
		}
	}()
	wire.Sign(request(), wire.Key{}, wire.MD5)
}

func TestSignAnswer(t *testing.T) {
	t.Parallel()
	key := newKey(t, keyText)
	answer := wire.Answer{Document: wire.Document{
		{"return_code", "SUCCESS"}, {"return_msg", "a\r\nb\x00"}, {"sign", "stale"}, {"result_code", "SUCCESS"}, {"err_code", ""},
	}}
	for _, alg := range []wire.Algorithm{wire.MD5, wire.HMACSHA256} {
		got := wire.SignAnswer(answer, key, alg)
		var names []string
		for _, f := range got.Document {
			names = append(names, f.Name)
		}
		if diff := cmp.Diff([]string{"return_code", "return_msg", "sign", "result_code"}, names); diff != "" {
			t.Errorf("elements (-want +got)\n%s", diff)
		}
		read, err := wire.ParseAnswer(wire.AppendAnswer(nil, got))
		if err != nil {
			t.Fatal(err)
		}
		if err := wire.VerifyAnswer(read, key); err != nil {
			t.Errorf("%v: what is read back does not verify: %v", alg, err)
		}
		if diff := cmp.Diff(got, read); diff != "" {
			t.Errorf("what is read back is not what was signed (-want +got)\n%s", diff)
		}
		read.Document[len(read.Document)-1].Value = "FAIL"
		if err := wire.VerifyAnswer(read, key); !errors.Is(err, wire.ErrSign) {
			t.Errorf("%v: a changed answer verifies: %v", alg, err)
		}
	}
	if err := wire.VerifyAnswer(answer, key); !errors.Is(err, wire.ErrSign) {
		t.Errorf("an answer with a stale sign verifies: %v", err)
	}
	if got := wire.SignAnswer(wire.Answer{Document: wire.Document{{"a", "1"}}}, key, wire.MD5); got.Document[0].Name != "sign" {
		t.Errorf("without return_msg the sign stands at %v", got.Document)
	}
	if answer.Document[2].Value != "stale" || len(answer.Document) != 5 {
		t.Error("SignAnswer changed its argument")
	}
}

func TestKeyPrintsNothing(t *testing.T) {
	t.Parallel()
	key := newKey(t, keyText)
	type holder struct {
		Public  wire.Key
		private wire.Key
		Pointer *wire.Key
	}
	h := holder{key, key, &key}
	var text bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "key", key, "holder", h, "pointer", &key)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "key", key, "holder", h, "pointer", &key)
	for _, v := range []any{key, &key, h, &h, []wire.Key{key}, map[string]wire.Key{"k": key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T"} {
			fmt.Fprintf(&text, verb+"\n", v)
		}
		if err := json.NewEncoder(&text).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(&text, key.String(), key.GoString(), errors.Join(wire.ErrKey))
	for _, form := range []string{keyText, fmt.Sprintf("%x", keyText), fmt.Sprintf("%X", keyText), fmt.Sprintf("%d", []byte(keyText))} {
		if strings.Contains(text.String(), form) {
			t.Fatalf("the key is in\n%s", text.String())
		}
	}
	if got := fmt.Sprintf("%v %s %#v %d", key, key, key, key); got != "[secret] [secret] [secret] [secret]" {
		t.Errorf("a key prints %s", got)
	}
	if n := strings.Count(text.String(), "[secret]"); n < 20 {
		t.Errorf("only %d times [secret] in\n%s", n, text.String())
	}
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", keyText[1:], keyText + "0", keyText[1:] + "\n", keyText[1:] + " ", keyText[2:] + "é"} {
		if _, err := wire.NewKey(text); !errors.Is(err, wire.ErrKey) {
			t.Errorf("NewKey(%q): %v", text, err)
		}
	}
}
