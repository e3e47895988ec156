package identity_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
)

// FuzzVerify: no text makes Verify panic, and without the key none holds.
func FuzzVerify(f *testing.F) {
	header, claims := valid()
	f.Add(sign(f, header, with(claims, "exp", nil)))
	f.Add(sign(f, with(header, "alg", "HS256"), claims))
	f.Add(encode(`{"alg":"none"}`) + "." + encode(`{}`) + ".")
	f.Add("..")
	good := sign(f, header, claims)
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := identity.Verify(raw, expect())
		if raw == good {
			return
		}
		if fault.CodeOf(err) != fault.TicketRefused || fault.FieldOf(err) == "" || got != (identity.Ticket{}) {
			t.Errorf("%q: %#v, %v", raw, got, err)
		}
	})
}

// FuzzSignedClaims: whatever a merchant signs, Verify does not panic, and what
// holds keeps to the rules.
func FuzzSignedClaims(f *testing.F) {
	_, claims := valid()
	for name, v := range map[string]any{"name": "李雷", "iat": 1e300, "exp": -1e300, "nbf": 0, "pay": map[string]any{"kind": "k", "id": "i"}} {
		b, err := json.Marshal(with(claims, name, v))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(`{"exp":{},"iat":[],"aud":{"a":1}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		signed := encode(`{"alg":"EdDSA","kid":"ed","typ":"hb-claim+jwt"}`) + "." + encode(payload)
		sig, err := jwt.SigningMethodEdDSA.Sign(signed, private())
		if err != nil {
			t.Fatal(err)
		}
		got, err := identity.Verify(signed+"."+encode(string(sig)), expect())
		if err != nil {
			if fault.CodeOf(err) != fault.TicketRefused || fault.FieldOf(err) == "" {
				t.Errorf("%s: %v", payload, err)
			}
			return
		}
		p := got.Person
		if !identity.ValidSubject(p.Subject) || !identity.ValidName(p.Name) || p.Provider != "ticket" || p.Space != expect().Space ||
			len(got.JTI) < 16 || len(got.JTI) > 128 || len(p.Pay) > 2048 ||
			!got.Expires.After(noon) || got.Expires.After(noon.Add(360*time.Second)) {
			t.Errorf("%s: %#v", payload, got)
		}
	})
}

// FuzzOpen: no cookie makes Open panic, and without the key none opens.
func FuzzOpen(f *testing.F) {
	sessions := identity.NewSessions(sessionKey, true)
	other := identity.NewSessions([32]byte{9}, true)
	f.Add(other.Cookie(other.Start(friend(), 7, noon)).Value)
	f.Add("")
	f.Add("====")
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := sessions.Open(value, noon); fault.CodeOf(err) != fault.SignIn {
			t.Errorf("%q: %v", value, err)
		}
	})
}

// FuzzOpenSealed: not even what is sealed under the key makes Open panic.
func FuzzOpenSealed(f *testing.F) {
	sessions := identity.NewSessions(sessionKey, true)
	f.Add(make([]byte, 50), int64(0))
	f.Add([]byte("short"), int64(1<<62))
	f.Add(append(make([]byte, 40), 0xff, 0xff), int64(-1<<63))
	f.Fuzz(func(t *testing.T, plain []byte, at int64) {
		s, err := sessions.Open(seal(t, "hongbao session v1", plain), time.Unix(at, 0))
		if err != nil {
			if fault.CodeOf(err) != fault.SignIn || s != (identity.Session{}) {
				t.Errorf("%q: %#v, %v", plain, s, err)
			}
			return
		}
		if again, err := sessions.Open(sessions.Cookie(s).Value, time.Unix(at, 0)); err != nil || again != s {
			t.Errorf("%q comes back as %#v, %v", plain, again, err)
		}
	})
}
