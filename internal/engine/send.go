package engine

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/link"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Field is one named value of a merchant's request.
type Field struct{ Name, Value string }

// Wish is a merchant's request to send a packet, already checked by its edge.
type Wish struct {
	MchID, BillNo string
	Type          packet.Type
	AppID         string
	Seed          string // openid of the seed claimant, under AppID
	Total         money.Fen
	Num           int
	SendName      string
	Wishing       string
	ActName       string
	Remark        string
	Life          time.Duration
	Providers     string // who vouches for claimants; empty: the configuration's
	Quota         Quota

	// Compared is what a repeat under the same bill number must equal, in the order
	// in which differences are reported (docs/api/wire.md#idempotency).
	Compared []Field
}

// Sent is a packet on its way.
type Sent struct {
	ID     packet.ID
	ListID string
	Link   string // token of the root link
	Repeat bool   // the bill number had been used for it before
}

// Replay answers a request whose bill number is on record: with the packet it sent,
// or with Conflict and the first field that differs. NotFound means that the number
// is free.
func (e *Engine) Replay(ctx context.Context, mchID, billNo string, compared []Field) (Sent, error) {
	var bill store.Bill
	err := e.view(ctx, "look up bill", func(r store.Reader) (err error) {
		bill, err = r.Bill(mchID, billNo)
		return err
	})
	if err != nil {
		return Sent{}, err
	}
	return e.replay(bill, compared)
}

func (e *Engine) replay(bill store.Bill, compared []Field) (Sent, error) {
	var was map[string]string
	if err := json.Unmarshal(bill.Fields, &was); err != nil {
		return Sent{}, &fault.Error{Op: "look up bill", Code: fault.Internal, Err: err}
	}
	for _, f := range compared {
		if was[f.Name] != e.fieldHash(f) {
			return Sent{}, &fault.Error{Op: "send", Code: fault.Conflict, Field: f.Name}
		}
	}
	return Sent{ID: bill.Packet, ListID: bill.Packet.ListID(e.cfg.Environment), Link: bill.Link, Repeat: true}, nil
}

// fieldHash is what a bill keeps of a field: enough to compare it, not to read it.
func (e *Engine) fieldHash(f Field) string {
	sum := e.cfg.Vault.FieldHash(f.Name, f.Value)
	return hex.EncodeToString(sum[:])
}

func (e *Engine) fieldHashes(fields []Field) ([]byte, error) {
	hashes := make(map[string]string, len(fields))
	for _, f := range fields {
		hashes[f.Name] = e.fieldHash(f)
	}
	return json.Marshal(hashes)
}

// Send takes the total from the merchant's balance into a new packet and fixes its
// split. The bill number is the idempotency key: a repeat gives the first answer
// again, with other fields Conflict. It refuses what no split exists for, with the
// field of package split; with DayNum, SeedNum, SeedAmount or DayAmount what is over
// the quota; with Funds when the balance is short; with Busy when nothing was done;
// with Unknown when that cannot be said.
func (e *Engine) Send(ctx context.Context, w Wish) (Sent, error) {
	fields, err := e.fieldHashes(w.Compared)
	if err != nil {
		return Sent{}, &fault.Error{Op: "send", Code: fault.Internal, Err: err}
	}
	o := &sendOrder{e: e, wish: w, fields: fields}
	if err := o.redraw(); err != nil {
		return Sent{}, err
	}
	if err := e.submit(ctx, e.lane(o.live.id), o); err != nil {
		return Sent{}, err
	}
	return o.result, nil
}

// sendOrder is a packet ready to be sent: its split is drawn before it queues.
type sendOrder struct {
	e      *Engine
	wish   Wish
	fields []byte
	live   *live
	row    store.Packet
	link   string
	result Sent
}

func (o *sendOrder) packet() packet.ID { return 0 } // new: nothing to lock
func (o *sendOrder) account() string   { return o.wish.MchID }

