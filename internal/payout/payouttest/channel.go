package payouttest

import (
	"bytes"
	"fmt"
	"testing"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/payout"
)

// Run is the contract of payout.Channel: every channel passes it. o is an order that
// the channel takes.
func Run(t *testing.T, c payout.Channel, o payout.Order) {
	t.Helper()
	f, err := c.Prepare(o)
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	t.Run("limits", func(t *testing.T) {
		l := c.Limits()
		if c.Name() == "" || c.Environment() == "" || l.Min < 1 || l.Min > l.Max {
			t.Errorf("channel %q of %q takes %d to %d fen", c.Name(), c.Environment(), l.Min, l.Max)
		}
		for _, amount := range []money.Fen{l.Min - 1, l.Max + 1, -1} {
			outside := o
			outside.Amount = amount
			if _, err := c.Prepare(outside); err == nil {
				t.Errorf("%d fen can be prepared, limits are %d to %d", amount, l.Min, l.Max)
			}
		}
	})
	t.Run("preparing is pure", func(t *testing.T) {
		again, err := c.Prepare(o)
		if err != nil || again.Key != o.Key || f.Key != o.Key || !bytes.Equal(again.Body, f.Body) {
			t.Errorf("the same order gives two requests, or another key than %s: %v", o.Key, err)
		}
	})
	t.Run("a request prints its key only", func(t *testing.T) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if got := fmt.Sprintf(verb, f); got != o.Key {
				t.Errorf("%s prints %s", verb, got)
			}
		}
		if got := f.LogValue().String(); got != o.Key {
			t.Errorf("it logs as %s", got)
		}
	})
	t.Run("what it does not understand is unknown", func(t *testing.T) {
		bad := payout.Frozen{Key: o.Key + "X", Body: []byte("{")}
		if s, q := c.Submit(t.Context(), bad), c.Query(t.Context(), bad); s.Outcome != payout.Unknown || q.Outcome != payout.Unknown {
			t.Errorf("a garbled request is %v, asked about it is %v", s.Outcome, q.Outcome)
		}
	})
	t.Run("a final answer stays", func(t *testing.T) {
		final := payout.Unknown
		for range 8 {
			for _, call := range []payout.Result{c.Submit(t.Context(), f), c.Query(t.Context(), f)} {
				if final != payout.Unknown && call.Outcome != final && call.Outcome != payout.Unknown {
					t.Errorf("%v became %v", final, call.Outcome)
				}
				if call.Outcome != payout.Unknown {
					final = call.Outcome
				}
			}
		}
	})
}
