package audit

import (
	"strconv"
	"strings"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
)

func splitFeasible(b *book) *wrong {
	if err := b.Terms.Split(b.listID).Validate(); err != nil {
		return wrongf(b.termsRow(), "%v", err)
	}
	return nil
}

func splitSecret(b *book) *wrong {
	if !b.opened {
		return wrongf(b.termsRow(), "the secret does not open")
	}
	return nil
}

func splitCommitment(b *book) *wrong {
	if b.opened && b.committed != b.Terms.Commitment {
		return wrongf(b.termsRow(), "the commitment is not that of secret and terms")
	}
	return nil
}

func claimSlots(b *book) *wrong {
	slot := 0
	for i := range b.lines {
		c := b.lines[i].claim
		if c == nil {
			continue
		}
		switch {
		case c.Slot != slot:
			return wrongf(claimRow(c), "slot %d is next in the order of seq", slot)
		case slot >= b.Terms.Num:
			return wrongf(claimRow(c), "there are %d shares", b.Terms.Num)
		}
		slot++
	}
	return nil
}

func claimAmounts(b *book) *wrong {
	for i := range b.claims {
		c := &b.claims[i]
		if c.Slot >= 0 && c.Slot < len(b.shares) && c.Amount != b.shares[c.Slot] {
			return wrongf(claimRow(c), "%d fen is not what the split gives the slot", int64(c.Amount))
		}
	}
	return nil
}

func claimOnce(b *book) *wrong {
	for i := range b.claims {
		c := &b.claims[i]
		if slot, twice := b.claimants[c.Claimant]; twice {
			return wrongf(claimRow(c), "the claimant of slot %d again", slot)
		}
		b.claimants[c.Claimant] = c.Slot
	}
	return nil
}

func claimParent(b *book) *wrong {
	for i := range b.claims {
		c := &b.claims[i]
		switch {
		case c.Slot == 0 && c.Parent != packet.NoParent:
			return wrongf(claimRow(c), "the first claim has parent %d", c.Parent)
		case c.Slot > 0 && (c.Parent < 0 || c.Parent >= c.Slot):
			return wrongf(claimRow(c), "parent %d did not claim before it", c.Parent)
		}
	}
	return nil
}

func claimSeed(b *book) *wrong {
	if c := b.claimOf(0); c != nil && c.Claimant != b.Terms.Seed {
		return wrongf(claimRow(c), "the first share is not the seed's")
	}
	return nil
}

func claimNormal(b *book) *wrong {
	switch b.Terms.Type {
	case packet.Group:
		return nil
	case packet.Normal:
	default:
		return wrongf(b.termsRow(), "%q is no type of packet", string(b.Terms.Type))
	}
	for i := range b.claims {
		if c := &b.claims[i]; c.Claimant != b.Terms.Seed {
			return wrongf(claimRow(c), "a normal packet, claimed by somebody else than the seed")
		}
	}
	return nil
}

func claimExpiry(b *book) *wrong {
	for i := range b.claims {
		if c := &b.claims[i]; c.At >= b.Terms.ExpiresAt {
			return wrongf(claimRow(c), "at %d, the packet lived until %d", c.At, b.Terms.ExpiresAt)
		}
	}
	return nil
}

func returnClaim(b *book) *wrong {
	returned := make(map[int]bool)
	for i := range b.entries {
		e := &b.entries[i]
		if e.Kind != ledger.Return {
			continue
		}
		slot, ok := returnedSlot(e)
		switch c := b.claimOf(slot); {
		case !ok, c == nil:
			return wrongf(entryRow(e), "%q names no claim", e.Note)
		case c.Seq > e.Seq:
			return wrongf(entryRow(e), "slot %d was claimed after it", slot)
		case c.Amount != e.Amount:
			return wrongf(entryRow(e), "%d fen returned of slot %d, which has %d", int64(e.Amount), slot, int64(c.Amount))
		case returned[slot]:
			return wrongf(entryRow(e), "slot %d was returned before", slot)
		}
		returned[slot] = true
	}
	return nil
}

// returnedSlot reads the slot out of the note of a return.
func returnedSlot(e *packet.Entry) (slot int, ok bool) {
	digits, _ := strings.CutPrefix(e.Note, "slot ")
	slot, err := strconv.Atoi(digits)
	return slot, err == nil && packet.ReturnNote(slot) == e.Note
}
