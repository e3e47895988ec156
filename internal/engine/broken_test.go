package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

// TestABrokenPacketIsHeld edits rows behind the engine's back: such a packet takes
// no claims and moves no money, the alarm is raised, and others go on.
func TestABrokenPacketIsHeld(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{
		"a claim's amount":   `UPDATE claims SET amount = amount + 1 WHERE packet_id = ?`,
		"a claim's slot":     `UPDATE claims SET slot = 2 WHERE packet_id = ?`,
		"a claim is gone":    `DELETE FROM claims WHERE packet_id = ?`,
		"the head's sum":     `UPDATE packets SET claimed = claimed + 1 WHERE id = ?`,
		"the head's number":  `UPDATE packets SET claimed_num = 2 WHERE id = ?`,
		"returned too much":  `UPDATE packets SET returned = claimed + 1 WHERE id = ?`,
		"refunded, not over": `UPDATE packets SET refunded = 1 WHERE id = ?`,
		"a counter's range":  `UPDATE packets SET claimed = -9223372036854775807 WHERE id = ?`,
		"the secret":         `UPDATE terms SET secret = x'00' WHERE packet_id = ?`,
		"the law":            `UPDATE terms SET law = 'x' WHERE packet_id = ?`,
		"the total":          `UPDATE terms SET total = 9223372036854775807 WHERE packet_id = ?`,
		"the merchant":       `UPDATE terms SET mch_id = '404' WHERE packet_id = ?`,
		"a claimant":         `UPDATE claims SET claimant = x'00112233445566778899aabbccddeeff' WHERE packet_id = ?`,
		"a payee's hash":     `UPDATE claims SET payee_hash = x'00112233445566778899aabbccddeeff' WHERE packet_id = ?`,
		"a claim's time":     `UPDATE claims SET at = at + 1 WHERE packet_id = ?`,
		"an entry is gone":   `DELETE FROM entries WHERE packet_id = ?`,
		"the head's hash":    `UPDATE packets SET hash = x'0011223344556677889900112233445566778899001122334455667788990011' WHERE id = ?`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bed := storebed.New(t)
			r := open(t, bed, newClock(), nil)
			if err := r.AddMerchant(t.Context(), store.Merchant{MchID: mchID}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Fund(t.Context(), mchID, 10_000, "start"); err != nil {
				t.Fatal(err)
			}
			id, good := r.send("1", 1000, 3), r.send("2", 1000, 3)
			r.mustClaim(id, seed, 0)
			bed.Exec(t, edit, int64(id))
			r.Forget()

			if _, err := r.claim(id, "wang", 0); fault.CodeOf(err) != fault.Held {
				t.Errorf("a claim: %v, want held", err)
			}
			if p := r.picture(id); p.State != packet.Held {
				t.Errorf("the packet is %s", p.State)
			}
			if mend := mends[name]; mend != "" { // the operator's repair is seen
				bed.Exec(t, mend, int64(id))
				r.clock.pass(time.Second)
				if p := r.picture(id); p.State != packet.Open {
					t.Errorf("the mended packet is %s", p.State)
				}
				bed.Exec(t, edit, int64(id))
				r.Forget()
			}
			r.clock.pass(48 * time.Hour)
			round(t, r)
			if err := r.End(t.Context(), id, "x"); fault.CodeOf(err) != fault.Held {
				t.Errorf("an operator's end: %v, want held", err)
			}
			if got := r.picture(good).State; got != packet.Refunded {
				t.Errorf("the packet beside it is %s", got)
			}
			if got := r.balance(); got != 9_000 {
				t.Errorf("balance %d, want 9000", got)
			}
			if h, ready := r.Health(t.Context()); !ready || len(h) != 1 || !strings.Contains(h[0], "hongbao verify") {
				t.Errorf("health %q", h)
			}
		})
	}
}

// mends undo some of the edits.
var mends = map[string]string{
	"a claim's amount": `UPDATE claims SET amount = amount - 1 WHERE packet_id = ?`,
	"the head's sum":   `UPDATE packets SET claimed = claimed - 1 WHERE id = ?`,
}

// TestBrokenPacketsDoNotHoldUpTheOthers puts more packets that cannot be refunded in
// front than the sweeper takes at a time.
func TestBrokenPacketsDoNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	var wait sync.WaitGroup
	for i := range 510 {
		wait.Go(func() { r.send(fmt.Sprint("broken", i), 300, 3) })
	}
	wait.Wait()
	r.bed.Exec(t, `UPDATE terms SET law = 'x'`)
	r.clock.pass(time.Minute)
	good := r.send("good", 300, 3)
	r.Forget()
	r.clock.pass(25 * time.Hour)
	round(t, r)
	if got := r.picture(good).State; got != packet.Refunded {
		t.Errorf("the packet behind 510 broken ones is %s", got)
	}
}
