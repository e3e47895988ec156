package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/link"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

func packetMerchant(b *book) *wrong {
	if !b.merchant {
		return wrongf(b.termsRow(), "there is no account of the merchant %s", b.Terms.MchID)
	}
	return nil
}

// packetMirrored pairs a packet's entries with its merchant's; accountMirrored
// pairs them the other way.
func packetMirrored(b *book) *wrong {
	for i := range b.mirrors {
		switch m := &b.mirrors[i]; {
		case !m.found:
			return wrongf(entryRow(m.entry), "the merchant's book has no entry under %s", ledger.Ref(int64(b.Head.ID), m.entry.Seq))
		case m.other.Kind != m.entry.Kind || m.other.Amount != m.entry.Amount:
			return wrongf(entryRow(m.entry), "%s of %d fen, in the merchant's book %s of %d", m.entry.Kind, int64(m.entry.Amount), m.other.Kind, int64(m.other.Amount))
		}
	}
	return nil
}

func billRow(b *store.Bill) string {
	return fmt.Sprintf("bills mch_id=%s mch_billno=%s", b.MchID, b.BillNo)
}

func packetBill(b *book) *wrong {
	switch {
	case !b.billed:
		return wrongf(b.termsRow(), "there is no bill %s of the merchant %s", b.Terms.BillNo, b.Terms.MchID)
	case b.bill.Packet != b.Head.ID:
		return wrongf(billRow(&b.bill), "it names packet %d, packet %d was sent under it", b.bill.Packet, b.Head.ID)
	case b.bill.Link != b.link:
		return wrongf(billRow(&b.bill), "its link is not the packet's root link")
	default:
		return nil
	}
}

// rootLink returns the token of a packet's root link.
func rootLink(v *vault.Vault, b *book) string {
	return link.Encode(v.LinkKey(b.Terms.LinkKey), link.Token{Packet: int64(b.Head.ID), Sharer: link.Root, KeyID: b.Terms.LinkKey})
}

// add takes a packet into its merchant's totals, as it was at the time of the
// account's head.
func (c *account) add(b *book) {
	inside := b.inside()
	counted := false
	for i := range b.mirrors {
		m := &b.mirrors[i]
		switch {
		case !m.found || !crosses(m.other.Kind):
		case m.other.Seq <= c.head.Seq:
			c.paired++
			counted = counted || m.entry.Kind == ledger.Send
		case m.entry.Kind != ledger.Send: // it went back later
			inside += m.entry.Amount
		}
	}
	if counted {
		c.inside += inside
	}
}

// inside is the merchant's money that the packet holds, owes or has paid.
func (b *book) inside() money.Fen {
	rest := b.Terms.Total
	for i := range b.lines {
		switch l := &b.lines[i]; {
		case l.claim != nil:
			rest -= l.claim.Amount
		case l.entry.Kind == ledger.Refund:
			rest -= l.entry.Amount
		}
	}
	return rest + b.owed()
}

// readCounterparts looks at what merchants' books and bills say about packets, and
// at the totals. All packets must have been read.
func (a *audit) readCounterparts(ctx context.Context) error {
	for _, mchID := range slices.Sorted(maps.Keys(a.accounts)) {
		c := a.accounts[mchID]
		if err := a.readBills(ctx, mchID); err != nil {
			return err
		}
		if err := a.readMirrors(ctx, c); err != nil {
			return err
		}
		if _, err := check(a, ofMoney, c); err != nil {
			return err
		}
	}
	return nil
}

// billed is a bill and the packet it names, if there is one.
type billed struct {
	store.Bill
	terms packet.Terms
	found bool
}

// billsPerView bounds how long one View of bills stays open.
const billsPerView = 200

