package audit_test

// restDamaged is what can be done to the merchant's side of packets, to payouts and to
// what is sealed.
var restDamaged = []damage{
	// The merchant's side.
	{
		what: "a packet of nobody",
		sql: `UPDATE terms SET mch_id = 'nobody' WHERE packet_id = {kiosk};
			INSERT INTO bills SELECT 'nobody', mch_billno, packet_id, fields, link, at FROM bills WHERE mch_id = '1900000109';
			DELETE FROM bills WHERE mch_id = '1900000109'`,
		forged: true,
		want: []string{
			"account-exists accounts mch_id=nobody",
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
	{
		what: "a bill that keeps nothing",
		sql:  `UPDATE bills SET fields = '{}' WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill whose fields are not JSON",
		sql:  `UPDATE bills SET fields = 'x' WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill whose fields are no texts",
		sql:  `UPDATE bills SET fields = '{"call":1}' WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill that keeps another amount",
		sql:  `UPDATE bills SET fields = json_set(fields, '$.total_amount', '00000000000000000000000000000000') WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill that keeps no scene",
		sql:  `UPDATE bills SET fields = json_remove(fields, '$.scene_id') WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill of a scene that there is not",
		sql:  `UPDATE bills SET fields = json_set(fields, '$.scene_id', '00000000000000000000000000000000') WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill that keeps part of a hash",
		sql:  `UPDATE bills SET fields = json_set(fields, '$.sub_mch_id', '00') WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill that keeps what is no hash",
		sql:  `UPDATE bills SET fields = json_set(fields, '$.re_openid', 'zz000000000000000000000000000000') WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill that keeps more than is compared",
		sql:  `UPDATE bills SET fields = json_set(fields, '$.nonce_str', '00000000000000000000000000000000') WHERE packet_id = {fresh}`,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},
	{
		what: "a bill of another seed",
		sql:  `UPDATE bills SET fields = json_set(fields, '$.re_openid', '00000000000000000000000000000000') WHERE packet_id = {fresh}`,
		deep: true,
		want: []string{"bill-fields bills mch_id=1230000109 mch_billno=1007"},
	},

	// Payouts.
	{
		what: "a worker beyond the book",
		sql:  `UPDATE followers SET seq = 99 WHERE packet_id = {open}`,
		want: []string{"follower-cursor followers packet_id={open} worker=payout"},
	},
	{
		what: "a payout of what nobody claimed",
		sql:  `INSERT INTO payouts SELECT packet_id, claimant, 2, 4, mch_id, channel, rail_key, amount, payee, frozen, 'refused', version, attempts, next_check, operator, mendable, returned, code, rail_ref, created_at, updated_at FROM payouts WHERE packet_id = {normal}`,
		want: []string{
			"payout-claim payouts packet_id={normal} slot=4 generation=2",
			"payout-key payouts packet_id={normal} slot=4 generation=2",
			"payout-generation payouts packet_id={normal} slot=4 generation=2",
			"payout-sum packets id={normal}",
			"payout-events payouts packet_id={normal} slot=4 generation=2",
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
			"payout-events payouts packet_id={normal} slot=0 generation=1",
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
		what: "a payout through another channel",
		sql:  `UPDATE payouts SET channel = 'wechat' WHERE packet_id = {normal}`,
		want: []string{"payout-claim payouts packet_id={normal} slot=0 generation=1"},
	},
	{
		what: "no event of any payout",
		sql:  `DELETE FROM payout_events WHERE packet_id = {normal}`,
		want: []string{"payout-events payouts packet_id={normal} slot=0 generation=1"},
	},
	{
		what: "a payout's last event taken out",
		sql:  `DELETE FROM payout_events WHERE packet_id = {normal} AND state = 'done'`,
		want: []string{"payout-events payouts packet_id={normal} slot=0 generation=1"},
	},
	{
		what: "a payout's first event taken out",
		sql:  `DELETE FROM payout_events WHERE packet_id = {normal} AND num = 1`,
		want: []string{"payout-events payout_events packet_id={normal} claimant={seed} generation=1 num=2"},
	},
	{
		what: "a payout's event out of its place",
		sql:  `UPDATE payout_events SET num = 3 WHERE packet_id = {normal} AND num = 2`,
		want: []string{"payout-events payout_events packet_id={normal} claimant={seed} generation=1 num=3"},
	},
	{
		what: "a payout that was never submitted",
		sql:  `DELETE FROM payout_events WHERE packet_id = {normal} AND num = 1; UPDATE payout_events SET num = 1 WHERE packet_id = {normal}`,
		want: []string{"payout-events payout_events packet_id={normal} claimant={seed} generation=1 num=1"},
	},
	{
		what: "a payout submitted again",
		sql:  `UPDATE payout_events SET state = 'submitting' WHERE packet_id = {normal} AND num = 2`,
		want: []string{"payout-events payout_events packet_id={normal} claimant={seed} generation=1 num=2"},
	},
	{
		what: "a payout that went on after it was done",
		sql:  `INSERT INTO payout_events SELECT packet_id, claimant, generation, 3, 'refused', source, evidence, at FROM payout_events WHERE packet_id = {normal} AND num = 2`,
		want: []string{"payout-events payout_events packet_id={normal} claimant={seed} generation=1 num=3"},
	},
	{
		what: "a payout's version taken back",
		sql:  `UPDATE payouts SET version = 1 WHERE packet_id = {normal}`,
		want: []string{"payout-events payouts packet_id={normal} slot=0 generation=1"},
	},
	{
		what: "another rail key",
		sql:  `UPDATE payouts SET rail_key = 'HB' || substr(rail_key, 4) || 'X' WHERE packet_id = {open} AND slot = 2`,
		want: []string{"payout-key payouts packet_id={open} slot=2 generation=1"},
	},
	{
		what: "a second payout beside one that was paid",
		sql:  `UPDATE payouts SET state = 'done' WHERE packet_id = {open} AND slot = 1 AND generation = 1`,
		want: []string{
			"payout-generation payouts packet_id={open} slot=1 generation=2",
			"payout-events payouts packet_id={open} slot=1 generation=1",
		},
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
		want: []string{
			"payout-generation payouts packet_id={open} slot=1 generation=2",
			"payout-events payout_events packet_id={open} claimant={payout-mend} generation=1 num=1",
		},
	},
	{
		what: "a state that nobody knows",
		sql:  `UPDATE payouts SET state = 'paid' WHERE packet_id = {open} AND slot = 2`,
		want: []string{
			"payout-generation payouts packet_id={open} slot=2 generation=1",
			"payout-events payouts packet_id={open} slot=2 generation=1",
		},
	},
	{
		what: "a payout that is gone",
		sql:  `DELETE FROM payouts WHERE packet_id = {open} AND slot = 2`,
		want: []string{
			"payout-each claims packet_id={open} slot=2",
			"payout-sum packets id={open}",
			"payout-events payout_events packet_id={open} claimant={payout-never} generation=1 num=1",
			"money-conserved accounts mch_id=1230000109",
		},
	},
	{
		what: "a payout done whose share went back",
		sql:  `UPDATE payouts SET state = 'done' WHERE packet_id = {refunded} AND slot = 1`,
		want: []string{
			"payout-return payouts packet_id={refunded} slot=1 generation=1",
			"payout-events payouts packet_id={refunded} slot=1 generation=1",
		},
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
			"payout-events payouts packet_id={open} slot=2 generation=1",
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
		want: []string{
			"payout-events payouts packet_id={done} slot=1 generation=1",
			"settled payouts packet_id={done} slot=1 generation=1",
		},
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
		want: []string{
			"bill-fields bills mch_id=1900000109 mch_billno=1001",
			"seed-opens terms packet_id={kiosk}",
		},
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
		what: "a packet whose head is gone",
		sql:  `DELETE FROM packets WHERE id = {kiosk}`,
		want: []string{
			"packet-whole entries packet_id={kiosk}",
			"bill-packet bills mch_id=1900000109 mch_billno=1001",
			"account-mirrored account_entries mch_id=1900000109 seq=2",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "a packet whose terms are gone",
		sql:  `DELETE FROM terms WHERE packet_id = {kiosk}`,
		want: []string{
			"packet-whole packets id={kiosk}",
			"bill-packet bills mch_id=1900000109 mch_billno=1001",
			"account-mirrored account_entries mch_id=1900000109 seq=2",
			"money-conserved accounts mch_id=1900000109",
		},
	},
	{
		what: "packets of which a row is left",
		sql: `INSERT INTO claims SELECT 1, claimant, seq, slot, parent, amount, at, payee_hash, hash, payee, name FROM claims WHERE packet_id = {fresh};
			INSERT INTO entries SELECT 2, seq, kind, amount, at, note, hash FROM entries WHERE packet_id = {fresh};
			INSERT INTO followers SELECT 3, worker, seq, fence FROM followers WHERE packet_id = {done};
			INSERT INTO payouts SELECT 9223372036854775806, claimant, generation, slot, mch_id, channel, rail_key, amount, payee, frozen, state, version,
				attempts, next_check, operator, mendable, returned, code, rail_ref, created_at, updated_at FROM payouts WHERE packet_id = {done};
			INSERT INTO payout_events SELECT 9223372036854775807, claimant, generation, num, state, source, evidence, at FROM payout_events WHERE packet_id = {done};
			INSERT INTO packets SELECT -1, seq, hash, at, claimed_num, claimed, refunded, returned, held, ended, settled, expires_at FROM packets WHERE id = {kiosk}`,
		want: []string{
			"packet-whole packets id=-1",
			"packet-whole claims packet_id=1",
			"packet-whole entries packet_id=2",
			"packet-whole followers packet_id=3",
			"packet-whole payouts packet_id=9223372036854775806",
			"packet-whole payout_events packet_id=9223372036854775807",
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
		what: "a packet moved to an id that is none",
		sql: `INSERT INTO packets SELECT -1, seq, hash, at, claimed_num, claimed, refunded, returned, held, ended, settled, expires_at FROM packets WHERE id = {kiosk};
			INSERT INTO terms SELECT -1, mch_id, mch_billno, type, wxappid, send_name, wishing, act_name, remark, total, num, law, min, cap, commitment, seed,
				providers, channel, claimant_key, link_key, sent_at, expires_at, secret, seed_ref FROM terms WHERE packet_id = {kiosk};
			INSERT INTO entries SELECT -1, seq, kind, amount, at, note, hash FROM entries WHERE packet_id = {kiosk};
			DELETE FROM packets WHERE id = {kiosk}; DELETE FROM terms WHERE packet_id = {kiosk}; DELETE FROM entries WHERE packet_id = {kiosk};
			UPDATE bills SET packet_id = -1 WHERE packet_id = {kiosk}; UPDATE account_entries SET ref = '-1/1' WHERE mch_id = '1900000109' AND seq = 2`,
		forged: true,
		want: []string{
			"packet-id packets id=-1",
			"split-feasible terms packet_id=-1",
			"split-secret terms packet_id=-1",
			"packet-bill bills mch_id=1900000109 mch_billno=1001",
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
