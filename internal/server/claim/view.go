package claim

import (
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// The answers as programs read them. docs/api/claim.md names the fields; an amount
// of zero is one that the reader may not see, since no share is below one fen.

// mine is somebody's own share. All but Payout is the same for ever.
type mine struct {
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

// listed is a claim as everybody may see it.
type listed struct {
	Slot      int       `json:"slot"`
	Parent    *int      `json:"parent"`
	Name      string    `json:"name"`
	ClaimedAt string    `json:"claimed_at"`
	Amount    money.Fen `json:"amount,omitempty"`
}

// overview is a packet.
type overview struct {
	ListID      string             `json:"send_listid"`
	State       packet.State       `json:"state"`
	SendName    string             `json:"send_name"`
	Wishing     string             `json:"wishing"`
	ActName     string             `json:"act_name"`
	Num         int                `json:"total_num"`
	Claimed     int                `json:"claimed"`
	ExpiresAt   string             `json:"expires_at"`
	Commitment  string             `json:"commitment"`
	Environment packet.Environment `json:"environment"`
	Mine        *mine              `json:"mine"`
	Claims      []listed           `json:"claims"`
}

// proof is what makes a split checkable.
type proof struct {
	ListID     string      `json:"send_listid"`
	Num        int         `json:"total_num"`
	Law        string      `json:"law"`
	Min        money.Fen   `json:"min"`
	Cap        money.Fen   `json:"cap"`
	Commitment string      `json:"commitment"`
	Head       string      `json:"head"`
	Secret     string      `json:"secret,omitempty"`
	Total      money.Fen   `json:"total_amount,omitempty"`
	Shares     []money.Fen `json:"shares,omitempty"`
}

// mine writes a claim for its owner.
func (x *exchange) mine(c packet.Claim, payout string) mine {
	return mine{
		ListID: x.pic.ListID, Slot: c.Slot, Amount: c.Amount, Num: x.pic.Terms.Num, Parent: parentOf(&c),
		ClaimedAt: instant(c.At), ShareURL: x.address(x.ownLink(c.Slot)), Payout: payout, Receipt: hex.EncodeToString(c.Hash[:]),
	}
}

// list writes a claim for others.
func list(c *packet.Claim, amounts bool) listed {
	l := listed{Slot: c.Slot, Parent: parentOf(c), Name: mask(c.Name), ClaimedAt: instant(c.At)}
	if amounts {
		l.Amount = c.Amount
	}
	return l
}

// overview writes the packet for a viewer.
func (x *exchange) overview(v viewer, payout string) overview {
	t := x.pic.Terms
	o := overview{
		ListID: x.pic.ListID, State: x.pic.State, SendName: t.SendName, Wishing: t.Wishing, ActName: t.ActName,
		Num: t.Num, Claimed: len(x.pic.Claims), ExpiresAt: instant(t.ExpiresAt),
		Commitment: hex.EncodeToString(t.Commitment[:]), Environment: x.h.cfg.Engine.Environment(),
		Claims: make([]listed, len(x.pic.Claims)),
	}
	if v.has {
		m := x.mine(v.share, payout)
		o.Mine = &m
	}
	amounts := v.has || over(x.pic.State)
	for i := range x.pic.Claims {
		o.Claims[i] = list(&x.pic.Claims[i], amounts)
	}
	return o
}

// newProof writes a proof.
func newProof(p *engine.Proof) proof {
	out := proof{
		ListID: p.Split.SendListID, Num: p.Split.Num, Law: string(p.Split.Law), Min: p.Split.Min, Cap: p.Split.Cap,
		Commitment: hex.EncodeToString(p.Commitment[:]), Head: hex.EncodeToString(p.Head[:]),
	}
	if p.Ended {
		out.Secret, out.Total, out.Shares = hex.EncodeToString(p.Secret[:]), p.Split.Total, p.Shares
	}
	return out
}

// over tells whether a packet has ended: no share of it will be claimed any more.
func over(s packet.State) bool {
	return s == packet.Finished || s == packet.Expired || s == packet.Refunded
}

// parentOf is the slot of a claim's parent, nil for the seed's.
func parentOf(c *packet.Claim) *int {
	if c.Parent == packet.NoParent {
		return nil
	}
	parent := c.Parent
	return &parent
}

// mask shortens a name to what strangers may see: the first character.
func mask(name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(name)
	return name[:size] + "**"
}

// instant writes a time (milliseconds) as programs read it: RFC 3339, UTC, whole
// seconds. What came first is told by slots, not by times.
func instant(millis int64) string { return time.UnixMilli(millis).UTC().Format(time.RFC3339) }
