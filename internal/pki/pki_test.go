package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/pki"
)

const mchID = "10000098"

var day = time.Date(2026, 11, 24, 20, 15, 3, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// authority makes one, and the pool that trusts it.
func authority(t *testing.T, now time.Time) (*pki.Authority, *x509.CertPool) {
	t.Helper()
	cert, key, err := pki.NewAuthority("test CA", now)
	must(t, err)
	a, err := pki.ReadAuthority(cert, key)
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cert) {
		t.Fatal("the authority's certificate is not PEM")
	}
	return a, pool
}

func issue(t *testing.T, a *pki.Authority, life time.Duration) *pki.Certificate {
	t.Helper()
	c, err := a.Issue(mchID, day, life)
	must(t, err)
	return c
}

func TestWhatIsIssuedHolds(t *testing.T) {
	t.Parallel()
	a, pool := authority(t, day)
	other, others := authority(t, day)
	good, foreign := issue(t, a, 24*time.Hour), issue(t, other, 24*time.Hour)
	chain := func(c *pki.Certificate) []*x509.Certificate { return []*x509.Certificate{c.Certificate} }
	for name, c := range map[string]struct {
		pool  *x509.CertPool
		chain []*x509.Certificate
		mchID string
		now   time.Time
		says  string
	}{
		"good":                          {pool, chain(good), mchID, day, ""},
		"until its last second":         {pool, chain(good), mchID, day.Add(24 * time.Hour), ""},
		"expired":                       {pool, chain(good), mchID, day.Add(24*time.Hour + time.Second), "expired"},
		"before its time":               {pool, chain(good), mchID, day.Add(-2 * time.Hour), "not yet valid"},
		"of another merchant":           {pool, chain(good), "10000099", day, mchID},
		"of another, and expired":       {pool, chain(good), "10000099", day.Add(48 * time.Hour), mchID},
		"another authority's":           {pool, chain(foreign), mchID, day, "authority"},
		"of another's, and expired":     {pool, chain(foreign), mchID, day.Add(48 * time.Hour), "authority"},
		"the other pool":                {others, chain(foreign), mchID, day, ""},
		"none":                          {pool, nil, mchID, day, "no certificate"},
		"no authority":                  {nil, chain(good), mchID, day, "no authority"},
		"a stranger in front of a good": {pool, append(chain(foreign), good.Certificate), mchID, day, "authority"},
	} {
		err := pki.Verify(c.pool, c.chain, c.mchID, c.now)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if errors.Is(err, pki.ErrExpired) != (c.says == "expired") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACertificateForServersIsNone, though an authority that signs for servers as well
// is trusted, and its subject is the merchant.
func TestACertificateForServersIsNone(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	pool := x509.NewCertPool()
	ca := &x509.Certificate{
		Subject: pkix.Name{CommonName: "anything"}, NotBefore: day, NotAfter: day.Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}
	sign := func(template *x509.Certificate) *x509.Certificate {
		t.Helper()
		der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), key)
		must(t, err)
		cert, err := x509.ParseCertificate(der)
		must(t, err)
		return cert
	}
	pool.AddCert(sign(ca))
	for usage, good := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
		leaf := sign(&x509.Certificate{
			Subject: pkix.Name{CommonName: mchID}, NotBefore: day, NotAfter: day.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
		})
		if err := pki.Verify(pool, []*x509.Certificate{leaf}, mchID, day); (err == nil) != good {
			t.Errorf("usage %d: %v", usage, err)
		}
	}
}

// TestTheAuthorityIsForClientsAlone: neither it nor what it signs passes for a web
// server, and what it signs can sign nothing.
func TestTheAuthorityIsForClientsAlone(t *testing.T) {
	t.Parallel()
	a, pool := authority(t, day)
	c := issue(t, a, time.Hour)
	_, err := c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: day, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err == nil {
		t.Error("it passes for a server's")
	}
	if c.IsCA || !c.BasicConstraintsValid || c.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("CA %t, key usage %b", c.IsCA, c.KeyUsage)
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("a key of type %T", c.PublicKey)
	}
	if again := issue(t, a, time.Hour); again.SerialNumber.Cmp(c.SerialNumber) == 0 || pki.SHA256(again.Certificate) == pki.SHA256(c.Certificate) {
		t.Error("two certificates are told apart by nothing")
	}
}

