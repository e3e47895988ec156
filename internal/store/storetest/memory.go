package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// Memory is the contract of package store in maps: a store for tests, and the one
// that others are compared with. It is written to be obviously right, not fast: a
// transaction works on a copy of every table, and what is not wanted is passed over
// row by row.
type Memory struct {
	writer chan struct{} // holds a token while nobody writes
	tables atomic.Pointer[tables]
	closed atomic.Bool
}

// Snapshot is what a Memory holds at one moment. The zero Snapshot is none.
type Snapshot struct{ tables *tables }

// Snapshot returns what m holds. Two are equal only if nothing was committed between
// them.
func (m *Memory) Snapshot() Snapshot { return Snapshot{m.tables.Load()} }

// Restore makes m hold what it, or another Memory, held once. No Update may be
// running.
func (m *Memory) Restore(s Snapshot) { m.tables.Store(s.tables) }

// NewMemory returns an empty store.
func NewMemory() *Memory {
	m := &Memory{writer: make(chan struct{}, 1)}
	m.tables.Store(new(tables).clone())
	m.writer <- struct{}{}
	return m
}

// Update implements store.Store.
func (m *Memory) Update(ctx context.Context, f func(store.Tx) error) error {
	if ctx.Err() != nil {
		return fault.Busy
	}
	select {
	case <-m.writer:
	case <-ctx.Done():
		return fault.Busy
	}
	defer func() { m.writer <- struct{}{} }()
	if m.closed.Load() {
		return fault.Busy
	}
	tx := &memoryTx{memoryReader{tables: m.tables.Load().clone()}}
	if err := f(tx); err != nil {
		return err
	}
	if tx.err != nil {
		return tx.err
	}
	m.tables.Store(tx.tables)
	return nil
}

// View implements store.Store.
func (m *Memory) View(ctx context.Context, f func(store.Reader) error) error {
	if m.closed.Load() || ctx.Err() != nil {
		return fault.Busy
	}
	return f(memoryReader{tables: m.tables.Load()})
}

// Health implements store.Store.
func (m *Memory) Health(ctx context.Context) error {
	return m.Update(ctx, func(store.Tx) error { return nil })
}

// Close implements store.Store.
func (m *Memory) Close() error {
	m.closed.Store(true)
	<-m.writer
	m.writer <- struct{}{}
	return nil
}

// Keys of maps, where a row's key is more than one value.
type (
	merchantKey struct{ mchID, name string }
	followerKey struct {
		packet packet.ID
		worker string
	}
	payoutKey struct {
		packet     packet.ID
		claimant   packet.Claimant
		generation int
	}
	daySumKey struct {
		mchID string
		day   int
		seed  packet.Claimant
	}
	ticketKey struct {
		mchID string
		jti   [16]byte
	}
)

// tables are all rows. A row in them is never changed, only replaced.
type tables struct {
	settings       map[string]string
	merchants      map[string]store.Merchant
	keys           map[merchantKey]store.Key
	accounts       map[string]ledger.Book
	accountEntries map[string][]ledger.Entry
	bills          map[merchantKey]store.Bill
	daySums        map[daySumKey]store.DaySum
	packets        map[packet.ID]store.Packet
	claims         map[packet.ID][]packet.Claim
	entries        map[packet.ID][]packet.Entry
	followers      map[followerKey]store.Follower
	payouts        map[payoutKey]store.Payout
	events         map[payoutKey][]store.PayoutEvent
	tickets        map[ticketKey]int64
}

func (t *tables) clone() *tables {
	return &tables{
		settings: copyMap(t.settings), merchants: copyMap(t.merchants), keys: copyMap(t.keys),
		accounts: copyMap(t.accounts), accountEntries: copyMap(t.accountEntries), bills: copyMap(t.bills), daySums: copyMap(t.daySums),
		packets: copyMap(t.packets), claims: copyMap(t.claims), entries: copyMap(t.entries),
		followers: copyMap(t.followers), payouts: copyMap(t.payouts), events: copyMap(t.events), tickets: copyMap(t.tickets),
	}
}

// copyMap copies a map; nil becomes an empty one.
func copyMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return make(map[K]V)
	}
	return maps.Clone(m)
}

// own is a copy of a row that shares nothing with it. Rows without slices and maps
// are copied by assignment alone.
func own[T any](row T) T {
	switch r := any(&row).(type) {
	case *store.Packet:
		r.Secret, r.SeedRef = bytes.Clone(r.Secret), bytes.Clone(r.SeedRef)
	case *packet.Claim:
		r.Payee = bytes.Clone(r.Payee)
	case *store.Payout:
		r.Payee, r.Frozen = bytes.Clone(r.Payee), bytes.Clone(r.Frozen)
	case *store.Bill:
		r.Fields = bytes.Clone(r.Fields)
	case *store.Key:
		r.Sealed, r.Public = bytes.Clone(r.Sealed), bytes.Clone(r.Public)
	case *store.Merchant:
		s := &r.Settings
		s.AppIDs, s.SubMchIDs, s.Providers = slices.Clone(s.AppIDs), slices.Clone(s.SubMchIDs), slices.Clone(s.Providers)
		s.Sources, s.CertSHA256, s.Scenes = slices.Clone(s.Sources), slices.Clone(s.CertSHA256), maps.Clone(s.Scenes)
	}
	return row
}

