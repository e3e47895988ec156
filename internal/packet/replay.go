package packet

import "hongbao.example/hongbao/internal/ledger"

// Replay derives a packet's head from its book, from nothing: claims by slot, the
// other entries by seq. It returns an InvariantError at the first entry that is not
// where or what it must be: a number missing, a hash that does not follow, terms
// that are not those of the first entry, a claim out of turn, a sum out of range.
func Replay(id ID, t *Terms, claims []Claim, entries []Entry) (Head, error) {
	h := Head{ID: id}
	for len(claims)+len(entries) > 0 {
		next := h.Seq + 1
		var err error
		switch {
		case len(entries) > 0 && entries[0].Seq == next:
			err = h.replayEntry(t, &entries[0])
			entries = entries[1:]
		case len(claims) > 0 && claims[0].Seq == next:
			err = h.replayClaim(t, &claims[0])
			claims = claims[1:]
		default:
			err = broken(&h, "entry %d is missing", next)
		}
		if err != nil {
			return h, err
		}
		if err := h.Check(t); err != nil {
			return h, err
		}
	}
	if h.Seq == 0 {
		return h, broken(&h, "the book is empty")
	}
	return h, nil
}

// replayEntry moves h on by an entry that is no claim.
func (h *Head) replayEntry(t *Terms, e *Entry) error {
	switch {
	case e.Packet != h.ID || e.Chain(h.Hash) != e.Hash:
		return broken(h, "the hash of entry %d does not follow", e.Seq)
	case e.At < h.At:
		return broken(h, "entry %d is dated before the one it follows", e.Seq)
	case (e.Seq == 1) != (e.Kind == ledger.Send):
		return broken(h, "entry %d is a %s", e.Seq, e.Kind)
	case e.Amount < 0 || e.Amount > t.Total:
		return broken(h, "entry %d is over %d fen of %d", e.Seq, e.Amount, t.Total)
	case e.Kind == ledger.Send && (e.Amount != t.Total || e.Note != t.Digest()):
		return broken(h, "the terms are not those that were sent")
	}
	h.Seq, h.Hash, h.At = e.Seq, e.Hash, e.At
	switch e.Kind { //nolint:exhaustive // a claim is no Entry, and the others stand in no packet's book
	case ledger.Send:
	case ledger.Hold:
		h.Held = true
	case ledger.Release:
		h.Held = false
	case ledger.Refund:
		h.Refunded, h.Ended, h.Held = h.Refunded.Plus(e.Amount), true, false
	case ledger.Return:
		h.Returned = h.Returned.Plus(e.Amount)
	default:
		return broken(h, "entry %d is a %s", e.Seq, e.Kind)
	}
	return nil
}

// replayClaim moves h on by a claim.
func (h *Head) replayClaim(t *Terms, c *Claim) error {
	switch {
	case h.Seq == 0:
		return broken(h, "the first entry is a claim")
	case c.Packet != h.ID || c.Chain(h.Hash) != c.Hash:
		return broken(h, "the hash of entry %d does not follow", c.Seq)
	case c.At < h.At:
		return broken(h, "entry %d is dated before the one it follows", c.Seq)
	case c.Slot != h.ClaimedNum:
		return broken(h, "entry %d claims slot %d, %d is next", c.Seq, c.Slot, h.ClaimedNum)
	case c.Amount <= 0 || c.Amount > t.Total:
		return broken(h, "entry %d claims %d fen of %d", c.Seq, c.Amount, t.Total)
	}
	h.Seq, h.Hash, h.At = c.Seq, c.Hash, c.At
	h.ClaimedNum, h.Claimed = h.ClaimedNum+1, h.Claimed.Plus(c.Amount)
	h.Ended = h.Ended || h.ClaimedNum == t.Num
	return nil
}
