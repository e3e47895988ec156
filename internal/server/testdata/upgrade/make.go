// Command make lets a released hongbao live through everything that can happen to a
// packet, and keeps the database that this leaves, and what its callers were answered:
//
//	go run ./internal/server/testdata/upgrade/make.go HONGBAO FOLDER
//
// It takes some two minutes, most of which it waits for time to pass. README.md says
// what for.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"hongbao.example/hongbao"
)

// What the release is set up with.
const (
	listen  = "127.0.0.1:18480"
	baseURL = "http://" + listen
	shop    = "1900000001" // sends most packets; its API key was changed
	agent   = "1900000002" // a service provider
	closed  = "1900000003" // has sent nothing
	appID   = "wx8888888888888888"
	seed    = "oSeed000000000000000000000001"
	kid     = "app-1"
)

// answers are what a later release must answer as this one did.
type answers struct {
	MadeAt      time.Time         `json:"made_at"`
	BaseURL     string            `json:"base_url"`
	InstanceKey string            `json:"instance_key"`
	APIKeys     map[string]string `json:"api_keys"`    // by mch_id
	OldAPIKey   string            `json:"old_api_key"` // of the shop, valid for a week
	TicketKey   string            `json:"ticket_key"`  // of the shop: Ed25519 seed, base64url
	TicketKeyID string            `json:"ticket_key_id"`
	UsedTicket  ticket            `json:"used_ticket"`
	Calls       []call            `json:"calls"`
	Claims      []claim           `json:"claims"`
	Pages       []page            `json:"pages"`
	Open        string            `json:"open"`     // bill number of a packet with shares left
	Balances    map[string]int64  `json:"balances"` // by mch_id, in fen
}

// call is a call of the merchant's interface, and its answer.
type call struct {
	MchID  string              `json:"mch_id"`
	Name   string              `json:"name"`
	Fields map[string]string   `json:"fields"`
	Answer map[string]string   `json:"answer"`
	Claims []map[string]string `json:"claims,omitempty"`
}

// claim is a claim by ticket, and its answer but for the payout's word.
type claim struct {
	Token   string         `json:"token"`
	ListID  string         `json:"send_listid"`
	Subject string         `json:"subject"`
	Answer  map[string]any `json:"answer"`
}

// page is something that anybody may read.
type page struct {
	Path   string         `json:"path"`
	Answer map[string]any `json:"answer"`
}

