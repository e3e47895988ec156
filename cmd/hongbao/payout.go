package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/wire"
)

// payoutCmd is `hongbao payout …`.
type payoutCmd struct {
	Status payoutStatusCmd `cmd:"" help:"Say whether payouts are paused, and how many shares wait for what."`
	Pause  payoutPauseCmd  `cmd:"" help:"Stop sending payouts until resume."`
	Resume payoutResumeCmd `cmd:"" help:"Send payouts again."`
}

// payoutPauseCmd is `hongbao payout pause`.
type payoutPauseCmd struct {
	Reason string `default:"by an operator" placeholder:"TEXT" help:"Why; health and status say it (default: ${default})."`
	where
}

// Help explains the verb.
func (payoutPauseCmd) Help() string {
	return "From then on no server on this database begins to send a payout; what has been sent is asked about as before. " +
		"Sends, claims and refunds go on, and claimed shares stay due. " +
		"What waits to be sent is asked about meanwhile, because a database that was restored does not know what was sent after its backup; " +
		"saying this again asks about all of it anew."
}

// Run pauses.
func (c *payoutPauseCmd) Run(p *program) error {
	if !wire.ValidText(c.Reason, engine.ReasonMax) {
		return usage("--reason: one line of 1 to %d characters", engine.ReasonMax)
	}
	return c.open(p, func(core *server.Core) error {
		pause := payout.Pause{Since: time.Now().UTC(), Reason: c.Reason}
		if err := pause.Set(p.ctx, core.Store); err != nil {
			return err
		}
		p.printf("payouts are paused; what is being sent at this moment still is. To go on: hongbao payout resume\n")
		return nil
	})
}

// payoutResumeCmd is `hongbao payout resume`.
type payoutResumeCmd struct {
	Force bool `help:"Also if something has not been asked about. What was sent from a database that is lost has the same key, and a channel pays a key once; but whether it did so is not known here beforehand."`
	where
}

// Help explains the verb.
func (payoutResumeCmd) Help() string {
	return "It refuses while there are shares, claimed before the pause, that would be sent and that their channel has not been asked about since: " +
		"a server that runs asks, so start one, and repeat this."
}

// Run resumes.
func (c *payoutResumeCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error {
		found, err := payout.Resume(p.ctx, core.Store, c.Force)
		if errors.Is(err, payout.ErrUnasked) {
			return &exitError{1, fmt.Errorf("payouts stay paused: shares not asked about since %s: %d, the first of packet %s; "+
				"a server that runs asks, and its log says what keeps it. Repeat this then, or add --force",
				clock(found.Pause.Since.UnixMilli()), found.Unasked, found.First.ListID(core.Environment()))}
		}
		switch {
		case err != nil:
			return err
		case !found.Pause.Paused():
			p.printf("payouts were not paused\n")
		default:
			p.printf("payouts were paused since %s and go on: shares to be sent %d; a server that runs begins within a second\n",
				clock(found.Pause.Since.UnixMilli()), found.Waiting)
		}
		return nil
	})
}

// payoutStatusCmd is `hongbao payout status`.
type payoutStatusCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
	where
}

// payoutStatus is what there is to be done, in shares.
type payoutStatus struct {
	PausedSince *time.Time `json:"paused_since"` // null: they are not
	Reason      string     `json:"reason"`
	Waiting     int        `json:"waiting"`
	UnderWay    int        `json:"under_way"`
	Mendable    int        `json:"mendable"`
	Operator    int        `json:"operator"`
	Unasked     int        `json:"unasked"`
	First       string     `json:"first_unasked"` // send_listid
}

// Run looks.
func (c *payoutStatusCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error {
		found, err := payout.Look(p.ctx, core.Store)
		if err != nil {
			return err
		}
		if c.JSON {
			return p.json(statusOf(&found, core.Environment()))
		}
		if found.Pause.Paused() {
			p.printf("payouts are paused since %s: %s\n\n", clock(found.Pause.Since.UnixMilli()), found.Pause.Reason)
		} else {
			p.printf("payouts are not paused\n\n")
		}
		rows := [][]string{
			{"SHARES", "WHERE THEY STAND"},
			{strconv.Itoa(found.Waiting), "to be sent"},
			{strconv.Itoa(found.UnderWay), "sent, and not known to have arrived"},
			{strconv.Itoa(found.Mendable), "refused for a reason that the payee can mend"},
			{strconv.Itoa(found.Operator), "waiting for an operator"},
		}
		if found.Pause.Paused() {
			rows = append(rows, []string{strconv.Itoa(found.Unasked), "to be asked about before payouts go on"})
		}
		return p.table(rows)
	})
}

func statusOf(s *payout.Survey, env packet.Environment) payoutStatus {
	st := payoutStatus{
		Reason: s.Pause.Reason, Waiting: s.Waiting, UnderWay: s.UnderWay, Mendable: s.Mendable, Operator: s.Operator, Unasked: s.Unasked,
	}
	if s.Pause.Paused() {
		st.PausedSince = &s.Pause.Since
	}
	if s.First != 0 {
		st.First = s.First.ListID(env)
	}
	return st
}
