package claim_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
)

func TestSandboxSignIn(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	for name, a := range map[string]answer{
		"link in the path": b.browser().post("/auth/sandbox/"+s.Link, url.Values{"name": {seed}}),
		"link in the form": b.browser().post("/auth/sandbox/", url.Values{"name": {seed}, "token": {s.Link}}),
	} {
		cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
		if err != nil || a.status != http.StatusSeeOther || a.header.Get("Location") != s.path {
			t.Fatalf("%s: %d to %q, %v\n%s", name, a.status, a.header.Get("Location"), err, a.body)
		}
		if cookie.Name != "hb" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || strings.Contains(cookie.Value, seed) {
			t.Errorf("%s: %v", name, cookie)
		}
	}
	w := b.browser()
	a := w.post("/auth/sandbox/", url.Values{"name": {seed}, "token": {s.Link}}, asJSON...)
	var got struct{ CSRF, Page string }
	b.decode(a, &got)
	if a.status != http.StatusOK || got.CSRF == "" || got.CSRF != a.header.Get("HB-CSRF") || got.Page != b.base+s.path {
		t.Errorf("%d %+v", a.status, got)
	}
	if page := w.get(s.path, asPage...); page.header.Get("HB-CSRF") != got.CSRF || w.csrf(s.path) != got.CSRF {
		t.Error("the token differs from one place to another")
	}
	claimed := w.do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", got.CSRF}, asJSON...)...)
	if claimed.status != http.StatusOK {
		t.Errorf("%d %s", claimed.status, claimed.body)
	}
}

func TestSandboxSignInIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	ticketOnly := b.send(3, func(w *engine.Wish) { w.Providers = "ticket" })
	w := b.browser()
	form := url.Values{"name": {seed}}
	for name, c := range map[string]struct {
		got    answer
		status int
		code   string
	}{
		"no link":                       {w.post("/auth/sandbox/", form, asJSON...), 404, "not_found"},
		"a link of nothing":             {w.post("/auth/sandbox/nothing", form, asJSON...), 404, "not_found"},
		"too large, and a link of none": {w.do("POST", "/auth/sandbox/", "", big, asJSON...), 413, "too_large"},
		"from another site":             {w.post("/auth/sandbox/"+s.Link, form, append([]string{"Sec-Fetch-Site", "cross-site"}, asJSON...)...), 403, "cross_site"},
		"a packet that takes tickets":   {w.post("/auth/sandbox/"+ticketOnly.Link, form, asJSON...), 404, "not_found"},
		"no name":                       {w.post("/auth/sandbox/"+s.Link, nil, asJSON...), 422, "invalid"},
		"no possible name":              {w.post("/auth/sandbox/"+s.Link, url.Values{"name": {"a b"}}, asJSON...), 422, "invalid"},
	} {
		b.refused(c.got, c.status, c.code)
		if len(c.got.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a cookie was set", name)
		}
	}
	if page := w.get(ticketOnly.path, asPage...).body; strings.Contains(page, "/auth/sandbox/") {
		t.Error("a packet that takes tickets only offers to sign in by name")
	}
}

func TestProductionHasNoSandbox(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{env: packet.Production, providers: "sandbox,ticket", baseURL: "https://hb.example"})
	s := b.send(3)
	for _, path := range []string{"/auth/sandbox/", "/auth/sandbox/" + s.Link} {
		for _, method := range []string{"GET", "POST"} {
			b.refused(b.browser().do(method, path, "application/x-www-form-urlencoded", "name=o&token="+s.Link, asJSON...), 404, "not_found")
		}
	}
	if page := b.browser().get(s.path, asPage...); strings.Contains(page.body, "/auth/sandbox/") || page.status != http.StatusOK {
		t.Errorf("the page offers it: %d\n%s", page.status, page.body)
	}
	a := b.browser().post(s.path+"/enter", url.Values{"ticket": {b.ticket(s, seed, func(c *identity.Claims) { c.Audience = "https://hb.example" })}})
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || cookie.Name != "__Host-hb" || !cookie.Secure {
		t.Errorf("the cookie over TLS: %d %v, %v", a.status, cookie, err)
	}
}

func TestEnterUsesATicketUp(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	ticket := b.ticket(s, seed)
	w := b.browser()
	// The form stands in the merchant's app: another site.
	a := w.post(s.path+"/enter", url.Values{"ticket": {ticket}}, "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != s.path {
		t.Fatalf("%d to %q\n%s", a.status, a.header.Get("Location"), a.body)
	}
	for _, again := range []*browser{w, b.browser()} {
		if r := b.refused(again.post(s.path+"/enter", url.Values{"ticket": {ticket}}, asJSON...), 401, "ticket_refused"); r.Field != "jti" {
			t.Errorf("the second time: %+v", r)
		}
	}
	if a := b.bearer(s.path, ticket); a.status != http.StatusOK {
		t.Errorf("a used ticket as Bearer: %d %s", a.status, a.body)
	}
	if got, _ := w.open(s.path); got.Slot != 0 {
		t.Errorf("the session is another person's: slot %d", got.Slot)
	}
	if r := b.refused(w.post(s.path+"/enter", nil, asJSON...), 401, "ticket_refused"); r.Field != "ticket" {
		t.Errorf("no ticket: %+v", r)
	}
}

