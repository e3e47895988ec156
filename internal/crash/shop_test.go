package crash_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hongbao.example/hongbao"
)

// The merchant, and what it starts with.
const (
	mchID = "10000098"
	appID = "wx8888888888888888"
	kid   = "app-1"
	funds = 10_000_000_00 // fen
)

// A backend is a database in which servers keep their books.
type backend struct {
	name string
	// servers is how many processes share it. They have one address in links.
	servers int
	// init are further arguments of `hongbao init`, which makes the database.
	init []string
	// env is the further environment of every hongbao process, NAME=VALUE.
	env []string
	// set is more of the configuration, as shop.set takes it.
	set map[string]string
}

// sqlite is one file and the one process that it admits.
func sqlite(*testing.T) backend { return backend{name: "sqlite", servers: 1} }

// A shop is a folder with a database, a merchant who has money, and servers, which
// openShop does not start.
type shop struct {
	backend
	bin     string
	dir     string
	key     hongbao.Secret
	ticket  ed25519.PrivateKey
	life    time.Duration // of packets
	servers []*server
}

// openShop makes a shop the way an operator does, with the command line alone. The
// folder stays if the test fails.
func openShop(t *testing.T, b backend, life time.Duration) *shop {
	t.Helper()
	dir, err := os.MkdirTemp("", "hongbao-crash-"+b.name+"-")
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the folder stays: %s", dir)
			return
		}
		must(t, os.RemoveAll(dir))
	})
	s := &shop{backend: b, bin: binary(t), dir: dir, life: life}
	base := freeAddress(t)
	s.mustRun(t, append([]string{"init", dir, "--listen", base, "--mch-id", mchID, "--appid", appID}, b.init...)...)
	config := s.config(0)
	must(t, set(config, config, map[string]string{
		"life": fmt.Sprintf("%q", life), "claims_per_s": "0", "log_level": `"warn"`,
	}))
	must(t, set(config, config, b.set))
	for i := range b.servers {
		listen, ops := base, freeAddress(t)
		if i > 0 {
			listen = freeAddress(t)
		}
		must(t, set(config, s.config(i), map[string]string{
			"listen": fmt.Sprintf("%q", listen), "ops_listen": fmt.Sprintf("%q", ops),
		}))
		s.servers = append(s.servers, newServer(t, s, i, listen, ops))
	}
	text, err := os.ReadFile(filepath.Join(dir, mchID+".key"))
	must(t, err)
	s.key = hongbao.Secret(strings.TrimSpace(string(text)))
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	s.ticket = private
	s.mustRun(t, "merchant", "ticket-key", mchID, kid, "--public-key", base64.RawURLEncoding.EncodeToString(public), "--config", config)
	s.mustRun(t, "merchant", "set", mchID, "--unlimited", "--config", config)
	s.mustRun(t, "merchant", "fund", mchID, fmt.Sprint(funds/100), "--ref", "start", "--config", config)
	return s
}

// config is the file by which a server runs.
func (s *shop) config(i int) string {
	if i == 0 {
		return filepath.Join(s.dir, "hongbao.toml")
	}
	return filepath.Join(s.dir, fmt.Sprintf("hongbao-%d.toml", i))
}

// baseURL is the address in links and tickets, whichever server is asked.
func (s *shop) baseURL() string { return s.servers[0].url }

// set reads a configuration and writes it with some keys set to other values.
func set(from, to string, values map[string]string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var b strings.Builder
	found := 0
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, " = ")
		if value, ok := values[name]; ok {
			line, found = name+" = "+value+"\n", found+1
		}
		b.WriteString(line)
	}
	if found != len(values) {
		return fmt.Errorf("%s: not all of %v are there, each once", from, values)
	}
	return os.WriteFile(to, []byte(b.String()), 0o600)
}

// run runs the command line to its end.
func (s *shop) run(args ...string) (stdout string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.bin, args...)
	cmd.Env = append(os.Environ(), s.env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("hongbao %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), nil
}

func (s *shop) mustRun(t *testing.T, args ...string) {
	t.Helper()
	_, err := s.run(args...)
	must(t, err)
}

// verify audits every book. Servers may be running, and writing.
func (s *shop) verify() error {
	_, err := s.run("verify", "--deep", "--config", s.config(0))
	return err
}

// balance is what the merchant has, in fen.
func (s *shop) balance() (int64, error) {
	out, err := s.run("merchant", "show", mchID, "--json", "--config", s.config(0))
	if err != nil {
		return 0, err
	}
	var m struct {
		Balance int64 `json:"balance"`
	}
	return m.Balance, json.Unmarshal([]byte(out), &m)
}

// A packet is what the books have of a packet.
type packet struct {
	SendListID string `json:"send_listid"`
	BillNo     string `json:"mch_billno"`
	Total      int64  `json:"total_amount"` // fen, as all below
	Claimed    int64  `json:"claimed"`
	Refunded   int64  `json:"refunded"`
	Returned   int64  `json:"returned"` // of what was claimed
}

// packets are all packets of the merchant, by bill number.
func (s *shop) packets() (map[string]packet, error) {
	out, err := s.run("packet", "list", mchID, "--limit", "100000", "--json", "--config", s.config(0))
	if err != nil {
		return nil, err
	}
	var list []packet
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, err
	}
	byBill := make(map[string]packet, len(list))
	for _, p := range list {
		byBill[p.BillNo] = p
	}
	return byBill, nil
}

// lastPort is the port that was given away last.
var lastPort atomic.Int64

// freeAddress is one to listen on, again and again: its port is not of those that
// the system gives to whoever connects.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		at := fmt.Sprintf("127.0.0.1:%d", 10000+(int64(os.Getpid())*37+lastPort.Add(1))%10000)
		l, err := net.Listen("tcp", at)
		if err == nil {
			must(t, l.Close())
			return at
		}
	}
	t.Fatal("no free port")
	return ""
}
