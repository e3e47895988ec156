package engine

import (
	"context"
	"encoding/json"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/vault"
)

// Person is who is claiming, as an identity provider vouched for them.
type Person struct {
	Provider string
	Space    string // the appid or issuer under which Subject is known
	Subject  string // openid
	Name     string // what they are called on the page; may be empty
	Pay      string // payee reference of a ticket; may be empty
}

// Claimed is a share in somebody's hands.
type Claimed struct {
	packet.Claim
	ListID string
	Num    int  // shares of the packet
	Repeat bool // they had it already
}

// Claim gives p the next share of a packet, or the share they have: repeating it
// is safe and gives the same answer for ever. by is the slot of the claim whose
// link brought them (0 for the root link); verdict is SlowDown or Refused where
// the caller found cause, else OK.
//
// It refuses, in this order, with NotFound, Held, Finished, Expired, NotYours,
// verdict, SeedFirst; with Busy when nothing was done; with Unknown when that
// cannot be said.
func (e *Engine) Claim(ctx context.Context, id packet.ID, p Person, by int, verdict fault.Code) (Claimed, error) {
	live, err := e.find(ctx, id)
	if err != nil {
		return Claimed{}, err
	}
	who := e.cfg.Vault.Claimant(live.terms.ClaimantKey, p.Space, p.Subject)
	if c, ok := live.share(who); ok {
		e.stats.Repeats.Add(1)
		return live.claimed(c, true), nil
	}
	head, _, broken := live.state()
	order := packet.Order{Claimant: who, Parent: by, Verdict: verdict}
	if broken == nil && head.Ended {
		e.stats.Refusals.Add(1)
		return Claimed{}, packet.Refusal(&head, live.terms, &order, e.nowMillis())
	}
	order.Name = p.Name
	if order.Payee, order.PayeeHash, err = e.sealPayee(live, who, p); err != nil {
		return Claimed{}, err
	}
	o := &claimOrder{id: id, order: order}
	if err := e.submit(ctx, e.lane(id), o); err != nil {
		e.stats.Refusals.Add(1)
		return Claimed{}, err
	}
	return o.result, nil
}

func (p *live) claimed(c packet.Claim, repeat bool) Claimed {
	return Claimed{Claim: c, ListID: p.listID, Num: p.terms.Num, Repeat: repeat}
}

// sealPayee encrypts whom the share is to be paid to, for the claim's row.
func (e *Engine) sealPayee(p *live, who packet.Claimant, person Person) ([]byte, packet.PayeeHash, error) {
	plain, err := json.Marshal(vault.Payee{
		Provider: person.Provider, Space: person.Space, Subject: person.Subject, Pay: person.Pay,
	})
	if err != nil {
		return nil, packet.PayeeHash{}, &fault.Error{Op: "claim", Code: fault.Internal, Err: err}
	}
	sealed := e.cfg.Vault.Seal(vault.PayeeRef, vault.ClaimRow(p.id, who), plain)
	return sealed, e.cfg.Vault.PayeeHash(p.terms.ClaimantKey, plain), nil
}

// OpenPayee opens the payee of a claim, and tells whether it is still the one that
// the packet's book names: the claimant and the payee hash are computed anew.
func (e *Engine) OpenPayee(t *packet.Terms, c *packet.Claim) (vault.Payee, error) {
	plain, err := e.cfg.Vault.Open(vault.PayeeRef, vault.ClaimRow(c.Packet, c.Claimant), c.Payee)
	if err != nil {
		return vault.Payee{}, err
	}
	var p vault.Payee
	if err := json.Unmarshal(plain, &p); err != nil {
		return vault.Payee{}, err
	}
	if e.cfg.Vault.Claimant(t.ClaimantKey, p.Space, p.Subject) != c.Claimant ||
		e.cfg.Vault.PayeeHash(t.ClaimantKey, plain) != c.PayeeHash {
		return vault.Payee{}, &packet.InvariantError{Packet: c.Packet, Reason: "the payee of a claim is not the one its entry was made for"}
	}
	return p, nil
}

// claimOrder is the wish to open a share.
type claimOrder struct {
	id     packet.ID
	order  packet.Order
	result Claimed
}

func (o *claimOrder) packet() packet.ID { return o.id }
func (o *claimOrder) account() string   { return "" }
func (o *claimOrder) redraw() error     { return nil }

func (o *claimOrder) decide(g *group) error {
	d, err := g.packet(o.id)
	if err != nil {
		return err
	}
	if c, ok := d.share(o.order.Claimant); ok {
		o.result = d.base.claimed(c, true)
		return nil
	}
	if d.base.broken != nil {
		return fault.Held
	}
	head, c, err := packet.Take(d.head, d.base.terms, d.base.shares, &o.order, g.now)
	if err != nil {
		return err
	}
	if err := g.take(d, head, c); err != nil {
		return err
	}
	o.result = d.base.claimed(c, false)
	return nil
}
