package audit

import (
	"errors"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

func bookNumbered(b *book) *wrong {
	for i := range b.lines {
		if l := &b.lines[i]; l.seq != uint64(i)+1 {
			return wrongf(l.row(), "seq %d stands where %d is due", l.seq, i+1)
		}
	}
	return nil
}

func bookChained(b *book) *wrong {
	var prev ledger.Hash
	for i := range b.lines {
		l := &b.lines[i]
		if l.chain(prev) != l.hash() {
			return wrongf(l.row(), "its hash does not follow from it and the entry before")
		}
		prev = l.hash()
	}
	return nil
}

func bookHead(b *book) *wrong {
	if len(b.lines) == 0 {
		return wrongf(b.headRow(), "its book is empty")
	}
	switch last := &b.lines[len(b.lines)-1]; {
	case b.Head.Seq != last.seq:
		return wrongf(b.headRow(), "seq is %d, the last entry %d", b.Head.Seq, last.seq)
	case b.Head.Hash != last.hash():
		return wrongf(b.headRow(), "hash is not that of entry %d", last.seq)
	case b.Head.At != last.at():
		return wrongf(b.headRow(), "at is %d, of entry %d %d", b.Head.At, last.seq, last.at())
	default:
		return nil
	}
}

func bookForward(b *book) *wrong {
	for i := 1; i < len(b.lines); i++ {
		if l, before := &b.lines[i], b.lines[i-1].at(); l.at() < before {
			return wrongf(l.row(), "at %d, before %d of the entry before it", l.at(), before)
		}
	}
	return nil
}

func bookKinds(b *book) *wrong {
	for i := range b.entries {
		e := &b.entries[i]
		moves := crosses(e.Kind)
		switch {
		case !moves && e.Kind != ledger.Hold && e.Kind != ledger.Release:
			return wrongf(entryRow(e), "%s is no entry of a packet's book", e.Kind)
		case moves && e.Amount <= 0, !moves && e.Amount != 0:
			return wrongf(entryRow(e), "%s of %d fen", e.Kind, int64(e.Amount))
		}
	}
	return nil
}

// sent returns the first entry of the book if it is the send, else nil.
func (b *book) sent() *packet.Entry {
	if len(b.lines) == 0 || b.lines[0].kind() != ledger.Send {
		return nil
	}
	return b.lines[0].entry
}

func sendFirst(b *book) *wrong {
	for i := range b.lines {
		l := &b.lines[i]
		switch isSend := l.kind() == ledger.Send; {
		case i == 0 && !isSend:
			return wrongf(l.row(), "the book begins with a %s", l.kind())
		case i > 0 && isSend:
			return wrongf(l.row(), "a packet is sent once")
		}
	}
	return nil
}

func sendTotal(b *book) *wrong {
	e := b.sent()
	if e == nil || e.Amount == b.Terms.Total && e.At == b.Terms.SentAt {
		return nil
	}
	return wrongf(entryRow(e), "%d fen at %d, the terms say %d at %d", int64(e.Amount), e.At, int64(b.Terms.Total), b.Terms.SentAt)
}

func termsDigest(b *book) *wrong {
	if e := b.sent(); e != nil && e.Note != b.Terms.Digest() {
		return wrongf(b.termsRow(), "not the terms whose digest stands in the first entry")
	}
	return nil
}

func packetID(b *book) *wrong {
	if at := b.Head.ID.Millis(); at != b.Terms.SentAt {
		return wrongf(b.headRow(), "its id was made at %d, it was sent at %d", at, b.Terms.SentAt)
	}
	return nil
}

func packetDue(b *book) *wrong {
	if b.DueAt != b.Terms.ExpiresAt {
		return wrongf(b.headRow(), "expires_at is %d, the packet lives until %d", b.DueAt, b.Terms.ExpiresAt)
	}
	return nil
}

func holdRelease(b *book) *wrong {
	held := false
	for i := range b.lines {
		l := &b.lines[i]
		switch k := l.kind(); {
		case held && (k == ledger.Claim || k == ledger.Hold):
			return wrongf(l.row(), "a %s while the packet is held", k)
		case !held && k == ledger.Release:
			return wrongf(l.row(), "a release of what is not held")
		case k == ledger.Hold:
			held = true
		case k == ledger.Release, k == ledger.Refund:
			held = false
		}
	}
	if b.Head.Held != held {
		return wrongf(b.headRow(), "held is %t, the book says %t", b.Head.Held, held)
	}
	return nil
}

// ends says whether the packet ends with a line, when so many shares are taken
// after it.
func (b *book) ends(l *line, taken int) bool {
	return l.kind() == ledger.Refund || l.kind() == ledger.Claim && taken == b.Terms.Num
}

func endFinal(b *book) *wrong {
	ended, taken := false, 0
	for i := range b.lines {
		l := &b.lines[i]
		if ended && l.kind() != ledger.Return {
			return wrongf(l.row(), "a %s after the packet's end", l.kind())
		}
		if l.claim != nil {
			taken++
		}
		ended = ended || b.ends(l, taken)
	}
	if b.Head.Ended != ended {
		return wrongf(b.headRow(), "ended is %t, the book says %t", b.Head.Ended, ended)
	}
	return nil
}

func refundDue(b *book) *wrong {
	for i := range b.entries {
		e := &b.entries[i]
		if e.Kind == ledger.Refund && e.At < b.Terms.ExpiresAt && e.Note == "" {
			return wrongf(entryRow(e), "refunded at %d without a reason, the packet lived until %d", e.At, b.Terms.ExpiresAt)
		}
	}
	return nil
}

func refundRest(b *book) *wrong {
	rest := b.Terms.Total
	for i := range b.lines {
		l := &b.lines[i]
		if l.claim != nil {
			rest -= l.claim.Amount
		}
		if l.kind() != ledger.Refund {
			continue
		}
		if l.entry.Amount != rest {
			return wrongf(l.row(), "%d fen refunded, %d were left", int64(l.entry.Amount), int64(rest))
		}
		rest = 0
	}
	return nil
}

func headCounters(b *book) *wrong {
	var claimed, refunded, returned money.Fen
	for i := range b.claims {
		claimed += b.claims[i].Amount
	}
	for i := range b.entries {
		switch e := &b.entries[i]; e.Kind { //nolint:exhaustive // the others move nothing out of the packet
		case ledger.Refund:
			refunded += e.Amount
		case ledger.Return:
			returned += e.Amount
		}
	}
	h := &b.Head
	switch {
	case h.ClaimedNum != len(b.claims):
		return wrongf(b.headRow(), "claimed_num is %d, there are %d claims", h.ClaimedNum, len(b.claims))
	case h.Claimed != claimed:
		return wrongf(b.headRow(), "claimed is %d, claims sum to %d", int64(h.Claimed), int64(claimed))
	case h.Refunded != refunded:
		return wrongf(b.headRow(), "refunded is %d, refunds sum to %d", int64(h.Refunded), int64(refunded))
	case h.Returned != returned:
		return wrongf(b.headRow(), "returned is %d, returns sum to %d", int64(h.Returned), int64(returned))
	default:
		return nil
	}
}

// counterMax is far above any counter and far below where money.Fen panics.
const counterMax = 1 << 60

func headUnclaimed(b *book) *wrong {
	for _, n := range []money.Fen{b.Head.Claimed, b.Head.Refunded, b.Head.Returned, b.Terms.Total} {
		if n < -counterMax || n > counterMax {
			return wrongf(b.headRow(), "a counter of %d fen", int64(n))
		}
	}
	err := b.Head.Check(&b.Terms)
	if e, ok := errors.AsType[*packet.InvariantError](err); ok {
		return wrongf(b.headRow(), "%s", e.Reason)
	}
	return nil
}