type ticket struct {
	Token  string `json:"token"` // of the link
	Ticket string `json:"ticket"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: make HONGBAO FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

// life is a release at work.
type life struct {
	binary, dir string
	server      *exec.Cmd
	ticketKey   ed25519.PrivateKey
	kept        answers
	clients     map[string]*hongbao.Client
	numbers     int
}

func run(binary, out string) error {
	dir, err := os.MkdirTemp("", "hongbao-upgrade-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	l := &life{binary: binary, dir: dir, clients: make(map[string]*hongbao.Client)}
	l.kept = answers{BaseURL: baseURL, TicketKeyID: kid, APIKeys: map[string]string{}, Balances: map[string]int64{}}
	for _, step := range []func() error{l.found, l.short, l.unpaid, l.long, l.stop, l.keep} {
		if err := step(); err != nil {
			return errors.Join(err, l.stop())
		}
	}
	text, err := json.MarshalIndent(l.kept, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	db, err := os.ReadFile(filepath.Join(dir, "hongbao.db"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(out, "sqlite.db"), db, 0o644),
		os.WriteFile(filepath.Join(out, "answers.json"), append(text, '\n'), 0o644))
}

// found makes the database, the merchants and their keys.
func (l *life) found() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	l.ticketKey = private
	l.kept.TicketKey = base64.RawURLEncoding.EncodeToString(private.Seed())
	if err := l.command("init", l.dir, "--listen", listen, "--ops-listen", "127.0.0.1:18481", "--mch-id", shop, "--name", "巷口茶铺", "--appid", appID); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"merchant", "add", agent, "--name", "服务商", "--appid", appID},
		{"merchant", "add", closed, "--name", "Nothing yet", "--appid", "wx1,wx2", "--life", "48h"},
		{"merchant", "set", shop, "--seed-day-num", "20"},
		{"merchant", "set", agent, "--strict", "--err-code-zero", "--sub-mch-id", "1900000099", "--scene", "PRODUCT_2=0.30-500"},
		{"merchant", "set", closed, "--send", "closed", "--source", "192.0.2.0/24", "--night-ban", "--day-num", "10", "--total-max", "500"},
		{"merchant", "fund", shop, "5000.00", "--ref", "bank-1"},
		{"merchant", "withdraw", shop, "12.34", "--ref", "bank-2"},
		{"merchant", "fund", agent, "1000.00", "--ref", "bank-1"},
		{"merchant", "fund", closed, "0.01", "--ref", "bank-1"},
		{"merchant", "ticket-key", shop, kid, "--public-key", base64.RawURLEncoding.EncodeToString(public)},
		{"merchant", "ticket-key", agent, kid, "--public-key", base64.RawURLEncoding.EncodeToString(public)},
		{"merchant", "ticket-key", shop, "lost", "--public-key", base64.RawURLEncoding.EncodeToString(public)},
		{"merchant", "ticket-key", shop, "lost", "--end"},
	} {
		if err := l.command(append(args, "--dir", l.dir)...); err != nil {
			return err
		}
	}
	return nil
}

// short is a life in which packets end after seconds.
func (l *life) short() error {
	if err := l.start("3s", "sandbox"); err != nil {
		return err
	}
	if l.kept.OldAPIKey = l.secret(shop + ".key"); l.kept.OldAPIKey == "" {
		return errors.New("the shop has no key")
	}
	half, err := l.send(shop, "sendgroupredpack", 4)
	if err != nil {
		return err
	}
	none, err := l.send(shop, "sendgroupredpack", 3)
	if err != nil {
		return err
	}
	if err := l.claims(half, seed, "payout-refused-1"); err != nil {
		return err
	}
	for _, sent := range []map[string]string{half, none} {
		if err := l.until(func() (bool, error) {
			a, err := l.call(shop, "gethbinfo", l.question(sent), false)
			return err == nil && a["status"] == "REFUND", err
		}); err != nil {
			return err
		}
	}
	return l.stop()
}

// unpaid is a life in which nobody is paid from here.
func (l *life) unpaid() error {
	if err := l.start("72h", "none"); err != nil {
		return err
	}
	for _, people := range [][]string{{seed, "oFriend6"}, {seed, "oFriend6", "oFriend7"}} {
		sent, err := l.send(shop, "sendgroupredpack", 3)
		if err != nil {
			return err
		}
		if err := l.claims(sent, people...); err != nil {
			return err
		}
	}
	return l.stop()
}

// long is a life in which packets stay.
func (l *life) long() error {
	if err := l.command("merchant", "key", shop, "--dir", l.dir); err != nil {
		return err
	}
	delete(l.clients, shop)
	if err := l.start("72h", "sandbox"); err != nil {
		return err
	}
	var sent []map[string]string
	for i, of := range []struct {
		mchID, call string
		num         int
		people      []string
	}{
		{shop, "sendgroupredpack", 5, nil},
		{shop, "sendgroupredpack", 12, []string{seed, "oFriend1", "payout-mend-1", "payout-mend-2", "payout-never-1", "payout-confirm-1", "payout-lapse-1", "payout-lost-1"}},
		{shop, "sendgroupredpack", 3, []string{seed, "oFriend1", "payout-refused-2"}},
		{shop, "sendredpack", 1, []string{seed}},
		{shop, "sendgroupredpack", 4, []string{seed, "oFriend2"}}, // held
		{shop, "sendgroupredpack", 4, []string{seed}},             // held and released
		{shop, "sendgroupredpack", 4, []string{seed, "oFriend3"}}, // ended
		{agent, "sendgroupredpack", 6, []string{seed, "oFriend1", "oFriend4"}},
		{agent, "sendredpack", 1, nil},
	} {
		s, err := l.send(of.mchID, of.call, of.num)
		if err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
		if err := l.claims(s, of.people...); err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
		sent = append(sent, s)
	}
	open, held, released, ended := sent[1], sent[4], sent[5], sent[6]
	l.kept.Open = open["mch_billno"]
	for _, args := range [][]string{
		{"hold", held["send_listid"]}, {"hold", released["send_listid"]}, {"release", released["send_listid"]}, {"end", ended["send_listid"]},
	} {
		if err := l.command("packet", args[0], args[1], "--reason", "for the record", "--dir", l.dir); err != nil {
			return err
		}
	}
	if err := l.claims(released, "oFriend5"); err != nil {
		return err
	}
	if err := l.enter(open, "oVisitor"); err != nil {
		return err
	}
	return l.grow(open)
}

// grow lets payouts of a packet come as far as they can, and leaves some under way.
func (l *life) grow(open map[string]string) error {
	if err := l.untilWord(open, "payout-lost-1", "paid"); err != nil {
		return err
	}
	time.Sleep(65 * time.Second) // who is to be paid anew may come back after a minute
	if err := l.untilWord(open, "payout-mend-1", "paid"); err != nil {
		return err
	}
	if err := l.claims(open, "payout-accepted-1", "payout-unknown-1"); err != nil {
		return err
	}
	for _, who := range []string{"payout-accepted-1", "payout-unknown-1"} {
		if err := l.untilWord(open, who, "moving"); err != nil {
			return err
		}
	}
	l.kept.MadeAt = time.Now().UTC()
	for _, c := range l.kept.Calls {
		if c.Name == "gethbinfo" {
			continue
		}
		q := l.question(c.Answer)
		if _, err := l.call(c.MchID, "gethbinfo", q, true); err != nil {
			return err
		}
		if err := l.page(token(c.Answer["claim_url"]) + "/proof"); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps what only the folder knows.
func (l *life) keep() error {
	l.kept.InstanceKey = l.secret("instance.key")
	for _, mchID := range []string{shop, agent, closed} {
		l.kept.APIKeys[mchID] = l.secret(mchID + ".key")
	}
	out, err := exec.Command(l.binary, "merchant", "list", "--json", "--dir", l.dir).Output()
	if err != nil {
		return err
	}
	var all []struct {
		MchID   string `json:"mch_id"`
		Balance int64  `json:"balance"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	for _, m := range all {
		l.kept.Balances[m.MchID] = m.Balance
	}
	if _, err := os.Stat(filepath.Join(l.dir, "hongbao.db-wal")); err == nil {
		return errors.New("a log is left")
	}
	return l.command("verify", "--deep", "--dir", l.dir)
}

