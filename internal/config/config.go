// Package config reads the one TOML file that a server runs by.
//
// The file is the manual: example.toml explains every key, its default and what
// zero means, `hongbao init` writes it out, and a test holds it against Default.
// A key that is not known is refused with its line, because a misspelt limit is a
// limit that does not hold. Secrets never stand in the file: a key that needs one
// takes a reference, "file:PATH" or "env:NAME".
package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
)

// Example is the commented configuration file, for a sandbox on loopback: the same
// as Default.
//
//go:embed example.toml
var Example string

// Config is a configuration file, read and checked. Paths in it are absolute.
type Config struct {
	Environment packet.Environment `toml:"environment"`
	BaseURL     string             `toml:"base_url"`
	Listen      string             `toml:"listen"`
	OpsListen   string             `toml:"ops_listen"`
	InstanceKey Secret             `toml:"instance_key"`
	Proxies     []string           `toml:"trusted_proxies"`
	LogLevel    string             `toml:"log_level"`

	TLS      TLS      `toml:"tls"`
	Database Database `toml:"database"`
	Packets  Packets  `toml:"packets"`
	Limits   Limits   `toml:"limits"`
}

// TLS names the server's own certificate. Without one the server speaks plain
// HTTP, which is allowed on loopback and, when asked for, in a sandbox.
type TLS struct {
	Cert     string `toml:"cert"`
	Key      string `toml:"key"`
	ClientCA string `toml:"client_ca"` // who may sign merchants' certificates; empty: nobody
}

// Database says where everything is kept: in a SQLite file, or in PostgreSQL.
type Database struct {
	Path         string `toml:"path"`         // of the SQLite file
	URL          Secret `toml:"url"`          // of the PostgreSQL database; empty: there is a file
	Distribution string `toml:"distribution"` // "citus"; empty: one server has all tables
	CommitScope  string `toml:"commit_scope"` // "queue" or "packet"; empty: what suits the distribution
	Lanes        int    `toml:"lanes"`
}

// Postgres says whether everything is kept in PostgreSQL.
func (d Database) Postgres() bool { return d.URL != "" }

// Scope is what one commit takes on, the default filled in.
func (d Database) Scope() string {
	switch {
	case d.CommitScope != "":
		return d.CommitScope
	case d.Distribution == "citus":
		return "packet"
	default:
		return "queue"
	}
}

// String names the database to an operator.
func (d Database) String() string {
	if d.Postgres() {
		return "of database.url (" + string(d.URL) + ")"
	}
	return d.Path
}

// Packets are the defaults of new packets.
type Packets struct {
	Law         string   `toml:"law"`
	Providers   []string `toml:"providers"`
	Channel     string   `toml:"channel"`
	Life        Duration `toml:"life"`
	RefundDelay Duration `toml:"refund_delay"`
}

// Limits bound what one process takes on.
type Limits struct {
	QueueMax    int      `toml:"queue_max"`
	BatchMax    int      `toml:"batch_max"`
	LiveMax     int      `toml:"live_max"`
	ClaimsPerS  int      `toml:"claims_per_s"` // of one address; 0: no limit
	RequestWait Duration `toml:"request_wait"`
	StopWait    Duration `toml:"stop_wait"`
}

// Bounds of durations.
const (
	refundDelayMax = Duration(time.Hour)
	requestWaitMax = Duration(30 * time.Second) // well below what a server gives an answer to be written
	stopWaitMin    = Duration(time.Second)
	stopWaitMax    = Duration(time.Minute)
)

const lanesMax = 4

// Default is what holds for keys that a file leaves out.
func Default() Config {
	return Config{
		Environment: packet.Sandbox,
		BaseURL:     "http://127.0.0.1:8080",
		Listen:      "127.0.0.1:8080",
		OpsListen:   "127.0.0.1:9090",
		InstanceKey: "file:instance.key",
		LogLevel:    "info",
		Database:    Database{Path: "hongbao.db", Lanes: 1},
		Packets: Packets{
			Law: "double-mean", Providers: []string{"sandbox", "ticket"}, Channel: "sandbox",
			Life: Duration(24 * time.Hour), RefundDelay: Duration(time.Minute),
		},
		Limits: Limits{
			QueueMax: 8192, BatchMax: 1024, LiveMax: 1_000_000, ClaimsPerS: 50,
			RequestWait: Duration(10 * time.Second), StopWait: Duration(10 * time.Second),
		},
	}
}

