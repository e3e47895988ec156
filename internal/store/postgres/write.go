package postgres

import (
	"errors"
	"slices"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// tx reads and writes in the transaction of a session.
type tx struct{ reader }

func (t tx) LockPackets(ids []packet.ID) ([]uint64, error) {
	if !slices.IsSorted(ids) {
		return nil, t.fail(errors.New("postgres: packets are locked out of order"), nil)
	}
	seqs := make([]uint64, len(ids))
	scan := func(r *table.Row) bool {
		i, found := slices.BinarySearch(ids, r.ID())
		if found {
			seqs[i] = r.Uint()
		}
		return found
	}
	if len(ids) > 1 && !t.distributed {
		all := make([]int64, len(ids))
		for i, id := range ids {
			all[i] = int64(id)
		}
		return seqs, lockRows(t, lockMany, scan, all)
	}
	for _, id := range ids {
		if err := lockRows(t, lockOne, scan, int64(id)); err != nil {
			return nil, err
		}
	}
	return seqs, t.err
}

func (t tx) LockAccounts(mchIDs []string) ([]ledger.Book, error) {
	if !slices.IsSorted(mchIDs) {
		return nil, t.fail(errors.New("postgres: accounts are locked out of order"), nil)
	}
	books := make([]ledger.Book, 0, len(mchIDs))
	scan := func(r *table.Row) bool {
		books = append(books, table.ScanAccount(r))
		return true
	}
	for i, mchID := range mchIDs {
		if err := lockRows(t, accountLock, scan, mchID); err != nil {
			return nil, err
		}
		if len(books) == i {
			return nil, fault.NotFound
		}
	}
	return books, t.err
}

// lockRows runs a query that locks rows. While it waits for other transactions the end
// of the caller's context ends it; a caller who has gone before that is not asked.
func lockRows(t tx, sql string, scan func(*table.Row) bool, values ...any) error {
	ctx := t.wait
	if ctx.Err() != nil {
		ctx = t.ctx
	}
	_, err := listUntil(ctx, t.session, sql, scan, values...)
	return err
}

func (t tx) InsertPackets(packets []store.Packet) error {
	if err := inserts(t.session, store.ErrTaken, packetInsert, packets, table.HeadRow); err != nil {
		return err
	}
	return inserts(t.session, store.ErrTaken, termsInsert, packets, table.TermsRow)
}

func (t tx) UpdateHeads(updates []store.HeadUpdate) error {
	if len(updates) > 1 && !t.distributed {
		return t.updateHeads(updates)
	}
	return swaps(t.session, headMove, updates, func(u *store.HeadUpdate) []any {
		h := &u.To
		return []any{
			int64(h.ID), int64(u.From), int64(h.Seq), h.Hash[:], h.At, int64(h.ClaimedNum),
			int64(h.Claimed), int64(h.Refunded), int64(h.Returned), h.Held, h.Ended,
		}
	})
}

// updateHeads moves several heads with one statement.
func (t tx) updateHeads(updates []store.HeadUpdate) error {
	n, err := t.exec(headMoves,
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.To.ID) }),
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.From) }),
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.To.Seq) }),
		column(updates, func(u *store.HeadUpdate) []byte { return u.To.Hash[:] }),
		column(updates, func(u *store.HeadUpdate) int64 { return u.To.At }),
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.To.ClaimedNum) }),
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.To.Claimed) }),
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.To.Refunded) }),
		column(updates, func(u *store.HeadUpdate) int64 { return int64(u.To.Returned) }),
		column(updates, func(u *store.HeadUpdate) bool { return u.To.Held }),
		column(updates, func(u *store.HeadUpdate) bool { return u.To.Ended }),
	)
	if err == nil && n != int64(len(updates)) {
		err = t.fail(store.ErrStale, nil)
	}
	return err
}

// column is one value of each of rows, for unnest.
func column[T, V any](rows []T, value func(*T) V) []V {
	all := make([]V, len(rows))
	for i := range rows {
		all[i] = value(&rows[i])
	}
	return all
}

func (t tx) InsertClaims(claims []packet.Claim) error {
	if len(claims) == 0 {
		return t.err
	}
	return t.insert(store.ErrStale, claimInserts,
		column(claims, func(c *packet.Claim) int64 { return int64(c.Packet) }),
		column(claims, func(c *packet.Claim) []byte { return c.Claimant[:] }),
		column(claims, func(c *packet.Claim) int64 { return int64(c.Seq) }),
		column(claims, func(c *packet.Claim) int64 { return int64(c.Slot) }),
		column(claims, parent),
		column(claims, func(c *packet.Claim) int64 { return int64(c.Amount) }),
		column(claims, func(c *packet.Claim) int64 { return c.At }),
		column(claims, func(c *packet.Claim) []byte { return c.PayeeHash[:] }),
		column(claims, func(c *packet.Claim) []byte { return c.Hash[:] }),
		column(claims, func(c *packet.Claim) []byte { return c.Payee }),
		column(claims, func(c *packet.Claim) string { return c.Name }),
	)
}

