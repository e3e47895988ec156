package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// caller is how a merchant reaches a server: by address and key, or by the folder
// of a server on this machine.
type caller struct {
	URL     string        `placeholder:"URL" help:"The server (default: http://127.0.0.1:8080)."`
	Dir     string        `placeholder:"DIR" help:"Folder of a server on this machine, as init and demo make it: address and key are found there."`
	MchID   string        `name:"mch-id" default:"10000098" placeholder:"MCH_ID" help:"The merchant (default: ${default})."`
	Key     config.Secret `placeholder:"file:FILE|env:NAME" help:"Its API key; not needed with --dir."`
	HMAC    bool          `name:"hmac" help:"Sign with HMAC-SHA256 (default: MD5)."`
	Cert    string        `placeholder:"FILE" help:"Client certificate, PEM."`
	CertKey string        `placeholder:"FILE" help:"Its private key, PEM."`
}

// client makes the merchant's client.
func (c *caller) client() (*hongbao.Client, error) {
	conf := hongbao.Config{
		BaseURL: c.URL, MchID: c.MchID, Secure: hongbao.Secure{CertFile: c.Cert, KeyFile: c.CertKey},
		Retry: hongbao.Retry{TriesMax: 1}, // who waits for the answer decides
	}
	if c.HMAC {
		conf.SignType = "HMAC-SHA256"
	}
	key := c.Key
	if c.Dir != "" {
		w := where{Dir: c.Dir}
		cfg, err := w.read()
		if err != nil {
			return nil, err
		}
		if conf.BaseURL == "" {
			conf.BaseURL = nearURL(cfg)
		}
		if key == "" {
			key = config.Secret("file:" + w.beside(keyName(c.MchID)))
		}
	}
	if key == "" {
		return nil, usage("whose packet is it? give --key file:FILE, or --dir DIR of a server on this machine")
	}
	if conf.BaseURL == "" {
		conf.BaseURL = config.Default().BaseURL
	}
	secret, err := key.Value()
	if err != nil {
		return nil, usage("--key: %w", err)
	}
	conf.Key = hongbao.Secret(secret)
	client, err := hongbao.New(conf)
	if err != nil {
		return nil, usage("%s", strings.TrimPrefix(err.Error(), "hongbao: "))
	}
	return client, nil
}

// nearURL is where a server of this machine is reached: where it listens, unless
// its certificate is for another name.
func nearURL(cfg config.Config) string {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil || cfg.TLS.Cert != "" {
		return cfg.BaseURL
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}).String()
}

// outcome gives an SDK's error the exit status and the words of this program.
func outcome(err error, again string) error {
	e, ok := errors.AsType[*hongbao.Error](err)
	switch {
	case !ok || e.Outcome() == hongbao.Unknown:
		return &exitError{exits[fault.Unknown], fmt.Errorf("unknown: %s\n%s", strings.TrimPrefix(err.Error(), "hongbao: "), again)}
	case e.Field != "":
		return &exitError{1, fmt.Errorf("refused: %s: %s: %s", e.Code, e.Field, e.Message)}
	default:
		return &exitError{1, fmt.Errorf("refused: %s: %s", e.Code, e.Message)}
	}
}

// sendCmd is `hongbao send`.
type sendCmd struct {
	caller
	AppID    string `name:"wxappid" default:"wx8888888888888888" placeholder:"APPID" help:"wxappid to send under (default: ${default})."`
	OpenID   string `name:"openid" placeholder:"OPENID" help:"Who opens first (default, under the default wxappid only: oxTWIuGaIt6gTKsQRLau2M0yL16E)."`
	Amount   yuan   `default:"10" placeholder:"YUAN" help:"All shares together, in yuan (default: ${default})."`
	Num      int    `default:"5" placeholder:"N" help:"Shares (default: ${default})."`
	Name     string `placeholder:"TEXT" help:"Name of the sender."`
	Wishing  string `placeholder:"TEXT" help:"Wish on the packet."`
	Activity string `placeholder:"TEXT" help:"Name of the campaign."`
	Remark   string `placeholder:"TEXT" help:"Remark."`
	BillNo   string `name:"bill-no" placeholder:"NO" help:"Your number for the packet, which makes it safe to send again (default: a new one)."`
	Normal   bool   `help:"One share, for OPENID alone (sendredpack); --num does not count."`
}

// Help explains the verb.
func (sendCmd) Help() string {
	return "Without flags but --dir of a demo it sends the demo's packet once more. Exit status 1: refused, nothing was sent. " +
		"3: unknown; the same command with the --bill-no that was printed finds out, and cannot send twice."
}

// Run sends.
func (c *sendCmd) Run(p *program) error {
	r, err := c.request()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	p.printf("mch_billno   %s\n", r.MchBillNo) // before it is sent: it is what finds the packet again
	sent, err := c.send(p, client, r)
	if err != nil {
		return outcome(err, "run the same command again with --bill-no "+r.MchBillNo+": it cannot send twice")
	}
	p.printf("send_listid  %s\nclaim_url    %s\n", sent.SendListID, sent.ClaimURL)
	return nil
}

