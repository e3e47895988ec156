package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
)

// damage is something done to the sample behind the store's back, and all that the
// audit must find, as "invariant row".
type damage struct {
	what   string
	sql    string
	forged bool // digests, hashes and the heads' hashes were made to fit again
	deep   bool
	want   []string
}

// Each damage breaks as few invariants as the tables allow: what several count is
// missed by each of them.
var damages = []damage{
	// Rows that say nothing.
	{
		what: "a hash of the wrong length",
		sql:  `UPDATE claims SET hash = x'00' WHERE packet_id = {open} AND slot = 1`,
		want: []string{"readable packets id={open}"},
	},
	{
		what: "a packet's head that cannot be read",
		sql:  `UPDATE packets SET hash = x'00' WHERE id = {kiosk}`,
		want: []string{"readable packets id>0"},
	},
	{
		what: "settings of a merchant that are not JSON",
		sql:  `UPDATE merchants SET settings = '{' WHERE mch_id = '1230000109'`,
		want: []string{"readable merchants"},
	},
	{
		what: "an account's entry that cannot be read",
		sql:  `UPDATE account_entries SET hash = x'00' WHERE mch_id = '1900000109' AND seq = 1`,
		want: []string{"readable accounts mch_id=1900000109"},
	},

	{
		what: "no table of settings",
		sql:  `DROP TABLE settings`,
		want: []string{"readable settings"},
	},
	{
		what: "no table of accounts",
		sql:  `DROP TABLE accounts`,
		want: []string{"readable accounts mch_id=1230000109"},
	},
	{
		what: "no table of accounts' entries",
		sql:  `DROP TABLE account_entries`,
		want: []string{"readable accounts mch_id=1230000109"},
	},
	{
		what: "no table of keys",
		sql:  `DROP TABLE keys`,
		deep: true,
		want: []string{"readable keys mch_id=1230000109"},
	},
	{
		what: "no table of claims",
		sql:  `DROP TABLE claims`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "no table of entries",
		sql:  `DROP TABLE entries`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "no table of payouts",
		sql:  `DROP TABLE payouts`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "no table of followers",
		sql:  `DROP TABLE followers`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "no table of bills",
		sql:  `DROP TABLE bills`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "a bill that cannot be read",
		sql: `DROP VIEW transfers; ALTER TABLE bills RENAME TO was; CREATE TABLE bills AS SELECT * FROM was;
			INSERT INTO bills SELECT mch_id, '9999', x'00', fields, link, at FROM bills WHERE packet_id = {fresh}`,
		want: []string{"readable bills mch_id=1230000109"},
	},

	// The database as a whole.
	{
		what: "an environment that does not exist",
		sql:  `UPDATE settings SET value = 'moon' WHERE name = 'environment'`,
		want: []string{"environment settings name=environment"},
	},
	{
		what: "no environment",
		sql:  `DELETE FROM settings WHERE name = 'environment'`,
		want: []string{"environment settings name=environment"},
	},
	{
		what: "the fingerprint of another instance key",
		sql:  `UPDATE settings SET value = '0000000000000000' WHERE name = 'instance_key'`,
		want: []string{"instance-key settings name=instance_key"},
	},
	{
		what: "the other environment, which is part of every send_listid",
		sql: `UPDATE settings SET value = 'production' WHERE name = 'environment';
			DELETE FROM packets WHERE id <> {kiosk};
			DELETE FROM account_entries WHERE mch_id = '1230000109';
			DELETE FROM bills WHERE mch_id = '1230000109';
			UPDATE accounts SET seq = 0, balance = 0, hash = zeroblob(32), at = 0 WHERE mch_id = '1230000109'`,
		want: []string{"split-commitment terms packet_id={kiosk}"},
	},

	// Merchants' books.
	{
		what:   "an entry taken out of an account",
		sql:    `DELETE FROM account_entries WHERE mch_id = '1230000109' AND ref = 'end'; UPDATE accounts SET balance = balance + 100 WHERE mch_id = '1230000109'`,
		forged: true,
		want:   []string{"account-numbered account_entries mch_id=1230000109 seq=13"},
	},
	{
		what: "an account's hash overwritten",
		sql:  `UPDATE account_entries SET hash = zeroblob(32) WHERE mch_id = '1230000109' AND seq = 3`,
		want: []string{"account-chained account_entries mch_id=1230000109 seq=3"},
	},
	{
		what: "an account's reference overwritten",
		sql:  `UPDATE account_entries SET ref = 'begin' WHERE mch_id = '1230000109' AND ref = 'start'`,
		want: []string{"account-chained account_entries mch_id=1230000109 seq=1"},
	},
	{
		what:   "an account in which time runs back",
		sql:    `UPDATE account_entries SET at = at - 1 WHERE mch_id = '1230000109' AND seq = 2`,
		forged: true,
		want:   []string{"account-forward account_entries mch_id=1230000109 seq=2"},
	},
	{
		what:   "a funding under a packet's transfer id",
		sql:    `UPDATE account_entries SET ref = '5/1' WHERE mch_id = '1230000109' AND ref = 'late'`,
		forged: true,
		want:   []string{"account-kinds account_entries mch_id=1230000109 seq=13"},
	},
	{
		what: "an entry that belongs in a packet's book",
		sql: `UPDATE account_entries SET kind = 4 WHERE mch_id = '1230000109' AND ref = 'late';
			UPDATE accounts SET balance = balance - 1000 WHERE mch_id = '1230000109'`,
		forged: true,
		want:   []string{"account-kinds account_entries mch_id=1230000109 seq=13"},
	},
	{
		what: "a withdrawal of less than nothing",
		sql: `DROP VIEW transfers; ALTER TABLE account_entries RENAME TO was; CREATE TABLE account_entries AS SELECT * FROM was;
			UPDATE account_entries SET amount = -100 WHERE mch_id = '1230000109' AND ref = 'end';
			UPDATE accounts SET balance = balance + 200 WHERE mch_id = '1230000109'`,
		forged: true,
		want:   []string{"account-kinds account_entries mch_id=1230000109 seq=12"},
	},
	{
		what: "money spent before it came in",
		sql: `UPDATE account_entries SET amount = 1 WHERE mch_id = '1230000109' AND ref = 'start';
			UPDATE account_entries SET amount = amount + 999999 WHERE mch_id = '1230000109' AND ref = 'late'`,
		forged: true,
		want:   []string{"account-covered account_entries mch_id=1230000109 seq=2"},
	},
	{
		what: "a merchant without an account",
		sql:  `DELETE FROM accounts WHERE mch_id = '1900000109'`,
		want: []string{
			"account-exists accounts mch_id=1900000109",
			"packet-merchant terms packet_id={kiosk}",
		},
	},
	{
		what: "an account's time overwritten",
		sql:  `UPDATE accounts SET at = at + 1 WHERE mch_id = '1230000109'`,
		want: []string{"account-head accounts mch_id=1230000109"},
	},
	{
		what: "an account's head hash overwritten",
		sql:  `UPDATE accounts SET hash = zeroblob(32) WHERE mch_id = '1230000109'`,
		want: []string{"account-head accounts mch_id=1230000109"},
	},
	{
		what: "an account's head that runs ahead",
		sql:  `UPDATE accounts SET seq = seq + 1 WHERE mch_id = '1230000109'`,
		want: []string{"account-head accounts mch_id=1230000109"},
	},
	{
		what: "an account's head that stays behind",
		sql:  `UPDATE accounts SET seq = seq - 1 WHERE mch_id = '1230000109'`,
		want: []string{"account-head accounts mch_id=1230000109", "account-balance accounts mch_id=1230000109"},
	},
	{
		what: "a balance overwritten",
		sql:  `UPDATE accounts SET balance = balance + 1 WHERE mch_id = '1230000109'`,
		want: []string{"account-balance accounts mch_id=1230000109"},
	},

	// Packets' books by themselves.
	{
		what: "a gap in a book",
		sql: `UPDATE claims SET seq = 5 WHERE packet_id = {fresh} AND slot = 2;
			UPDATE packets SET seq = 5 WHERE id = {fresh}`,
		forged: true,
		want:   []string{"book-numbered claims packet_id={fresh} slot=2"},
	},
	{
		what: "a hash overwritten",
		sql:  `UPDATE claims SET hash = zeroblob(32) WHERE packet_id = {fresh} AND slot = 1`,
		want: []string{"book-chained claims packet_id={fresh} slot=1"},
	},
	{
		what: "a note overwritten",
		sql:  `UPDATE entries SET note = 'nothing' WHERE packet_id = {held} AND seq = 3`,
		want: []string{"book-chained entries packet_id={held} seq=3"},
	},
	{
		what: "a payee redirected",
		sql:  `UPDATE claims SET payee_hash = zeroblob(16) WHERE packet_id = {fresh} AND slot = 1`,
		want: []string{"book-chained claims packet_id={fresh} slot=1"},
	},
	{
		what: "a claim of another packet",
		sql: `UPDATE claims SET packet_id = {kiosk} WHERE packet_id = {fresh} AND slot = 2;
			UPDATE packets SET seq = 3, at = 946688520140, claimed_num = 2, claimed = 326,
				hash = (SELECT hash FROM claims WHERE packet_id = {fresh} AND slot = 1) WHERE id = {fresh}`,
		want: []string{
			"book-numbered claims packet_id={kiosk} slot=2",
			"book-chained claims packet_id={kiosk} slot=2",
			"book-head packets id={kiosk}",
			"claim-slots claims packet_id={kiosk} slot=2",
			"head-counters packets id={kiosk}",
			"payout-sum packets id={kiosk}",
		},
	},
	{
		what: "a head whose time is not that of its last entry",
		sql:  `UPDATE packets SET at = at + 1 WHERE id = {fresh}`,
		want: []string{"book-head packets id={fresh}"},
	},
	{
		what: "a head whose hash is not that of its last entry",
		sql:  `UPDATE packets SET hash = zeroblob(32) WHERE id = {fresh}`,
		want: []string{"book-head packets id={fresh}"},
	},
	{
		what: "a head that is not at its last entry",
		sql:  `UPDATE packets SET seq = seq - 1 WHERE id = {fresh}`,
		want: []string{"book-head packets id={fresh}"},
	},
	{
		what: "a book that is gone",
		sql:  `DELETE FROM entries WHERE packet_id = {kiosk}`,
		want: []string{
			"book-head packets id={kiosk}",
			"account-mirrored account_entries mch_id=1900000109 seq=2",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what:   "a book in which time runs back",
		sql:    `UPDATE claims SET at = at - 100 WHERE packet_id = {fresh} AND slot = 1`,
		forged: true,
		want:   []string{"book-forward claims packet_id={fresh} slot=1"},
	},
	{
		what:   "an entry that belongs to a payout",
		sql:    `UPDATE entries SET kind = 9 WHERE packet_id = {held} AND seq = 3; UPDATE packets SET held = 0 WHERE id = {held}`,
		forged: true,
		want:   []string{"book-kinds entries packet_id={held} seq=3"},
	},
	{
		what:   "a hold with an amount",
		sql:    `UPDATE entries SET amount = 1 WHERE packet_id = {held} AND seq = 3`,
		forged: true,
		want:   []string{"book-kinds entries packet_id={held} seq=3"},
	},

	// What was sent.
	{
		what:   "a second send",
		sql:    `UPDATE entries SET kind = 3, amount = 1 WHERE packet_id = {held} AND seq = 3; UPDATE packets SET held = 0 WHERE id = {held}`,
		forged: true,
		want:   []string{"send-first entries packet_id={held} seq=3", "packet-mirrored entries packet_id={held} seq=3"},
	},
	{
		what:   "a book that begins with something else",
		sql:    `UPDATE entries SET kind = 7 WHERE packet_id = {kiosk}; UPDATE packets SET ended = 1, refunded = 400 WHERE id = {kiosk}`,
		forged: true,
		want: []string{
			"send-first entries packet_id={kiosk} seq=1",
			"packet-mirrored entries packet_id={kiosk} seq=1",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "more sent than the terms say",
		sql: `UPDATE entries SET amount = 401 WHERE packet_id = {kiosk} AND seq = 1;
			UPDATE account_entries SET amount = 401 WHERE mch_id = '1900000109' AND seq = 2;
			UPDATE accounts SET balance = balance - 1 WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"send-total entries packet_id={kiosk} seq=1",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "a wish overwritten",
		sql:  `UPDATE terms SET wishing = 'another wish' WHERE packet_id = {fresh}`,
		want: []string{"terms-digest terms packet_id={fresh}"},
	},
	{
		what: "a life prolonged",
		sql:  `UPDATE terms SET expires_at = expires_at + 3600000 WHERE packet_id = {fresh}`,
		want: []string{"terms-digest terms packet_id={fresh}"},
	},
	{
		what: "a time of sending that is not the id's",
		sql: `UPDATE terms SET sent_at = sent_at - 1 WHERE packet_id = {kiosk};
			UPDATE entries SET at = at - 1 WHERE packet_id = {kiosk}; UPDATE packets SET at = at - 1 WHERE id = {kiosk}`,
		forged: true,
		want:   []string{"packet-id packets id={kiosk}"},
	},
	{
		what:   "a law that nobody knows",
		sql:    `UPDATE terms SET law = 'whim' WHERE packet_id = {fresh}`,
		forged: true,
		want:   []string{"split-feasible terms packet_id={fresh}", "split-commitment terms packet_id={fresh}"},
	},
	{
		what: "a secret overwritten",
		sql:  `UPDATE terms SET secret = zeroblob(length(secret)) WHERE packet_id = {fresh}`,
		want: []string{"split-secret terms packet_id={fresh}"},
	},
	{
		what: "the secret of another packet",
		sql:  `UPDATE terms SET secret = (SELECT secret FROM terms WHERE packet_id = {open}) WHERE packet_id = {fresh}`,
		want: []string{"split-secret terms packet_id={fresh}"},
	},
	{
		what:   "a commitment overwritten",
		sql:    `UPDATE terms SET commitment = zeroblob(32) WHERE packet_id = {fresh}`,
		forged: true,
		want:   []string{"split-commitment terms packet_id={fresh}"},
	},

	// Who claimed.
	{
		what:   "a slot left out",
		sql:    `UPDATE claims SET slot = 7 WHERE packet_id = {fresh} AND slot = 2`,
		forged: true,
		want:   []string{"claim-slots claims packet_id={fresh} slot=7"},
	},
	{
		what: "slots that are not in the order of seq",
		sql: `UPDATE claims SET slot = 3 - slot, parent = 0, amount = 560 - amount WHERE packet_id = {fresh} AND slot > 0;
			UPDATE packets SET claimed = claimed WHERE id = {fresh}`,
		forged: true,
		want:   []string{"claim-slots claims packet_id={fresh} slot=2"},
	},
	{
		what: "more claims than shares",
		sql: `INSERT INTO claims SELECT {normal}, x'01010101010101010101010101010101', 3, 1, 0, 1, at, payee_hash, hash, NULL, '' FROM claims WHERE packet_id = {normal};
			UPDATE packets SET seq = 3 WHERE id = {normal}`,
		forged: true,
		want: []string{
			"claim-slots claims packet_id={normal} slot=1",
			"claim-normal claims packet_id={normal} slot=1",
			"end-final claims packet_id={normal} slot=1",
			"head-counters packets id={normal}",
			"payout-sum packets id={normal}",
			"settled packets id={normal}",
		},
	},
	{
		what:   "one fen moved from one claim to another",
		sql:    `UPDATE claims SET amount = amount + 3 - 2 * slot WHERE packet_id = {fresh} AND slot > 0`,
		forged: true,
		want:   []string{"claim-amounts claims packet_id={fresh} slot=1"},
	},
	{
		what: "a claimant with two shares",
		sql: `DROP VIEW transfers; ALTER TABLE claims RENAME TO was; CREATE TABLE claims AS SELECT * FROM was;
			UPDATE claims SET claimant = (SELECT claimant FROM was WHERE packet_id = {fresh} AND slot = 0) WHERE packet_id = {fresh} AND slot = 2`,
		forged: true,
		want:   []string{"claim-once claims packet_id={fresh} slot=2"},
	},
	{
		what:   "a parent that claimed later",
		sql:    `UPDATE claims SET parent = 2 WHERE packet_id = {fresh} AND slot = 1`,
		forged: true,
		want:   []string{"claim-parent claims packet_id={fresh} slot=1"},
	},
	{
		what:   "a claim without a parent",
		sql:    `UPDATE claims SET parent = NULL WHERE packet_id = {fresh} AND slot = 1`,
		forged: true,
		want:   []string{"claim-parent claims packet_id={fresh} slot=1"},
	},
	{
		what:   "a first claim with a parent",
		sql:    `UPDATE claims SET parent = 0 WHERE packet_id = {fresh} AND slot = 0`,
		forged: true,
		want:   []string{"claim-parent claims packet_id={fresh} slot=0"},
	},
	{
		what:   "a first share that is not the seed's",
		sql:    `UPDATE claims SET claimant = zeroblob(16) WHERE packet_id = {fresh} AND slot = 0`,
		forged: true,
		want:   []string{"claim-seed claims packet_id={fresh} slot=0"},
	},
	{
		what:   "a normal packet with friends",
		sql:    `UPDATE terms SET type = 'NORMAL' WHERE packet_id = {fresh}`,
		forged: true,
		want:   []string{"claim-normal claims packet_id={fresh} slot=1"},
	},
	{
		what:   "a type that nobody knows",
		sql:    `UPDATE terms SET type = 'LUCKY' WHERE packet_id = {fresh}`,
		forged: true,
		want:   []string{"claim-normal terms packet_id={fresh}"},
	},
	{
		what:   "a claim after the packet's life",
		sql:    `UPDATE terms SET expires_at = (SELECT at FROM claims WHERE packet_id = {fresh} AND slot = 1) WHERE packet_id = {fresh}`,
		forged: true,
		want:   []string{"claim-expiry claims packet_id={fresh} slot=1"},
	},

	// How it went on.
	{
		what: "a hold lifted without a release",
		sql:  `UPDATE packets SET held = 0 WHERE id = {held}`,
		want: []string{"hold-release packets id={held}"},
	},
	{
		what: "a claim while the packet was held",
		sql: `UPDATE entries SET seq = 2, at = at - 20 WHERE packet_id = {held} AND seq = 3;
			UPDATE claims SET seq = 3 WHERE packet_id = {held}; UPDATE packets SET at = at - 10 WHERE id = {held}`,
		forged: true,
		want:   []string{"hold-release claims packet_id={held} slot=0"},
	},
	{
		what:   "a release of what was not held",
		sql:    `UPDATE entries SET kind = 6 WHERE packet_id = {refunded} AND seq = 3`,
		forged: true,
		want:   []string{"hold-release entries packet_id={refunded} seq=3"},
	},
	{
		what: "a packet that has ended, opened again",
		sql:  `UPDATE packets SET ended = 0 WHERE id = {ended}`,
		want: []string{"end-final packets id={ended}", "head-unclaimed packets id={ended}"},
	},
	{
		what: "a packet ended in its head alone",
		sql:  `UPDATE packets SET ended = 1 WHERE id = {kiosk}`,
		want: []string{"end-final packets id={kiosk}", "head-unclaimed packets id={kiosk}"},
	},
	{
		what: "a hold after the end",
		sql: `INSERT INTO entries SELECT {ended}, 4, 5, 0, at, 'a look at it', hash FROM packets WHERE id = {ended};
			UPDATE packets SET seq = 4, held = 1 WHERE id = {ended}`,
		forged: true,
		want:   []string{"end-final entries packet_id={ended} seq=4"},
	},
	{
		what:   "a refund before expiry and without a reason",
		sql:    `UPDATE entries SET note = '' WHERE packet_id = {ended} AND seq = 3`,
		forged: true,
		want:   []string{"refund-due entries packet_id={ended} seq=3"},
	},
	{
		what: "a refund of more than was left",
		sql: `UPDATE entries SET amount = amount + 1 WHERE packet_id = {ended} AND seq = 3;
			UPDATE packets SET refunded = refunded + 1 WHERE id = {ended};
			UPDATE account_entries SET amount = amount + 1 WHERE mch_id = '1230000109' AND seq = 10;
			UPDATE accounts SET balance = balance + 1 WHERE mch_id = '1230000109'`,
		forged: true,
		want:   []string{"refund-rest entries packet_id={ended} seq=3", "head-unclaimed packets id={ended}"},
	},
	{
		what:   "a return of what nobody claimed",
		sql:    `UPDATE entries SET note = 'slot 4' WHERE packet_id = {refunded} AND seq = 6`,
		forged: true,
		want: []string{
			"return-claim entries packet_id={refunded} seq=6",
			"payout-return entries packet_id={refunded} seq=6",
		},
	},
	{
		what:   "a return that says of nothing",
		sql:    `UPDATE entries SET note = 'slot one' WHERE packet_id = {refunded} AND seq = 6`,
		forged: true,
		want: []string{
			"return-claim entries packet_id={refunded} seq=6",
			"payout-return payouts packet_id={refunded} slot=1 generation=1",
		},
	},
	{
		what:   "a return of another share",
		sql:    `UPDATE entries SET note = 'slot 0' WHERE packet_id = {refunded} AND seq = 6`,
		forged: true,
		want: []string{
			"return-claim entries packet_id={refunded} seq=6",
			"payout-return entries packet_id={refunded} seq=6",
		},
	},
	{
		what: "a return before its claim",
		sql: `UPDATE entries SET seq = 5 WHERE packet_id = {refunded} AND seq = 6;
			UPDATE claims SET seq = 6 WHERE packet_id = {refunded} AND slot = 1;
			UPDATE followers SET seq = 6 WHERE packet_id = {refunded};
			UPDATE account_entries SET ref = '{refunded}/5' WHERE ref = '{refunded}/6'`,
		forged: true,
		want:   []string{"return-claim entries packet_id={refunded} seq=5"},
	},
	{
		what: "a share returned twice",
		sql: `INSERT INTO entries SELECT packet_id, 8, kind, amount, 946688401000, note, hash FROM entries WHERE packet_id = {refunded} AND seq = 6;
			UPDATE packets SET seq = 8, returned = 290 WHERE id = {refunded};
			INSERT INTO account_entries SELECT mch_id, 14, 8, '{refunded}/8', 145, at, hash FROM account_entries WHERE ref = 'late';
			UPDATE accounts SET seq = 14, balance = balance + 145 WHERE mch_id = '1230000109'`,
		forged: true,
		want: []string{
			"return-claim entries packet_id={refunded} seq=8",
			"payout-sum packets id={refunded}",
			"payout-return entries packet_id={refunded} seq=8",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "claimed_num overwritten",
		sql:  `UPDATE packets SET claimed_num = 2 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}"},
	},
	{
		what: "claimed overwritten",
		sql:  `UPDATE packets SET claimed = claimed + 1 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}", "payout-sum packets id={fresh}"},
	},
	{
		what: "refunded overwritten",
		sql:  `UPDATE packets SET refunded = 1 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}", "head-unclaimed packets id={fresh}"},
	},
	{
		what: "returned overwritten",
		sql:  `UPDATE packets SET returned = 1 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}", "payout-sum packets id={fresh}"},
	},
	{
		what: "a counter beyond all numbers",
		sql:  `UPDATE packets SET refunded = -9223372036854775808 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}", "head-unclaimed packets id={fresh}"},
	},

	// The merchant's side.
	{
		what: "a packet of nobody",
		sql: `UPDATE terms SET mch_id = 'nobody' WHERE packet_id = {kiosk};
			UPDATE bills SET mch_id = 'nobody' WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"packet-merchant terms packet_id={kiosk}",
			"packet-mirrored entries packet_id={kiosk} seq=1",
			"account-mirrored account_entries mch_id=1900000109 seq=2",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "another amount on the merchant's side",
		sql: `UPDATE account_entries SET amount = amount - 1 WHERE mch_id = '1900000109' AND seq = 2;
			UPDATE accounts SET balance = balance + 1 WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"packet-mirrored entries packet_id={kiosk} seq=1",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what:   "another kind on the merchant's side",
		sql:    `UPDATE account_entries SET kind = 2, ref = 'end' WHERE mch_id = '1900000109' AND seq = 2`,
		forged: true,
		want: []string{
			"packet-mirrored entries packet_id={kiosk} seq=1",
		},
	},
	{
		what: "a packet without a bill",
		sql:  `DELETE FROM bills WHERE packet_id = {fresh}`,
		want: []string{"packet-bill terms packet_id={fresh}"},
	},
	{
		what: "the link of another packet",
		sql:  `UPDATE bills SET link = (SELECT link FROM bills WHERE packet_id = {open}) WHERE packet_id = {fresh}`,
		want: []string{"packet-bill bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill of another packet",
		sql:  `UPDATE bills SET packet_id = {open} WHERE packet_id = {fresh}`,
		want: []string{
			"packet-bill bills mch_id=1230000109 mch_billno=1007",
			"bill-packet bills mch_id=1230000109 mch_billno=1007",
		},
	},

	// Payouts.
	{
		what: "a worker beyond the book",
		sql:  `UPDATE followers SET seq = 99 WHERE packet_id = {open}`,
		want: []string{"follower-cursor followers packet_id={open} worker=payout"},
	},
	{
		what: "a payout of what nobody claimed",
		sql:  `INSERT INTO payouts SELECT packet_id, claimant, 2, 4, mch_id, channel, rail_key, amount, payee, frozen, 'refused', version, attempts, next_check, operator, mendable, 0, code, rail_ref, created_at, updated_at FROM payouts WHERE packet_id = {normal}`,
		want: []string{
			"payout-claim payouts packet_id={normal} slot=4 generation=2",
			"payout-key payouts packet_id={normal} slot=4 generation=2",
			"payout-generation payouts packet_id={normal} slot=4 generation=2",
			"payout-sum packets id={normal}",
			"settled payouts packet_id={normal} slot=4 generation=2",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "a payout to somebody else",
		sql:  `UPDATE payouts SET claimant = zeroblob(16) WHERE packet_id = {normal}`,
		want: []string{
			"payout-claim payouts packet_id={normal} slot=0 generation=1",
			"payout-key payouts packet_id={normal} slot=0 generation=1",
		},
	},
	{
		what: "a payout of more than the share",
		sql:  `UPDATE payouts SET amount = amount + 1 WHERE packet_id = {normal}`,
		want: []string{
			"payout-claim payouts packet_id={normal} slot=0 generation=1",
			"payout-sum packets id={normal}",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "a payout of another merchant",
		sql:  `UPDATE payouts SET mch_id = '1900000109' WHERE packet_id = {normal}`,
		want: []string{"payout-claim payouts packet_id={normal} slot=0 generation=1"},
	},
	{
		what: "a worker behind its payouts",
		sql:  `UPDATE followers SET seq = 3 WHERE packet_id = {open}`,
		want: []string{
			"payout-claim payouts packet_id={open} slot=2 generation=1",
			"payout-sum packets id={open}",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "another rail key",
		sql:  `UPDATE payouts SET rail_key = 'HB' || substr(rail_key, 4) || 'X' WHERE packet_id = {open} AND slot = 2`,
		want: []string{"payout-key payouts packet_id={open} slot=2 generation=1"},
	},
	{
		what: "a second payout beside one that was paid",
		sql:  `UPDATE payouts SET state = 'done' WHERE packet_id = {open} AND slot = 1 AND generation = 1`,
		want: []string{"payout-generation payouts packet_id={open} slot=1 generation=2"},
	},
	{
		what: "a second payout after the share went back",
		sql:  `UPDATE payouts SET returned = 1 WHERE packet_id = {open} AND slot = 1 AND generation = 1`,
		want: []string{
			"payout-generation payouts packet_id={open} slot=1 generation=2",
			"payout-return payouts packet_id={open} slot=1 generation=1",
		},
	},
	{
		what: "a generation left out",
		sql:  `DELETE FROM payouts WHERE packet_id = {open} AND slot = 1 AND generation = 1`,
		want: []string{"payout-generation payouts packet_id={open} slot=1 generation=2"},
	},
	{
		what: "a state that nobody knows",
		sql:  `UPDATE payouts SET state = 'paid' WHERE packet_id = {open} AND slot = 2`,
		want: []string{"payout-generation payouts packet_id={open} slot=2 generation=1"},
	},
	{
		what: "a payout that is gone",
		sql:  `DELETE FROM payouts WHERE packet_id = {open} AND slot = 2`,
		want: []string{
			"payout-each claims packet_id={open} slot=2",
			"payout-sum packets id={open}",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "a payout done whose share went back",
		sql:  `UPDATE payouts SET state = 'done' WHERE packet_id = {refunded} AND slot = 1`,
		want: []string{"payout-return payouts packet_id={refunded} slot=1 generation=1"},
	},
	{
		what: "a share that went back, to be paid again",
		sql:  `UPDATE payouts SET returned = 0 WHERE packet_id = {refunded} AND slot = 1`,
		want: []string{
			"payout-sum packets id={refunded}",
			"payout-return entries packet_id={refunded} seq=6",
			"settled payouts packet_id={refunded} slot=1 generation=1",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "a share marked as returned",
		sql:  `UPDATE payouts SET returned = 1, state = 'cancelled' WHERE packet_id = {open} AND slot = 2`,
		want: []string{
			"payout-sum packets id={open}",
			"payout-return payouts packet_id={open} slot=2 generation=1",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "a packet settled before its end",
		sql:  `UPDATE packets SET settled = 1 WHERE id = {kiosk}`,
		want: []string{"settled packets id={kiosk}"},
	},
	{
		what: "a packet settled before its claims were seen",
		sql:  `UPDATE packets SET settled = 1 WHERE id = {ended}`,
		want: []string{"settled packets id={ended}"},
	},
	{
		what:   "a packet that is not paid from here, settled before its end",
		sql:    `UPDATE terms SET channel = 'none' WHERE packet_id = {kiosk}; UPDATE packets SET settled = 1 WHERE id = {kiosk}`,
		forged: true,
		want:   []string{"settled packets id={kiosk}"},
	},
	{
		what: "a packet settled before all was paid",
		sql:  `UPDATE payouts SET state = 'unknown' WHERE packet_id = {done} AND slot = 1`,
		want: []string{"settled payouts packet_id={done} slot=1 generation=1"},
	},

	// What is sealed.
	{
		what: "a seed that does not open",
		sql:  `UPDATE terms SET seed_ref = zeroblob(length(seed_ref)) WHERE packet_id = {fresh}`,
		deep: true,
		want: []string{"seed-opens terms packet_id={fresh}"},
	},
	{
		what:   "another appid, under which the seed is somebody else",
		sql:    `UPDATE terms SET wxappid = 'wy' WHERE packet_id = {kiosk}`,
		forged: true,
		deep:   true,
		want:   []string{"seed-opens terms packet_id={kiosk}"},
	},
	{
		what: "a payee that does not open",
		sql:  `UPDATE claims SET payee = (SELECT payee FROM claims WHERE packet_id = {open} AND slot = 1) WHERE packet_id = {fresh} AND slot = 1`,
		deep: true,
		want: []string{"payee-opens claims packet_id={fresh} slot=1"},
	},
	{
		what:   "a payee other than the claim was made for",
		sql:    `UPDATE claims SET payee_hash = zeroblob(16) WHERE packet_id = {fresh} AND slot = 1`,
		forged: true,
		deep:   true,
		want:   []string{"payee-opens claims packet_id={fresh} slot=1"},
	},
	{
		what:   "a claimant other than the payee",
		sql:    `UPDATE terms SET claimant_key = 2 WHERE packet_id = {ended}`,
		forged: true,
		deep:   true,
		want:   []string{"seed-opens terms packet_id={ended}", "payee-opens claims packet_id={ended} slot=0"},
	},
	{
		what: "a payout's payee that does not open",
		sql:  `UPDATE payouts SET payee = zeroblob(50) WHERE packet_id = {open} AND slot = 2`,
		deep: true,
		want: []string{"payout-opens payouts packet_id={open} slot=2 generation=1"},
	},
	{
		what: "a frozen request of another generation",
		sql:  `UPDATE payouts SET frozen = (SELECT frozen FROM payouts WHERE packet_id = {open} AND slot = 1 AND generation = 1) WHERE packet_id = {open} AND slot = 1`,
		deep: true,
		want: []string{"payout-opens payouts packet_id={open} slot=1 generation=2"},
	},
	{
		what: "an API key that does not open",
		sql:  `UPDATE keys SET sealed = zeroblob(60) WHERE id = '95d3f450'`,
		deep: true,
		want: []string{"key-opens keys mch_id=1230000109 id=95d3f450"},
	},
	{
		what: "a ticket key of the wrong size",
		sql:  `UPDATE keys SET public = x'00' WHERE id = 'ed'`,
		deep: true,
		want: []string{"key-opens keys mch_id=1230000109 id=ed"},
	},
	{
		what: "a key of an algorithm that nobody knows",
		sql:  `UPDATE keys SET alg = 'none' WHERE id = 'hs'`,
		deep: true,
		want: []string{"key-opens keys mch_id=1230000109 id=hs"},
	},

	// What merchants' rows say about packets.
	{
		what: "a bill of no packet",
		sql:  `INSERT INTO bills SELECT mch_id, '9999', 1, fields, link, at FROM bills WHERE packet_id = {fresh}`,
		want: []string{"bill-packet bills mch_id=1230000109 mch_billno=9999"},
	},
	{
		what: "a packet with two bills",
		sql:  `INSERT INTO bills SELECT mch_id, '9999', packet_id, fields, link, at FROM bills WHERE packet_id = {fresh}`,
		want: []string{"bill-packet bills mch_id=1230000109 mch_billno=9999"},
	},
	{
		what: "a packet that is gone",
		sql:  `DELETE FROM packets WHERE id = {kiosk}`,
		want: []string{
			"bill-packet bills mch_id=1900000109 mch_billno=1001",
			"account-mirrored account_entries mch_id=1900000109 seq=2",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "a refund that no packet made",
		sql: `INSERT INTO account_entries SELECT mch_id, 3, 7, '{kiosk}/2', 50, at, hash FROM account_entries WHERE mch_id = '1900000109' AND seq = 2;
			UPDATE accounts SET seq = 3, balance = balance + 50 WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"account-mirrored account_entries mch_id=1900000109 seq=3",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "a refund made up beside a send turned into a withdrawal",
		sql: `UPDATE account_entries SET kind = 2 WHERE mch_id = '1900000109' AND seq = 2;
			INSERT INTO account_entries SELECT mch_id, 3, 7, '{kiosk}/2', 50, at, hash FROM account_entries WHERE mch_id = '1900000109' AND seq = 2;
			UPDATE accounts SET seq = 3, balance = balance + 50 WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"account-kinds account_entries mch_id=1900000109 seq=2",
			"packet-mirrored entries packet_id={kiosk} seq=1",
			"account-mirrored account_entries mch_id=1900000109 seq=3",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "a packet moved to where no list of packets begins",
		sql: `UPDATE packets SET id = -1 WHERE id = {kiosk}; UPDATE terms SET packet_id = -1 WHERE packet_id = {kiosk};
			UPDATE entries SET packet_id = -1 WHERE packet_id = {kiosk}; UPDATE bills SET packet_id = -1 WHERE packet_id = {kiosk};
			UPDATE account_entries SET ref = '-1/1' WHERE mch_id = '1900000109' AND seq = 2`,
		forged: true,
		want: []string{
			"account-mirrored account_entries mch_id=1900000109 seq=2",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "a refund to another merchant",
		sql: `INSERT INTO account_entries SELECT '1900000109', 3, kind, ref, amount, 946688520150, hash FROM account_entries WHERE mch_id = '1230000109' AND seq = 6;
			UPDATE accounts SET seq = 3, balance = balance + 654 WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"account-mirrored account_entries mch_id=1900000109 seq=3",
			"money-conserved accounts mch_id=1900000109",
		},
	},
}

func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for _, d := range damages {
		t.Run(d.what, func(t *testing.T) {
			t.Parallel()
			path := copyOfSample(t)
			tamper(t, path, d.sql)
			s := open(t, path)
			if d.forged {
				forge(t, s, path)
			}
			got, err := audit.Run(t.Context(), s, keys, audit.Options{Deep: d.deep})
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(sample.names.Replace(strings.Join(d.want, "\n")), "\n")
			if diff := cmp.Diff(want, rows(got)); diff != "" {
				t.Errorf("found (+) other than wanted (-):\n%s\n%+v", diff, got.Findings)
			}
		})
	}
}

func TestEveryInvariantIsBrokenBySomeDamage(t *testing.T) {
	t.Parallel()
	for _, name := range audit.Invariants() {
		finds := func(line string) bool { return strings.HasPrefix(line, name+" ") }
		if !slices.ContainsFunc(damages, func(d damage) bool { return slices.ContainsFunc(d.want, finds) }) {
			t.Errorf("no damage shows what %s finds", name)
		}
	}
}
