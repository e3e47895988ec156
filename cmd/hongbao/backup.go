package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/vault"
)

// backupCmd is `hongbao backup`.
type backupCmd struct {
	Out  string `required:"" placeholder:"FILE" help:"File to write. It must not exist."`
	JSON bool   `name:"json" help:"Print JSON."`
	where
}

// Help explains the verb.
func (backupCmd) Help() string {
	return "The copy is of one moment and complete; the server may run, and nobody waits for it. " +
		"Payouts are paused in it, so that a server on it sends none before everything has been asked about. " +
		"The instance key is not in it, and without that key it cannot be read."
}

// backedUp is what a backup holds.
type backedUp struct {
	File    string    `json:"file"`
	At      time.Time `json:"at"`
	Bytes   int64     `json:"bytes"`
	Packets int64     `json:"packets"`
	Claims  int64     `json:"claims"`
	Newest  string    `json:"newest_packet"` // send_listid; empty if there is none
}

// Run writes a copy under a name of its own and moves it when it is complete.
func (c *backupCmd) Run(p *program) error {
	cfg, err := fileOf(c.where)
	if err != nil {
		return err
	}
	if err := free(c.Out); err != nil {
		return err
	}
	var pause payout.Pause
	part := c.Out + ".part"
	got, err := sqlite.Copy(p.ctx, cfg.Database.Path, part, func() map[string]string {
		pause = payout.Pause{Since: time.Now().UTC(), Reason: "this is a backup"}
		return map[string]string{store.SettingPayoutsPaused: pause.String()}
	})
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s exists: a backup is being written, or one was cut off; then remove it", part)
	}
	if err != nil {
		return err
	}
	if err := arrive(part, c.Out); err != nil {
		return err
	}
	b := backedUp{File: c.Out, At: pause.Since, Bytes: got.Bytes, Packets: got.Packets, Claims: got.Claims}
	if got.Newest != 0 {
		b.Newest = got.Newest.ListID(cfg.Environment)
	}
	if c.JSON {
		return p.json(b)
	}
	p.printf("wrote %s: packets %d, claims %d, bytes %d", b.File, b.Packets, b.Claims, b.Bytes)
	if b.Newest != "" {
		p.printf(", newest packet %s", b.Newest)
	}
	p.printf("\nThe instance key (%s) is not in it: without a copy of that, kept elsewhere, it cannot be read.\n", cfg.InstanceKey)
	return nil
}

// restoreCmd is `hongbao restore`.
type restoreCmd struct {
	From string `required:"" placeholder:"FILE" help:"The backup. It stays as it is."`
	where
}

// Help explains the verb.
func (restoreCmd) Help() string {
	return "The backup is copied, brought up to this program's version and audited, and takes its place only if it is in order. " +
		"Nothing is overwritten: move a database that is still there away first, with the files that stand beside it. " +
		"Payouts start paused, and what was sent after the backup is asked about; then say: hongbao payout resume."
}

// Run restores.
func (c *restoreCmd) Run(p *program) (err error) {
	cfg, err := fileOf(c.where)
	if err != nil {
		return err
	}
	path := cfg.Database.Path
	release, err := sqlite.Lock(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := free(append(sqlite.Beside(path), path)...); err != nil {
		return err
	}
	draft := path + ".restoring" // of an attempt that was cut off there is nothing to keep
	if err := sqlite.Discard(draft); err != nil {
		return err
	}
	if _, err := sqlite.Copy(p.ctx, c.From, draft, func() map[string]string { return nil }); err != nil {
		return err
	}
	cfg.Database.Path = draft
	report, err := c.audit(p, cfg)
	if err == nil {
		err = free(sqlite.Beside(draft)...) // it must be complete in itself
	}
	if err == nil {
		err = arrive(draft, path)
	}
	if err != nil {
		return errors.Join(err, sqlite.Discard(draft))
	}
	p.printf("restored %s from %s\n", path, c.From)
	if err := printReport(p, report); err != nil {
		return err
	}
	file := c.file()
	p.printf(`Payouts are paused. Next
  hongbao serve --config %s
  hongbao payout status --config %s
  hongbao payout resume --config %s
`, file, file, file)
	return nil
}

// audit opens a copy as a server would, audits it and pauses its payouts.
func (c *restoreCmd) audit(p *program, cfg config.Config) (report audit.Report, err error) {
	core, err := server.OpenCore(p.ctx, cfg, server.Options{Log: p.logger("warn")}, false)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	report, err = audit.Run(p.ctx, core.Store, core.Vault, audit.Options{Deep: true, Environment: cfg.Environment})
	if err != nil {
		return report, err
	}
	if len(report.Findings) > 0 {
		first := report.Findings[0]
		return report, &exitError{1, fmt.Errorf("%s is wrong, nothing was restored: %s: %s: %s", c.From, first.Row, first.Invariant, first.Detail)}
	}
	pause := payout.Pause{Since: time.Now().UTC(), Reason: "restored from " + filepath.Base(c.From)}
	return report, pause.Set(p.ctx, core.Store)
}

// fileOf reads a configuration whose database is a file.
func fileOf(w where) (config.Config, error) {
	cfg, err := w.read()
	if err == nil && cfg.Database.Postgres() {
		err = errors.New("the database is in PostgreSQL, whose own programs back it up and restore it: docs/backup.md")
	}
	return cfg, err
}

// free refuses if one of the files exists.
func free(names ...string) error {
	for _, name := range names {
		if _, err := os.Lstat(name); err == nil {
			return &exitError{1, fmt.Errorf("%s: %w; nothing was overwritten", name, fs.ErrExist)}
		}
	}
	return nil
}

// arrive moves a finished file to where there is none, for good.
func arrive(from, to string) error {
	if err := free(to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return vault.SyncFolder(filepath.Dir(to))
}
