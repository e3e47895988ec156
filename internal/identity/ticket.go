package identity

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hongbao.example/hongbao/internal/fault"
)

// Limits of a claim ticket; times in seconds.
const (
	ticketMax    = 2048 // characters
	ticketType   = "hb-claim+jwt"
	timeMax      = 1 << 40 // far off, and far from where sums overflow
	lifeMax      = 300     // from iat to exp
	leeway       = 30      // by which the app's clock may differ from ours
	jtiMin       = 16
	jtiMax       = 128
	payeeKindMax = 32
	payeeTextMax = 128 // bytes
)

// HS256Min bounds the secret of an HS256 key from below, in bytes.
const HS256Min = 32

// Algorithms of ticket keys.
const (
	EdDSA = "EdDSA" // recommended: who reads our database cannot sign
	HS256 = "HS256"
)

// Key is what tickets are checked with. It prints as [secret].
type Key struct {
	Alg      string
	Public   ed25519.PublicKey // EdDSA
	Secret   []byte            // HS256, at least HS256Min bytes
	NotAfter time.Time         // zero: no end
}

// Format prints [secret], whatever the verb.
func (Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "[secret]") // a formatter has nobody to tell
}

// Expect is what a ticket is held against.
type Expect struct {
	Key      func(kid string) (Key, bool) // the merchant's keys
	MchID    string                       // the packet's merchant
	Audience string                       // our base URL, without a slash at the end
	ListID   string                       // the packet's send_listid
	Space    string                       // the packet's appid
	Now      time.Time
}

// Ticket is a claim ticket that holds.
type Ticket struct {
	Person  Person
	JTI     string    // what makes it this one and no other
	Expires time.Time // from then on Verify refuses it; until then a used JTI must be remembered
}

// Payee is whom a ticket wants paid in place of its subject, as Person.Pay holds
// it.
type Payee struct {
	Kind string `json:"kind"` // of id, in the channel's words, such as ALIPAY_USER_ID
	ID   string `json:"id"`
	Name string `json:"name,omitempty"` // their real name, where the channel asks for it
}

// Verify reads a claim ticket, by which a merchant's app vouches for one person at
// one packet. Whether its jti has been used is not asked here: on a claim it may
// be, since the ticket can do only the one thing that is done already.
//
// It refuses with TicketRefused and the header or claim at fault, in this order:
//
//	ticket                        over 2 KiB, or not a JWT in its one spelling
//	jwk jku x5u crit · kid · alg  the key decides the algorithm; a ticket brings no key of its own
//	signature
//	typ · iss · aud
//	iat · exp · nbf               30 s leeway; nbf only if there is one
//	pkt · sub · jti
//	name · prv · tnt · pay        only if there is one
//
// Other claims are ignored, dev and rl among them.
func Verify(raw string, e Expect) (Ticket, error) {
	token, claims, err := e.authenticate(raw)
	if err != nil {
		return Ticket{}, err
	}
	if token.Header["typ"] != ticketType {
		return Ticket{}, refused("typ", "must be "+ticketType)
	}
	if err := e.checkClaims(claims); err != nil {
		return Ticket{}, err
	}
	p, err := e.person(claims)
	if err != nil {
		return Ticket{}, err
	}
	exp, _ := unix(claims.GetExpirationTime())
	return Ticket{Person: p, JTI: text(claims, "jti"), Expires: time.Unix(exp+leeway, 0)}, nil
}

// authenticate parses a ticket and checks who signed it. What it says is not
// looked at: the library would check it in an order of its own, and not say which
// claim is at fault.
func (e *Expect) authenticate(raw string) (*jwt.Token, jwt.MapClaims, error) {
	// Line ends are looked for because base64 decoders skip them.
	if len(raw) > ticketMax || strings.ContainsAny(raw, "\r\n") {
		return nil, nil, refused("ticket", "must be a JWT of at most 2048 characters")
	}
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	token, err := parser.ParseWithClaims(raw, claims, e.key)
	if err == nil {
		return token, claims, nil
	}
	refusal, ours := errors.AsType[*fault.Error](err)
	switch {
	case ours:
		return nil, nil, refusal
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return nil, nil, refused("alg", "must be "+EdDSA+" or "+HS256)
	case token == nil || token.Method == nil: // it came to an end before the signature
		return nil, nil, refused("ticket", "is not a JWT")
	default:
		return nil, nil, refused("signature", "does not match the key")
	}
}

