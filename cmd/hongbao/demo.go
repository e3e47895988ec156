package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
)

// What the demo's merchant is: the one of the protocol's documentation.
const (
	demoMchID  = "10000098"
	demoAppID  = "wx8888888888888888"
	demoSeed   = "oxTWIuGaIt6gTKsQRLau2M0yL16E"
	demoBillNo = "hongbaodemo0000000000000001"
	demoName   = "天虹百货"
	demoFunds  = 1_000_000 * money.Yuan
	demoKid    = "demo"
)

// What bounds the demo.
const (
	demoLifeMax = 72 * time.Hour
	demoStop    = 10 * time.Second // for callers to be answered; the rest of the exit needs time too
)

// anyPort lets the system pick one.
const anyPort = "127.0.0.1:0"

// ticketName is the file with the key by which the demo's app signs claim tickets.
// It tells a demo's folder from others.
const ticketName = "demo-ticket.key"

// demoCmd is `hongbao demo`.
type demoCmd struct {
	Listen  string         `placeholder:"HOST:PORT" help:"Where to listen (default: 127.0.0.1:8080 or, on a folder that was used before, where it was then; any port if that is taken)."`
	BaseURL string         `name:"base-url" placeholder:"URL" help:"Address that links carry, where it is not the one listened on: a phone's view of this machine."`
	Dir     string         `placeholder:"DIR" help:"Keep everything in this folder, and open what is there (default: a new temporary folder, which stays)."`
	Life    *time.Duration `placeholder:"DURATION" help:"How long packets live that are sent from now on: 1s to 72h, so that expiry and refund can be seen (default: 24h)."`
	JSON    bool           `name:"json" help:"Print one line of JSON when ready, for programs."`
}

// demoReady is what a program reads to drive the demo.
type demoReady struct {
	BaseURL          string             `json:"base_url"`
	OpsURL           string             `json:"ops_url"`
	Dir              string             `json:"dir"`
	Environment      packet.Environment `json:"environment"`
	MchID            string             `json:"mch_id"`
	AppID            string             `json:"wxappid"`
	Key              string             `json:"key"`
	ClaimURL         string             `json:"claim_url"`
	SendListID       string             `json:"send_listid"`
	SeedOpenID       string             `json:"seed_openid"`
	Balance          money.Fen          `json:"balance"`
	TicketKeyID      string             `json:"ticket_key_id"`
	TicketPrivateKey string             `json:"ticket_private_key"` // Ed25519 seed, base64url
}

// Run makes or opens the folder, serves it, sends a packet through the merchant
// API, and says how to go on.
func (c *demoCmd) Run(p *program) error {
	if c.Life != nil && (*c.Life < time.Second || *c.Life > demoLifeMax) {
		return usage("--life %s: 1s to 72h", *c.Life)
	}
	text, err := configuration(packet.Sandbox, map[string]string{
		"listen": quoted(c.Listen), "base_url": quoted(c.BaseURL), "ops_listen": quoted(anyPort), "claims_per_s": "0", "log_level": quoted("warn"),
	})
	if err != nil {
		return err
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	ticket, err := prepare(p, dir, text)
	if err != nil {
		return p.started(err)
	}
	s, err := c.start(p, dir)
	if err != nil {
		return p.started(err)
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	err = c.greet(ctx, p, s, dir, ticket)
	if err == nil || p.ctx.Err() != nil { // told to stop while greeting: no failure
		return <-served
	}
	cancel()
	return errors.Join(err, <-served)
}

// folder is where the demo lives, as an absolute path.
func (c *demoCmd) folder() (string, error) {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "hongbao-demo-"); err != nil {
			return "", err
		}
	}
	return filepath.Abs(dir)
}

// prepare makes the folder's files if there are none, and reads the key of tickets.
func prepare(p *program, dir, text string) (ed25519.PrivateKey, error) {
	_, err := os.Stat(filepath.Join(dir, configName))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = furnish(p, dir, text, func(core *server.Core, dir string) error { return populate(p.ctx, core.Engine, dir) })
	}
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, ticketName)); errors.Is(err, fs.ErrNotExist) {
		return nil, usage("%s was not made by a demo; run: hongbao serve --dir %s", dir, dir)
	}
	return readTicketKey(dir)
}

// populate adds the demo's merchant, keys and balance to a new database.
func populate(ctx context.Context, e *engine.Engine, dir string) error {
	m := store.Merchant{MchID: demoMchID, Name: demoName, Settings: store.Settings{
		AppIDs: []string{demoAppID}, Providers: []string{"sandbox", "ticket"}, Unlimited: true,
	}}
	if err := addMerchant(ctx, e, m, filepath.Join(dir, keyName(demoMchID))); err != nil {
		return err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, ticketName), base64.RawURLEncoding.EncodeToString(private.Seed())+"\n"); err != nil {
		return err
	}
	if err := e.AddTicketKey(ctx, demoMchID, engine.TicketKey{ID: demoKid, Alg: identity.EdDSA, Public: public}); err != nil {
		return err
	}
	_, err = e.Fund(ctx, demoMchID, demoFunds, "demo")
	return err
}