// RefundDelay is how long after a packet's end its rest is refunded: at once where
// packets live less than an hour, so that a sandbox can show it.
func (c Config) RefundDelay() time.Duration {
	if time.Duration(c.Packets.Life) < time.Hour {
		return 0
	}
	return time.Duration(c.Packets.RefundDelay)
}

// Duration is a time.Duration written as "90s" or "24h".
type Duration time.Duration

// Std returns d as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalText reads a duration; it must not be negative.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as \"90s\" or \"24h\"", text)
	}
	*d = Duration(v)
	return nil
}

// Secret refers to a secret; it is not one.
type Secret string

// Value fetches what s refers to, without white space at its ends.
func (s Secret) Value() (string, error) {
	where, name, _ := strings.Cut(string(s), ":")
	switch where {
	case "file":
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&0o077 != 0 {
			return "", fmt.Errorf("%s can be read by others; run: chmod 600 %s", name, name)
		}
		if info.Size() > 64<<10 {
			return "", fmt.Errorf("%s: %d bytes are too many for a secret", name, info.Size())
		}
		b, err := os.ReadFile(name) //nolint:gosec // the operator names the file
		return strings.TrimSpace(string(b)), err
	case "env":
		v, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		return strings.TrimSpace(v), nil
	default:
		return "", errors.New(`a secret is given as "file:PATH" or "env:NAME"`)
	}
}

// Read reads and checks the file name.
func Read(name string) (Config, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Config{}, fmt.Errorf("%w; run: hongbao init", err)
		}
		return Config{}, err
	}
	c, err := Parse(string(text))
	if err != nil {
		return Config{}, fmt.Errorf("%s:%w", name, err)
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return Config{}, err
	}
	return c.under(dir), nil
}

// Parse reads and checks a configuration. Its errors begin with the line at fault
// where there is one. Paths stay as they are written.
func Parse(text string) (Config, error) {
	c := Default()
	meta, err := toml.Decode(text, &c)
	if err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return Config{}, fmt.Errorf("%d: %s", p.Position.Line, p.Message)
		}
		return Config{}, fmt.Errorf(" %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, fmt.Errorf("%d: unknown key %s", line(text, unknown[0]), unknown[0])
	}
	if key, problem := c.check(); problem != "" {
		return Config{}, fmt.Errorf("%d: %s: %s", line(text, strings.Split(key, ".")), key, problem)
	}
	return c, nil
}

// under makes the paths in c absolute, relative ones starting from dir.
func (c Config) under(dir string) Config {
	abs := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	c.Database.Path, c.TLS.Cert, c.TLS.Key = abs(c.Database.Path), abs(c.TLS.Cert), abs(c.TLS.Key)
	c.TLS.ClientCA = abs(c.TLS.ClientCA)
	for _, s := range []*Secret{&c.InstanceKey, &c.Database.URL} {
		if p, ok := strings.CutPrefix(string(*s), "file:"); ok {
			*s = Secret("file:" + abs(p))
		}
	}
	return c
}

// check returns the first key whose value does not hold, and what is wrong with it.
func (c Config) check() (key, problem string) {
	sandbox := c.Environment == packet.Sandbox
	base, err := url.Parse(c.BaseURL)
	switch {
	case !sandbox && c.Environment != packet.Production:
		return "environment", `not "sandbox" or "production"`
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return "base_url", "not an http or https address"
	case base.Path != "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return "base_url", "must end with the host: callers compare whole paths, and tickets name it as it stands"
	case !sandbox && base.Scheme != "https":
		return "base_url", "must be https in production"
	case !loopback(c.Listen) && c.TLS.Cert == "" && !sandbox:
		return "listen", "plain HTTP is for loopback only; set tls.cert and tls.key, or listen on 127.0.0.1 behind a proxy"
	case !loopback(c.OpsListen):
		return "ops_listen", "must be a loopback address: it has no authentication"
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return "tls.cert", "goes with tls.key"
	case c.TLS.ClientCA != "" && c.TLS.Cert == "":
		return "tls.client_ca", "goes with tls.cert: over plain HTTP nobody shows a certificate"
	case !sandbox && slices.Contains(c.Packets.Providers, "sandbox"):
		return "packets.providers", "the sandbox provider does not exist in production"
	case !sandbox && c.Packets.Channel == "sandbox":
		return "packets.channel", "the sandbox channel does not exist in production"
	case !sandbox && time.Duration(c.Packets.Life) < time.Hour || time.Duration(c.Packets.Life) < time.Second:
		return "packets.life", "an hour at least; in a sandbox a second"
	case time.Duration(c.Packets.Life) > 72*time.Hour:
		return "packets.life", "72h at most"
	case !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel):
		return "log_level", "not debug, info, warn or error"
	}
	for _, check := range []func() (key, problem string){c.Database.check, c.Packets.check} {
		if key, problem := check(); problem != "" {
			return key, problem
		}
	}
	for _, p := range c.Proxies {
		if _, _, err := net.ParseCIDR(p); err != nil {
			return "trusted_proxies", fmt.Sprintf("%q is not a network such as \"10.0.0.0/8\"", p)
		}
	}
	return c.Limits.check()
}

