package claim

import (
	"net/http"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
)

// takes tells whether the packet takes a provider's word.
func (x *exchange) takes(provider string) bool {
	return identity.Providers(x.pic.Terms.Providers).Contains(provider)
}

// verify reads a claim ticket for the packet at hand; TicketRefused.
func (x *exchange) verify(raw string) (identity.Ticket, error) {
	if !x.takes(identity.TicketProvider) {
		return identity.Ticket{}, &fault.Error{
			Op: "verify ticket", Code: fault.TicketRefused, Field: "ticket", Detail: "the packet takes no tickets",
		}
	}
	ctx, cancel := x.wait()
	defer cancel()
	t := x.pic.Terms
	m, err := x.h.cfg.Engine.Merchant(ctx, t.MchID)
	if err != nil {
		return identity.Ticket{}, err
	}
	return identity.Verify(raw, identity.Expect{
		Key:      func(kid string) (identity.Key, bool) { return keyOf(m, kid) },
		MchID:    t.MchID,
		Audience: x.h.cfg.BaseURL,
		ListID:   x.pic.ListID,
		Space:    t.AppID,
		Now:      x.now,
	})
}

// keyOf returns a merchant's ticket key.
func keyOf(m *engine.Merchant, kid string) (identity.Key, bool) {
	for _, k := range m.TicketKeys {
		if k.ID == kid {
			return identity.Key{Alg: k.Alg, Public: k.Public, Secret: k.Secret, NotAfter: k.NotAfter}, true
		}
	}
	return identity.Key{}, false
}

// enter turns a claim ticket into a session, once. docs/api/claim.md#enter
//
// The form comes from the merchant's own app, another site, so no origin is asked
// for: what the caller may do is in the ticket. The session serves the ticket's
// packet only.
func (x *exchange) enter() error {
	t, err := x.verify(x.r.PostFormValue("ticket"))
	if err != nil {
		return err
	}
	ctx, cancel := x.wait()
	defer cancel()
	if err := x.h.cfg.Engine.UseTicket(ctx, x.pic.Terms.MchID, t.JTI, t.Expires); err != nil {
		return err
	}
	return x.start(t.Person, x.pic.Head.ID)
}

// signIn takes somebody at their word, in a sandbox. docs/api/claim.md#sandbox
//
// The packet's link is in the path or in the form's field token.
func (x *exchange) signIn() error {
	if x.pic == nil {
		if err := x.find(x.r.Context(), x.r.FormValue("token")); err != nil {
			return err
		}
	}
	if x.h.origins.Check(x.r) != nil {
		return fault.CrossSite
	}
	if !x.takes(identity.SandboxProvider) {
		return fault.NotFound
	}
	p, err := x.h.sandbox.SignIn(x.pic.Terms.AppID, x.r.PostFormValue("name"))
	if err != nil {
		return err
	}
	return x.start(p, 0)
}

// entered is the JSON answer to who has signed in.
type entered struct {
	CSRF string `json:"csrf"`
	Page string `json:"page"`
}

// start begins a session and shows the way back to the packet. With only, the
// session serves that packet and no other.
func (x *exchange) start(p identity.Person, only packet.ID) error {
	s := x.h.sessions.Start(p, only, x.now)
	http.SetCookie(x.w, x.h.sessions.Cookie(s))
	x.w.Header().Set("HB-CSRF", s.CSRF())
	if x.wantsJSON() {
		return x.write(entered{s.CSRF(), x.address(x.token)})
	}
	x.seeOther(x.token)
	return nil
}
