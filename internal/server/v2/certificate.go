package v2

import (
	"crypto/x509"
	"errors"
	"net/http"
	"slices"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pki"
	"hongbao.example/hongbao/internal/store"
)

// textExpired is what is said of a certificate that was good until its end.
const textExpired = "证书已过期"

// certificate judges the client's certificate by the merchant's policy. TLS asks
// for one and takes any, so that a stale one is answered in words.
// docs/api/wire.md#client-certificate
func (c *exchange) certificate(r *http.Request) error {
	var chain []*x509.Certificate
	if r.TLS != nil {
		chain = r.TLS.PeerCertificates
	}
	var err error
	switch Policy(&c.merchant.Settings, c.h.cfg.Engine.Environment()) {
	case store.CertOff:
		return nil
	case store.CertPinned:
		err = c.pinned(chain)
	case store.CertCA:
		err = pki.Verify(c.h.cfg.ClientCA, chain, c.merchant.MchID, c.h.cfg.Engine.Now())
	default:
		err = errors.New("a policy that this program does not know")
	}
	if err == nil {
		return nil
	}
	refusal := &fault.Error{Op: "admit", Code: fault.Certificate, Err: err}
	if errors.Is(err, pki.ErrExpired) {
		refusal.Detail = textExpired
	}
	return refusal
}

// pinned judges a certificate by the merchant's list.
func (c *exchange) pinned(chain []*x509.Certificate) error {
	switch {
	case len(chain) == 0 || !slices.Contains(c.merchant.Settings.CertSHA256, pki.SHA256(chain[0])):
		return errors.New("the certificate is not on the list")
	case pki.Expired(chain[0], c.h.cfg.Engine.Now()):
		return pki.ErrExpired
	}
	return nil
}

// Policy is the certificate policy that holds for a merchant.
func Policy(s *store.Settings, env packet.Environment) store.CertPolicy {
	switch {
	case s.CertPolicy != "":
		return s.CertPolicy
	case env == packet.Production:
		return store.CertPinned
	default:
		return store.CertOff
	}
}
