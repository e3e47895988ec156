package identity_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"hongbao.example/hongbao/internal/identity"
)

func BenchmarkRead(b *testing.B) {
	sessions := identity.NewSessions(sessionKey, true)
	r := httptest.NewRequest(http.MethodPost, "/p/x/claim", nil)
	r.AddCookie(sessions.Cookie(sessions.Start(friend(), 7, noon)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sessions.Read(r, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckCSRF(b *testing.B) {
	s := identity.NewSessions(sessionKey, true).Start(friend(), 7, noon)
	token := s.CSRF()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.CheckCSRF(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	header, claims := valid()
	for _, key := range []struct{ alg, kid string }{{"EdDSA", "ed"}, {"HS256", "hs"}} {
		raw, e := sign(b, with(with(header, "alg", key.alg), "kid", key.kid), claims), expect()
		b.Run(key.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := identity.Verify(raw, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
