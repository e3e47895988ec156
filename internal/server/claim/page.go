package claim

import (
	"encoding/hex"
	"time"

	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// The screens of a packet's page.
const (
	screenMine    = "mine"    // the viewer has a share
	screenOver    = "over"    // it has ended without them
	screenHeld    = "held"    // nobody can open now
	screenSignIn  = "signin"  // who they are is to be said here
	screenOutside = "outside" // who they are is to be said by the merchant's app
	screenOther   = "other"   // it is for somebody else
	screenWait    = "wait"    // the first person has not opened
	screenSeed    = "seed"    // they are the first person
	screenOpen    = "open"    // they may open
)

// page is what the packet's page shows. What a viewer may not see is not in it.
type page struct {
	frame
	Terms  *packet.Terms
	Screen string
	Token  string // of the link they came by
	CSRF   string // of their session; empty: nobody is signed in
	SignIn bool   // people may say here who they are
	As     string // token of the link by which the next person comes
	Ring   ring

	Num, Claimed, Left int
	Ends               time.Duration // until the end; 0: it has ended

	// For those who have a share.
	Mine   *mine
	Share  string // token of their own link
	Payout string // key of a phrase

	// After the end, or for those who have a share.
	Rows     []row
	More     bool // rows are left out
	Sum      money.Fen
	Finished bool // all are open
	Took     time.Duration
	Luckiest string // what they are called; empty: nobody is named
	Most     money.Fen
	Refunded money.Fen

	Commitment string
	Revealed   bool // the secret is public
	SentAt     int64
}

// Over says that no share will be claimed any more.
func (p page) Over() bool { return p.Ends == 0 }

// No is the viewer's place in the order of claims, from 1.
func (p page) No() int { return p.Mine.Slot + 1 }

// Rest is how many shares the first person leaves to others.
func (p page) Rest() int { return p.Num - 1 }

// screen decides what the page is about. When two apply, the first is it.
func (x *exchange) screen(v viewer) string {
	t := x.pic.Terms
	seed := v.who == t.Seed
	switch {
	case v.has:
		return screenMine
	case over(x.pic.State):
		return screenOver
	case x.pic.State == packet.Held:
		return screenHeld
	case !v.signedIn && x.takesSandbox():
		return screenSignIn
	case !v.signedIn:
		return screenOutside
	case t.Type == packet.Normal && !seed:
		return screenOther
	case x.pic.State == packet.Sent && !seed:
		return screenWait
	case x.pic.State == packet.Sent:
		return screenSeed
	default:
		return screenOpen
	}
}

// takesSandbox tells whether people may say who they are.
func (x *exchange) takesSandbox() bool {
	return x.h.cfg.Engine.Environment() == packet.Sandbox && x.takes(identity.SandboxProvider)
}

// newPage puts together what a viewer sees.
func (x *exchange) newPage(v viewer, payout string) page {
	t, claims := x.pic.Terms, x.pic.Claims
	p := page{
		frame: x.frame(x.lang.say("from", t.SendName)), Terms: t, Screen: x.screen(v), Token: x.token, As: x.token, CSRF: x.csrf, SignIn: x.takesSandbox(),
		Ring: newRing(t.Num, len(claims), -1), Num: t.Num, Claimed: len(claims), Left: t.Num - len(claims),
		Commitment: hex.EncodeToString(t.Commitment[:]), Revealed: x.pic.Head.Ended, SentAt: t.SentAt,
	}
	if !over(x.pic.State) {
		p.Ends = max(time.UnixMilli(t.ExpiresAt).Sub(x.now), time.Second)
	}
	if v.has {
		m := x.mine(v.share, payout)
		p.Mine, p.Share, p.Payout = &m, x.ownLink(v.share.Slot), "payout."+payout
		p.As, p.Ring = p.Share, newRing(t.Num, len(claims), v.share.Slot)
		if payout == "paid" && p.Sandbox {
			p.Payout = "payout.play"
		}
	}
	if v.has || p.Over() {
		x.result(&p, v)
	}
	return p
}

// result adds what only those may see who have a share, or came after the end.
func (x *exchange) result(p *page, v viewer) {
	claims := x.pic.Claims
	p.Sum, p.Refunded = x.pic.Head.Claimed, x.pic.Head.Refunded
	luckiest := -1
	if p.Finished = x.pic.State == packet.Finished; p.Finished {
		p.Took = time.Duration(claims[len(claims)-1].At-x.pic.Terms.SentAt) * time.Millisecond
		luckiest = mostOf(claims)
	}
	p.Rows = newRows(claims, luckiest, v)
	if luckiest >= 0 {
		c := &claims[luckiest]
		p.Most, p.Luckiest = c.Amount, mask(c.Name)
		if p.Luckiest == "" {
			p.Luckiest = x.lang.say("list.no", c.Slot+1)
		}
	}
	if _, all := x.r.URL.Query()["all"]; !all && len(p.Rows) > rowsMax {
		p.Rows, p.More = p.Rows[:rowsMax], true
	}
}

// mostOf is the slot of the largest share, the one opened first if there are
// several; -1 where there is nothing to compare.
func mostOf(claims []packet.Claim) int {
	if len(claims) < 2 {
		return -1
	}
	most := 0
	for i := range claims {
		if claims[i].Amount > claims[most].Amount {
			most = i
		}
	}
	return most
}

// rowsMax is how many claims the page lists at first.
const rowsMax = 50

// depthMax is how deep the list is indented; below, the words say who brought whom.
const depthMax = 6

// row is a claim in the list of a page.
type row struct {
	listed
	At       int64
	No, By   int // place in the order of claims, from 1; of the parent, 0: none
	Depth    int // in the fission tree
	You      bool
	Luckiest bool
}

// newRows lists claims as the fission tree has them: each after the one that
// brought it, in the order of claims.
func newRows(claims []packet.Claim, luckiest int, v viewer) []row {
	rows := make([]row, 0, len(claims))
	children := make([][]int, len(claims))
	var roots []int
	for i := range claims {
		if by := claims[i].Parent; by >= 0 && by < i {
			children[by] = append(children[by], i)
		} else {
			roots = append(roots, i)
		}
	}
	depth := make([]int, len(claims))
	open := reversed(roots) // claims still to be listed, the next one last
	for len(open) > 0 {
		i := open[len(open)-1]
		open = append(open[:len(open)-1], reversed(children[i])...)
		for _, child := range children[i] {
			depth[child] = min(depth[i]+1, depthMax)
		}
		c := &claims[i]
		rows = append(rows, row{
			listed: list(c, true), At: c.At, No: i + 1, By: c.Parent + 1, Depth: depth[i],
			You: v.has && v.share.Slot == i, Luckiest: i == luckiest,
		})
	}
	return rows
}

func reversed(all []int) []int {
	out := make([]int, len(all))
	for i, v := range all {
		out[len(all)-1-i] = v
	}
	return out
}

// arcsMax is up to how many shares each has its own arc in the ring.
const arcsMax = 24

// ring is the packet as a ring with an arc for each share, those that are open lit.
// Lengths along it are in hundredths of a share.
type ring struct {
	Arcs  []arc
	Whole int
	Lit   int // where there are too many shares for arcs
}

// arc is the place of one share in a ring.
type arc struct {
	Class  string // on, off or me
	Offset int    // where it begins, counted backwards
}

func newRing(num, claimed, own int) ring {
	r := ring{Whole: 100 * num, Lit: 100 * claimed}
	for i := 0; i < num && num <= arcsMax; i++ {
		a := arc{Class: "off", Offset: -100 * i}
		switch {
		case i == own:
			a.Class = "me"
		case i < claimed:
			a.Class = "on"
		}
		r.Arcs = append(r.Arcs, a)
	}
	return r
}
