package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/server"
)

// serveCmd is `hongbao serve`.
type serveCmd struct{ where }

// Run serves until it is told to stop; then it answers what it has accepted.
func (c *serveCmd) Run(p *program) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	log := p.logger(cfg.LogLevel)
	s, err := server.New(p.ctx, cfg, server.Options{Log: log, Version: version()})
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w; change it in %s", err, c.file())
	}
	if err != nil {
		return p.started(err)
	}
	log.Info("serving", "url", s.URL(), "ops_url", s.OpsURL(), "environment", string(cfg.Environment), "version", version())
	err = s.Serve(p.ctx)
	log.Info("stopped")
	return err
}

// configCmd is `hongbao config …`.
type configCmd struct {
	Example configExampleCmd `cmd:"" help:"Print the commented configuration with all defaults."`
	Check   configCheckCmd   `cmd:"" help:"Check a configuration file."`
}

type configExampleCmd struct{}

// Run prints the example.
func (configExampleCmd) Run(p *program) error {
	p.printf("%s", config.Example)
	return nil
}

type configCheckCmd struct{ where }

// Run reads the file and says what it found.
func (c *configCheckCmd) Run(p *program) error {
	cfg, err := c.read()
	if _, unread := errors.AsType[*fs.PathError](err); err != nil && !unread {
		return &exitError{1, err}
	}
	if err != nil {
		return err
	}
	p.printf("ok: %s, %s, database %s\n", cfg.Environment, cfg.BaseURL, cfg.Database)
	return nil
}
