package sqlite

import "context"

// Conn is a connection of the driver.
type Conn = conn

// Times that tests compare with.
const (
	BusyTimeout = busyTimeout
	ReopenPause = reopenPause
)

// OpenWith is Open with every connection opened through a function.
func OpenWith(ctx context.Context, path string, through func(open func() (Conn, error)) (Conn, error)) (*Store, error) {
	return open(ctx, path, Options{}, func(ctx context.Context, uri string) (conn, error) {
		return through(func() (Conn, error) { return dial(ctx, uri) })
	})
}

// HoldReaders takes all readers, as Views that run would, until release.
func HoldReaders(s *Store) (release func()) {
	all, err := s.allReaders(context.Background())
	if err != nil {
		panic(err)
	}
	return func() {
		for _, r := range all {
			s.readers <- r
		}
	}
}

// Lists are the queries that read more than one row, by the methods that run them.
func Lists() map[string]string {
	return map[string]string{
		"Kinds": queries[kindList], "Merchants": queries[merchantList], "Keys": queries[keyList], "AccountEntries": queries[accountEntryList], "Bills": queries[billList],
		"Strays": queries[strayList], "Packets": queries[packetList], "PacketsOf": queries[packetListOf], "Claims": queries[claimList], "Entries": queries[entryList],
		"Due": queries[dueList], "Unsettled": queries[unsettledList], "Payouts": queries[payoutList], "PayoutsDue": queries[payoutDueList],
		"PayoutEvents": queries[payoutEventList],
	}
}

// Rows are the other queries that look for rows.
func Rows() map[string]string {
	return map[string]string{
		"Setting": queries[settingRow], "Merchant": queries[merchantRow], "NextMerchant": queries[merchantNext], "Account": queries[accountRow], "AccountEntry": queries[accountEntryRow],
		"Bill": queries[billRow], "Packet": queries[packetRow], "LockPackets": queries[packetPlace], "Follower": queries[followerRow],
		"UpdateHeads": queries[headMove], "Settle": queries[packetSettle], "UpdateAccounts": queries[accountUpdate],
		"SaveFollower": queries[followerUpdate], "UpdatePayouts": queries[payoutUpdate], "InsertPayoutEvents": queries[payoutEventInsert],
		"DaySum": queries[daySumRow], "SaveDaySums": queries[daySumForget],
		"UpdateMerchant": queries[merchantUpdate], "RetireKeys": queries[keyRetire], "RetireKey": queries[keyRetireOne], "UseTicket": queries[ticketForget],
	}
}