func (l *life) command(args ...string) error {
	out, err := exec.Command(l.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("hongbao %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (l *life) secret(name string) string {
	text, _ := os.ReadFile(filepath.Join(l.dir, name)) // what is missing shows
	return strings.TrimSpace(string(text))
}

// start serves packets that live so long and are paid through a channel.
func (l *life) start(lifetime, channel string) error {
	name := filepath.Join(l.dir, "hongbao.toml")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`(?m)^life = .*$`).ReplaceAll(text, []byte(`life = "`+lifetime+`"`))
	text = regexp.MustCompile(`(?m)^channel = .*$`).ReplaceAll(text, []byte(`channel = "`+channel+`"`))
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	l.server = exec.Command(l.binary, "serve", "--dir", l.dir)
	l.server.Stderr = os.Stderr
	if err := l.server.Start(); err != nil {
		return err
	}
	return l.until(func() (bool, error) {
		resp, err := http.Get(baseURL + "/p/x")
		if err != nil {
			return false, nil // not yet
		}
		return true, resp.Body.Close()
	})
}

func (l *life) stop() error {
	if l.server == nil {
		return nil
	}
	err := l.server.Process.Signal(syscall.SIGTERM)
	err = errors.Join(err, l.server.Wait())
	l.server = nil
	return err
}

// until waits for something, for two minutes at most.
func (l *life) until(f func() (bool, error)) error {
	for range 1200 {
		ok, err := f()
		if ok || err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("it never happened")
}

// call makes a call and keeps its answer, if it is one to be kept.
func (l *life) call(mchID, name string, fields map[string]string, keep bool) (map[string]string, error) {
	c := l.clients[mchID]
	if c == nil {
		var err error
		if c, err = hongbao.New(hongbao.Config{BaseURL: baseURL, MchID: mchID, Key: hongbao.Secret(l.secret(mchID + ".key"))}); err != nil {
			return nil, err
		}
		l.clients[mchID] = c
	}
	a, err := c.Chain("v2/mmpaymkttransfers/"+name).Post(context.Background(), hongbao.Fields(fields))
	if err != nil {
		return nil, err
	}
	plain := func(f hongbao.Fields) map[string]string {
		m := maps.Clone(map[string]string(f))
		delete(m, "nonce_str")
		delete(m, "sign")
		return m
	}
	kept := call{MchID: mchID, Name: name, Fields: fields, Answer: plain(a.Fields)}
	for _, f := range a.Claims {
		kept.Claims = append(kept.Claims, plain(f))
	}
	if keep {
		l.kept.Calls = append(l.kept.Calls, kept)
	}
	return kept.Answer, nil
}

// send sends a packet.
func (l *life) send(mchID, name string, num int) (map[string]string, error) {
	l.numbers++
	fields := map[string]string{
		"mch_billno": fmt.Sprintf("%s20261125%010d", mchID, l.numbers), "wxappid": appID, "send_name": "巷口茶铺", "re_openid": seed,
		"total_amount": fmt.Sprint(150 * num), "total_num": fmt.Sprint(num), "wishing": "新茶上市，见者有份", "act_name": "春茶节", "remark": "转给朋友再拆",
	}
	if name == "sendgroupredpack" {
		fields["amt_type"] = "ALL_RAND"
	}
	if mchID == agent {
		fields["sub_mch_id"], fields["msgappid"], fields["scene_id"] = "1900000099", appID, "PRODUCT_2"
	}
	return l.call(mchID, name, fields, true)
}

// question asks about a packet.
func (l *life) question(sent map[string]string) map[string]string {
	return map[string]string{"mch_billno": sent["mch_billno"], "appid": appID, "bill_type": "MCHT"}
}

// claims opens shares of a packet, each by the link of the one before.
func (l *life) claims(sent map[string]string, people ...string) error {
	link := token(sent["claim_url"])
	for _, who := range people {
		answer, err := l.claim(sent, link, who)
		if err != nil {
			return err
		}
		kept := maps.Clone(answer)
		delete(kept, "payout")
		l.kept.Claims = append(l.kept.Claims, claim{Token: link, ListID: sent["send_listid"], Subject: who, Answer: kept})
		own, _ := answer["share_url"].(string)
		link = token(own)
	}
	return nil
}

func (l *life) claim(sent map[string]string, link, who string) (map[string]any, error) {
	req, err := http.NewRequest(http.MethodPost, baseURL+"/p/"+link+"/claim", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+l.ticket(sent, who))
	req.Header.Set("Accept", "application/json")
	return l.ask(req)
}

// untilWord claims a share again until its payout has come that far.
func (l *life) untilWord(sent map[string]string, who, word string) error {
	return l.until(func() (bool, error) {
		a, err := l.claim(sent, token(sent["claim_url"]), who)
		return err == nil && a["payout"] == word, err
	})
}

func (l *life) page(path string) error {
	req, err := http.NewRequest(http.MethodGet, baseURL+"/p/"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	answer, err := l.ask(req)
	l.kept.Pages = append(l.kept.Pages, page{Path: "/p/" + path, Answer: answer})
	return err
}

// enter uses a ticket up.
func (l *life) enter(sent map[string]string, who string) error {
	used := ticket{Token: token(sent["claim_url"]), Ticket: l.ticket(sent, who)}
	req, err := http.NewRequest(http.MethodPost, baseURL+"/p/"+used.Token+"/enter", strings.NewReader(url.Values{"ticket": {used.Ticket}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	l.kept.UsedTicket = used
	_, err = l.ask(req)
	return err
}

func (l *life) ask(req *http.Request) (answer map[string]any, err error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", req.URL.Path, resp.Status, body)
	}
	if err != nil {
		return nil, err
	}
	return answer, json.NewDecoder(bytes.NewReader(body)).Decode(&answer)
}

// ticket is a claim ticket.
func (l *life) ticket(sent map[string]string, who string) string {
	id := make([]byte, 18)
	_, _ = rand.Read(id) // never fails
	now := time.Now().Unix()
	part := func(v any) string {
		text, _ := json.Marshal(v) // of strings and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]any{"typ": "hb-claim+jwt", "alg": "EdDSA", "kid": kid}) + "." + part(map[string]any{
		"iss": sent["mch_id"], "aud": baseURL, "sub": who, "pkt": sent["send_listid"], "iat": now, "exp": now + 300,
		"jti": base64.RawURLEncoding.EncodeToString(id), "name": "名" + who[len(who)-1:],
	})
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(l.ticketKey, []byte(signed)))
}

// token is the last part of a link.
func token(link string) string { return link[strings.LastIndex(link, "/")+1:] }
