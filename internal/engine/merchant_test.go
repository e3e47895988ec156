package engine_test

import (
	"fmt"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
)

// ticketKeys names a merchant's ticket keys, newest first.
func ticketKeys(t *testing.T, r *rig) (ids string) {
	t.Helper()
	m, err := r.Merchant(t.Context(), mchID)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range m.TicketKeys {
		ids += k.ID + " "
	}
	return ids
}

// TestATicketKeyEnds: it alone, at once where it was ended and within a second at
// another server.
func TestATicketKeyEnds(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	for _, id := range []string{"k1", "k2"} {
		if err := r.AddTicketKey(t.Context(), mchID, engine.TicketKey{ID: id, Alg: "HS256", Secret: []byte("s")}); err != nil {
			t.Fatal(err)
		}
	}
	apiKey, err := r.AddAPIKey(t.Context(), mchID, "key", 0)
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, r.bed, r.clock, nil)
	for _, server := range []*rig{r, other} {
		if got := ticketKeys(t, server); got != "k1 k2 " {
			t.Fatalf("ticket keys %s", got)
		}
	}
	for range 2 { // the second time changes nothing
		if err := r.EndTicketKey(t.Context(), mchID, "k1"); err != nil {
			t.Errorf("end: %v", err)
		}
	}
	if got := ticketKeys(t, r); got != "k2 " {
		t.Errorf("ticket keys %s after the end of k1", got)
	}
	r.clock.pass(time.Second)
	if got := ticketKeys(t, other); got != "k2 " {
		t.Errorf("another server has ticket keys %s a second later", got)
	}
	for _, c := range []struct{ mchID, kid, want string }{
		{mchID, "k3", "not_found kid"}, {mchID, apiKey, "not_found kid"}, {"404", "k1", "not_found "},
	} {
		err := r.EndTicketKey(t.Context(), c.mchID, c.kid)
		if got := fmt.Sprint(fault.CodeOf(err), " ", fault.FieldOf(err)); got != c.want {
			t.Errorf("end of %s of %s: %v, want %s", c.kid, c.mchID, err, c.want)
		}
	}
	if m, err := r.Merchant(t.Context(), mchID); err != nil || len(m.APIKeys) != 1 {
		t.Errorf("the API key was ended: %+v, %v", m, err)
	}
}
