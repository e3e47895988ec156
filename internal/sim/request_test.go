package sim_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

const (
	mchID      = "1230000109"
	appID      = "wx8888888888888888"
	people     = 8
	packetsMax = 10
	rowsMax    = 1000
)

func person(n int) string { return "p" + strconv.Itoa(n) }

// An ask is a request for an effect.
type ask struct {
	kind    kind
	text    string
	effect  effect
	call    func(context.Context, *engine.Engine) (content, error)
	refused []fault.Code // what it may be refused with, beside Busy
}

// ask lets a request come in at a process.
func (w *world) ask(p *process, a ask) {
	w.note("%s ← %s", p.name, a.text)
	pr := w.promise(a.effect)
	pr.flying++
	var t *task
	t = w.start(context.Background(), p, a.kind, func(ctx context.Context) func() {
		is, err := a.call(ctx, p.engine)
		return func() {
			pr.flying--
			w.answered(t, &a, pr, is, err)
		}
	})
}

func (w *world) promise(e effect) *promise {
	pr := w.promises[e]
	if pr == nil {
		pr = &promise{}
		w.promises[e] = pr
	}
	return pr
}

// answered notes an answer, if it is heard.
func (w *world) answered(t *task, a *ask, pr *promise, is content, err error) {
	code := fault.CodeOf(err)
	switch {
	case t.process.dead.Load() || t.hungUp || !w.calm && w.rand.IntN(20) == 0:
		pr.maybe = true
		w.note("%s: %s → nobody hears the answer", t.process.name, a.text)
		return
	case code == fault.Unknown || errors.Is(err, store.ErrUnknown):
		pr.maybe = true
	case code == fault.Busy:
	case err != nil && !slices.Contains(a.refused, code):
		w.fail("%s is refused with %v", a.text, err)
	case code == fault.Conflict && pr.told == nil && !pr.maybe && pr.flying == 0:
		w.fail("%s is refused with %v, and is the only one of its name", a.text, err)
	case code == fault.Finished:
		w.afterwards(func() error {
			if p := w.books.packet(a.effect.packet); p.Head.ClaimedNum < p.Terms.Num {
				return fmt.Errorf("%s is refused with %v, and there are shares left", a.text, code.String())
			}
			return nil
		})
	case err != nil:
	case pr.told == nil:
		pr.told = &is
		if a.effect.what == "key" || a.effect.what == "end of key" {
			w.keyed[a.effect.name] = time.Now()
		}
	case *pr.told != is:
		w.fail("%s → %+v, and was told %+v before", a.text, is, *pr.told)
	}
	if err != nil {
		w.note("%s: %s → %v", t.process.name, a.text, code)
		return
	}
	w.note("%s: %s → %+v", t.process.name, a.text, is)
}

// afterwards is for what must hold at the end of this step.
func (w *world) afterwards(holds func() error) { w.later = append(w.later, holds) }

// bill is a wish to send that may be repeated.
type bill struct{ wish engine.Wish }

func (w *world) newBill() *bill {
	n := len(w.bills) + 1
	num := 1 + w.rand.IntN(8)
	wish := engine.Wish{
		MchID: mchID, BillNo: fmt.Sprintf("%s%04d", "1230000109", n), Type: packet.Group, AppID: appID,
		Seed: person(w.rand.IntN(people)), Num: num, Total: money.Fen(num) * money.Fen(1+w.rand.IntN(300)),
		SendName: "天虹百货", Wishing: "恭喜发财", ActName: "act", Remark: "r",
		Life: pick(w.rand, []time.Duration{2 * time.Second, time.Minute, time.Hour, 24 * time.Hour, 24 * time.Hour}), Quota: w.tune.quota,
	}
	if w.rand.IntN(6) == 0 {
		wish.Type, wish.Num = packet.Normal, 1
	}
	b := &bill{wish}
	w.bills = append(w.bills, b)
	return b
}

