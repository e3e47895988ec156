package claim_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/claim"
	"hongbao.example/hongbao/internal/server/throttle"
	"hongbao.example/hongbao/internal/store"
)

func TestEveryFaultIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range fault.Codes() {
		status, title, message, ok := claim.Said(c)
		if !ok || status < 400 || http.StatusText(status) == "" {
			t.Errorf("%s is told as status %d", c, status)
		}
		for _, text := range append(title[:], message[:]...) {
			if text == "" {
				t.Errorf("%s has no words in one language", c)
			}
		}
	}
	for code, want := range map[fault.Code]int{
		fault.NotFound: 404, fault.Method: 405, fault.TooLarge: 413, fault.CrossSite: 403, fault.SignIn: 401, fault.TicketRefused: 401,
		fault.Held: 423, fault.Finished: 409, fault.Expired: 410, fault.NotYours: 403, fault.SlowDown: 429, fault.Refused: 403,
		fault.SeedFirst: 403, fault.Busy: 503, fault.Unknown: 504, fault.Internal: 500,
	} {
		if status, _, _, _ := claim.Said(code); status != want {
			t.Errorf("%s is told as %d, want %d", code, status, want)
		}
	}
}

// never is a rate that admits nobody after the first.
func never() *throttle.Throttle {
	th := throttle.New(1, 1)
	th.Allow("127.0.0.1", start)
	return th
}

var big = strings.Repeat("x", 64<<10+1)

