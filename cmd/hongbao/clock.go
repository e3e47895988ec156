package main

import (
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
)

// clockCmd is `hongbao clock …`.
type clockCmd struct {
	Confirm clockConfirmCmd `cmd:"" help:"Say that the wall clock is right: refunds that wait go on."`
}

// clockConfirmCmd is `hongbao clock confirm`.
type clockConfirmCmd struct{ where }

// Help explains the verb.
func (clockConfirmCmd) Help() string {
	return "When the wall clock of a running server jumps, what moves money because time has passed waits: " +
		"refunds of expired packets, and returns of shares that wait for their payee. " +
		"It goes on when the clock has run evenly for ten minutes, or when this has been said. Look at the clock first."
}

// Run confirms, whether or not there is a doubt, and says if there was one.
func (c *clockConfirmCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error {
		var since string
		err := core.Store.View(p.ctx, func(r store.Reader) (err error) {
			since, err = r.Setting(store.SettingClockAlarm)
			return err
		})
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return err
		}
		if err := core.Engine.ConfirmClock(p.ctx); err != nil {
			return err
		}
		if since == "" {
			p.printf("the wall clock was not in doubt\n")
			return nil
		}
		p.printf("the wall clock was in doubt since %s and is confirmed; a server that runs goes on within a second\n", since)
		return nil
	})
}
