package main

import (
	"context"
	"errors"
	"fmt"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/vault"
)

// verifyCmd is `hongbao verify`.
type verifyCmd struct {
	where
	Packet string `placeholder:"SEND_LISTID" help:"This packet alone, with what mirrors it in its merchant's book (default: everything)."`
	Deep   bool   `help:"Also open what is sealed (payees, seeds, keys), and look at the file itself."`
	JSON   bool   `name:"json" help:"Print the report as JSON."`
}

// Help explains the verb.
func (verifyCmd) Help() string {
	return "It only reads, and may run beside the server. Exit status 0: all is in order. " +
		"1: something is wrong; the first wrong row is named. 2: it could not look."
}

// Run audits.
func (c *verifyCmd) Run(p *program) error {
	cfg, err := c.read()
	if err != nil {
		return couldNotLook(err)
	}
	o := audit.Options{Deep: c.Deep, Environment: cfg.Environment}
	if c.Packet != "" {
		if o.Packet, err = packetID(c.Packet, cfg.Environment); err != nil {
			return err
		}
	}
	report, err := look(p.ctx, cfg, o)
	if fault.CodeOf(err) == fault.NotFound {
		err = fmt.Errorf("there is no packet %s", c.Packet)
	}
	if err != nil {
		return couldNotLook(err)
	}
	if c.JSON {
		err = p.json(report)
	} else {
		err = printReport(p, report)
	}
	if err != nil {
		return couldNotLook(err)
	}
	if len(report.Findings) == 0 {
		return nil
	}
	first := report.Findings[0]
	return &exitError{1, fmt.Errorf("verify: wrong: %s: %s: %s", first.Row, first.Invariant, first.Detail)}
}

func couldNotLook(err error) error {
	return &exitError{2, fmt.Errorf("verify: could not look: %w", err)}
}

// look audits what a configuration names, without an engine: that would be asking
// the one who is judged. The database is opened for reading only, so that what is found
// wrong can still be looked at as it was.
func look(ctx context.Context, cfg config.Config, o audit.Options) (_ audit.Report, err error) {
	text, err := cfg.InstanceKey.Value()
	if err != nil {
		return audit.Report{}, fmt.Errorf("instance_key: %w", err)
	}
	key, err := vault.ParseKey(text)
	if err != nil {
		return audit.Report{}, fmt.Errorf("instance_key: %w", err)
	}
	s, err := server.OpenReadOnly(ctx, cfg)
	if err != nil {
		return audit.Report{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return audit.Run(ctx, s, vault.New(key), o)
}

func printReport(p *program, r audit.Report) error {
	word := "in order"
	if len(r.Findings) > 0 {
		word = fmt.Sprintf("%d wrong", len(r.Findings))
	}
	if r.Cut {
		word += ", and it was not looked at all of it"
	}
	p.printf("%s: packets %d, claims %d, other entries %d, accounts %d, payouts %d\n", word, r.Packets, r.Claims, r.Entries, r.Accounts, r.Payouts)
	if len(r.Findings) == 0 {
		return nil
	}
	rows := [][]string{{"INVARIANT", "ROW", "WHAT IS WRONG"}}
	for _, f := range r.Findings {
		rows = append(rows, []string{f.Invariant, f.Row, f.Detail})
	}
	return p.table(rows)
}
