package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
)

const (
	mchID  = "10000098"
	appID  = "wx8888888888888888"
	seed   = "oxTWIuGaIt6gTKsQRLau2M0yL16E"
	apiKey = "HongbaoTestKey0123456789abcdef01"
)

// configuration is a sandbox in a folder, with its database made.
func configuration(t *testing.T, dir string) config.Config {
	t.Helper()
	return configurationOf(t, dir, database(t, dir))
}

func configurationOf(t *testing.T, dir string, d config.Database) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.BaseURL, cfg.Listen, cfg.OpsListen = "", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Limits.ClaimsPerS = 0
	cfg.Database = d
	keyFile := filepath.Join(dir, "instance.key")
	cfg.InstanceKey = config.Secret("file:" + keyFile)
	if _, err := os.Stat(keyFile); err == nil {
		return cfg
	}
	key := vault.Key{7}
	must(t, vault.WriteKey(keyFile, key))
	must(t, server.Create(t.Context(), cfg, key))
	return cfg
}

// database is of the engine that the environment asks for; the same in one folder.
func database(t *testing.T, dir string) config.Database {
	t.Helper()
	d := config.Database{Path: filepath.Join(dir, "hongbao.db"), Lanes: 1, CommitScope: storebed.Scope(), Distribution: pgtest.Distribution()}
	if !storebed.Postgres() {
		return d
	}
	file := filepath.Join(dir, "database.url")
	if _, err := os.Stat(file); err != nil {
		must(t, os.WriteFile(file, []byte(pgtest.Schema(t)), 0o600))
	}
	d.URL = config.Secret("file:" + file)
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs a server until stop, which tells how it ended.
func start(t *testing.T, cfg config.Config) (s *server.Server, stop func() error) {
	t.Helper()
	s, err := server.New(t.Context(), cfg, server.Options{Version: "test"})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		return <-served
	}
	t.Cleanup(func() {
		if !stopped {
			must(t, stop())
		}
	})
	return s, stop
}

// merchant gives a server its merchant.
func merchant(t *testing.T, s *server.Server, settings store.Settings) {
	t.Helper()
	settings.AppIDs, settings.Unlimited = []string{appID}, true
	must(t, s.Engine.AddMerchant(t.Context(), store.Merchant{MchID: mchID, Settings: settings}))
	_, err := s.Engine.AddAPIKey(t.Context(), mchID, apiKey, 0)
	must(t, err)
	_, err = s.Engine.Fund(t.Context(), mchID, 1000*money.Yuan, "start")
	must(t, err)
}

func client(t *testing.T, s *server.Server, tune func(*hongbao.Config)) *hongbao.Client {
	t.Helper()
	c := hongbao.Config{BaseURL: s.URL(), MchID: mchID, Key: apiKey}
	if tune != nil {
		tune(&c)
	}
	client, err := hongbao.New(c)
	must(t, err)
	return client
}

func riddle(billNo string) hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: appID, SendName: "天虹百货", ReOpenID: seed, TotalAmount: 1000, TotalNum: 3,
		Wishing: "感谢您参加猜灯谜活动", ActName: "猜灯谜", Remark: "快来抢",
	}
}

// browser is one claimant's browser.
type browser struct {
	t    *testing.T
	http *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	transport := &http.Transport{} // its own: a connection to a server that was stopped is no use
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t, &http.Client{Jar: jar, Transport: transport, Timeout: 10 * time.Second}}
}

// claimed is the answer to a claim.
type claimed struct {
	SendListID string `json:"send_listid"`
	Slot       int    `json:"slot"`
	Amount     int64  `json:"amount"`
	TotalNum   int    `json:"total_num"`
	Parent     *int   `json:"parent"`
	ClaimedAt  string `json:"claimed_at"`
	ShareURL   string `json:"share_url"`
	Payout     string `json:"payout"`
	Receipt    string `json:"receipt"`
	Code       string `json:"code"`
}

// claim signs in at a link under a name and claims.
func (b *browser) claim(link, name string) (int, claimed) {
	b.t.Helper()
	token := link[strings.LastIndex(link, "/")+1:]
	base := strings.TrimSuffix(link, "/p/"+token)
	resp, err := b.http.PostForm(base+"/auth/sandbox/"+token, url.Values{"name": {name}})
	must(b.t, err)
	must(b.t, resp.Body.Close())
	csrf := resp.Header.Get("HB-CSRF")
	if resp.StatusCode != http.StatusOK || csrf == "" {
		b.t.Fatalf("signing in: status %d, CSRF token %q", resp.StatusCode, csrf)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, link+"/claim", nil)
	must(b.t, err)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("HB-CSRF", csrf)
	resp, err = b.http.Do(req)
	must(b.t, err)
	defer resp.Body.Close()
	var c claimed
	must(b.t, json.NewDecoder(resp.Body).Decode(&c))
	return resp.StatusCode, c
}

