package table

import "strings"

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

// SelectPackets is the query of packets with head and terms, for ScanPacket. The two
// tables are called p and t in what comes after its WHERE.
func SelectPackets(where string) string {
	of := func(table, columns string) string {
		return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
	}
	return "SELECT " + of("p", HeadColumns) + ", " + of("t", TermsColumns) +
		" FROM terms AS t JOIN packets AS p ON p.id = t.packet_id WHERE " + where
}
