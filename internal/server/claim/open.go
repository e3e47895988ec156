package claim

import (
	"net/http"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
)

// The payout words that decide something here; package payout has them all.
const (
	payoutDue    = "due"    // no worker has come to the share
	payoutFailed = "failed" // perhaps for a reason that the payee has mended
)

// claim opens a share for whoever is asking, or shows the one they have.
// docs/api/claim.md#claim
func (x *exchange) claim() error {
	p, err := x.person()
	if err != nil {
		return err
	}
	// The limit is a verdict, not a refusal: who has a share gets it all the same, and
	// an end is told before it.
	verdict := fault.OK
	if !x.h.cfg.Rate.Allow(x.h.cfg.Address(x.r), x.now) {
		verdict = fault.SlowDown
	}
	ctx, cancel := x.wait()
	defer cancel()
	got, err := x.h.cfg.Engine.Claim(ctx, x.pic.Head.ID, engine.Person(p), max(x.link.Sharer, 0), verdict)
	if err != nil {
		return err
	}
	if !x.wantsJSON() {
		x.seeOther(x.ownLink(got.Slot))
		return nil
	}
	word := payoutDue
	if got.Repeat {
		if word, err = x.payout(got.Claimant); err != nil {
			return err
		}
	}
	return x.write(x.mine(got.Claim, word))
}

// payout says how far a share has come. Somebody who comes back to one that could
// not be paid sets off another attempt, if they had the cause to mend.
func (x *exchange) payout(who packet.Claimant) (string, error) {
	word, err := x.payoutWord(who)
	if err != nil || word != payoutFailed {
		return word, err
	}
	ctx, cancel := x.wait()
	defer cancel()
	if err := x.h.cfg.Payouts.Revisit(ctx, x.pic.Head.ID, who); err != nil {
		x.h.cfg.Log.Warn("a payout was not tried again", "packet", int64(x.pic.Head.ID), "error", err)
		return word, nil
	}
	return x.payoutWord(who)
}

func (x *exchange) payoutWord(who packet.Claimant) (string, error) {
	ctx, cancel := x.wait()
	defer cancel()
	p, err := x.h.cfg.Engine.PayoutOf(ctx, x.pic.Head.ID, who)
	switch fault.CodeOf(err) {
	case fault.OK:
		return payout.Word(p, true), nil
	case fault.NotFound:
		return payout.Word(p, false), nil
	default:
		return "", err
	}
}

// proof tells what makes the split checkable. docs/api/claim.md#proof
func (x *exchange) proof() error {
	ctx, cancel := x.wait()
	defer cancel()
	p, err := x.h.cfg.Engine.Proof(ctx, x.pic.Head.ID)
	if err != nil {
		return err
	}
	return x.write(newProof(&p))
}

// page shows the packet. docs/api/claim.md#page
func (x *exchange) page() error {
	v, err := x.viewer()
	if err != nil {
		return err
	}
	if x.csrf != "" {
		x.w.Header().Set("HB-CSRF", x.csrf)
	}
	var word string
	if v.has {
		if word, err = x.payout(v.who); err != nil {
			return err
		}
	}
	if x.wantsJSON() {
		return x.write(x.overview(v, word))
	}
	return x.render(http.StatusOK, "page", x.newPage(v, word))
}
