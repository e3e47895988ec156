package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
)

// How long a session lasts.
const (
	idleMax    = 2 * time.Hour   // without a renewed cookie
	ageMax     = 24 * time.Hour  // in all
	renewAfter = 5 * time.Minute // so that not every answer carries a cookie
)

const (
	secureCookie = "__Host-hb" // browsers keep this name to HTTPS, one host and no other path
	plainCookie  = "hb"        // plain HTTP, in a sandbox
	cookieMax    = 4096        // characters that browsers keep of a cookie
)

// Session is a person who signed in with a browser.
type Session struct {
	Person
	Packet packet.ID // the only packet it serves; 0: every packet of its space

	csrf         [16]byte
	issued, seen int64 // seconds since 1970
}

// Serves tells whether the session says who is claiming from a packet: one of its
// space that takes the provider's word, and its own if it was made for one.
func (s *Session) Serves(id packet.ID, t *packet.Terms) bool {
	return (s.Packet == 0 || s.Packet == id) && s.Space == t.AppID && Providers(t.Providers).Contains(s.Provider)
}

// CSRF is the token that each form and script of the session must bring along.
// It stays the same when the cookie is renewed. It needs no key: it is a random
// number that stands in the sealed cookie, where only this program can read it.
func (s *Session) CSRF() string { return base64.RawURLEncoding.EncodeToString(s.csrf[:]) }

// CheckCSRF refuses any other token with CrossSite.
func (s *Session) CheckCSRF(token string) error {
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.CSRF())) != 1 {
		return fault.CrossSite
	}
	return nil
}

// Sessions seals and opens the cookies of sessions. All methods may be called
// from several goroutines.
//
// Cookies are encrypted (AES-256-GCM, a random nonce), not only authenticated:
// they hold an openid, and what a ticket said about whom to pay, and they lie
// around in browsers, backups and proxies of other people. It costs no more, and
// nobody can come to depend on what is inside.
type Sessions struct {
	cipher cipher.AEAD
	secure bool
}

// NewSessions returns the sessions under a key, which must serve nothing else.
// secure is false where the site is reached by plain HTTP, in a sandbox.
func NewSessions(key [32]byte, secure bool) *Sessions {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Sprintf("identity: %v", err)) // only for keys of another size
	}
	c, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("identity: %v", err)) // only for ciphers other than AES
	}
	return &Sessions{cipher: c, secure: secure}
}

// Start begins a session of p. With a packet other than 0 it serves that packet
// only, as it must when p comes from a ticket.
func (s *Sessions) Start(p Person, only packet.ID, now time.Time) Session {
	session := Session{Person: p, Packet: only, issued: now.Unix(), seen: now.Unix()}
	_, _ = rand.Read(session.csrf[:]) // never fails; a machine without chance stops the program
	return session
}

// Renew tells whether the session has been used for long enough since its cookie
// was sealed, and if so returns the cookie to set.
func (s *Sessions) Renew(session Session, now time.Time) (cookie *http.Cookie, due bool) {
	if now.Unix()-session.seen < seconds(renewAfter) {
		return nil, false
	}
	session.seen = now.Unix()
	return s.Cookie(session), true
}

// Cookie seals a session. The browser forgets it when it would no longer open.
//
// Lax, not Strict: who comes by a link from another site, which is how people come
// to a packet, must find themselves signed in.
func (s *Sessions) Cookie(session Session) *http.Cookie {
	sealed := s.cipher.Seal(nil, nil, session.encode(), []byte(layout)) //nolint:gosec // no nonce: this cipher draws its own
	return &http.Cookie{                                                //nolint:gosec // Secure everywhere but on the plain HTTP of a sandbox
		Name:     s.CookieName(),
		Value:    base64.RawURLEncoding.EncodeToString(sealed),
		Path:     "/",
		MaxAge:   int(min(seconds(idleMax), session.issued+seconds(ageMax)-session.seen)),
		Secure:   s.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// CookieName is the name of the cookie.
func (s *Sessions) CookieName() string {
	if s.secure {
		return secureCookie
	}
	return plainCookie
}

// Read finds the session in a request's cookie. It refuses with SignIn when there
// is none, or Open refuses it.
func (s *Sessions) Read(r *http.Request, now time.Time) (Session, error) {
	c, err := r.Cookie(s.CookieName())
	if err != nil {
		return Session{}, fault.SignIn
	}
	return s.Open(c.Value, now)
}

// Open reads the value of a cookie. It refuses with SignIn what Cookie did not
// write, and a session that has ended.
func (s *Sessions) Open(value string, now time.Time) (Session, error) {
	if len(value) > cookieMax {
		return Session{}, fault.SignIn
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return Session{}, fault.SignIn
	}
	plain, err := s.cipher.Open(nil, nil, sealed, []byte(layout))
	if err != nil {
		return Session{}, fault.SignIn
	}
	session, ok := decode(plain)
	if at := now.Unix(); !ok || at-session.seen >= seconds(idleMax) || at-session.issued >= seconds(ageMax) {
		return Session{}, fault.SignIn
	}
	return session, nil
}

// layout is authenticated with every cookie, so that one of another layout does
// not open. A change of encode changes it.
const layout = "hongbao session v1"

// headSize is the size of what stands before the texts.
const headSize = 16 + 3*8

// encode writes a session, numbers big-endian: CSRF token (16) ‖ issued (8) ‖ seen
// (8) ‖ packet (8) ‖ provider, space, subject, name and pay, each with its length
// (2) in front.
func (s *Session) encode() []byte {
	b := make([]byte, 0, 256)
	b = append(b, s.csrf[:]...)
	for _, n := range []int64{s.issued, s.seen, int64(s.Packet)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, text := range []string{s.Provider, s.Space, s.Subject, s.Name, s.Pay} {
		if len(text) > math.MaxUint16 {
			panic(fmt.Sprintf("identity: %d bytes in a session", len(text)))
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
		b = append(b, text...)
	}
	return b
}

// decode undoes encode; ok is false for anything that encode did not write.
func decode(b []byte) (s Session, ok bool) {
	if len(b) < headSize {
		return Session{}, false
	}
	copy(s.csrf[:], b)
	s.issued = int64(binary.BigEndian.Uint64(b[16:]))
	s.seen = int64(binary.BigEndian.Uint64(b[24:]))
	s.Packet = packet.ID(binary.BigEndian.Uint64(b[32:]))
	rest := string(b[headSize:]) // one copy, of which each text is a part
	for _, text := range []*string{&s.Provider, &s.Space, &s.Subject, &s.Name, &s.Pay} {
		if len(rest) < 2 {
			return Session{}, false
		}
		size := int(rest[0])<<8 | int(rest[1])
		if rest = rest[2:]; len(rest) < size {
			return Session{}, false
		}
		*text, rest = rest[:size], rest[size:]
	}
	return s, rest == ""
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
