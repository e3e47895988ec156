package storetest

import (
	"errors"
	"slices"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

var packets = map[string]func(*bed){
	"a packet comes back as it was": func(b *bed) {
		p, _ := Packet(ID(1), "m1")
		p.Head = packet.Head{
			ID: ID(1), Seq: 2, Hash: ledger.Hash{3}, At: 4, ClaimedNum: 5, Claimed: 6, Refunded: 7, Returned: 8, Held: true,
		}
		p.Settled = true
		other := p
		other.Head.ID, other.Head.Held, other.Head.Ended, other.Settled, other.Terms.Type = ID(2), false, true, false, packet.Normal
		b.insert(p, other)
		reads(b, p, func(r store.Reader) (store.Packet, error) { return r.Packet(ID(1)) })
		reads(b, other, func(r store.Reader) (store.Packet, error) { return r.Packet(ID(2)) })
		findsNothing(b, func(r store.Reader) (store.Packet, error) { return r.Packet(ID(3)) })
	},
	"an id is taken once": func(b *bed) {
		b.insert(b.sample(1))
		b.refuse(store.ErrTaken, func(tx store.Tx) error { return tx.InsertPackets([]store.Packet{b.sample(2), b.sample(1)}) })
	},
	"packets are listed from a place on": func(b *bed) {
		ps := []store.Packet{b.sample(1), b.sample(2), b.sample(3)}
		b.insert(ps[2], ps[0], ps[1])
		for _, c := range []struct {
			after packet.ID
			limit int
			want  []store.Packet
		}{{0, 9, ps}, {0, 2, ps[:2]}, {ID(1), 9, ps[1:]}, {ID(3), 9, nil}} {
			reads(b, c.want, func(r store.Reader) ([]store.Packet, error) { return r.Packets(c.after, c.limit) })
		}
	},
	"packets of a merchant are listed newest first": func(b *bed) {
		p1, p3, p4 := b.sample(1), b.sample(3), b.sample(4)
		other, _ := Packet(ID(2), "m2")
		b.insert(p4, other, p1, p3)
		for _, c := range []struct {
			before packet.ID
			limit  int
			want   []store.Packet
		}{{ID(9), 9, []store.Packet{p4, p3, p1}}, {ID(9), 2, []store.Packet{p4, p3}}, {ID(3), 9, []store.Packet{p1}}, {ID(1), 9, nil}} {
			reads(b, c.want, func(r store.Reader) ([]store.Packet, error) { return r.PacketsOf("m1", c.before, c.limit) })
		}
	},
	"locking packets tells how far they are": func(b *bed) {
		p1, p3 := b.sample(1), b.sample(3)
		p3.Head.Seq = 5
		b.insert(p1, p3)
		b.update(func(tx store.Tx) error {
			places, err := tx.LockPackets([]packet.ID{ID(1), ID(2), ID(3)})
			same(b.T, places, []store.Place{{Seq: 1, Hash: p1.Head.Hash}, {}, {Seq: 5, Hash: p3.Head.Hash}})
			return err
		})
	},
	"locks out of order are refused": func(b *bed) {
		for name, lock := range map[string]func(store.Tx) error{
			"packets":  func(tx store.Tx) error { _, err := tx.LockPackets([]packet.ID{ID(2), ID(1)}); return err },
			"accounts": func(tx store.Tx) error { _, err := tx.LockAccounts([]string{"m2", "m1"}); return err },
		} {
			if err := b.Update(b.Context(), lock); err == nil || isNotFound(err) {
				b.Errorf("%s: %v", name, err)
			}
		}
	},
	"a head moves on, whatever it was and becomes": func(b *bed) {
		states := []packet.Head{{}, {Held: true}, {Ended: true}, {Held: true, Ended: true}}
		for i, from := range states {
			for j, to := range states {
				for k, settled := range []bool{false, true} {
					p := b.sample(100*i + 10*j + k)
					p.Head.Held, p.Head.Ended, p.Settled = from.Held, from.Ended, settled
					b.insert(p)
					after := p
					after.Settled = false
					after.Head = packet.Head{
						ID: p.Head.ID, Seq: 12, Hash: ledger.Hash{13}, At: 14, ClaimedNum: 15, Claimed: 16, Refunded: 17, Returned: 18,
						Held: to.Held, Ended: to.Ended,
					}
					b.update(func(tx store.Tx) error {
						return tx.UpdateHeads([]store.HeadUpdate{{From: p.Head.Seq, To: after.Head}})
					})
					reads(b, after, func(r store.Reader) (store.Packet, error) { return r.Packet(p.Head.ID) })
				}
			}
		}
	},
	"a head moves on only from where it was read": func(b *bed) {
		p1, p2 := b.sample(1), b.sample(2)
		b.insert(p1, p2)
		for name, change := range map[string]func(*packet.Head){
			"open": func(*packet.Head) {}, "held": func(h *packet.Head) { h.Held = true }, "ended": func(h *packet.Head) { h.Ended = true },
		} {
			to := p1.Head
			to.Seq += 2
			change(&to)
			fresh, stale := store.HeadUpdate{From: p2.Head.Seq, To: p2.Head}, store.HeadUpdate{From: p1.Head.Seq + 1, To: to}
			fresh.To.Seq++
			b.Log(name)
			b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.UpdateHeads([]store.HeadUpdate{fresh, stale}) })
		}
		b.refuse(store.ErrStale, func(tx store.Tx) error {
			return tx.UpdateHeads([]store.HeadUpdate{{From: 0, To: packet.Head{ID: ID(3), Seq: 1}}})
		})
	},
	"claims are listed by slot, after a number": func(b *bed) {
		p := b.sample(1)
		other := b.sample(2)
		b.insert(p, other)
		claims := b.claim(&p, 0, 7, 3, 5)
		b.claim(&other, 0, 7)
		for _, c := range []struct {
			after uint64
			want  []packet.Claim
		}{{0, claims}, {claims[1].Seq, claims[2:]}, {claims[3].Seq, nil}} {
			reads(b, c.want, func(r store.Reader) ([]packet.Claim, error) { return r.Claims(ID(1), c.after) })
		}
		reads(b, nil, func(r store.Reader) ([]packet.Claim, error) { return r.Claims(ID(3), 0) })
	},
	"a person claims once": func(b *bed) {
		p := b.sample(1)
		b.insert(p)
		claims := b.claim(&p, 0, 1)
		again := claims[1]
		again.Seq, again.Slot = 4, 2
		_, third := Claim(&p, 2)
		b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertClaims([]packet.Claim{third, again}) })
	},
	"a slot is taken once": func(b *bed) {
		p := b.sample(1)
		b.insert(p)
		b.claim(&p, 0)
		one, another := p, p
		b.claim(&one, 1)
		b.refuse(store.ErrStale, func(tx store.Tx) error { return takeShare(tx, &another, 2) })
	},
	"a claim without a payee has none": func(b *bed) {
		p := b.sample(1)
		b.insert(p)
		_, c := Claim(&p, 0)
		c.Payee, c.Name = nil, ""
		b.update(func(tx store.Tx) error { return tx.InsertClaims([]packet.Claim{c}) })
		reads(b, []packet.Claim{c}, func(r store.Reader) ([]packet.Claim, error) { return r.Claims(ID(1), 0) })
	},
	"entries are listed by number": func(b *bed) {
		entry := func(seq uint64, kind ledger.Kind) packet.Entry {
			return packet.Entry{Packet: ID(1), Seq: seq, Kind: kind, Amount: 5, At: 6, Note: "note", Hash: ledger.Hash{byte(seq)}}
		}
		sent, held, ended, elsewhere := entry(1, ledger.Send), entry(2, ledger.Hold), entry(4, ledger.Refund), entry(3, ledger.Hold)
		held.Amount, elsewhere.Packet = 0, ID(2)
		b.update(func(tx store.Tx) error { return tx.InsertEntries([]packet.Entry{ended, sent, elsewhere, held}) })
		reads(b, []packet.Entry{sent, held, ended}, func(r store.Reader) ([]packet.Entry, error) { return r.Entries(ID(1)) })
		b.refuse(store.ErrStale, func(tx store.Tx) error {
			return tx.InsertEntries([]packet.Entry{entry(3, ledger.Release), entry(4, ledger.Return)})
		})
	},
	"rows of packets that are not there are found": func(b *bed) {
		whole := b.sample(3)
		b.insert(whole)
		claims := b.claim(&whole, 0, 1)
		b.update(func(tx store.Tx) error {
			return tx.SaveFollower(store.Follower{}, store.Follower{Packet: ID(3), Worker: workers[0]})
		})
		strays := func(after, through int, want ...store.Stray) {
			b.Helper()
			reads(b, want, func(r store.Reader) ([]store.Stray, error) { return r.Strays(ID(after), ID(through)) })
		}
		strays(0, 9)
		_, opening := Packet(ID(2), "m1")
		p, c := b.sample(4), claims[0]
		p.Head.ID, c.Packet, claims[1].Packet = ID(4), ID(4), ID(4)
		due := Payout(&p, &c)
		b.update(func(tx store.Tx) error {
			return errors.Join(
				tx.InsertEntries([]packet.Entry{opening}), tx.InsertClaims([]packet.Claim{claims[1], c}),
				tx.InsertPayouts([]store.Payout{due}),
				tx.InsertPayoutEvents([]store.PayoutEvent{{Packet: ID(5), Claimant: c.Claimant, Generation: 1, State: store.PayoutDone}}),
				tx.SaveFollower(store.Follower{}, store.Follower{Packet: ID(5), Worker: workers[0]}),
			)
		})
		entry := store.Stray{Table: "entries", Packet: ID(2)}
		claim, payout := store.Stray{Table: "claims", Packet: ID(4)}, store.Stray{Table: "payouts", Packet: ID(4)}
		follower, event := store.Stray{Table: "followers", Packet: ID(5)}, store.Stray{Table: "payout_events", Packet: ID(5)}
		strays(0, 9, entry, claim, payout, follower, event)
		strays(1, 4, entry, claim, payout)
		strays(2, 4, claim, payout)
		strays(2, 3)
		strays(4, 9, follower, event)
		strays(5, 9)
	},
	"packets whose life is over are due, the longest first": func(b *bed) {
		life := func(n int, end int64) store.Packet {
			p := b.sample(n)
			p.DueAt = end
			return p
		}
		late, early, middle, alive := life(1, 30), life(2, 10), life(3, 20), life(4, 31)
		held, ended := life(5, 5), life(6, 5)
		held.Head.Held, ended.Head.Ended = true, true
		b.insert(late, early, middle, alive, held, ended)
		due := func(want ...store.Deadline) {
			b.Helper()
			for _, limit := range []int{9, 2} {
				reads(b, want[:min(limit, len(want))], func(r store.Reader) ([]store.Deadline, error) { return r.Due(store.Deadline{}, 30, limit) })
			}
			for i, d := range want { // from any place on
				reads(b, want[i+1:], func(r store.Reader) ([]store.Deadline, error) { return r.Due(d, 30, 9) })
			}
		}
		at := func(p *store.Packet) store.Deadline { return store.Deadline{At: p.DueAt, Packet: p.Head.ID} }
		due(at(&early), at(&middle), at(&late))
		b.move(&held, func(h *packet.Head) { h.Held = false })
		b.move(&early, func(h *packet.Head) { h.Ended = true })
		b.move(&middle, func(h *packet.Head) { h.Held = true })
		due(at(&held), at(&late))
	},
	"a packet is unsettled until it is settled, and again when its book has grown": func(b *bed) {
		ps := []store.Packet{b.sample(1), b.sample(2), b.sample(3)}
		b.insert(ps...)
		unsettled := func(after packet.ID, limit int, want ...int) {
			b.Helper()
			reads(b, ids(want), func(r store.Reader) ([]packet.ID, error) { return r.Unsettled(after, limit) })
		}
		unsettled(0, 9, 1, 2, 3)
		unsettled(0, 2, 1, 2)
		unsettled(ID(1), 9, 2, 3)
		b.update(func(tx store.Tx) error { return tx.Settle(ID(2)) })
		unsettled(0, 9, 1, 3)
		b.move(&ps[1], func(*packet.Head) {})
		unsettled(0, 9, 1, 2, 3)
		b.update(func(tx store.Tx) error { return tx.Settle(ID(2)) })
		b.move(&ps[1], func(h *packet.Head) { h.Ended = true })
		unsettled(0, 9, 1, 2, 3)
	},
}

