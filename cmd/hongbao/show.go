package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
)

// packetShowCmd is `hongbao packet show`.
type packetShowCmd struct {
	ListID string `arg:"" name:"send-listid" help:"The packet."`
	JSON   bool   `name:"json" help:"Print JSON, amounts in fen."`
	where
}

// shown is all that is known of a packet but who claimed.
type shown struct {
	packetLine
	MchID      string        `json:"mch_id"`
	Type       packet.Type   `json:"type"`
	AppID      string        `json:"wxappid"`
	SendName   string        `json:"send_name"`
	Wishing    string        `json:"wishing"`
	ActName    string        `json:"act_name"`
	Remark     string        `json:"remark"`
	Law        split.Law     `json:"law"`
	Min        money.Fen     `json:"min"`
	Cap        money.Fen     `json:"cap"`
	Commitment string        `json:"commitment"`
	Providers  []string      `json:"providers"`
	Channel    string        `json:"channel"`
	Unclaimed  money.Fen     `json:"unclaimed"`
	Seq        uint64        `json:"seq"`
	Head       string        `json:"head"`
	Entries    []shownEntry  `json:"entries"` // all but claims
	Claims     []shownClaim  `json:"claims"`
	Payouts    []shownPayout `json:"payouts"`
}

// shownEntry is an entry of its book that is no claim.
type shownEntry struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Amount money.Fen `json:"amount"`
	Note   string    `json:"note,omitempty"`
}

// shownClaim is a claim.
type shownClaim struct {
	Slot    int       `json:"slot"`
	Parent  *int      `json:"parent"` // slot; null for the seed's
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Amount  money.Fen `json:"amount"`
	Name    string    `json:"name,omitempty"`
	Receipt string    `json:"receipt"`
}

