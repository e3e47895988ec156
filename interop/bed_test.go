package interop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// The merchant is the one of the protocol's documentation.
const (
	mchID  = "10000098"
	appID  = "wx8888888888888888"
	seed   = "oxTWIuGaIt6gTKsQRLau2M0yL16E"
	apiKey = "HongbaoTestKey0123456789abcdef01"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// certificate is a certificate in the forms in which libraries want it.
type certificate struct {
	cert, key, p12 string // files
	sum            string // SHA-256 in hex
}

// newCertificate writes a self-signed certificate.
func newCertificate(t *testing.T, name string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	file := func(ending string) string { return filepath.Join(t.TempDir(), name+ending) }
	sum := sha256.Sum256(der)
	c := certificate{cert: file(".pem"), key: file("-key.pem"), p12: file(".p12"), sum: hex.EncodeToString(sum[:])}
	must(t, os.WriteFile(c.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	// The password of a merchant's PKCS #12 file is its number.
	out, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-export",
		"-in", c.cert, "-inkey", c.key, "-out", c.p12, "-passout", "pass:"+mchID).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	return c
}

// serve runs a server in a sandbox with its merchant until the test ends.
func serve(t *testing.T, tls config.TLS, settings store.Settings) *server.Server {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Default()
	cfg.BaseURL, cfg.Listen, cfg.OpsListen, cfg.TLS = "", "127.0.0.1:0", "127.0.0.1:0", tls
	cfg.Limits.ClaimsPerS = 0
	cfg.Database.Path = filepath.Join(dir, "hongbao.db")
	key, keyFile := vault.Key{7}, filepath.Join(dir, "instance.key")
	cfg.InstanceKey = config.Secret("file:" + keyFile)
	must(t, vault.WriteKey(keyFile, key))
	must(t, server.Create(t.Context(), cfg, key))
	s, err := server.New(t.Context(), cfg, server.Options{Version: "test"})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-served)
	})
	settings.AppIDs, settings.Unlimited = []string{appID}, true
	must(t, s.Engine.AddMerchant(t.Context(), store.Merchant{MchID: mchID, Settings: settings}))
	_, err = s.Engine.AddAPIKey(t.Context(), mchID, apiKey, 0)
	must(t, err)
	_, err = s.Engine.Fund(t.Context(), mchID, 100_000*money.Yuan, "start")
	must(t, err)
	return s
}

// find returns what the server has on record of a packet.
func find(t *testing.T, s *server.Server, listID string) *engine.Picture {
	t.Helper()
	id, ok := packet.ParseListID(listID, packet.Sandbox)
	if !ok {
		t.Fatalf("%q is no send_listid", listID)
	}
	pic, err := s.Engine.Packet(t.Context(), id)
	must(t, err)
	return pic
}

// open has each of the claimants open a share of a packet, one after the other,
// each by the link of the one before, and returns their shares.
func open(t *testing.T, s *server.Server, listID string, claimants ...string) (shares []money.Fen) {
	t.Helper()
	id := find(t, s, listID).Head.ID
	for i, who := range claimants {
		p := engine.Person{Provider: "sandbox", Space: appID, Subject: who}
		c, err := s.Engine.Claim(t.Context(), id, p, max(i-1, 0), fault.OK)
		must(t, err)
		shares = append(shares, c.Amount)
	}
	return shares
}
