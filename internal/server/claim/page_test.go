package claim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
)

func TestPageForPrograms(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	names := []string{
		"act_name", "claimed", "claims", "commitment", "environment", "expires_at", "mine", "send_listid", "send_name",
		"state", "total_num", "wishing",
	}
	var got struct {
		State, Environment, Commitment, Wishing string
		ListID                                  string `json:"send_listid"`
		SendName                                string `json:"send_name"`
		ActName                                 string `json:"act_name"`
		ExpiresAt                               string `json:"expires_at"`
		Num                                     int    `json:"total_num"`
		Claimed                                 *int
		Mine                                    *share
		Claims                                  []json.RawMessage
	}
	a := b.browser().get(s.path, asJSON...)
	b.decode(a, &got)
	if diff := cmp.Diff(names, keys(t, a.body)); diff != "" {
		t.Errorf("fields (-want +got)\n%s", diff)
	}
	if got.State != "sent" || got.Environment != "sandbox" || got.ListID != s.ListID || got.SendName != "天虹百货" || got.Wishing != "新茶上市，见者有份" ||
		got.ActName != "猜灯谜" || got.ExpiresAt != "2026-11-25T12:00:00Z" || got.Num != 3 || *got.Claimed != 0 || got.Mine != nil || len(got.Commitment) != 64 {
		t.Errorf("%s", a.body)
	}
	if !strings.Contains(a.body, `"mine":null`) || !strings.Contains(a.body, `"claims":[]`) {
		t.Errorf("nothing is not said as null and []: %s", a.body)
	}
	w := b.person(s.path, seed)
	first, own := w.open(s.path)
	b.decode(w.get(own, asJSON...), &got)
	if got.State != "open" || *got.Claimed != 1 || got.Mine == nil || *got.Mine != first {
		t.Errorf("mine is %+v, the claim said %+v", got.Mine, first)
	}
	if diff := cmp.Diff([]string{"amount", "claimed_at", "name", "parent", "slot"}, keys(t, string(got.Claims[0]))); diff != "" {
		t.Errorf("fields of a claim (-want +got)\n%s", diff)
	}
	b.decode(b.browser().get(s.path, asJSON...), &got)
	if diff := cmp.Diff([]string{"claimed_at", "name", "parent", "slot"}, keys(t, string(got.Claims[0]))); diff != "" {
		t.Errorf("fields of a claim for who has no share (-want +got)\n%s", diff)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	state := func(s sent) string {
		var o struct{ State string }
		if err := json.Unmarshal([]byte(b.browser().get(s.path, asJSON...).body), &o); err != nil {
			t.Fatal(err)
		}
		return o.State
	}
	open, finished, held, refunded, expired := b.send(2), b.send(1), b.send(2), b.send(2), b.send(2, func(w *engine.Wish) { w.Life = time.Hour })
	b.person(open.path, seed).open(open.path)
	b.person(finished.path, seed).open(finished.path)
	b.hold(held)
	b.end(refunded)
	b.clock.pass(time.Hour)
	for want, s := range map[string]sent{"open": open, "finished": finished, "held": held, "refunded": refunded, "expired": expired} {
		if got := state(s); got != want {
			t.Errorf("a packet that is %s is called %s", want, got)
		}
	}
}

// amounts finds anything that looks like one.
var amounts = regexp.MustCompile(`\d\.\d\d|¥|\d 元|"amount"`)

// TestNoAmountBeforeOpening looks for amounts wherever somebody without a share can
// look, in every language, before the packet has ended.
func TestNoAmountBeforeOpening(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s, fresh := b.send(3), b.send(3)
	_, own := b.person(s.path, seed).open(s.path)
	held := b.send(3)
	b.person(held.path, seed).open(held.path)
	b.hold(held)
	for who, w := range map[string]*browser{"a stranger": b.browser(), "somebody signed in": b.person(s.path, "friend")} {
		for _, path := range []string{s.path, own, fresh.path, held.path, s.path + "?all"} {
			for _, language := range []string{"zh", "en"} {
				for _, kind := range [][]string{asJSON, asPage} {
					a := w.get(path, append([]string{"Accept-Language", language}, kind...)...)
					if found := amounts.FindString(a.body); a.status != http.StatusOK || found != "" {
						t.Errorf("%s sees %q at %s: %d\n%s", who, found, path, a.status, a.body)
					}
				}
			}
		}
		if found := amounts.FindString(w.get(s.path + "/proof").body); found != "" {
			t.Errorf("%s sees %q in the proof", who, found)
		}
	}
	if !amounts.MatchString(b.person(s.path, seed).get(s.path, asPage...).body) {
		t.Error("who has a share sees no amount; this test looks for the wrong thing")
	}
	b.end(s)
	if a := b.browser().get(s.path, asPage...); !amounts.MatchString(a.body) {
		t.Errorf("no amounts after the end:\n%s", a.body)
	}
}

// TestNobodySeesAnOpenid looks for the openids of all who took part.
func TestNobodySeesAnOpenid(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(2)
	viewers := []*browser{b.browser(), b.person(s.path, seed), b.person(s.path, "oFriendOfThePacket")}
	look := func(when string) {
		for _, w := range viewers {
			for _, kind := range [][]string{asJSON, asPage} {
				for _, path := range []string{s.path, s.path + "/proof"} {
					if a := w.get(path, kind...); strings.Contains(a.body, "OfThePacket") {
						t.Errorf("%s an openid stands in %s:\n%s", when, path, a.body)
					}
				}
			}
		}
	}
	look("at first")
	viewers[1].open(s.path)
	viewers[2].open(s.path)
	look("in the end")
}

// TestWordsOfOthersAreHarmless sends a packet, and claims by a ticket, in words that
// would do something if they got into the page as they are.
func TestWordsOfOthersAreHarmless(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}`
	s := b.send(2, func(w *engine.Wish) { w.SendName, w.Wishing, w.ActName = evil, evil+" wishing", evil+" act" })
	if a := b.bearer(s.path, b.ticket(s, seed, func(c *identity.Claims) { c.Name = "<b>" })); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, w := range []*browser{b.browser(), b.person(s.path, "friend"), b.person(s.path, seed)} {
		page := w.get(s.path, asPage...).body
		if strings.Contains(page, "<script") || strings.Contains(page, "<img src=x") || strings.Contains(page, "<<") {
			t.Errorf("it got through:\n%s", page)
		}
		if !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("the words are not on the page:\n%s", page)
		}
		var o struct {
			Wishing string
			Claims  []struct{ Name string }
		}
		if err := json.Unmarshal([]byte(w.get(s.path, asJSON...).body), &o); err != nil || o.Wishing != evil+" wishing" || o.Claims[0].Name != "<**" {
			t.Errorf("%v, wishing %q, names %v", err, o.Wishing, o.Claims)
		}
	}
}

func TestScreens(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s, held, single := b.send(4), b.send(3), b.send(1, normal)
	b.hold(held)
	ticketOnly := b.send(3, func(w *engine.Wish) { w.Providers = "ticket" })
	say := func(when string, w *browser, path string, button bool, words ...string) {
		t.Helper()
		a := w.get(path, append([]string{"Accept-Language", "en"}, asPage...)...)
		if a.status != http.StatusOK || strings.Contains(a.body, `aria-label="Open the red packet`) != button {
			t.Errorf("%s: %d, button wanted: %v\n%s", when, a.status, button, a.body)
		}
		for _, word := range words {
			if !strings.Contains(a.body, word) {
				t.Errorf("%s: the page does not say %q:\n%s", when, word, a.body)
			}
		}
	}
	say("a stranger", b.browser(), s.path, false, "First, who are you?", `action="/auth/sandbox/`+s.Link+`"`, "4 of 4 left", "ends in 1 d")
	say("a stranger, tickets only", b.browser(), ticketOnly.path, false, "Open it from the sender&#39;s app")
	say("the seed", b.person(s.path, seed), s.path, true, "You go first", "Then share the other 3 with friends")
	say("a friend, too early", b.person(s.path, "friend"), s.path, false, "Waiting for the first person", "Reload")
	say("held", b.person(held.path, seed), held.path, false, "This packet is paused")
	say("not theirs", b.person(single.path, "friend"), single.path, false, "This packet is for someone else")
	_, own := b.person(s.path, seed).open(s.path)
	say("a friend", b.person(own, "friend"), own, true, "Tap to open", "3 of 4 left")
	b.clock.pass(time.Minute)
	friend := b.person(own, "friend")
	got, link := friend.open(own)
	say("who has a share", friend, link, false, "You opened number 2 of 4", "¥"+got.Amount.String(), "2 left for your friends",
		`value="`+b.base+link+`"`, "Opened 2 of 4", "of ¥12.00", "by the link of No. 1", "The secret appears after the end")
	if page := friend.get(link, asPage...).body; strings.Contains(page, `class="luck"`) {
		t.Error("the luckiest is named before all are open")
	}
	b.person(own, "third").open(own)
	b.clock.pass(5*time.Minute + 12*time.Second)
	b.person(own, "fourth").open(own)
	say("all open", friend, link, false, "Luckiest", "The secret is public", "¥12.00 in all")
	say("too late", b.person(own, "late"), own, false, "All 4 opened in 6 min 12 s", "You missed this one", "the luckiest is No.", "Opened 4 of 4")
	if page := friend.get(link, asPage...).body; strings.Count(page, `class="luck"`) != 1 || strings.Contains(page, "left for your friends") {
		t.Errorf("not one luckiest, or something left to share:\n%s", page)
	}
}

