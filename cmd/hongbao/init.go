package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// initCmd is `hongbao init`.
type initCmd struct {
	Dir         string             `arg:"" optional:"" default:"." help:"Folder to write into (default: this one)."`
	Environment packet.Environment `enum:"sandbox,production" default:"sandbox" help:"sandbox moves no real money; production does. Cannot be changed later."`
	BaseURL     string             `name:"base-url" placeholder:"URL" help:"Address that people's links carry, such as https://hb.example (default in a sandbox: http://127.0.0.1:8080)."`
	MchID       string             `name:"mch-id" default:"10000098" help:"Number of the first merchant."`
	Name        string             `default:"My shop" help:"Name of the first merchant."`
	AppIDs      []string           `name:"appid" default:"wx8888888888888888" help:"wxappids it may send under, separated by commas."`
}

// Run makes configuration, instance key, database and merchant, and says what to
// do next. It overwrites nothing.
func (c *initCmd) Run(p *program) error {
	if c.Environment == packet.Production && c.BaseURL == "" {
		return &exitError{2, errors.New("production needs --base-url https://YOUR.HOST")}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	cfg, err := create(p.ctx, c.Dir, c.Environment, map[string]string{"base_url": quoted(c.BaseURL)})
	if err != nil {
		return err
	}
	core, err := server.OpenCore(p.ctx, cfg, server.Options{Log: p.logger("warn")}, false)
	if err != nil {
		return err
	}
	keyFile := filepath.Join(c.Dir, c.MchID+".key")
	err = addMerchant(p.ctx, core, store.Merchant{MchID: c.MchID, Name: c.Name, Settings: store.Settings{AppIDs: c.AppIDs}}, keyFile)
	if err := errors.Join(err, core.Close()); err != nil {
		return err
	}
	file := filepath.Join(c.Dir, configName)
	p.printf(`Wrote
  %s        the configuration, with every key explained
  %s      keep a copy apart from the database; without it the database cannot be read
  %s        the %s database, with merchant %s
  %s      the merchant's API key, for its SDK

Next
  hongbao merchant fund %s 1000.00 --ref first-funding --config %s
  hongbao serve --config %s
`, file, filepath.Join(c.Dir, "instance.key"), cfg.Database.Path, c.Environment, c.MchID, keyFile, c.MchID, file, file)
	return nil
}

// quoted is a TOML string, or nothing for nothing.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

// create writes a configuration with some keys set, an instance key and an empty
// database into a folder.
func create(ctx context.Context, dir string, env packet.Environment, set map[string]string) (config.Config, error) {
	file := filepath.Join(dir, configName)
	set["environment"] = quoted(string(env))
	if env == packet.Production {
		set["providers"], set["channel"] = `["ticket"]`, `"none"`
	}
	if err := writeNew(file, []byte(configure(config.Example, set)), 0o600); err != nil {
		return config.Config{}, err
	}
	var key vault.Key
	_, _ = rand.Read(key[:]) // never fails
	if err := vault.WriteKey(filepath.Join(dir, "instance.key"), key); err != nil {
		return config.Config{}, err
	}
	cfg, err := config.Read(file)
	if err != nil {
		return config.Config{}, err
	}
	return cfg, server.Create(ctx, cfg, key)
}

// configure sets keys in a configuration's text and leaves its comments alone. A
// key with an empty value stays as it is.
func configure(text string, set map[string]string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		name, _, ok := strings.Cut(line, " = ")
		if value := set[name]; ok && value != "" {
			line = name + " = " + value + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// writeNew writes a file that must not exist yet.
func writeNew(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// newAPIKey draws a key of the form the protocol wants: 32 letters and digits.
func newAPIKey() string { return (rand.Text() + rand.Text())[:32] }

// addMerchant adds a merchant and leaves its new API key in a file.
func addMerchant(ctx context.Context, core *server.Core, m store.Merchant, keyFile string) error {
	if err := core.Engine.AddMerchant(ctx, m); err != nil {
		return err
	}
	return giveKey(ctx, core, m.MchID, keyFile, 0)
}

// giveKey makes a merchant a new API key and writes it to a file that must not exist.
func giveKey(ctx context.Context, core *server.Core, mchID, keyFile string, overlap config.Duration) error {
	key := newAPIKey()
	if err := writeNew(keyFile, []byte(key+"\n"), 0o600); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	_, err := core.Engine.AddAPIKey(ctx, mchID, key, overlap.Std())
	return err
}
