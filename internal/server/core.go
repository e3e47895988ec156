// Package server is the whole program: it opens what a configuration names and
// puts the edges in front of the engine.
//
//	Core    store + keys + engine: what a command line tool works on
//	Server  Core + payout worker + merchant, claimant and operator edges
//
// Starting checks that configuration, database and instance key belong together;
// stopping answers everything that was accepted.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Options are what a program brings with it. Zero values mean the real thing.
type Options struct {
	Log     *slog.Logger         // default: none
	Version string               // shown to operators
	Random  io.Reader            // default: crypto/rand
	Now     func() time.Time     // default: time.Now, held against the database's clock where it has one
	Elapsed func() time.Duration // default: the monotonic clock since the start
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Elapsed == nil {
		start := time.Now()
		o.Elapsed = func() time.Duration { return time.Since(start) }
	}
	return o
}

// Core is an open database with its keys and its engine.
type Core struct {
	Config config.Config
	Store  store.Store
	Vault  *vault.Vault
	Engine *engine.Engine

	options  Options
	channels []payout.Channel
}

// OpenCore opens the database that cfg names, if environment and instance key are
// those it was made with. sweep says whether this process refunds what expires.
func OpenCore(ctx context.Context, cfg config.Config, o Options, sweep bool) (_ *Core, err error) {
	ownClock := o.Now == nil
	o = o.withDefaults()
	text, err := cfg.InstanceKey.Value()
	if err != nil {
		return nil, fmt.Errorf("instance_key: %w", err)
	}
	key, err := vault.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("instance_key: %w", err)
	}
	s, err := openStore(ctx, cfg)
	if err != nil {
		return nil, withInit(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	c := &Core{Config: cfg, Store: s, Vault: vault.New(key), options: o}
	if err := c.belongs(ctx); err != nil {
		return nil, err
	}
	pinned, err := c.openChannels()
	if err != nil {
		return nil, err
	}
	var databaseNow func(context.Context) (time.Time, error)
	if ownClock {
		databaseNow = clockOf(s)
	}
	c.Engine, err = engine.New(engine.Config{ //nolint:contextcheck // the engine outlives the call that opens it
		Store: s, Vault: c.Vault, Environment: cfg.Environment,
		Random: o.Random, Log: o.Log, Now: o.Now, Elapsed: o.Elapsed, DatabaseNow: databaseNow,
		Scope: engine.Scope(cfg.Database.Scope()), Lanes: cfg.Database.Lanes,
		Law: split.Law(cfg.Packets.Law), Channel: pinned, Providers: strings.Join(cfg.Packets.Providers, ","),
		QueueMax: cfg.Limits.QueueMax, BatchMax: cfg.Limits.BatchMax, LiveMax: cfg.Limits.LiveMax,
		RefundDelay: cfg.RefundDelay(), SweepOff: !sweep,
	})
	if err != nil {
		return nil, err // a Core without an engine could not be closed
	}
	return c, nil
}

// belongs compares configuration and key with what the database was made with.
func (c *Core) belongs(ctx context.Context) error {
	var env, fingerprint string
	err := c.Store.View(ctx, func(r store.Reader) (err error) {
		if env, err = r.Setting(store.SettingEnvironment); err != nil {
			return err
		}
		fingerprint, err = r.Setting(store.SettingFingerprint)
		return err
	})
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return fmt.Errorf("the database %s is not one that hongbao init has made", c.Config.Database)
	case err != nil:
		return err
	case env != string(c.Config.Environment):
		return fmt.Errorf("the database is a %s, the configuration says environment = %q; a database never changes sides", env, c.Config.Environment)
	case fingerprint != c.Vault.Fingerprint():
		return errors.New("instance_key is not the key this database was made with; without that key it cannot be read")
	}
	return nil
}

// shareCap bounds one share where no channel does.
const shareCap = 20_000

// openChannels opens the payout channels, and returns what new packets pin.
func (c *Core) openChannels() (engine.Channel, error) {
	if c.Config.Packets.Channel == payout.NoneName {
		return engine.Channel{Name: payout.NoneName, Min: 1, Cap: shareCap}, nil
	}
	sandbox, err := payout.NewSandbox(c.Config.Environment, c.options.Now)
	if err != nil {
		return engine.Channel{}, err
	}
	c.channels = append(c.channels, sandbox)
	l := sandbox.Limits()
	return engine.Channel{Name: sandbox.Name(), Min: l.Min, Cap: l.Max}, nil
}

// Close gives up the database, after everything queued has been answered.
func (c *Core) Close() error {
	c.Engine.Close()
	return c.Store.Close()
}

// Environment says which environment this is.
func (c *Core) Environment() packet.Environment { return c.Config.Environment }
