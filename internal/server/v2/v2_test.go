package v2_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/throttle"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
	"hongbao.example/hongbao/internal/wire"
)

const (
	mchID  = "10000098"
	keyNow = "HongbaoTestKey0123456789abcdef01"
	keyOld = "HongbaoOldKey_0123456789abcdef02"
	seed   = "oxTWIuGaIt6gTKsQRLau2M0yL16E"
)

// rig is the merchant's edge over a real engine and database.
type rig struct {
	t      *testing.T
	engine *engine.Engine
	store  store.Store
	cfg    v2.Config
	url    string
	now    time.Time
}

func setup(t *testing.T, env packet.Environment, settings store.Settings, tune func(*v2.Config)) *rig {
	t.Helper()
	start := time.Date(2026, 11, 24, 20, 15, 3, 0, packet.Beijing)
	r := &rig{t: t, now: start}
	s := storebed.New(t).Open(t)
	r.store = s
	var err error
	r.engine, err = engine.New(engine.Config{
		Store: s, Vault: vault.New(vault.Key{1}), Environment: env, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return r.now }, Elapsed: func() time.Duration { return r.now.Sub(start) },
		Channel: engine.Channel{Name: "sandbox", Min: 1, Cap: 20000}, Providers: "sandbox", SweepOff: true,
		Scope: engine.Scope(storebed.Scope()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if settings.AppIDs == nil {
		settings.AppIDs = []string{"wx8888888888888888"}
	}
	ctx := t.Context()
	must(t, r.engine.AddMerchant(ctx, store.Merchant{MchID: mchID, Settings: settings}))
	_, err = r.engine.AddAPIKey(ctx, mchID, keyOld, 0)
	must(t, err)
	_, err = r.engine.AddAPIKey(ctx, mchID, keyNow, time.Hour)
	must(t, err)
	_, err = r.engine.Fund(ctx, mchID, 1_000_000*money.Yuan, "start")
	must(t, err)
	cfg := v2.Config{
		Engine: r.engine, BaseURL: "https://hb.example", Log: slog.New(slog.DiscardHandler),
		Wait: 5 * time.Second, Life: 24 * time.Hour, Address: func(*http.Request) string { return "127.0.0.1" },
	}
	if tune != nil {
		tune(&cfg)
	}
	server := httptest.NewServer(v2.New(cfg))
	r.cfg, r.url = cfg, server.URL
	t.Cleanup(func() {
		server.Close()
		r.engine.Close()
	})
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// group is a good group request; change may spoil it.
func group(change func(*wire.Document)) wire.Document {
	doc := wire.Document{
		{Name: "nonce_str", Value: "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"},
		{Name: "mch_billno", Value: "10000098201411111234567890"},
		{Name: "mch_id", Value: mchID},
		{Name: "wxappid", Value: "wx8888888888888888"},
		{Name: "send_name", Value: "天虹百货"},
		{Name: "re_openid", Value: seed},
		{Name: "total_amount", Value: "1000"},
		{Name: "total_num", Value: "3"},
		{Name: "amt_type", Value: "ALL_RAND"},
		{Name: "wishing", Value: "感谢您参加猜灯谜活动，祝您元宵节快乐！"},
		{Name: "act_name", Value: "猜灯谜抢红包活动"},
		{Name: "remark", Value: "猜越多得越多，快来抢！"},
		{Name: "risk_info", Value: "posttime%3d123123412%26clientversion%3d234134%26mobile%3d122344545%26deviceid%3dIOS"},
	}
	if change != nil {
		change(&doc)
	}
	return doc
}

func set(name, value string) func(*wire.Document) {
	return func(d *wire.Document) {
		*d = slices.DeleteFunc(*d, func(f wire.Field) bool { return f.Name == name })
		if value != "" {
			*d = append(*d, wire.Field{Name: name, Value: value})
		}
	}
}

func both(changes ...func(*wire.Document)) func(*wire.Document) {
	return func(d *wire.Document) {
		for _, c := range changes {
			c(d)
		}
	}
}

func normal(change func(*wire.Document)) wire.Document {
	return group(both(set("total_num", "1"), set("amt_type", ""), set("client_ip", "127.0.0.1"), func(d *wire.Document) {
		if change != nil {
			change(d)
		}
	}))
}

func query(change func(*wire.Document)) wire.Document {
	doc := wire.Document{
		{Name: "nonce_str", Value: "x"},
		{Name: "mch_billno", Value: "10000098201411111234567890"},
		{Name: "mch_id", Value: mchID},
		{Name: "appid", Value: "wx8888888888888888"},
		{Name: "bill_type", Value: "MCHT"},
	}
	if change != nil {
		change(&doc)
	}
	return doc
}

func key(t *testing.T, text string) wire.Key {
	t.Helper()
	k, err := wire.NewKey(text)
	must(t, err)
	return k
}

// signed is doc as a body, signed with a key.
func signed(t *testing.T, doc wire.Document, secret string, alg wire.Algorithm) []byte {
	t.Helper()
	doc = append(slices.Clone(doc), wire.Field{Name: "sign", Value: wire.Sign(doc, key(t, secret), alg)})
	return wire.AppendRequest(nil, doc)
}

// post sends a body and reads the answer.
func (r *rig) post(path string, body []byte) (int, wire.Answer, http.Header) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+path, bytes.NewReader(body))
	must(r.t, err)
	return r.do(req)
}

func (r *rig) do(req *http.Request) (int, wire.Answer, http.Header) {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	must(r.t, err)
	return resp.StatusCode, read(r.t, resp), resp.Header
}

// read reads an answer.
func read(t *testing.T, resp *http.Response) wire.Answer {
	t.Helper()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	a, err := wire.ParseAnswer(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return a
}

func (r *rig) send(doc wire.Document) wire.Answer {
	r.t.Helper()
	status, a, _ := r.post(wire.SendGroupRedPack.Path(), signed(r.t, doc, keyNow, wire.MD5))
	if status != http.StatusOK {
		r.t.Fatalf("status %d: %v", status, a)
	}
	return a
}

func TestTheDocumentedSampleSucceedsSixTimes(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	first := r.send(group(nil))
	for range 5 {
		if again := r.send(group(set("nonce_str", rand.Text()))); fmt.Sprint(again) != fmt.Sprint(first) {
			t.Errorf("again %v, first %v", again, first)
		}
	}
	var names []string
	for _, f := range first.Document {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "return_code return_msg sign result_code err_code err_code_des mch_billno mch_id wxappid re_openid total_amount total_num send_listid claim_url" {
		t.Errorf("elements %s", got)
	}
	for name, want := range map[string]string{
		"return_code": "SUCCESS", "result_code": "SUCCESS", "err_code": "SUCCESS", "return_msg": "发放成功", "err_code_des": "发放成功",
		"mch_billno": "10000098201411111234567890", "mch_id": mchID, "wxappid": "wx8888888888888888", "re_openid": seed,
		"total_amount": "1000", "total_num": "3",
	} {
		if got := first.Value(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if id := first.Value("send_listid"); !strings.HasPrefix(id, "900020261124") || len(id) != 31 {
		t.Errorf("send_listid %s", id)
	}
	if url := first.Value("claim_url"); !strings.HasPrefix(url, "https://hb.example/p/") || len(url) != len("https://hb.example/p/")+36 {
		t.Errorf("claim_url %s", url)
	}
	if err := wire.VerifyAnswer(first, key(t, keyNow)); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerIsSignedAsItsRequest(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	for i, c := range []struct {
		secret string
		alg    wire.Algorithm
	}{{keyNow, wire.MD5}, {keyNow, wire.HMACSHA256}, {keyOld, wire.MD5}, {keyOld, wire.HMACSHA256}} {
		doc := group(set("mch_billno", fmt.Sprint("a", i)))
		_, a, _ := r.post(wire.SendGroupRedPack.Path(), signed(t, doc, c.secret, c.alg))
		if want := map[wire.Algorithm]int{wire.MD5: 32, wire.HMACSHA256: 64}[c.alg]; len(a.Value("sign")) != want {
			t.Errorf("case %d: sign %q", i, a.Value("sign"))
		}
		if err := wire.VerifyAnswer(a, key(t, c.secret)); err != nil || a.Value("result_code") != "SUCCESS" {
			t.Errorf("case %d: %v, %v", i, a, err)
		}
	}
	r.now = r.now.Add(2 * time.Hour)
	_, a, _ := r.post(wire.SendGroupRedPack.Path(), signed(t, group(set("mch_billno", "late")), keyOld, wire.MD5))
	if a.Value("err_code") != "SIGN_ERROR" || a.Has("sign") {
		t.Errorf("a key after its end: %v", a)
	}
}

// TestRefusals provokes every refusal of a send, in a sandbox: err_code, what the
// text must name, and whether the answer is signed. Nothing may be recorded.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	r.send(group(set("mch_billno", "used")))
	for name, c := range map[string]struct {
		doc        wire.Document
		code, says string
	}{
		"no nonce":            {group(set("nonce_str", "")), "PARAM_ERROR", "nonce_str"},
		"long nonce":          {group(set("nonce_str", strings.Repeat("x", 33))), "PARAM_ERROR", "nonce_str: 33"},
		"no bill number":      {group(set("mch_billno", "")), "PARAM_ERROR", "mch_billno"},
		"long bill number":    {group(set("mch_billno", strings.Repeat("1", 29))), "PARAM_ERROR", "mch_billno: 29"},
		"odd bill number":     {group(set("mch_billno", "a-b")), "PARAM_ERROR", `mch_billno: "a-b"`},
		"no appid":            {group(set("wxappid", "")), "PARAM_ERROR", "wxappid"},
		"another's appid":     {group(set("wxappid", "wx1")), "PARAM_ERROR", "wxappid"},
		"no sender":           {group(set("send_name", "")), "PARAM_ERROR", "send_name"},
		"long sender":         {group(set("send_name", strings.Repeat("店", 33))), "PARAM_ERROR", "send_name: 33"},
		"blank sender":        {group(set("send_name", "  ")), "PARAM_ERROR", "send_name"},
		"no receiver":         {group(set("re_openid", "")), "PARAM_ERROR", "re_openid"},
		"odd receiver":        {group(set("re_openid", "o x")), "PARAM_ERROR", "re_openid"},
		"no amount":           {group(set("total_amount", "")), "PARAM_ERROR", "total_amount"},
		"negative amount":     {group(set("total_amount", "-1")), "PARAM_ERROR", `total_amount: "-1"`},
		"yuan":                {group(set("total_amount", "1000.50")), "PARAM_ERROR", `total_amount: "1000.50"`},
		"2⁶³":                 {group(set("total_amount", "9223372036854775808")), "PARAM_ERROR", "total_amount"},
		"zero":                {group(set("total_amount", "0")), "PARAM_ERROR", "total_amount"},
		"leading zero":        {group(set("total_amount", "01000")), "PARAM_ERROR", "total_amount"},
		"two shares":          {group(set("total_num", "2")), "PARAM_ERROR", `total_num不能小于3 [total_num: "2"]`},
		"no number":           {group(set("total_num", "")), "PARAM_ERROR", "total_num"},
		"1001 shares":         {group(set("total_num", "1001")), "PARAM_ERROR", "total_num不能大于1000"},
		"no split":            {group(set("amt_type", "")), "PARAM_ERROR", "amt_type"},
		"another split":       {group(set("amt_type", "EQUAL")), "PARAM_ERROR", `amt_type: "EQUAL"`},
		"no wishing":          {group(set("wishing", "")), "PARAM_ERROR", "wishing"},
		"long wishing":        {group(set("wishing", strings.Repeat("福", 129))), "PARAM_ERROR", "wishing: 129"},
		"no activity":         {group(set("act_name", "")), "PARAM_ERROR", "act_name"},
		"long activity":       {group(set("act_name", strings.Repeat("a", 33))), "PARAM_ERROR", "act_name: 33"},
		"no remark":           {group(set("remark", "")), "PARAM_ERROR", "remark"},
		"long remark":         {group(set("remark", strings.Repeat("a", 257))), "PARAM_ERROR", "remark: 257"},
		"odd scene":           {group(set("scene_id", "PRODUCT_9")), "PARAM_ERROR", "scene_id"},
		"long risk info":      {group(set("risk_info", strings.Repeat("a", 129))), "PARAM_ERROR", "risk_info: 129"},
		"long sub merchant":   {group(set("sub_mch_id", strings.Repeat("1", 33))), "PARAM_ERROR", "sub_mch_id: 33"},
		"odd sub merchant":    {group(set("sub_mch_id", "abc <x>")), "PARAM_ERROR", "sub_mch_id"},
		"long payer":          {group(set("consume_mch_id", strings.Repeat("1", 33))), "PARAM_ERROR", "consume_mch_id: 33"},
		"long msgappid":       {group(set("msgappid", strings.Repeat("w", 33))), "PARAM_ERROR", "msgappid: 33"},
		"two faults":          {group(both(set("remark", ""), set("send_name", ""))), "PARAM_ERROR", "send_name"},
		"small average":       {group(set("total_amount", "299")), "MONEY_LIMIT", "1.00元到200.00元"},
		"large average":       {group(set("total_amount", "60001")), "MONEY_LIMIT", "1.00元到200.00元"},
		"large total":         {group(both(set("total_amount", "100001"), set("total_num", "10"))), "MONEY_LIMIT", "1000.00元"},
		"used, other amount":  {group(both(set("mch_billno", "used"), set("total_amount", "1001"))), "FATAL_ERROR", "更换了金额"},
		"used, other openid":  {group(both(set("mch_billno", "used"), set("re_openid", "x"))), "FATAL_ERROR", "更换了openid"},
		"used, other wishing": {group(both(set("mch_billno", "used"), set("wishing", "x"))), "FATAL_ERROR", "wishing"},
		"used, then no good":  {group(both(set("mch_billno", "used"), set("total_num", "2"))), "FATAL_ERROR", "total_num"},
	} {
		t.Run(name, func(t *testing.T) {
			status, a, _ := r.post(wire.SendGroupRedPack.Path(), signed(t, c.doc, keyNow, wire.MD5))
			if status != http.StatusOK || a.Value("return_code") != "SUCCESS" || a.Value("result_code") != "FAIL" || a.Value("err_code") != c.code {
				t.Errorf("status %d, answer %v, want %s", status, a, c.code)
			}
			if des := a.Value("err_code_des"); !strings.Contains(des, c.says) || a.Value("return_msg") != des || len([]rune(des)) > 128 {
				t.Errorf("text %q, want one with %q", des, c.says)
			}
			if err := wire.VerifyAnswer(a, key(t, keyNow)); err != nil {
				t.Error(err)
			}
		})
	}
	book, _, err := r.engine.Statement(t.Context(), mchID, 0, 1)
	if err != nil || book.Seq != 2 {
		t.Errorf("the account has %d entries after refusals, want 2: %v", book.Seq, err)
	}
}

// TestUnsignedRefusals are those before the signature has verified.
func TestUnsignedRefusals(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	good := string(signed(t, group(nil), keyNow, wire.MD5))
	for name, c := range map[string]struct {
		body         string
		status       int
		returns, err string
	}{
		"not XML":           {"mch_id=1", 200, "FAIL", "XML_ERROR"},
		"nothing":           {"", 200, "FAIL", "XML_ERROR"},
		"JSON":              {`{"mch_id":"10000098"}`, 200, "FAIL", "XML_ERROR"},
		"DOCTYPE":           {`<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + good, 200, "FAIL", "XML_ERROR"},
		"unknown entity":    {strings.Replace(good, "<![CDATA[wx8888888888888888]]>", "&a;", 1), 200, "FAIL", "XML_ERROR"},
		"65 KiB":            {"<xml>" + strings.Repeat(" ", 65<<10) + "</xml>", 413, "FAIL", "PARAM_ERROR"},
		"no merchant":       {"<xml><a>1</a></xml>", 200, "SUCCESS", "PARAM_ERROR"},
		"unknown merchant":  {"<xml><mch_id>404</mch_id></xml>", 200, "SUCCESS", "PARAM_ERROR"},
		"no sign":           {string(wire.AppendRequest(nil, group(nil))), 200, "SUCCESS", "SIGN_ERROR"},
		"wrong key":         {string(signed(t, group(nil), strings.Repeat("x", 32), wire.MD5)), 200, "SUCCESS", "SIGN_ERROR"},
		"changed after":     {strings.Replace(good, "[1000]", "[2000]", 1), 200, "SUCCESS", "SIGN_ERROR"},
		"wrong sign_type":   {string(signed(t, group(set("sign_type", "SHA1")), keyNow, wire.MD5)), 200, "SUCCESS", "SIGN_ERROR"},
		"another sign_type": {string(signed(t, group(set("sign_type", "HMAC-SHA256")), keyNow, wire.MD5)), 200, "SUCCESS", "SIGN_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			status, a, _ := r.post(wire.SendGroupRedPack.Path(), []byte(c.body))
			if status != c.status || a.Value("return_code") != c.returns || a.Value("err_code") != c.err || a.Value("result_code") != "FAIL" {
				t.Errorf("status %d, answer %v", status, a)
			}
			if a.Has("sign") {
				t.Error("signed before the signature had verified")
			}
			if a.Value("err_code") == "SIGN_ERROR" && a.Value("mch_billno") != "10000098201411111234567890" {
				t.Error("the refused request is not named")
			}
		})
	}
	if a := r.send(group(nil)); a.Value("result_code") != "SUCCESS" {
		t.Errorf("afterwards: %v", a)
	}
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	body := signed(t, group(nil), keyNow, wire.MD5)
	for path, want := range map[string]int{
		"/mmpaymkttransfers/sendgroupredpack":                   200,
		"//mmpaymkttransfers///sendgroupredpack":                200,
		"/sandboxnew/mmpaymkttransfers/sendgroupredpack":        200,
		"/xdc/apiv2sandbox//mmpaymkttransfers/sendgroupredpack": 200,
		"/mmpaymkttransfers/sendminiprogramhb":                  404,
		"/mmpaymkttransfers/":                                   404,
	} {
		if status, a, _ := r.post(path, body); status != want {
			t.Errorf("%s: status %d, %v", path, status, a)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+wire.SendGroupRedPack.Path(), nil)
	must(t, err)
	if status, a, h := r.do(req); status != http.StatusMethodNotAllowed || h.Get("Allow") != "POST" || a.Value("return_code") != "FAIL" {
		t.Errorf("GET: status %d, %v", status, a)
	}
	_, _, h := r.post(wire.SendGroupRedPack.Path(), body)
	if h.Get("Content-Type") != "text/xml; charset=utf-8" || h.Get("HB-Environment") != "sandbox" {
		t.Errorf("headers %v", h)
	}
	for _, kind := range []string{"", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "text/plain"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+wire.SendGroupRedPack.Path(), bytes.NewReader(body))
		must(t, err)
		req.Header["Content-Type"] = []string{kind}
		if status, a, _ := r.do(req); status != 200 || a.Value("result_code") != "SUCCESS" {
			t.Errorf("content type %q: status %d, %v", kind, status, a)
		}
	}
}

func TestNormalPacket(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	post := func(doc wire.Document) wire.Answer {
		_, a, _ := r.post(wire.SendRedPack.Path(), signed(t, doc, keyNow, wire.MD5))
		return a
	}
	a := post(normal(nil))
	if a.Value("result_code") != "SUCCESS" || a.Has("total_num") || a.Value("claim_url") == "" {
		t.Errorf("%v", a)
	}
	for name, c := range map[string]struct {
		doc  wire.Document
		says string
	}{
		"group fields": {group(set("mch_billno", "n1")), wire.SendGroupRedPack.Path()},
		"odd address":  {normal(both(set("mch_billno", "n2"), set("client_ip", "1.2.3"))), "client_ip"},
	} {
		if a := post(c.doc); a.Value("err_code") != "PARAM_ERROR" || !strings.Contains(a.Value("err_code_des"), c.says) {
			t.Errorf("%s: %v", name, a)
		}
	}
	if a := post(normal(both(set("mch_billno", "n3"), set("client_ip", "")))); a.Value("result_code") != "SUCCESS" {
		t.Errorf("without an address: %v", a)
	}
	other := group(both(set("total_num", "3")))
	if a := r.send(other); a.Value("err_code") != "FATAL_ERROR" {
		t.Errorf("the number on the other call: %v", a)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	ask := func(doc wire.Document) wire.Answer {
		_, a, _ := r.post(wire.GetHBInfo.Path(), signed(t, doc, keyNow, wire.MD5))
		if a.Has("sign") {
			t.Error("an answer to a query is signed")
		}
		return a
	}
	if a := ask(query(nil)); a.Value("err_code") != "NOT_FOUND" || a.Value("mch_billno") == "" || a.Value("mch_id") != mchID {
		t.Errorf("unknown number: %v", a)
	}
	sent := r.send(group(nil))
	id, _ := packet.ParseListID(sent.Value("send_listid"), packet.Sandbox)
	claim := func(who string, by int) engine.Claimed {
		c, err := r.engine.Claim(t.Context(), id, engine.Person{Space: "wx8888888888888888", Subject: who}, by, fault.OK)
		must(t, err)
		return c
	}
	a := ask(query(nil))
	if a.Value("status") != "SENT" || len(a.Claims) != 0 || a.Has("refund_amount") || a.Value("detail_id") != sent.Value("send_listid") ||
		a.Value("hb_type") != "GROUP" || a.Value("send_time") != "2026-11-24 20:15:03" || a.Value("err_code") != "SUCCESS" || a.Value("return_msg") != "OK" {
		t.Errorf("unopened: %v", a)
	}
	first := claim(seed, 0)
	r.now = r.now.Add(3 * time.Minute)
	second := claim("friend", 0)
	a = ask(query(nil))
	if a.Value("status") != "SENT" || len(a.Claims) != 2 || a.Claims[0].Value("openid") != "friend" || a.Claims[1].Value("openid") != seed ||
		a.Claims[0].Value("rcv_time") != "2026-11-24 20:18:03" || a.Claims[0].Value("amount") != fmt.Sprint(int64(second.Amount)) {
		t.Errorf("partly claimed: %v", a)
	}
	r.now = r.now.Add(24 * time.Hour)
	if a = ask(query(nil)); a.Value("status") != "RFUND_ING" {
		t.Errorf("at expiry: %v", a)
	}
	must(t, r.engine.End(t.Context(), id, "test"))
	rest := 1000 - first.Amount - second.Amount
	if a = ask(query(nil)); a.Value("status") != "REFUND" || a.Value("refund_amount") != fmt.Sprint(int64(rest)) || a.Value("refund_time") != "2026-11-25 20:18:03" || len(a.Claims) != 2 {
		t.Errorf("refunded: %v", a)
	}
	sent = r.send(group(set("mch_billno", "all")))
	id, _ = packet.ParseListID(sent.Value("send_listid"), packet.Sandbox)
	for i, who := range []string{seed, "a", "b"} {
		claim(who, i)
	}
	if a = ask(query(set("mch_billno", "all"))); a.Value("status") != "RECEIVED" || len(a.Claims) != 3 || a.Has("refund_amount") {
		t.Errorf("finished: %v", a)
	}
	r.now = r.now.Add(31 * 24 * time.Hour)
	_, err := r.engine.AddAPIKey(t.Context(), mchID, strings.Repeat("k", 32), 0)
	must(t, err)
	_, a, _ = r.post(wire.GetHBInfo.Path(), signed(t, query(set("mch_billno", "all")), strings.Repeat("k", 32), wire.MD5))
	if a.Value("err_code") != "NOT_FOUND" {
		t.Errorf("after 31 days: %v", a)
	}
}

func TestQueryRefusals(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	for name, c := range map[string]struct {
		change     func(*wire.Document)
		code, says string
	}{
		"no nonce":        {set("nonce_str", ""), "PARAM_ERROR", "nonce_str"},
		"odd number":      {set("mch_billno", "a b"), "PARAM_ERROR", "mch_billno"},
		"no appid":        {set("appid", ""), "PARAM_ERROR", "appid"},
		"another's appid": {set("appid", "wx1"), "NO_AUTH", "没有权限"},
		"another type":    {set("bill_type", "X"), "PARAM_ERROR", "bill_type"},
	} {
		_, a, _ := r.post(wire.GetHBInfo.Path(), signed(t, query(c.change), keyNow, wire.MD5))
		if a.Value("err_code") != c.code || !strings.Contains(a.Value("err_code_des"), c.says) {
			t.Errorf("%s: %v", name, a)
		}
	}
}

func TestSettingsOfAMerchant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings store.Settings
		alg      wire.Algorithm
		code     string
	}{
		"closed":        {store.Settings{SendClosed: true}, wire.MD5, "API_METHOD_CLOSED"},
		"HMAC only":     {store.Settings{HMACOnly: true}, wire.MD5, "SIGN_ERROR"},
		"HMAC it is":    {store.Settings{HMACOnly: true}, wire.HMACSHA256, "SUCCESS"},
		"zero":          {store.Settings{ErrCodeZero: true}, wire.MD5, "0"},
		"small average": {store.Settings{AverageMin: 334}, wire.MD5, "MONEY_LIMIT"},
		"large total":   {store.Settings{TotalMax: 999}, wire.MD5, "MONEY_LIMIT"},
		"pinned":        {store.Settings{CertPolicy: "pinned"}, wire.MD5, "CA_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t, packet.Sandbox, c.settings, nil)
			_, a, _ := r.post(wire.SendGroupRedPack.Path(), signed(t, group(nil), keyNow, c.alg))
			if a.Value("err_code") != c.code {
				t.Errorf("%v, want %s", a, c.code)
			}
		})
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{SendsPerSec: 1}, func(c *v2.Config) { c.Rate = throttle.New(10, 10) })
	codes := map[string]int{}
	for i := range 4 {
		codes[r.send(group(set("mch_billno", fmt.Sprint("r", i)))).Value("err_code")]++
	}
	if codes["SUCCESS"] != 2 || codes["SECOND_OVER_LIMITED"] != 2 {
		t.Errorf("a merchant's rate: %v", codes)
	}
	if a := r.send(group(set("mch_billno", "r0"))); a.Value("err_code") != "SUCCESS" {
		t.Errorf("a repeat over the rate: %v", a)
	}
	for range 6 {
		codes[r.send(group(set("mch_billno", "r0"))).Value("err_code")]++
	}
	if codes["FREQ_LIMIT"] != 1 || codes["SUCCESS"] != 7 {
		t.Errorf("an address's rate: %v", codes)
	}
}

func TestFundsAndProductionWords(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Production, store.Settings{CertPolicy: "off"}, nil)
	_, err := r.engine.Withdraw(t.Context(), mchID, 1_000_000*money.Yuan-999, "w")
	must(t, err)
	if a := r.send(group(nil)); a.Value("err_code") != "NOTENOUGH" || a.Value("send_listid") != "" {
		t.Errorf("%v", a)
	}
	if a := r.send(group(set("total_amount", "-1"))); a.Value("err_code_des") != "参数错误:红包金额参数错误" {
		t.Errorf("production adds to the text: %v", a)
	}
	_, err = r.engine.Fund(t.Context(), mchID, 1, "f")
	must(t, err)
	if a := r.send(group(nil)); a.Value("err_code") != "SUCCESS" || !strings.HasPrefix(a.Value("send_listid"), "1000") {
		t.Errorf("the same number after the top-up: %v", a)
	}
	status, a, _ := r.post("/sandboxnew"+wire.SendGroupRedPack.Path(), nil)
	if status != http.StatusNotFound || a.Value("return_code") != "FAIL" {
		t.Errorf("production answers a sandbox's path with %d, %v", status, a)
	}
}

func TestAStoppedEngineIsBusy(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	r.engine.Close()
	status, a, h := r.post(wire.SendGroupRedPack.Path(), signed(t, group(nil), keyNow, wire.MD5))
	if status != http.StatusServiceUnavailable || a.Value("err_code") != "SYSTEMERROR" || h.Get("Retry-After") == "" {
		t.Errorf("status %d, %v", status, a)
	}
}

// TestEveryFaultHasWords walks the closed list.
func TestEveryFaultHasWords(t *testing.T) {
	t.Parallel()
	for _, c := range fault.Codes() {
		if name, text := v2.Words(c); name == "" || text == "" && c != fault.Invalid && c != fault.Method && c != fault.TooLarge {
			t.Errorf("%v is answered %q, %q", c, name, text)
		}
	}
}