// TestTheMainJob sends a packet by the SDK, opens it, passes it on, finishes it,
// pays it out, and asks what became of it; over a restart.
func TestTheMainJob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := configuration(t, dir)
	s, stop := start(t, cfg)
	merchant(t, s, store.Settings{})
	sent, err := client(t, s, nil).SendGroupRedPack(t.Context(), riddle("1"))
	must(t, err)

	if status, c := newBrowser(t).claim(sent.ClaimURL, "friend1"); status != http.StatusForbidden || c.Code != "seed_first" {
		t.Errorf("a friend before the seed: %d, %+v", status, c)
	}
	status, first := newBrowser(t).claim(sent.ClaimURL, seed)
	if status != http.StatusOK || first.Slot != 0 || first.Parent != nil || first.TotalNum != 3 || first.SendListID != sent.SendListID {
		t.Fatalf("the seed: %d, %+v", status, first)
	}
	_, second := newBrowser(t).claim(first.ShareURL, "friend1")
	if second.Parent == nil || *second.Parent != 0 {
		t.Errorf("who came by the seed's link: %+v", second)
	}

	must(t, stop())
	cfg.Listen = strings.TrimPrefix(s.URL(), "http://")
	s, _ = start(t, cfg)
	_, third := newBrowser(t).claim(second.ShareURL, "friend2")
	if third.Parent == nil || *third.Parent != 1 || first.Amount+second.Amount+third.Amount != 1000 {
		t.Errorf("after the restart: %+v", third)
	}
	if status, c := newBrowser(t).claim(third.ShareURL, "late"); status != http.StatusConflict || c.Code != "finished" {
		t.Errorf("a latecomer: %d, %+v", status, c)
	}
	again := paid(t, second.ShareURL, "friend1")
	if again.Payout = second.Payout; again.Receipt != second.Receipt || again.ClaimedAt != second.ClaimedAt || again.ShareURL != second.ShareURL || again.Amount != second.Amount {
		t.Errorf("asked again %+v, was %+v", again, second)
	}
	p, err := client(t, s, nil).QueryRedPack(t.Context(), hongbao.Query{MchBillNo: "1", AppID: appID})
	if err != nil || p.Status != "RECEIVED" || len(p.Claims) != 3 || p.Claims[2].OpenID != seed {
		t.Errorf("query: %+v, %v", p, err)
	}
}

// paid asks for a claimant's share until it has been paid.
func paid(t *testing.T, link, name string) claimed {
	t.Helper()
	b := newBrowser(t)
	for deadline := time.Now().Add(20 * time.Second); ; {
		status, c := b.claim(link, name)
		if c.Payout == "paid" {
			return c
		}
		if status != http.StatusOK || time.Now().After(deadline) {
			t.Fatalf("not paid: %d, %+v", status, c)
		}
	}
}

func TestOperatorsEdge(t *testing.T) {
	t.Parallel()
	s, _ := start(t, configuration(t, t.TempDir()))
	for path, want := range map[string]string{
		"/healthz": `"status":"ok","environment":"sandbox"`, "/readyz": `"status":"ok"`, "/metrics": "hongbao_claims_total 0",
	} {
		resp, err := http.Get(s.OpsURL() + path)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if !strings.HasPrefix(s.OpsURL(), "http://127.0.0.1:") {
		t.Errorf("the operator's edge is at %s", s.OpsURL())
	}
}

// TestNotReadyWithoutItsDatabase: who sends callers here learns that it cannot serve,
// and the operator why.
func TestNotReadyWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	s, _ := start(t, configuration(t, t.TempDir()))
	must(t, s.Store.Close())
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		status, body, err := fetch(t, s.OpsURL()+path)
		if status != want || !strings.Contains(body, `"status":"degraded"`) || strings.Count(body, `"store: `) != 1 || err != nil {
			t.Errorf("%s: %d %s, %v", path, status, body, err)
		}
	}
}

