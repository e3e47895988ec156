package crash_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hongbao.example/hongbao"
)

// The packet of the histories below: four shares of 10 fen, or what a history makes
// of them, and a life of ten seconds.
var sample = deal{num: 4, total: 40, seed: "seed", life: 10 * time.Second}

// at is a call without its answer. Times are in tenths of a second.
func at(k kind, who string, call, ret int, a answer) step {
	return step{kind: k, who: who, call: time.Duration(call) * time.Second / 10, ret: time.Duration(ret) * time.Second / 10, answer: a}
}

func sent(call, ret int, listID string) step {
	return at(sends, "", call, ret, answer{listID: listID})
}

func opened(who string, call, ret, slot int, amount int64) step {
	return at(claims, who, call, ret, answer{share: share{slot, amount}})
}

func told(who string, call, ret int, code string) step {
	return at(claims, who, call, ret, answer{outcome: refused, code: code})
}

func unheard(k kind, who string, call, ret int) step {
	return at(k, who, call, ret, answer{outcome: unknown})
}

func reported(call, ret int, status hongbao.Status, refund int64, list ...held) step {
	return at(queries, "", call, ret, answer{listID: "L", report: report{status, refund, list}})
}

func noSuch(call, ret int) step {
	return at(queries, "", call, ret, answer{outcome: refused, code: codeNotFound})
}

// story is a history that can have happened: people come at once, answers are lost,
// two of the shares are opened in time.
func story() []step {
	return []step{
		noSuch(0, 2),
		unheard(sends, "", 1, 3),     // was carried out
		sent(4, 8, "L"),              // so that this is a repeat
		unheard(claims, "ann", 9, 9), // was carried out, very late
		told("bob", 10, 20, codeSeedFirst),
		opened("seed", 12, 18, 0, 7),
		opened("bob", 21, 30, 2, 9), // before ann has heard of slot 1
		reported(20, 31, hongbao.StatusSent, 0, held{"seed", 7}, held{"ann", 12}),
		unheard(claims, "cat", 22, 25), // never carried out
		opened("ann", 32, 40, 1, 12),
		told("dan", 99, 104, codeExpired),
		reported(101, 106, hongbao.StatusRefunding, 0, held{"seed", 7}, held{"ann", 12}, held{"bob", 9}),
		reported(106, 110, hongbao.StatusRefunded, 12, held{"seed", 7}, held{"ann", 12}, held{"bob", 9}),
		opened("seed", 111, 112, 0, 7),
	}
}

// soldOut is another: everybody comes in time, and one share cannot be paid.
func soldOut() []step {
	return []step{
		sent(0, 1, "L"),
		opened("seed", 2, 3, 0, 7),
		opened("payout-refused-1", 2, 9, 1, 12),
		opened("bob", 4, 9, 2, 9),
		told("eve", 5, 12, codeFinished),
		opened("ann", 5, 9, 3, 12),
		reported(10, 11, hongbao.StatusReceived, 0, held{"seed", 7}, held{"payout-refused-1", 12}, held{"bob", 9}, held{"ann", 12}),
		reported(12, 13, hongbao.StatusRefunded, 12, held{"seed", 7}, held{"bob", 9}, held{"ann", 12}),
		opened("payout-refused-1", 14, 15, 1, 12),
		told("eve", 120, 121, codeFinished),
	}
}

