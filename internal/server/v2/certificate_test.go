package v2_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pki"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/wire"
)

// authority makes one at a time, and the pool that trusts it.
func authority(t *testing.T, now time.Time) (*pki.Authority, *x509.CertPool) {
	t.Helper()
	cert, key, err := pki.NewAuthority("test CA", now)
	must(t, err)
	a, err := pki.ReadAuthority(cert, key)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return a, pool
}

// issued is a client's certificate as TLS shows it.
func issued(t *testing.T, a *pki.Authority, mchID string, now time.Time, life time.Duration) *tls.Certificate {
	t.Helper()
	c, err := a.Issue(mchID, now, life)
	must(t, err)
	key, err := c.KeyPEM()
	must(t, err)
	pair, err := tls.X509KeyPair(c.PEM(), key)
	must(t, err)
	return &pair
}

// secure serves the same edge over TLS, as the server does.
func (r *rig) secure() {
	r.t.Helper()
	server := httptest.NewUnstartedServer(v2.New(r.cfg))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	r.t.Cleanup(server.Close)
	r.url = server.URL
}

// show sends a body over TLS with a client's certificate, nil for none.
func (r *rig) show(cert *tls.Certificate, body []byte) wire.Answer {
	r.t.Helper()
	conf := &tls.Config{InsecureSkipVerify: true}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Post(r.url+wire.SendGroupRedPack.Path(), "text/xml", bytes.NewReader(body))
	must(r.t, err)
	return read(r.t, resp)
}

// TestCertificatePolicies shows every kind of certificate to every policy. All get
// through the handshake; who is refused is told in words, unsigned.
func TestCertificatePolicies(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 20, 15, 3, 0, packet.Beijing)
	ours, pool := authority(t, start)
	theirs, _ := authority(t, start)
	certs := map[string]*tls.Certificate{
		"none":            nil,
		"ours":            issued(t, ours, mchID, start, 48*time.Hour),
		"ours, old":       issued(t, ours, mchID, start, time.Hour),
		"ours, another's": issued(t, ours, "10000099", start, 48*time.Hour),
		"theirs":          issued(t, theirs, mchID, start, 48*time.Hour),
		"theirs, old":     issued(t, theirs, mchID, start, time.Hour),
	}
	pin := func(names ...string) (sums []string) {
		for _, name := range names {
			sums = append(sums, pki.SHA256(certs[name].Leaf))
		}
		return sums
	}
	const wrong, over = "CA证书出错，请登录微信支付商户平台下载证书", "证书已过期"
	for policy, c := range map[string]struct {
		env      packet.Environment
		settings store.Settings
		pool     *x509.CertPool
		want     map[string]string // what is said to whom; "" and who is not named: welcome
		others   string            // what is said to the rest
	}{
		"off":                    {packet.Production, store.Settings{CertPolicy: store.CertOff}, nil, nil, ""},
		"none in a sandbox":      {packet.Sandbox, store.Settings{}, nil, nil, ""},
		"none in production":     {packet.Production, store.Settings{CertSHA256: pin("theirs")}, nil, map[string]string{"theirs": ""}, wrong},
		"pinned":                 {packet.Sandbox, store.Settings{CertPolicy: store.CertPinned, CertSHA256: pin("ours", "theirs, old")}, pool, map[string]string{"ours": "", "theirs, old": over}, wrong},
		"pinned, nothing pinned": {packet.Sandbox, store.Settings{CertPolicy: store.CertPinned}, pool, nil, wrong},
		"ca":                     {packet.Sandbox, store.Settings{CertPolicy: store.CertCA, CertSHA256: pin("theirs")}, pool, map[string]string{"ours": "", "ours, old": over}, wrong},
		"ca without one":         {packet.Sandbox, store.Settings{CertPolicy: store.CertCA}, nil, nil, wrong},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			r := setup(t, c.env, c.settings, func(cfg *v2.Config) { cfg.ClientCA = c.pool })
			r.secure()
			body := signed(t, group(nil), keyNow, wire.MD5)
			r.now = r.now.Add(30 * time.Minute)
			if c.want["ours, old"] == over {
				if a := r.show(certs["ours, old"], body); a.Value("result_code") != "SUCCESS" {
					t.Errorf("before its end: %v", a)
				}
			}
			r.now = r.now.Add(90 * time.Minute)
			for name, cert := range certs {
				says, named := c.want[name]
				if !named {
					says = c.others
				}
				a := r.show(cert, body)
				switch {
				case says == "" && a.Value("err_code") == "SUCCESS":
				case says != "" && a.Value("err_code") == "CA_ERROR" && a.Value("err_code_des") == says && a.Value("return_code") == "SUCCESS" &&
					!a.Has("sign") && !a.Has("wxappid") && a.Value("mch_billno") != "" && a.Value("mch_id") == mchID:
				default:
					t.Errorf("%s: %v, want %q", name, a, says)
				}
			}
		})
	}
}

// TestTheCertificateComesBeforeTheSign, and behind a proxy there is none to see.
func TestTheCertificateComesBeforeTheSign(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{CertPolicy: store.CertPinned}, nil)
	for name, body := range map[string][]byte{
		"well signed": signed(t, group(nil), keyNow, wire.MD5), "badly signed": signed(t, group(nil), strings.Repeat("x", 32), wire.MD5),
	} {
		if _, a, _ := r.post(wire.SendGroupRedPack.Path(), body); a.Value("err_code") != "CA_ERROR" {
			t.Errorf("%s: %v", name, a)
		}
	}
}

func TestAPolicyThatIsNotKnownLetsNobodyIn(t *testing.T) {
	t.Parallel()
	r := setup(t, packet.Sandbox, store.Settings{}, nil)
	must(t, r.store.Update(t.Context(), func(tx store.Tx) error {
		return tx.UpdateMerchant(store.Merchant{MchID: mchID, Settings: store.Settings{CertPolicy: "lax"}})
	}))
	r.now = r.now.Add(2 * time.Second)
	if a := r.send(group(nil)); a.Value("err_code") != "CA_ERROR" {
		t.Errorf("%v", a)
	}
}