// TestRefusalsOfAClaim provokes each refusal by itself and together with a later
// one: the earlier is the answer.
func TestRefusalsOfAClaim(t *testing.T) {
	t.Parallel()
	crossSite := append([]string{"Sec-Fetch-Site", "cross-site"}, asJSON...)
	cases := map[string]struct {
		status int
		code   string
		rate   *throttle.Throttle
		do     func(b *bed) answer
	}{
		"a link of nothing": {status: 404, code: "not_found", do: func(b *bed) answer {
			return b.browser().do("POST", "/p/nothing/claim", "", "", asJSON...)
		}},
		"a link that was changed, by another method": {status: 404, code: "not_found", do: func(b *bed) answer {
			path := []byte(b.send(3).path)
			path[len(path)-1] ^= 1
			return b.browser().do("DELETE", string(path)+"/claim", "", "", asJSON...)
		}},
		"another method": {status: 405, code: "method", do: func(b *bed) answer {
			return b.browser().get(b.send(3).path+"/claim", asJSON...)
		}},
		"another method, with too large a body": {status: 405, code: "method", do: func(b *bed) answer {
			return b.browser().do("PUT", b.send(3).path+"/claim", "", big, asJSON...)
		}},
		"too large a body": {status: 413, code: "too_large", do: func(b *bed) answer {
			return b.browser().do("POST", b.send(3).path+"/claim", "", big, asJSON...)
		}},
		"too large a body, from another site": {status: 413, code: "too_large", do: func(b *bed) answer {
			return b.browser().do("POST", b.send(3).path+"/claim", "", big, crossSite...)
		}},
		"another site": {status: 403, code: "cross_site", do: func(b *bed) answer {
			s := b.send(3)
			w := b.person(s.path, seed)
			return w.do("POST", s.path+"/claim", "", "", append(crossSite, "HB-CSRF", w.csrf(s.path))...)
		}},
		"another site, nobody signed in": {status: 403, code: "cross_site", do: func(b *bed) answer {
			return b.browser().do("POST", b.send(3).path+"/claim", "", "", crossSite...)
		}},
		"another origin": {status: 403, code: "cross_site", do: func(b *bed) answer {
			s := b.send(3)
			w := b.person(s.path, seed)
			return w.do("POST", s.path+"/claim", "", "", append([]string{"Origin", "https://evil.example", "HB-CSRF", w.csrf(s.path)}, asJSON...)...)
		}},
		"no token of the session": {status: 403, code: "cross_site", do: func(b *bed) answer {
			s := b.send(3)
			return b.person(s.path, seed).do("POST", s.path+"/claim", "", "", asJSON...)
		}},
		"the token of another session": {status: 403, code: "cross_site", do: func(b *bed) answer {
			s := b.send(3)
			other := b.person(s.path, seed).csrf(s.path)
			return b.person(s.path, seed).do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", other}, asJSON...)...)
		}},
		"no token, and a session that serves another packet": {status: 403, code: "cross_site", do: func(b *bed) answer {
			one, other := b.send(3), b.send(3)
			w := b.browser()
			w.post(one.path+"/enter", url.Values{"ticket": {b.ticket(one, seed)}})
			return w.do("POST", other.path+"/claim", "", "", asJSON...)
		}},
		"nobody signed in": {status: 401, code: "sign_in", do: func(b *bed) answer {
			return b.browser().claim(b.send(3).path)
		}},
		"nobody signed in, at a held packet": {status: 401, code: "sign_in", do: func(b *bed) answer {
			s := b.send(3)
			b.hold(s)
			return b.browser().claim(s.path)
		}},
		"a ticket that has expired, at a held packet": {status: 401, code: "ticket_refused", do: func(b *bed) answer {
			s := b.send(3)
			b.hold(s)
			ticket := b.ticket(s, seed)
			b.clock.pass(10 * time.Minute)
			return b.bearer(s.path, ticket)
		}},
		"held": {status: 423, code: "held", do: func(b *bed) answer {
			s := b.send(3)
			b.hold(s)
			return b.person(s.path, seed).claim(s.path)
		}},
		"held, and its time is over": {status: 423, code: "held", do: func(b *bed) answer {
			s := b.send(3)
			b.hold(s)
			b.clock.pass(25 * time.Hour)
			return b.person(s.path, seed).claim(s.path)
		}},
		"held, and not yours": {status: 423, code: "held", do: func(b *bed) answer {
			s := b.send(1, normal)
			b.hold(s)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"finished": {status: 409, code: "finished", do: func(b *bed) answer {
			s := b.send(1)
			b.person(s.path, seed).open(s.path)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"finished, and its time is over": {status: 409, code: "finished", do: func(b *bed) answer {
			s := b.send(1)
			b.person(s.path, seed).open(s.path)
			b.clock.pass(25 * time.Hour)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"finished, and not yours, and too often": {status: 409, code: "finished", do: func(b *bed) answer {
			s := b.send(1, normal)
			b.person(s.path, seed).open(s.path)
			for range 8 {
				b.person(s.path, "friend").claim(s.path)
			}
			return b.person(s.path, "friend").claim(s.path)
		}, rate: throttle.New(1, 2)},
		"its time is over": {status: 410, code: "expired", do: func(b *bed) answer {
			s := b.send(3)
			b.clock.pass(24 * time.Hour)
			return b.person(s.path, seed).claim(s.path)
		}},
		"refunded": {status: 410, code: "expired", do: func(b *bed) answer {
			s := b.send(3)
			b.end(s)
			return b.person(s.path, seed).claim(s.path)
		}},
		"its time is over, and not yours": {status: 410, code: "expired", do: func(b *bed) answer {
			s := b.send(1, normal)
			b.clock.pass(24 * time.Hour)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"not yours": {status: 403, code: "not_yours", do: func(b *bed) answer {
			s := b.send(1, normal)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"not yours, and too often": {status: 403, code: "not_yours", rate: never(), do: func(b *bed) answer {
			s := b.send(1, normal)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"too often": {status: 429, code: "slow_down", rate: never(), do: func(b *bed) answer {
			s := b.send(3)
			return b.person(s.path, seed).claim(s.path)
		}},
		"too often, and before the first person": {status: 429, code: "slow_down", rate: never(), do: func(b *bed) answer {
			s := b.send(3)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"before the first person": {status: 403, code: "seed_first", do: func(b *bed) answer {
			s := b.send(3)
			return b.person(s.path, "friend").claim(s.path)
		}},
		"the lanes are closed": {status: 503, code: "busy", do: func(b *bed) answer {
			s := b.send(3)
			b.engine.Close()
			return b.person(s.path, seed).claim(s.path)
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, terms{rate: c.rate})
			got := c.do(b)
			b.refused(got, c.status, c.code)
			if wait := got.header.Get("Retry-After") != ""; wait != slices.Contains([]int{429, 503, 504}, c.status) {
				t.Errorf("Retry-After: %q", got.header.Get("Retry-After"))
			}
			if c.status == http.StatusMethodNotAllowed && got.header.Get("Allow") != "POST" {
				t.Errorf("Allow: %q", got.header.Get("Allow"))
			}
			if got.header.Get("HB-Environment") != "sandbox" {
				t.Error("a refusal does not say in which environment it was given")
			}
		})
	}
}

// TestOwnShareComesBeforeRefusals: nothing that stops others stops somebody from
// seeing the share they have.
func TestOwnShareComesBeforeRefusals(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(*bed, sent){
		"held":     (*bed).hold,
		"expired":  func(b *bed, _ sent) { b.clock.pass(90 * time.Minute) },
		"refunded": (*bed).end,
		"busy":     func(b *bed, _ sent) { b.engine.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, terms{rate: throttle.New(1, 1)})
			s := b.send(3, func(w *engine.Wish) { w.Life = time.Hour })
			w := b.person(s.path, seed)
			first, own := w.open(s.path)
			then(b, s)
			if again, _ := w.open(own); again != first {
				t.Errorf("first %+v, then %+v", first, again)
			}
			w.open(s.path) // and the rate was used up
		})
	}
}

func TestAnOutcomeThatTakesTooLongIsUnknown(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{wait: 50 * time.Millisecond})
	s := b.send(3)
	w := b.person(s.path, seed)
	token := w.csrf(s.path)
	locked, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- b.store.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.LockPackets([]packet.ID{s.ID})
			close(locked)
			<-release
			return err
		})
	}()
	<-locked
	got := w.do("POST", s.path+"/claim", "", "", append([]string{"HB-CSRF", token}, asJSON...)...)
	b.refused(got, http.StatusGatewayTimeout, "unknown")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	watched, stop := b.engine.Watch(s.ID) // the claim goes on without its caller
	defer stop()
	for {
		grown := watched()
		p, err := b.engine.Packet(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Claims) == 1 {
			return
		}
		<-grown
	}
}

// TestPeopleAreRefusedOnPages: the same refusals with the same status, as a page in
// the reader's language.
func TestPeopleAreRefusedOnPages(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	friend := b.person(s.path, "friend")
	form := url.Values{"csrf": {friend.csrf(s.path)}}
	zh := []string{"Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8"}
	for name, c := range map[string]struct {
		got    answer
		status int
		words  []string
	}{
		"a form":               {friend.post(s.path+"/claim", form), 403, []string{"Waiting for the first person", `href="` + s.path + `"`}},
		"a form, in Chinese":   {friend.post(s.path+"/claim", form, zh...), 403, []string{"等第一位好友开启", `lang="zh-CN"`, "回到红包"}},
		"a form without token": {friend.post(s.path+"/claim", nil), 403, []string{"This page is a little old"}},
		"a browser":            {friend.get("/p/nothing", asPage...), 404, []string{"No such packet"}},
		"an unknown path":      {friend.get("/favicon.ico", asPage...), 404, []string{"No such packet"}},
	} {
		if c.got.status != c.status || c.got.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s", name, c.got.status, c.got.header.Get("Content-Type"))
		}
		for _, w := range c.words {
			if !strings.Contains(c.got.body, w) {
				t.Errorf("%s: the page does not say %q:\n%s", name, w, c.got.body)
			}
		}
	}
	if got := friend.get("/p/nothing", append(zh, asJSON...)...); b.refused(got, 404, "not_found").Title != "没有这个红包" {
		t.Errorf("a program is not told in Chinese: %s", got.body)
	}
}

func TestFaultsOfOursAreLoggedNotTold(t *testing.T) {
	t.Parallel()
	var log syncWriter
	b := newBed(t, terms{log: &log})
	s := b.send(3)
	unsealed := store.Key{MchID: merchant, ID: "app-3", Use: store.TicketKey, Alg: identity.HS256, Sealed: []byte("not sealed")}
	if err := b.store.Update(t.Context(), func(tx store.Tx) error { return tx.InsertKey(unsealed) }); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(time.Minute) // the merchant is read again
	got := b.refused(b.bearer(s.path, b.ticket(s, seed)), http.StatusInternalServerError, "internal")
	if strings.Contains(got.Message, "app-3") {
		t.Errorf("told %q", got.Message)
	}
	if !strings.Contains(log.String(), "app-3") || strings.Contains(log.String(), s.Link) {
		t.Errorf("logged:\n%s", log.String())
	}
}

func TestAPayoutThatIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var log syncWriter
	b := newBed(t, terms{log: &log})
	s := b.send(3)
	w := b.person(s.path, seed)
	w.open(s.path)
	b.payouts.then = func() error { return fault.Unknown }
	b.payoutOf(s, store.PayoutRefused, true)
	if got, _ := w.open(s.path); got.Payout != "failed" {
		t.Errorf("payout is %s", got.Payout)
	}
	if !strings.Contains(log.String(), "unknown") || strings.Contains(log.String(), s.Link) || strings.Contains(log.String(), seed) {
		t.Errorf("logged:\n%s", log.String())
	}
}

func TestReadingThatTakesTooLongIsBusy(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{wait: time.Nanosecond})
	s := b.send(3)
	b.end(s)
	b.refused(b.browser().get(s.path+"/proof"), http.StatusServiceUnavailable, "busy")
}

// TestABodyThatBreaksOff says that ten bytes follow, and sends three.
func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(b.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST %s/claim HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", s.path); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil { //nolint:forcetypeassert // it was dialled as one
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if h, err := claim.New(claim.Config{}); err == nil || h != nil {
		t.Errorf("%v, %v", h, err)
	}
}

// TestTicketsAreRefusedByField walks through tickets that do not hold.
func TestTicketsAreRefusedByField(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s, other := b.send(3), b.send(3)
	tampered := []byte(b.ticket(s, seed))
	tampered[len(tampered)-10] ^= 1
	tickets := map[string]string{
		"ticket":    "nothing",
		"signature": string(tampered),
		"pkt":       b.ticket(other, seed),
		"iss":       b.ticket(s, seed, func(c *identity.Claims) { c.MchID = "10000099" }),
		"aud":       b.ticket(s, seed, func(c *identity.Claims) { c.Audience = "https://other.example" }),
		"exp":       b.ticket(s, seed, func(c *identity.Claims) { c.Expires = c.IssuedAt.Add(301 * time.Second) }),
		"iat":       b.ticket(s, seed, func(c *identity.Claims) { c.IssuedAt = c.IssuedAt.Add(time.Minute) }),
		"sub":       b.ticket(s, "not a subject"),
		"jti":       b.ticket(s, seed, func(c *identity.Claims) { c.JTI = "short" }),
		"name":      b.ticket(s, seed, func(c *identity.Claims) { c.Name = "\n" }),
	}
	for _, name := range slices.Sorted(maps.Keys(tickets)) {
		for call, got := range map[string]answer{
			"claim": b.bearer(s.path, tickets[name]),
			"enter": b.browser().post(s.path+"/enter", url.Values{"ticket": {tickets[name]}}, asJSON...),
			"page":  b.browser().get(s.path, append([]string{"Authorization", "Bearer " + tickets[name]}, asJSON...)...),
		} {
			if r := b.refused(got, http.StatusUnauthorized, "ticket_refused"); r.Field != name {
				t.Errorf("%s: field %q, want %q", call, r.Field, name)
			}
			if len(got.header.Values("Set-Cookie")) > 0 || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: %v", call, got.header)
			}
		}
	}
}
