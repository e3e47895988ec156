package engine

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// live is a packet in memory, as it was last committed. What stands above mu
// never changes. Claims are only appended, so a reader may keep a prefix of the
// slice after it has released mu.
type live struct {
	id     packet.ID
	listID string
	terms  *packet.Terms
	shares []money.Fen // nil if the packet is broken

	compared atomic.Int64 // when it was last seen to be what the database holds, on the elapsed clock

	mu     sync.RWMutex // guards all below; only committers write
	head   packet.Head
	claims []packet.Claim // by slot
	slots  map[packet.Claimant]int32
	broken error // an invariant that does not hold; such a packet takes no claims
}

// share returns the claim of a claimant, if they have one.
func (p *live) share(c packet.Claimant) (packet.Claim, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	slot, ok := p.slots[c]
	if !ok {
		return packet.Claim{}, false
	}
	return p.claims[slot], true
}

func (p *live) seq() uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.head.Seq
}

// place is how far the packet's book has come.
func (p *live) place() store.Place {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return store.Place{Seq: p.head.Seq, Hash: p.head.Hash}
}

// isBroken says that the packet's rows contradict each other. They may be mended.
func (p *live) isBroken() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.broken != nil
}

// ended says that no share of the packet will change hands any more.
func (p *live) ended() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.head.Ended
}

// state returns the head and the claims up to it.
func (p *live) state() (packet.Head, []packet.Claim, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.head, p.claims[:len(p.claims):len(p.claims)], p.broken
}

// commit makes a draft that was committed the packet's state.
func (p *live) commit(d *draft) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head = d.head
	for _, c := range d.claims {
		c.Payee = nil // sealed, for the worker; memory has no use for it
		p.slots[c.Claimant] = int32(c.Slot)
		p.claims = append(p.claims, c)
	}
}

// newLive makes a packet in memory from its rows and checks them against each
// other. A packet whose rows contradict each other, or whose split cannot be drawn,
// is broken, not refused: it can be looked at, and takes no claims.
func newLive(v *vault.Vault, env packet.Environment, row *store.Packet, claims []packet.Claim, entries []packet.Entry) *live {
	id := row.Head.ID
	p := &live{
		id:     id,
		listID: id.ListID(env),
		terms:  &row.Terms,
		head:   row.Head,
		slots:  make(map[packet.Claimant]int32, len(claims)),
		claims: claims,
	}
	for i := range claims {
		claims[i].Payee = nil
		p.slots[claims[i].Claimant] = int32(claims[i].Slot)
	}
	p.broken = p.check(v, row.Secret, entries)
	return p
}

// check replays the book: it must lead to the head, by hashes, terms and amounts
// that the split gives. It draws the split.
func (p *live) check(v *vault.Vault, sealed []byte, entries []packet.Entry) error {
	head, err := packet.Replay(p.id, p.terms, p.claims, entries)
	if err != nil {
		return err
	}
	bad := func(reason string) error { return &packet.InvariantError{Packet: p.id, Reason: reason} }
	if head != p.head {
		return bad(fmt.Sprintf("the book leads to entry %d with %d fen claimed, the head says entry %d with %d", head.Seq, head.Claimed, p.head.Seq, p.head.Claimed))
	}
	secret, err := openSecret(v, p.id, sealed)
	if err != nil {
		return bad(err.Error())
	}
	shares, err := split.Draw(secret, p.terms.Split(p.listID))
	if err != nil {
		return bad(err.Error())
	}
	for i := range p.claims {
		if p.claims[i].Amount != shares[i] {
			return bad(fmt.Sprintf("slot %d has %d fen, the split says %d", i, p.claims[i].Amount, shares[i]))
		}
	}
	if len(p.slots) != len(p.claims) {
		return bad(fmt.Sprintf("%d claims by %d claimants", len(p.claims), len(p.slots)))
	}
	p.shares = shares
	return nil
}

// memory holds the packets most recently used. An entry may be stale when several
// processes share a database; whoever writes compares first, and whoever reads
// believes it for a bounded time (findFresh).
type memory struct {
	max int // shares of all packets together

	mu      sync.Mutex // guards all below
	packets map[packet.ID]*list.Element
	recent  *list.List // of *live, the most recently used in front
	shares  int
}

