package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// An effect is one thing that a request can bring about, by a name that the one who
// asks knows. It happens once, however often it is asked for.
type effect struct {
	what   string // bill, funding, claim, note, key, end of key, ticket
	packet packet.ID
	who    packet.Claimant
	name   string
}

func (e effect) String() string {
	return fmt.Sprintf("%s %s%s of packet %d", e.what, e.name, e.subject(), e.packet)
}

func (e effect) subject() string {
	for who, c := range claimants {
		if c == e.who {
			return who
		}
	}
	return ""
}

// content is what is said of an effect in every answer, for ever.
type content struct {
	packet       packet.ID
	seq          uint64
	slot, parent int
	amount       money.Fen
	at           int64
	hash         ledger.Hash
	text         string
}

// A promise is what the world knows of an effect by the answers it got.
type promise struct {
	flying int      // requests that are not answered
	maybe  bool     // one was never answered, or with Unknown
	told   *content // somebody was told
}

// books are what is synced, as far as the model looks at it.
type books struct {
	packets []store.Packet // by id
	claims  map[packet.ID][]packet.Claim
	gone    map[packet.ID]map[string]bool // notes of returns
	expired map[packet.ID]bool            // refunded without a reason
	effects map[effect]content
	balance money.Fen
	outside money.Fen // funded and not withdrawn
	sends   []ledger.Entry
	openEnd int  // API keys without an end
	alarm   bool // a clock is in doubt
}

func (b *books) packet(id packet.ID) *store.Packet {
	for i := range b.packets {
		if b.packets[i].Head.ID == id {
			return &b.packets[i]
		}
	}
	return nil
}

// read reads the books.
func (w *world) read() (b *books, err error) {
	err = w.db.inner.View(context.Background(), func(r store.Reader) error {
		b = &books{claims: make(map[packet.ID][]packet.Claim), gone: make(map[packet.ID]map[string]bool), expired: make(map[packet.ID]bool), effects: make(map[effect]content)}
		for _, step := range []func(store.Reader) error{b.readAccount, b.readKeys, b.readPackets} {
			if err := step(r); err != nil {
				return err
			}
		}
		for e := range w.promises {
			if e.what != "ticket" {
				continue
			}
			used, err := r.TicketUsed(mchID, keys.FieldHash("jti", e.name))
			if err != nil {
				return err
			}
			if used {
				b.effects[e] = content{}
			}
		}
		return nil
	})
	return b, err
}

func (b *books) readAccount(r store.Reader) error {
	_, err := r.Setting(store.SettingClockAlarm)
	b.alarm = err == nil
	account, err := r.Account(mchID)
	if err != nil {
		return err
	}
	b.balance = account.Balance
	entries, err := r.AccountEntries(mchID, 0, rowsMax)
	if err != nil {
		return err
	}
	for i := range entries {
		if e := &entries[i]; e.Kind == ledger.Fund || e.Kind == ledger.Withdraw {
			b.effects[effect{what: "funding", name: e.Ref}] = funding(e)
			b.outside = b.outside.Plus(e.Kind.Balance(e.Amount))
		} else if e.Kind == ledger.Send {
			b.sends = append(b.sends, *e)
		}
	}
	bills, err := r.Bills(mchID, "", rowsMax)
	for i := range bills {
		b.effects[effect{what: "bill", name: bills[i].BillNo}] = content{packet: bills[i].Packet, text: bills[i].Link}
	}
	return err
}

func funding(e *ledger.Entry) content {
	return content{seq: e.Seq, amount: e.Kind.Balance(e.Amount), at: e.At, hash: e.Hash}
}

func (b *books) readKeys(r store.Reader) error {
	all, err := r.Keys(mchID)
	for i := range all {
		k := &all[i]
		b.effects[effect{what: "key", name: k.ID}] = content{}
		switch {
		case k.NotAfter == 0 && k.Use == store.APIKey:
			b.openEnd++
		case k.NotAfter != 0 && k.Use == store.TicketKey:
			b.effects[effect{what: "end of key", name: k.ID}] = content{}
		}
	}
	return err
}

