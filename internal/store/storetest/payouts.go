package storetest

import (
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// workers are who follows packets.
var workers = [...]string{"payout", "notify"}

var payouts = map[string]func(*bed){
	"a worker that never followed stands at the beginning": func(b *bed) {
		reads(b, store.Follower{Packet: ID(1), Worker: "payout"}, func(r store.Reader) (store.Follower, error) { return r.Follower(ID(1), "payout") })
	},
	"a worker moves on only from where it was read": func(b *bed) {
		at := func(seq, fence uint64) store.Follower {
			return store.Follower{Packet: ID(1), Worker: "payout", Seq: seq, Fence: fence}
		}
		save := func(from, to store.Follower) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.SaveFollower(from, to) }
		}
		b.update(save(at(0, 0), at(3, 1)))
		b.refuse(store.ErrStale, save(at(0, 0), at(3, 1)))
		b.update(save(at(3, 1), at(5, 2)))
		b.refuse(store.ErrStale, save(at(3, 1), at(6, 2)))
		b.refuse(store.ErrStale, save(at(5, 1), at(6, 2)))
		b.update(save(at(5, 2), at(5, 0)))
		other := store.Follower{Packet: ID(1), Worker: "notify", Seq: 1, Fence: 1}
		b.update(save(store.Follower{Packet: ID(1), Worker: "notify"}, other))
		reads(b, at(5, 3), func(r store.Reader) (store.Follower, error) { return r.Follower(ID(1), "payout") })
		reads(b, other, func(r store.Reader) (store.Follower, error) { return r.Follower(ID(1), "notify") })
	},
	"payouts come back as they were, by slot and generation": func(b *bed) {
		first, second, third := payout(1, 0), payout(1, 1), payout(1, 2)
		again := second
		again.Generation, again.Operator, again.Returned, again.State = 2, true, true, store.PayoutDone
		again.Payee, again.Frozen = nil, nil
		b.update(func(tx store.Tx) error {
			return tx.InsertPayouts([]store.Payout{third, again, payout(2, 0), second, first})
		})
		reads(b, []store.Payout{first, second, again, third}, func(r store.Reader) ([]store.Payout, error) { return r.Payouts(ID(1)) })
		reads(b, nil, func(r store.Reader) ([]store.Payout, error) { return r.Payouts(ID(3)) })
		b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertPayouts([]store.Payout{payout(1, 3), again}) })
	},
	"a payout is changed from the version that was read": func(b *bed) {
		p := payout(1, 0)
		b.update(func(tx store.Tx) error { return tx.InsertPayouts([]store.Payout{p, payout(1, 1)}) })
		p.Version++
		p.Payee, p.Frozen, p.State, p.Attempts, p.NextCheck = nil, filler("other", 5), store.PayoutUnknown, 15, 16
		p.Operator, p.Mendable, p.Returned = true, false, true
		p.Code, p.RailRef, p.UpdatedAt = "other code", "other ref", 19
		change := func(tx store.Tx) error { return tx.UpdatePayouts([]store.Payout{p}) }
		b.update(change)
		reads(b, []store.Payout{p, payout(1, 1)}, func(r store.Reader) ([]store.Payout, error) { return r.Payouts(ID(1)) })
		b.refuse(store.ErrStale, change)
		p.Version += 2
		b.refuse(store.ErrStale, change)
		p.Version, p.Generation = 2, 2
		b.refuse(store.ErrStale, change)
	},
	"payouts are due when they are to be looked at": func(b *bed) {
		at := func(n int, next int64, state store.PayoutState) store.Payout {
			p := payout(1, n)
			p.NextCheck, p.State = next, state
			return p
		}
		late, early, middle := at(0, 30, store.PayoutQueued), at(1, 10, store.PayoutUnknown), at(2, 20, store.PayoutAwaiting)
		stuck := at(3, 5, store.PayoutUnknown)
		stuck.Operator = true
		b.update(func(tx store.Tx) error {
			return tx.InsertPayouts([]store.Payout{
				late, early, middle, stuck, at(4, 31, store.PayoutQueued),
				at(5, 5, store.PayoutDone), at(6, 5, store.PayoutRefused), at(7, 5, store.PayoutCancelled),
			})
		})
		due := func(limit int, want ...store.Payout) {
			b.Helper()
			reads(b, want, func(r store.Reader) ([]store.Payout, error) { return r.PayoutsDue(30, limit) })
		}
		due(9, early, middle, late)
		due(2, early, middle)
		early.Version, early.State = early.Version+1, store.PayoutDone
		stuck.Version, stuck.Operator = stuck.Version+1, false
		b.update(func(tx store.Tx) error { return tx.UpdatePayouts([]store.Payout{early, stuck}) })
		due(9, stuck, middle, late)
	},
	"every state but the final ones is looked at": func(b *bed) {
		states := []store.PayoutState{
			store.PayoutQueued, store.PayoutSubmitting, store.PayoutAccepted, store.PayoutAwaiting, store.PayoutUnknown,
			store.PayoutCancelling, store.PayoutDone, store.PayoutRefused, store.PayoutCancelled,
		}
		var all, want []store.Payout
		for i, state := range states {
			p := payout(1, i)
			p.State, p.NextCheck = state, int64(i)
			if all = append(all, p); !state.Final() {
				want = append(want, p)
			}
		}
		b.update(func(tx store.Tx) error { return tx.InsertPayouts(all) })
		reads(b, want, func(r store.Reader) ([]store.Payout, error) { return r.PayoutsDue(99, 99) })
	},
	"events of a payout are numbered": func(b *bed) {
		first, second, elsewhere := payout(1, 0), payout(1, 1), payout(2, 0)
		again := first
		again.Generation = 2
		event := func(p *store.Payout, source string, num int) store.PayoutEvent {
			e := event(p, source)
			e.Num = num
			return e
		}
		b.update(func(tx store.Tx) error {
			return tx.InsertPayoutEvents([]store.PayoutEvent{
				event(&first, "create", 0), event(&first, "query", 0), event(&second, "create", 0), event(&elsewhere, "create", 0),
			})
		})
		b.update(func(tx store.Tx) error {
			return tx.InsertPayoutEvents([]store.PayoutEvent{event(&again, "create", 9), event(&first, "lease", 9)})
		})
		reads(b, []store.PayoutEvent{
			event(&first, "create", 1), event(&first, "query", 2), event(&first, "lease", 3),
			event(&again, "create", 1), event(&second, "create", 1),
		}, func(r store.Reader) ([]store.PayoutEvent, error) { return r.PayoutEvents(ID(1)) })
	},
}

// payout is the payout of the share in one slot of the n-th sample packet.
func payout(n, slot int) store.Payout {
	p, _ := Packet(ID(n), "m1")
	var c packet.Claim
	for i := range slot + 1 {
		p.Head, c = Claim(&p, i)
	}
	return Payout(&p, &c)
}
