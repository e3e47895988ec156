package identity_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
)

var (
	noon       = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	sessionKey = [32]byte{1, 2, 3}
)

// friend is a person of whom everything is known.
func friend() identity.Person {
	return identity.Person{
		Provider: "ticket", Space: "wx0123456789abcdef", Subject: "oFriend-1", Name: "李雷",
		Pay: `{"kind":"ALIPAY_USER_ID","id":"2088000000000001"}`,
	}
}

func TestSessionRoundTrip(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	for name, c := range map[string]struct {
		person identity.Person
		only   packet.ID
	}{
		"everything":   {friend(), 7},
		"any packet":   {friend(), 0},
		"the longest":  {identity.Person{Provider: "sandbox", Space: strings.Repeat("s", 1000), Subject: strings.Repeat("o", 128)}, 1<<63 - 1},
		"next to none": {identity.Person{Subject: "o"}, 1},
	} {
		want := sessions.Start(c.person, c.only, noon)
		got, err := sessions.Open(sessions.Cookie(want).Value, noon)
		if err != nil || got != want {
			t.Errorf("%s: %#v, %v, want %#v", name, got, err, want)
		}
		if got.Person != c.person || got.Packet != c.only {
			t.Errorf("%s: %#v is not who signed in", name, got.Person)
		}
	}
}

func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	for secure, want := range map[bool]string{
		true:  "__Host-hb=V; Path=/; Max-Age=7200; HttpOnly; Secure; SameSite=Lax",
		false: "hb=V; Path=/; Max-Age=7200; HttpOnly; SameSite=Lax",
	} {
		sessions := identity.NewSessions(sessionKey, secure)
		c := sessions.Cookie(sessions.Start(friend(), 7, noon))
		if len(c.String()) > 4096 || c.Valid() != nil {
			t.Errorf("browsers do not take %d characters, %v", len(c.String()), c.Valid())
		}
		c.Value = "V"
		if c.String() != want {
			t.Errorf("secure %v: %s, want %s", secure, c, want)
		}
	}
}

