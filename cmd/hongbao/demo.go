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
	"os"
	"path/filepath"
	"syscall"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
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
	demoFunds  = 1_000_000 * money.Yuan
	demoListen = "127.0.0.1:8080"
	demoKid    = "demo"
)

// demoCmd is `hongbao demo`.
type demoCmd struct {
	Listen  string        `placeholder:"HOST:PORT" help:"Where to listen (default: 127.0.0.1:8080, or any port if that is taken)."`
	BaseURL string        `name:"base-url" placeholder:"URL" help:"Address that links carry, where it is not the one listened on: a phone's view of this machine."`
	Dir     string        `placeholder:"DIR" help:"Keep everything in this folder, and open what is there (default: a new temporary folder)."`
	Life    time.Duration `placeholder:"DURATION" help:"How long packets live, from 1s, so that expiry and refund can be seen (default: 24h)."`
	JSON    bool          `name:"json" help:"Print one line of JSON when ready, for programs."`
}

// demoSecrets is what the demo keeps in its folder beside the database, so that a
// restart has the same keys.
type demoSecrets struct {
	Key    string `json:"key"`
	Ticket []byte `json:"ticket_seed"`
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
	if c.Life != 0 && c.Life < time.Second {
		return &exitError{2, fmt.Errorf("--life %s: a second at least", c.Life)}
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	secrets, err := c.prepare(p, dir)
	if err != nil {
		return err
	}
	s, err := c.start(p, dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	if err := c.greet(ctx, p, s, dir, secrets); err != nil {
		cancel()
		return errors.Join(err, <-served)
	}
	return <-served
}

// folder is where the demo lives, as an absolute path.
func (c *demoCmd) folder() (string, error) {
	if c.Dir == "" {
		return os.MkdirTemp("", "hongbao-demo-")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Abs(c.Dir)
}

// prepare makes what is not there yet: configuration, keys, database, merchant.
// What is there stays.
func (c *demoCmd) prepare(p *program, dir string) (demoSecrets, error) {
	secrets, err := demoKeys(filepath.Join(dir, "demo.json"))
	if err != nil {
		return demoSecrets{}, err
	}
	cfg, err := config.Read(filepath.Join(dir, configName))
	if errors.Is(err, fs.ErrNotExist) {
		cfg, err = create(p.ctx, dir, packet.Sandbox, map[string]string{"claims_per_s": "0", "log_level": quoted("warn")})
	}
	if err != nil {
		return demoSecrets{}, err
	}
	core, err := server.OpenCore(p.ctx, cfg, server.Options{Log: p.logger("warn")}, false)
	if err != nil {
		return demoSecrets{}, err
	}
	return secrets, errors.Join(demoMerchant(p.ctx, core.Engine, secrets), core.Close())
}

// demoKeys reads the folder's keys, or draws them.
func demoKeys(name string) (s demoSecrets, err error) {
	text, err := os.ReadFile(name) //nolint:gosec // the operator names the folder
	if err == nil {
		return s, json.Unmarshal(text, &s)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s = demoSecrets{Key: newAPIKey(), Ticket: make([]byte, ed25519.SeedSize)}
	_, _ = rand.Read(s.Ticket) // never fails
	if text, err = json.Marshal(s); err != nil {
		return s, err
	}
	return s, writeNew(name, text, 0o600)
}

// demoMerchant adds merchant, keys and balance, each once.
func demoMerchant(ctx context.Context, e *engine.Engine, s demoSecrets) error {
	m := store.Merchant{MchID: demoMchID, Name: "天虹百货", Settings: store.Settings{
		AppIDs: []string{demoAppID}, Providers: []string{"sandbox", "ticket"}, Unlimited: true,
	}}
	public, ok := ed25519.NewKeyFromSeed(s.Ticket).Public().(ed25519.PublicKey)
	if !ok {
		return errors.New("demo.json: no ticket key")
	}
	for _, step := range []func() error{
		func() error { return e.AddMerchant(ctx, m) },
		func() error { _, err := e.AddAPIKey(ctx, demoMchID, s.Key, 0); return err },
		func() error {
			return e.AddTicketKey(ctx, demoMchID, engine.TicketKey{ID: demoKid, Alg: "EdDSA", Public: public})
		},
		func() error { _, err := e.Fund(ctx, demoMchID, demoFunds, "demo"); return err },
	} {
		if err := step(); err != nil && !isConflict(err) {
			return err
		}
	}
	return nil
}

// start serves the folder where the flags say. The address is noted in the
// configuration, so that other commands find the server.
func (c *demoCmd) start(p *program, dir string) (*server.Server, error) {
	name := filepath.Join(dir, configName)
	cfg, err := config.Read(name)
	if err != nil {
		return nil, err
	}
	cfg.Listen, cfg.OpsListen, cfg.BaseURL = c.Listen, "127.0.0.1:0", c.BaseURL
	if c.Listen == "" {
		cfg.Listen = demoListen
	}
	if c.Life != 0 {
		cfg.Packets.Life = config.Duration(c.Life)
	}
	o := server.Options{Log: p.logger("warn"), Version: version()}
	s, err := server.New(p.ctx, cfg, o)
	if errors.Is(err, syscall.EADDRINUSE) && c.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
		s, err = server.New(p.ctx, cfg, o)
	}
	return s, err
}

// greet sends the demo's packet, the same at every start, and prints how to go on.
func (c *demoCmd) greet(ctx context.Context, p *program, s *server.Server, dir string, secrets demoSecrets) error {
	client, err := hongbao.New(hongbao.Config{BaseURL: s.LocalURL(), MchID: demoMchID, Key: hongbao.Secret(secrets.Key)})
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
		MchID: demoMchID, AppID: demoAppID, Key: secrets.Key,
		ClaimURL: sent.ClaimURL, SendListID: sent.SendListID, SeedOpenID: demoSeed, Balance: book.Balance,
		TicketKeyID: demoKid, TicketPrivateKey: base64.RawURLEncoding.EncodeToString(secrets.Ticket),
	}
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(ready)
	}
	return welcome(p, ready)
}

// demoPacket is the packet of the protocol's documentation.
func demoPacket(billNo string) hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: demoAppID, SendName: "天虹百货", ReOpenID: demoSeed,
		TotalAmount: 1000, TotalNum: 5, Wishing: "感谢您参加猜灯谜活动，祝您元宵节快乐！",
		ActName: "猜灯谜抢红包活动", Remark: "猜越多得越多，快来抢！",
	}
}

// isConflict says whether something is there already.
func isConflict(err error) bool { return fault.CodeOf(err) == fault.Conflict }