// find returns the row under a key.
func find[K comparable, V any](r memoryReader, m map[K]V, key K) (V, error) {
	v, ok := m[key]
	if !ok && r.err == nil {
		return v, fault.NotFound
	}
	return own(v), r.err
}

// pick returns copies of up to limit rows that are wanted, in order.
func pick[T any](r memoryReader, rows iter.Seq[T], limit int, want func(*T) bool, order func(a, b T) int) (picked []T, err error) {
	var row T
	for row = range rows {
		if want(&row) {
			picked = append(picked, own(row))
		}
	}
	slices.SortFunc(picked, order)
	return picked[:min(limit, len(picked))], r.err
}

// memoryReader reads tables.
type memoryReader struct {
	*tables
	err error // what ended the transaction
}

func (r memoryReader) Setting(name string) (string, error) { return find(r, r.settings, name) }

func (r memoryReader) Kinds() (all []store.Kind, err error) {
	for _, k := range ledger.Kinds() {
		t, _ := k.Transfer(0)
		all = append(all, store.Kind{Kind: k, Name: k.String(), Debit: t.Debit, Credit: t.Credit})
	}
	return all, r.err
}

func (r memoryReader) Merchant(mchID string) (store.Merchant, error) {
	return find(r, r.merchants, mchID)
}

func (r memoryReader) Merchants() ([]store.Merchant, error) {
	return pick(r, maps.Values(r.merchants), all, func(*store.Merchant) bool { return true },
		func(a, b store.Merchant) int { return cmp.Compare(a.MchID, b.MchID) })
}

func (r memoryReader) NextMerchant(after string) (string, error) {
	var next string
	see := func(mchID string) {
		if mchID > after && (next == "" || mchID < next) {
			next = mchID
		}
	}
	for mchID := range r.merchants {
		see(mchID)
	}
	for mchID := range r.accounts {
		see(mchID)
	}
	for mchID := range r.accountEntries {
		see(mchID)
	}
	for key := range r.bills {
		see(key.mchID)
	}
	for key := range r.daySums {
		see(key.mchID)
	}
	for key := range r.keys {
		see(key.mchID)
	}
	for key := range r.tickets {
		see(key.mchID)
	}
	return next, r.err
}

