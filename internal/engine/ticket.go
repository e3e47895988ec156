package engine

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
)

// UseTicket uses up a claim ticket that opens a session; TicketRefused the second
// time, Busy when nothing was done, Unknown when that cannot be said.
func (e *Engine) UseTicket(ctx context.Context, mchID, jti string, expires time.Time) error {
	u := usedTicket{mchID, e.cfg.Vault.FieldHash("jti", jti)}
	return e.submit(ctx, e.lanes[0], &ticketOrder{usedTicket: u, expires: expires.UnixMilli()})
}

// usedTicket names a claim ticket that is used up.
type usedTicket struct {
	mchID string
	jti   [16]byte
}

// compare orders tickets as they are written, the same everywhere, so that two servers
// do not wait for each other.
func (t usedTicket) compare(o usedTicket) int {
	return cmp.Or(cmp.Compare(t.mchID, o.mchID), bytes.Compare(t.jti[:], o.jti[:]))
}

// ticketOrder is the wish to use up a claim ticket.
type ticketOrder struct {
	usedTicket
	expires int64 // milliseconds
}

func (o *ticketOrder) packet() packet.ID { return 0 }
func (o *ticketOrder) account() string   { return "" }
func (o *ticketOrder) redraw() error     { return nil }

func (o *ticketOrder) decide(g *group) error {
	used, err := g.tx.TicketUsed(o.mchID, o.jti)
	if err != nil {
		return err
	}
	if _, drafted := g.tickets[o.usedTicket]; used || drafted {
		return &fault.Error{Op: "enter", Code: fault.TicketRefused, Field: "jti"}
	}
	g.tickets[o.usedTicket] = o.expires
	return nil
}
