// Package pki makes and judges the client certificates by which a merchant's
// program shows who is calling: an authority of the server's own, and certificates
// that it signs, whose subject is the merchant.
//
//	NewAuthority ──► ca.pem, ca.key          once
//	Authority.Issue ──► Certificate          for each merchant: PEM pair, PKCS#12
//	Verify                                   at every call of a merchant whose policy is ca
//
// The authority is for clients alone: its key usage and the extended key usage of
// what it signs name nothing else, and Verify demands it, so that neither serves to
// pass for a web server. There is no revocation list: who no longer wants a
// certificate of the authority pins those that are left.
//
// Times come in as values, since a sandbox's tests move the clock.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	clockSkew     = time.Hour // by which a certificate is valid before it was made
	clientKeyBits = 2048      // RSA: the clients of this protocol are of all ages
)

// NewAuthority makes an authority: its certificate and its key, in PEM.
func NewAuthority(name string, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(authorityLife),
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		KeyUsage:    x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err = encodeKey(key)
	return encode(certificateBlock, der), keyPEM, err
}

// Authority signs merchants' certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// ReadAuthority reads what NewAuthority has made.
func ReadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	der, err := decode(certificateBlock, certPEM)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if der, err = decode(keyBlock, keyPEM); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("not a private key") // the cause might show a part of it
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(cert.PublicKey) {
		return nil, errors.New("key and certificate do not belong together")
	}
	return &Authority{cert, signer}, nil
}

// NotAfter is when the authority ends; what it signs ends no later.
func (a *Authority) NotAfter() time.Time { return a.cert.NotAfter }

// Issue makes a key and a certificate for a merchant's client, valid for a time from
// now on. It refuses a certificate that would outlive the authority.
func (a *Authority) Issue(mchID string, now time.Time, life time.Duration) (*Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, clientKeyBits)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: mchID},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(life),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		return nil, fmt.Errorf("the authority ends on %s, before the certificate would", a.cert.NotAfter.Format(time.DateOnly))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Certificate{Certificate: cert, key: key}, nil
}

// Certificate is a client's certificate with its key.
type Certificate struct {
	*x509.Certificate
	key *rsa.PrivateKey
}

// PEM returns the certificate.
func (c *Certificate) PEM() []byte { return encode(certificateBlock, c.Raw) }

// KeyPEM returns the private key.
func (c *Certificate) KeyPEM() ([]byte, error) { return encodeKey(c.key) }

// PKCS12 returns certificate and key in one file, which a password opens. The
// authority is not in it: clients take authorities that they find there for ones that
// they may trust with servers.
func (c *Certificate) PKCS12(password string) ([]byte, error) {
	return pkcs12.Modern2023.Encode(c.key, c.Certificate, nil, password)
}

// SHA256 is a certificate's fingerprint, as merchants' settings pin it.
func SHA256(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// ErrExpired says that a certificate was good, but its time is over.
var ErrExpired = errors.New("the certificate has expired")

// Verify judges what a client has shown, leaf first: a certificate of one of the
// authorities, for clients, whose subject is the merchant, at a time. The error is
// ErrExpired only when nothing else is wrong.
func Verify(authorities *x509.CertPool, chain []*x509.Certificate, mchID string, now time.Time) error {
	if authorities == nil || len(chain) == 0 {
		return errors.New("no authority or no certificate")
	}
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	at := now
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: authorities, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	switch {
	case err != nil:
		return err
	case leaf.Subject.CommonName != mchID:
		return fmt.Errorf("the certificate is of %q", leaf.Subject.CommonName)
	case Expired(leaf, now):
		return ErrExpired
	}
	return nil
}

// Expired says whether a certificate's time is over.
func Expired(cert *x509.Certificate, now time.Time) bool { return now.After(cert.NotAfter) }

// Kinds of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encode(keyBlock, der), err
}

func decode(kind string, text []byte) ([]byte, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("no %s in PEM", kind)
	}
	return block.Bytes, nil
}