// parent is nil for the seed.
func parent(c *packet.Claim) *int64 {
	if c.Parent == packet.NoParent {
		return nil
	}
	slot := int64(c.Parent)
	return &slot
}

func (t tx) InsertEntries(entries []packet.Entry) error {
	return inserts(t.session, store.ErrStale, entryInsert, entries, table.EntryRow)
}

func (t tx) Settle(id packet.ID) error {
	_, err := t.exec(packetSettle, int64(id))
	return err
}

func (t tx) UpdateAccounts(updates []store.AccountUpdate) error {
	return swaps(t.session, accountUpdate, updates, func(u *store.AccountUpdate) []any {
		b := &u.To
		return []any{b.MchID, int64(u.From), int64(b.Seq), int64(b.Balance), b.Hash[:], b.At}
	})
}

func (t tx) InsertAccountEntries(entries []ledger.Entry) error {
	return inserts(t.session, store.ErrStale, accountEntryInsert, entries, table.AccountEntryRow)
}

func (t tx) InsertBills(bills []store.Bill) error {
	return inserts(t.session, store.ErrStale, billInsert, bills, table.BillRow)
}

func (t tx) SaveDaySums(sums []store.DaySum) error {
	for i := range sums {
		s := &sums[i]
		if _, err := t.exec(daySumForget, s.MchID, int64(s.Day), int64(store.ForgetMax)); err != nil {
			return err
		}
		if _, err := t.exec(daySumSave, table.DaySumRow(s)...); err != nil {
			return err
		}
	}
	return t.err
}

func (t tx) SaveFollower(from, to store.Follower) error {
	if from.Fence == 0 {
		return t.insert(store.ErrStale, followerInsert, int64(to.Packet), to.Worker, int64(to.Seq), int64(1))
	}
	return t.swap(followerUpdate, int64(to.Packet), to.Worker, int64(to.Seq), int64(from.Fence+1), int64(from.Seq), int64(from.Fence))
}

func (t tx) InsertPayouts(payouts []store.Payout) error {
	return inserts(t.session, store.ErrStale, payoutInsert, payouts, table.PayoutRow)
}

func (t tx) UpdatePayouts(payouts []store.Payout) error {
	return swaps(t.session, payoutUpdate, payouts, func(p *store.Payout) []any {
		return []any{
			int64(p.Packet), p.Claimant[:], int64(p.Generation), int64(p.Version - 1),
			p.Payee, p.Frozen, string(p.State), int64(p.Version), int64(p.Attempts), p.NextCheck,
			p.Operator, p.Mendable, p.Returned, p.Code, p.RailRef, p.UpdatedAt,
		}
	})
}

// eventKey is whose events are numbered together.
type eventKey struct {
	packet     packet.ID
	claimant   packet.Claimant
	generation int
}

func (t tx) InsertPayoutEvents(events []store.PayoutEvent) error {
	last := make(map[eventKey]int64)
	numbered := slices.Clone(events)
	for i := range numbered {
		e := &numbered[i]
		key := eventKey{e.Packet, e.Claimant, e.Generation}
		if _, known := last[key]; !known {
			num, err := one(t.session, payoutEventNum, (*table.Row).Int, int64(e.Packet), e.Claimant[:], int64(e.Generation))
			if err != nil {
				return err
			}
			last[key] = num
		}
		last[key]++
		e.Num = int(last[key])
	}
	return inserts(t.session, store.ErrStale, payoutEventInsert, numbered, table.EventRow)
}

func (t tx) InsertSetting(name, value string) error {
	return t.insert(store.ErrStale, settingInsert, name, value)
}

func (t tx) DeleteSetting(name string) error {
	_, err := t.exec(settingDelete, name)
	return err
}

func (t tx) InsertMerchant(m store.Merchant) error {
	row, err := table.MerchantRow(&m)
	if err != nil {
		return t.fail(err, nil)
	}
	if err := t.insert(store.ErrStale, merchantInsert, row...); err != nil {
		return err
	}
	return t.insert(store.ErrStale, accountInsert, table.AccountRow(&ledger.Book{MchID: m.MchID})...)
}

func (t tx) UpdateMerchant(m store.Merchant) error {
	row, err := table.MerchantRow(&m)
	if err != nil {
		return t.fail(err, nil)
	}
	n, err := t.exec(merchantUpdate, row[0], row[1], row[3])
	if err == nil && n == 0 {
		err = fault.NotFound
	}
	return err
}

func (t tx) InsertKey(k store.Key) error {
	return t.insert(store.ErrStale, keyInsert, table.KeyRow(&k)...)
}

func (t tx) RetireKeys(mchID string, use store.KeyUse, notAfter int64) error {
	_, err := t.exec(keyRetire, mchID, string(use), notAfter)
	return err
}

func (t tx) RetireKey(mchID, id string, notAfter int64) error {
	_, err := t.exec(keyRetireOne, mchID, id, notAfter)
	return err
}

func (t tx) UseTicket(mchID string, jti [16]byte, expires, now int64) error {
	if _, err := t.exec(ticketForget, mchID, now); err != nil {
		return err
	}
	return t.insert(store.ErrStale, ticketInsert, mchID, jti[:], expires)
}