func TestAPacketThatEndedInTime(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	first, own := b.person(s.path, seed).open(s.path)
	b.clock.pass(24 * time.Hour)
	page := func() string { return b.browser().get(own, asPage...).body }
	if p := page(); !strings.Contains(p, "Ended with 1 opened") || !strings.Contains(p, "What is unopened is being returned") {
		t.Errorf("before the refund:\n%s", p)
	}
	b.end(s)
	if p := page(); !strings.Contains(p, "2 unopened, ¥"+(900-first.Amount).String()+" returned to the sender") || strings.Contains(p, `class="luck"`) {
		t.Errorf("after the refund:\n%s", p)
	}
}

func TestALongListIsCut(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(60)
	for i := range 60 {
		p := engine.Person{Provider: "sandbox", Space: appID, Subject: "o" + strings.Repeat("x", i)}
		if i == 0 {
			p.Subject = seed
		}
		if _, err := b.engine.Claim(t.Context(), s.ID, p, i-1, 0); err != nil {
			t.Fatal(err)
		}
	}
	count := func(path string) int { return strings.Count(b.browser().get(path, asPage...).body, "<li ") }
	if short, all := count(s.path), count(s.path+"?all"); short != 50 || all != 60 {
		t.Errorf("%d rows, and %d when asked for all", short, all)
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	for accept, want := range map[string]string{
		"": "en", "zh": "zh-CN", "zh-CN,zh;q=0.9,en;q=0.8": "zh-CN", "ZH-hant-TW": "zh-CN", "en-GB,en;q=0.9,zh;q=0.8": "en",
		"fr,zh;q=0.5": "zh-CN", "fr": "en", "en;q=0.4,zh;q=0.5": "zh-CN", "zh;q=0": "en", "zh,en": "zh-CN", "en,zh": "en",
		"zh;q=oops": "en", "*": "en",
	} {
		a := b.browser().get(s.path, "Accept-Language", accept)
		if got := a.header.Get("Content-Language"); got != want || !strings.Contains(a.body, `<html lang="`+want+`">`) {
			t.Errorf("%q is answered in %s, want %s", accept, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for env, baseURL := range map[packet.Environment]string{packet.Sandbox: "", packet.Production: "https://hb.example"} {
		b := newBed(t, terms{env: env, baseURL: baseURL})
		s := b.send(3)
		for _, path := range []string{"/", "/nothing", s.path, s.path + "/proof", s.path + "/qr.png", "/p/nothing", "/assets/hb.css", "/p//x"} {
			h := b.browser().get(path).header
			for name, want := range map[string]string{
				"HB-Environment":          string(env),
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
			} {
				if h.Get(name) != want {
					t.Errorf("%s %s: %q, want %q", path, name, h.Get(name), want)
				}
			}
			if tls := h.Get("Strict-Transport-Security") != ""; tls != (baseURL != "") {
				t.Errorf("%s: Strict-Transport-Security %q", path, h.Get("Strict-Transport-Security"))
			}
		}
		for _, kind := range [][]string{asPage, asJSON} {
			if got := b.browser().get(s.path, kind...).header; got.Get("Cache-Control") != "no-store" || got.Get("Vary") == "" {
				t.Errorf("a page may be kept: %v", got)
			}
		}
		sandbox := strings.Contains(b.browser().get(s.path, asPage...).body, `class="ribbon"`)
		if sandbox != (env == packet.Sandbox) {
			t.Errorf("%s: the page says that it is a sandbox: %v", env, sandbox)
		}
	}
}

// TestNothingIsInline: the policy of the page forbids it, so it would be lost.
func TestNothingIsInline(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(1)
	w := b.person(s.path, seed)
	w.open(s.path)
	for _, path := range []string{"/", s.path, "/p/nothing"} {
		page := w.get(path, asPage...).body
		if found := regexp.MustCompile(`(?i)<style|<script|javascript:|<[^>]* (style|on[a-z]+)=`).FindString(page); found != "" {
			t.Errorf("%s: %q in the page", path, found)
		}
	}
	style := regexp.MustCompile(`href="(/assets/[^"]+)"`).FindStringSubmatch(w.get("/", asPage...).body)
	if a := w.get(style[1]); a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/css") || !strings.HasPrefix(a.header.Get("Cache-Control"), "public") {
		t.Errorf("the style sheet: %d %v", a.status, a.header)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.person(s.path, seed)
	for _, path := range []string{"/", "/assets/hb.css", s.path, s.path + "/proof", s.path + "/qr.png", s.path + "/poster.png", s.path + "/events"} {
		head := w.do(http.MethodHead, path, "", "")
		if head.status != http.StatusOK || head.body != "" || head.header.Get("Content-Type") == "" {
			t.Errorf("HEAD %s: %d %q %v", path, head.status, head.body, head.header)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FROG"} {
			a := w.do(method, path, "", "", asJSON...)
			b.refused(a, http.StatusMethodNotAllowed, "method")
			if a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: Allow %q", method, path, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{s.path + "/claim", s.path + "/enter", "/auth/sandbox/", "/auth/sandbox/" + s.Link} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			a := w.do(method, path, "", "", asJSON...)
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
				t.Errorf("%s %s: %d, Allow %q", method, path, a.status, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/nothing", "/p", "/p/", s.path + "/", s.path + "/nothing", "/auth/", "/auth/wechat/", "/assets/", "/p/" + url.PathEscape("../x")} {
		for _, method := range []string{"GET", "POST"} {
			b.refused(w.do(method, path, "", "", asJSON...), http.StatusNotFound, "not_found")
		}
	}
}

func TestWhoIsAProgram(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	for accept, want := range map[string]string{
		"":                                  "text/html; charset=utf-8",
		"*/*":                               "text/html; charset=utf-8",
		"application/json":                  "application/json",
		"application/json, text/plain, */*": "application/json",
		"application/json;q=0.5, text/html": "text/html; charset=utf-8",
		"text/html;q=0.5, application/json": "application/json",
		"application/json;q=0":              "text/html; charset=utf-8",
		"application/json-seq":              "text/html; charset=utf-8",
	} {
		if got := b.browser().get(s.path, "Accept", accept).header.Get("Content-Type"); got != want {
			t.Errorf("GET with Accept %q is answered in %s", accept, got)
		}
	}
	w := b.browser()
	for name, c := range map[string]struct {
		got  answer
		page bool
	}{
		"a form":                 {w.post(s.path+"/claim", nil), true},
		"a form in parts":        {w.do("POST", s.path+"/claim", "multipart/form-data; boundary=x", ""), true},
		"a form that wants JSON": {w.post(s.path+"/claim", nil, asJSON...), false},
		"no form":                {w.do("POST", s.path+"/claim", "", ""), false},
		"JSON":                   {w.do("POST", s.path+"/claim", "application/json", "{}"), false},
		"no form, wants a page":  {w.do("POST", s.path+"/claim", "", "", asPage...), true},
	} {
		if page := strings.HasPrefix(c.got.header.Get("Content-Type"), "text/html"); page != c.page || c.got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d, answered by a page: %v", name, c.got.status, page)
		}
	}
}
