// Package claim is the claimant's edge: the page behind a link, the call that
// opens a share, and what belongs to them, as docs/api/claim.md describes it.
//
//	GET  /p/{token}              page, or JSON       POST /p/{token}/claim    a share
//	     /p/{token}/events       what happens        POST /p/{token}/enter    ticket ► session
//	     /p/{token}/proof        of the split        POST /auth/sandbox/…     name ► session
//	     /p/{token}/qr.png       /poster.png         GET  / and /assets/hb.css
//
// # One way in
//
// Every request is an exchange. It passes these checks, and the first that fails is
// the answer; what the engine checks stands in the same order after them
// (docs/api/claim.md#refusals):
//
//	packet │ method │ size │ cross-site │ who │ own share ⇒ 200 │ the engine's refusals
//	  404      405     413      403       401
//
// An answer function returns an error or has written its answer, never both.
//
// # Who is asking
//
// A claim ticket, as Bearer; then no cookie is read and no token of a form is asked
// for, because nothing that a browser adds by itself is believed. Otherwise the
// session in the sealed cookie, if it serves this packet; then a POST has to come
// from our own page, which is checked twice: by what browsers say of a request's
// origin, and by the CSRF token of the session.
//
// # What is shown to whom
//
// Links are passed on, so whoever holds one may see that there is a packet and how
// many shares are left. No amount and no sum leaves here for somebody who has no
// share before the packet has ended; a stream of events tells them none at all.
// Nobody sees an openid, and a name only by its first character.
//
// What merchants and claimants wrote is hostile until it has passed html/template.
// There is no script on the page, and its policy allows none.
package claim

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/throttle"
)

// What bounds one process.
const (
	bodyMax      = 64 << 10         // bytes of a request's body
	streamsMax   = 10_000           // streams of events at the same time
	streamsOfOne = streamsMax / 10  // of one address, behind which a carrier's phones may be
	postersMax   = 1000             // kept
	beat         = 15 * time.Second // between signs of life in a stream
)

// Payouts is the worker that pays claimed shares.
type Payouts interface {
	// Revisit is told that somebody whose payout has failed came again. If the rail
	// refused it for a reason that they could mend, another attempt begins. It is safe
	// to repeat.
	Revisit(ctx context.Context, id packet.ID, who packet.Claimant) error
}

// Config is what the claimant's edge needs. Rate and Stop may be nil.
type Config struct {
	Engine  *engine.Engine
	BaseURL string // of all links, without a slash at its end
	Log     *slog.Logger
	Wait    time.Duration // for the outcome of a claim; then Unknown
	// Address returns the caller's address, behind proxies that are trusted.
	Address func(*http.Request) string
	Rate    *throttle.Throttle // of claims, by address; nil: no limit
	Payouts Payouts
	Stop    <-chan struct{} // closed when the server stops: streams end
}

// handler answers claimants.
type handler struct {
	cfg      Config
	mux      *http.ServeMux
	site     *site
	sessions *identity.Sessions
	sandbox  identity.Sandbox
	origins  *http.CrossOriginProtection
	streams  *streams
	posters  *posters
	beat     time.Duration
}

// New makes the handler of the claimant's edge. It answers every path, unknown ones
// with 404.
func New(cfg Config) (http.Handler, error) {
	h, err := newHandler(cfg)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func newHandler(cfg Config) (*handler, error) {
	if cfg.Engine == nil || cfg.Log == nil || cfg.Address == nil || cfg.Payouts == nil || cfg.Wait <= 0 {
		return nil, errors.New("claim: Engine, Log, Wait, Address and Payouts must be set")
	}
	s, err := newSite()
	if err != nil {
		return nil, err
	}
	env := cfg.Engine.Environment()
	h := &handler{
		cfg:      cfg,
		mux:      http.NewServeMux(),
		site:     s,
		sessions: identity.NewSessions(cfg.Engine.Vault().SessionKey(), env == packet.Production || overTLS(cfg.BaseURL)),
		origins:  http.NewCrossOriginProtection(),
		streams:  newStreams(),
		posters:  newPosters(),
		beat:     beat,
	}
	if env == packet.Sandbox {
		if h.sandbox, err = identity.NewSandbox(env); err != nil {
			return nil, err
		}
		h.route("/auth/sandbox/{$}", http.MethodPost, (*exchange).signIn)
		h.route("/auth/sandbox/{token}", http.MethodPost, (*exchange).signIn)
	}
	h.route("/p/{token}", http.MethodGet, (*exchange).page)
	h.route("/p/{token}/claim", http.MethodPost, (*exchange).claim)
	h.route("/p/{token}/enter", http.MethodPost, (*exchange).enter)
	h.route("/p/{token}/events", http.MethodGet, (*exchange).events)
	h.route("/p/{token}/proof", http.MethodGet, (*exchange).proof)
	h.route("/p/{token}/qr.png", http.MethodGet, (*exchange).qr)
	h.route("/p/{token}/poster.png", http.MethodGet, (*exchange).poster)
	h.route("/assets/hb.css", http.MethodGet, (*exchange).style)
	h.route("/{$}", http.MethodGet, (*exchange).home)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.begin(w, r).refuse(fault.NotFound) })
	return h, nil
}

func overTLS(baseURL string) bool { return strings.HasPrefix(baseURL, "https://") }

// policy lets a page load our style sheet and our pictures, send its forms to us,
// and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers one request. What is not to be stored is the rule; the few
// answers that may be say so themselves.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("HB-Environment", string(h.cfg.Engine.Environment()))
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Language, Cookie")
	if overTLS(h.cfg.BaseURL) {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
	h.mux.ServeHTTP(w, r)
}

// route makes answer the answer to one method of a path. A {token} in the path
// names the packet; it is found first, so that a method on a link that leads
// nowhere is NotFound.
func (h *handler) route(path, method string, answer func(*exchange) error) {
	h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		x := h.begin(w, r)
		var err error
		if token := r.PathValue("token"); token != "" {
			err = x.find(r.Context(), token)
		}
		if err == nil {
			err = x.admit(method)
		}
		if err == nil {
			err = answer(x)
		}
		if err != nil {
			x.refuse(err)
		}
	})
}

// begin starts an exchange.
func (h *handler) begin(w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{h: h, w: w, r: r, now: h.cfg.Engine.Now(), lang: languageOf(r)}
}
