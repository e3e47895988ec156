package sqlite

import (
	"strings"

	"hongbao.example/hongbao/internal/store/table"
)

// query names a statement of the table below.
type query int

const (
	beginRead query = iota
	beginWrite
	commit
	rollback
	journalMode
	checkpoint
	checkpointAll
	checkpointNone

	settingRow
	kindList
	merchantRow
	merchantList
	merchantNext
	keyList
	accountRow
	accountEntryRow
	accountEntryList
	billRow
	billList
	daySumRow
	packetRow
	packetList
	packetListOf
	packetPlace
	claimList
	entryList
	strayList
	dueList
	followerRow
	unsettledList
	payoutList
	payoutListOf
	payoutDueList
	payoutEventList

	packetInsert
	termsInsert
	headMove
	headUpdate
	packetSettle
	claimInsert
	entryInsert
	accountUpdate
	accountEntryInsert
	billInsert
	daySumForget
	daySumSave
	followerInsert
	followerUpdate
	payoutInsert
	payoutUpdate
	payoutEventInsert
	settingInsert
	settingDelete
	merchantInsert
	merchantUpdate
	accountInsert
	keyInsert
	keyRetire
	keyRetireOne
	ticketRow
	ticketForget
	ticketInsert
)

// queries is every statement this package runs. No list walks a table that grows:
// each is one key or index, from a given place on.
var queries = [...]string{
	beginRead:     "BEGIN",
	beginWrite:    "BEGIN IMMEDIATE",
	commit:        "COMMIT",
	rollback:      "ROLLBACK",
	journalMode:   "PRAGMA journal_mode",
	checkpoint:    "PRAGMA wal_checkpoint(PASSIVE)",
	checkpointAll: "PRAGMA wal_checkpoint(TRUNCATE)",
	// checkpointNone copies nothing, and says what there is to copy.
	checkpointNone: "PRAGMA wal_checkpoint(NOOP)",

	settingRow:       "SELECT value FROM settings WHERE name = ?",
	kindList:         "SELECT " + table.KindColumns + " FROM kinds ORDER BY kind",
	merchantRow:      "SELECT " + table.MerchantColumns + " FROM merchants WHERE mch_id = ?",
	merchantList:     "SELECT " + table.MerchantColumns + " FROM merchants ORDER BY mch_id",
	merchantNext:     table.SelectNextMerchant("?"),
	keyList:          "SELECT " + table.KeyColumns + " FROM keys WHERE mch_id = ? ORDER BY created_at DESC, id",
	accountRow:       "SELECT " + table.AccountColumns + " FROM accounts WHERE mch_id = ?",
	accountEntryRow:  "SELECT " + table.AccountEntryColumns + " FROM account_entries WHERE mch_id = ? AND ref = ?",
	accountEntryList: "SELECT " + table.AccountEntryColumns + " FROM account_entries WHERE mch_id = ? AND seq > ? ORDER BY seq LIMIT ?",
	billRow:          "SELECT " + table.BillColumns + " FROM bills WHERE mch_id = ? AND mch_billno = ?",
	daySumRow:        "SELECT " + table.DaySumColumns + " FROM day_sums WHERE mch_id = ? AND day = ? AND seed = ?",
	billList:         "SELECT " + table.BillColumns + " FROM bills WHERE mch_id = ? AND mch_billno > ? ORDER BY mch_billno LIMIT ?",

	packetRow:    table.SelectPackets("t.packet_id = ?"),
	packetList:   table.SelectPackets("t.packet_id > ? ORDER BY t.packet_id LIMIT ?"),
	packetListOf: table.SelectPackets("t.mch_id = ? AND t.packet_id < ? ORDER BY t.packet_id DESC LIMIT ?"),
	packetPlace:  "SELECT seq, hash FROM packets WHERE id = ?",
	claimList:    "SELECT " + table.ClaimColumns + " FROM claims WHERE packet_id = ? AND seq > ? ORDER BY slot",
	entryList:    "SELECT " + table.EntryColumns + " FROM entries WHERE packet_id = ? ORDER BY seq",
	strayList:    table.SelectStrays("?", "?"),
	dueList:      "SELECT expires_at, id FROM packets WHERE ended = 0 AND held = 0 AND expires_at <= ? AND (expires_at, id) > (?, ?) ORDER BY expires_at, id LIMIT ?",

	followerRow:     "SELECT seq, fence FROM followers WHERE packet_id = ? AND worker = ?",
	unsettledList:   "SELECT id FROM packets WHERE settled = 0 AND id > ? ORDER BY id LIMIT ?",
	payoutList:      "SELECT " + table.PayoutColumns + " FROM payouts WHERE packet_id = ? ORDER BY slot, generation",
	payoutListOf:    "SELECT " + table.PayoutColumns + " FROM payouts WHERE packet_id = ? AND claimant = ? ORDER BY generation",
	payoutDueList:   "SELECT " + table.PayoutColumns + " FROM payouts WHERE state NOT IN ('done', 'refused', 'cancelled') AND operator = 0 AND next_check <= ? ORDER BY next_check, packet_id, claimant, generation LIMIT ?",
	payoutEventList: "SELECT " + table.EventColumns + " FROM payout_events WHERE packet_id = ? ORDER BY claimant, generation, num",

	packetInsert: insertInto("packets", table.HeadColumns),
	termsInsert:  insertInto("terms", table.TermsColumns),
	// headMove is headUpdate for a packet that is and stays open and unsettled. It
	// names no column of an index, so that none has to be rewritten.
	headMove:     "UPDATE packets SET seq = ?, hash = ?, at = ?, claimed_num = ?, claimed = ?, refunded = ?, returned = ? WHERE id = ? AND seq = ? AND held = 0 AND ended = 0 AND settled = 0",
	headUpdate:   "UPDATE packets SET seq = ?, hash = ?, at = ?, claimed_num = ?, claimed = ?, refunded = ?, returned = ?, held = ?, ended = ?, settled = 0 WHERE id = ? AND seq = ?",
	packetSettle: "UPDATE packets SET settled = 1 WHERE id = ?",
	claimInsert:  insertInto("claims", table.ClaimColumns),
	entryInsert:  insertInto("entries", table.EntryColumns),

	accountUpdate:      "UPDATE accounts SET seq = ?, balance = ?, hash = ?, at = ? WHERE mch_id = ? AND seq = ?",
	accountEntryInsert: insertInto("account_entries", table.AccountEntryColumns),
	billInsert:         insertInto("bills", table.BillColumns),
	daySumForget:       "DELETE FROM day_sums WHERE (mch_id, day, seed) IN (SELECT mch_id, day, seed FROM day_sums WHERE mch_id = ? AND day < ? ORDER BY day, seed LIMIT ?)",
	daySumSave:         insertInto("day_sums", table.DaySumColumns) + " ON CONFLICT (mch_id, day, seed) DO UPDATE SET num = excluded.num, amount = excluded.amount",

	followerInsert: insertInto("followers", table.FollowerColumns),
	followerUpdate: "UPDATE followers SET seq = ?, fence = ? WHERE packet_id = ? AND worker = ? AND seq = ? AND fence = ?",
	payoutInsert:   insertInto("payouts", table.PayoutColumns),
	payoutUpdate: "UPDATE payouts SET payee = ?, frozen = ?, state = ?, version = ?, attempts = ?, next_check = ?, operator = ?, mendable = ?, returned = ?, code = ?, rail_ref = ?, updated_at = ?" +
		" WHERE packet_id = ? AND claimant = ? AND generation = ? AND version = ?",
	payoutEventInsert: "INSERT INTO payout_events (" + table.EventColumns + ") SELECT ?, ?, ?, coalesce(max(num), 0) + 1, ?, ?, ?, ?" +
		" FROM payout_events WHERE packet_id = ? AND claimant = ? AND generation = ?",

	settingInsert:  insertInto("settings", table.SettingColumns),
	settingDelete:  "DELETE FROM settings WHERE name = ? AND value = ?",
	merchantInsert: insertInto("merchants", table.MerchantColumns),
	merchantUpdate: "UPDATE merchants SET name = ?, settings = ? WHERE mch_id = ?",
	accountInsert:  insertInto("accounts", table.AccountColumns),
	keyInsert:      insertInto("keys", table.KeyColumns),
	keyRetire:      "UPDATE keys SET not_after = ? WHERE mch_id = ? AND use = ? AND (not_after = 0 OR not_after > ?)",
	keyRetireOne:   "UPDATE keys SET not_after = ? WHERE mch_id = ? AND id = ? AND (not_after = 0 OR not_after > ?)",
	ticketRow:      "SELECT 1 FROM tickets WHERE mch_id = ? AND jti = ?",
	ticketForget:   "DELETE FROM tickets WHERE mch_id = ? AND expires_at < ?",
	ticketInsert:   insertInto("tickets", table.TicketColumns),
}

func insertInto(table, columns string) string {
	marks := "?" + strings.Repeat(", ?", strings.Count(columns, ","))
	return "INSERT INTO " + table + " (" + columns + ") VALUES (" + marks + ")"
}