func (a *audit) readBills(ctx context.Context, mchID string) error {
	held := ofBill
	for after := ""; len(held) > 0; {
		var bills []billed
		err := a.view(ctx, "bills mch_id="+mchID, func(r store.Reader) error {
			bills = bills[:0]
			rows, err := r.Bills(mchID, after, billsPerView)
			if err != nil {
				return err
			}
			for _, row := range rows {
				p, err := r.Packet(row.Packet)
				found, err := present(err)
				if err != nil {
					return err
				}
				bills = append(bills, billed{row, p.Terms, found})
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i := range bills {
			if held, err = check(a, held, &bills[i]); err != nil {
				return err
			}
		}
		if len(bills) < billsPerView {
			break
		}
		after = bills[len(bills)-1].BillNo
	}
	return nil
}

func billPacket(b *billed) *wrong {
	switch {
	case !b.found:
		return wrongf(billRow(&b.Bill), "there is no packet %d", b.Packet)
	case b.terms.MchID != b.MchID || b.terms.BillNo != b.BillNo:
		return wrongf(billRow(&b.Bill), "packet %d was sent under bill %s of the merchant %s", b.Packet, b.terms.BillNo, b.terms.MchID)
	default:
		return nil
	}
}

// mirrored is a merchant's entry that crosses, and whose packet's book has its other
// side. That the two agree was seen from the packet.
type mirrored struct {
	posting
	mchID string // empty: no packet's
}

// readMirrors looks for the packets' side of a merchant's entries. Each pair was
// seen from the packet's side already, and no two entries of packets share a
// transfer id; so when as many were seen as there are entries, all have their pair.
func (a *audit) readMirrors(ctx context.Context, c *account) error {
	if c.paired == c.crossing {
		return nil
	}
	held := ofMirror
	for after := uint64(0); len(held) > 0 && after < c.head.Seq; {
		var entries []ledger.Entry
		var pairs []mirrored
		err := a.view(ctx, c.row(), func(r store.Reader) (err error) {
			if entries, err = r.AccountEntries(c.mchID, after, entriesPerView); err != nil {
				return err
			}
			pairs, err = mirrorsOf(r, entries)
			return err
		})
		if err != nil {
			return err
		}
		for i := range pairs {
			if pairs[i].entry.Seq > c.head.Seq {
				return nil
			}
			if held, err = check(a, held, &pairs[i]); err != nil {
				return err
			}
		}
		if len(entries) < entriesPerView {
			return nil
		}
		after = entries[len(entries)-1].Seq
	}
	return nil
}

// mirrorsOf reads the other side of those of a merchant's entries that cross.
func mirrorsOf(r store.Reader, entries []ledger.Entry) (pairs []mirrored, err error) {
	for i := range entries {
		if !crosses(entries[i].Kind) {
			continue
		}
		m := mirrored{posting: posting{entry: &entries[i]}}
		if m.mchID, err = transferred(r, entries[i].Ref); err != nil {
			return nil, err
		}
		pairs = append(pairs, m)
	}
	return pairs, nil
}

// transferred returns the merchant of the packet in whose book a transfer id stands;
// empty if there is none. A packet without a head is not there, whatever is left of
// its book.
func transferred(r store.Reader, ref string) (mchID string, err error) {
	id, seq, ok := ledger.ParseRef(ref)
	if !ok {
		return "", nil
	}
	p, err := r.Packet(packet.ID(id))
	if found, err := present(err); !found {
		return "", err
	}
	entries, err := r.Entries(packet.ID(id))
	if !slices.ContainsFunc(entries, func(e packet.Entry) bool { return e.Seq == seq }) {
		return "", err
	}
	return p.Terms.MchID, nil
}

func accountMirrored(m *mirrored) *wrong {
	switch m.mchID {
	case m.entry.MchID:
		return nil
	case "":
		return wrongf(m.row(), "no packet's book has an entry under %s", m.entry.Ref)
	default:
		return wrongf(m.row(), "%s is of a packet of the merchant %s", m.entry.Ref, m.mchID)
	}
}

func moneyConserved(c *account) *wrong {
	if c.outside == c.sum.Balance+c.inside {
		return nil
	}
	return wrongf(c.row(), "%d fen were funded and not withdrawn, the balance is %d and packets come to %d",
		int64(c.outside), int64(c.sum.Balance), int64(c.inside))
}
