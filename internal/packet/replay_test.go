package packet_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// returned is a book with every kind of entry: sent, held, released, claimed twice,
// refunded, one share returned.
func returned(t *testing.T) *book {
	t.Helper()
	b := &book{}
	for _, event := range []string{
		"send lin 24h 1000 327 45 628", "hold 1m x", "release 2m x", "lin 3m by 0", "wang 4m by 0",
		"end 24h expire", "return 48h 1 45",
	} {
		b.step(t, strings.Fields(event))
	}
	if b.head.Seq != 7 {
		t.Fatalf("the book has %d entries", b.head.Seq)
	}
	return b
}

// chain hashes a book anew from an entry on, as a forger would.
func (b *book) chain() {
	var prev ledger.Hash
	ci, ei := 0, 0
	for ci < len(b.claims) || ei < len(b.entries) {
		if ei == len(b.entries) || ci < len(b.claims) && b.claims[ci].Seq < b.entries[ei].Seq {
			b.claims[ci].Hash = b.claims[ci].Chain(prev)
			prev = b.claims[ci].Hash
			ci++
			continue
		}
		b.entries[ei].Hash = b.entries[ei].Chain(prev)
		prev = b.entries[ei].Hash
		ei++
	}
}

// TestReplayNamesWhatIsWrong spoils a book, with the hashes left alone or forged.
func TestReplayNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*book)
		forge bool
		want  string
	}{
		"nothing there":         {func(b *book) { b.claims, b.entries = nil, nil }, false, "the book is empty"},
		"no first entry":        {func(b *book) { b.entries = b.entries[1:] }, false, "entry 1 is missing"},
		"an entry gone":         {func(b *book) { b.entries = slices.Delete(b.entries, 2, 3) }, false, "entry 3 is missing"},
		"a claim gone":          {func(b *book) { b.claims = b.claims[1:] }, false, "entry 4 is missing"},
		"an entry's amount":     {func(b *book) { b.entries[3].Amount++ }, false, "the hash of entry 6 does not follow"},
		"a claim's payee":       {func(b *book) { b.claims[0].PayeeHash[0]++ }, false, "the hash of entry 4 does not follow"},
		"another packet's":      {func(b *book) { b.entries[0].Packet++ }, true, "the hash of entry 1 does not follow"},
		"another's claim":       {func(b *book) { b.claims[0].Packet++ }, true, "the hash of entry 4 does not follow"},
		"claims swapped":        {func(b *book) { a := b.claims; a[0].Claimant, a[1].Claimant = a[1].Claimant, a[0].Claimant }, false, "the hash of entry 4 does not follow"},
		"terms":                 {func(b *book) { b.terms.SendName = "x" }, true, "the terms are not those that were sent"},
		"less was sent":         {func(b *book) { b.entries[0].Amount-- }, true, "the terms are not those that were sent"},
		"sent twice":            {func(b *book) { b.entries[1].Kind = ledger.Send }, true, "entry 2 is a send"},
		"not sent":              {func(b *book) { b.entries[0].Kind = ledger.Hold }, true, "entry 1 is a hold"},
		"a kind of elsewhere":   {func(b *book) { b.entries[1].Kind = ledger.Fund }, true, "entry 2 is a fund"},
		"an entry back in time": {func(b *book) { b.entries[2].At = 0 }, true, "entry 3 is dated before"},
		"a claim back in time":  {func(b *book) { b.claims[1].At = 0 }, true, "entry 5 is dated before"},
		"out of turn":           {func(b *book) { b.claims[1].Slot = 2 }, true, "entry 5 claims slot 2, 1 is next"},
		"a claim of nothing":    {func(b *book) { b.claims[1].Amount = 0 }, true, "entry 5 claims 0 fen"},
		"a claim of too much":   {func(b *book) { b.claims[1].Amount = 1 << 62 }, true, "entry 5 claims 4611686018427387904 fen of 1000"},
		"a negative refund":     {func(b *book) { b.entries[3].Amount = -1 }, true, "entry 6 is over -1 fen"},
		"a refund of more":      {func(b *book) { b.entries[3].Amount = 1001 }, true, "entry 6 is over 1001 fen"},
		"a refund of the sum":   {func(b *book) { b.entries[3].Amount = 700 }, true, "unclaimed is -72 fen"},
		"a return of more":      {func(b *book) { b.entries[4].Amount = 400 }, true, "400 fen returned of 372 claimed"},
		"a claim to begin with": {func(b *book) {
			b.claims, b.entries = b.claims[:1], nil
			b.claims[0].Seq = 1
		}, true, "the first entry is a claim"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := returned(t)
			c.spoil(b)
			if c.forge {
				b.chain()
			}
			_, err := packet.Replay(b.head.ID, &b.terms, b.claims, b.entries)
			var broken *packet.InvariantError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	b := returned(t)
	if h, err := packet.Replay(b.head.ID, &b.terms, b.claims, b.entries); err != nil || h.Refunded != 628 || h.Returned != money.Fen(45) {
		t.Errorf("the book as it was: %+v, %v", h, err)
	}
}
