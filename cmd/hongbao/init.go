package main

import (
	"cmp"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
)

// initCmd is `hongbao init`.
type initCmd struct {
	Dir         string             `arg:"" optional:"" default:"." help:"Folder to write into (default: this one)."`
	Environment packet.Environment `enum:"sandbox,production" default:"sandbox" placeholder:"sandbox|production" help:"sandbox moves no real money; production does. Cannot be changed later."`
	BaseURL     string             `name:"base-url" placeholder:"URL" help:"Address that people's links carry, such as https://hb.example (default in a sandbox: where it listens)."`
	Listen      string             `placeholder:"HOST:PORT" help:"Where to listen (default: 127.0.0.1:8080)."`
	OpsListen   string             `name:"ops-listen" placeholder:"HOST:PORT" help:"Where the operator looks, on loopback (default: 127.0.0.1:9090)."`
	Database    string             `name:"database-url" placeholder:"file:PATH|env:NAME" help:"Where the URL of an empty PostgreSQL database is (default: everything goes into an SQLite file)."`
	Citus       bool               `help:"Spread the tables over the nodes of a Citus cluster; goes with --database-url."`
	MchID       string             `name:"mch-id" default:"10000098" placeholder:"MCH_ID" help:"Number of the first merchant (default: ${default})."`
	Name        string             `default:"My shop" placeholder:"NAME" help:"Name of the first merchant (default: ${default})."`
	AppIDs      []string           `name:"appid" default:"wx8888888888888888" placeholder:"APPID" help:"wxappids it may send under (default: ${default})."`
}

// Run makes configuration, instance key, database and merchant, and says what to
// do next. It overwrites nothing.
func (c *initCmd) Run(p *program) error {
	if c.Environment == packet.Production && c.BaseURL == "" {
		return usage("production needs --base-url https://YOUR.HOST")
	}
	m, err := newMerchant(c.MchID, c.Name, c.AppIDs, 0)
	if err != nil {
		return err
	}
	base := c.BaseURL
	if base == "" && c.Listen != "" {
		base = "http://" + c.Listen
	}
	keys, err := c.database()
	if err != nil {
		return err
	}
	keys["base_url"], keys["listen"], keys["ops_listen"] = quoted(base), quoted(c.Listen), quoted(c.OpsListen)
	text, err := configuration(c.Environment, keys)
	if err != nil {
		return err
	}
	resumed, err := furnish(p, c.Dir, text, func(core *server.Core, dir string) error {
		return addMerchant(p.ctx, core.Engine, m, filepath.Join(dir, keyName(c.MchID)))
	})
	if err != nil {
		return err
	}
	file := filepath.Join(c.Dir, configName)
	if resumed {
		p.printf("An init that was cut off has been finished, with the flags it was given then.\nSee  hongbao merchant list --config %s\n", file)
		return nil
	}
	keyFile := filepath.Join(c.Dir, keyName(c.MchID))
	p.printf("Wrote\n")
	if err := p.table([][]string{
		{"", file, "the configuration, with every key explained"},
		{"", filepath.Join(c.Dir, instanceName), "keep a copy apart from the database; without it the database cannot be read"},
		{"", cmp.Or(c.Database, filepath.Join(c.Dir, databaseName)), "the " + string(c.Environment) + " database, with merchant " + c.MchID},
		{"", keyFile, "the merchant's API key, for its SDK"},
	}); err != nil {
		return err
	}
	p.printf(`
Next
  hongbao merchant fund %s 1000.00 --ref first-funding --config %s
  hongbao serve --config %s
`, c.MchID, file, file)
	if c.Environment == packet.Production {
		p.printf(`
Production wants the merchant's calls to show a client certificate:
  hongbao ca init --config %s
  hongbao merchant cert %s --config %s
or none, if something in front of the server checks who is calling:
  hongbao merchant set %s --cert-policy off --config %s
`, file, c.MchID, file, c.MchID, file)
	}
	return nil
}

// database is what the configuration says of the database.
func (c *initCmd) database() (map[string]string, error) {
	url := c.Database
	if path, ok := strings.CutPrefix(url, "file:"); ok { // seen from here, not from the folder
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		url = "file:" + path
	}
	keys := map[string]string{"url": quoted(url)}
	if c.Citus {
		keys["distribution"] = quoted("citus")
	}
	return keys, nil
}

// quoted is a TOML string, or nothing for nothing.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

// configured sets keys in a configuration's text and leaves its comments alone. A
// key with an empty value stays as it is. What the configuration's own check would
// refuse is refused.
func configured(text string, set map[string]string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		name, _, ok := strings.Cut(line, " = ")
		if value := set[name]; ok && value != "" {
			line = name + " = " + value + "\n"
		}
		b.WriteString(line)
	}
	if _, err := config.Parse(b.String()); err != nil {
		_, problem, _ := strings.Cut(err.Error(), ": ") // after the line, in a file that nobody has seen
		return "", &exitError{2, errors.New(problem)}
	}
	return b.String(), nil
}

// hours reads a packet's life as settings keep it; 0 stays 0, the default.
func hours(life time.Duration) (int, error) {
	if life == 0 {
		return 0, nil
	}
	if life%time.Hour != 0 || life < time.Hour || life > 72*time.Hour {
		return 0, usage("--life %s: whole hours, 1h to 72h", life)
	}
	return int(life / time.Hour), nil
}
