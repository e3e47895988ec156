package audit_test

// claimsDamaged is what can be done to claims, and to how a packet went on.
var claimsDamaged = []damage{
	// Who claimed.
	{
		what:   "a slot left out",
		sql:    `UPDATE claims SET slot = 7 WHERE packet_id = {fresh} AND slot = 2`,
		forged: true,
		want:   []string{"claim-slots claims packet_id={fresh} slot=7"},
	},
	{
		what:     "a slot given twice",
		sql:      `UPDATE claims SET slot = 1, parent = 0 WHERE packet_id = {fresh} AND slot = 2`,
		postgres: `ALTER TABLE claims DROP CONSTRAINT claims_packet_id_slot_key; UPDATE claims SET slot = 1, parent = 0 WHERE packet_id = {fresh} AND slot = 2`,
		forged:   true,
		want: []string{
			"claim-slots claims packet_id={fresh} slot=1",
			"claim-amounts claims packet_id={fresh} slot=1",
		},
	},
	{
		what: "slots that are not in the order of seq",
		sql: `UPDATE claims SET slot = slot + 10 WHERE packet_id = {fresh} AND slot > 0;
			UPDATE claims SET slot = 13 - slot, parent = 0, amount = 560 - amount WHERE packet_id = {fresh} AND slot > 10`,
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
		postgres: `ALTER TABLE claims DROP CONSTRAINT claims_pkey;
			UPDATE claims SET claimant = (SELECT claimant FROM claims WHERE packet_id = {fresh} AND slot = 0) WHERE packet_id = {fresh} AND slot = 2`,
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
		want: []string{
			"claim-normal claims packet_id={fresh} slot=1",
			"bill-fields bills mch_id=1230000109 mch_billno=1007",
		},
	},
	{
		what:   "a type that nobody knows",
		sql:    `UPDATE terms SET type = 'LUCKY' WHERE packet_id = {fresh}`,
		forged: true,
		want:   []string{"claim-normal terms packet_id={fresh}"},
	},
	{
		what: "a claim after the packet's life",
		sql: `UPDATE terms SET expires_at = (SELECT at FROM claims WHERE packet_id = {fresh} AND slot = 1) WHERE packet_id = {fresh};
			UPDATE packets SET expires_at = (SELECT expires_at FROM terms WHERE packet_id = {fresh}) WHERE id = {fresh}`,
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
		sql:  `UPDATE packets SET returned = 2 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}", "payout-sum packets id={fresh}"},
	},
	{
		what: "a counter beyond all numbers",
		sql:  `UPDATE packets SET refunded = -9223372036854775808 WHERE id = {fresh}`,
		want: []string{"head-counters packets id={fresh}", "head-unclaimed packets id={fresh}"},
	},
}
