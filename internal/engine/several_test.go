package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

// several are servers on one database, each with a store, memory and lanes of its own.
type several []*rig

// all does something at every server, so many times at each, all at the same time.
func (s several) all(times int, do func(r *rig, n int)) {
	var wait sync.WaitGroup
	for _, r := range s {
		for n := range times {
			wait.Go(func() { do(r, n) })
		}
	}
	wait.Wait()
}

// TestSeveralServers race for everything that there is one of.
func TestSeveralServers(t *testing.T) {
	t.Parallel()
	for _, scope := range []engine.Scope{engine.ScopeQueue, engine.ScopePacket} {
		for _, lanes := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, lanes %d", scope, lanes), func(t *testing.T) {
				t.Parallel()
				if pgtest.Distribution() != "" && scope != engine.ScopePacket {
					return // it has that scope only
				}
				raceSeveral(t, scope, lanes)
			})
		}
	}
}

func raceSeveral(t *testing.T, scope engine.Scope, lanes int) {
	t.Helper()
	bed, c := storebed.OnPostgres.New(t), newClock()
	var s several
	for range 3 {
		s = append(s, open(t, bed, c, func(c *engine.Config) { c.Scope, c.Lanes = scope, lanes }))
	}
	if err := s[0].store.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)); err != nil {
			return err
		}
		return tx.InsertSetting(store.SettingFingerprint, s[0].Vault().Fingerprint())
	}); err != nil {
		t.Fatal(err)
	}
	if err := s[0].AddMerchant(t.Context(), store.Merchant{MchID: mchID}); err != nil {
		t.Fatal(err)
	}
	s.fund()
	const packets, shares = 4, 15
	var claimed money.Fen
	for n, id := range s.send(packets, shares) {
		sum := s.claim(id, shares, n == 0)
		claimed += sum
	}
	s.useTicket()
	c.pass(25 * time.Hour)
	s.sweep(10_000*money.Yuan-claimed, packets-1) // all but the one that is finished
	found, err := audit.Run(t.Context(), s[0].store, s[0].Vault(), audit.Options{Deep: true})
	if err != nil || len(found.Findings) > 0 || found.Packets != packets {
		t.Errorf("audit: %v, %+v", err, found)
	}
}

// fund has one payment told to all servers.
func (s several) fund() {
	var mu sync.Mutex // guards entries
	entries := make(map[ledger.Hash]bool)
	s.all(3, func(r *rig, _ int) {
		e, err := r.Fund(r.t.Context(), mchID, 10_000*money.Yuan, "start")
		if err != nil {
			r.t.Errorf("fund: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		entries[e.Hash] = true
	})
	if len(entries) != 1 {
		s[0].t.Errorf("one funding made %d entries", len(entries))
	}
}

// send has the same bill numbers come in at all servers.
func (s several) send(packets, shares int) []packet.ID {
	var mu sync.Mutex // guards all below
	ids, first := make([]packet.ID, packets), make([]int, packets)
	s.all(2*packets, func(r *rig, n int) {
		n /= 2
		w := wish(fmt.Sprint(n), 1500, shares)
		w.Compared = []engine.Field{
			{Name: "call", Value: "sendgroupredpack"},
			{Name: "re_openid", Value: seed},
			{Name: "total_amount", Value: "1500"},
			{Name: "total_num", Value: fmt.Sprint(shares)},
			{Name: "wxappid", Value: appID},
			{Name: "sub_mch_id"},
			{Name: "amt_type", Value: "ALL_RAND"},
			{Name: "send_name", Value: w.SendName},
			{Name: "wishing", Value: w.Wishing},
			{Name: "act_name", Value: w.ActName},
			{Name: "remark", Value: w.Remark},
			{Name: "scene_id"},
		}
		sent, err := r.Send(r.t.Context(), w)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || ids[n] != 0 && ids[n] != sent.ID {
			r.t.Errorf("send %d: %d, %v; another said %d", n, sent.ID, err, ids[n])
		}
		if ids[n] = sent.ID; !sent.Repeat {
			first[n]++
		}
	})
	for n, times := range first {
		if times != 1 {
			s[0].t.Errorf("bill number %d was sent %d times", n, times)
		}
	}
	return ids
}

// claim has more people than there are shares claim at all servers, or fewer, and returns
// the sum of what they have.
func (s several) claim(id packet.ID, shares int, finish bool) (sum money.Fen) {
	t := s[0].t
	people := shares / 2
	if finish {
		people = 2 * shares
	}
	s[0].mustClaim(id, seed, 0)
	var mu sync.Mutex // guards has
	has := make(map[string]engine.Claimed)
	s.all(people, func(r *rig, n int) {
		name := fmt.Sprint("person ", n)
		c, err := r.claim(id, name, 0)
		mu.Lock()
		defer mu.Unlock()
		was, again := has[name]
		switch {
		case finish && fault.CodeOf(err) == fault.Finished:
			if again {
				t.Errorf("%s: %v, and has a share", name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case again && (was.Hash != c.Hash || was.Slot != c.Slot || was.Amount != c.Amount):
			t.Errorf("%s was told %+v, and elsewhere %+v", name, c, was)
		default:
			has[name] = c
		}
	})
	slots := map[int]bool{0: true}
	for _, c := range has {
		slots[c.Slot] = true
	}
	want := min(people, shares-1) + 1
	if len(has)+1 != want || len(slots) != want || slices.Max(slices.Collect(maps.Keys(slots))) != want-1 {
		t.Errorf("%d people have %d slots, want %d", len(has)+1, len(slots), want)
	}
	for _, r := range s { // asked again, anywhere
		for name, c := range has {
			if again := r.mustClaim(id, name, 0); !again.Repeat || again.Hash != c.Hash {
				t.Errorf("%s was told %+v, then %+v", name, c, again)
			}
		}
	}
	p, err := s[1].Fresh(t.Context(), id)
	if err != nil || p.Head.ClaimedNum != want || (p.State == packet.Finished) != finish {
		t.Fatalf("the packet is %+v, %v", p, err)
	}
	return p.Head.Claimed
}

// useTicket has one claim ticket presented at all servers.
func (s several) useTicket() {
	var mu sync.Mutex // guards used
	used := 0
	s.all(3, func(r *rig, _ int) {
		err := r.UseTicket(r.t.Context(), mchID, "a ticket", r.clock.now().Add(time.Minute))
		mu.Lock()
		defer mu.Unlock()
		switch fault.CodeOf(err) {
		case fault.OK:
			used++
		case fault.TicketRefused:
		default:
			r.t.Errorf("ticket: %v", err)
		}
	})
	if used != 1 {
		s[0].t.Errorf("a ticket has opened %d sessions", used)
	}
}

// sweep has all servers refund what has expired.
func (s several) sweep(balance money.Fen, refunds int64) {
	s.all(1, func(r *rig, _ int) {
		if err := r.Sweep(r.t.Context()); err != nil {
			r.t.Errorf("sweep: %v", err)
		}
	})
	var done int64
	for _, r := range s {
		done += r.Stats().Refunds.Load()
		if got := r.balance(); got != balance {
			r.t.Errorf("balance %d, want %d", got, balance)
		}
	}
	if done != refunds {
		s[0].t.Errorf("%d refunds, want %d", done, refunds)
	}
}
