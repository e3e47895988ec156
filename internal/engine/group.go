package engine

import (
	"errors"
	"maps"
	"slices"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// group is one transaction of a lane: what was locked, drafts of what it becomes,
// and the rows to write. Nothing outside sees a draft before it is committed.
type group struct {
	e   *Engine
	now int64
	tx  store.Tx

	packets  map[packet.ID]*draft
	accounts map[string]*accountDraft
	bills    map[billKey]store.Bill // written by this group
	tickets  map[usedTicket]int64   // used up by this group, and until when that matters
	sums     map[sumKey]*sumDraft

	rows rows
	born []*live // packets that this group sends
}

// rows is what a group writes, in the order of writing.
type rows struct {
	packets        []store.Packet
	claims         []packet.Claim
	entries        []packet.Entry
	heads          []store.HeadUpdate
	accounts       []store.AccountUpdate
	accountEntries []ledger.Entry
	bills          []store.Bill
	payouts        []store.Payout // whose shares return to the merchant
}

// draft is a packet as a group's orders so far would leave it.
type draft struct {
	base   *live
	from   uint64 // seq in the database
	head   packet.Head
	claims []packet.Claim          // new ones
	slots  map[packet.Claimant]int // of the new ones: index in claims
}

// accountDraft is an account as a group's orders so far would leave it.
type accountDraft struct {
	from uint64
	book ledger.Book
}

type billKey struct{ mchID, billNo string }

func newGroup(e *Engine) *group {
	return &group{e: e}
}

// run is the closure of the group's transaction: it locks, decides and writes. It
// starts from nothing each time.
func (g *group) run(tx store.Tx, orders []*waiting) error {
	*g = group{
		e: g.e, tx: tx,
		packets:  make(map[packet.ID]*draft),
		accounts: make(map[string]*accountDraft),
		bills:    make(map[billKey]store.Bill),
		tickets:  make(map[usedTicket]int64),
		sums:     make(map[sumKey]*sumDraft),
	}
	if err := g.lock(orders); err != nil {
		return err
	}
	g.now = g.e.nowMillis() // not before: another process may have held the locks for a while
	for _, w := range orders {
		w.err = w.order.decide(g)
	}
	return g.write()
}

// lock locks the packets and accounts that the orders name, in the order of locks,
// and compares packets with memory: what has moved on is read again.
func (g *group) lock(orders []*waiting) error {
	ids, mchIDs := named(orders)
	places, err := g.tx.LockPackets(ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if places[i].Seq == 0 {
			continue // decide finds no draft: NotFound
		}
		p := g.e.live.find(id)
		if p == nil || p.place() != places[i] {
			g.e.live.forget(id) // even if it knows more: then of a book that there is no more
			row, err := g.tx.Packet(id)
			if err != nil {
				return err
			}
			if p, err = g.e.read(g.tx, &row); err != nil {
				return err
			}
		}
		head, _, _ := p.state()
		g.packets[id] = &draft{base: p, from: places[i].Seq, head: head}
	}
	books, err := g.tx.LockAccounts(mchIDs)
	if err != nil {
		return err
	}
	for _, b := range books {
		g.accounts[b.MchID] = &accountDraft{from: b.Seq, book: b}
	}
	return nil
}

// named lists what orders want locked, sorted and without repeats.
func named(orders []*waiting) (ids []packet.ID, mchIDs []string) {
	packets, accounts := make(map[packet.ID]bool, len(orders)), make(map[string]bool)
	for _, w := range orders {
		if id := w.order.packet(); id != 0 {
			packets[id] = true
		}
		if mchID := w.order.account(); mchID != "" {
			accounts[mchID] = true
		}
	}
	return slices.Sorted(maps.Keys(packets)), slices.Sorted(maps.Keys(accounts))
}

// packet returns the draft of a packet that was locked, or NotFound.
func (g *group) packet(id packet.ID) (*draft, error) {
	d, ok := g.packets[id]
	if !ok {
		return nil, fault.NotFound
	}
	return d, nil
}

// share finds a claimant's share, committed or drafted.
func (d *draft) share(c packet.Claimant) (packet.Claim, bool) {
	if i, ok := d.slots[c]; ok {
		return d.claims[i], true
	}
	return d.base.share(c)
}

// move makes h the packet's draft head, unless it breaks an invariant: then the
// order is refused as Held and nothing is written for it.
func (g *group) move(d *draft, h packet.Head) error {
	if err := h.Check(d.base.terms); err != nil {
		g.e.stats.Broken.Add(1)
		g.e.log.Error("a decision would break an invariant", "packet", int64(h.ID), "reason", err.Error())
		return fault.Held
	}
	d.head = h
	return nil
}

// take drafts a claim.
func (g *group) take(d *draft, h packet.Head, c packet.Claim) error {
	if err := g.move(d, h); err != nil {
		return err
	}
	if d.slots == nil {
		d.slots = make(map[packet.Claimant]int)
	}
	d.slots[c.Claimant] = len(d.claims)
	d.claims = append(d.claims, c)
	g.rows.claims = append(g.rows.claims, c)
	return nil
}

// enter drafts another entry of a packet's book.
func (g *group) enter(d *draft, h packet.Head, e packet.Entry) error {
	if err := g.move(d, h); err != nil {
		return err
	}
	g.rows.entries = append(g.rows.entries, e)
	return nil
}

// post drafts an entry of a locked account's book.
func (g *group) post(mchID string, k ledger.Kind, amount money.Fen, ref string) {
	a := g.accounts[mchID]
	var e ledger.Entry
	a.book, e = a.book.Post(k, amount, ref, g.now)
	g.rows.accountEntries = append(g.rows.accountEntries, e)
}

// write writes the drafts.
func (g *group) write() error {
	for _, id := range slices.Sorted(maps.Keys(g.packets)) {
		if d := g.packets[id]; d.head.Seq != d.from {
			g.rows.heads = append(g.rows.heads, store.HeadUpdate{From: d.from, To: d.head})
		}
	}
	for _, mchID := range slices.Sorted(maps.Keys(g.accounts)) {
		if a := g.accounts[mchID]; a.book.Seq != a.from {
			g.rows.accounts = append(g.rows.accounts, store.AccountUpdate{From: a.from, To: a.book})
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(g.tickets), usedTicket.compare) {
		if err := g.tx.UseTicket(t.mchID, t.jti, g.tickets[t], g.now); err != nil {
			return err
		}
	}
	for _, step := range []func() error{
		func() error { return g.tx.UpdateHeads(g.rows.heads) },
		func() error { return g.tx.UpdateAccounts(g.rows.accounts) },
		func() error { return g.tx.InsertBills(g.rows.bills) },
		func() error { return g.tx.SaveDaySums(g.changedSums()) },
		func() error { return g.tx.InsertPackets(g.rows.packets) },
		func() error { return g.tx.InsertClaims(g.rows.claims) },
		func() error { return g.tx.InsertEntries(g.rows.entries) },
		func() error { return g.tx.InsertAccountEntries(g.rows.accountEntries) },
		func() error { return g.tx.UpdatePayouts(g.rows.payouts) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// remember makes what was committed memory, and tells who waits for it.
func (g *group) remember() {
	now := int64(g.e.cfg.Elapsed())
	for _, id := range slices.Sorted(maps.Keys(g.packets)) {
		d := g.packets[id]
		d.base.commit(d)
		d.base.compared.Store(now)
		g.e.live.put(d.base)
	}
	for _, p := range g.born {
		g.e.live.put(p)
	}
	g.e.stats.Claims.Add(int64(len(g.rows.claims)))
	g.e.stats.Sends.Add(int64(len(g.rows.packets)))
	g.announce()
}

// announce tells who waits for the packets that moved on.
func (g *group) announce() {
	for _, id := range slices.Sorted(maps.Keys(g.packets)) {
		if d := g.packets[id]; d.head.Seq != d.from {
			g.e.announce(id)
		}
	}
}

// forget drops from memory what a group had compared: it was not so.
func (g *group) forget() {
	for id := range g.packets {
		g.e.live.forget(id)
	}
}

// written asks, under the locks the group held, whether the last entry it wrote to each
// book is there, and with it, by the chain, all of them. One entry would not do: another
// process that is asked for the same thing in the same millisecond writes the same one.
// If all are there it does not matter who wrote them.
func (g *group) written(tx store.Tx) (bool, error) {
	heads := make(map[packet.ID]packet.Head)
	for i := range g.rows.heads {
		heads[g.rows.heads[i].To.ID] = g.rows.heads[i].To
	}
	for i := range g.rows.packets {
		heads[g.rows.packets[i].Head.ID] = g.rows.packets[i].Head
	}
	if len(heads)+len(g.rows.accounts)+len(g.tickets) == 0 {
		return false, nil // it wrote nothing, so nothing is lost by doing it again
	}
	ids := slices.Sorted(maps.Keys(heads))
	all, paid := true, false // every book; some account's
	if _, err := tx.LockPackets(ids); err != nil {
		return false, err
	}
	var mchIDs []string
	for i := range g.rows.accounts {
		mchIDs = append(mchIDs, g.rows.accounts[i].To.MchID)
	}
	if _, err := tx.LockAccounts(mchIDs); err != nil {
		return false, err
	}
	for _, id := range ids {
		head := heads[id]
		written, err := inBook(tx, &head)
		if err != nil {
			return false, err
		}
		all = all && written
	}
	for i := range g.rows.accounts {
		b := &g.rows.accounts[i].To
		entries, err := tx.AccountEntries(b.MchID, b.Seq-1, 1)
		if err != nil {
			return false, err
		}
		is := len(entries) > 0 && entries[0].Hash == b.Hash
		all, paid = all && is, paid || is
	}
	for t := range g.tickets {
		used, err := tx.TicketUsed(t.mchID, t.jti)
		if err != nil {
			return false, err
		}
		all = all && used
	}
	if !all && paid && len(g.rows.packets) > 0 {
		return false, errHalf
	}
	return all, nil
}

// errHalf says that a send may stand in its merchant's book only. No other process sends
// the same packet, so that is a commit on several nodes that is under way.
var errHalf = errors.New("engine: a commit is done on some nodes")

// inBook says whether the entry that a head names last is in its packet's book.
func inBook(tx store.Tx, h *packet.Head) (bool, error) {
	claims, err := tx.Claims(h.ID, h.Seq-1)
	if err != nil {
		return false, err
	}
	entries, err := tx.Entries(h.ID)
	return slices.ContainsFunc(claims, func(c packet.Claim) bool { return c.Hash == h.Hash }) ||
		slices.ContainsFunc(entries, func(e packet.Entry) bool { return e.Hash == h.Hash }), err
}
