package storetest

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// memoryTx writes to its copy of the tables.
type memoryTx struct{ memoryReader }

func (t *memoryTx) fail(err error) error {
	t.err = cmp.Or(t.err, err)
	return t.err
}

// every writes rows up to the first error, which ends the transaction.
func every[T any](t *memoryTx, rows []T, write func(*T) error) error {
	for i := range rows {
		if t.err != nil {
			return t.err
		}
		row := own(rows[i])
		if err := write(&row); err != nil {
			return t.fail(err)
		}
	}
	return t.err
}

// insert adds a row under a key that must be free.
func insert[K comparable, V any](t *memoryTx, m map[K]V, key K, row V) error {
	if t.err != nil {
		return t.err
	}
	if _, taken := m[key]; taken {
		return t.fail(store.ErrStale)
	}
	m[key] = own(row)
	return nil
}

// add is insert for rows in a list, where none may be like the new one.
func add[K comparable, V any](m map[K][]V, key K, row *V, like func(*V) bool) error {
	for i := range m[key] {
		if like(&m[key][i]) {
			return store.ErrStale
		}
	}
	m[key] = append(slices.Clip(m[key]), *row)
	return nil
}

func (t *memoryTx) LockPackets(ids []packet.ID) ([]store.Place, error) {
	if !slices.IsSorted(ids) {
		return nil, t.fail(errors.New("memory: packets are locked out of order"))
	}
	places := make([]store.Place, len(ids))
	for i, id := range ids {
		head := t.packets[id].Head
		places[i] = store.Place{Seq: head.Seq, Hash: head.Hash}
	}
	return places, t.err
}

func (t *memoryTx) LockAccounts(mchIDs []string) ([]ledger.Book, error) {
	if !slices.IsSorted(mchIDs) {
		return nil, t.fail(errors.New("memory: accounts are locked out of order"))
	}
	books := make([]ledger.Book, len(mchIDs))
	for i, mchID := range mchIDs {
		var err error
		if books[i], err = t.Account(mchID); err != nil {
			return nil, err
		}
	}
	return books, t.err
}

func (t *memoryTx) InsertPackets(packets []store.Packet) error {
	return every(t, packets, func(p *store.Packet) error {
		if _, taken := t.packets[p.Head.ID]; taken {
			return store.ErrTaken
		}
		t.packets[p.Head.ID] = *p
		return nil
	})
}

func (t *memoryTx) UpdateHeads(updates []store.HeadUpdate) error {
	return every(t, updates, func(u *store.HeadUpdate) error {
		p, ok := t.packets[u.To.ID]
		if !ok || p.Head.Seq != u.From {
			return store.ErrStale
		}
		p.Head, p.Settled = u.To, false
		t.packets[u.To.ID] = p
		return nil
	})
}

func (t *memoryTx) InsertClaims(claims []packet.Claim) error {
	return every(t, claims, func(c *packet.Claim) error {
		return add(t.claims, c.Packet, c, func(o *packet.Claim) bool { return o.Claimant == c.Claimant || o.Slot == c.Slot })
	})
}

func (t *memoryTx) InsertEntries(entries []packet.Entry) error {
	return every(t, entries, func(e *packet.Entry) error {
		return add(t.entries, e.Packet, e, func(o *packet.Entry) bool { return o.Seq == e.Seq })
	})
}

func (t *memoryTx) Settle(id packet.ID) error {
	if p, ok := t.packets[id]; ok && t.err == nil {
		p.Settled = true
		t.packets[id] = p
	}
	return t.err
}

func (t *memoryTx) UpdateAccounts(updates []store.AccountUpdate) error {
	return every(t, updates, func(u *store.AccountUpdate) error {
		if b, ok := t.accounts[u.To.MchID]; !ok || b.Seq != u.From {
			return store.ErrStale
		}
		t.accounts[u.To.MchID] = u.To
		return nil
	})
}

func (t *memoryTx) InsertAccountEntries(entries []ledger.Entry) error {
	return every(t, entries, func(e *ledger.Entry) error {
		return add(t.accountEntries, e.MchID, e, func(o *ledger.Entry) bool { return o.Seq == e.Seq || o.Ref == e.Ref })
	})
}

func (t *memoryTx) InsertBills(bills []store.Bill) error {
	return every(t, bills, func(b *store.Bill) error { return insert(t, t.bills, merchantKey{b.MchID, b.BillNo}, *b) })
}

