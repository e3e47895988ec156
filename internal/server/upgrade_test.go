package server_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// answers are what a release answered, as testdata/upgrade/make.go keeps it.
type answers struct {
	MadeAt      time.Time         `json:"made_at"`
	BaseURL     string            `json:"base_url"`
	InstanceKey string            `json:"instance_key"`
	APIKeys     map[string]string `json:"api_keys"`
	OldAPIKey   string            `json:"old_api_key"`
	TicketKey   string            `json:"ticket_key"`
	TicketKeyID string            `json:"ticket_key_id"`
	UsedTicket  struct {
		Token  string `json:"token"`
		Ticket string `json:"ticket"`
	} `json:"used_ticket"`
	Calls    []pastCall       `json:"calls"`
	Claims   []pastClaim      `json:"claims"`
	Pages    []pastPage       `json:"pages"`
	Open     string           `json:"open"`
	Balances map[string]int64 `json:"balances"`
}

type pastCall struct {
	MchID  string              `json:"mch_id"`
	Name   string              `json:"name"`
	Fields map[string]string   `json:"fields"`
	Answer map[string]string   `json:"answer"`
	Claims []map[string]string `json:"claims"`
}

type pastClaim struct {
	Token   string         `json:"token"`
	ListID  string         `json:"send_listid"`
	Subject string         `json:"subject"`
	Answer  map[string]any `json:"answer"`
}

type pastPage struct {
	Path   string         `json:"path"`
	Answer map[string]any `json:"answer"`
}

// TestUpgrade opens the databases of earlier releases with this one, lets it answer
// what they have answered, and lives on.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for name, revive := range map[string]func(u *upgrade, old []byte){"sqlite.db": (*upgrade).inFile, "postgres.sql": (*upgrade).inPostgres} {
		files, err := filepath.Glob("testdata/upgrade/*/" + name)
		must(t, err)
		if len(files) == 0 {
			t.Fatalf("there is no %s of an earlier release", name)
		}
		for _, file := range files {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				u := newUpgrade(t, filepath.Dir(file))
				old, err := os.ReadFile(file)
				must(t, err)
				revive(u, old)
				u.run()
			})
		}
	}
}

// inFile puts a database where it is to be opened.
func (u *upgrade) inFile(old []byte) {
	u.cfg.Database = config.Database{Path: filepath.Join(u.TempDir(), "hongbao.db"), Lanes: 1}
	must(u.T, os.WriteFile(u.cfg.Database.Path, old, 0o600))
}

// inPostgres carries out the statements that make a database.
func (u *upgrade) inPostgres(old []byte) {
	dsn := pgtest.Schema(u.T)
	file := filepath.Join(u.TempDir(), "database.url")
	must(u.T, os.WriteFile(file, []byte(dsn), 0o600))
	u.cfg.Database = config.Database{URL: config.Secret("file:" + file), Lanes: 1, Distribution: pgtest.Distribution()}
	db, err := sql.Open("pgx", dsn)
	must(u.T, err)
	_, err = db.ExecContext(u.Context(), string(old))
	must(u.T, errors.Join(err, db.Close()))
}

// upgrade is a database of an earlier release, and this release on it.
type upgrade struct {
	*testing.T
	was    answers
	cfg    config.Config
	server *server.Server
	clock  time.Duration // what lies between now and the time of the database
}