// TestASessionOfATicketServesItsPacketOnly: the ticket vouched for no other.
func TestASessionOfATicketServesItsPacketOnly(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s, other := b.send(3), b.send(3)
	w := b.browser()
	w.post(s.path+"/enter", url.Values{"ticket": {b.ticket(s, seed)}})
	token := w.csrf(s.path)
	if got := w.get(other.path, asJSON...).header.Get("HB-CSRF"); got != "" {
		t.Error("somebody is signed in at another packet")
	}
	b.refused(w.do("POST", other.path+"/claim", "", "", append([]string{"HB-CSRF", token}, asJSON...)...), 401, "sign_in")
	if got, _ := w.open(s.path); got.Slot != 0 {
		t.Errorf("slot %d", got.Slot)
	}
}

// TestASessionServesItsSpaceOnly: an openid is known under one appid.
func TestASessionServesItsSpaceOnly(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	space := b.send(3, func(w *engine.Wish) { w.AppID = "wxcafe0002" })
	tickets := b.send(3, func(w *engine.Wish) { w.Providers = "ticket" })
	same := b.send(3)
	w := b.person(s.path, seed)
	token := append([]string{"HB-CSRF", w.csrf(s.path)}, asJSON...)
	b.refused(w.do("POST", space.path+"/claim", "", "", token...), 401, "sign_in")
	b.refused(w.do("POST", tickets.path+"/claim", "", "", token...), 401, "sign_in")
	if a := w.do("POST", same.path+"/claim", "", "", token...); a.status != http.StatusOK {
		t.Errorf("another packet of the same space: %d %s", a.status, a.body)
	}
}

func TestACookieThatWasChangedIsNobodys(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.person(s.path, seed)
	token := w.csrf(s.path)
	at, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	cookie := w.client.Jar.Cookies(at)[0]
	for i := 0; i < len(cookie.Value); i += 7 {
		changed := []byte(cookie.Value)
		changed[i] ^= 1
		a := b.browser().do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", token, "Cookie", "hb=" + string(changed)}, asJSON...)...)
		b.refused(a, 401, "sign_in")
	}
	a := b.browser().do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", token, "Cookie", "hb=" + cookie.Value}, asJSON...)...)
	if a.status != http.StatusOK {
		t.Errorf("the cookie as it was: %d %s", a.status, a.body)
	}
}

func TestASessionInUseIsRenewedAndEnds(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3, func(w *engine.Wish) { w.Life = 72 * time.Hour })
	w := b.person(s.path, seed)
	token := w.csrf(s.path)
	for range 3 {
		b.clock.pass(time.Hour)
		if w.csrf(s.path) != token {
			t.Fatal("the token changes with the cookie")
		}
	}
	b.clock.pass(2 * time.Hour)
	b.refused(w.do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", token}, asJSON...)...), 401, "sign_in")
}

func TestCSRFByFormAndByHeader(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.person(s.path, seed)
	token := w.csrf(s.path)
	for name, a := range map[string]answer{
		"a field": w.post(s.path+"/claim", url.Values{"csrf": {token}}),
		"a field of a form in parts": w.do("POST", s.path+"/claim", "multipart/form-data; boundary=x",
			"--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n"+token+"\r\n--x--\r\n"),
		"a header": w.do("POST", s.path+"/claim", "", "", "HB-CSRF", token, "Accept", "text/html"),
	} {
		if a.status != http.StatusSeeOther {
			t.Errorf("%s: %d\n%s", name, a.status, a.body)
		}
	}
	for name, a := range map[string]answer{
		"in the address":                         w.do("POST", s.path+"/claim?csrf="+token, "application/x-www-form-urlencoded", "", asJSON...),
		"cut short":                              w.do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", token[1:]}, asJSON...)...),
		"wrong in the header, right in the form": w.post(s.path+"/claim", url.Values{"csrf": {token}}, append([]string{"HB-CSRF", "x"}, asJSON...)...),
	} {
		if a.status != http.StatusForbidden {
			t.Errorf("%s: %d\n%s", name, a.status, a.body)
		}
	}
	own := w.post(s.path+"/claim", url.Values{"csrf": {token}}, "Sec-Fetch-Site", "same-origin", "Origin", b.base)
	if own.status != http.StatusSeeOther {
		t.Errorf("from our own page: %d\n%s", own.status, own.body)
	}
}