// compared is what the merchant's edge would have a wish compare.
func compared(w engine.Wish) engine.Wish {
	sends, amounts := "sendgroupredpack", "ALL_RAND"
	if w.Type == packet.Normal {
		sends, amounts = "sendredpack", ""
	}
	w.Compared = []engine.Field{
		{Name: "call", Value: sends},
		{Name: "re_openid", Value: w.Seed},
		{Name: "total_amount", Value: strconv.FormatInt(int64(w.Total), 10)},
		{Name: "total_num", Value: strconv.Itoa(w.Num)},
		{Name: "wxappid", Value: w.AppID},
		{Name: "sub_mch_id", Value: ""},
		{Name: "amt_type", Value: amounts},
		{Name: "send_name", Value: w.SendName},
		{Name: "wishing", Value: w.Wishing},
		{Name: "act_name", Value: w.ActName},
		{Name: "remark", Value: w.Remark},
		{Name: "scene_id", Value: ""},
	}
	return w
}

func sends(b *bill, altered bool) ask {
	wish, text := b.wish, "send "+b.wish.BillNo
	if altered {
		wish.Remark, text = "altered", text+" with another remark"
	}
	wish = compared(wish)
	return ask{
		kind: request, text: text, effect: effect{what: "bill", name: wish.BillNo},
		refused: []fault.Code{fault.Conflict, fault.Funds, fault.DayNum, fault.SeedNum},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			sent, err := e.Send(ctx, wish)
			return content{packet: sent.ID, text: sent.Link}, err
		},
	}
}

// claims is somebody's wish to open a share.
func claims(id packet.ID, who string, by int) ask {
	return ask{
		kind: request, text: fmt.Sprintf("claim of %s in %d by %d", who, id, by), effect: effect{what: "claim", packet: id, who: claimants[who]},
		refused: []fault.Code{fault.Held, fault.Finished, fault.Expired, fault.NotYours, fault.SeedFirst},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			c, err := e.Claim(ctx, id, engine.Person{Provider: "sandbox", Space: appID, Subject: who}, by, fault.OK)
			return claimed(&c.Claim), err
		},
	}
}

// enters is somebody's wish to sign in with a ticket. No two may succeed, so each
// has a content of its own.
func enters(jti string, n int, expires time.Time) ask {
	return ask{
		kind: request, text: fmt.Sprintf("enter with %s for the %d. time", jti, n), effect: effect{what: "ticket", name: jti},
		refused: []fault.Code{fault.TicketRefused},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			return content{seq: uint64(n)}, e.UseTicket(ctx, mchID, jti, expires)
		},
	}
}

// funds adds to or takes from the balance.
func funds(amount money.Fen, ref string) ask {
	a := ask{
		kind: operation, text: fmt.Sprintf("move %d fen under %s", amount, ref), effect: effect{what: "funding", name: ref},
		refused: []fault.Code{fault.Conflict, fault.Funds},
	}
	a.call = func(ctx context.Context, e *engine.Engine) (content, error) {
		move, sum := e.Fund, amount
		if amount < 0 {
			move, sum = e.Withdraw, -amount
		}
		entry, err := move(ctx, mchID, sum, ref)
		return funding(&entry), err
	}
	return a
}

// changes is an operator's hold, release or end. Each has a reason of its own.
func changes(what string, id packet.ID, reason string) ask {
	return ask{
		kind: operation, text: fmt.Sprintf("%s %d for %s", what, id, reason), effect: effect{what: "note", packet: id, name: reason},
		refused: []fault.Code{fault.Held, fault.Finished, fault.Expired, fault.Invalid},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			do := map[string]func(context.Context, packet.ID, string) error{"hold": e.Hold, "release": e.Release, "end": e.End}[what]
			return content{}, do(ctx, id, reason)
		},
	}
}

