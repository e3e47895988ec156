package hongbao_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/wire"
)

const (
	keyText = "HongbaoTestKey0123456789abcdef01"
	mchID   = "10000098"
	billNo  = "10000098202611240000000001"
)

func apiKey(t testing.TB) wire.Key {
	t.Helper()
	key, err := wire.NewKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A peer speaks the protocol: it checks each request and gives it to answer. What
// answer returns is printed, signed or not.
type peer struct {
	*httptest.Server

	mu       sync.Mutex // guards requests
	requests []wire.Document
}

func newPeer(t testing.TB, answer func(wire.Call, wire.Document) wire.Answer) *peer {
	t.Helper()
	key := apiKey(t)
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := wire.Call(strings.TrimPrefix(r.URL.Path, "/mmpaymkttransfers/"))
		body, _ := io.ReadAll(r.Body)
		doc, err := wire.Parse(body)
		if err != nil {
			t.Errorf("request %s: %v", body, err)
		}
		signed, _, err := wire.Verify(call, doc, key)
		if err != nil || len(signed) != len(doc)-1 {
			t.Errorf("request %s: %v, %d elements of %d signed", body, err, len(signed), len(doc)-1)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
			t.Errorf("%s with content type %q", r.Method, r.Header.Get("Content-Type"))
		}
		p.mu.Lock()
		p.requests = append(p.requests, doc)
		p.mu.Unlock()
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = w.Write(wire.AppendAnswer(nil, answer(call, doc)))
	}))
	t.Cleanup(p.Close)
	return p
}

// seen returns the requests so far.
func (p *peer) seen() []wire.Document {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// raw is a server that answers everything with one status and body.
func raw(t testing.TB, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t testing.TB, url string, change ...func(*hongbao.Config)) *hongbao.Client {
	t.Helper()
	conf := hongbao.Config{BaseURL: url, MchID: mchID, Key: keyText, Retry: hongbao.Retry{TriesMax: 1}}
	for _, f := range change {
		f(&conf)
	}
	c, err := hongbao.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func strict(c *hongbao.Config) { c.StrictAnswers = true }

func group() hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: "wx8888888888888888", SendName: "巷口茶铺", ReOpenID: "oSeedUser0000000000000000001",
		TotalAmount: 1000, TotalNum: 5, Wishing: "新茶上市，见者有份", ActName: "春茶节 <A&B>", Remark: "转给\r\n朋友]]>再拆", SceneID: "PRODUCT_2",
		RiskInfo: hongbao.RiskInfo{PostTime: time.Unix(123123412, 0), ClientVersion: "234134", Mobile: "122344545", DeviceID: "IOS"},
	}
}

func groupFields() hongbao.Fields {
	return hongbao.Fields{
		"mch_billno": billNo, "wxappid": "wx8888888888888888", "send_name": "巷口茶铺", "re_openid": "oSeedUser0000000000000000001",
		"total_amount": "1000", "total_num": "5", "amt_type": "ALL_RAND", "wishing": "新茶上市，见者有份", "act_name": "春茶节 <A&B>",
		"remark": "转给\r\n朋友]]>再拆", "scene_id": "PRODUCT_2",
		"risk_info": "posttime%3d123123412%26clientversion%3d234134%26mobile%3d122344545%26deviceid%3dIOS",
		"sign":      "stale", "sign_type": "", "nonce_str": "mine", "mch_id": mchID,
	}
}

// sent answers a send as done, signed with the test key.
func sent(t testing.TB) func(wire.Call, wire.Document) wire.Answer {
	t.Helper()
	return func(_ wire.Call, doc wire.Document) wire.Answer {
		return wire.SignAnswer(wire.Answer{Document: done(doc)}, apiKey(t), wire.MD5)
	}
}

func done(doc wire.Document) wire.Document {
	answer := envelope("SUCCESS", "SUCCESS", "发放成功")
	for _, name := range []string{"mch_billno", "mch_id", "wxappid", "re_openid", "total_amount", "total_num"} {
		answer.Add(name, doc.Value(name))
	}
	answer.Add("send_listid", "1000202611240000000000000000001")
	answer.Add("claim_url", "https://hb.example/p/token?a=1&b=2")
	return answer
}

func envelope(result, code, text string) wire.Document {
	return wire.Document{
		{Name: "return_code", Value: "SUCCESS"},
		{Name: "return_msg", Value: text},
		{Name: "result_code", Value: result},
		{Name: "err_code", Value: code},
		{Name: "err_code_des", Value: text},
	}
}

