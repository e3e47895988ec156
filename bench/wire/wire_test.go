// Package wire_test measures what a signed request costs, beside what the standard
// library takes to read the same bytes, in one run: make bench.
package wire_test

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
	"hongbao.example/hongbao/internal/vault"
	"hongbao.example/hongbao/internal/wire"
)

const (
	mchID  = "10000098"
	secret = "HongbaoTestKey0123456789abcdef01"
)

// request is the documentation's group request, signed.
func request(tb testing.TB) ([]byte, wire.Key) {
	tb.Helper()
	key, err := wire.NewKey(secret)
	if err != nil {
		tb.Fatal(err)
	}
	var doc wire.Document
	for _, f := range [][2]string{
		{"nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"},
		{"mch_billno", "10000098201411111234567890"},
		{"mch_id", mchID},
		{"wxappid", "wx8888888888888888"},
		{"send_name", "天虹百货"},
		{"re_openid", "oxTWIuGaIt6gTKsQRLau2M0yL16E"},
		{"total_amount", "1000"},
		{"total_num", "3"},
		{"amt_type", "ALL_RAND"},
		{"wishing", "感谢您参加猜灯谜活动，祝您元宵节快乐！"},
		{"act_name", "猜灯谜抢红包活动"},
		{"remark", "猜越多得越多，快来抢！"},
		{"risk_info", "posttime%3d123123412%26clientversion%3d234134%26mobile%3d122344545%26deviceid%3dIOS"},
	} {
		doc.Add(f[0], f[1])
	}
	doc.Add("sign", wire.Sign(doc, key, wire.MD5))
	return wire.AppendRequest(nil, doc), key
}

// BenchmarkRequest has one sub-benchmark a way of reading the same request:
//
//	parse           our scanner
//	parse+verify    and the signature, all candidates
//	decide          the whole call: parse, verify, look the number up, answer, sign
//	encoding/xml    Unmarshal into named fields, and nothing else
func BenchmarkRequest(b *testing.B) {
	body, key := request(b)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.Parse(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse+verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			doc, err := wire.Parse(body)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := wire.Verify(wire.SendGroupRedPack, doc, key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decide", func(b *testing.B) {
		h := handler(b)
		b.ReportAllocs()
		for b.Loop() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, wire.SendGroupRedPack.Path(), bytes.NewReader(body)))
			if !bytes.Contains(w.Body.Bytes(), []byte("send_listid")) {
				b.Fatal(w.Body)
			}
		}
	})
	b.Run("encoding/xml", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var doc groupRequest
			if err := xml.Unmarshal(body, &doc); err != nil || doc.TotalNum != 3 {
				b.Fatal(err)
			}
		}
	})
}

// groupRequest is the request as a server without a scanner of its own reads it.
type groupRequest struct {
	Nonce     string `xml:"nonce_str"`
	BillNo    string `xml:"mch_billno"`
	MchID     string `xml:"mch_id"`
	AppID     string `xml:"wxappid"`
	SendName  string `xml:"send_name"`
	OpenID    string `xml:"re_openid"`
	Total     int64  `xml:"total_amount"`
	TotalNum  int    `xml:"total_num"`
	Type      string `xml:"amt_type"`
	Wishing   string `xml:"wishing"`
	Act       string `xml:"act_name"`
	Remark    string `xml:"remark"`
	Risk      string `xml:"risk_info"`
	Signature string `xml:"sign"`
}

// handler is the merchant's edge over a store in memory, so that no disk is measured.
func handler(b *testing.B) http.Handler {
	b.Helper()
	start := time.Now()
	e, err := engine.New(engine.Config{
		Store: storetest.NewMemory(), Vault: vault.New(vault.Key{1}), Environment: packet.Sandbox, Random: rand.Reader,
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Elapsed: func() time.Duration { return time.Since(start) },
		Channel: engine.Channel{Name: "none", Min: 1, Cap: 20000}, Providers: "ticket", SweepOff: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	m := store.Merchant{MchID: mchID, Settings: store.Settings{AppIDs: []string{"wx8888888888888888"}, Unlimited: true}}
	if err := e.AddMerchant(b.Context(), m); err != nil {
		b.Fatal(err)
	}
	if _, err := e.AddAPIKey(b.Context(), mchID, secret, 0); err != nil {
		b.Fatal(err)
	}
	if _, err := e.Fund(b.Context(), mchID, 1000*money.Yuan, "start"); err != nil {
		b.Fatal(err)
	}
	return v2.New(v2.Config{
		Engine: e, BaseURL: "https://hb.example", Log: slog.New(slog.DiscardHandler), Wait: time.Second, Life: time.Hour,
		Address: func(*http.Request) string { return "" },
	})
}
