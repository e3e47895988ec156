package audit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// packetsPerView bounds how long one View of packets stays open: at split.NumMax
// shares each, some tens of milliseconds.
const packetsPerView = 16

// payoutWorker is the worker that makes payouts of claims.
const payoutWorker = "payout"

// unpaid is the channel of packets of whose claims no payouts are made.
const unpaid = "none"

// book is a packet with all that belongs to it, as one View had it, and what the
// audit derives from that.
type book struct {
	store.Packet
	claims   []packet.Claim // by slot
	entries  []packet.Entry // by seq
	payouts  []store.Payout // by slot and generation
	events   []store.PayoutEvent
	follower store.Follower // of payouts
	mirrors  []mirror       // of entries that cross, in their order
	bill     store.Bill
	billed   bool // there is a bill of the packet's bill number
	merchant bool // there is an account to the packet's mch_id

	listID    string
	link      string      // what its root link must be
	fields    []sentField // what its bill must say that was sent
	lines     []line      // claims and entries, by seq
	opened    bool        // its secret could be opened
	committed [32]byte    // the commitment that the secret makes, when it could
	shares    []money.Fen // by slot; nil when no split follows from secret and terms
	attempts  []attempts  // payouts of each share that has any, by slot
	claimants map[packet.Claimant]int
}

// mirror is an entry that crosses, and the merchant's entry under its transfer id.
type mirror struct {
	entry *packet.Entry
	other ledger.Entry
	found bool
}

// line is one line of a packet's book: a claim or another entry.
type line struct {
	seq   uint64
	claim *packet.Claim // or
	entry *packet.Entry
}

func (l *line) kind() ledger.Kind {
	if l.claim != nil {
		return ledger.Claim
	}
	return l.entry.Kind
}

func (l *line) at() int64 {
	if l.claim != nil {
		return l.claim.At
	}
	return l.entry.At
}

func (l *line) hash() ledger.Hash {
	if l.claim != nil {
		return l.claim.Hash
	}
	return l.entry.Hash
}

func (l *line) chain(prev ledger.Hash) ledger.Hash {
	if l.claim != nil {
		return l.claim.Chain(prev)
	}
	return l.entry.Chain(prev)
}

func (l *line) row() string {
	if l.claim != nil {
		return claimRow(l.claim)
	}
	return entryRow(l.entry)
}

func claimRow(c *packet.Claim) string {
	return fmt.Sprintf("claims packet_id=%d slot=%d", c.Packet, c.Slot)
}

func entryRow(e *packet.Entry) string {
	return fmt.Sprintf("entries packet_id=%d seq=%d", e.Packet, e.Seq)
}

func payoutRow(p *store.Payout) string {
	return fmt.Sprintf("payouts packet_id=%d slot=%d generation=%d", p.Packet, p.Slot, p.Generation)
}

func (b *book) headRow() string  { return fmt.Sprintf("packets id=%d", b.Head.ID) }
func (b *book) termsRow() string { return fmt.Sprintf("terms packet_id=%d", b.Head.ID) }

// readPackets audits all packets in the order of their ids, and what lies between
// them.
func (a *audit) readPackets(ctx context.Context) error {
	for after := packet.ID(math.MinInt64); ; {
		var p page
		err := a.view(ctx, fmt.Sprintf("packets id>%d", max(after, 0)), func(r store.Reader) (err error) {
			p, err = a.readPage(r, after)
			return err
		})
		if err != nil {
			return err
		}
		for i := range p.strays {
			if _, err := check(a, ofStray, &p.strays[i]); err != nil {
				return err
			}
		}
		for i := range p.books {
			if err := a.judge(&p.books[i]); err != nil {
				return err
			}
		}
		if p.last == math.MaxInt64 {
			return nil
		}
		after = p.last
	}
}

// page is what one View reads of packets.
type page struct {
	strays []store.Stray
	books  []book
	last   packet.ID // up to here all was read
}

func (a *audit) readPage(r store.Reader, after packet.ID) (p page, err error) {
	rows, err := r.Packets(after, packetsPerView)
	if err != nil {
		return p, err
	}
	p.last = math.MaxInt64
	if len(rows) == packetsPerView {
		p.last = rows[len(rows)-1].Head.ID
	}
	if p.strays, err = a.readStrays(r, after, p.last); err != nil {
		return p, err
	}
	for _, row := range rows {
		b, err := a.readBook(r, row)
		if err != nil {
			return p, &rowError{fmt.Sprintf("packets id=%d", row.Head.ID), err}
		}
		p.books = append(p.books, b)
	}
	return p, nil
}

// readStrays finds the first row of each packet that is not whole, of no more of them
// than are worth a finding.
func (a *audit) readStrays(r store.Reader, after, through packet.ID) (strays []store.Stray, err error) {
	for len(strays) < a.options.FindingsMax {
		firsts, err := r.Strays(after, through)
		if err != nil || len(firsts) == 0 {
			return strays, err
		}
		strays = append(strays, firsts[0])
		after = firsts[0].Packet
	}
	return strays, nil
}

