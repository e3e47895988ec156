package engine

import (
	"context"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Picture is a packet at one moment. It must not be changed: it shares memory with
// the engine.
type Picture struct {
	ListID string
	Terms  *packet.Terms
	Head   packet.Head
	Claims []packet.Claim // by slot; without payees
	State  packet.State
	Broken bool // it breaks an invariant, and is Held
}

// Claimant returns who a person is to this packet.
func (e *Engine) Claimant(p *Picture, person Person) packet.Claimant {
	return e.cfg.Vault.Claimant(p.Terms.ClaimantKey, person.Space, person.Subject)
}

// Share returns a claimant's claim, if they have one.
func (p *Picture) Share(c packet.Claimant) (packet.Claim, bool) {
	for _, claim := range p.Claims {
		if claim.Claimant == c {
			return claim, true
		}
	}
	return packet.Claim{}, false
}

// Packet returns a packet as it was last committed, by this process or, up to a
// second ago, by another; NotFound if there is none. One that breaks an invariant is
// Held.
func (e *Engine) Packet(ctx context.Context, id packet.ID) (*Picture, error) {
	p, err := e.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.picture(p), nil
}

func (e *Engine) picture(p *live) *Picture {
	head, claims, broken := p.state()
	state := head.State(p.terms, e.nowMillis())
	if broken != nil {
		state = packet.Held
	}
	return &Picture{ListID: p.listID, Terms: p.terms, Head: head, Claims: claims, State: state, Broken: broken != nil}
}

// Fresh is Packet, compared with the database now.
func (e *Engine) Fresh(ctx context.Context, id packet.ID) (*Picture, error) {
	p, err := e.findFresh(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	return e.picture(p), nil
}

// Proof is what makes a split checkable: all but the secret from the start, the
// secret once the end is committed.
type Proof struct {
	Split      split.Terms
	Commitment [32]byte
	Head       ledger.Hash
	Ended      bool
	Secret     [32]byte    // zero until Ended
	Shares     []money.Fen // nil until Ended
}

// Proof returns the proof of a packet's split.
func (e *Engine) Proof(ctx context.Context, id packet.ID) (Proof, error) {
	p, err := e.find(ctx, id)
	if err != nil {
		return Proof{}, err
	}
	head, _, _ := p.state()
	proof := Proof{Split: p.terms.Split(p.listID), Commitment: p.terms.Commitment, Head: head.Hash, Ended: head.Ended}
	if !head.Ended {
		proof.Split.Total = 0
		return proof, nil
	}
	var row store.Packet
	if err := e.view(ctx, "proof", func(r store.Reader) (err error) {
		row, err = r.Packet(id)
		return err
	}); err != nil {
		return Proof{}, err
	}
	secret, err := openSecret(e.cfg.Vault, id, row.Secret)
	if err != nil {
		return Proof{}, &fault.Error{Op: "proof", Code: fault.Internal, Err: err}
	}
	proof.Secret, proof.Shares = secret, p.shares
	return proof, nil
}

// Report is what a merchant learns about a packet by its bill number.
type Report struct {
	Packet     store.Packet
	ListID     string
	State      packet.State
	Overdue    bool          // its life is over and the rest not yet refunded
	Claims     []ReportClaim // by slot
	RefundedAt int64         // milliseconds; 0 if nothing went back
}

// ReportClaim is one claim of a report. Openid is empty once it was erased.
type ReportClaim struct {
	Openid   string
	Amount   money.Fen
	At       int64 // milliseconds
	Returned bool  // it could not be paid and went back to the merchant
}

// Query reports on the packet that a bill number sent; NotFound if there is none.
func (e *Engine) Query(ctx context.Context, mchID, billNo string) (Report, error) {
	var rep Report
	err := e.view(ctx, "query", func(r store.Reader) error {
		bill, err := r.Bill(mchID, billNo)
		if err != nil {
			return err
		}
		rep, err = e.report(r, bill.Packet)
		return err
	})
	return rep, err
}

// Report reports on a packet; NotFound if there is none.
func (e *Engine) Report(ctx context.Context, id packet.ID) (Report, error) {
	var rep Report
	err := e.view(ctx, "report", func(r store.Reader) (err error) {
		rep, err = e.report(r, id)
		return err
	})
	return rep, err
}

func (e *Engine) report(r store.Reader, id packet.ID) (Report, error) {
	row, err := r.Packet(id)
	if err != nil {
		return Report{}, err
	}
	claims, err := r.Claims(id, 0)
	if err != nil {
		return Report{}, err
	}
	entries, err := r.Entries(id)
	if err != nil {
		return Report{}, err
	}
	now := e.nowMillis()
	rep := Report{
		Packet: row, ListID: id.ListID(e.cfg.Environment),
		State:   row.Head.State(&row.Terms, now),
		Overdue: !row.Head.Ended && now >= row.Terms.ExpiresAt,
	}
	returned := make(map[string]bool)
	for _, entry := range entries {
		if entry.Amount > 0 && (entry.Kind == ledger.Refund || entry.Kind == ledger.Return) {
			rep.RefundedAt = entry.At
		}
		if entry.Kind == ledger.Return {
			returned[entry.Note] = true
		}
	}
	for i := range claims {
		c := &claims[i]
		rep.Claims = append(rep.Claims, ReportClaim{
			Openid: e.openid(&row.Terms, c), Amount: c.Amount, At: c.At, Returned: returned[packet.ReturnNote(c.Slot)],
		})
	}
	return rep, nil
}

// openid opens a claim's payee; what cannot be opened (it was erased) is empty.
func (e *Engine) openid(t *packet.Terms, c *packet.Claim) string {
	p, err := e.OpenPayee(t, c)
	if err != nil {
		return ""
	}
	return p.Subject
}

// Seed opens the openid a packet was sent to.
func (e *Engine) Seed(row *store.Packet) (string, error) {
	plain, err := e.cfg.Vault.Open(vault.SeedRef, vault.PacketRow(row.Head.ID), row.SeedRef)
	return string(plain), err
}

// Packets lists up to limit packets of a merchant with ids below before, newest first.
func (e *Engine) Packets(ctx context.Context, mchID string, before packet.ID, limit int) ([]store.Packet, error) {
	var rows []store.Packet
	err := e.view(ctx, "list packets", func(r store.Reader) (err error) {
		rows, err = r.PacketsOf(mchID, before, limit)
		return err
	})
	return rows, err
}

// PayoutOf returns the newest payout of a claimant's share; NotFound while the
// worker has not come to it.
func (e *Engine) PayoutOf(ctx context.Context, id packet.ID, who packet.Claimant) (store.Payout, error) {
	var newest store.Payout
	err := e.view(ctx, "read payout", func(r store.Reader) error {
		all, err := r.PayoutsOf(id, who)
		if err == nil && len(all) == 0 {
			return fault.NotFound
		}
		if err == nil {
			newest = all[len(all)-1]
		}
		return err
	})
	return newest, err
}