// key chooses the key, and with it the algorithm, by the ticket's kid.
func (e *Expect) key(t *jwt.Token) (any, error) {
	for _, name := range []string{"jwk", "jku", "x5u", "crit"} {
		if _, there := t.Header[name]; there {
			return nil, refused(name, "has no place in the header of a claim ticket")
		}
	}
	kid, _ := t.Header["kid"].(string)
	k, ok := e.Key(kid)
	switch {
	case !ok || !k.NotAfter.IsZero() && !e.Now.Before(k.NotAfter):
		return nil, refused("kid", "must name one of the merchant's ticket keys in use")
	case t.Method.Alg() != k.Alg:
		return nil, refused("alg", "the key is for "+k.Alg)
	case k.Alg == EdDSA:
		return k.Public, nil
	case k.Alg == HS256 && len(k.Secret) >= HS256Min:
		return k.Secret, nil
	default:
		return nil, refused("kid", "the key is too short, or for an algorithm that tickets do not use")
	}
}

// checkClaims checks what every ticket must say.
func (e *Expect) checkClaims(c jwt.MapClaims) error {
	now := e.Now.Unix()
	aud, _ := c.GetAudience()
	iat, hasIAT := unix(c.GetIssuedAt())
	exp, hasEXP := unix(c.GetExpirationTime())
	nbf, hasNBF := unix(c.GetNotBefore())
	switch {
	case !same(text(c, "iss"), e.MchID):
		return refused("iss", "must be the mch_id of the packet's merchant")
	case len(aud) != 1 || !same(aud[0], e.Audience):
		return refused("aud", "must be "+e.Audience)
	case !hasIAT || iat > now+leeway:
		return refused("iat", "must be a time in seconds since 1970, and not in the future")
	case !hasEXP || exp <= iat || exp-iat > lifeMax:
		return refused("exp", "must be a time at most 300 s after iat")
	case now >= exp+leeway:
		return refused("exp", "the ticket has expired")
	case says(c, "nbf") && (!hasNBF || nbf > now+leeway):
		return refused("nbf", "the ticket is not valid yet")
	case !same(text(c, "pkt"), e.ListID):
		return refused("pkt", "must be the packet's send_listid")
	case !ValidSubject(text(c, "sub")):
		return refused("sub", "must be 1 to 128 letters, digits, hyphens and underscores")
	case !validJTI(text(c, "jti")):
		return refused("jti", "must be 16 to 128 characters of ASCII")
	default:
		return nil
	}
}

// person reads the person from a ticket whose claims were checked, and checks the
// claims that it need not have.
func (e *Expect) person(c jwt.MapClaims) (Person, error) {
	p := Person{Provider: TicketProvider, Space: e.Space, Subject: text(c, "sub"), Name: text(c, "name")}
	if says(c, "name") && (c["name"] != p.Name || !ValidName(p.Name)) {
		return Person{}, refused("name", "must be at most 16 characters, without control characters")
	}
	if says(c, "prv") && c["prv"] != "wechat" {
		return Person{}, refused("prv", "must be wechat")
	}
	if says(c, "tnt") && !same(text(c, "tnt"), e.Space) {
		return Person{}, refused("tnt", "must be the wxappid of the packet")
	}
	if says(c, "pay") {
		var ok bool
		if p.Pay, ok = payee(c["pay"]); !ok {
			return Person{}, refused("pay", "must be an object of kind, id and perhaps name")
		}
	}
	return p, nil
}

// payee reads the claim pay, and writes it in the one form that Person.Pay has.
func payee(claim any) (pay string, ok bool) {
	c, _ := claim.(map[string]any)
	p := Payee{Kind: text(c, "kind"), ID: text(c, "id"), Name: text(c, "name")}
	if !isWord(p.Kind, payeeKindMax) || p.ID == "" || len(p.ID) > payeeTextMax || !isLine(p.ID) ||
		says(c, "name") && c["name"] != p.Name || len(p.Name) > payeeTextMax || !isLine(p.Name) {
		return "", false
	}
	b, err := json.Marshal(p)
	return string(b), err == nil
}

// validJTI tells whether s is of a length that nobody guesses or abuses.
func validJTI(s string) bool {
	return len(s) >= jtiMin && len(s) <= jtiMax && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// says tells whether a claim is there at all.
func says(c map[string]any, name string) bool {
	_, there := c[name]
	return there
}

// text returns a claim, or "" if it is no text.
func text(c map[string]any, name string) string {
	s, _ := c[name].(string)
	return s
}

// unix returns the time in a claim, in seconds; ok is false if there is none that
// makes sense.
func unix(d *jwt.NumericDate, err error) (t int64, ok bool) {
	if err != nil || d == nil {
		return 0, false
	}
	t = d.Unix()
	return t, t >= 0 && t <= timeMax
}

// same compares a claim with what it must be. Nothing is never what it must be.
func same(claim, want string) bool { return want != "" && claim == want }

func refused(field, detail string) *fault.Error {
	return &fault.Error{Op: "verify ticket", Code: fault.TicketRefused, Field: field, Detail: detail}
}