// TestStopAnswersWhatWasAccepted stops the server while requests are on their way.
func TestStopAnswersWhatWasAccepted(t *testing.T) {
	t.Parallel()
	s, stop := start(t, configuration(t, t.TempDir()))
	merchant(t, s, store.Settings{})
	c := client(t, s, nil)
	first, err := c.SendGroupRedPack(t.Context(), riddle("0"))
	must(t, err)

	// A stream of events must not keep the server up.
	stream, err := http.Get(first.ClaimURL + "/events")
	must(t, err)
	defer stream.Body.Close()

	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /mmpaymkttransfers/gethbinfo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	must(t, err)
	interim := make([]byte, 25)
	_, err = io.ReadFull(conn, interim) // the server has read the head and waits for the body
	must(t, err)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	if _, err := io.ReadAll(stream.Body); err != nil {
		t.Errorf("the stream was broken off: %v", err)
	}
	_, err = io.WriteString(conn, "<xml>")
	must(t, err)
	rest, err := io.ReadAll(conn)
	if err != nil || !bytes.Contains(rest, []byte("XML_ERROR")) {
		t.Errorf("an accepted request was answered %q, %v", rest, err)
	}
	must(t, <-stopped)
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://")); err == nil {
		t.Error("a stopped server listens")
	}
}

func TestWhatDoesNotBelongTogetherDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := configurationOf(t, dir, config.Database{Path: filepath.Join(dir, "hongbao.db"), Lanes: 1})
	other := filepath.Join(dir, "other.key")
	must(t, vault.WriteKey(other, vault.Key{8}))
	for want, change := range map[string]func(*config.Config){
		"a database never changes sides": func(c *config.Config) { c.Environment, c.Packets.Channel = packet.Production, "none" },
		"not the key":                    func(c *config.Config) { c.InstanceKey = config.Secret("file:" + other) },
		"run: hongbao init":              func(c *config.Config) { c.Database.Path = filepath.Join(dir, "none.db") },
		"instance_key: ":                 func(c *config.Config) { c.InstanceKey = "file:" + config.Secret(filepath.Join(dir, "none.key")) },
		"listen: ":                       func(c *config.Config) { c.Listen = "127.0.0.1:99999" },
		"tls: ":                          func(c *config.Config) { c.TLS = config.TLS{Cert: other, Key: other} },
		"tls: client_ca: ":               func(c *config.Config) { c.TLS = config.TLS{ClientCA: other} },
	} {
		c := cfg
		change(&c)
		if s, err := server.New(t.Context(), c, server.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", s, err, want)
		}
	}
	start(t, cfg) // after all of that
	if _, err := server.New(t.Context(), cfg, server.Options{}); err == nil || !strings.Contains(err.Error(), cfg.Database.Path) {
		t.Errorf("a second server on the database: %v", err)
	}
	if err := server.Create(t.Context(), cfg, vault.Key{7}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a database was made over another: %v", err)
	}
}

// certificate writes a self-signed certificate and its key, and returns its print.
func certificate(t *testing.T, dir, name string) (certFile, keyFile, sum string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	digest := sha256.Sum256(der)
	return certFile, keyFile, hex.EncodeToString(digest[:])
}

// TestClientCertificates speaks TLS: the pinned certificate is let in, a missing or
// another one is refused in words, after a handshake that succeeds.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := configuration(t, dir)
	serverCert, serverKey, _ := certificate(t, dir, "server")
	goodCert, goodKey, sum := certificate(t, dir, "good")
	otherCert, otherKey, _ := certificate(t, dir, "other")
	cfg.TLS = config.TLS{Cert: serverCert, Key: serverKey}
	s, _ := start(t, cfg)
	merchant(t, s, store.Settings{CertPolicy: "pinned", CertSHA256: []string{sum}})
	for name, c := range map[string]struct {
		secure hongbao.Secure
		code   string
	}{
		"pinned":  {hongbao.Secure{CertFile: goodCert, KeyFile: goodKey, RootFile: serverCert}, ""},
		"another": {hongbao.Secure{CertFile: otherCert, KeyFile: otherKey, RootFile: serverCert}, "CA_ERROR"},
		"none":    {hongbao.Secure{RootFile: serverCert}, "CA_ERROR"},
	} {
		_, err := client(t, s, func(conf *hongbao.Config) { conf.Secure = c.secure }).
			SendGroupRedPack(t.Context(), riddle("1"))
		var e *hongbao.Error
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.code != "" && (!errors.As(err, &e) || e.Code != c.code || e.Outcome() != hongbao.Refused):
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	old := &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(s.LocalURL(), "https://"), old); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}