func (t *memoryTx) SaveDaySums(sums []store.DaySum) error {
	return every(t, sums, func(s *store.DaySum) error {
		old, err := pick(t.memoryReader, maps.Values(t.daySums), store.ForgetMax,
			func(o *store.DaySum) bool { return o.MchID == s.MchID && o.Day < s.Day },
			func(a, b store.DaySum) int {
				return cmp.Or(cmp.Compare(a.Day, b.Day), bytes.Compare(a.Seed[:], b.Seed[:]))
			})
		for _, o := range old {
			delete(t.daySums, daySumKey{o.MchID, o.Day, o.Seed})
		}
		t.daySums[daySumKey{s.MchID, s.Day, s.Seed}] = *s
		return err
	})
}

func (t *memoryTx) SaveFollower(from, to store.Follower) error {
	key := followerKey{to.Packet, to.Worker}
	if has := t.followers[key]; t.err == nil && (has.Fence != from.Fence || has.Seq != from.Seq) {
		return t.fail(store.ErrStale)
	}
	to.Fence = from.Fence + 1
	t.followers[key] = to
	return t.err
}

func (t *memoryTx) InsertPayouts(payouts []store.Payout) error {
	return every(t, payouts, func(p *store.Payout) error {
		return insert(t, t.payouts, payoutKey{p.Packet, p.Claimant, p.Generation}, *p)
	})
}

func (t *memoryTx) UpdatePayouts(payouts []store.Payout) error {
	return every(t, payouts, func(p *store.Payout) error {
		key := payoutKey{p.Packet, p.Claimant, p.Generation}
		if has, ok := t.payouts[key]; !ok || has.Version != p.Version-1 {
			return store.ErrStale
		}
		t.payouts[key] = *p
		return nil
	})
}

func (t *memoryTx) InsertPayoutEvents(events []store.PayoutEvent) error {
	return every(t, events, func(e *store.PayoutEvent) error {
		key := payoutKey{e.Packet, e.Claimant, e.Generation}
		e.Num = len(t.events[key]) + 1
		return add(t.events, key, e, func(*store.PayoutEvent) bool { return false })
	})
}

func (t *memoryTx) InsertSetting(name, value string) error {
	return insert(t, t.settings, name, value)
}

func (t *memoryTx) DeleteSetting(name, value string) error {
	if t.err != nil {
		return t.err
	}
	if was, set := t.settings[name]; !set || was != value {
		return t.fail(store.ErrStale)
	}
	delete(t.settings, name)
	return nil
}

func (t *memoryTx) InsertMerchant(m store.Merchant) error {
	if err := insert(t, t.merchants, m.MchID, m); err != nil {
		return err
	}
	return insert(t, t.accounts, m.MchID, ledger.Book{MchID: m.MchID})
}

func (t *memoryTx) UpdateMerchant(m store.Merchant) error {
	has, ok := t.merchants[m.MchID]
	if t.err != nil || !ok {
		return cmp.Or(t.err, error(fault.NotFound))
	}
	m.CreatedAt = has.CreatedAt
	t.merchants[m.MchID] = own(m)
	return nil
}

func (t *memoryTx) InsertKey(k store.Key) error {
	return insert(t, t.keys, merchantKey{k.MchID, k.ID}, k)
}

func (t *memoryTx) RetireKeys(mchID string, use store.KeyUse, notAfter int64) error {
	return t.retire(notAfter, func(k *store.Key) bool { return k.MchID == mchID && k.Use == use })
}

func (t *memoryTx) RetireKey(mchID, id string, notAfter int64) error {
	return t.retire(notAfter, func(k *store.Key) bool { return k.MchID == mchID && k.ID == id })
}

// retire ends keys that would live longer.
func (t *memoryTx) retire(notAfter int64, which func(*store.Key) bool) error {
	for key, k := range t.keys {
		if which(&k) && (k.NotAfter == 0 || k.NotAfter > notAfter) {
			k.NotAfter = notAfter
			t.keys[key] = k
		}
	}
	return t.err
}

func (t *memoryTx) UseTicket(mchID string, jti [16]byte, expires, now int64) error {
	for key, end := range t.tickets {
		if key.mchID == mchID && end < now {
			delete(t.tickets, key)
		}
	}
	return insert(t, t.tickets, ticketKey{mchID, jti}, expires)
}