func (b *books) readPackets(r store.Reader) (err error) {
	if b.packets, err = r.Packets(0, rowsMax); err != nil {
		return err
	}
	for i := range b.packets {
		id := b.packets[i].Head.ID
		claims, err := r.Claims(id, 0)
		if err != nil {
			return err
		}
		for i := range claims {
			b.effects[effect{what: "claim", packet: id, who: claims[i].Claimant}] = claimed(&claims[i])
		}
		b.claims[id] = claims
		entries, err := r.Entries(id)
		if err != nil {
			return err
		}
		b.gone[id] = make(map[string]bool)
		for _, e := range entries {
			switch {
			case e.Kind == ledger.Return:
				b.gone[id][e.Note] = true
			case e.Kind == ledger.Refund && e.Note == "":
				b.expired[id] = true
			case e.Kind != ledger.Send && e.Note != "":
				b.effects[effect{what: "note", packet: id, name: e.Note}] = content{}
			}
		}
	}
	return nil
}

func claimed(c *packet.Claim) content {
	return content{packet: c.Packet, seq: c.Seq, slot: c.Slot, parent: c.Parent, amount: c.Amount, at: c.At, hash: c.Hash}
}

// check looks at everything. What depends on the database alone is looked at when it
// has changed.
func (w *world) check() error {
	if w.db.memory == nil || w.seen != w.db.memory.Snapshot() {
		if w.db.memory != nil {
			w.seen = w.db.memory.Snapshot()
		}
		before := w.books
		var err error
		if w.books, err = w.read(); err != nil {
			return err
		}
		if err := w.checkExpiries(before); err != nil {
			return err
		}
		if err := audited(w.db.inner, false); err != nil {
			return err
		}
		if w.books.openEnd > 1 {
			return fmt.Errorf("%d API keys have no end", w.books.openEnd)
		}
	}
	claims := w.later
	w.later = nil
	for _, holds := range claims {
		if err := holds(); err != nil {
			return err
		}
	}
	for _, check := range []func() error{w.checkPromises, w.checkRail, w.checkServers} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func audited(s store.Store, deep bool) error {
	report, err := audit.Run(context.Background(), s, keys, audit.Options{Deep: deep})
	if err == nil && len(report.Findings) > 0 {
		err = fmt.Errorf("the audit finds %+v", report.Findings)
	}
	return err
}

// What the sweeper promises about clocks that jump.
const (
	drift = 30 * time.Second // is taken for a jump
	doubt = 10 * time.Minute // lasts so long after one, or until an operator says that the clock is right
)

// checkExpiries sees that no packet was refunded because a clock has just jumped, nor,
// where the database has a clock, because one is wrong. Small jumps are believed.
func (w *world) checkExpiries(before *books) error {
	p := w.acting
	if before == nil || p == nil || w.calm {
		return nil
	}
	if before.alarm && !w.books.alarm {
		w.confirmed = w.steps // by an operator, or a server whose clocks agree again: the alarm is everybody's
	}
	latest := time.Now().Add(drift) // that a packet may have expired at
	switch {
	case w.tune.third:
	case p.off > drift && p.jump > drift && w.confirmed <= p.jumpedIn: // it is ahead, and nobody has said that this is right
		latest = latest.Add(p.off - p.jump)
	default:
		return nil
	}
	for id := range w.books.expired {
		if row := w.books.packet(id); !before.expired[id] && row.Terms.ExpiresAt > latest.UnixMilli() {
			return fmt.Errorf("%s has refunded packet %d by a clock that is wrong", p.name, id)
		}
	}
	return nil
}

// checkPromises compares what was asked and answered with what is there.
func (w *world) checkPromises() error {
	var wrong []string
	for e, p := range w.promises {
		is, ok := w.books.effects[e]
		switch {
		case p.told != nil && !ok:
			wrong = append(wrong, fmt.Sprintf("somebody was told of %v, and it is not there", e))
		case p.told != nil && *p.told != is && is != content{}:
			wrong = append(wrong, fmt.Sprintf("of %v somebody was told %+v, and it is %+v", e, *p.told, is))
		case ok && p.told == nil && !p.maybe && p.flying == 0:
			wrong = append(wrong, fmt.Sprintf("%v is there, and everybody who asked for it was refused", e))
		}
	}
	for e := range w.books.effects {
		if w.promises[e] == nil {
			wrong = append(wrong, fmt.Sprintf("%v is there, and nobody asked for it", e))
		}
	}
	if len(wrong) > 0 {
		return errors.New(slices.Min(wrong))
	}
	return nil
}

// checkRail compares what the rail has paid with what is there.
func (w *world) checkRail() error {
	if wrong := w.rail.Wrong(); len(wrong) > 0 {
		return fmt.Errorf("the rail complains: %q", wrong)
	}
	for to, amount := range w.rail.Paid() {
		id, _ := packet.ParseListID(to[0], packet.Sandbox)
		is, ok := w.books.effects[effect{what: "claim", packet: id, who: claimants[to[1]]}]
		switch {
		case amount == 0:
		case !ok:
			return fmt.Errorf("%s was paid %d fen for packet %d and has no share", to[1], amount, id)
		case amount > is.amount:
			return fmt.Errorf("%s was paid %d fen for packet %d, the share is %d", to[1], amount, id, is.amount)
		case w.books.gone[id][packet.ReturnNote(is.slot)]:
			return fmt.Errorf("%s was paid %d fen for packet %d, and they went back to the merchant", to[1], amount, id)
		}
	}
	return nil
}

// checkServers asks the processes what they have noticed.
func (w *world) checkServers() error {
	for _, p := range w.processes {
		if n := p.engine.Stats().Broken.Load(); n > 0 {
			return fmt.Errorf("%s has seen %d packets that break an invariant", p.name, n)
		}
		if s := p.worker.Stats(); s.Mismatches.Load()+s.Contradictions.Load()+s.Conflicts.Load() > 0 {
			return fmt.Errorf("%s: %q", p.name, p.worker.Health())
		}
	}
	return nil
}

// checkEnd looks at what all has come to.
func (w *world) checkEnd() error {
	if err := audited(w.db.inner, true); err != nil {
		return err
	}
	if err := w.checkQuota(); err != nil {
		return err
	}
	paid := make(map[packet.ID]money.Fen)
	var all money.Fen
	for to, amount := range w.rail.Paid() {
		id, _ := packet.ParseListID(to[0], packet.Sandbox)
		paid[id] = paid[id].Plus(amount)
		all = all.Plus(amount)
	}
	for i := range w.books.packets {
		p := &w.books.packets[i]
		h := &p.Head
		if !h.Ended || !p.Settled {
			return fmt.Errorf("packet %d never comes to rest: ended %v, settled %v", h.ID, h.Ended, p.Settled)
		}
		if owed := h.Claimed.Minus(h.Returned); w.tune.pays && paid[h.ID] != owed {
			return fmt.Errorf("packet %d: %d fen were paid, of %d claimed and %d returned", h.ID, paid[h.ID], h.Claimed, h.Returned)
		}
	}
	if inside := w.due(); w.books.outside != w.books.balance.Plus(all).Plus(inside) {
		return fmt.Errorf("%d fen came in; %d are the merchant's, %d were paid, %d are owed", w.books.outside, w.books.balance, all, inside)
	}
	return nil
}

// checkQuota sees that no day passed the quota, where there is one.
func (w *world) checkQuota() error {
	type day struct {
		day  int
		seed packet.Claimant
	}
	sent := make(map[day]int)
	for i := range w.books.sends {
		e := &w.books.sends[i]
		id, _, _ := ledger.ParseRef(e.Ref)
		row := w.books.packet(packet.ID(id))
		if row.Terms.Type == packet.Group {
			sent[day{day: packet.Day(e.At)}]++
		}
		sent[day{packet.Day(e.At), row.Terms.Seed}]++
	}
	for d, n := range sent {
		if most := w.tune.quota.SeedNum; d.seed != (packet.Claimant{}) && most > 0 && n > most {
			return fmt.Errorf("%d packets to one seed claimant on %d, at most %d", n, d.day, most)
		}
		if most := w.tune.quota.Num; d.seed == (packet.Claimant{}) && most > 0 && n > most {
			return fmt.Errorf("%d packets on %d, at most %d", n, d.day, most)
		}
	}
	return nil
}

// due is what is owed and not paid from here.
func (w *world) due() (sum money.Fen) {
	if w.tune.pays {
		return 0
	}
	for i := range w.books.packets {
		sum = sum.Plus(w.books.packets[i].Head.Claimed)
	}
	return sum
}

// keys are those of every world: deriving them takes longer than a life.
var keys = vault.New(vault.Key{1, 2, 3})

// claimants are the people of every world, as packets know them.
var claimants = func() map[string]packet.Claimant {
	all := make(map[string]packet.Claimant)
	for n := range people {
		all[person(n)] = keys.Claimant(keys.ClaimantKeyID(), appID, person(n))
	}
	return all
}()