// shownPayout is one attempt to pay a share.
type shownPayout struct {
	Slot       int               `json:"slot"`
	Generation int               `json:"generation"`
	State      store.PayoutState `json:"state"`
	Amount     money.Fen         `json:"amount"`
	Channel    string            `json:"channel"`
	RailKey    string            `json:"rail_key"`
	RailRef    string            `json:"rail_ref,omitempty"`
	Code       string            `json:"code,omitempty"`
	Operator   bool              `json:"operator"` // waits for one
	Returned   bool              `json:"returned"`
	Attempts   int               `json:"attempts"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// Run shows the packet.
func (c *packetShowCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error {
		id, err := packetID(c.ListID, core.Environment())
		if err != nil {
			return err
		}
		var s shown
		err = core.Store.View(p.ctx, func(r store.Reader) (err error) {
			s, err = readShown(r, id, core.Environment(), core.Engine.Now().UnixMilli())
			return err
		})
		if err != nil {
			return unknownPacket(err, c.ListID)
		}
		if c.JSON {
			return p.json(s)
		}
		return s.print(p)
	})
}

// readShown reads a packet at one moment.
func readShown(r store.Reader, id packet.ID, env packet.Environment, now int64) (shown, error) {
	row, err := r.Packet(id)
	if err != nil {
		return shown{}, err
	}
	entries, err := r.Entries(id)
	if err != nil {
		return shown{}, err
	}
	claims, err := r.Claims(id, 0)
	if err != nil {
		return shown{}, err
	}
	payouts, err := r.Payouts(id)
	if err != nil {
		return shown{}, err
	}
	t, h := &row.Terms, &row.Head
	s := shown{
		packetLine: lineOf(&row, env, now), MchID: t.MchID, Type: t.Type, AppID: t.AppID,
		SendName: t.SendName, Wishing: t.Wishing, ActName: t.ActName, Remark: t.Remark,
		Law: t.Law, Min: t.Min, Cap: t.Cap, Commitment: hex.EncodeToString(t.Commitment[:]),
		Providers: strings.Split(t.Providers, ","), Channel: t.Channel,
		Unclaimed: h.Unclaimed(t), Seq: h.Seq, Head: hex.EncodeToString(h.Hash[:]),
		Entries: []shownEntry{}, Claims: []shownClaim{}, Payouts: []shownPayout{},
	}
	for _, e := range entries {
		s.Entries = append(s.Entries, shownEntry{e.Seq, moment(e.At), e.Kind.String(), e.Amount, noteOf(e)})
	}
	for _, c := range claims {
		line := shownClaim{Slot: c.Slot, Seq: c.Seq, At: moment(c.At), Amount: c.Amount, Name: c.Name, Receipt: hex.EncodeToString(c.Hash[:])}
		if c.Parent != packet.NoParent {
			line.Parent = &c.Parent
		}
		s.Claims = append(s.Claims, line)
	}
	for _, o := range payouts {
		s.Payouts = append(s.Payouts, shownPayout{
			o.Slot, o.Generation, o.State, o.Amount, o.Channel, o.RailKey, o.RailRef, o.Code,
			o.Operator, o.Returned, o.Attempts, moment(o.UpdatedAt),
		})
	}
	return s, nil
}

// noteOf is what an entry notes for people: that of a send is a digest of its terms.
func noteOf(e packet.Entry) string {
	if e.Kind == ledger.Send {
		return ""
	}
	return e.Note
}

func (s *shown) print(p *program) error {
	head := [][]string{
		{"send_listid", s.SendListID},
		{"state", string(s.State)},
		{"merchant", s.MchID + ", bill number " + s.BillNo},
		{"packet", fmt.Sprintf("%s: %s yuan, %d shares of %s to %s, %s", s.Type, s.Total, s.Num, s.Min, s.Cap, s.Law)},
		{"send_name", s.SendName},
		{"wishing", s.Wishing},
		{"act_name", s.ActName},
		{"remark", strings.Join(strings.Fields(s.Remark), " ")},
		{"sent", clock(s.SentAt.UnixMilli())},
		{"expires", clock(s.ExpiresAt.UnixMilli())},
		{"wxappid", s.AppID + ", claimants by " + strings.Join(s.Providers, ", ") + ", paid by " + s.Channel},
		{"commitment", s.Commitment},
		{"claimed", fmt.Sprintf("%s yuan, %d of %d shares", s.Claimed, s.ClaimedNum, s.Num)},
		{"unclaimed", s.Unclaimed.String() + " yuan"},
		{"refunded", s.Refunded.String() + " yuan"},
		{"returned", s.Returned.String() + " yuan"},
		{"book", fmt.Sprintf("seq %d, head %s", s.Seq, s.Head)},
	}
	if err := p.table(head); err != nil {
		return err
	}
	entries := [][]string{{"SEQ", "TIME", "KIND", "AMOUNT", "NOTE"}}
	for _, e := range s.Entries {
		entries = append(entries, []string{fmt.Sprint(e.Seq), clock(e.At.UnixMilli()), e.Kind, e.Amount.String(), e.Note})
	}
	payouts := [][]string{{"SLOT", "GENERATION", "STATE", "AMOUNT", "CHANNEL", "CODE", "RAIL_REF"}}
	for _, o := range s.Payouts {
		payouts = append(payouts, []string{fmt.Sprint(o.Slot), fmt.Sprint(o.Generation), payoutWords(o), o.Amount.String(), o.Channel, o.Code, o.RailRef})
	}
	for _, part := range []struct {
		title string
		rows  [][]string
	}{{"Entries other than claims", entries}, {"Claims, under the claim whose link brought them", s.tree()}, {"Payouts", payouts}} {
		if len(part.rows) == 1 {
			continue
		}
		p.printf("\n%s\n", part.title)
		if err := p.table(part.rows); err != nil {
			return err
		}
	}
	return nil
}

// payoutWords is a payout's state with what keeps it there.
func payoutWords(o shownPayout) string {
	words := string(o.State)
	for _, more := range []struct {
		is   bool
		word string
	}{{o.Operator, "waits for an operator"}, {o.Returned, "returned"}} {
		if more.is {
			words += ", " + more.word
		}
	}
	return words
}

// tree lists the claims, each below its parent. A parent has the lower slot.
func (s *shown) tree() [][]string {
	children := make(map[int][]shownClaim)
	for _, c := range s.Claims {
		parent := packet.NoParent
		if c.Parent != nil {
			parent = *c.Parent
		}
		children[parent] = append(children[parent], c)
	}
	rows := [][]string{{"SLOT", "SEQ", "TIME", "AMOUNT", "NAME"}}
	var grow func(parent int, indent string)
	grow = func(parent int, indent string) {
		for i, c := range children[parent] {
			branch, below := "├ ", "│ "
			if i == len(children[parent])-1 {
				branch, below = "└ ", "  "
			}
			if parent == packet.NoParent {
				branch, below = "", ""
			}
			rows = append(rows, []string{indent + branch + fmt.Sprint(c.Slot), fmt.Sprint(c.Seq), clock(c.At.UnixMilli()), c.Amount.String(), c.Name})
			grow(c.Slot, indent+below)
		}
	}
	grow(packet.NoParent, "")
	return rows
}
