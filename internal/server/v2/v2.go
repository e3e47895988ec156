// Package v2 is the merchant's edge: the three calls of the APIv2 protocol, over
// HTTP and signed XML.
//
// A request passes a fixed row of checks, and the first that fails is the answer
// (docs/api/wire.md#order-of-checks):
//
//	path, method, size │ address rate │ XML │ merchant │ certificate │ signature
//	   HTTP status     └──── return_code FAIL or unsigned ──────────────────┘
//	bill number on record │ switch │ fields │ appid │ amounts │ clock, rate │ quotas │ balance │ commit
//	└─────────────────────── answered with the key that signed the request ───────────────────────────┘
//
// Until the signature has verified nothing is signed, because the caller may hold
// another key. The bill number is looked up directly after it, so that a repeat of
// an accepted order gets its answer even if the balance, a switch or a limit has
// changed since. No check but the commit records anything.
package v2

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/throttle"
	"hongbao.example/hongbao/internal/wire"
)

// bodyMax bounds a request's body, in bytes.
const bodyMax = 64 << 10

// Config is what a handler needs.
type Config struct {
	Engine  *engine.Engine
	BaseURL string
	Log     *slog.Logger
	Wait    time.Duration // for the outcome of a send; then SYSTEMERROR
	Life    time.Duration // of a packet whose merchant has no setting for it
	// Address returns the caller's address, behind proxies that are trusted.
	Address func(*http.Request) string
	Rate    *throttle.Throttle // by address; nil: no limit
	// ClientCA holds who may sign the certificates of merchants whose policy is ca;
	// nil: nobody.
	ClientCA *x509.CertPool
}

// Handler answers merchants. It must be asked before any ServeMux, which would
// answer a path with two slashes by a redirect that no client follows.
type Handler struct {
	cfg   Config
	sends throttles
}

// New makes a Handler.
func New(cfg Config) *Handler {
	return &Handler{cfg: cfg, sends: throttles{bySpeed: make(map[int]*throttle.Throttle)}}
}

// root starts the path of every call.
const root = "/mmpaymkttransfers/"

// Serves says whether a path belongs to the merchant protocol, be it an unknown one
// or below a prefix that is not served: callers want to read XML there too.
func (h *Handler) Serves(path string) bool {
	return strings.Contains(h.trim(path), root)
}

// trim takes from a path repeated slashes and, in a sandbox, the prefixes under
// which clients look for one.
func (h *Handler) trim(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if h.cfg.Engine.Environment() == packet.Sandbox {
		for _, prefix := range []string{"/sandboxnew", "/xdc/apiv2sandbox"} {
			if rest, ok := strings.CutPrefix(path, prefix); ok && strings.HasPrefix(rest, root) {
				return rest
			}
		}
	}
	return path
}

// ServeHTTP answers one call.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := wire.Call(strings.TrimPrefix(h.trim(r.URL.Path), root))
	switch {
	case call != wire.SendGroupRedPack && call != wire.SendRedPack && call != wire.GetHBInfo:
		h.write(w, http.StatusNotFound, failed(fault.NotFound, "没有这个接口"))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		h.write(w, http.StatusMethodNotAllowed, failed(fault.Method, "请使用 POST"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			h.write(w, http.StatusRequestEntityTooLarge, failed(fault.TooLarge, "请求内容超过64KB"))
			return
		}
		h.write(w, http.StatusOK, failed(fault.Malformed, ""))
		return
	}
	address := h.cfg.Address(r)
	if !h.cfg.Rate.Allow(address, h.cfg.Engine.Now()) {
		h.write(w, http.StatusOK, failed(fault.RateLimit, ""))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Wait)
	defer cancel()
	c := &exchange{h: h, call: call, address: address, merchant: &engine.Merchant{}}
	status, answer := c.answer(ctx, r, body)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	h.write(w, status, answer)
}

