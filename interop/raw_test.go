package interop_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
)

// zeroID is a merchant whose success code is 0.
const zeroID = "10000100"

// A talk is one library's conversation with the server, in its manner.
type talk struct {
	t *testing.T
	manner
	server *server.Server
	client *http.Client
	billNo string
}

// TestManners speaks to the server as libraries do that cannot be run here, and
// looks at every byte of what it says.
func TestManners(t *testing.T) {
	t.Parallel()
	s := serve(t, config.TLS{}, store.Settings{})
	ctx := t.Context()
	must(t, s.Engine.AddMerchant(ctx, store.Merchant{MchID: zeroID, Settings: store.Settings{AppIDs: []string{appID}, Unlimited: true, ErrCodeZero: true}}))
	_, err := s.Engine.AddAPIKey(ctx, zeroID, apiKey, 0)
	must(t, err)
	_, err = s.Engine.Fund(ctx, zeroID, 1000*money.Yuan, "start")
	must(t, err)
	client := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // few clients follow one with a POST
	}}
	for i, m := range manners {
		t.Run(m.library+": "+m.how, func(t *testing.T) {
			t.Parallel()
			talk := &talk{t: t, manner: m, server: s, billNo: fmt.Sprintf("M%05d", i), client: client}
			if sent := talk.send(); m.want == done {
				talk.goOn(sent)
			}
		})
	}
	t.Run("page", func(t *testing.T) { hold(t, "manners", mannersTable()) })
}

// send sends the library's packet and returns the answer, which is the one that
// the table says.
func (k *talk) send() reply {
	k.t.Helper()
	r := k.post(k.message())
	if got := r.reads(); got != k.want {
		k.t.Fatalf("the answer is %q, want %q: %s", got, k.want, r.body)
	}
	if des := r.value("err_code_des"); !strings.Contains(des, k.says) {
		k.t.Errorf("the text is %q, want one with %q", des, k.says)
	}
	if k.want == done && (r.value("err_code") == "0") != k.zero {
		k.t.Errorf("a success has the err_code %q", r.value("err_code"))
	}
	return r
}

// goOn repeats an accepted packet, spoils it, and asks what became of it.
func (k *talk) goOn(sent reply) {
	again := k.message()
	again.set("nonce_str", "another")
	if r := k.post(again); r.value("send_listid") != sent.value("send_listid") || r.value("claim_url") != sent.value("claim_url") {
		k.t.Errorf("the same request under another nonce_str: %s, the first: %s", r.body, sent.body)
	}
	again.set("total_amount", "1001")
	if r := k.post(again); r.reads() != "FATAL_ERROR" {
		k.t.Errorf("another amount: %s", r.body)
	}
	if r := k.postSigned(again, strings.Repeat("0", 32)); r.reads() != "SIGN_ERROR" {
		k.t.Errorf("a wrong sign: %s", r.body)
	}

	claimants, kind := []string{seed, "friend"}, "GROUP"
	if k.call == "sendredpack" {
		claimants, kind = claimants[:1], "NORMAL"
	}
	q := k.query(k.message().value("mch_billno"))
	if r := k.postQuery(q); r.value("status") != "SENT" || r.value("hb_type") != kind || len(r.claims) != 0 || r.value("detail_id") != sent.value("send_listid") {
		k.t.Errorf("a query: %s", r.body)
	}
	shares := open(k.t, k.server, sent.value("send_listid"), claimants...)
	r := k.postQuery(q)
	var got, want []string
	for _, claim := range slices.Backward(r.claims) { // newest first
		got = append(got, claim.value("openid")+" "+claim.value("amount"))
	}
	for i, who := range claimants {
		want = append(want, who+" "+fen(shares[i]))
	}
	if !slices.Equal(got, want) {
		k.t.Errorf("claims %q, want %q: %s", got, want, r.body)
	}
	if r := k.postQuery(k.query("unknown")); r.reads() != "NOT_FOUND" {
		k.t.Errorf("a query for another number: %s", r.body)
	}
}

// message is the library's request for a packet.
func (k *talk) message() message {
	m := message{
		{"mch_billno", k.billNo},
		{"mch_id", k.mchID()},
		{"wxappid", appID},
		{"send_name", "巷口茶铺"},
		{"re_openid", seed},
		{"total_amount", "1000"},
		{"total_num", "3"},
		{"amt_type", "ALL_RAND"},
		{"wishing", "新茶上市，见者有份"},
		{"act_name", "春茶节"},
		{"remark", "转给朋友再拆"},
		{"nonce_str", "7f3c9a1be2d84456"},
	}
	if k.call == "sendredpack" && k.want == done {
		m.set("total_amount", "100")
	}
	if k.adds != nil {
		k.adds(&m)
	}
	return m
}

func (k *talk) mchID() string {
	if k.zero {
		return zeroID
	}
	return mchID
}

// query is the library's request for what became of a packet.
func (k *talk) query(billNo string) message {
	m := message{{"nonce_str", "q"}, {"mch_billno", billNo}, {"mch_id", k.mchID()}, {"appid", appID}, {"bill_type", "MCHT"}}
	if k.asks != nil {
		k.asks(&m)
	}
	return m
}

// post sends a packet's request, signed.
func (k *talk) post(m message) reply {
	k.t.Helper()
	return k.postSigned(m, m.sign(k.unsigned, k.hmac))
}

func (k *talk) postSigned(m message, sign string) reply {
	k.t.Helper()
	call := k.call
	if call == "" {
		call = "sendgroupredpack"
	}
	return k.exchange(call, m, sign)
}

func (k *talk) postQuery(m message) reply {
	k.t.Helper()
	return k.exchange("gethbinfo", m, m.sign(k.unsigned, k.hmac))
}

// exchange sends a request in the library's manner, reads the answer, and holds it
// to what every library needs.
func (k *talk) exchange(call string, m message, sign string) reply {
	k.t.Helper()
	m = append(slices.Clone(m), pair{"sign", sign})
	if k.sorted {
		slices.SortFunc(m, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	}
	var body io.Reader = strings.NewReader(k.write(m))
	if k.chunked {
		body = struct{ io.Reader }{body}
	}
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.server.URL()+k.prefix+"/mmpaymkttransfers/"+call, body)
	must(k.t, err)
	if k.kind != "" {
		req.Header.Set("Content-Type", k.kind)
	}
	if k.expect {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := k.client.Do(req)
	must(k.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(k.t, err)
	r := readReply(k.t, string(text))
	checkTransport(k.t, resp, r)
	r.check(k.t, call, k.hmac)
	r.checkEcho(k.t, call, m)
	return r
}
