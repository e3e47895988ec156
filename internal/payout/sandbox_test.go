package payout_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/payout/payouttest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

func newSandbox(t *testing.T, now func() time.Time) *payout.Sandbox {
	t.Helper()
	s, err := payout.NewSandbox(packet.Sandbox, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var scripts = []string{
	"lin", "payout-refused", "payout-mend", "payout-unknown", "payout-lost", "payout-accepted", "payout-confirm", "payout-lapse", "payout-never", "payout-known",
}

func TestChannelsKeepTheContract(t *testing.T) {
	t.Parallel()
	c := &clock{}
	order := func(who string) payout.Order {
		return payout.Order{Key: "HB1", ListID: "9000", Generation: 1, Amount: 7, Payee: vault.Payee{Subject: who}, At: c.Now()}
	}
	for _, who := range scripts {
		t.Run("sandbox/"+who, func(t *testing.T) {
			t.Parallel()
			payouttest.Run(t, newSandbox(t, c.Now), order(who+"-1"))
		})
	}
	for _, fate := range payouttest.Fates() {
		t.Run("rail", func(t *testing.T) {
			t.Parallel()
			payouttest.Run(t, rail(fate), order("lin"))
		})
	}
}

func TestSandboxHasNoPlaceInProduction(t *testing.T) {
	t.Parallel()
	for _, env := range []packet.Environment{packet.Production, "", "SANDBOX"} {
		if _, err := payout.NewSandbox(env, time.Now); err == nil {
			t.Errorf("the sandbox channel exists in %q", env)
		}
	}
}

func TestSandboxWantsAPayee(t *testing.T) {
	t.Parallel()
	if _, err := newSandbox(t, time.Now).Prepare(payout.Order{Amount: 1}); err == nil {
		t.Error("somebody without an openid can be paid")
	}
}

// TestScriptedPayouts plays each script of the sandbox through a worker: what has
// become of the share at the start, and after each of the pauses.
func TestScriptedPayouts(t *testing.T) {
	t.Parallel()
	for who, c := range map[string]struct {
		words  []string // at once, after 5 s, 15 s, 10 min, 25 h, 7 days
		events []string
	}{
		"lin": {
			[]string{"paid", "paid", "paid", "paid", "paid", "paid"},
			[]string{"submitting by create", "done by create"},
		},
		"payout-refused-1": {
			[]string{"returned", "returned", "returned", "returned", "returned", "returned"},
			[]string{"submitting by create", "refused by create"},
		},
		"payout-mend": {
			[]string{"failed", "failed", "failed", "failed", "failed", "returned"},
			[]string{"submitting by create", "refused by create", "submitting by query", "cancelled by query"},
		},
		"payout-unknown_x": {
			[]string{"moving", "paid", "paid", "paid", "paid", "paid"},
			[]string{"submitting by create", "unknown by create", "done by query"},
		},
		"payout-lost": {
			[]string{"moving", "paid", "paid", "paid", "paid", "paid"},
			[]string{"submitting by create", "unknown by create", "unknown by query", "done by create"},
		},
		"payout-accepted": {
			[]string{"moving", "paid", "paid", "paid", "paid", "paid"},
			[]string{"submitting by create", "accepted by create", "done by query"},
		},
		"payout-confirm": {
			[]string{"confirm", "confirm", "confirm", "paid", "paid", "paid"},
			[]string{"submitting by create", "awaiting_user by create", "done by query"},
		},
		"payout-lapse": {
			[]string{"confirm", "confirm", "confirm", "confirm", "returned", "returned"},
			[]string{"submitting by create", "awaiting_user by create", "cancelled by query"},
		},
		"payout-never": {
			[]string{"moving", "moving", "moving", "moving", "moving", "moving"},
			[]string{"submitting by create", "unknown by create"},
		},
	} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, payout.SandboxName)
			w := b.worker(newSandbox(t, b.clock.Now))
			id := b.send(0, who)
			var words []string
			for _, pause := range []time.Duration{0, 5 * time.Second, 15 * time.Second, 10 * time.Minute, 25 * time.Hour, 7 * day} {
				b.clock.move(pause)
				b.settle(w)
				words = append(words, payout.Word(b.newest(id), true))
			}
			if diff := cmp.Diff(c.words, words); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.events, b.events(id)); diff != "" {
				t.Error(diff)
			}
			row := b.packet(id)
			if over := slices.Contains([]string{"paid", "returned"}, words[5]); row.Settled != over {
				t.Errorf("settled is %v with a share that is %s", row.Settled, words[5])
			}
			if want := words[5] == "returned"; (row.Head.Returned == row.Head.Claimed) != want {
				t.Errorf("%d of %d fen returned, the share is %s", row.Head.Returned, row.Head.Claimed, words[5])
			}
		})
	}
}

func TestWhoMendsTheReasonIsPaidOnTheNextVisit(t *testing.T) {
	t.Parallel()
	b := newBench(t, payout.SandboxName)
	w := b.worker(newSandbox(t, b.clock.Now))
	id := b.send(0, "payout-mend")
	b.settle(w)
	b.clock.move(6 * day)
	b.must(w.Revisit(t.Context(), id, b.claimant(id, "payout-mend")))
	b.settle(w)
	all := b.payouts(id)
	if len(all) != 2 || all[0].State != store.PayoutRefused || all[0].Returned || all[1].State != store.PayoutDone || all[1].Generation != 2 {
		t.Fatalf("%+v", all)
	}
	if all[0].RailKey == all[1].RailKey {
		t.Error("the second generation has the first one's key")
	}
	if row := b.packet(id); !row.Settled || row.Head.Returned != 0 {
		t.Errorf("settled %v, returned %d", row.Settled, row.Head.Returned)
	}
}