func (b *bed) sample(n int) store.Packet {
	p, _ := Packet(ID(n), "m1")
	return p
}

func (b *bed) insert(ps ...store.Packet) {
	b.Helper()
	b.update(func(tx store.Tx) error { return tx.InsertPackets(ps) })
}

// move moves a packet's head on by one entry, changed.
func (b *bed) move(p *store.Packet, change func(*packet.Head)) {
	b.Helper()
	from := p.Head.Seq
	p.Head.Seq++
	change(&p.Head)
	b.update(func(tx store.Tx) error { return tx.UpdateHeads([]store.HeadUpdate{{From: from, To: p.Head}}) })
}

// claim lets people claim, one group for all.
func (b *bed) claim(p *store.Packet, people ...int) (claims []packet.Claim) {
	b.Helper()
	from := p.Head.Seq
	for _, n := range people {
		var c packet.Claim
		p.Head, c = Claim(p, n)
		claims = append(claims, c)
	}
	shuffled := slices.Clone(claims)
	slices.Reverse(shuffled)
	b.update(func(tx store.Tx) error {
		if err := tx.UpdateHeads([]store.HeadUpdate{{From: from, To: p.Head}}); err != nil {
			return err
		}
		return tx.InsertClaims(shuffled)
	})
	return claims
}

// takeShare writes one claim, the head after the row.
func takeShare(tx store.Tx, p *store.Packet, n int) error {
	head, c := Claim(p, n)
	if err := tx.InsertClaims([]packet.Claim{c}); err != nil {
		return err
	}
	return tx.UpdateHeads([]store.HeadUpdate{{From: p.Head.Seq, To: head}})
}

func ids(ns []int) (all []packet.ID) {
	for _, n := range ns {
		all = append(all, ID(n))
	}
	return all
}