// readTicketKey reads what populate wrote.
func readTicketKey(dir string) (ed25519.PrivateKey, error) {
	text, err := config.Secret("file:" + filepath.Join(dir, ticketName)).Value()
	if err != nil {
		return nil, err
	}
	seed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not a ticket key", filepath.Join(dir, ticketName))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// start serves the folder where the flags say, or where it was served before, and
// notes the addresses in its configuration: there the next start and the other
// commands find them.
func (c *demoCmd) start(p *program, dir string) (*server.Server, error) {
	name := filepath.Join(dir, configName)
	cfg, err := config.Read(name)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, err
	}
	cfg.BaseURL = c.BaseURL
	cfg.Limits.StopWait = min(cfg.Limits.StopWait, config.Duration(demoStop))
	if c.Life != nil {
		cfg.Packets.Life = config.Duration(*c.Life)
	}
	var s *server.Server
	for _, at := range c.addresses(cfg) {
		cfg.Listen, cfg.OpsListen = at[0], at[1]
		s, err = server.New(p.ctx, cfg, server.Options{Log: p.logger("warn"), Version: version()})
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w; name another with --listen", err)
	}
	if err != nil {
		return nil, err
	}
	noted, err := configured(string(text), map[string]string{
		"listen": quoted(samePort(cfg.Listen, s.LocalURL())), "ops_listen": quoted(samePort(cfg.OpsListen, s.OpsURL())), "base_url": quoted(s.URL()),
	})
	if err == nil && noted != string(text) {
		err = rewrite(name, noted)
	}
	return s, err
}

// addresses are the pairs to listen on, for claimants and for the operator, in the
// order in which they are tried.
func (c *demoCmd) addresses(cfg config.Config) [][2]string {
	host, port, _ := net.SplitHostPort(c.Listen)
	if c.Listen != "" && port != "0" {
		return [][2]string{{c.Listen, cfg.OpsListen}, {c.Listen, anyPort}}
	}
	before := cfg.Listen
	if was, _, _ := net.SplitHostPort(before); c.Listen == "" {
		host = was
	} else if was != host {
		before = c.Listen
	}
	return [][2]string{{before, cfg.OpsListen}, {before, anyPort}, {net.JoinHostPort(host, "0"), anyPort}}
}

// samePort is a listening address with the port of a URL.
func samePort(listen, at string) string {
	host, _, _ := net.SplitHostPort(listen)
	u, err := url.Parse(at)
	if err != nil {
		return listen
	}
	return net.JoinHostPort(host, u.Port())
}

// greet sends the demo's packet, the same at every start, and prints how to go on.
func (c *demoCmd) greet(ctx context.Context, p *program, s *server.Server, dir string, ticket ed25519.PrivateKey) error {
	m, err := s.Engine.Merchant(ctx, demoMchID)
	if err != nil {
		return err
	}
	if len(m.APIKeys) == 0 {
		return fmt.Errorf("%s has no API key; run: hongbao merchant key %s --dir %s", demoMchID, demoMchID, dir)
	}
	key := m.APIKeys[0].Secret
	client, err := hongbao.New(hongbao.Config{
		BaseURL: s.LocalURL(), MchID: demoMchID, Key: hongbao.Secret(key),
		HTTPClient: &http.Client{Transport: &http.Transport{}, Timeout: demoStop}, // past any proxy
	})
	if err != nil {
		return err
	}
	sent, err := client.SendGroupRedPack(ctx, demoPacket(demoBillNo))
	if err != nil {
		return fmt.Errorf("send the first packet: %w", err)
	}
	book, _, err := s.Engine.Statement(ctx, demoMchID, 0, 1)
	if err != nil {
		return err
	}
	ready := demoReady{
		BaseURL: s.URL(), OpsURL: s.OpsURL(), Dir: dir, Environment: packet.Sandbox,
		MchID: demoMchID, AppID: demoAppID, Key: key,
		ClaimURL: sent.ClaimURL, SendListID: sent.SendListID, SeedOpenID: demoSeed, Balance: book.Balance,
		TicketKeyID: demoKid, TicketPrivateKey: base64.RawURLEncoding.EncodeToString(ticket.Seed()),
	}
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(ready)
	}
	return welcome(p, ready)
}

// demoPacket is the packet of the protocol's documentation.
func demoPacket(billNo string) hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: demoAppID, SendName: demoName, ReOpenID: demoSeed,
		TotalAmount: 1000, TotalNum: 5, Wishing: "感谢您参加猜灯谜活动，祝您元宵节快乐！",
		ActName: "猜灯谜抢红包活动", Remark: "猜越多得越多，快来抢！",
	}
}