func TestEveryShapeOfTheCallSendsTheSame(t *testing.T) {
	t.Parallel()
	p := newPeer(t, sent(t))
	c := newClient(t, p.URL+"/")
	const name = "v2/mmpaymkttransfers/sendgroupredpack"
	for naming, endpoint := range map[string]*hongbao.Endpoint{
		"by field": c.V2.MMPayMktTransfers.SendGroupRedPack, "by chain": c.Chain(name), "by index": c.Endpoints[name],
	} {
		for kind, request := range map[string]hongbao.Request{"typed": group(), "a map": groupFields()} {
			for way, call := range map[string]func() (*hongbao.Answer, error){
				"sync":  func() (*hongbao.Answer, error) { return endpoint.Post(t.Context(), request) },
				"async": func() (*hongbao.Answer, error) { return endpoint.PostAsync(t.Context(), request).Wait(t.Context()) },
			} {
				answer, err := call()
				if err != nil {
					t.Fatalf("%s, %s, %s: %v", naming, kind, way, err)
				}
				if got := answer.Fields["claim_url"]; got != "https://hb.example/p/token?a=1&b=2" {
					t.Errorf("%s, %s, %s: claim_url %q", naming, kind, way, got)
				}
			}
		}
	}

	want := groupFields()
	for _, name := range []string{"nonce_str", "sign", "sign_type"} {
		delete(want, name)
	}
	nonces := map[string]bool{}
	for _, doc := range p.seen() {
		got := hongbao.Fields{}
		for _, f := range doc {
			got[f.Name] = f.Value
		}
		if nonce := got["nonce_str"]; !regexp.MustCompile(`^[0-9A-Za-z]{32}$`).MatchString(nonce) || nonces[nonce] {
			t.Errorf("nonce %q", nonce)
		}
		nonces[got["nonce_str"]] = true
		delete(got, "nonce_str")
		delete(got, "sign")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
	}
	if len(nonces) != 12 {
		t.Errorf("%d requests, want 12", len(nonces))
	}
}

