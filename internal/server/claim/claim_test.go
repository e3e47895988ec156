package claim_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/store"
)

// keys lists the names in a JSON object, sorted.
func keys(t *testing.T, text string) []string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return slices.Sorted(maps.Keys(m))
}

func TestAClaimIsAnswered(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	a := b.person(s.path, seed).claim(s.path)
	want := []string{"amount", "claimed_at", "parent", "payout", "receipt", "send_listid", "share_url", "slot", "total_num"}
	if diff := cmp.Diff(want, keys(t, a.body)); diff != "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: fields (-want +got)\n%s", a.header.Get("Content-Type"), diff)
	}
	var got share
	b.decode(a, &got)
	pic, err := b.engine.Packet(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c := pic.Claims[0]; got.ListID != s.ListID || got.Slot != 0 || got.Amount != c.Amount || got.Num != 3 || got.Parent != nil ||
		got.ClaimedAt != "2026-11-24T12:00:00Z" || got.Payout != "due" || got.Receipt != hexOf(c.Hash[:]) {
		t.Errorf("the claim is %+v, answered %+v", c, got)
	}
	if ok, _ := regexp.MatchString(`^`+regexp.QuoteMeta(b.base)+`/p/[0-9A-Za-z_-]{36}$`, got.ShareURL); !ok || strings.HasSuffix(got.ShareURL, s.path) {
		t.Errorf("share_url is %s", got.ShareURL)
	}
	if word := payout.Word(store.Payout{}, false); got.Payout != word {
		t.Errorf("a share no worker has come to is %s, package payout says %s", got.Payout, word)
	}
}

func TestAFormLeadsToOnesOwnLink(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.person(s.path, seed)
	got := w.post(s.path+"/claim", url.Values{"csrf": {w.csrf(s.path)}}, asPage...)
	_, own := w.open(s.path)
	if got.status != http.StatusSeeOther || got.header.Get("Location") != own || own == s.path {
		t.Errorf("%d to %q, the own link is %s", got.status, got.header.Get("Location"), own)
	}
	again := w.post(own+"/claim", url.Values{"csrf": {w.csrf(own)}})
	if again.status != http.StatusSeeOther || again.header.Get("Location") != own {
		t.Errorf("again: %d to %q", again.status, again.header.Get("Location"))
	}
}

// TestTheSameAnswerForEver asks for one claim again through every link, by every
// way in and later: all but the payout is the same.
func TestTheSameAnswerForEver(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(4)
	_, seedLink := b.person(s.path, seed).open(s.path)
	first, own := b.person(seedLink, "friend").open(seedLink)
	_, otherLink := b.person(own, "other").open(own)
	b.clock.pass(time.Hour)
	for _, path := range []string{s.path, seedLink, own, otherLink} {
		w := b.person(path, "friend")
		again, _ := w.open(path)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("by %s (-first +again)\n%s", path, diff)
		}
		again = share{}
		b.decode(b.bearer(path, b.ticket(s, "friend")), &again)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("by a ticket at %s (-first +again)\n%s", path, diff)
		}
	}
	b.payoutOf(s, store.PayoutDone, false)
	w := b.person(s.path, seed)
	if got, _ := w.open(s.path); got.Payout != "paid" {
		t.Errorf("payout is %s", got.Payout)
	}
}

// TestLinksMakeTheTree plays a packet that spreads, and reads its tree.
func TestLinksMakeTheTree(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(7)
	links := map[string]string{"the root": s.path}
	for _, c := range []struct{ who, by string }{
		{seed, "the root"}, {"ann", seed}, {"ben", "ann"}, {"cat", "ann"}, {"dan", "cat"}, {"eve", "the root"}, {"fay", "dan"},
	} {
		w := b.person(links[c.by], c.who)
		_, links[c.who] = w.open(links[c.by])
		w.open(links[seed]) // coming again by somebody else's link moves nobody
	}
	var got struct {
		Claims []struct {
			Slot   int
			Parent *int
		}
	}
	if err := json.Unmarshal([]byte(b.browser().get(links["ann"], asJSON...).body), &got); err != nil {
		t.Fatal(err)
	}
	var tree []int
	for i, c := range got.Claims {
		if c.Slot != i {
			t.Errorf("claim %d has slot %d", i, c.Slot)
		}
		if c.Parent == nil {
			tree = append(tree, -1)
		} else {
			tree = append(tree, *c.Parent)
		}
	}
	if diff := cmp.Diff([]int{-1, 0, 1, 1, 3, 0, 4}, tree); diff != "" {
		t.Errorf("parents by slot (-want +got)\n%s", diff)
	}
	page := b.browser().get(s.path, asPage...).body
	order := regexp.MustCompile(`(?s)<li class="deep(\d)[^"]*">.*?(\d\d:\d\d:\d\d).*?</li>`).FindAllStringSubmatch(page, -1)
	var depths []string
	for _, row := range order {
		depths = append(depths, row[1])
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "2", "3", "4", "1"}, depths); diff != "" {
		t.Errorf("depths down the list (-want +got)\n%s\n%s", diff, page)
	}
}

