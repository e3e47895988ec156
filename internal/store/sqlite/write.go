package sqlite

import (
	"errors"
	"slices"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// tx reads and writes in the transaction of a session. Locks are the file's: while
// one transaction writes, no other does.
type tx struct{ reader }

func (t tx) LockPackets(ids []packet.ID) ([]store.Place, error) {
	if !slices.IsSorted(ids) {
		return nil, t.fail(errors.New("sqlite: packets are locked out of order"))
	}
	places := make([]store.Place, len(ids))
	for i, id := range ids {
		place, err := one(t.session, packetPlace, table.ScanPlace, int64(id))
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return nil, err
		}
		places[i] = place
	}
	return places, nil
}

func (t tx) LockAccounts(mchIDs []string) ([]ledger.Book, error) {
	if !slices.IsSorted(mchIDs) {
		return nil, t.fail(errors.New("sqlite: accounts are locked out of order"))
	}
	books := make([]ledger.Book, len(mchIDs))
	for i, mchID := range mchIDs {
		var err error
		if books[i], err = t.Account(mchID); err != nil {
			return nil, err
		}
	}
	return books, nil
}

// every applies write to each of rows, up to the first error.
func every[T any](rows []T, write func(*T) error) error {
	for i := range rows {
		if err := write(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t tx) InsertPackets(packets []store.Packet) error {
	return every(packets, func(p *store.Packet) error {
		if err := t.insert(store.ErrTaken, packetInsert, table.HeadRow(p)...); err != nil {
			return err
		}
		return t.insert(store.ErrTaken, termsInsert, table.TermsRow(p)...)
	})
}

func (t tx) UpdateHeads(updates []store.HeadUpdate) error { return every(updates, t.updateHead) }

// updateHead first tries the statement that leaves the indexes alone. That finds no
// row of a packet that was held or settled, nor of one that has moved.
func (t tx) updateHead(u *store.HeadUpdate) error {
	h := &u.To
	if !h.Held && !h.Ended {
		n, err := t.exec(headMove, int64(h.Seq), h.Hash[:], h.At, int64(h.ClaimedNum),
			int64(h.Claimed), int64(h.Refunded), int64(h.Returned), int64(h.ID), int64(u.From))
		if err != nil || n == 1 {
			return err
		}
	}
	return t.swap(headUpdate, int64(h.Seq), h.Hash[:], h.At, int64(h.ClaimedNum),
		int64(h.Claimed), int64(h.Refunded), int64(h.Returned), h.Held, h.Ended, int64(h.ID), int64(u.From))
}

func (t tx) InsertClaims(claims []packet.Claim) error {
	return every(claims, func(c *packet.Claim) error {
		return t.insert(store.ErrStale, claimInsert, table.ClaimRow(c)...)
	})
}

func (t tx) InsertEntries(entries []packet.Entry) error {
	return every(entries, func(e *packet.Entry) error { return t.insert(store.ErrStale, entryInsert, table.EntryRow(e)...) })
}

func (t tx) Settle(id packet.ID) error {
	_, err := t.exec(packetSettle, int64(id))
	return err
}

func (t tx) UpdateAccounts(updates []store.AccountUpdate) error {
	return every(updates, func(u *store.AccountUpdate) error {
		b := &u.To
		return t.swap(accountUpdate, int64(b.Seq), int64(b.Balance), b.Hash[:], b.At, b.MchID, int64(u.From))
	})
}

func (t tx) InsertAccountEntries(entries []ledger.Entry) error {
	return every(entries, func(e *ledger.Entry) error {
		return t.insert(store.ErrStale, accountEntryInsert, table.AccountEntryRow(e)...)
	})
}

func (t tx) InsertBills(bills []store.Bill) error {
	return every(bills, func(b *store.Bill) error { return t.insert(store.ErrStale, billInsert, table.BillRow(b)...) })
}

func (t tx) SaveDaySums(sums []store.DaySum) error {
	return every(sums, func(s *store.DaySum) error {
		if _, err := t.exec(daySumForget, s.MchID, int64(s.Day), int64(store.ForgetMax)); err != nil {
			return err
		}
		_, err := t.exec(daySumSave, table.DaySumRow(s)...)
		return err
	})
}

func (t tx) SaveFollower(from, to store.Follower) error {
	if from.Fence == 0 {
		return t.insert(store.ErrStale, followerInsert, int64(to.Packet), to.Worker, int64(to.Seq), int64(1))
	}
	return t.swap(followerUpdate, int64(to.Seq), int64(from.Fence+1),
		int64(to.Packet), to.Worker, int64(from.Seq), int64(from.Fence))
}

func (t tx) InsertPayouts(payouts []store.Payout) error {
	return every(payouts, func(p *store.Payout) error { return t.insert(store.ErrStale, payoutInsert, table.PayoutRow(p)...) })
}

func (t tx) UpdatePayouts(payouts []store.Payout) error {
	return every(payouts, func(p *store.Payout) error {
		return t.swap(payoutUpdate,
			p.Payee, p.Frozen, string(p.State), int64(p.Version), int64(p.Attempts), p.NextCheck,
			p.Operator, p.Mendable, p.Returned, p.Code, p.RailRef, p.UpdatedAt,
			int64(p.Packet), p.Claimant[:], int64(p.Generation), int64(p.Version-1))
	})
}

func (t tx) InsertPayoutEvents(events []store.PayoutEvent) error {
	return every(events, func(e *store.PayoutEvent) error {
		id, claimant, generation := int64(e.Packet), e.Claimant[:], int64(e.Generation)
		return t.insert(store.ErrStale, payoutEventInsert, id, claimant, generation,
			string(e.State), e.Source, e.Evidence, e.At, id, claimant, generation)
	})
}

func (t tx) InsertSetting(name, value string) error {
	return t.insert(store.ErrStale, settingInsert, name, value)
}

func (t tx) DeleteSetting(name, value string) error { return t.swap(settingDelete, name, value) }

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
	n, err := t.exec(merchantUpdate, row[1], row[3], row[0])
	if err == nil && n == 0 {
		err = fault.NotFound
	}
	return err
}

func (t tx) InsertKey(k store.Key) error {
	return t.insert(store.ErrStale, keyInsert, table.KeyRow(&k)...)
}

func (t tx) RetireKeys(mchID string, use store.KeyUse, notAfter int64) error {
	_, err := t.exec(keyRetire, notAfter, mchID, string(use), notAfter)
	return err
}

func (t tx) RetireKey(mchID, id string, notAfter int64) error {
	_, err := t.exec(keyRetireOne, notAfter, mchID, id, notAfter)
	return err
}

func (t tx) UseTicket(mchID string, jti [16]byte, expires, now int64) error {
	if _, err := t.exec(ticketForget, mchID, now); err != nil {
		return err
	}
	return t.insert(store.ErrStale, ticketInsert, mchID, jti[:], expires)
}