// redraw draws id, secret and split.
func (o *sendOrder) redraw() error {
	e, w := o.e, &o.wish
	now := e.nowMillis()
	id, err := e.ids.next(now)
	if err != nil {
		return &fault.Error{Op: "draw a packet id", Code: fault.Internal, Err: err}
	}
	var secret split.Secret
	if _, err := io.ReadFull(e.cfg.Random, secret[:]); err != nil {
		return &fault.Error{Op: "draw a secret", Code: fault.Internal, Err: err}
	}
	terms := &packet.Terms{
		MchID: w.MchID, BillNo: w.BillNo, Type: w.Type, AppID: w.AppID,
		SendName: w.SendName, Wishing: w.Wishing, ActName: w.ActName, Remark: w.Remark,
		Total: w.Total, Num: w.Num, Law: e.cfg.Law, Min: e.cfg.Channel.Min, Cap: e.cfg.Channel.Cap,
		Providers: or(w.Providers, e.cfg.Providers), Channel: e.cfg.Channel.Name,
		ClaimantKey: e.cfg.Vault.ClaimantKeyID(), LinkKey: e.cfg.Vault.LinkKeyID(),
		SentAt: now, ExpiresAt: now + w.Life.Milliseconds(),
	}
	listID := id.ListID(e.cfg.Environment)
	shares, err := split.Draw(secret, terms.Split(listID))
	if err != nil {
		return err
	}
	terms.Commitment = split.Commitment(secret, terms.Split(listID))
	terms.Seed = e.cfg.Vault.Claimant(terms.ClaimantKey, w.AppID, w.Seed)
	o.link = link.Encode(e.cfg.Vault.LinkKey(terms.LinkKey), link.Token{Packet: int64(id), Sharer: link.Root, KeyID: terms.LinkKey})
	o.live = &live{id: id, listID: listID, terms: terms, shares: shares, slots: make(map[packet.Claimant]int32)}
	o.row = store.Packet{
		Terms:   *terms,
		Secret:  e.cfg.Vault.Seal(vault.SplitSecret, vault.PacketRow(id), secret[:]),
		SeedRef: e.cfg.Vault.Seal(vault.SeedRef, vault.PacketRow(id), []byte(w.Seed)),
		DueAt:   terms.ExpiresAt,
	}
	return nil
}

func (o *sendOrder) decide(g *group) error {
	w := &o.wish
	key := billKey{w.MchID, w.BillNo}
	bill, ok := g.bills[key]
	if !ok {
		var err error
		switch bill, err = g.tx.Bill(w.MchID, w.BillNo); fault.CodeOf(err) {
		case fault.OK:
			ok = true
		case fault.NotFound:
		default:
			return err
		}
	}
	if ok {
		var err error
		o.result, err = o.e.replay(bill, w.Compared)
		return err
	}
	if err := g.withinQuota(w, o.live.terms.Seed); err != nil {
		return err
	}
	if g.accounts[w.MchID].book.Balance < w.Total {
		return &fault.Error{Op: "send", Code: fault.Funds}
	}

	head, entry := packet.New(o.live.id, o.live.terms)
	if err := head.Check(o.live.terms); err != nil {
		return &fault.Error{Op: "send", Code: fault.Internal, Err: err}
	}
	o.row.Head, o.live.head = head, head
	bill = store.Bill{MchID: w.MchID, BillNo: w.BillNo, Packet: head.ID, Fields: o.fields, Link: o.link, At: g.now}
	g.bills[key] = bill
	g.count(w, o.live.terms.Seed)
	g.rows.bills = append(g.rows.bills, bill)
	g.rows.packets = append(g.rows.packets, o.row)
	g.rows.entries = append(g.rows.entries, entry)
	g.born = append(g.born, o.live)
	g.post(w.MchID, ledger.Send, w.Total, ledger.Ref(int64(head.ID), entry.Seq))
	o.result = Sent{ID: head.ID, ListID: o.live.listID, Link: o.link}
	return nil
}

// idSource draws packet ids. Within a millisecond it counts on from a random
// start, so that one process does not collide with itself.
type idSource struct {
	random io.Reader

	mu     sync.Mutex // guards all below
	millis int64
	low    uint32
}

func (s *idSource) next(millis int64) (packet.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if millis == s.millis {
		s.low++
		return packet.NewID(millis, s.low), nil
	}
	var b [4]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return 0, err
	}
	s.millis, s.low = millis, binary.BigEndian.Uint32(b[:])
	return packet.NewID(millis, s.low), nil
}