func TestSendGroupRedPack(t *testing.T) {
	t.Parallel()
	p := newPeer(t, sent(t))
	for name, c := range map[string]*hongbao.Client{"plain": newClient(t, p.URL), "strict": newClient(t, p.URL, strict)} {
		got, err := c.SendGroupRedPack(t.Context(), group())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Fields["err_code"] != "SUCCESS" {
			t.Errorf("%s: raw fields %v", name, got.Fields)
		}
		got.Fields = nil
		want := &hongbao.Sent{
			MchBillNo: billNo, SendListID: "1000202611240000000000000000001", ClaimURL: "https://hb.example/p/token?a=1&b=2",
			ReOpenID: "oSeedUser0000000000000000001", TotalAmount: 1000, TotalNum: 5,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestSendRedPack(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(call wire.Call, doc wire.Document) wire.Answer {
		if call != wire.SendRedPack || doc.Value("total_num") != "1" || doc.Has("amt_type") || doc.Value("client_ip") != "192.0.2.1" {
			t.Errorf("%s of %v", call, doc)
		}
		return wire.Answer{Document: done(without(doc, "total_num"))}
	})
	got, err := newClient(t, p.URL).SendRedPack(t.Context(), hongbao.RedPack{
		MchBillNo: billNo, WxAppID: "wx1", SendName: "s", ReOpenID: "o", TotalAmount: 100, Wishing: "w", ClientIP: "192.0.2.1",
		ActName: "a", Remark: "r", Provider: hongbao.Provider{SubMchID: "1", MsgAppID: "wx2", ConsumeMchID: "2"},
	})
	if err != nil || got.TotalAmount != 100 || got.TotalNum != 0 || got.ClaimURL == "" {
		t.Errorf("%+v, %v", got, err)
	}
	if doc := p.seen()[0]; doc.Value("sub_mch_id")+doc.Value("msgappid")+doc.Value("consume_mch_id") != "1wx22" || doc.Has("scene_id") || doc.Has("risk_info") {
		t.Errorf("sent %v", doc)
	}
}

func without(doc wire.Document, name string) wire.Document {
	return slices.DeleteFunc(slices.Clone(doc), func(f wire.Field) bool { return f.Name == name })
}

func TestQueryRedPack(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(call wire.Call, doc wire.Document) wire.Answer {
		if call != wire.GetHBInfo || doc.Value("bill_type") != "MCHT" || doc.Value("appid") != "wx1" {
			t.Errorf("%s of %v", call, doc)
		}
		answer := envelope("SUCCESS", "SUCCESS", "OK")
		for _, pair := range [][2]string{
			{"mch_billno", billNo},
			{"mch_id", mchID},
			{"detail_id", "1000202611240000000000000000001"},
			{"status", "REFUND"},
			{"send_type", "API"},
			{"hb_type", "GROUP"},
			{"total_num", "5"},
			{"total_amount", "1000"},
			{"send_time", "2026-11-24 20:15:03"},
			{"refund_time", "2026-11-25 20:15:04"},
			{"refund_amount", "638"},
			{"wishing", "新茶上市，见者有份"},
		} {
			answer.Add(pair[0], pair[1])
		}
		return wire.Answer{Document: answer, Claims: []wire.Document{
			{{Name: "openid", Value: "oFriend"}, {Name: "amount", Value: "317"}, {Name: "rcv_time", Value: "2026-11-24 20:19:40"}},
			{{Name: "openid", Value: "oSeed"}, {Name: "amount", Value: "45"}, {Name: "rcv_time", Value: "2026-11-24 20:16:12"}},
		}}
	})
	got, err := newClient(t, p.URL, strict).QueryRedPack(t.Context(), hongbao.Query{MchBillNo: billNo, AppID: "wx1"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Fields["wishing"] != "新茶上市，见者有份" {
		t.Errorf("raw fields %v", got.Fields)
	}
	got.Fields = nil
	at := func(hour, minute, second int) time.Time {
		return time.Date(2026, 11, 24, hour-8, minute, second, 0, time.UTC)
	}
	want := &hongbao.Packet{
		MchBillNo: billNo, SendListID: "1000202611240000000000000000001", Status: hongbao.StatusRefunded, Group: true, TotalAmount: 1000, TotalNum: 5,
		SentAt: at(20, 15, 3), RefundedAt: at(44, 15, 4), RefundAmount: 638,
		Claims: []hongbao.Claim{{OpenID: "oFriend", Amount: 317, ClaimedAt: at(20, 19, 40)}, {OpenID: "oSeed", Amount: 45, ClaimedAt: at(20, 16, 12)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSignType(t *testing.T) {
	t.Parallel()
	p := newPeer(t, sent(t))
	hmac := newClient(t, p.URL, func(c *hongbao.Config) { c.SignType = "HMAC-SHA256" })
	plain := newClient(t, p.URL, func(c *hongbao.Config) { c.SignType = "MD5" })
	for _, c := range []*hongbao.Client{hmac, plain} {
		if _, err := c.SendGroupRedPack(t.Context(), group()); err != nil {
			t.Fatal(err)
		}
	}
	seen := p.seen()
	if seen[0].Value("sign_type") != "HMAC-SHA256" || len(seen[0].Value("sign")) != 64 {
		t.Errorf("HMAC-SHA256 sent as %v", seen[0])
	}
	if seen[1].Has("sign_type") || len(seen[1].Value("sign")) != 32 {
		t.Errorf("MD5 sent as %v", seen[1])
	}
}

// TestTheClientRefuses what it can see is not what was meant; nothing is sent.
func TestTheClientRefuses(t *testing.T) {
	t.Parallel()
	p := newPeer(t, sent(t))
	c := newClient(t, p.URL)
	send, query := c.V2.MMPayMktTransfers.SendGroupRedPack, c.V2.MMPayMktTransfers.GetHBInfo
	with := func(name, value string) hongbao.Fields {
		f := groupFields()
		f[name] = value
		return f
	}
	for name, r := range map[string]struct {
		endpoint *hongbao.Endpoint
		request  hongbao.Request
		field    string
	}{
		"no bill number":              {send, hongbao.GroupRedPack{TotalNum: 3}, "mch_billno"},
		"an empty bill number":        {send, with("mch_billno", ""), "mch_billno"},
		"no fields at all":            {send, hongbao.Fields(nil), "mch_billno"},
		"a name spelled wrong":        {send, with("wishng", "x"), "wishng"},
		"an element of another call":  {send, with("client_ip", "192.0.2.1"), "client_ip"},
		"the request of another call": {query, group(), "wxappid"},
		"a normal packet for a group": {query, hongbao.RedPack{MchBillNo: billNo, SendName: "x"}, "send_name"},
		"another merchant":            {send, with("mch_id", "10000099"), "mch_id"},
		"a control character":         {send, with("wishing", "a\x00b"), "wishing"},
		"broken UTF-8":                {send, with("remark", "\xFF"), "remark"},
		"no request":                  {send, nil, ""},
		"no endpoint":                 {c.Chain("v2/mmpaymkttransfers/sendminiprogramhb"), group(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := r.endpoint.Post(t.Context(), r.request)
			var e *hongbao.Error
			if !errors.As(err, &e) || e.Outcome() != hongbao.Refused || e.Code != "PARAM_ERROR" || e.Field != r.field || e.Advice() != hongbao.RetryFixed {
				t.Errorf("%#v, want a refusal of %q", err, r.field)
			}
			if _, asyncErr := r.endpoint.PostAsync(t.Context(), r.request).Wait(t.Context()); asyncErr == nil || asyncErr.Error() != err.Error() {
				t.Errorf("in the background: %v, want %v", asyncErr, err)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(p.seen()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*hongbao.Config){
		"no base URL":            func(c *hongbao.Config) { c.BaseURL = "" },
		"a host alone":           func(c *hongbao.Config) { c.BaseURL = "hb.example" },
		"another scheme":         func(c *hongbao.Config) { c.BaseURL = "ftp://hb.example" },
		"a password in the URL":  func(c *hongbao.Config) { c.BaseURL = "https://u:p@hb.example" },
		"a query in the URL":     func(c *hongbao.Config) { c.BaseURL = "https://hb.example?x=1" },
		"a broken URL":           func(c *hongbao.Config) { c.BaseURL = "https://%zz" },
		"no merchant":            func(c *hongbao.Config) { c.MchID = "" },
		"a merchant in letters":  func(c *hongbao.Config) { c.MchID = "abc" },
		"no key":                 func(c *hongbao.Config) { c.Key = "" },
		"a key with a line feed": func(c *hongbao.Config) { c.Key += "\n" },
		"another algorithm":      func(c *hongbao.Config) { c.SignType = "md5" },
		"fewer tries than none":  func(c *hongbao.Config) { c.Retry.TriesMax = -1 },
		"a time below zero":      func(c *hongbao.Config) { c.Retry.TimeMax = -1 },
		"a pause below zero":     func(c *hongbao.Config) { c.Retry.Pause = -1 },
	} {
		conf := hongbao.Config{BaseURL: "https://hb.example", MchID: mchID, Key: keyText}
		change(&conf)
		c, err := hongbao.New(conf)
		if err == nil || c != nil {
			t.Errorf("%s is accepted", name)
		} else if strings.Contains(err.Error(), keyText) || !strings.HasPrefix(err.Error(), "hongbao: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	conf := hongbao.Config{BaseURL: "http://127.0.0.1:1", MchID: mchID, Key: keyText, Retry: hongbao.Retry{TriesMax: 1}}
	c, err := hongbao.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&text, verb+verb+verb+verb, conf, conf.Key, c, *c.V2.MMPayMktTransfers.GetHBInfo)
	}
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "conf", conf, "key", conf.Key)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "conf", struct{ Key hongbao.Secret }{conf.Key}, "key", conf.Key)
	if err := json.NewEncoder(&text).Encode(conf.Key); err != nil {
		t.Fatal(err)
	}
	_, err = c.SendGroupRedPack(t.Context(), group())
	fmt.Fprint(&text, err, conf.Key.String())
	for _, form := range []string{keyText, fmt.Sprintf("%x", keyText), fmt.Sprintf("%d", []byte(keyText))} {
		if strings.Contains(text.String(), form) {
			t.Errorf("the key is in\n%s", text.String())
		}
	}
	if !strings.Contains(text.String(), "[secret]") {
		t.Errorf("no [secret] in\n%s", text.String())
	}
}

func TestRiskInfoEncode(t *testing.T) {
	t.Parallel()
	if got := (hongbao.RiskInfo{}).Encode(); got != "" {
		t.Errorf("nothing is written %q", got)
	}
	if got, want := (hongbao.RiskInfo{DeviceID: "00:1B", Mobile: "86-1"}).Encode(), "mobile%3d86-1%26deviceid%3d00%3a1B"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestFuture has the peer hold its answer back until told.
func TestFuture(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := newPeer(t, func(call wire.Call, doc wire.Document) wire.Answer {
		<-release
		return sent(t)(call, doc)
	})
	c := newClient(t, p.URL)
	future := c.Chain("/v2/mmpaymkttransfers/sendgroupredpack/").PostAsync(t.Context(), group())
	chained := future.Then(func(a *hongbao.Answer, err error) (*hongbao.Answer, error) {
		if err != nil || a.Fields["mch_billno"] != billNo {
			t.Errorf("Then got %v, %v", a, err)
		}
		return nil, io.EOF
	})

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := future.Wait(ended)
	if hongbao.OutcomeOf(err) != hongbao.Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("waiting was given up with %v", err)
	}
	select {
	case <-future.Done():
		t.Error("done before the answer")
	default:
	}
	close(release)
	<-future.Done()
	if a, err := future.Wait(ended); err != nil || a.Fields["mch_billno"] != billNo {
		t.Errorf("a call that has ended: %v, %v", a, err)
	}
	if _, err := chained.Wait(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("the chained future ended with %v", err)
	}
}
