package claim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/link"
	"hongbao.example/hongbao/internal/packet"
)

// exchange is one request on its way to an answer.
type exchange struct {
	h    *handler
	w    http.ResponseWriter
	r    *http.Request
	now  time.Time
	lang language

	// Set by find.
	token string
	link  link.Token
	pic   *engine.Picture

	csrf string // set by person, if a session says who they are
}

// wait bounds what an answer waits for.
func (x *exchange) wait() (context.Context, context.CancelFunc) {
	return context.WithTimeout(x.r.Context(), x.h.cfg.Wait)
}

// find finds the packet that a token leads to; NotFound.
func (x *exchange) find(ctx context.Context, token string) error {
	e := x.h.cfg.Engine
	t, err := link.Decode(e.Vault().LinkKey, token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, x.h.cfg.Wait)
	defer cancel()
	pic, err := e.Packet(ctx, packet.ID(t.Packet))
	if err != nil {
		return err
	}
	x.token, x.link, x.pic = token, t, pic
	return nil
}

// admit refuses other methods and bodies that are too large. A body is read whole,
// so that its size is judged before anything that stands in it.
func (x *exchange) admit(method string) error {
	switch {
	case method == http.MethodGet && x.r.Method == http.MethodHead:
		return nil
	case x.r.Method != method:
		x.w.Header().Set("Allow", allow[method])
		return fault.Method
	case method == http.MethodGet:
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, bodyMax))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.TooLarge
	}
	if err != nil {
		return &fault.Error{Op: "read body", Code: fault.Malformed, Err: err}
	}
	x.r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// allow is what a path that answers a method allows.
var allow = map[string]string{http.MethodGet: "GET, HEAD", http.MethodPost: "POST"}

// person finds out who is asking: SignIn if nobody is signed in for this packet,
// CrossSite if it may not be them who sent this, TicketRefused.
func (x *exchange) person() (identity.Person, error) {
	if raw, ok := bearer(x.r); ok {
		t, err := x.verify(raw)
		return t.Person, err
	}
	if x.h.origins.Check(x.r) != nil {
		return identity.Person{}, fault.CrossSite
	}
	s, err := x.h.sessions.Read(x.r, x.now)
	if err != nil {
		return identity.Person{}, err
	}
	if x.r.Method == http.MethodPost {
		token := x.r.Header.Get("HB-CSRF")
		if token == "" {
			token = x.r.PostFormValue("csrf")
		}
		if err := s.CheckCSRF(token); err != nil {
			return identity.Person{}, err
		}
	}
	if !s.Serves(x.pic.Head.ID, x.pic.Terms) {
		return identity.Person{}, fault.SignIn
	}
	if c, due := x.h.sessions.Renew(s, x.now); due {
		http.SetCookie(x.w, c)
	}
	x.csrf = s.CSRF()
	return s.Person, nil
}

// viewer is who looks at a packet. They are somebody only when signed in.
type viewer struct {
	signedIn bool
	who      packet.Claimant
	share    packet.Claim
	has      bool // a share
}

// viewer finds out who is looking; nobody is somebody too. TicketRefused.
func (x *exchange) viewer() (viewer, error) {
	p, err := x.person()
	switch fault.CodeOf(err) {
	case fault.OK:
	case fault.SignIn:
		return viewer{}, nil
	default:
		return viewer{}, err
	}
	v := viewer{signedIn: true, who: x.h.cfg.Engine.Claimant(x.pic, engine.Person(p))}
	v.share, v.has = x.pic.Share(v.who)
	return v, nil
}

// bearer returns the claim ticket in a request's header.
func bearer(r *http.Request) (ticket string, ok bool) {
	scheme, ticket, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(ticket), strings.EqualFold(scheme, "Bearer")
}

// wantsJSON tells whether a program is asking. What it accepts says so; a POST that
// does not say what it accepts is a program's if it is not a form.
func (x *exchange) wantsJSON() bool {
	accept := strings.Join(x.r.Header.Values("Accept"), ",")
	data, page := quality(accept, "application/json"), quality(accept, "text/html")
	if data > 0 || page > 0 {
		return data > page
	}
	if x.r.Method != http.MethodPost {
		return false
	}
	_, ticket := bearer(x.r)
	return ticket || !isForm(x.r)
}

// isForm tells whether a request's body is a form's.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data")
}

// write writes v as JSON.
func (x *exchange) write(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.send(http.StatusOK, "application/json", body)
	return nil
}

// send writes an answer. What becomes of it is not known here: a caller that has
// gone asks again.
func (x *exchange) send(status int, kind string, body []byte) {
	x.w.Header().Set("Content-Type", kind)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

// seeOther sends a browser to a link of the packet. The address is relative: it
// holds behind any proxy.
func (x *exchange) seeOther(token string) {
	x.w.Header().Set("Location", "/p/"+token)
	x.w.WriteHeader(http.StatusSeeOther)
}

// ownLink is the token of the link that a claim's owner shares.
func (x *exchange) ownLink(slot int) string {
	id := x.pic.Terms.LinkKey
	return link.Encode(x.h.cfg.Engine.Vault().LinkKey(id), link.Token{Packet: x.link.Packet, Sharer: slot, KeyID: id})
}

// address is the absolute form of a link.
func (x *exchange) address(token string) string { return x.h.cfg.BaseURL + "/p/" + token }
