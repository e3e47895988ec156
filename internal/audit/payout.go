package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// attempts are the payouts of one share, by generation; at least one.
type attempts []store.Payout

func (p attempts) newest() *store.Payout { return &p[len(p)-1] }

// byShare cuts a packet's payouts, sorted by slot and generation, into those of each
// share.
func byShare(payouts []store.Payout) (all []attempts) {
	for len(payouts) > 0 {
		n := 1
		for n < len(payouts) && payouts[n].Slot == payouts[0].Slot {
			n++
		}
		all, payouts = append(all, payouts[:n]), payouts[n:]
	}
	return all
}

// payoutsOf returns the payouts of a slot, or nil.
func (b *book) payoutsOf(slot int) attempts {
	i, ok := slices.BinarySearchFunc(b.attempts, slot, func(p attempts, slot int) int { return cmp.Compare(p[0].Slot, slot) })
	if !ok {
		return nil
	}
	return b.attempts[i]
}

func followerCursor(b *book) *wrong {
	if f := &b.follower; f.Seq > b.Head.Seq {
		return wrongf(b.followerRow(), "seq %d is beyond the book's %d", f.Seq, b.Head.Seq)
	}
	return nil
}

func (b *book) followerRow() string {
	return fmt.Sprintf("followers packet_id=%d worker=%s", b.Head.ID, payoutWorker)
}

func payoutClaim(b *book) *wrong {
	for i := range b.payouts {
		p := &b.payouts[i]
		switch c := b.claimOf(p.Slot); {
		case c == nil:
			return wrongf(payoutRow(p), "nobody has claimed slot %d", p.Slot)
		case c.Claimant != p.Claimant:
			return wrongf(payoutRow(p), "to another claimant than the claim's")
		case c.Amount != p.Amount:
			return wrongf(payoutRow(p), "%d fen, the claim has %d", int64(p.Amount), int64(c.Amount))
		case p.MchID != b.Terms.MchID:
			return wrongf(payoutRow(p), "of the merchant %s, the packet is of %s", p.MchID, b.Terms.MchID)
		case p.Channel != b.Terms.Channel:
			return wrongf(payoutRow(p), "through the channel %q, the packet is paid by %q", p.Channel, b.Terms.Channel)
		case c.Seq > b.follower.Seq:
			return wrongf(payoutRow(p), "its claim is entry %d, the worker has come to %d", c.Seq, b.follower.Seq)
		}
	}
	return nil
}

// payoutKey makes the rail key anew from what names the payout: a payout under
// another key is not known again by the rail, which would pay it twice.
func payoutKey(b *book) *wrong {
	crockford := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
	for i := range b.payouts {
		p := &b.payouts[i]
		sum := sha256.Sum256(fmt.Appendf(nil, "hb-payout-v1\x00%s\x00%s/%x\x00%d", b.Terms.MchID, b.listID, p.Claimant[:], p.Generation))
		if p.RailKey != "HB"+crockford.EncodeToString(sum[:16]) {
			return wrongf(payoutRow(p), "%q is not the rail key of this claimant and generation", p.RailKey)
		}
	}
	return nil
}

func payoutGeneration(b *book) *wrong {
	for _, all := range b.attempts {
		for i := range all {
			p := &all[i]
			if !known(p.State) {
				return wrongf(payoutRow(p), "%q is no state of a payout", string(p.State))
			}
			if p.Generation != i+1 {
				return wrongf(payoutRow(p), "it stands where generation %d is due", i+1)
			}
			if i == 0 {
				continue
			}
			switch before := &all[i-1]; {
			case !failed(before.State):
				return wrongf(payoutRow(p), "the generation before it is %s", before.State)
			case before.Returned:
				return wrongf(payoutRow(p), "the share went back to the merchant before it")
			}
		}
	}
	return nil
}

// known says whether a payout can be in a state.
func known(s store.PayoutState) bool {
	switch s {
	case store.PayoutQueued, store.PayoutSubmitting, store.PayoutAccepted, store.PayoutAwaiting,
		store.PayoutUnknown, store.PayoutCancelling, store.PayoutDone, store.PayoutRefused, store.PayoutCancelled:
		return true
	default:
		return false
	}
}

// failed says whether it is certain that nothing was paid and nothing will be.
func failed(s store.PayoutState) bool {
	return s == store.PayoutRefused || s == store.PayoutCancelled
}

func payoutEach(b *book) *wrong {
	for i := range b.claims {
		if c := &b.claims[i]; c.Seq <= b.follower.Seq && b.payoutsOf(c.Slot) == nil {
			return wrongf(claimRow(c), "the worker has come to entry %d and made no payout of it", b.follower.Seq)
		}
	}
	return nil
}

