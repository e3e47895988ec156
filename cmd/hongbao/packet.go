package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/wire"
)

// listMax bounds a list, in lines.
const listMax = 100_000

// packetCmd is `hongbao packet …`.
type packetCmd struct {
	List    packetListCmd    `cmd:"" help:"List a merchant's packets, newest first."`
	Show    packetShowCmd    `cmd:"" help:"Show a packet: terms, book, claims as a tree, payouts."`
	Hold    packetHoldCmd    `cmd:"" help:"Stop a packet's claims until release."`
	Release packetReleaseCmd `cmd:"" help:"Let a held packet go on."`
	End     packetEndCmd     `cmd:"" help:"End a packet now: what nobody has claimed goes back to the merchant."`
}

// packetListCmd is `hongbao packet list`.
type packetListCmd struct {
	MchID  string `arg:"" name:"mch-id" help:"The merchant."`
	Before string `placeholder:"SEND_LISTID" help:"Begin after this one, with older packets."`
	Limit  int    `default:"50" placeholder:"N" help:"List so many packets at most (default: ${default})."`
	JSON   bool   `name:"json" help:"Print JSON, amounts in fen."`
	where
}

// packetLine is a packet in a list.
type packetLine struct {
	SendListID string       `json:"send_listid"`
	State      packet.State `json:"state"`
	SentAt     time.Time    `json:"sent_at"`
	ExpiresAt  time.Time    `json:"expires_at"`
	Total      money.Fen    `json:"total_amount"`
	Num        int          `json:"total_num"`
	ClaimedNum int          `json:"claimed_num"`
	Claimed    money.Fen    `json:"claimed"`
	Refunded   money.Fen    `json:"refunded"`
	Returned   money.Fen    `json:"returned"`
	BillNo     string       `json:"mch_billno"`
}

// Run lists packets.
func (c *packetListCmd) Run(p *program) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.open(p, func(core *server.Core) error {
		before := packet.ID(math.MaxInt64)
		if c.Before != "" {
			var err error
			if before, err = packetID(c.Before, core.Environment()); err != nil {
				return err
			}
		}
		lines, err := packetLines(p.ctx, core.Engine, c.MchID, before, c.Limit)
		if err != nil {
			return err
		}
		if c.JSON {
			return p.json(lines)
		}
		rows := [][]string{{"SEND_LISTID", "STATE", "SENT", "AMOUNT", "CLAIMED", "SHARES", "MCH_BILLNO"}}
		for _, l := range lines {
			rows = append(rows, []string{
				l.SendListID, string(l.State), clock(l.SentAt.UnixMilli()), l.Total.String(), l.Claimed.String(),
				fmt.Sprintf("%d/%d", l.ClaimedNum, l.Num), l.BillNo,
			})
		}
		if err := p.table(rows); err != nil {
			return err
		}
		if len(lines) == c.Limit {
			p.printf("… for more: --before %s\n", lines[len(lines)-1].SendListID)
		}
		return nil
	})
}

func checkLimit(n int) error {
	if n < 1 || n > listMax {
		return usage("--limit %d: 1 to %d", n, listMax)
	}
	return nil
}

func packetLines(ctx context.Context, e *engine.Engine, mchID string, before packet.ID, limit int) ([]packetLine, error) {
	if _, err := e.Merchant(ctx, mchID); err != nil {
		return nil, unknownMerchant(err, mchID)
	}
	packets, err := e.Packets(ctx, mchID, before, limit)
	if err != nil {
		return nil, err
	}
	lines := make([]packetLine, len(packets))
	for i := range packets {
		lines[i] = lineOf(&packets[i], e.Environment(), e.Now().UnixMilli())
	}
	return lines, nil
}

func lineOf(row *store.Packet, env packet.Environment, now int64) packetLine {
	h, t := &row.Head, &row.Terms
	return packetLine{
		SendListID: h.ID.ListID(env), State: h.State(t, now), SentAt: moment(t.SentAt), ExpiresAt: moment(t.ExpiresAt),
		Total: t.Total, Num: t.Num, ClaimedNum: h.ClaimedNum, Claimed: h.Claimed, Refunded: h.Refunded, Returned: h.Returned,
		BillNo: t.BillNo,
	}
}

// packetOrder is what hold, release and end are told.
type packetOrder struct {
	ListID string `arg:"" name:"send-listid" help:"The packet."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it stays in the packet's book."`
	where
}

// packetHoldCmd is `hongbao packet hold`.
type packetHoldCmd struct{ packetOrder }

// Run holds.
func (c *packetHoldCmd) Run(p *program) error { return c.give(p, "held", (*engine.Engine).Hold) }

// packetReleaseCmd is `hongbao packet release`.
type packetReleaseCmd struct{ packetOrder }

// Run releases.
func (c *packetReleaseCmd) Run(p *program) error {
	return c.give(p, "released", (*engine.Engine).Release)
}

// packetEndCmd is `hongbao packet end`.
type packetEndCmd struct{ packetOrder }

// Run ends.
func (c *packetEndCmd) Run(p *program) error { return c.give(p, "ended", (*engine.Engine).End) }

// give carries the order out and says what has become of the packet.
func (c *packetOrder) give(p *program, done string, order func(*engine.Engine, context.Context, packet.ID, string) error) error {
	if !wire.ValidText(c.Reason, engine.ReasonMax) {
		return usage("--reason: one line of 1 to %d characters", engine.ReasonMax)
	}
	return c.open(p, func(core *server.Core) error {
		id, err := packetID(c.ListID, core.Environment())
		if err != nil {
			return err
		}
		if err := order(core.Engine, p.ctx, id, c.Reason); err != nil {
			return c.refusal(err)
		}
		now, err := core.Engine.Packet(p.ctx, id)
		if err != nil {
			return err
		}
		p.printf("%s %s: %d of %d shares claimed, %s yuan refunded\n", done, now.ListID, now.Head.ClaimedNum, now.Terms.Num, now.Head.Refunded)
		return nil
	})
}

// refusal says why nothing was done.
func (c *packetOrder) refusal(err error) error {
	err = unknownPacket(err, c.ListID)
	err = explain(err, fault.Unknown, "whether it was done is not known; run: hongbao packet show %s", c.ListID)
	err = explain(err, fault.Held, "%s is held already", c.ListID)
	err = explain(err, fault.Invalid, "%s is not held", c.ListID)
	err = explain(err, fault.Finished, "%s has ended: every share was claimed", c.ListID)
	return explain(err, fault.Expired, "%s has ended: the rest was refunded", c.ListID)
}

func unknownPacket(err error, listID string) error {
	return explain(err, fault.NotFound, "there is no packet %s; run: hongbao packet list MCH_ID", listID)
}

// moment is a time of the database as JSON has it.
func moment(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
