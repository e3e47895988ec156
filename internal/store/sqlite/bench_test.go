package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
)

// BenchmarkUpdate commits groups of claims as the engine does: lock the heads,
// write the claims, move the heads, flush. One operation is one group.
func BenchmarkUpdate(b *testing.B) {
	for _, c := range []struct {
		name            string
		packets, claims int // of one group; claims go round the packets
	}{{"hot", 1, 32}, {"hot", 1, 500}, {"spread", 32, 32}, {"spread", 256, 500}} {
		b.Run(fmt.Sprintf("%s-%d", c.name, c.claims), func(b *testing.B) {
			s := create(b, filepath.Join(b.TempDir(), "hongbao.db"))
			g := newGroups(b, s, c.packets)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			cpu := cpuTime(b)
			for b.Loop() {
				g.draw(c.claims)
				if err := s.Update(b.Context(), g.write); err != nil {
					b.Fatal(err)
				}
			}
			cpu = cpuTime(b) - cpu
			runtime.ReadMemStats(&after)
			all := float64(b.N * c.claims)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/all, "ns/claim")
			b.ReportMetric(float64(cpu)/all, "cpu-ns/claim")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/all, "allocs/claim")
		})
	}
}

// cpuTime is what this process has used of all processors, in nanoseconds. On a
// busy machine it says more than the clock.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// groups draws groups of claims on packets that never end.
type groups struct {
	ids    []packet.ID
	heads  []packet.Head
	moves  []store.HeadUpdate
	claims []packet.Claim
	drawn  uint64
}

func newGroups(b *testing.B, s store.Store, packets int) *groups {
	b.Helper()
	g := &groups{moves: make([]store.HeadUpdate, packets)}
	if err := s.Update(b.Context(), func(tx store.Tx) error {
		for n := range packets {
			p, _ := storetest.Packet(storetest.ID(n), "m1")
			g.ids, g.heads = append(g.ids, p.Head.ID), append(g.heads, p.Head)
			if err := tx.InsertPackets([]store.Packet{p}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return g
}

// draw makes the next group. Claimants are spread like hashes.
func (g *groups) draw(n int) {
	g.claims = g.claims[:0]
	for i := range g.heads {
		g.moves[i].From = g.heads[i].Seq
	}
	for i := range n {
		h := &g.heads[i%len(g.heads)]
		g.drawn++
		c := packet.Claim{
			Packet: h.ID, Seq: h.Seq + 1, Slot: h.ClaimedNum, Amount: 100, At: h.At, Hash: ledger.Hash{1}, Payee: make([]byte, 70), Name: "name",
		}
		binary.BigEndian.PutUint64(c.Claimant[:], g.drawn*0x9e3779b97f4a7c15)
		h.Seq, h.ClaimedNum, h.Claimed = c.Seq, h.ClaimedNum+1, h.Claimed+c.Amount
		g.claims = append(g.claims, c)
	}
	for i := range g.heads {
		g.moves[i].To = g.heads[i]
	}
}

func (g *groups) write(tx store.Tx) error {
	if _, err := tx.LockPackets(g.ids); err != nil {
		return err
	}
	if err := tx.UpdateHeads(g.moves); err != nil {
		return err
	}
	return tx.InsertClaims(g.claims)
}