func TestTicketsOfBothAlgorithms(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": merchant, "aud": b.base, "sub": seed, "pkt": s.ListID, "jti": "0123456789abcdef",
		"iat": start.Unix(), "exp": start.Add(5 * time.Minute).Unix(), "name": "林黛玉",
	})
	token.Header["typ"], token.Header["kid"] = "hb-claim+jwt", "app-2"
	raw, err := token.SignedString(b.secret)
	if err != nil {
		t.Fatal(err)
	}
	first := b.bearer(s.path, raw)
	if first.status != http.StatusOK {
		t.Fatalf("HS256: %d %s", first.status, first.body)
	}
	if again := b.bearer(s.path, raw); again.body != first.body {
		t.Errorf("presented again: %s, first %s", again.body, first.body)
	}
	if got := b.bearer(s.path, b.ticket(s, "friend", func(c *identity.Claims) { c.Name = " Em Dash" })); got.status != http.StatusOK {
		t.Fatalf("EdDSA: %d %s", got.status, got.body)
	}
	var o struct{ Claims []struct{ Name string } }
	a := b.person(s.path, seed).get(s.path, asJSON...)
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Claims) != 2 || o.Claims[0].Name != "林**" || o.Claims[1].Name != "E**" {
		t.Errorf("names are %+v", o.Claims)
	}
	if !strings.Contains(a.body, `"mine":{`) {
		t.Error("the person of the ticket is not the one that signs in by the same openid")
	}
	b.clock.pass(6 * time.Minute)
	b.refused(b.bearer(s.path, raw), http.StatusUnauthorized, "ticket_refused")
}

// TestATicketNeedsNoCookie: a Bearer request is judged by its ticket alone, whatever
// a browser adds.
func TestATicketNeedsNoCookie(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.person(s.path, "friend")
	a := w.do(http.MethodPost, s.path+"/claim", "", "", "Authorization", "bearer "+b.ticket(s, seed),
		"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example")
	if a.status != http.StatusOK || len(a.header.Values("Set-Cookie")) > 0 {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	pic, err := b.engine.Packet(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if who := b.engine.Claimant(pic, engine.Person{Space: appID, Subject: seed}); pic.Claims[0].Claimant != who {
		t.Error("the share went to the cookie's person, not to the ticket's")
	}
	if r := b.refused(w.do(http.MethodPost, s.path+"/claim", "", "", "Authorization", "Bearer "), 401, "ticket_refused"); r.Field != "ticket" {
		t.Errorf("an empty ticket: %+v", r)
	}
}

func TestAPacketThatTakesNoTickets(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{providers: "sandbox"})
	s := b.send(3)
	if r := b.refused(b.bearer(s.path, b.ticket(s, seed)), 401, "ticket_refused"); r.Field != "ticket" {
		t.Errorf("%+v", r)
	}
}

// TestPayoutIsTold goes through what a payout can look like, and who is told that
// somebody came back.
func TestPayoutIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state    store.PayoutState
		change   func(*store.Payout)
		word     string
		zh       string
		revisits int
	}{
		"queued":    {store.PayoutQueued, nil, "due", "已归你，等待打款", 0},
		"on hold":   {store.PayoutQueued, func(p *store.Payout) { p.Operator = true }, "held", "金额已归你，打款前需要核实", 0},
		"sent":      {store.PayoutSubmitting, nil, "moving", "打款途中", 0},
		"awaiting":  {store.PayoutAwaiting, nil, "confirm", "还差一步到账", 0},
		"done":      {store.PayoutDone, nil, "paid", "沙箱红包，没有真实到账", 0},
		"refused":   {store.PayoutRefused, nil, "failed", "还没到账，钱仍为你留着", 2},
		"cancelled": {store.PayoutCancelled, func(p *store.Payout) { p.Returned = true }, "returned", "这一份已退回商家", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, terms{})
			s := b.send(3)
			w := b.person(s.path, seed)
			w.open(s.path)
			change := c.change
			if change == nil {
				change = func(*store.Payout) {}
			}
			b.payoutOf(s, c.state, true, change)
			if page := w.get(s.path, append([]string{"Accept-Language", "zh"}, asPage...)...); !strings.Contains(page.body, c.zh) {
				t.Errorf("the page does not say %s:\n%s", c.zh, page.body)
			}
			got := w.do(http.MethodPost, s.path+"/claim", "", "", append([]string{"HB-CSRF", w.csrfQuietly(s.path)}, asJSON...)...)
			if !strings.Contains(got.body, `"payout":"`+c.word+`"`) {
				t.Errorf("the claim says %s", got.body)
			}
			pic, _ := b.engine.Packet(t.Context(), s.ID)
			for _, who := range b.payouts.who {
				if who != pic.Claims[0].Claimant {
					t.Errorf("%x came back, it was %x", who, pic.Claims[0].Claimant)
				}
			}
			if len(b.payouts.who) != c.revisits {
				t.Errorf("the worker was told %d times, want %d", len(b.payouts.who), c.revisits)
			}
		})
	}
}

