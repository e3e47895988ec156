package packet

import (
	"strconv"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
)

// New starts a packet's book: the head and the first entry of a packet that is
// sent under t. That the merchant's balance covers it is the account's business.
func New(id ID, t *Terms) (Head, Entry) {
	h := Head{ID: id}
	return h.append(ledger.Send, t.Total, t.Digest(), t.SentAt)
}

// append writes an entry at the end of h's book. Time does not run back in it.
func (h Head) append(k ledger.Kind, amount money.Fen, note string, now int64) (Head, Entry) {
	e := Entry{Packet: h.ID, Seq: h.Seq + 1, Kind: k, Amount: amount, At: max(now, h.At), Note: note}
	e.Hash = e.Chain(h.Hash)
	h.Seq, h.Hash, h.At = e.Seq, e.Hash, e.At
	return h, e
}

// Order is the wish to open a share.
type Order struct {
	Claimant  Claimant
	Parent    int // slot of the claim whose link they came by; the root link is the seed's, 0
	PayeeHash PayeeHash
	Payee     []byte
	Name      string
	Verdict   fault.Code // SlowDown or Refused, when the edge or risk control found cause; else OK
}

// Refusal says why o's claimant gets no share of h, or OK. The guards stand in
// the order in which refusals are documented: when two apply, the first is the
// answer. A claimant who already has a share never gets here; the caller answers
// with the share they have.
func Refusal(h *Head, t *Terms, o *Order, now int64) fault.Code {
	switch {
	case h.Held:
		return fault.Held
	case h.ClaimedNum == t.Num:
		return fault.Finished
	case h.Ended || max(now, h.At) >= t.ExpiresAt:
		return fault.Expired
	case t.Type == Normal && o.Claimant != t.Seed:
		return fault.NotYours
	case o.Verdict != fault.OK:
		return o.Verdict
	case h.ClaimedNum == 0 && o.Claimant != t.Seed:
		return fault.SeedFirst
	default:
		return fault.OK
	}
}

// Take gives o's claimant the next share of h, whose amount the split says, or
// refuses as Refusal does.
func Take(h Head, t *Terms, shares []money.Fen, o *Order, now int64) (Head, Claim, error) {
	if code := Refusal(&h, t, o, now); code != fault.OK {
		return h, Claim{}, code
	}
	c := Claim{
		Packet:    h.ID,
		Seq:       h.Seq + 1,
		Slot:      h.ClaimedNum,
		Claimant:  o.Claimant,
		Parent:    parent(&h, o.Parent),
		Amount:    shares[h.ClaimedNum],
		At:        max(now, h.At),
		PayeeHash: o.PayeeHash,
		Payee:     o.Payee,
		Name:      o.Name,
	}
	c.Hash = c.Chain(h.Hash)
	h.Seq, h.Hash, h.At = c.Seq, c.Hash, c.At
	h.ClaimedNum, h.Claimed = h.ClaimedNum+1, h.Claimed.Plus(c.Amount)
	h.Ended = h.ClaimedNum == t.Num
	return h, c, nil
}

// parent settles who brought a claimant: nobody brought the first one, and a link
// of a share this book does not hold (it was restored from before that claim)
// counts as the seed's.
func parent(h *Head, slot int) int {
	switch {
	case h.ClaimedNum == 0:
		return NoParent
	case slot < 0 || slot >= h.ClaimedNum:
		return 0
	default:
		return slot
	}
}

// Expire returns what nobody claimed to the merchant, once the packet's life is
// over. It refuses with Busy while the packet lives or is held, with Expired or
// Finished when it has ended: repeating it is safe.
func Expire(h Head, t *Terms, now int64) (Head, Entry, error) {
	switch {
	case h.ClaimedNum == t.Num:
		return h, Entry{}, fault.Finished
	case h.Ended:
		return h, Entry{}, fault.Expired
	case h.Held || max(now, h.At) < t.ExpiresAt:
		return h, Entry{}, fault.Busy
	}
	return refund(h, t, "", now)
}

// End is an operator's Expire: at any time, held or not, with the reason noted.
func End(h Head, t *Terms, reason string, now int64) (Head, Entry, error) {
	switch {
	case h.ClaimedNum == t.Num:
		return h, Entry{}, fault.Finished
	case h.Ended:
		return h, Entry{}, fault.Expired
	}
	return refund(h, t, reason, now)
}

func refund(h Head, t *Terms, note string, now int64) (Head, Entry, error) {
	rest := h.Unclaimed(t)
	h, e := h.append(ledger.Refund, rest, note, now)
	h.Refunded, h.Ended, h.Held = h.Refunded.Plus(rest), true, false
	return h, e, nil
}

// Hold stops claims until Release. A packet that has ended has nothing to hold:
// Finished or Expired. Holding a held packet is refused with Held.
func Hold(h Head, t *Terms, reason string, now int64) (Head, Entry, error) {
	switch {
	case h.ClaimedNum == t.Num:
		return h, Entry{}, fault.Finished
	case h.Ended:
		return h, Entry{}, fault.Expired
	case h.Held:
		return h, Entry{}, fault.Held
	}
	h, e := h.append(ledger.Hold, 0, reason, now)
	h.Held = true
	return h, e, nil
}

// Release undoes Hold; a packet that is not held is refused with Invalid.
func Release(h Head, reason string, now int64) (Head, Entry, error) {
	if !h.Held {
		return h, Entry{}, fault.Invalid
	}
	h, e := h.append(ledger.Release, 0, reason, now)
	h.Held = false
	return h, e, nil
}

// Return sends a claimed share that could not be paid back to the merchant. The
// caller has made sure that no payout of it can still arrive. It refuses with
// Invalid what was not claimed or would return more than was.
func Return(h Head, slot int, amount money.Fen, now int64) (Head, Entry, error) {
	if slot < 0 || slot >= h.ClaimedNum || amount <= 0 || h.Returned.Plus(amount) > h.Claimed {
		return h, Entry{}, fault.Invalid
	}
	h, e := h.append(ledger.Return, amount, ReturnNote(slot), now)
	h.Returned = h.Returned.Plus(amount)
	return h, e, nil
}

// ReturnNote is the note of the entry that returns the share of a slot.
func ReturnNote(slot int) string { return "slot " + strconv.Itoa(slot) }
