package payout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// Pause is why no payout is sent, and since when. The zero Pause is none. Two pauses
// differ in Since, by which what was asked during one is told from what was asked
// during an earlier one: a backup carries such answers, and what was sent after it
// makes them worthless.
type Pause struct {
	Since  time.Time
	Reason string
}

// Paused says whether there is a pause.
func (p Pause) Paused() bool { return p != Pause{} }

// String is a pause as the database has it, under store.SettingPayoutsPaused.
func (p Pause) String() string { return p.stamp() + " " + p.Reason }

// stamp tells a pause from any other.
func (p Pause) stamp() string { return p.Since.UTC().Format(time.RFC3339Nano) }

// parsePause reads String. What it cannot read is a pause all the same.
func parsePause(text string) Pause {
	stamp, reason, _ := strings.Cut(text, " ")
	since, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return Pause{Reason: text}
	}
	return Pause{since.UTC(), reason}
}

// ReadPause reads the pause of a database.
func ReadPause(r store.Reader) (Pause, error) {
	text, err := r.Setting(store.SettingPayoutsPaused)
	switch fault.CodeOf(err) {
	case fault.OK:
		return parsePause(text), nil
	case fault.NotFound:
		return Pause{}, nil
	default:
		return Pause{}, err
	}
}

// Set pauses the payouts of a database, in place of a pause that there is. Each worker
// of each process reads it before every submit: when Set returns, only those are still
// sent that it had read it for, at most one for each of its calls at a time. It is safe
// to repeat; each time everything is asked about anew.
func (p Pause) Set(ctx context.Context, s store.Store) error {
	return s.Update(ctx, func(tx store.Tx) error {
		return store.PutSetting(tx, store.SettingPayoutsPaused, p.String())
	})
}

// lift ends p, unless another one has begun.
func (p Pause) lift(ctx context.Context, s store.Store) error {
	anew := &fault.Error{Op: "resume payouts", Code: fault.Busy, Detail: "they were paused anew just now"}
	err := s.Update(ctx, func(tx store.Tx) error {
		switch text, err := tx.Setting(store.SettingPayoutsPaused); {
		case err != nil && !errors.Is(err, fault.NotFound):
			return err
		case err != nil || parsePause(text) != p:
			return anew
		default:
			return tx.DeleteSetting(store.SettingPayoutsPaused, text)
		}
	})
	if errors.Is(err, store.ErrStale) { // between the two
		return anew
	}
	return err
}

// ErrUnasked says that payouts stay paused, because some have not been asked about.
var ErrUnasked = errors.New("payout: not everything has been asked about")

// Resume ends the pause of a database, and returns what it found: the pause, if there
// was one. It is safe to repeat. While there is something in Unasked it changes
// nothing and returns ErrUnasked, unless force is set.
//
// Nothing can come to be Unasked while it looks: claims that follow the pause are not
// counted, and what was asked about during it stays so.
func Resume(ctx context.Context, s store.Store, force bool) (Survey, error) {
	found, err := Look(ctx, s)
	switch {
	case err != nil || !found.Pause.Paused():
		return found, err
	case found.Unasked > 0 && !force:
		return found, ErrUnasked
	default:
		return found, found.Pause.lift(ctx, s)
	}
}

// Survey counts the shares for which something remains to be done.
type Survey struct {
	Pause    Pause
	Waiting  int // to be sent
	UnderWay int // a channel has them, or may have
	Mendable int // refused for a reason that the payee can mend
	Operator int // waiting for an operator

	// Shares claimed before the pause that would be sent after it, and that the channel
	// has not been asked about since; and the first packet that has one. Unless there is
	// a pause, none.
	Unasked int
	First   packet.ID
}

// Look surveys a database, one page of packets after the other. It only reads.
func Look(ctx context.Context, s store.Store) (Survey, error) {
	var found Survey
	for after, n := packet.ID(0), batchMax; n == batchMax; {
		var page Survey
		var ids []packet.ID
		err := s.View(ctx, func(r store.Reader) (err error) {
			page = found
			if after == 0 {
				if page.Pause, err = ReadPause(r); err != nil {
					return err
				}
			}
			if ids, err = r.Unsettled(after, batchMax); err != nil {
				return err
			}
			for _, id := range ids {
				if err := page.add(r, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return found, fmt.Errorf("payout: look: %w", err)
		}
		found = page
		if n = len(ids); n > 0 {
			after = ids[n-1]
		}
	}
	return found, nil
}

// add adds the shares of a packet.
func (s *Survey) add(r store.Reader, id packet.ID) error {
	row, err := r.Packet(id)
	if err != nil || row.Terms.Channel == NoneName || row.Head.ClaimedNum == 0 {
		return err
	}
	claims, err := r.Claims(id, 0)
	if err != nil {
		return err
	}
	all, err := r.Payouts(id)
	if err != nil {
		return err
	}
	asked, err := askedDuring(r, id, s.Pause)
	if err != nil {
		return err
	}
	newest := make(map[packet.Claimant]*store.Payout, len(claims))
	for i := range all {
		newest[all[i].Claimant] = &all[i]
	}
	for i := range claims {
		s.count(&claims[i], newest[claims[i].Claimant], asked)
	}
	return nil
}

// count adds a share; p is its newest payout, nil if there is none.
func (s *Survey) count(c *packet.Claim, p *store.Payout, asked map[attempt]bool) {
	open := false // whether something could be sent that was not asked about
	switch {
	case p == nil:
		s.Waiting, open = s.Waiting+1, true
	case p.Returned || p.State == store.PayoutDone:
	case p.Operator:
		s.Operator++
	case p.State == store.PayoutQueued:
		s.Waiting, open = s.Waiting+1, !asked[attemptOf(p)]
	case !p.State.Final():
		s.UnderWay++
	case p.Mendable:
		s.Mendable, open = s.Mendable+1, mayHaveFollowed(p)
	}
	if open && s.Pause.Paused() && c.At <= s.Pause.Since.UnixMilli() {
		if s.Unasked++; s.First == 0 {
			s.First = c.Packet
		}
	}
}

// attempt names a payout within its packet.
type attempt struct {
	claimant   packet.Claimant
	generation int
}

func attemptOf(p *store.Payout) attempt { return attempt{p.Claimant, p.Generation} }

// neverSeen begins the evidence of an event that says that the channel did not know a
// payout when it was asked during a pause. What was never sent from here leaves no
// other trace of having been asked about.
func neverSeen(p Pause) string { return "never seen, asked during the pause of " + p.stamp() + ": " }

// askedDuring says of which payouts of a packet, not sent by then, the channel said
// during a pause that it did not know them. Without a pause there are none.
func askedDuring(r store.Reader, id packet.ID, p Pause) (map[attempt]bool, error) {
	if !p.Paused() {
		return nil, nil //nolint:nilnil // a map that holds nothing
	}
	events, err := r.PayoutEvents(id)
	asked, prefix := make(map[attempt]bool), neverSeen(p)
	for i := range events {
		if e := &events[i]; e.State == store.PayoutQueued && strings.HasPrefix(e.Evidence, prefix) {
			asked[attempt{e.Claimant, e.Generation}] = true
		}
	}
	return asked, err
}
