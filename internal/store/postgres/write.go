package postgres

import (
	"bytes"
	"cmp"
	"errors"
	"math/bits"
	"slices"

	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// tx reads and writes in the transaction of a session.
type tx struct{ reader }

// placed is how far a packet's book has come.
type placed struct {
	id    packet.ID
	place store.Place
}

func scanPlaced(r *table.Row) placed { return placed{id: r.ID(), place: table.ScanPlace(r)} }

func (t tx) LockPackets(ids []packet.ID) ([]store.Place, error) {
	if !slices.IsSorted(ids) {
		return nil, t.fail(errors.New("postgres: packets are locked out of order"))
	}
	number := func(id *packet.ID) int64 { return int64(*id) }
	queries := repeated(lockOne, ids, func(id *packet.ID) []any { return []any{number(id)} })
	if len(ids) > 1 && !t.distributed {
		queries = single(lockMany, column(ids, number))
	}
	heads, err := locks(t.session, queries, scanPlaced)
	if err != nil {
		return nil, err
	}
	places := make([]store.Place, len(ids))
	for _, h := range heads {
		if i, found := slices.BinarySearch(ids, h.id); found {
			places[i] = h.place
		}
	}
	return places, nil
}

func (t tx) LockAccounts(mchIDs []string) ([]ledger.Book, error) {
	if !slices.IsSorted(mchIDs) {
		return nil, t.fail(errors.New("postgres: accounts are locked out of order"))
	}
	queries := repeated(accountLock, mchIDs, func(mchID *string) []any { return []any{*mchID} })
	books, err := locks(t.session, queries, table.ScanAccount)
	if err == nil && len(books) < len(mchIDs) {
		err = fault.NotFound
	}
	return books, err
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
	return t.swapped(n, len(updates), err)
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
	var b pgx.Batch
	for rest := claims; len(rest) > 0; {
		size := min(bits.Len(uint(len(rest))), len(claimInserts)) - 1
		var values []any
		for i := range 1 << size {
			values = append(values, table.ClaimRow(&rest[i])...)
		}
		b.Queue(claimInserts[size], values...)
		rest = rest[1<<size:]
	}
	_, err := t.send(t.ctx, &b, nil)
	return t.failed(err, store.ErrStale)
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
	changed, err := t.exec(followerUpdate, int64(to.Packet), to.Worker, int64(to.Seq), int64(from.Fence+1), int64(from.Seq), int64(from.Fence))
	return t.swapped(changed, 1, err)
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

func (t tx) InsertPayoutEvents(events []store.PayoutEvent) error {
	keys := slices.Clone(events) // one of each payout
	slices.SortFunc(keys, byPayout)
	keys = slices.CompactFunc(keys, func(a, b store.PayoutEvent) bool { return byPayout(a, b) == 0 })
	queries := repeated(payoutEventNum, keys, func(e *store.PayoutEvent) []any {
		return []any{int64(e.Packet), e.Claimant[:], int64(e.Generation)}
	})
	last, err := lists(t.ctx, t.session, queries, (*table.Row).Int)
	if err != nil {
		return err
	}
	numbered := slices.Clone(events)
	for i := range numbered {
		at, _ := slices.BinarySearchFunc(keys, numbered[i], byPayout)
		last[at]++
		numbered[i].Num = int(last[at])
	}
	return inserts(t.session, store.ErrStale, payoutEventInsert, numbered, table.EventRow)
}

// byPayout orders events by whose they are.
func byPayout(a, b store.PayoutEvent) int {
	return cmp.Or(cmp.Compare(a.Packet, b.Packet), bytes.Compare(a.Claimant[:], b.Claimant[:]), cmp.Compare(a.Generation, b.Generation))
}

func (t tx) InsertSetting(name, value string) error {
	return t.insert(store.ErrStale, settingInsert, name, value)
}

func (t tx) DeleteSetting(name, value string) error {
	changed, err := t.exec(settingDelete, name, value)
	return t.swapped(changed, 1, err)
}

func (t tx) InsertMerchant(m store.Merchant) error {
	row, err := table.MerchantRow(&m)
	if err != nil {
		return t.fail(err)
	}
	if err := t.insert(store.ErrStale, merchantInsert, row...); err != nil {
		return err
	}
	return t.insert(store.ErrStale, accountInsert, table.AccountRow(&ledger.Book{MchID: m.MchID})...)
}

func (t tx) UpdateMerchant(m store.Merchant) error {
	row, err := table.MerchantRow(&m)
	if err != nil {
		return t.fail(err)
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