func TestCookieShowsNothing(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	session := sessions.Start(friend(), 7, noon)
	value := sessions.Cookie(session).Value
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || strings.Contains(string(raw), "oFriend") || strings.Contains(string(raw), "2088") {
		t.Errorf("the cookie shows who it is: %q, %v", raw, err)
	}
	if again := sessions.Cookie(session).Value; again == value {
		t.Error("two cookies of a session are alike, so a nonce was used twice")
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	cookie := sessions.Cookie(sessions.Start(friend(), 7, noon))
	for after, want := range map[time.Duration]fault.Code{
		-time.Minute:               fault.OK, // another server's clock
		0:                          fault.OK,
		2*time.Hour - 1:            fault.OK,
		2 * time.Hour:              fault.SignIn,
		24*time.Hour + 1:           fault.SignIn,
		100 * 365 * 24 * time.Hour: fault.SignIn,
	} {
		if _, err := sessions.Open(cookie.Value, noon.Add(after)); fault.CodeOf(err) != want {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
	}
}

// TestSessionInUse renews a cookie whenever it is due, as a server does, until the
// session ends for good.
func TestSessionInUse(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	first := sessions.Start(friend(), 7, noon)
	cookie, renewals, now := sessions.Cookie(first), 0, noon
	for ; now.Before(noon.Add(30 * time.Hour)); now = now.Add(4 * time.Minute) {
		session, err := sessions.Open(cookie.Value, now)
		if err != nil {
			break
		}
		if session.CSRF() != first.CSRF() || session.Person != first.Person || session.Packet != 7 {
			t.Fatalf("after %v it is another session", now.Sub(noon))
		}
		if renewed, due := sessions.Renew(session, now); due {
			cookie, renewals = renewed, renewals+1
			if left := noon.Add(24 * time.Hour).Sub(now); time.Duration(cookie.MaxAge)*time.Second > min(left, 2*time.Hour) {
				t.Errorf("%v before the end the browser keeps the cookie for %d s", left, cookie.MaxAge)
			}
		}
	}
	if now != noon.Add(24*time.Hour) {
		t.Errorf("it ended after %v, want 24 h", now.Sub(noon))
	}
	if renewals != 179 {
		t.Errorf("%d renewals in 360 uses 4 min apart, want every second one", renewals)
	}
}

func TestChangedCookiesDoNotOpen(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	value := sessions.Cookie(sessions.Start(friend(), 7, noon)).Value
	refused := func(what, value string) {
		t.Helper()
		if s, err := sessions.Open(value, noon); fault.CodeOf(err) != fault.SignIn || s != (identity.Session{}) {
			t.Errorf("%s: %v, want sign_in", what, err)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		refused("a changed byte", base64.RawURLEncoding.EncodeToString(raw))
		raw[i] ^= 1
		refused("a cut cookie", value[:i])
	}
	refused("nothing", "")
	refused("another alphabet", strings.Repeat("+", 200))
	refused("very long", strings.Repeat("A", 1<<20))
	other := identity.NewSessions([32]byte{9}, true)
	refused("another key", other.Cookie(other.Start(friend(), 7, noon)).Value)
}

// seal makes a cookie of any content, as only somebody with the key could.
func seal(t *testing.T, layout string, plain []byte) string {
	t.Helper()
	block, err := aes.NewCipher(sessionKey[:])
	if err != nil {
		t.Fatal(err)
	}
	c, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(c.Seal(nil, nil, plain, []byte(layout)))
}

func TestSealedContentsOfAnotherLayoutDoNotOpen(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	head, one := strings.Repeat("\xff", 40), "\x00\x01x"
	for name, c := range map[string]struct {
		plain string
		want  fault.Code
	}{
		"whole":               {head + one + one + one + one + one, fault.OK},
		"nothing":             {"", fault.SignIn},
		"half a head":         {head[1:], fault.SignIn},
		"a text too few":      {head + one + one + one + one, fault.SignIn},
		"half a length":       {head + one + one + one + one + "\x00", fault.SignIn},
		"a text that is cut":  {head + one + one + one + one + "\x01\x00x", fault.SignIn},
		"something behind it": {head + one + one + one + one + one + "x", fault.SignIn},
	} {
		early := time.Unix(0, 0)
		if _, err := sessions.Open(seal(t, "hongbao session v1", []byte(c.plain)), early); fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := sessions.Open(seal(t, "hongbao session v2", []byte(c.plain)), early); fault.CodeOf(err) != fault.SignIn {
			t.Errorf("%s, of another layout: %v", name, err)
		}
	}
}

func TestReadFindsTheCookieOfItsName(t *testing.T) {
	t.Parallel()
	secure, plain := identity.NewSessions(sessionKey, true), identity.NewSessions(sessionKey, false)
	r := httptest.NewRequest(http.MethodGet, "/p/x", nil)
	if _, err := plain.Read(r, noon); fault.CodeOf(err) != fault.SignIn {
		t.Errorf("without cookies: %v", err)
	}
	r.AddCookie(&http.Cookie{Name: "other", Value: "x"})
	want := plain.Start(friend(), 7, noon)
	r.AddCookie(plain.Cookie(want))
	if got, err := plain.Read(r, noon); err != nil || got != want {
		t.Errorf("read %#v, %v", got, err)
	}
	// A page on plain HTTP can set hb, but no cookie of the prefixed name.
	if _, err := secure.Read(r, noon); fault.CodeOf(err) != fault.SignIn {
		t.Errorf("a plain cookie serves over HTTPS: %v", err)
	}
}

func TestCSRF(t *testing.T) {
	t.Parallel()
	sessions := identity.NewSessions(sessionKey, true)
	one, two := sessions.Start(friend(), 7, noon), sessions.Start(friend(), 7, noon)
	token := one.CSRF()
	if len(token) != 22 || token == two.CSRF() {
		t.Errorf("tokens %s and %s", token, two.CSRF())
	}
	if err := one.CheckCSRF(token); err != nil {
		t.Errorf("its own token: %v", err)
	}
	for _, bad := range []string{"", token[:21], token + "A", two.CSRF(), strings.Repeat("A", 22)} {
		if err := one.CheckCSRF(bad); fault.CodeOf(err) != fault.CrossSite {
			t.Errorf("%q: %v, want cross_site", bad, err)
		}
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	terms := packet.Terms{AppID: "wx1", Providers: "sandbox,ticket"}
	sessions := identity.NewSessions(sessionKey, true)
	for name, c := range map[string]struct {
		provider, space string
		only            packet.ID
		want            bool
	}{
		"of the packet":            {"ticket", "wx1", 7, true},
		"of any packet":            {"sandbox", "wx1", 0, true},
		"of another packet":        {"ticket", "wx1", 8, false},
		"of another appid":         {"ticket", "wx2", 7, false},
		"of a provider not named":  {"wechat", "wx1", 7, false},
		"of no provider":           {"", "wx1", 7, false},
		"of another appid, no one": {"sandbox", "wx2", 0, false},
	} {
		s := sessions.Start(identity.Person{Provider: c.provider, Space: c.space, Subject: "o"}, c.only, noon)
		if got := s.Serves(7, &terms); got != c.want {
			t.Errorf("a session %s serves: %v, want %v", name, got, c.want)
		}
	}
}

func TestASessionThatIsTooLongPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a text of 64 KiB was cut without a word")
		}
	}()
	sessions := identity.NewSessions(sessionKey, true)
	sessions.Cookie(sessions.Start(identity.Person{Space: strings.Repeat("s", 1<<16)}, 0, noon))
}