// newUpgrade reads what a release has answered. The caller says where the database is.
func newUpgrade(t *testing.T, folder string) *upgrade {
	t.Helper()
	u := &upgrade{T: t, cfg: config.Default()}
	text, err := os.ReadFile(filepath.Join(folder, "answers.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &u.was))
	keyFile := filepath.Join(t.TempDir(), "instance.key")
	must(t, os.WriteFile(keyFile, []byte(u.was.InstanceKey), 0o600))
	u.cfg.BaseURL, u.cfg.Listen, u.cfg.OpsListen = u.was.BaseURL, "127.0.0.1:0", "127.0.0.1:0"
	u.cfg.Limits.ClaimsPerS, u.cfg.Packets.Life = 0, config.Duration(72*time.Hour)
	u.cfg.InstanceKey = config.Secret("file:" + keyFile)
	u.clock = time.Until(u.was.MadeAt.Add(time.Minute))
	return u
}

// run audits the database, asks what was asked, goes on, and audits again.
func (u *upgrade) run() {
	open := func() store.Store {
		s, err := server.OpenReadOnly(u.Context(), u.cfg)
		must(u.T, err)
		return s
	}
	core, err := server.OpenCore(u.Context(), u.cfg, server.Options{Now: u.now}, false) // brings the tables up
	must(u.T, err)
	must(u.T, core.Close())
	u.audit(open)
	stop := u.serve()
	u.balances()
	u.repeatCalls()
	u.repeatClaims()
	u.readPages()
	u.useTicketAgain()
	u.goOn()
	must(u.T, stop())
	u.audit(open)

	u.clock += 73 * time.Hour // everything expires
	stop = u.serve()
	u.eventually("the rest is refunded", func() bool {
		a, err := u.client(u.mchOf(u.was.Open)).QueryRedPack(u.Context(), hongbao.Query{MchBillNo: u.was.Open, AppID: appID})
		return err == nil && a.Status == hongbao.StatusRefunded
	})
	must(u.T, stop())
	u.audit(open)
}

func (u *upgrade) now() time.Time { return time.Now().Add(u.clock) }

func (u *upgrade) serve() (stop func() error) {
	u.Helper()
	s, err := server.New(u.Context(), u.cfg, server.Options{Now: u.now})
	must(u.T, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	u.server = s
	return func() error { cancel(); return <-served }
}

func (u *upgrade) audit(open func() store.Store) {
	u.Helper()
	key, err := vault.ParseKey(u.was.InstanceKey)
	must(u.T, err)
	s := open()
	r, err := audit.Run(u.Context(), s, vault.New(key), audit.Options{Deep: true, Environment: packet.Sandbox})
	must(u.T, errors.Join(err, s.Close()))
	if len(r.Findings) > 0 || r.Packets == 0 || r.Payouts == 0 {
		u.Fatalf("%+v", r)
	}
}

func (u *upgrade) balances() {
	for mchID, want := range u.was.Balances {
		book, _, err := u.server.Engine.Statement(u.Context(), mchID, 0, 1)
		if err != nil || int64(book.Balance) != want {
			u.Errorf("%s has %d fen, had %d: %v", mchID, book.Balance, want, err)
		}
	}
}

// mchOf is who sent a packet, by bill number or send_listid.
func (u *upgrade) mchOf(number string) string {
	for _, c := range u.was.Calls {
		if c.Answer["mch_billno"] == number || c.Answer["send_listid"] == number {
			return c.MchID
		}
	}
	u.Fatalf("nobody sent %s", number)
	return ""
}

func (u *upgrade) client(mchID string) *hongbao.Client {
	return u.clientWith(mchID, u.was.APIKeys[mchID])
}

func (u *upgrade) clientWith(mchID, key string) *hongbao.Client {
	u.Helper()
	c, err := hongbao.New(hongbao.Config{BaseURL: u.server.LocalURL(), MchID: mchID, Key: hongbao.Secret(key)})
	must(u.T, err)
	return c
}

// repeatCalls: what was sent is answered as it was, and not with other fields.
func (u *upgrade) repeatCalls() {
	plain := func(f hongbao.Fields) map[string]string {
		delete(f, "nonce_str")
		delete(f, "sign")
		return f
	}
	for _, c := range u.was.Calls {
		endpoint := u.client(c.MchID).Chain("v2/mmpaymkttransfers/" + c.Name)
		got, err := endpoint.Post(u.Context(), hongbao.Fields(c.Fields))
		must(u.T, err)
		var claims []map[string]string
		for _, f := range got.Claims {
			claims = append(claims, plain(f))
		}
		if diff := cmp.Diff(c.Answer, plain(got.Fields)) + cmp.Diff(c.Claims, claims); diff != "" {
			u.Errorf("%s %s (-was +is):\n%s", c.Name, c.Fields["mch_billno"], diff)
		}
		if c.Name == "gethbinfo" {
			continue
		}
		other := hongbao.Fields(c.Fields)
		other["wishing"] = "另一个愿望"
		_, err = endpoint.Post(u.Context(), other)
		if e, ok := errors.AsType[*hongbao.Error](err); !ok || e.Outcome() != hongbao.Refused {
			u.Errorf("%s %s with another wish: %v", c.Name, c.Fields["mch_billno"], err)
		}
	}
	first := u.was.Calls[0]
	if _, err := u.clientWith(first.MchID, u.was.OldAPIKey).QueryRedPack(u.Context(), hongbao.Query{MchBillNo: first.Answer["mch_billno"], AppID: appID}); err != nil {
		u.Errorf("the API key before the last: %v", err)
	}
}

func (u *upgrade) repeatClaims() {
	for _, c := range u.was.Claims {
		status, got := u.claim(c.Token, c.ListID, c.Subject)
		delete(got, "payout")
		if diff := cmp.Diff(c.Answer, got); diff != "" || status != http.StatusOK {
			u.Errorf("%s claims %s: %d (-was +is):\n%s", c.Subject, c.ListID, status, diff)
		}
	}
}

func (u *upgrade) readPages() {
	for _, p := range u.was.Pages {
		req, err := http.NewRequestWithContext(u.Context(), http.MethodGet, u.server.LocalURL()+p.Path, nil)
		must(u.T, err)
		req.Header.Set("Accept", "application/json")
		if status, got := u.ask(req); status != http.StatusOK || cmp.Diff(p.Answer, got) != "" {
			u.Errorf("%s: %d (-was +is):\n%s", p.Path, status, cmp.Diff(p.Answer, got))
		}
	}
}

func (u *upgrade) useTicketAgain() {
	form := url.Values{"ticket": {u.was.UsedTicket.Ticket}}
	req, err := http.NewRequestWithContext(u.Context(), http.MethodPost, u.server.LocalURL()+"/p/"+u.was.UsedTicket.Token+"/enter", strings.NewReader(form.Encode()))
	must(u.T, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if status, got := u.ask(req); status != http.StatusUnauthorized || got["field"] != "jti" {
		u.Errorf("a ticket that was used up: %d, %v", status, got)
	}
}

// goOn claims what was left, sends more, and lets what was under way arrive.
func (u *upgrade) goOn() {
	var sent pastCall
	for _, c := range u.was.Calls {
		if c.Name != "gethbinfo" && c.Answer["mch_billno"] == u.was.Open {
			sent = c
		}
	}
	token, listID := sent.Answer["claim_url"][strings.LastIndex(sent.Answer["claim_url"], "/")+1:], sent.Answer["send_listid"]
	if status, got := u.claim(token, listID, "oNewcomer"); status != http.StatusOK || fmt.Sprint(got["total_num"]) != sent.Answer["total_num"] {
		u.Errorf("a newcomer: %d, %v", status, got)
	}
	for _, who := range []string{"oNewcomer", "payout-unknown-1", "payout-accepted-1"} {
		u.eventually(who+" is paid", func() bool { _, got := u.claim(token, listID, who); return got["payout"] == "paid" })
	}
	if _, err := u.client(sent.MchID).SendGroupRedPack(u.Context(), riddle(sent.MchID+"202611259999999999")); err != nil {
		u.Errorf("another packet: %v", err)
	}
}

// claim claims by a ticket.
func (u *upgrade) claim(token, listID, who string) (int, map[string]any) {
	u.Helper()
	key, err := base64.RawURLEncoding.DecodeString(u.was.TicketKey)
	must(u.T, err)
	now := u.now().Unix()
	ticket := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": u.mchOf(listID), "aud": u.was.BaseURL, "sub": who, "pkt": listID, "iat": now, "exp": now + 300, "jti": strings.Repeat("j", 16),
	})
	ticket.Header["typ"], ticket.Header["kid"] = "hb-claim+jwt", u.was.TicketKeyID
	signed, err := ticket.SignedString(ed25519.NewKeyFromSeed(key))
	must(u.T, err)
	req, err := http.NewRequestWithContext(u.Context(), http.MethodPost, u.server.LocalURL()+"/p/"+token+"/claim", nil)
	must(u.T, err)
	req.Header.Set("Authorization", "Bearer "+signed)
	req.Header.Set("Accept", "application/json")
	return u.ask(req)
}

func (u *upgrade) ask(req *http.Request) (int, map[string]any) {
	u.Helper()
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	must(u.T, err)
	body, err := io.ReadAll(resp.Body)
	must(u.T, errors.Join(err, resp.Body.Close()))
	var answer map[string]any
	must(u.T, json.NewDecoder(bytes.NewReader(body)).Decode(&answer))
	return resp.StatusCode, answer
}

// eventually asks again until something is so.
func (u *upgrade) eventually(what string, is func() bool) {
	u.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(deadline) {
			u.Fatalf("never: %s", what)
		}
	}
}
