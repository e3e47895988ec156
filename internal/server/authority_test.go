package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/pki"
	"hongbao.example/hongbao/internal/store"
)

// TestTheAuthorityOfTheConfiguration lets in whom it has signed for, and tells others
// why not after a handshake that succeeds.
func TestTheAuthorityOfTheConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := configuration(t, dir)
	serverCert, serverKey, _ := certificate(t, dir, "server")
	stranger, strangersKey, _ := certificate(t, dir, "stranger")
	caCert, caKey, err := pki.NewAuthority("test CA", time.Now())
	must(t, err)
	authority, err := pki.ReadAuthority(caCert, caKey)
	must(t, err)
	cfg.TLS = config.TLS{Cert: serverCert, Key: serverKey, ClientCA: filepath.Join(dir, "ca.pem")}
	must(t, os.WriteFile(cfg.TLS.ClientCA, caCert, 0o600))
	s, _ := start(t, cfg)
	merchant(t, s, store.Settings{CertPolicy: store.CertCA})

	// issue makes a certificate whose life began some time ago.
	issue := func(name, of string, ago, life time.Duration) hongbao.Secure {
		t.Helper()
		c, err := authority.Issue(of, time.Now().Add(-ago), life)
		must(t, err)
		key, err := c.KeyPEM()
		must(t, err)
		secure := hongbao.Secure{CertFile: filepath.Join(dir, name+".pem"), KeyFile: filepath.Join(dir, name+".key"), RootFile: serverCert}
		must(t, errors.Join(os.WriteFile(secure.CertFile, c.PEM(), 0o600), os.WriteFile(secure.KeyFile, key, 0o600)))
		return secure
	}
	for name, c := range map[string]struct {
		secure     hongbao.Secure
		code, says string
	}{
		"the merchant's":      {issue("good", mchID, 0, time.Hour), "", ""},
		"an expired one":      {issue("old", mchID, 2*time.Hour, time.Hour), "CA_ERROR", "证书已过期"},
		"another merchant's":  {issue("rival", "10000099", 0, time.Hour), "CA_ERROR", "CA证书出错，请登录微信支付商户平台下载证书"},
		"another authority's": {hongbao.Secure{CertFile: stranger, KeyFile: strangersKey, RootFile: serverCert}, "CA_ERROR", "CA证书出错，请登录微信支付商户平台下载证书"},
		"none":                {hongbao.Secure{RootFile: serverCert}, "CA_ERROR", "CA证书出错，请登录微信支付商户平台下载证书"},
	} {
		_, err := client(t, s, func(conf *hongbao.Config) { conf.Secure = c.secure }).SendGroupRedPack(t.Context(), riddle("1"))
		var e *hongbao.Error
		switch {
		case c.code == "" && err == nil:
		case c.code != "" && errors.As(err, &e) && e.Code == c.code && e.Message == c.says:
		default:
			t.Errorf("%s: %v, want %s %s", name, err, c.code, c.says)
		}
	}
}
