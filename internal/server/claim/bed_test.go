package claim_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/claim"
	"hongbao.example/hongbao/internal/server/throttle"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
)

const (
	merchant = "10000098"
	appID    = "wxcafe0001"
	seed     = "oSeedOfThePacket"
)

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// bed is a claimant's edge over a real engine, database and listener.
type bed struct {
	t        *testing.T
	database *storebed.Bed
	store    store.Store
	engine   *engine.Engine
	clock    *clock
	handler  http.Handler
	base     string
	payouts  *revisits
	tickets  ed25519.PrivateKey // EdDSA, key id "app-1"
	secret   []byte             // HS256, key id "app-2"
}

// terms is what a bed is set up with; zero values mean a plain sandbox.
type terms struct {
	env       packet.Environment
	providers string
	baseURL   string // instead of the listener's address
	rate      *throttle.Throttle
	wait      time.Duration
	beat      time.Duration
	stop      chan struct{}
	limit     time.Duration // of the server, for reading a request and for answering
	log       io.Writer
}

// clock is the engine's time, which passes when it is told to.
type clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// revisits records whose payouts were to be tried again, and plays the worker.
type revisits struct {
	mu   sync.Mutex // guards all below
	who  []packet.Claimant
	then func() error
}

func (r *revisits) Revisit(_ context.Context, _ packet.ID, who packet.Claimant) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who = append(r.who, who)
	if r.then == nil {
		return nil
	}
	return r.then()
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func newBed(t *testing.T, o terms) *bed {
	t.Helper()
	b := &bed{t: t, clock: &clock{now: start}, payouts: &revisits{}, secret: []byte(strings.Repeat("k", 32))}
	b.database = storebed.New(t)
	s := b.database.Open(t)
	b.store = s
	log := slog.New(slog.NewTextHandler(or(o.log, t.Output()), nil))
	var err error
	b.engine, err = engine.New(engine.Config{
		Store: s, Vault: vault.New(vault.NewKey()), Environment: or(o.env, packet.Sandbox), Random: rand.Reader, Log: log,
		Now: b.clock.Now, Elapsed: func() time.Duration { return b.clock.Now().Sub(start) },
		Channel: engine.Channel{Name: "sandbox", Min: 1, Cap: 20_000}, Providers: or(o.providers, "sandbox,ticket"), SweepOff: true, Scope: engine.Scope(storebed.Scope()),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.fund()
	server := httptest.NewUnstartedServer(nil)
	b.base = "http://" + server.Listener.Addr().String()
	b.handler, err = claim.NewWithBeat(claim.Config{
		Engine: b.engine, BaseURL: or(o.baseURL, b.base), Log: log, Wait: or(o.wait, 10*time.Second), Rate: o.rate,
		Address: func(r *http.Request) string { host, _, _ := net.SplitHostPort(r.RemoteAddr); return host },
		Payouts: b.payouts, Stop: o.stop,
	}, or(o.beat, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler, server.Config.ReadTimeout, server.Config.WriteTimeout = b.handler, o.limit, o.limit
	server.Start()
	t.Cleanup(func() {
		server.Close()
		b.engine.Close()
	})
	return b
}

// another starts another claimant's edge on the bed's database, which knows of it only
// what it reads there, and returns its address.
func (b *bed) another() (base string) {
	b.t.Helper()
	log := slog.New(slog.DiscardHandler)
	e, err := engine.New(engine.Config{
		Store: b.store, Vault: b.engine.Vault(), Environment: packet.Sandbox, Random: rand.Reader, Log: log,
		Now: b.clock.Now, Elapsed: func() time.Duration { return 0 }, SweepOff: true,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	h, err := claim.New(claim.Config{
		Engine: e, BaseURL: b.base, Log: log, Wait: 10 * time.Second, Payouts: b.payouts,
		Address: func(*http.Request) string { return "somewhere" },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	server := httptest.NewServer(h)
	b.t.Cleanup(func() {
		server.Close()
		e.Close()
	})
	return server.URL
}

// fund adds a merchant with money and two ticket keys.
func (b *bed) fund() {
	b.t.Helper()
	ctx := b.t.Context()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	b.tickets = private
	for _, err := range []error{
		b.engine.AddMerchant(ctx, store.Merchant{MchID: merchant, Name: "Tea", Settings: store.Settings{AppIDs: []string{appID}}}),
		b.engine.AddTicketKey(ctx, merchant, engine.TicketKey{ID: "app-1", Alg: identity.EdDSA, Public: public}),
		b.engine.AddTicketKey(ctx, merchant, engine.TicketKey{ID: "app-2", Alg: identity.HS256, Secret: b.secret}),
	} {
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if _, err := b.engine.Fund(ctx, merchant, 100_000_000, "first"); err != nil {
		b.t.Fatal(err)
	}
}

// sent is a packet and its root link.
type sent struct {
	engine.Sent
	path string // of the root link
}

// send sends a packet of num shares; change may alter the wish.
func (b *bed) send(num int, change ...func(*engine.Wish)) sent {
	b.t.Helper()
	w := engine.Wish{
		MchID: merchant, BillNo: rand.Text(), Type: packet.Group, AppID: appID, Seed: seed, Total: money.Fen(num) * 300, Num: num,
		SendName: "天虹百货", Wishing: "新茶上市，见者有份", ActName: "猜灯谜", Life: 24 * time.Hour,
	}
	for _, f := range change {
		f(&w)
	}
	s, err := b.engine.Send(b.t.Context(), w)
	if err != nil {
		b.t.Fatal(err)
	}
	return sent{s, "/p/" + s.Link}
}

func normal(w *engine.Wish) { w.Type = packet.Normal }

// browser is somebody with cookies. It does not follow redirects.
type browser struct {
	b      *bed
	client *http.Client
}

func (b *bed) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return &browser{b: b, client: &http.Client{
		Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// headers of requests.
var (
	asJSON = []string{"Accept", "application/json"}
	asPage = []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
)

// do sends a request; headers are names and values in turn.
func (w *browser) do(method, path, kind, body string, headers ...string) answer {
	w.b.t.Helper()
	req, err := http.NewRequestWithContext(w.b.t.Context(), method, w.b.base+path, strings.NewReader(body))
	if err != nil {
		w.b.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		w.b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (w *browser) get(path string, headers ...string) answer {
	w.b.t.Helper()
	return w.do(http.MethodGet, path, "", "", headers...)
}

func (w *browser) post(path string, form url.Values, headers ...string) answer {
	w.b.t.Helper()
	return w.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), headers...)
}

// signIn signs somebody in by the sandbox, at a link.
func (w *browser) signIn(path, name string) *browser {
	w.b.t.Helper()
	got := w.post("/auth/sandbox/"+strings.TrimPrefix(path, "/p/"), url.Values{"name": {name}})
	if got.status != http.StatusSeeOther || got.header.Get("Location") != path {
		w.b.t.Fatalf("%s signs in: %d to %q\n%s", name, got.status, got.header.Get("Location"), got.body)
	}
	return w
}

// person is a browser in which somebody is signed in.
func (b *bed) person(path, name string) *browser {
	b.t.Helper()
	return b.browser().signIn(path, name)
}

var field = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf reads the token from the page, as a form would send it.
func (w *browser) csrf(path string) string {
	w.b.t.Helper()
	page := w.get(path, asPage...)
	m := field.FindStringSubmatch(page.body)
	if m == nil {
		w.b.t.Fatalf("no token on the page of %s: %d\n%s", path, page.status, page.body)
	}
	return m[1]
}

// claim opens a share as a program does.
func (w *browser) claim(path string) answer {
	w.b.t.Helper()
	token := w.get(path, asJSON...).header.Get("HB-CSRF")
	return w.do(http.MethodPost, path+"/claim", "", "", append([]string{"HB-CSRF", token}, asJSON...)...)
}

// share is a claim's answer.
type share struct {
	ListID    string    `json:"send_listid"`
	Slot      int       `json:"slot"`
	Amount    money.Fen `json:"amount"`
	Num       int       `json:"total_num"`
	Parent    *int      `json:"parent"`
	ClaimedAt string    `json:"claimed_at"`
	ShareURL  string    `json:"share_url"`
	Payout    string    `json:"payout"`
	Receipt   string    `json:"receipt"`
}

// open opens a share, which must succeed, and returns it with the owner's link.
func (w *browser) open(path string) (got share, own string) {
	w.b.t.Helper()
	a := w.claim(path)
	if a.status != http.StatusOK {
		w.b.t.Fatalf("claim by %s: %d %s", path, a.status, a.body)
	}
	w.b.decode(a, &got)
	return got, strings.TrimPrefix(got.ShareURL, w.b.base)
}

// decode reads JSON and refuses what v does not know.
func (b *bed) decode(a answer, v any) {
	b.t.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		b.t.Fatalf("%v in %s", err, a.body)
	}
}

// refusal is a problem as programs read it.
type refusal struct {
	Type, Title, Code, Message, Field string
	Status                            int
}

// refused checks that an answer is a refusal of one code, told to a program.
func (b *bed) refused(a answer, status int, code string) refusal {
	b.t.Helper()
	var r refusal
	if a.header.Get("Content-Type") != "application/problem+json" {
		b.t.Errorf("want %s, got %d %s: %s", code, a.status, a.header.Get("Content-Type"), a.body)
		return r
	}
	b.decode(a, &r)
	if a.status != status || r.Status != status || r.Code != code || r.Type != "about:blank" || r.Title == "" || r.Message == "" {
		b.t.Errorf("want %d %s, got %d %+v", status, code, a.status, r)
	}
	return r
}

// ticket signs a ticket for the packet; change may alter it.
func (b *bed) ticket(s sent, subject string, change ...func(*identity.Claims)) string {
	b.t.Helper()
	now := b.clock.Now()
	c := identity.Claims{
		MchID: merchant, Audience: b.base, Subject: subject, ListID: s.ListID,
		IssuedAt: now, Expires: now.Add(2 * time.Minute), JTI: rand.Text(),
	}
	for _, f := range change {
		f(&c)
	}
	raw, err := identity.Sign(c, "app-1", b.tickets)
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

// bearer claims with a ticket, without cookies.
func (b *bed) bearer(path, ticket string) answer {
	b.t.Helper()
	return b.browser().do(http.MethodPost, path+"/claim", "", "", "Authorization", "Bearer "+ticket)
}

func (b *bed) hold(s sent) {
	b.t.Helper()
	if err := b.engine.Hold(b.t.Context(), s.ID, "a test"); err != nil {
		b.t.Fatal(err)
	}
}

// end ends a packet early and refunds what nobody claimed.
func (b *bed) end(s sent) {
	b.t.Helper()
	if err := b.engine.End(b.t.Context(), s.ID, "a test"); err != nil {
		b.t.Fatal(err)
	}
}

// payoutOf gives the seed's share a payout in one state.
func (b *bed) payoutOf(s sent, state store.PayoutState, mendable bool, change ...func(*store.Payout)) {
	b.t.Helper()
	pic, err := b.engine.Packet(b.t.Context(), s.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	c := pic.Claims[0]
	p := store.Payout{
		Packet: s.ID, Slot: c.Slot, Generation: 1, Claimant: c.Claimant, MchID: merchant, Channel: "sandbox", RailKey: rand.Text(),
		Amount: c.Amount, Payee: []byte("sealed"), State: state, Version: 1, Mendable: mendable,
	}
	for _, f := range change {
		f(&p)
	}
	if err := b.store.Update(b.t.Context(), func(tx store.Tx) error { return tx.InsertPayouts([]store.Payout{p}) }); err != nil {
		b.t.Fatal(err)
	}
}

// syncWriter is a log that several goroutines write.
type syncWriter struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *syncWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// checkSplit has the published checker look at a proof.
func checkSplit(t *testing.T, proof string) {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", "../../../docs/check-split.mjs", "-")
	node.Stdin = strings.NewReader(proof)
	if out, err := node.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