func (r memoryReader) Keys(mchID string) ([]store.Key, error) {
	return pick(r, maps.Values(r.keys), all, func(k *store.Key) bool { return k.MchID == mchID },
		func(a, b store.Key) int {
			return cmp.Or(-cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
}

func (r memoryReader) Account(mchID string) (ledger.Book, error) { return find(r, r.accounts, mchID) }

func (r memoryReader) AccountEntries(mchID string, after uint64, limit int) ([]ledger.Entry, error) {
	return pick(r, slices.Values(r.accountEntries[mchID]), limit, func(e *ledger.Entry) bool { return e.Seq > after },
		func(a, b ledger.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
}

func (r memoryReader) AccountEntry(mchID, ref string) (ledger.Entry, error) {
	entries := r.accountEntries[mchID]
	i := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Ref == ref })
	if i < 0 {
		return ledger.Entry{}, cmp.Or(r.err, error(fault.NotFound))
	}
	return entries[i], r.err
}

func (r memoryReader) Bill(mchID, billNo string) (store.Bill, error) {
	return find(r, r.bills, merchantKey{mchID, billNo})
}

func (r memoryReader) Bills(mchID, after string, limit int) ([]store.Bill, error) {
	return pick(r, maps.Values(r.bills), limit, func(b *store.Bill) bool { return b.MchID == mchID && b.BillNo > after },
		func(a, b store.Bill) int { return cmp.Compare(a.BillNo, b.BillNo) })
}

func (r memoryReader) DaySum(mchID string, day int, seed packet.Claimant) (store.DaySum, error) {
	s, err := find(r, r.daySums, daySumKey{mchID, day, seed})
	if errors.Is(err, fault.NotFound) {
		return store.DaySum{MchID: mchID, Day: day, Seed: seed}, nil
	}
	return s, err
}

func byID(a, b store.Packet) int { return cmp.Compare(a.Head.ID, b.Head.ID) }

func (r memoryReader) Packet(id packet.ID) (store.Packet, error) { return find(r, r.packets, id) }

func (r memoryReader) Packets(after packet.ID, limit int) ([]store.Packet, error) {
	return pick(r, maps.Values(r.packets), limit, func(p *store.Packet) bool { return p.Head.ID > after }, byID)
}

func (r memoryReader) PacketsOf(mchID string, before packet.ID, limit int) ([]store.Packet, error) {
	return pick(r, maps.Values(r.packets), limit, func(p *store.Packet) bool { return p.Terms.MchID == mchID && p.Head.ID < before },
		func(a, b store.Packet) int { return byID(b, a) })
}

func (r memoryReader) Claims(id packet.ID, after uint64) ([]packet.Claim, error) {
	return pick(r, slices.Values(r.claims[id]), all, func(c *packet.Claim) bool { return c.Seq > after },
		func(a, b packet.Claim) int { return cmp.Compare(a.Slot, b.Slot) })
}

func (r memoryReader) Entries(id packet.ID) ([]packet.Entry, error) {
	return pick(r, slices.Values(r.entries[id]), all, func(*packet.Entry) bool { return true },
		func(a, b packet.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
}

func (r memoryReader) Strays(after, through packet.ID) ([]store.Stray, error) {
	firsts := make(map[string]store.Stray)
	see := func(name string, id packet.ID) {
		_, whole := r.packets[id]
		first, seen := firsts[name]
		if !whole && id > after && id <= through && (!seen || id < first.Packet) {
			firsts[name] = store.Stray{Table: name, Packet: id}
		}
	}
	for id := range r.claims {
		see("claims", id)
	}
	for id := range r.entries {
		see("entries", id)
	}
	for key := range r.followers {
		see("followers", key.packet)
	}
	for key := range r.payouts {
		see("payouts", key.packet)
	}
	for key := range r.events {
		see("payout_events", key.packet)
	}
	return pick(r, maps.Values(firsts), all, func(*store.Stray) bool { return true },
		func(a, b store.Stray) int {
			return cmp.Or(cmp.Compare(a.Packet, b.Packet), cmp.Compare(a.Table, b.Table))
		})
}

func (r memoryReader) Due(after store.Deadline, until int64, limit int) ([]store.Deadline, error) {
	deadline := func(p *store.Packet) store.Deadline { return store.Deadline{At: p.DueAt, Packet: p.Head.ID} }
	byDeadline := func(a, b store.Deadline) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Packet, b.Packet))
	}
	ps, err := pick(r, maps.Values(r.packets), limit,
		func(p *store.Packet) bool {
			return !p.Head.Ended && !p.Head.Held && p.DueAt <= until && byDeadline(deadline(p), after) > 0
		},
		func(a, b store.Packet) int { return byDeadline(deadline(&a), deadline(&b)) })
	var due []store.Deadline
	for i := range ps {
		due = append(due, deadline(&ps[i]))
	}
	return due, err
}

func (r memoryReader) TicketUsed(mchID string, jti [16]byte) (bool, error) {
	_, used := r.tickets[ticketKey{mchID, jti}]
	return used, nil
}

func (r memoryReader) PayoutsOf(id packet.ID, claimant packet.Claimant) ([]store.Payout, error) {
	return pick(r, maps.Values(r.payouts), all, func(p *store.Payout) bool { return p.Packet == id && p.Claimant == claimant },
		func(a, b store.Payout) int { return cmp.Compare(a.Generation, b.Generation) })
}

func (r memoryReader) Follower(id packet.ID, worker string) (store.Follower, error) {
	f, err := find(r, r.followers, followerKey{id, worker})
	if errors.Is(err, fault.NotFound) {
		return store.Follower{Packet: id, Worker: worker}, nil
	}
	return f, err
}

func (r memoryReader) Unsettled(after packet.ID, limit int) ([]packet.ID, error) {
	return idsOf(pick(r, maps.Values(r.packets), limit, func(p *store.Packet) bool { return !p.Settled && p.Head.ID > after }, byID))
}

func (r memoryReader) Payouts(id packet.ID) ([]store.Payout, error) {
	return pick(r, maps.Values(r.payouts), all, func(p *store.Payout) bool { return p.Packet == id },
		func(a, b store.Payout) int {
			return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Generation, b.Generation))
		})
}

func (r memoryReader) PayoutsDue(at int64, limit int) ([]store.Payout, error) {
	return pick(r, maps.Values(r.payouts), limit, func(p *store.Payout) bool { return !p.State.Final() && !p.Operator && p.NextCheck <= at },
		func(a, b store.Payout) int {
			return cmp.Or(cmp.Compare(a.NextCheck, b.NextCheck), cmp.Compare(a.Packet, b.Packet),
				bytes.Compare(a.Claimant[:], b.Claimant[:]), cmp.Compare(a.Generation, b.Generation))
		})
}

func (r memoryReader) PayoutEvents(id packet.ID) ([]store.PayoutEvent, error) {
	events := func(yield func(store.PayoutEvent) bool) {
		for key, list := range r.events {
			for i := 0; key.packet == id && i < len(list); i++ {
				if !yield(list[i]) {
					return
				}
			}
		}
	}
	return pick(r, events, all, func(*store.PayoutEvent) bool { return true },
		func(a, b store.PayoutEvent) int {
			return cmp.Or(bytes.Compare(a.Claimant[:], b.Claimant[:]), cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.Num, b.Num))
		})
}

func idsOf(ps []store.Packet, err error) (ids []packet.ID, _ error) {
	for i := range ps {
		ids = append(ids, ps[i].Head.ID)
	}
	return ids, err
}
