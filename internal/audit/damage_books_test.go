package audit_test

// booksDamaged is what can be done to the database, to merchants' books, to packets'
// books by themselves and to what was sent.
var booksDamaged = []damage{
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
		want: []string{"readable merchants mch_id=1230000109"},
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
		what: "no table of kinds",
		sql:  `DROP VIEW transfers; DROP TABLE kinds`,
		want: []string{"readable kinds"},
	},
	{
		what: "no table of tickets",
		sql:  `DROP TABLE tickets`,
		want: []string{"readable merchants mch_id>"},
	},
	{
		what: "no table of followers",
		sql:  `DROP TABLE followers`,
		want: []string{"readable packets id>0"},
	},
	{
		what: "accounts without a column",
		sql:  `ALTER TABLE accounts RENAME COLUMN balance TO rest`,
		want: []string{"readable accounts mch_id=1230000109"},
	},
	{
		what: "accounts' entries without a column",
		sql:  `ALTER TABLE account_entries RENAME COLUMN hash TO sum`,
		want: []string{"readable accounts mch_id=1230000109"},
	},
	{
		what: "sums of the day without a column",
		sql:  `ALTER TABLE day_sums RENAME COLUMN num TO n`,
		want: []string{"readable accounts mch_id=1230000109"},
	},
	{
		what: "keys without a column",
		sql:  `ALTER TABLE keys RENAME COLUMN alg TO kind`,
		deep: true,
		want: []string{"readable keys mch_id=1230000109"},
	},
	{
		what: "claims without a column",
		sql:  `ALTER TABLE claims RENAME COLUMN name TO who`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "entries without a column",
		sql:  `ALTER TABLE entries RENAME COLUMN note TO text`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "followers without a column",
		sql:  `ALTER TABLE followers RENAME COLUMN fence TO moves`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "payouts without a column",
		sql:  `ALTER TABLE payouts RENAME COLUMN code TO reason`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "payouts' events without a column",
		sql:  `ALTER TABLE payout_events RENAME COLUMN source TO origin`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "bills without a column",
		sql:  `ALTER TABLE bills RENAME COLUMN link TO token`,
		want: []string{"readable packets id={done}"},
	},
	{
		what: "a bill that cannot be read",
		sql: `DROP VIEW transfers; ALTER TABLE bills RENAME TO was; CREATE TABLE bills AS SELECT * FROM was;
			INSERT INTO bills SELECT mch_id, '9999', x'00', fields, link, at FROM bills WHERE packet_id = {fresh}`,
		postgres: `ALTER TABLE bills RENAME TO was; CREATE VIEW bills AS SELECT * FROM was
			UNION ALL SELECT mch_id, '9999', 1 / (at - at), fields, link, at FROM was WHERE packet_id = {fresh}`,
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
			UPDATE merchants SET settings = '{"providers":["ticket","sandbox"]}' WHERE mch_id = '1900000109';
			DELETE FROM packets WHERE id <> {kiosk}; DELETE FROM terms WHERE packet_id <> {kiosk};
			DELETE FROM claims; DELETE FROM entries WHERE packet_id <> {kiosk};
			DELETE FROM followers; DELETE FROM payouts; DELETE FROM payout_events;
			DELETE FROM account_entries WHERE mch_id = '1230000109';
			DELETE FROM bills WHERE mch_id = '1230000109';
			UPDATE accounts SET seq = 0, balance = 0, hash = zeroblob(32), at = 0 WHERE mch_id = '1230000109'`,
		want: []string{"merchant-settings merchants mch_id=1900000109", "split-commitment terms packet_id={kiosk}"},
	},

	{
		what: "a kind turned round",
		sql:  `UPDATE kinds SET debit = credit, credit = debit WHERE name = 'refund'`,
		want: []string{"kinds kinds kind=7"},
	},
	{
		what: "a kind left out",
		sql:  `DELETE FROM kinds WHERE kind = 11`,
		want: []string{"kinds kinds kind=11"},
	},
	{
		what: "a kind made up",
		sql:  `INSERT INTO kinds VALUES (12, 'gift', 'packet', 'paid')`,
		want: []string{"kinds kinds kind=12"},
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
		postgres: `ALTER TABLE account_entries DROP CONSTRAINT account_entries_amount_check;
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
		what: "a merchant gone, account and all",
		sql:  `DELETE FROM accounts WHERE mch_id = '1900000109'; DELETE FROM merchants WHERE mch_id = '1900000109'`,
		want: []string{
			"account-exists accounts mch_id=1900000109",
			"packet-merchant terms packet_id={kiosk}",
		},
	},
	{
		what: "an entry of a merchant that there never was",
		sql:  `INSERT INTO account_entries SELECT 'nobody', 1, kind, ref, amount, at, hash FROM account_entries WHERE ref = 'late'`,
		want: []string{"account-exists accounts mch_id=nobody"},
	},
	{
		what: "a key of a merchant that there never was",
		sql:  `INSERT INTO keys SELECT 'nobody', id, use, alg, sealed, public, created_at, not_after FROM keys WHERE id = 'ed'`,
		want: []string{"account-exists accounts mch_id=nobody"},
	},
	{
		what: "merchants deleted, and their balances overwritten",
		sql:  `DELETE FROM merchants; UPDATE accounts SET balance = balance + 100000000`,
		want: []string{
			"account-merchant accounts mch_id=1230000109",
			"account-balance accounts mch_id=1230000109",
			"account-merchant accounts mch_id=1900000109",
			"account-balance accounts mch_id=1900000109",
		},
	},
	{
		what: "packets that would live for years",
		sql:  `UPDATE merchants SET settings = '{"life_hours":20000}' WHERE mch_id = '1900000109'`,
		want: []string{"merchant-settings merchants mch_id=1900000109"},
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
	{
		what: "more packets counted in a day than were sent",
		sql:  `UPDATE day_sums SET num = num + 2 WHERE mch_id = '1230000109' AND seed = zeroblob(16)`,
		want: []string{"account-day day_sums mch_id=1230000109 day=20000101 seed=00000000000000000000000000000000"},
	},
	{
		what: "a greater amount counted in a day than was sent",
		sql:  `UPDATE day_sums SET amount = amount + 1 WHERE mch_id = '1230000109' AND seed = zeroblob(16)`,
		want: []string{"account-day day_sums mch_id=1230000109 day=20000101 seed=00000000000000000000000000000000"},
	},
	{
		what: "less than nothing counted in a day",
		sql:  `UPDATE day_sums SET num = -1 WHERE mch_id = '1230000109' AND seed = zeroblob(16)`,
		want: []string{"account-day day_sums mch_id=1230000109 day=20000101 seed=00000000000000000000000000000000"},
	},
	{
		what: "something counted where nothing was",
		sql:  `INSERT INTO day_sums SELECT '1900000109', day, seed, 0, 401 FROM day_sums WHERE seed = zeroblob(16)`,
		want: []string{"account-day day_sums mch_id=1900000109 day=20000101 seed=00000000000000000000000000000000"},
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
		sql: `INSERT INTO claims SELECT {kiosk}, claimant, seq, slot, parent, amount, at, payee_hash, hash, payee, name FROM claims WHERE packet_id = {fresh} AND slot = 2;
			DELETE FROM claims WHERE packet_id = {fresh} AND slot = 2;
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
		want: []string{
			"terms-digest terms packet_id={fresh}",
			"bill-fields bills mch_id=1230000109 mch_billno=1007",
		},
	},
	{
		what: "a life prolonged",
		sql:  `UPDATE terms SET expires_at = expires_at + 3600000 WHERE packet_id = {fresh}; UPDATE packets SET expires_at = expires_at + 3600000 WHERE id = {fresh}`,
		want: []string{"terms-digest terms packet_id={fresh}"},
	},
	{
		what: "an expiry brought forward for the sweeper",
		sql:  `UPDATE packets SET expires_at = 1 WHERE id = {fresh}`,
		want: []string{"packet-due packets id={fresh}"},
	},
	{
		what: "an expiry put off for the sweeper",
		sql:  `UPDATE packets SET expires_at = 9223372036854775807 WHERE id = {open}`,
		want: []string{"packet-due packets id={open}"},
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
}