// rotates gives the merchant a new API key.
func rotates(secret string, overlap time.Duration) ask {
	sum := keys.FieldHash("api key", mchID+"\x00"+secret)
	return ask{
		kind: operation, text: fmt.Sprintf("new API key %s, overlap %v", secret, overlap), effect: effect{what: "key", name: hex.EncodeToString(sum[:4])},
		refused: []fault.Code{fault.Conflict},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			_, err := e.AddAPIKey(ctx, mchID, secret, overlap)
			return content{}, err
		},
	}
}

// vouches lets an app vouch for claimants under a key id.
func vouches(kid string) ask {
	return ask{
		kind: operation, text: "new ticket key " + kid, effect: effect{what: "key", name: kid},
		refused: []fault.Code{fault.Conflict},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			return content{}, e.AddTicketKey(ctx, mchID, engine.TicketKey{ID: kid, Alg: "HS256", Secret: []byte("0123456789abcdef0123456789abcdef")})
		},
	}
}

// retires ends a ticket key.
func retires(kid string) ask {
	return ask{
		kind: operation, text: "end ticket key " + kid, effect: effect{what: "end of key", name: kid},
		refused: []fault.Code{fault.NotFound},
		call: func(ctx context.Context, e *engine.Engine) (content, error) {
			return content{}, e.EndTicketKey(ctx, mchID, kid)
		},
	}
}

// looks lets somebody look at a packet: nothing is shown that is not there.
func (w *world) looks(p *process, id packet.ID) {
	var t *task
	t = w.start(context.Background(), p, request, func(ctx context.Context) func() {
		pic, err := p.engine.Packet(ctx, id)
		proof, errProof := p.engine.Proof(ctx, id)
		return func() {
			if t.process.dead.Load() || err != nil || errProof != nil {
				return
			}
			w.afterwards(func() error {
				for i := range pic.Claims {
					c := &pic.Claims[i]
					if is := w.books.effects[effect{what: "claim", packet: id, who: c.Claimant}]; is != claimed(c) {
						return fmt.Errorf("%s shows a claim %+v, it is %+v", p.name, claimed(c), is)
					}
				}
				if is := w.books.packet(id); proof.Ended && !is.Head.Ended {
					return fmt.Errorf("%s proves the split of packet %d, which has not ended", p.name, id)
				}
				return nil
			})
		}
	})
}

// asksKeys looks at the merchant's keys: what was changed a second ago shows.
func (w *world) asksKeys(p *process) {
	lives, lasts := w.freshKeys()
	w.start(context.Background(), p, request, func(ctx context.Context) func() {
		m, err := p.engine.Merchant(ctx, mchID)
		return func() {
			if p.dead.Load() || err != nil {
				return
			}
			if lasts && !slices.ContainsFunc(m.APIKeys, func(k engine.APIKey) bool { return k.NotAfter.IsZero() }) {
				w.fail("%s shows no API key that lasts", p.name)
			}
			for kid, live := range lives {
				if live && w.promises[effect{what: "end of key", name: kid}] != nil {
					continue // meanwhile somebody has asked for its end
				}
				if shown := slices.ContainsFunc(m.TicketKeys, func(k engine.TicketKey) bool { return k.ID == kid }); shown != live {
					w.fail("%s shows ticket key %s: %v, a second after that changed", p.name, kid, shown)
				}
			}
		}
	})
}

// freshKeys lists the ticket keys of which somebody was told a second ago that they
// are there, or not any more, and says whether there must be an API key.
func (w *world) freshKeys() (lives map[string]bool, lasts bool) {
	lives = make(map[string]bool)
	for id, at := range w.keyed {
		ended := w.promises[effect{what: "end of key", name: id}]
		switch {
		case time.Since(at) < merchantFresh:
		case !strings.HasPrefix(id, "kid"):
			lasts = true
		case ended == nil:
			lives[id] = true
		case ended.told != nil && w.servers[0].off.Load() == w.servers[1].off.Load():
			lives[id] = false
		}
	}
	return lives, lasts
}

// merchantFresh is how long a server may not have noticed what another has done.
const merchantFresh = time.Second