func packetWhole(s *store.Stray) *wrong {
	if s.Table == "packets" {
		return wrongf(fmt.Sprintf("packets id=%d", s.Packet), "it has no terms")
	}
	return wrongf(fmt.Sprintf("%s packet_id=%d", s.Table, s.Packet), "there is no head of its packet")
}

// readPacket audits one packet. That it is not there is an error only if nothing of
// it is.
func (a *audit) readPacket(ctx context.Context, id packet.ID) error {
	var strays []store.Stray
	var b book
	err := a.view(ctx, fmt.Sprintf("packets id=%d", id), func(r store.Reader) (err error) {
		if strays, err = a.readStrays(r, id-1, id); err != nil || len(strays) > 0 {
			return err
		}
		row, err := r.Packet(id)
		if err != nil {
			return err
		}
		b, err = a.readBook(r, row)
		return err
	})
	if err != nil {
		return err
	}
	if len(strays) > 0 {
		_, err = check(a, ofStray, &strays[0])
		return err
	}
	return a.judge(&b)
}

// readBook reads what belongs to a packet.
func (a *audit) readBook(r store.Reader, row store.Packet) (b book, err error) {
	b.Packet = row
	id, mchID := row.Head.ID, row.Terms.MchID
	if b.claims, err = r.Claims(id, 0); err != nil {
		return b, err
	}
	if b.entries, err = r.Entries(id); err != nil {
		return b, err
	}
	if b.payouts, err = r.Payouts(id); err != nil {
		return b, err
	}
	if b.events, err = r.PayoutEvents(id); err != nil {
		return b, err
	}
	if b.follower, err = r.Follower(id, payoutWorker); err != nil {
		return b, err
	}
	b.bill, err = r.Bill(mchID, row.Terms.BillNo)
	if b.billed, err = present(err); err != nil {
		return b, err
	}
	if b.merchant = a.accounts[mchID] != nil; !b.merchant {
		_, err = r.Account(mchID)
		if b.merchant, err = present(err); err != nil {
			return b, err
		}
	}
	for i := range b.entries {
		if !crosses(b.entries[i].Kind) {
			continue
		}
		m := mirror{entry: &b.entries[i]}
		m.other, err = r.AccountEntry(mchID, ledger.Ref(int64(id), m.entry.Seq))
		if m.found, err = present(err); err != nil {
			return b, err
		}
		b.mirrors = append(b.mirrors, m)
	}
	return b, nil
}

// judge checks a packet and adds it to its merchant's totals.
func (a *audit) judge(b *book) error {
	a.derive(b)
	a.report.Packets++
	a.report.Claims += int64(len(b.claims))
	a.report.Entries += int64(len(b.entries))
	a.report.Payouts += int64(len(b.payouts))
	_, err := check(a, ofPacket, b)
	clear(a.claimants)
	if err == nil && a.options.Deep {
		_, err = check(a, ofSealed, &sealedBook{book: b, vault: a.vault})
	}
	if c := a.accounts[b.Terms.MchID]; c != nil {
		c.add(b)
	}
	return err
}

// derive works out what the checks compare rows with.
func (a *audit) derive(b *book) {
	b.claimants = a.claimants
	b.listID = b.Head.ID.ListID(a.environment)
	b.link = rootLink(a.vault, b)
	b.fields = a.sentFields(b)
	b.lines = merge(b.claims, b.entries)
	b.attempts = byShare(b.payouts)
	terms := b.Terms.Split(b.listID)
	plain, err := a.vault.Open(vault.SplitSecret, vault.PacketRow(b.Head.ID), b.Secret)
	if err != nil || len(plain) != len(split.Secret{}) {
		return
	}
	secret := split.Secret(plain)
	b.opened = true
	b.committed = split.Commitment(secret, terms)
	if shares, err := split.Draw(secret, terms); err == nil {
		b.shares = shares
	}
}

// merge puts claims and entries into the order of their seq.
func merge(claims []packet.Claim, entries []packet.Entry) []line {
	lines := make([]line, 0, len(claims)+len(entries))
	for len(claims)+len(entries) > 0 {
		if len(entries) == 0 || len(claims) > 0 && claims[0].Seq < entries[0].Seq {
			lines, claims = append(lines, line{seq: claims[0].Seq, claim: &claims[0]}), claims[1:]
		} else {
			lines, entries = append(lines, line{seq: entries[0].Seq, entry: &entries[0]}), entries[1:]
		}
	}
	bySeq := func(a, b line) int { return cmp.Compare(a.seq, b.seq) }
	if !slices.IsSortedFunc(lines, bySeq) { // the slots are not in the order of seq
		slices.SortStableFunc(lines, bySeq)
	}
	return lines
}

// claimOf returns the claim of a slot, or nil.
func (b *book) claimOf(slot int) *packet.Claim {
	i, ok := slices.BinarySearchFunc(b.claims, slot, func(c packet.Claim, slot int) int { return cmp.Compare(c.Slot, slot) })
	if !ok {
		return nil
	}
	return &b.claims[i]
}