// csrfQuietly reads the token where the viewer has no share to be shown.
func (w *browser) csrfQuietly(path string) string {
	w.b.t.Helper()
	other := w.b.send(1)
	return w.get(other.path, asJSON...).header.Get("HB-CSRF")
}

func TestAFailedPayoutIsTriedAgainOnTheNextVisit(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.person(s.path, seed)
	w.open(s.path)
	b.payoutOf(s, store.PayoutRefused, true)
	b.payouts.then = func() error {
		b.payoutOf(s, store.PayoutQueued, false, func(p *store.Payout) { p.Generation = 2 })
		return nil
	}
	if got, _ := w.open(s.path); got.Payout != "due" || len(b.payouts.who) != 1 {
		t.Errorf("payout is %s after %d visits", got.Payout, len(b.payouts.who))
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(2)
	before := []string{"cap", "commitment", "head", "law", "min", "send_listid", "total_num"}
	running := b.browser().get(s.path + "/proof")
	if diff := cmp.Diff(before, keys(t, running.body)); diff != "" {
		t.Errorf("fields before the end (-want +got)\n%s", diff)
	}
	b.clock.pass(24 * time.Hour) // over, but its end is not committed
	if got := b.browser().get(s.path + "/proof"); got.body != running.body {
		t.Errorf("the secret was out before the end was committed: %s", got.body)
	}
	b.end(s)
	got := b.browser().get(s.path + "/proof")
	if diff := cmp.Diff(slices.Sorted(slices.Values(append(before, "secret", "shares", "total_amount"))), keys(t, got.body)); diff != "" {
		t.Errorf("fields after the end (-want +got)\n%s", diff)
	}
	var p struct {
		Commitment, Head, Secret, Law string
		Total                         int   `json:"total_amount"`
		Shares                        []int `json:"shares"`
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		t.Fatal(err)
	}
	hash := regexp.MustCompile(`^[0-9a-f]{64}$`)
	if !hash.MatchString(p.Commitment) || !hash.MatchString(p.Head) || !hash.MatchString(p.Secret) || p.Law != "double-mean" ||
		p.Total != 600 || len(p.Shares) != 2 || p.Shares[0]+p.Shares[1] != 600 {
		t.Errorf("proof: %s", got.body)
	}
	checkSplit(t, got.body)
}

func TestPacketOfOnePerson(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(1, normal)
	if got, _ := b.person(s.path, seed).open(s.path); got.Amount != 300 || got.Num != 1 {
		t.Errorf("%+v", got)
	}
	pic, err := b.engine.Packet(t.Context(), s.ID)
	if err != nil || pic.State != packet.Finished {
		t.Errorf("%v, %v", pic.State, err)
	}
}
