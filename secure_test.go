package hongbao_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/wire"
)

// certificate writes a self-signed client certificate for mchID and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: mchID}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", "CERTIFICATE", cert), write(t, "key.pem", "PRIVATE KEY", der)
}

func write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSecureShowsTheMerchantsCertificate(t *testing.T) {
	t.Parallel()
	names := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			names <- r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = w.Write(wire.AppendAnswer(nil, wire.Answer{Document: envelope("SUCCESS", "SUCCESS", "OK")}))
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	certFile, keyFile := certificate(t)
	roots := write(t, "root.pem", "CERTIFICATE", s.Certificate().Raw)

	for _, c := range []struct {
		secure hongbao.Secure
		want   string
	}{
		{hongbao.Secure{CertFile: certFile, KeyFile: keyFile, RootFile: roots}, mchID},
		{hongbao.Secure{RootFile: roots}, ""},
	} {
		client := newClient(t, s.URL, func(conf *hongbao.Config) { conf.Secure = c.secure })
		if _, err := client.SendGroupRedPack(t.Context(), group()); err != nil {
			t.Fatal(err)
		}
		got := ""
		select {
		case got = <-names:
		default:
		}
		if got != c.want {
			t.Errorf("the server saw a certificate of %q, want %q", got, c.want)
		}
	}

	_, err := newClient(t, s.URL).SendGroupRedPack(t.Context(), group())
	wantUnknown(t, err, "certificate")
}

func TestSecureRefuses(t *testing.T) {
	t.Parallel()
	certFile, keyFile := certificate(t)
	for name, c := range map[string]struct {
		secure hongbao.Secure
		client *http.Client
		says   string
	}{
		"a missing file":           {hongbao.Secure{CertFile: "nowhere.pem", KeyFile: keyFile}, nil, "two PEM files"},
		"a certificate alone":      {hongbao.Secure{CertFile: certFile}, nil, "two PEM files"},
		"a key alone":              {hongbao.Secure{KeyFile: keyFile}, nil, "two PEM files"},
		"files the wrong way":      {hongbao.Secure{CertFile: keyFile, KeyFile: certFile}, nil, "two PEM files"},
		"a missing root":           {hongbao.Secure{RootFile: "nowhere.pem"}, nil, "root certificates"},
		"a root that is a key":     {hongbao.Secure{RootFile: keyFile}, nil, "no PEM certificate"},
		"a client of one's own":    {hongbao.Secure{CertFile: certFile, KeyFile: keyFile}, http.DefaultClient, "either"},
		"a client and a root file": {hongbao.Secure{RootFile: certFile}, http.DefaultClient, "either"},
	} {
		_, err := hongbao.New(hongbao.Config{BaseURL: "https://hb.example", MchID: mchID, Key: keyText, Secure: c.secure, HTTPClient: c.client})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "hongbao: Secure: ") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