// request is the packet of the flags; what they leave out is the demo's.
func (c *sendCmd) request() (hongbao.GroupRedPack, error) {
	r := demoPacket(c.BillNo)
	r.WxAppID, r.TotalAmount, r.TotalNum = c.AppID, int64(c.Amount), c.Num
	for _, f := range []struct {
		to   *string
		text string
	}{{&r.ReOpenID, c.OpenID}, {&r.SendName, c.Name}, {&r.Wishing, c.Wishing}, {&r.ActName, c.Activity}, {&r.Remark, c.Remark}} {
		if f.text != "" {
			*f.to = f.text
		}
	}
	if c.OpenID == "" && c.AppID != demoAppID {
		return r, usage("who opens first? give --openid OPENID")
	}
	if r.MchBillNo == "" {
		r.MchBillNo = newBillNo(time.Now())
	}
	return r, nil
}

// newBillNo draws a bill number: the day in Beijing and 20 letters and digits.
func newBillNo(now time.Time) string {
	return now.In(packet.Beijing).Format("20060102") + rand.Text()[:20]
}

func (c *sendCmd) send(p *program, client *hongbao.Client, r hongbao.GroupRedPack) (*hongbao.Sent, error) {
	if !c.Normal {
		return client.SendGroupRedPack(p.ctx, r)
	}
	return client.SendRedPack(p.ctx, hongbao.RedPack{
		MchBillNo: r.MchBillNo, WxAppID: r.WxAppID, SendName: r.SendName, ReOpenID: r.ReOpenID,
		TotalAmount: r.TotalAmount, Wishing: r.Wishing, ActName: r.ActName, Remark: r.Remark,
	})
}

// queryCmd is `hongbao query`.
type queryCmd struct {
	caller
	AppID  string `name:"wxappid" default:"wx8888888888888888" placeholder:"APPID" help:"appid of the merchant (default: ${default})."`
	BillNo string `name:"bill-no" required:"" placeholder:"NO" help:"The number the packet was sent under."`
	JSON   bool   `name:"json" help:"Print JSON, amounts in fen."`
}

// queried is the answer to a query.
type queried struct {
	SendListID   string         `json:"send_listid"`
	BillNo       string         `json:"mch_billno"`
	Status       hongbao.Status `json:"status"`
	TotalAmount  money.Fen      `json:"total_amount"`
	TotalNum     int            `json:"total_num"`
	SentAt       time.Time      `json:"sent_at"`
	RefundAmount money.Fen      `json:"refund_amount"`
	RefundedAt   *time.Time     `json:"refunded_at"` // null before there was a refund
	Claims       []queriedClaim `json:"claims"`      // newest first
}

// queriedClaim is one of its claims.
type queriedClaim struct {
	OpenID    string    `json:"openid"`
	Amount    money.Fen `json:"amount"`
	ClaimedAt time.Time `json:"claimed_at"`
}

// Run asks.
func (c *queryCmd) Run(p *program) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	found, err := client.QueryRedPack(p.ctx, hongbao.Query{MchBillNo: c.BillNo, AppID: c.AppID})
	if err != nil {
		return outcome(err, "nothing was learnt; run the same command again")
	}
	q := queried{
		SendListID: found.SendListID, BillNo: found.MchBillNo, Status: found.Status,
		TotalAmount: money.Fen(found.TotalAmount), TotalNum: found.TotalNum, SentAt: found.SentAt.UTC(),
		RefundAmount: money.Fen(found.RefundAmount), Claims: []queriedClaim{},
	}
	if !found.RefundedAt.IsZero() {
		at := found.RefundedAt.UTC()
		q.RefundedAt = &at
	}
	for _, claim := range found.Claims {
		q.Claims = append(q.Claims, queriedClaim{claim.OpenID, money.Fen(claim.Amount), claim.ClaimedAt.UTC()})
	}
	if c.JSON {
		return p.json(q)
	}
	return q.print(p)
}

func (q *queried) print(p *program) error {
	p.printf("send_listid  %s\nstatus       %s\ntotal        %s yuan, %d shares\nsent         %s\n",
		q.SendListID, q.Status, q.TotalAmount, q.TotalNum, clock(q.SentAt.UnixMilli()))
	if q.RefundedAt != nil {
		p.printf("refunded     %s yuan, %s\n", q.RefundAmount, clock(q.RefundedAt.UnixMilli()))
	}
	rows := [][]string{{"CLAIMED", "AMOUNT", "OPENID"}}
	for _, c := range q.Claims {
		rows = append(rows, []string{clock(c.ClaimedAt.UnixMilli()), c.Amount.String(), c.OpenID})
	}
	if len(rows) == 1 {
		return nil
	}
	p.printf("\n")
	return p.table(rows)
}