func TestModelAcceptsWhatCanHaveHappened(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]step{
		"nothing":                           nil,
		"some come late":                    story(),
		"all come in time":                  soldOut(),
		"a send that was never carried out": {unheard(sends, "", 0, 1), noSuch(2, 3)},
		"nothing done is no answer": {
			sent(0, 1, "L"), opened("seed", 2, 3, 0, 7), told("seed", 4, 5, codeBusy), told("ann", 4, 5, codeBusy), opened("ann", 6, 7, 1, 9),
		},
	} {
		if got := linearizable(sample, history); got != porcupine.Ok {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestModelRejectsWhatMustNotHappen(t *testing.T) {
	t.Parallel()
	last := func(s step) []step { return append(story(), s) }
	in := func(history []step, i int, s step) []step {
		history[i] = s
		return history
	}
	for name, history := range map[string][]step{
		"two claimants with one slot":             in(story(), 6, opened("bob", 21, 30, 1, 9)),
		"a slot left out":                         in(soldOut(), 3, opened("bob", 4, 9, 3, 9)),
		"a slot too many":                         append(soldOut(), opened("fay", 20, 21, 4, 1)),
		"a repeat with another slot":              last(opened("seed", 120, 121, 3, 7)),
		"a repeat with another amount":            last(opened("seed", 120, 121, 0, 8)),
		"an acknowledged claim that nobody has":   last(reported(120, 121, hongbao.StatusRefunded, 19, held{"ann", 12}, held{"bob", 9})),
		"an acknowledged claim that is refused":   last(told("bob", 120, 121, codeExpired)),
		"an acknowledged claim that was undone":   in(story(), 13, told("seed", 111, 112, codeSeedFirst)),
		"finished too early":                      in(soldOut(), 4, told("eve", 3, 4, codeFinished)),
		"finished, and open again":                append(soldOut()[:5], told("fay", 13, 14, codeSeedFirst)),
		"expired too early":                       in(story(), 10, told("dan", 80, 95, codeExpired)),
		"expired, and open again":                 last(opened("fay", 120, 121, 3, 12)),
		"open after its time":                     append(story()[:10], opened("fay", 112, 113, 3, 12)),
		"somebody before the seed":                {sent(0, 1, "L"), opened("ann", 2, 3, 0, 7)},
		"the seed called too early":               in(story(), 5, told("seed", 12, 18, codeSeedFirst)),
		"somebody too early, after the seed":      in(story(), 8, told("cat", 22, 25, codeSeedFirst)),
		"a bill number with two packets":          last(sent(120, 121, "M")),
		"a report of another packet":              last(at(queries, "", 120, 121, answer{listID: "M", report: report{status: hongbao.StatusSent}})),
		"a bill number that is forgotten":         last(noSuch(120, 121)),
		"a send that is refused after it is done": last(at(sends, "", 120, 121, answer{outcome: refused, code: "FATAL_ERROR"})),
		"a refund of too much":                    in(story(), 12, reported(106, 110, hongbao.StatusRefunded, 13, held{"seed", 7}, held{"ann", 12}, held{"bob", 9})),
		"a refund that is undone":                 last(reported(120, 121, hongbao.StatusRefunding, 0, held{"seed", 7}, held{"ann", 12}, held{"bob", 9})),
		"a refund too early":                      append(story()[:10], reported(60, 95, hongbao.StatusRefunded, 12, held{"seed", 7}, held{"ann", 12}, held{"bob", 9})),
		"alive after its end":                     last(reported(120, 121, hongbao.StatusSent, 0, held{"seed", 7}, held{"ann", 12}, held{"bob", 9})),
		"a report in another order":               in(story(), 7, reported(20, 31, hongbao.StatusSent, 0, held{"ann", 12}, held{"seed", 7})),
		"a report of a stranger":                  in(story(), 7, reported(20, 31, hongbao.StatusSent, 0, held{"seed", 7}, held{"eve", 12})),
		"a report of another amount":              in(story(), 7, reported(20, 31, hongbao.StatusSent, 0, held{"seed", 7}, held{"ann", 13})),
		"shares that are not the total":           in(soldOut(), 6, reported(10, 11, hongbao.StatusReceived, 0, held{"seed", 7}, held{"payout-refused-1", 12}, held{"bob", 9}, held{"ann", 13})),
		"a payable share that went back":          append(soldOut(), reported(20, 21, hongbao.StatusRefunded, 21, held{"seed", 7}, held{"ann", 12})),
		"a share that went back and came again":   append(soldOut(), reported(20, 21, hongbao.StatusReceived, 0, held{"seed", 7}, held{"payout-refused-1", 12}, held{"bob", 9}, held{"ann", 12})),
		"a refusal that does not exist":           last(told("eve", 120, 121, "not_found")),
		"a share of nothing":                      {sent(0, 1, "L"), opened("seed", 2, 3, 0, 0)},
	} {
		if got := linearizable(sample, history); got != porcupine.Illegal {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A peer is a packet kept by somebody who knows nothing of the model.
type peer struct {
	who    []string
	shares []int64
}

func (p *peer) claim(d deal, who string) answer {
	slot := slices.Index(p.who, who)
	switch {
	case slot >= 0:
	case len(p.who) == d.num:
		return answer{outcome: refused, code: codeFinished}
	case len(p.who) == 0 && who != d.seed:
		return answer{outcome: refused, code: codeSeedFirst}
	default:
		p.who, slot = append(p.who, who), len(p.who)
	}
	return answer{share: share{slot, p.shares[slot]}}
}

func (p *peer) query(d deal) answer {
	r := report{status: hongbao.StatusSent}
	for slot, who := range p.who {
		r.claims = append(r.claims, held{who, p.shares[slot]})
	}
	if len(p.who) == d.num {
		r.status = hongbao.StatusReceived
	}
	return answer{listID: "L", report: r}
}

// rush is a history that has happened: n calls in a row, which seemed to their
// callers to be some at a time, and of which some answers were lost.
func rush(r *rand.Rand, n int) (d deal, history []step) {
	d = deal{num: 3 + r.IntN(30), seed: "friend-0", life: time.Hour}
	p := peer{}
	for range d.num {
		p.shares = append(p.shares, 1+r.Int64N(20))
		d.total += p.shares[len(p.shares)-1]
	}
	wide := func() int { return r.IntN(100) }
	history = append(history, sent(0, 100, "L"))
	for i := range n {
		now := 1000 + 10*i
		who := fmt.Sprintf("friend-%d", r.IntN(d.num+4))
		if i%20 == 0 {
			who = d.seed
		}
		s := at(claims, who, now-wide(), now+wide(), answer{outcome: unknown})
		switch {
		case r.IntN(10) == 0:
			s.kind, s.who, s.answer = queries, "", p.query(d)
		case r.IntN(8) == 0: // never arrives
		case r.IntN(8) == 0: // its answer is lost
			p.claim(d, who)
		default:
			s.answer = p.claim(d, who)
		}
		history = append(history, s)
	}
	return d, history
}

// TestModelTellsOneWrongAnswer checks histories as long as those of a drill, then
// with one claimant told another's slot.
func TestModelTellsOneWrongAnswer(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		d, history := rush(r, 200)
		if got := linearizable(d, history); got != porcupine.Ok {
			t.Fatalf("seed %d: %s", seed, got)
		}
		i := slices.IndexFunc(history, func(s step) bool { return s.kind == claims && s.outcome == done && s.share.slot > 0 })
		if i < 0 {
			t.Fatalf("seed %d: nobody but the seed has claimed", seed)
		}
		history[i].share.slot--
		if got := linearizable(d, history); got != porcupine.Illegal {
			t.Fatalf("seed %d, with step %d changed: %s", seed, i, got)
		}
	}
}