func (d Database) check() (key, problem string) {
	where, _, named := strings.Cut(string(d.URL), ":")
	switch {
	case d.Path == "" && !d.Postgres():
		return "database.path", "missing"
	case d.Postgres() && (!named || where != "file" && where != "env"):
		return "database.url", `holds a password: give it as "file:PATH" or "env:NAME"`
	case d.Distribution != "" && d.Distribution != "citus":
		return "database.distribution", fmt.Sprintf("%q is not \"citus\", nor empty", d.Distribution)
	case d.Distribution != "" && !d.Postgres():
		return "database.distribution", "goes with database.url"
	case d.CommitScope != "" && d.CommitScope != "queue" && d.CommitScope != "packet":
		return "database.commit_scope", fmt.Sprintf("%q is not \"queue\" or \"packet\", nor empty", d.CommitScope)
	case d.CommitScope == "queue" && d.Distribution == "citus":
		return "database.commit_scope", `must be "packet" under citus: a commit cannot lock packets of several nodes`
	case d.Lanes < 1 || d.Lanes > lanesMax:
		return "database.lanes", fmt.Sprintf("%d is not between 1 and %d", d.Lanes, lanesMax)
	case d.Lanes > 1 && !d.Postgres():
		return "database.lanes", "must be 1 in a file, which has one writer"
	}
	return "", ""
}

func (p Packets) check() (key, problem string) {
	if !slices.Contains(split.Laws(), split.Law(p.Law)) {
		return "packets.law", fmt.Sprintf("%q is not one of %q", p.Law, split.Laws())
	}
	if len(p.Providers) == 0 {
		return "packets.providers", "name one at least, or nobody can claim"
	}
	for i, name := range p.Providers {
		if name != "sandbox" && name != "ticket" {
			return "packets.providers", fmt.Sprintf("no provider is called %q", name)
		}
		if slices.Contains(p.Providers[:i], name) {
			return "packets.providers", fmt.Sprintf("%q is named twice", name)
		}
	}
	if p.Channel != "sandbox" && p.Channel != "none" {
		return "packets.channel", fmt.Sprintf("no channel is called %q", p.Channel)
	}
	if p.RefundDelay > refundDelayMax {
		return "packets.refund_delay", fmt.Sprintf("%s at most", refundDelayMax.Std())
	}
	return "", ""
}

func (l Limits) check() (key, problem string) {
	for _, n := range []struct {
		key      string
		v        int
		min, max int
	}{
		{"limits.queue_max", l.QueueMax, 1, 1 << 20},
		{"limits.batch_max", l.BatchMax, 1, 1 << 16},
		{"limits.live_max", l.LiveMax, 1000, 1 << 28},
		{"limits.claims_per_s", l.ClaimsPerS, 0, 1 << 20},
	} {
		if n.v < n.min || n.v > n.max {
			return n.key, fmt.Sprintf("%d is not between %d and %d", n.v, n.min, n.max)
		}
	}
	switch {
	case l.RequestWait == 0 || l.RequestWait > requestWaitMax:
		return "limits.request_wait", fmt.Sprintf("must be above zero and %s at most", requestWaitMax.Std())
	case l.StopWait < stopWaitMin || l.StopWait > stopWaitMax:
		return "limits.stop_wait", fmt.Sprintf("must be %s to %s", stopWaitMin.Std(), stopWaitMax.Std())
	}
	return "", ""
}

// loopback says whether a listener's address is reachable from this machine alone.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// line finds the line on which a key is set; 0 if it is not.
func line(text string, key []string) int {
	table := strings.Join(key[:len(key)-1], ".")
	current := ""
	n := 0
	for l := range strings.Lines(text) {
		n++
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "[") {
			current = strings.Trim(strings.TrimSpace(strings.SplitN(l, "#", 2)[0]), "[] ")
			if current == strings.Join(key, ".") {
				return n
			}
			continue
		}
		name, _, ok := strings.Cut(l, "=")
		name = strings.Trim(strings.TrimSpace(name), `"'`)
		if ok && current == table && (name == key[len(key)-1]) {
			return n
		}
	}
	return 0
}
