package table

import (
	"fmt"
	"strings"
)

// Columns of the tables, in the order in which rows are read and written.
const (
	HeadColumns         = "id, seq, hash, at, claimed_num, claimed, refunded, returned, held, ended, settled, expires_at"
	TermsColumns        = "packet_id, mch_id, mch_billno, type, wxappid, send_name, wishing, act_name, remark, total, num, law, min, cap, commitment, seed, providers, channel, claimant_key, link_key, sent_at, expires_at, secret, seed_ref"
	ClaimColumns        = "packet_id, claimant, seq, slot, parent, amount, at, payee_hash, hash, payee, name"
	EntryColumns        = "packet_id, seq, kind, amount, at, note, hash"
	PayoutColumns       = "packet_id, claimant, generation, slot, mch_id, channel, rail_key, amount, payee, frozen, state, version, attempts, next_check, operator, mendable, returned, code, rail_ref, created_at, updated_at"
	EventColumns        = "packet_id, claimant, generation, num, state, source, evidence, at"
	AccountColumns      = "mch_id, seq, balance, hash, at"
	AccountEntryColumns = "mch_id, seq, kind, ref, amount, at, hash"
	BillColumns         = "mch_id, mch_billno, packet_id, fields, link, at"
	DaySumColumns       = "mch_id, day, seed, num, amount"
	MerchantColumns     = "mch_id, name, created_at, settings"
	TicketColumns       = "mch_id, jti, expires_at"
	FollowerColumns     = "packet_id, worker, seq, fence"
	SettingColumns      = "name, value"
	KindColumns         = "kind, name, debit, credit"
	KeyColumns          = "mch_id, id, use, alg, sealed, public, created_at, not_after"
)

// ofPackets are the tables of packets, and the column in which each has the packet's
// id.
var ofPackets = [...]struct{ name, id string }{
	{"packets", "id"},
	{"terms", "packet_id"},
	{"claims", "packet_id"},
	{"entries", "packet_id"},
	{"followers", "packet_id"},
	{"payouts", "packet_id"},
	{"payout_events", "packet_id"},
}

// ofMerchants are the tables of merchants.
var ofMerchants = [...]string{"merchants", "accounts", "account_entries", "bills", "day_sums", "keys", "tickets"}

// SelectStrays is the query of rows without a whole packet, for ScanStray. after and
// through are its parameters, as the engine writes them; it says them one after the
// other, several times. Both sides of each comparison are bounded, so that no plan
// reads more than what lies between them.
func SelectStrays(after, through string) string {
	var all []string
	for _, t := range ofPackets {
		whole := ofPackets[0] // a head; of a head, terms
		if t == whole {
			whole = ofPackets[1]
		}
		between := func(column string) string { return column + " > " + after + " AND " + column + " <= " + through }
		all = append(all, fmt.Sprintf("SELECT * FROM (SELECT '%s' AS name, r.%s AS id FROM %s AS r WHERE %s"+
			" AND NOT EXISTS (SELECT 1 FROM %s AS w WHERE w.%s = r.%s AND %s) ORDER BY r.%s LIMIT 1) AS %s",
			t.name, t.id, t.name, between("r."+t.id), whole.name, whole.id, t.id, between("w."+whole.id), t.id, "of_"+t.name))
	}
	return strings.Join(all, " UNION ALL ") + " ORDER BY id, name"
}

// SelectNextMerchant is the query of the first mch_id after another. after is its
// parameter, as the engine writes it, said once for each table.
func SelectNextMerchant(after string) string {
	var all []string
	for _, name := range ofMerchants {
		all = append(all, "SELECT min(mch_id) AS mch_id FROM "+name+" WHERE mch_id > "+after)
	}
	return "SELECT min(mch_id) FROM (" + strings.Join(all, " UNION ALL ") + ") AS firsts"
}

// SelectPackets is the query of packets with head and terms, for ScanPacket. The two
// tables are called p and t in what comes after its WHERE.
func SelectPackets(where string) string {
	of := func(table, columns string) string {
		return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
	}
	return "SELECT " + of("p", HeadColumns) + ", " + of("t", TermsColumns) +
		" FROM terms AS t JOIN packets AS p ON p.id = t.packet_id WHERE " + where
}