func (h *Handler) write(w http.ResponseWriter, status int, a wire.Answer) {
	body := wire.AppendAnswer(nil, a)
	header := w.Header()
	header.Set("Content-Type", "text/xml; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("HB-Environment", string(h.cfg.Engine.Environment()))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that has gone asks again by its bill number
}

// exchange is one request on its way through the checks.
type exchange struct {
	h        *Handler
	call     wire.Call
	doc      wire.Document    // as sent; after the signature has verified, what it covers
	address  string           // of the caller
	merchant *engine.Merchant // nobody until the caller is known
	limits   engine.Limits    // of the merchant
	key      wire.Key         // that verified; its answer is signed with it
	alg      wire.Algorithm
	verified bool
	underWay bool // what was asked for goes on, and its outcome is not known yet
}

// answer takes the request through all checks and returns what to say.
func (c *exchange) answer(ctx context.Context, r *http.Request, body []byte) (int, wire.Answer) {
	doc, err := wire.Parse(body)
	if err != nil {
		return http.StatusOK, failed(fault.Malformed, c.detail(err.Error()))
	}
	c.doc = doc
	if err := c.admit(ctx, r); err != nil {
		return c.refuse(err)
	}
	if c.call == wire.GetHBInfo {
		a, err := c.query(ctx)
		if err != nil {
			return c.refuse(err)
		}
		return http.StatusOK, a
	}
	sent, err := c.send(ctx)
	if err != nil {
		return c.refuse(err)
	}
	return http.StatusOK, c.sign(c.sent(sent))
}

// admit checks who is calling: merchant, certificate, signature.
func (c *exchange) admit(ctx context.Context, r *http.Request) error {
	mchID := c.doc.Value("mch_id")
	if !wire.ValidMchID(mchID) {
		return invalid("mch_id", "输入的商户号有误")
	}
	m, err := c.h.cfg.Engine.Merchant(ctx, mchID)
	if fault.CodeOf(err) == fault.NotFound {
		return invalid("mch_id", "找不到对应的商户号")
	}
	if err != nil {
		return err
	}
	c.merchant, c.limits = m, engine.LimitsOf(&m.Settings)
	if err := c.certificate(r); err != nil {
		return err
	}
	return c.verify()
}

// verify finds the key that signed the request. What the sign does not cover is
// gone from the document afterwards.
func (c *exchange) verify() error {
	for _, k := range c.merchant.APIKeys {
		key, err := wire.NewKey(k.Secret)
		if err != nil {
			continue
		}
		doc, alg, err := wire.Verify(c.call, c.doc, key)
		if err != nil {
			continue
		}
		if c.merchant.Settings.HMACOnly && alg != wire.HMACSHA256 {
			break
		}
		c.doc, c.key, c.alg, c.verified = doc, key, alg, true
		return nil
	}
	return &fault.Error{Op: string(c.call), Code: fault.Signature, Detail: c.whyUnsigned()}
}

// query answers gethbinfo.
func (c *exchange) query(ctx context.Context) (wire.Answer, error) {
	e := c.h.cfg.Engine
	switch {
	case !wire.ValidNonce(c.doc.Value("nonce_str")):
		return wire.Answer{}, invalid("nonce_str", textNonce)
	case !wire.ValidBillNo(c.doc.Value("mch_billno")):
		return wire.Answer{}, invalid("mch_billno", textBillNo)
	case !wire.ValidID(c.doc.Value("appid")):
		return wire.Answer{}, invalid("appid", textAppID)
	case c.doc.Value("bill_type") != "MCHT":
		return wire.Answer{}, invalid("bill_type", "bill_type必须为MCHT")
	case !slices.Contains(c.merchant.Settings.AppIDs, c.doc.Value("appid")):
		return wire.Answer{}, &fault.Error{Op: "query", Code: fault.Unauthorized, Field: "appid"}
	case !allowed(c.merchant.Settings.Sources, c.address):
		return wire.Answer{}, &fault.Error{Op: "query", Code: fault.Unauthorized}
	case !c.h.sends.allow(c.merchant.MchID+" query", c.limits.SendsPerSec, e.Now()):
		return wire.Answer{}, &fault.Error{Op: "query", Code: fault.RateLimit}
	}
	rep, err := e.Query(ctx, c.merchant.MchID, c.doc.Value("mch_billno"))
	if err != nil {
		return wire.Answer{}, err
	}
	if rep.Packet.Terms.SentAt < e.Now().Add(-queryWindow).UnixMilli() {
		return wire.Answer{}, &fault.Error{Op: "query", Code: fault.NotFound}
	}
	return c.report(rep), nil
}

// queryWindow is how long a packet can be asked for by its bill number.
const queryWindow = 30 * 24 * time.Hour

// send answers sendgroupredpack and sendredpack.
func (c *exchange) send(ctx context.Context) (engine.Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, sendWait)
	defer cancel()
	e, s := c.h.cfg.Engine, &c.merchant.Settings
	compared := c.compared()
	if no := c.doc.Value("mch_billno"); wire.ValidBillNo(no) {
		sent, err := e.Replay(ctx, c.merchant.MchID, no, compared)
		if fault.CodeOf(err) != fault.NotFound {
			return sent, err
		}
	}
	wish, err := c.wish()
	if err != nil {
		return engine.Sent{}, err
	}
	wish.Compared, wish.Quota = compared, c.limits.Quota
	wish.Life, wish.Providers = c.life(), strings.Join(s.Providers, ",")
	sent, err := e.Send(ctx, wish)
	switch fault.CodeOf(err) {
	case fault.Unknown:
		c.underWay = ctx.Err() != nil
	case fault.AmountLimit: // there is no split: the channel pays no such shares
		err = &fault.Error{Op: "send", Code: fault.AmountLimit, Field: "total_amount", Err: err}
	default:
	}
	return sent, err
}

// sendWait is how long the outcome of a send is waited for at most.
const sendWait = 5 * time.Second

// wish reads what a send asks for and checks all that can be checked without the
// merchant's book. docs/api/wire.md#order-of-checks
func (c *exchange) wish() (w engine.Wish, err error) {
	s := &c.merchant.Settings
	switch {
	case s.SendClosed:
		return w, &fault.Error{Op: "send", Code: fault.Closed}
	case !allowed(s.Sources, c.address):
		return w, &fault.Error{Op: "send", Code: fault.Unauthorized}
	}
	if w, err = c.fields(); err != nil {
		return w, err
	}
	if !slices.Contains(s.AppIDs, w.AppID) {
		return w, invalid("wxappid", "商户号和wxappid不匹配")
	}
	for _, check := range []func() error{
		c.relation,
		func() error { return c.checkAmounts(w) },
		c.checkClock,
	} {
		if err := check(); err != nil {
			return w, err
		}
	}
	return w, nil
}

// life is how long the packet's claimants have.
func (c *exchange) life() time.Duration {
	if hours := c.merchant.Settings.LifeHours; hours > 0 {
		return time.Duration(hours) * time.Hour
	}
	return c.h.cfg.Life
}