// owed returns what claimants have of the packet: what their newest payouts hold,
// if the share has not gone back, and the claims that the worker has not come to.
func (b *book) owed() (sum money.Fen) {
	for _, all := range b.attempts {
		if p := all.newest(); !p.Returned {
			sum += p.Amount
		}
	}
	for i := range b.claims {
		if c := &b.claims[i]; c.Seq > b.follower.Seq {
			sum += c.Amount
		}
	}
	return sum
}

func payoutSum(b *book) *wrong {
	if owed := b.owed(); b.Head.Claimed != b.Head.Returned+owed {
		return wrongf(b.headRow(), "claimed is %d, returned %d, payouts and claims to come sum to %d",
			int64(b.Head.Claimed), int64(b.Head.Returned), int64(owed))
	}
	return nil
}

func payoutReturn(b *book) *wrong {
	returned := make(map[int]*store.Payout)
	for i := range b.payouts {
		p := &b.payouts[i]
		if !p.Returned {
			continue
		}
		if !failed(p.State) {
			return wrongf(payoutRow(p), "the share went back to the merchant while the payout is %s", p.State)
		}
		returned[p.Slot] = p
	}
	for i := range b.entries {
		e := &b.entries[i]
		slot, ok := returnedSlot(e)
		if e.Kind != ledger.Return || !ok {
			continue
		}
		if returned[slot] == nil {
			return wrongf(entryRow(e), "no payout of slot %d is marked as returned", slot)
		}
		delete(returned, slot)
	}
	for i := range b.payouts {
		if p := &b.payouts[i]; returned[p.Slot] == p {
			return wrongf(payoutRow(p), "marked as returned, no entry returns slot %d", p.Slot)
		}
	}
	return nil
}

func eventRow(e *store.PayoutEvent) string {
	return fmt.Sprintf("payout_events packet_id=%d claimant=%x generation=%d num=%d", e.Packet, e.Claimant[:], e.Generation, e.Num)
}

// attempt names a payout within its packet.
type attempt struct {
	claimant   packet.Claimant
	generation int
}

// payoutEvents follows what happened to each payout from its beginning to the state
// that it is in.
func payoutEvents(b *book) *wrong {
	last := make(map[attempt]*store.PayoutEvent)
	for i := range b.events {
		e := &b.events[i]
		of := attempt{e.Claimant, e.Generation}
		num, state := 1, store.PayoutQueued
		if before := last[of]; before != nil {
			num, state = before.Num+1, before.State
		}
		switch {
		case e.Num != num:
			return wrongf(eventRow(e), "it stands where event %d is due", num)
		case !follows(state, e.State):
			return wrongf(eventRow(e), "%q does not follow %s", string(e.State), state)
		}
		last[of] = e
	}
	for i := range b.payouts {
		p := &b.payouts[i]
		of := attempt{p.Claimant, p.Generation}
		switch e := last[of]; {
		case e == nil && p.State != store.PayoutQueued:
			return wrongf(payoutRow(p), "%s, and no event says how", p.State)
		case e != nil && e.State != p.State:
			return wrongf(payoutRow(p), "%s, the last event made it %s", p.State, e.State)
		case e != nil && p.Version <= (e.Num+1)/2: // one write makes two events at most
			return wrongf(payoutRow(p), "version %d after %d events", p.Version, e.Num)
		}
		delete(last, of)
	}
	for i := range b.events {
		if e := &b.events[i]; last[attempt{e.Claimant, e.Generation}] != nil {
			return wrongf(eventRow(e), "there is no such payout")
		}
	}
	return nil
}

// follows says whether an event may find a payout in one state and leave it in
// another. A payout is sent once, which is written before; what is final stays.
func follows(from, to store.PayoutState) bool {
	switch {
	case from == store.PayoutQueued:
		return to == store.PayoutQueued || to == store.PayoutSubmitting
	case from.Final():
		return to == from
	default:
		return known(to) && to != store.PayoutQueued && to != store.PayoutSubmitting
	}
}

func settled(b *book) *wrong {
	if !b.Settled {
		return nil
	}
	if !b.Head.Ended {
		return wrongf(b.headRow(), "settled before its end")
	}
	for i := range b.claims {
		if c := &b.claims[i]; c.Seq > b.follower.Seq && b.Terms.Channel != unpaid {
			return wrongf(b.headRow(), "settled, and the worker has not come to slot %d", c.Slot)
		}
	}
	for _, all := range b.attempts {
		if p := all.newest(); p.State != store.PayoutDone && !p.Returned {
			return wrongf(payoutRow(p), "%s, and the packet is settled", p.State)
		}
	}
	return nil
}