func newMemory(limit int) *memory {
	return &memory{max: limit, packets: make(map[packet.ID]*list.Element), recent: list.New()}
}

// find returns a packet if it is in memory.
func (m *memory) find(id packet.ID) *live {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.packets[id]
	if !ok {
		return nil
	}
	m.recent.MoveToFront(at)
	return at.Value.(*live) //nolint:forcetypeassert // the list holds nothing else
}

// put remembers p, unless something newer of the packet is known, and returns what
// is known now: who read before a commit cannot put back what was before it.
func (m *memory) put(p *live) *live {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.packets[p.id]; ok {
		m.recent.MoveToFront(at)
		known := at.Value.(*live) //nolint:forcetypeassert // the list holds nothing else
		if known.seq() > p.seq() || known.seq() == p.seq() && !known.isBroken() {
			return known
		}
		at.Value = p
		return p
	}
	m.packets[p.id] = m.recent.PushFront(p)
	m.shares += p.weight()
	for m.shares > m.max && m.recent.Len() > 1 {
		m.drop(m.recent.Back())
	}
	return p
}

// weight is what a packet takes of the room in memory, in shares: it has some cost
// of its own, worth a few of them.
func (p *live) weight() int { return p.terms.Num + 16 }

// drop removes an entry. The caller holds mu.
func (m *memory) drop(at *list.Element) {
	p := m.recent.Remove(at).(*live) //nolint:forcetypeassert // the list holds nothing else
	delete(m.packets, p.id)
	m.shares -= p.weight()
}

// forget drops a packet, so that the next use reads it anew.
func (m *memory) forget(id packet.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.packets[id]; ok {
		m.drop(at)
	}
}

// liveFresh is how long memory is believed about a packet that has not ended: what
// another process does to it shows this much later at most.
const liveFresh = time.Second

// find returns a packet from memory or reads it; fault.NotFound if there is none.
func (e *Engine) find(ctx context.Context, id packet.ID) (*live, error) {
	return e.findFresh(ctx, id, liveFresh)
}

// findFresh is find with memory believed for at most age. Of a packet that has
// ended it is believed for ever, but for returns, which only age 0 looks for.
func (e *Engine) findFresh(ctx context.Context, id packet.ID, age time.Duration) (*live, error) {
	now := e.cfg.Elapsed()
	known := e.live.find(id)
	if known != nil && age > 0 && (known.ended() && !known.isBroken() || now-time.Duration(known.compared.Load()) < age) {
		return known, nil
	}
	var was store.Place
	if known != nil {
		was = known.place()
	}
	var p *live
	err := e.view(ctx, "read packet", func(r store.Reader) error {
		row, err := r.Packet(id)
		if err != nil {
			return err
		}
		is := store.Place{Seq: row.Head.Seq, Hash: row.Head.Hash}
		if is == was && !known.isBroken() {
			p = known
			return nil
		}
		if is.Seq <= was.Seq {
			e.live.forget(id) // a failover has lost what memory knows
		}
		p, err = e.read(r, &row)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.compared.Store(int64(now))
	return e.live.put(p), nil
}

// read reads the rest of a packet whose row was read.
func (e *Engine) read(r store.Reader, row *store.Packet) (*live, error) {
	id := row.Head.ID
	claims, err := r.Claims(id, 0)
	if err != nil {
		return nil, err
	}
	entries, err := r.Entries(id)
	if err != nil {
		return nil, err
	}
	p := newLive(e.cfg.Vault, e.cfg.Environment, row, claims, entries)
	if known := e.live.find(id); p.broken != nil && (known == nil || !known.isBroken()) {
		e.stats.Broken.Add(1)
		e.log.Error("a packet breaks an invariant", "packet", int64(id), "reason", p.broken.Error())
	}
	return p, nil
}

// openSecret opens the sealed secret of a packet's split.
func openSecret(v *vault.Vault, id packet.ID, sealed []byte) (split.Secret, error) {
	plain, err := v.Open(vault.SplitSecret, vault.PacketRow(id), sealed)
	if err != nil {
		return split.Secret{}, fmt.Errorf("secret of packet %d: %w", id, err)
	}
	if len(plain) != len(split.Secret{}) {
		return split.Secret{}, fmt.Errorf("secret of packet %d: %d bytes", id, len(plain))
	}
	return split.Secret(plain), nil
}
