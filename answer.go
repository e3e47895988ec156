package hongbao

import (
	"fmt"
	"strconv"
	"time"

	"hongbao.example/hongbao/internal/wire"
)

// Answer is what the server said to a call that is done.
type Answer struct {
	Fields Fields   // every element, as it came
	Claims []Fields // of gethbinfo: one for each claim, newest first

	call string
}

func newAnswer(call wire.Call, a wire.Answer) *Answer {
	answer := &Answer{Fields: fields(a.Document), call: string(call)}
	for _, claim := range a.Claims {
		answer.Claims = append(answer.Claims, fields(claim))
	}
	return answer
}

func fields(doc wire.Document) Fields {
	f := make(Fields, len(doc))
	for _, e := range doc {
		f[e.Name] = e.Value
	}
	return f
}

// Sent is a packet that has been sent, or had been sent before under the same
// MchBillNo: then it is the same Sent.
type Sent struct {
	MchBillNo   string
	SendListID  string // the packet's name; it gives no right to anything
	ClaimURL    string // the seed claimant's own link
	ReOpenID    string // the seed claimant
	TotalAmount int64  // fen
	TotalNum    int    // 0 after SendRedPack
	Fields      Fields // every element, as it came
}

// Sent reads a as the answer to a send.
func (a *Answer) Sent() (*Sent, error) {
	r := reader{fields: a.Fields}
	s := &Sent{
		MchBillNo:   a.Fields["mch_billno"],
		SendListID:  a.Fields["send_listid"],
		ClaimURL:    a.Fields["claim_url"],
		ReOpenID:    a.Fields["re_openid"],
		TotalAmount: r.number("total_amount"),
		TotalNum:    int(r.number("total_num")),
		Fields:      a.Fields,
	}
	if r.err != nil {
		return nil, &Error{Call: a.call, Err: r.err}
	}
	return s, nil
}

// Status is how far a packet has come.
type Status string

// The states that a hongbao server answers. docs/api/wire.md#answers
const (
	StatusSent      Status = "SENT"      // alive
	StatusReceived  Status = "RECEIVED"  // ended, nothing went back
	StatusRefunding Status = "RFUND_ING" // expired, the refund is not posted yet
	StatusRefunded  Status = "REFUND"    // ended, something went back
)

// Packet is what has become of a packet.
type Packet struct {
	MchBillNo    string
	SendListID   string
	Status       Status
	Group        bool // several shares
	TotalAmount  int64
	TotalNum     int
	SentAt       time.Time
	RefundedAt   time.Time // zero before there was a refund
	RefundAmount int64     // fen
	Claims       []Claim   // newest first
	Fields       Fields    // every element but the claims, as it came
}

// Claim is one share in one person's hands.
type Claim struct {
	OpenID    string
	Amount    int64 // fen
	ClaimedAt time.Time
}

// Packet reads a as the answer to a query.
func (a *Answer) Packet() (*Packet, error) {
	r := reader{fields: a.Fields}
	p := &Packet{
		MchBillNo:    a.Fields["mch_billno"],
		SendListID:   a.Fields["detail_id"],
		Status:       Status(a.Fields["status"]),
		Group:        a.Fields["hb_type"] == "GROUP",
		TotalAmount:  r.number("total_amount"),
		TotalNum:     int(r.number("total_num")),
		SentAt:       r.time("send_time"),
		RefundedAt:   r.time("refund_time"),
		RefundAmount: r.number("refund_amount"),
		Fields:       a.Fields,
	}
	for _, c := range a.Claims {
		r.fields = c
		p.Claims = append(p.Claims, Claim{OpenID: c["openid"], Amount: r.number("amount"), ClaimedAt: r.time("rcv_time")})
	}
	if r.err != nil {
		return nil, &Error{Call: a.call, Err: r.err}
	}
	return p, nil
}

// reader reads numbers and times; absent ones are zero. It keeps the first error.
type reader struct {
	fields Fields
	err    error
}

func (r *reader) number(name string) int64 {
	return read(r, name, func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) })
}

func (r *reader) time(name string) time.Time {
	return read(r, name, func(text string) (time.Time, error) {
		return time.ParseInLocation(time.DateTime, text, time.FixedZone("UTC+8", 8*60*60))
	})
}

func read[T any](r *reader, name string, parse func(string) (T, error)) (value T) {
	text := r.fields[name]
	if text == "" {
		return value
	}
	value, err := parse(text)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("answer: %s: %w", name, err)
	}
	return value
}
