// Package identity says who is claiming. It finds a Person in what a request
// brings, and knows nothing of shares: whether that person may claim is decided
// elsewhere.
//
// # Who is who
//
// A person is (Space, Subject): an openid within an appid. Who vouched for them
// does not count, so the same openid by ticket and by sandbox is one person with
// one share. All providers of this package vouch for people in the space of the
// packet's appid, the one in which its seed is known.
//
//	sandbox   the person types who they are; exists in a sandbox only
//	ticket    the merchant's own app vouches, by a signed claim ticket
//
// # Two ways in
//
//	claim ticket, as Bearer ──────────────────────► Verify ──► Ticket.Person
//	claim ticket, in a form ──► Verify ──┐
//	sandbox name            ──► SignIn ──┴► Start ──► cookie ──► Read ──► Session.Person
//
// A ticket names one packet, and a session made from it serves that packet only.
// A session is a sealed cookie and nothing else: no row is written when it begins
// and none is read when it is used. So it cannot be called back, only outlived: it
// ends when it was not used for 2 hours, and 24 hours after it began.
package identity

import (
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names of providers.
const (
	SandboxProvider = "sandbox"
	TicketProvider  = "ticket"
)

const (
	subjectMax = 128 // characters
	nameMax    = 16  // code points
)

// Person is who is claiming. It prints without Subject, Name and Pay, which have
// no place in a log.
type Person struct {
	Provider string // who vouched for them
	Space    string // where Subject is known: an appid
	Subject  string // an openid
	Name     string // what they are called on the page; may be empty
	Pay      string // whom to pay instead of Subject: a Payee in JSON; may be empty
}

// String returns the provider alone.
func (p Person) String() string { return p.Provider + ":[secret]" }

// LogValue logs the provider alone.
func (p Person) LogValue() slog.Value { return slog.StringValue(p.String()) }

// ValidSubject tells whether s can be the subject of a person: 1 to 128 letters,
// digits, hyphens and underscores.
func ValidSubject(s string) bool { return isWord(s, subjectMax) }

// isWord tells whether s is 1 to limit characters of [0-9A-Za-z_-].
func isWord(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// ValidName tells whether people may be shown s as somebody's name: at most 16
// code points, not blank, and nothing in it that could rewrite the line it stands
// in. No name is a valid name.
func ValidName(s string) bool {
	return s == "" || utf8.RuneCountInString(s) <= nameMax && strings.TrimSpace(s) != "" && isLine(s)
}

// isLine tells whether s is text without line ends, control characters and those
// that turn the direction of writing.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	})
}
