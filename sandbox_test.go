package hongbao_test

import (
	"testing"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/packet"
)

// TestASandboxClientSendsNoMoney takes the two real servers: what is certain in one
// is impossible in the other.
func TestASandboxClientSendsNoMoney(t *testing.T) {
	t.Parallel()
	for env, outcome := range map[packet.Environment]hongbao.Outcome{
		packet.Sandbox: hongbao.Done, packet.Production: hongbao.Unknown,
	} {
		s, stop, err := start(env)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
		balance := func() int64 {
			_, books, err := s.Engine.Merchants(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return int64(books[0].Balance)
		}
		sandboxed := newClient(t, s.URL(), func(c *hongbao.Config) { c.Key, c.Sandbox = exampleKey, true })
		_, err = sandboxed.SendGroupRedPack(t.Context(), lanternRiddle("1"))
		if hongbao.OutcomeOf(err) != outcome {
			t.Errorf("%s: %v, want %v", env, err, outcome)
		}
		if outcome == hongbao.Unknown {
			wantUnknown(t, err, "HTTP status 404")
			if got := balance(); got != 100_000 {
				t.Errorf("%s: a balance of 100000 fen is %d", env, got)
			}
		}
		plain := newClient(t, s.URL(), func(c *hongbao.Config) { c.Key = exampleKey })
		if _, err = plain.SendGroupRedPack(t.Context(), lanternRiddle("1")); err != nil || balance() != 99_000 {
			t.Errorf("%s, with a plain client: %v, balance %d", env, err, balance())
		}
	}
}
