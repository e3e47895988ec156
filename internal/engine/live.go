package engine

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"hongbao.example/hongbao/internal/fault"
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
	shares []money.Fen

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
// other. A packet whose rows contradict each other is returned broken, not refused,
// so that it can be looked at and held.
func newLive(v *vault.Vault, env packet.Environment, row *store.Packet, claims []packet.Claim) (*live, error) {
	id := row.Head.ID
	secret, err := openSecret(v, id, row.Secret)
	if err != nil {
		return nil, err
	}
	p := &live{
		id:     id,
		listID: id.ListID(env),
		terms:  &row.Terms,
		head:   row.Head,
		slots:  make(map[packet.Claimant]int32, len(claims)),
		claims: claims,
	}
	p.shares, err = split.Draw(secret, row.Terms.Split(p.listID))
	if err != nil {
		return nil, fmt.Errorf("split of packet %d: %w", id, err)
	}
	for i := range claims {
		claims[i].Payee = nil
		p.slots[claims[i].Claimant] = int32(claims[i].Slot)
	}
	p.broken = p.check()
	return p, nil
}

// check compares head, claims and split.
func (p *live) check() error {
	if err := p.head.Check(p.terms); err != nil {
		return err
	}
	bad := func(reason string) error { return &packet.InvariantError{Packet: p.id, Reason: reason} }
	if len(p.claims) != p.head.ClaimedNum || len(p.slots) != p.head.ClaimedNum {
		return bad(fmt.Sprintf("head says %d claims, there are %d by %d claimants", p.head.ClaimedNum, len(p.claims), len(p.slots)))
	}
	var sum money.Fen
	for i := range p.claims {
		c := &p.claims[i]
		if c.Slot != i || c.Amount != p.shares[i] {
			return bad(fmt.Sprintf("claim %d has slot %d and %d fen, the split says %d", i, c.Slot, c.Amount, p.shares[i]))
		}
		sum = sum.Plus(c.Amount)
	}
	if sum != p.head.Claimed {
		return bad(fmt.Sprintf("head says %d fen claimed, claims sum to %d", p.head.Claimed, sum))
	}
	return nil
}

// memory holds the packets most recently used. An entry may be stale when several
// processes share a database; whoever writes compares first.
type memory struct {
	max int

	mu      sync.Mutex // guards all below
	packets map[packet.ID]*list.Element
	recent  *list.List // of *live, the most recently used in front
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

// put remembers p in place of what was known of the packet.
func (m *memory) put(p *live) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.packets[p.id]; ok {
		at.Value = p
		m.recent.MoveToFront(at)
		return
	}
	m.packets[p.id] = m.recent.PushFront(p)
	if m.recent.Len() > m.max {
		last := m.recent.Back()
		m.recent.Remove(last)
		delete(m.packets, last.Value.(*live).id) //nolint:forcetypeassert // the list holds nothing else
	}
}

// add remembers p unless the packet is known already, and returns what is known.
func (m *memory) add(p *live) *live {
	if known := m.find(p.id); known != nil {
		return known
	}
	m.put(p)
	return p
}

// forget drops a packet, so that the next use reads it anew.
func (m *memory) forget(id packet.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.packets[id]; ok {
		m.recent.Remove(at)
		delete(m.packets, id)
	}
}

// find returns a packet from memory or reads it; fault.NotFound if there is none.
func (e *Engine) find(ctx context.Context, id packet.ID) (*live, error) {
	if p := e.live.find(id); p != nil {
		return p, nil
	}
	var p *live
	err := e.view(ctx, "read packet", func(r store.Reader) (err error) {
		p, err = e.read(r, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.live.add(p), nil
}

// read reads a packet whole.
func (e *Engine) read(r store.Reader, id packet.ID) (*live, error) {
	row, err := r.Packet(id)
	if err != nil {
		return nil, err
	}
	claims, err := r.Claims(id, 0)
	if err != nil {
		return nil, err
	}
	p, err := newLive(e.cfg.Vault, e.cfg.Environment, &row, claims)
	if err != nil {
		return nil, &fault.Error{Op: "read packet", Code: fault.Internal, Err: err}
	}
	if p.broken != nil {
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
