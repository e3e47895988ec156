package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// Bounds that tests compare with.
const (
	TriesMax   = triesMax
	SilenceMax = silenceMax
)

// BoundSilence is how a dialer is told of SilenceMax.
var BoundSilence = boundSilence

// Tuned are options of which tune has the last word on how to connect.
func (o Options) Tuned(tune func(*pgx.ConnConfig)) Options {
	o.tune = tune
	return o
}

// Waiting are options by which locks are waited for as long.
func (o Options) Waiting(d time.Duration) Options {
	o.lockWait = d
	return o
}

// Layout is by which column each table is spread, "" for one that is everywhere, and
// with which table.
func Layout() (columns, with map[string]string) {
	columns, with = make(map[string]string), make(map[string]string)
	for _, l := range layout {
		columns[l.table], with[l.table] = l.column, l.with
	}
	return columns, with
}

// Queries are the statements that look for rows, by the methods that run them.
func Queries() map[string]string {
	return map[string]string{
		"Setting": settingRow, "Kinds": kindList, "Merchant": merchantRow, "Merchants": merchantList, "NextMerchant": merchantNext,
		"Keys": keyList, "Account": accountRow, "LockAccounts": accountLock, "AccountEntry": accountEntryRow, "AccountEntries": accountEntryList,
		"Bill": billRow, "Bills": billList, "DaySum": daySumRow, "TicketUsed": ticketRow,
		"Packet": packetRow, "Packets": packetList, "PacketsOf": packetListOf, "LockPackets of one": lockOne, "LockPackets": lockMany,
		"Claims": claimList, "Entries": entryList, "Strays": strayList, "Due": dueList, "Follower": followerRow, "Unsettled": unsettledList,
		"Payouts": payoutList, "PayoutsOf": payoutListOf, "PayoutsDue": payoutDueList, "PayoutEvents": payoutEventList,
		"InsertPayoutEvents": payoutEventNum, "UpdateHeads of one": headMove, "UpdateHeads": headMoves, "Settle": packetSettle,
		"UpdateAccounts": accountUpdate, "SaveDaySums": daySumForget, "SaveFollower": followerUpdate, "UpdatePayouts": payoutUpdate,
		"DeleteSetting": settingDelete, "UpdateMerchant": merchantUpdate, "RetireKeys": keyRetire, "RetireKey": keyRetireOne, "UseTicket": ticketForget,
	}
}
