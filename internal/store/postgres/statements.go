package postgres

import (
	"fmt"
	"strings"

	"hongbao.example/hongbao/internal/store/table"
)

// What begins and ends transactions.
const (
	beginWrite = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
	beginRead  = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	commit     = "COMMIT"
	rollback   = "ROLLBACK"
)

// Every statement of a packet's rows says packet_id = $n (id, of a head), every one of
// an account's mch_id = $n, but for those that page through everything, which take no
// locks, and two for several packets at once, lockMany and headMoves, which a
// distributed database is not given. Rows to be added are VALUES: those of one packet
// are then one statement on one node. docs/scale-out.md has the rules; a test holds
// every statement to them.

// What reads. A bound that both sides of a join have is said of both: it is not inferred,
// and one that is walked from its end is walked far.
//
//nolint:gochecknoglobals // statements, put together once
var (
	clock            = "SELECT clock_timestamp()"
	settingRow       = "SELECT value FROM settings WHERE name = $1"
	kindList         = "SELECT " + table.KindColumns + " FROM kinds ORDER BY kind"
	merchantRow      = "SELECT " + table.MerchantColumns + " FROM merchants WHERE mch_id = $1"
	merchantList     = "SELECT " + table.MerchantColumns + " FROM merchants ORDER BY mch_id"
	merchantNext     = table.SelectNextMerchant("$1")
	keyList          = "SELECT " + table.KeyColumns + " FROM keys WHERE mch_id = $1 ORDER BY created_at DESC, id"
	accountRow       = "SELECT " + table.AccountColumns + " FROM accounts WHERE mch_id = $1"
	accountLock      = accountRow + " FOR UPDATE"
	accountEntryRow  = "SELECT " + table.AccountEntryColumns + " FROM account_entries WHERE mch_id = $1 AND ref = $2"
	accountEntryList = "SELECT " + table.AccountEntryColumns + " FROM account_entries WHERE mch_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
	billRow          = "SELECT " + table.BillColumns + " FROM bills WHERE mch_id = $1 AND mch_billno = $2"
	billList         = "SELECT " + table.BillColumns + " FROM bills WHERE mch_id = $1 AND mch_billno > $2 ORDER BY mch_billno LIMIT $3"
	daySumRow        = "SELECT " + table.DaySumColumns + " FROM day_sums WHERE mch_id = $1 AND day = $2 AND seed = $3"
	ticketRow        = "SELECT expires_at FROM tickets WHERE mch_id = $1 AND jti = $2"

	packetRow    = table.SelectPackets("t.packet_id = $1")
	packetList   = table.SelectPackets("t.packet_id > $1 AND p.id > $1 ORDER BY t.packet_id LIMIT $2")
	packetListOf = table.SelectPackets("t.mch_id = $1 AND t.packet_id < $2 AND p.id < $2 ORDER BY t.packet_id DESC LIMIT $3")
	lockOne      = "SELECT id, seq, hash FROM packets WHERE id = $1 FOR UPDATE"
	lockMany     = "SELECT id, seq, hash FROM packets WHERE id = ANY($1) ORDER BY id FOR UPDATE"
	claimList    = "SELECT " + table.ClaimColumns + " FROM claims WHERE packet_id = $1 AND seq > $2 ORDER BY slot"
	entryList    = "SELECT " + table.EntryColumns + " FROM entries WHERE packet_id = $1 ORDER BY seq"
	strayList    = table.SelectStrays("$1", "$2")
	dueList      = "SELECT expires_at, id FROM packets WHERE NOT ended AND NOT held AND expires_at <= $1 AND (expires_at, id) > ($2, $3) ORDER BY expires_at, id LIMIT $4"

	followerRow     = "SELECT seq, fence FROM followers WHERE packet_id = $1 AND worker = $2"
	unsettledList   = "SELECT id FROM packets WHERE NOT settled AND id > $1 ORDER BY id LIMIT $2"
	payoutList      = "SELECT " + table.PayoutColumns + " FROM payouts WHERE packet_id = $1 ORDER BY slot, generation"
	payoutListOf    = "SELECT " + table.PayoutColumns + " FROM payouts WHERE packet_id = $1 AND claimant = $2 ORDER BY generation"
	payoutDueList   = "SELECT " + table.PayoutColumns + " FROM payouts WHERE state NOT IN ('done', 'refused', 'cancelled') AND NOT operator AND next_check <= $1 ORDER BY next_check, packet_id, claimant, generation LIMIT $2"
	payoutEventList = "SELECT " + table.EventColumns + " FROM payout_events WHERE packet_id = $1 ORDER BY claimant, generation, num"
	payoutEventNum  = "SELECT coalesce(max(num), 0) FROM payout_events WHERE packet_id = $1 AND claimant = $2 AND generation = $3"
)

