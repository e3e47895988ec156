package main

import (
	"cmp"
	"database/sql/driver"
	"math/rand/v2"
	"slices"
	"strings"
)

// packet is a head as memory knows it; fresh counts its claims in the group
// that is being written.
type packet struct {
	id, sentAt, shares, drawn, claimed, fresh int64
	hash                                      driver.Value
}

// claim is one claim about to be written.
type claim struct {
	packet *packet
	at     float64 // when, in packets sent
	row    []driver.Value
}

// draw makes packets and claims, the same ones for every candidate.
type draw struct {
	*rand.Rand
	bytes  *rand.ChaCha8
	millis int64 // when the youngest packet was sent
}

func newDraw() *draw {
	bytes := rand.NewChaCha8([32]byte{})
	return &draw{rand.New(bytes), bytes, 1_790_000_000_000}
}

func (d *draw) blob(size int) []byte {
	b := make([]byte, size)
	_, _ = d.bytes.Read(b) // never fails
	return b
}

// head makes the row of a packet: the columns of head, about 100 bytes, those of
// terms, about 700 that nothing ever changes, and the id again.
func (d *draw) head(p *packet) []driver.Value {
	han, none := func(runes int) string { return strings.Repeat("红", runes) }, int64(0)
	return []driver.Value{
		p.id, "1900000109", none, p.hash, p.sentAt, none, none, none, none, none, none, none, p.sentAt + 86_400_000,
		"190000010920261124123456789", "wx0123456789abcdef", han(10), han(40), han(10), han(60), d.blob(70), d.blob(60), d.blob(32), "sandbox",
		p.id,
	}
}

// claims makes n claims in order of arrival, and the packets they are made on.
// The claims of a packet come evenly while the next l.open packets are sent. A
// packet id is 42 bits of milliseconds and 21 of chance, the low 10 clear for L3.
func (d *draw) claims(l Load, n int) (packets []*packet, claims []claim) {
	shares := min(l.shares, n)
	for i := range n / shares {
		d.millis += 1 + d.Int64N(5)
		p := &packet{id: d.millis<<21 | d.Int64N(1<<11)<<10, sentAt: d.millis, shares: int64(shares), hash: d.blob(32)}
		packets = append(packets, p)
		for range shares {
			claims = append(claims, claim{packet: p, at: float64(i) + d.Float64()*float64(l.open)})
		}
	}
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Compare(a.at, b.at) })
	for i := range claims {
		claims[i].row = d.claim(claims[i].packet)
	}
	return packets, claims
}

// claim takes the next slot of a packet and makes the row: a row id, the columns
// of claimed and of payee, and the key again.
func (d *draw) claim(p *packet) []driver.Value {
	slot, claimant, parent := p.drawn, d.blob(16), driver.Value(nil) // the seed has no parent
	if p.drawn++; slot > 0 {
		parent = d.Int64N(slot)
	}
	return []driver.Value{
		p.id | slot, p.id, claimant, slot + 1, slot, parent, 1 + d.Int64N(20_000), p.sentAt + slot + 1, d.blob(32), d.blob(70), "",
		p.id, claimant,
	}
}
