package identity

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims is what a merchant's app says in a ticket. Name and Payee may be left out.
type Claims struct {
	MchID    string    // iss
	Audience string    // aud: base URL, without a slash at the end
	Subject  string    // sub: the openid
	ListID   string    // pkt: send_listid
	IssuedAt time.Time // iat
	Expires  time.Time // exp: at most 300 s later
	JTI      string    // 16 characters or more that are used once
	Name     string    // name, at most 16 code points
	Payee    Payee     // pay
}

// Sign makes a claim ticket, as a merchant's app does. It signs what it is told,
// also what Verify refuses.
func Sign(c Claims, kid string, key ed25519.PrivateKey) (string, error) {
	if len(key) != ed25519.PrivateKeySize {
		return "", errors.New("identity: sign: not an Ed25519 private key")
	}
	claims := jwt.MapClaims{
		"iss": c.MchID, "aud": c.Audience, "sub": c.Subject, "pkt": c.ListID, "jti": c.JTI,
		"iat": c.IssuedAt.Unix(), "exp": c.Expires.Unix(),
	}
	if c.Name != "" {
		claims["name"] = c.Name
	}
	if c.Payee != (Payee{}) {
		claims["pay"] = c.Payee
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["typ"], t.Header["kid"] = ticketType, kid
	return t.SignedString(key)
}