// What writes.
//
//nolint:gochecknoglobals // statements, put together once
var (
	packetInsert = insertInto("packets", table.HeadColumns)
	termsInsert  = insertInto("terms", table.TermsColumns)
	headMove     = "UPDATE packets SET seq = $3, hash = $4, at = $5, claimed_num = $6, claimed = $7, refunded = $8, returned = $9, held = $10, ended = $11, settled = FALSE WHERE id = $1 AND seq = $2"
	headMoves    = "UPDATE packets AS p SET seq = u.seq, hash = u.hash, at = u.at, claimed_num = u.claimed_num, claimed = u.claimed, refunded = u.refunded, returned = u.returned, held = u.held, ended = u.ended, settled = FALSE" +
		" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::boolean[], $11::boolean[])" +
		" AS u (id, was, seq, hash, at, claimed_num, claimed, refunded, returned, held, ended) WHERE p.id = u.id AND p.seq = u.was"
	packetSettle = "UPDATE packets SET settled = TRUE WHERE id = $1"
	entryInsert  = insertInto("entries", table.EntryColumns)

	accountUpdate      = "UPDATE accounts SET seq = $3, balance = $4, hash = $5, at = $6 WHERE mch_id = $1 AND seq = $2"
	accountEntryInsert = insertInto("account_entries", table.AccountEntryColumns)
	billInsert         = insertInto("bills", table.BillColumns)
	daySumForget       = "DELETE FROM day_sums WHERE mch_id = $1 AND (day, seed) IN (SELECT day, seed FROM day_sums WHERE mch_id = $1 AND day < $2 ORDER BY day, seed LIMIT $3)"
	daySumSave         = insertInto("day_sums", table.DaySumColumns) + " ON CONFLICT (mch_id, day, seed) DO UPDATE SET num = excluded.num, amount = excluded.amount"

	followerInsert = insertInto("followers", table.FollowerColumns)
	followerUpdate = "UPDATE followers SET seq = $3, fence = $4 WHERE packet_id = $1 AND worker = $2 AND seq = $5 AND fence = $6"
	payoutInsert   = insertInto("payouts", table.PayoutColumns)
	payoutUpdate   = "UPDATE payouts SET payee = $5, frozen = $6, state = $7, version = $8, attempts = $9, next_check = $10, operator = $11, mendable = $12, returned = $13, code = $14, rail_ref = $15, updated_at = $16" +
		" WHERE packet_id = $1 AND claimant = $2 AND generation = $3 AND version = $4"
	payoutEventInsert = insertInto("payout_events", table.EventColumns)

	settingInsert  = insertInto("settings", table.SettingColumns)
	settingDelete  = "DELETE FROM settings WHERE name = $1 AND value = $2"
	merchantInsert = insertInto("merchants", table.MerchantColumns)
	merchantUpdate = "UPDATE merchants SET name = $2, settings = $3 WHERE mch_id = $1"
	accountInsert  = insertInto("accounts", table.AccountColumns)
	keyInsert      = insertInto("keys", table.KeyColumns)
	keyRetire      = "UPDATE keys SET not_after = $3 WHERE mch_id = $1 AND use = $2 AND (not_after = 0 OR not_after > $3)"
	keyRetireOne   = "UPDATE keys SET not_after = $3 WHERE mch_id = $1 AND id = $2 AND (not_after = 0 OR not_after > $3)"
	ticketForget   = "DELETE FROM tickets WHERE mch_id = $1 AND expires_at < $2"
	ticketInsert   = insertInto("tickets", table.TicketColumns)
)

// claimInserts add 1, 2, 4, 8, … claims: few statements, each prepared once, for any
// number of them.
var claimInserts = [...]string{
	insertRows("claims", table.ClaimColumns, 1), insertRows("claims", table.ClaimColumns, 2),
	insertRows("claims", table.ClaimColumns, 4), insertRows("claims", table.ClaimColumns, 8),
	insertRows("claims", table.ClaimColumns, 16), insertRows("claims", table.ClaimColumns, 32),
	insertRows("claims", table.ClaimColumns, 64),
}

func insertInto(name, columns string) string { return insertRows(name, columns, 1) }

// insertRows is an INSERT of several rows.
func insertRows(name, columns string, rows int) string {
	width := strings.Count(columns, ",") + 1
	var values strings.Builder
	for i := range rows * width {
		before := ", "
		switch {
		case i == 0:
			before = "("
		case i%width == 0:
			before = "), ("
		}
		fmt.Fprintf(&values, "%s$%d", before, i+1)
	}
	return "INSERT INTO " + name + " (" + columns + ") VALUES " + values.String() + ")"
}
