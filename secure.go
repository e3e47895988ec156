package hongbao

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Secure names the merchant's client certificate, which servers may demand. The
// files are PEM. PKCS#12 is not read; openssl makes PEM of it:
//
//	openssl pkcs12 -in apiclient_cert.p12 -nodes -out apiclient.pem
//
// and apiclient.pem then serves as both files. The zero Secure is no certificate.
type Secure struct {
	CertFile string // the certificate, and the chain if there is one
	KeyFile  string // its private key
	RootFile string // who may sign the server's certificate; empty: whom the system trusts
}

// transport returns a transport with the certificate of s, nil for the zero Secure.
func (s Secure) transport() (*http.Transport, error) {
	if s == (Secure{}) {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CertFile != "" || s.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate (two PEM files): %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	if s.RootFile != "" {
		pem, err := os.ReadFile(s.RootFile)
		if err != nil {
			return nil, fmt.Errorf("root certificates: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("root certificates: no PEM certificate in " + s.RootFile)
		}
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}, nil
}

// Secret is a text that does not print: fmt, log/slog and encoding/json all write
// [secret]. A constant string is a Secret as it stands; Secret(s) makes one of a
// variable.
type Secret string

const secret = "[secret]"

// String returns [secret].
func (s Secret) String() string { return secret }

// Format prints [secret] whatever the verb.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(secret)) }

// MarshalText returns [secret].
func (s Secret) MarshalText() ([]byte, error) { return []byte(secret), nil }
