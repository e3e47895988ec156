package postgres

import (
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// reader reads in the transaction of a session.
type reader struct{ *session }

func (r reader) Setting(name string) (string, error) {
	return one(r.session, settingRow, (*table.Row).Text, name)
}

func (r reader) Kinds() ([]store.Kind, error) { return list(r.session, kindList, table.ScanKind) }

func (r reader) Merchant(mchID string) (store.Merchant, error) {
	return one(r.session, merchantRow, table.ScanMerchant, mchID)
}

func (r reader) Merchants() ([]store.Merchant, error) {
	return list(r.session, merchantList, table.ScanMerchant)
}

func (r reader) NextMerchant(after string) (string, error) {
	return one(r.session, merchantNext, (*table.Row).Text, after)
}

func (r reader) Keys(mchID string) ([]store.Key, error) {
	return list(r.session, keyList, table.ScanKey, mchID)
}

func (r reader) Account(mchID string) (ledger.Book, error) {
	return one(r.session, accountRow, table.ScanAccount, mchID)
}

func (r reader) AccountEntries(mchID string, after uint64, limit int) ([]ledger.Entry, error) {
	return list(r.session, accountEntryList, table.ScanAccountEntry, mchID, int64(after), int64(limit))
}

func (r reader) AccountEntry(mchID, ref string) (ledger.Entry, error) {
	return one(r.session, accountEntryRow, table.ScanAccountEntry, mchID, ref)
}

func (r reader) Bill(mchID, billNo string) (store.Bill, error) {
	return one(r.session, billRow, table.ScanBill, mchID, billNo)
}

func (r reader) Bills(mchID, after string, limit int) ([]store.Bill, error) {
	return list(r.session, billList, table.ScanBill, mchID, after, int64(limit))
}

func (r reader) DaySum(mchID string, day int, seed packet.Claimant) (store.DaySum, error) {
	s, err := one(r.session, daySumRow, table.ScanDaySum, mchID, int64(day), seed[:])
	if fault.CodeOf(err) == fault.NotFound {
		return store.DaySum{MchID: mchID, Day: day, Seed: seed}, nil
	}
	return s, err
}

func (r reader) Packet(id packet.ID) (store.Packet, error) {
	return one(r.session, packetRow, table.ScanPacket, int64(id))
}

func (r reader) Packets(after packet.ID, limit int) ([]store.Packet, error) {
	return list(r.session, packetList, table.ScanPacket, int64(after), int64(limit))
}

func (r reader) PacketsOf(mchID string, before packet.ID, limit int) ([]store.Packet, error) {
	return list(r.session, packetListOf, table.ScanPacket, mchID, int64(before), int64(limit))
}

func (r reader) Claims(id packet.ID, after uint64) ([]packet.Claim, error) {
	return list(r.session, claimList, table.ScanClaim, int64(id), int64(after))
}

func (r reader) Entries(id packet.ID) ([]packet.Entry, error) {
	return list(r.session, entryList, table.ScanEntry, int64(id))
}

func (r reader) Strays(after, through packet.ID) ([]store.Stray, error) {
	return list(r.session, strayList, table.ScanStray, int64(after), int64(through))
}

func (r reader) Due(after store.Deadline, until int64, limit int) ([]store.Deadline, error) {
	return list(r.session, dueList, table.ScanDeadline, until, after.At, int64(after.Packet), int64(limit))
}

func (r reader) Follower(id packet.ID, worker string) (store.Follower, error) {
	f, err := one(r.session, followerRow, table.ScanFollower, int64(id), worker)
	f.Packet, f.Worker = id, worker
	if fault.CodeOf(err) == fault.NotFound {
		return f, nil
	}
	return f, err
}

func (r reader) Unsettled(after packet.ID, limit int) ([]packet.ID, error) {
	return list(r.session, unsettledList, (*table.Row).ID, int64(after), int64(limit))
}

func (r reader) Payouts(id packet.ID) ([]store.Payout, error) {
	return list(r.session, payoutList, table.ScanPayout, int64(id))
}

func (r reader) PayoutsOf(id packet.ID, claimant packet.Claimant) ([]store.Payout, error) {
	return list(r.session, payoutListOf, table.ScanPayout, int64(id), claimant[:])
}

func (r reader) TicketUsed(mchID string, jti [16]byte) (bool, error) {
	marks, err := list(r.session, ticketRow, (*table.Row).Int, mchID, jti[:])
	return len(marks) > 0, err
}

func (r reader) PayoutsDue(at int64, limit int) ([]store.Payout, error) {
	return list(r.session, payoutDueList, table.ScanPayout, at, int64(limit))
}

func (r reader) PayoutEvents(id packet.ID) ([]store.PayoutEvent, error) {
	return list(r.session, payoutEventList, table.ScanPayoutEvent, int64(id))
}