func TestNoCertificateOutlivesItsAuthority(t *testing.T) {
	t.Parallel()
	a, _ := authority(t, day)
	if _, err := a.Issue(mchID, day, a.NotAfter().Sub(day)+time.Second); err == nil || !strings.Contains(err.Error(), "2036-11-21") {
		t.Errorf("error %v", err)
	}
	if c := issue(t, a, a.NotAfter().Sub(day)); !c.NotAfter.Equal(a.NotAfter()) {
		t.Errorf("until %s, the authority until %s", c.NotAfter, a.NotAfter())
	}
}

func TestReadAuthorityRefuses(t *testing.T) {
	t.Parallel()
	cert, key, err := pki.NewAuthority("a", day)
	must(t, err)
	_, otherKey, err := pki.NewAuthority("b", day)
	must(t, err)
	damaged := func(text []byte) []byte { return bytes.Replace(text, []byte("\nM"), []byte("\nA"), 1) }
	for name, c := range map[string]struct{ cert, key []byte }{
		"no certificate":        {nil, key},
		"a key for it":          {key, key},
		"a damaged certificate": {damaged(cert), key},
		"no key":                {cert, nil},
		"a certificate for it":  {cert, cert},
		"a damaged key":         {cert, damaged(key)},
		"another's key":         {cert, otherKey},
	} {
		if _, err := pki.ReadAuthority(c.cert, c.key); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// files writes what a client is given into a folder.
func files(t *testing.T, c *pki.Certificate) (dir string) {
	t.Helper()
	dir = t.TempDir()
	key, err := c.KeyPEM()
	must(t, err)
	p12, err := c.PKCS12(mchID)
	must(t, err)
	for name, text := range map[string][]byte{"cert.pem": c.PEM(), "key.pem": key, "cert.p12": p12} {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return dir
}

// run runs a program in a folder and returns what it says.
func run(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestOpenSSLReadsIt, without its legacy provider.
func TestOpenSSLReadsIt(t *testing.T) {
	t.Parallel()
	a, _ := authority(t, day)
	c := issue(t, a, time.Hour)
	dir := files(t, c)
	out, err := run(t, dir, "openssl", "pkcs12", "-in", "cert.p12", "-passin", "pass:"+mchID, "-nodes")
	key, _ := c.KeyPEM()
	if err != nil || !strings.Contains(out, string(c.PEM())) || !strings.Contains(out, string(key)) || strings.Count(out, "BEGIN CERTIFICATE") != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run(t, dir, "openssl", "pkcs12", "-in", "cert.p12", "-passin", "pass:10000099", "-nodes"); err == nil {
		t.Errorf("another password opens it: %s", out)
	}
}

// TestClientsShowIt lets programs of others show certificate and key to a server, by
// PKCS#12 and by PEM.
func TestClientsShowIt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, pool := authority(t, now)
	c, err := a.Issue(mchID, now, time.Hour)
	must(t, err)
	dir := files(t, c)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := "welcome"
		if err := pki.Verify(pool, r.TLS.PeerCertificates, mchID, now); err != nil {
			answer = err.Error()
		}
		_, _ = io.WriteString(w, answer)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	const node = `
		const [url, options] = [process.argv[1], JSON.parse(process.argv[2])];
		const read = name => options[name] && require('fs').readFileSync(options[name]);
		const agent = new (require('https').Agent)({pfx: read('pfx'), cert: read('cert'), key: read('key'), passphrase: options.passphrase, rejectUnauthorized: false});
		require('https').get(url, {agent}, r => r.pipe(process.stdout));`
	for name, args := range map[string][]string{
		"node, PKCS#12": {"node", "-e", node, server.URL, `{"pfx":"cert.p12","passphrase":"` + mchID + `"}`},
		"node, PEM":     {"node", "-e", node, server.URL, `{"cert":"cert.pem","key":"key.pem"}`},
	} {
		if out, err := run(t, dir, args[0], args[1:]...); err != nil || out != "welcome" {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	if out, err := run(t, dir, "node", "-e", node, server.URL, "{}"); err != nil || !strings.Contains(out, "no certificate") {
		t.Errorf("without a certificate: %v: %s", err, out)
	}
}
