package sqlite_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/store/storetest"
)

// cutsVariable says how many logs are torn, and half as many damaged.
const cutsVariable = "HONGBAO_CUTS"

// closelyEach is of how many logs one is looked at closely, which takes long.
const closelyEach = 25

// fortune is a seed and how much is to be done with it.
type fortune struct {
	*rand.Rand
	seed uint64
	cuts int
}

// newFortune takes both from the environment, or draws a seed.
func newFortune(t *testing.T) *fortune {
	t.Helper()
	var errs [2]error
	f := &fortune{seed: rand.Uint64(), cuts: 200}
	if text := os.Getenv(storetest.SeedVariable); text != "" {
		f.seed, errs[0] = strconv.ParseUint(text, 10, 64)
	}
	if text := os.Getenv(cutsVariable); text != "" {
		f.cuts, errs[1] = strconv.Atoi(text)
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s=%d", storetest.SeedVariable, f.seed)
	f.Rand = rand.New(rand.NewPCG(f.seed, 0))
	return f
}

// some picks n of all, or all where there are no more.
func (f *fortune) some(n int, all []int) []int {
	f.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// tails are what may stand in a log from a byte on that did not reach the disk.
var tails = map[string]func(p *past, cut int, r *rand.Rand) []byte{
	"nothing": func(*past, int, *rand.Rand) []byte { return nil },
	"zeros":   func(p *past, cut int, _ *rand.Rand) []byte { return make([]byte, len(p.log)-cut) },
	"noise": func(p *past, cut int, r *rand.Rand) []byte {
		noise := make([]byte, len(p.log)-cut)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		return noise
	},
	"the log before": func(p *past, cut int, _ *rand.Rand) []byte { return p.older[min(cut, len(p.older)):] },
}

// cuts are bytes at which a log may be cut: in its header, between frames, in the headers
// of frames that commit and around their ends, and anywhere.
func (p *past) cuts(f *fortune) []int {
	var header, frames, ends, any []int
	for at := range logHeaderBytes {
		header = append(header, at)
	}
	for at := logHeaderBytes; at < p.end(); at += frameBytes {
		frames = append(frames, at)
	}
	for _, c := range p.commits[1:] {
		for d := range frameHeaderBytes + 3 {
			ends = append(ends, c.end-frameBytes-1+d)
		}
		ends = append(ends, c.end-1, c.end, min(c.end+1, len(p.log)))
	}
	for range f.cuts {
		any = append(any, f.IntN(p.end()))
	}
	return slices.Concat(f.some(f.cuts/20, header), f.some(f.cuts/5, frames), f.some(f.cuts/5, ends), f.some(f.cuts/20, any))
}

// end is where the last commit ends.
func (p *past) end() int { return p.commits[len(p.commits)-1].end }

// TestALogThatEndsAnywhere: whatever of the log did not reach the disk before the machine
// stopped, the database opens as the last commit left it that did, and an engine goes on:
// who lost a share gets the same one again.
func TestALogThatEndsAnywhere(t *testing.T) {
	t.Parallel()
	f := newFortune(t)
	names := slices.Sorted(maps.Keys(tails))
	for over, make := range pasts {
		p := make(t)
		for n, cut := range p.cuts(f) {
			tail := names[n%len(names)]
			t.Run(fmt.Sprintf("%d/cut at %d, then %s", over, cut, tail), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(f.seed, uint64(cut)))
				log := append(slices.Clone(p.log[:cut]), tails[tail](p, cut, r)...)
				p.opens(t, log, p.reached(log), n%closelyEach == 0)
			})
		}
	}
}

// reached is how many commits are whole in a log.
func (p *past) reached(log []byte) int {
	whole := 0
	for whole < min(len(log), len(p.log)) && log[whole] == p.log[whole] {
		whole++
	}
	n := 0
	for n+1 < len(p.commits) && p.commits[n+1].end <= whole {
		n++
	}
	return n
}

// opens writes the database beside a log, opens it, and checks that it is as a commit
// left it. To look closely is to see whether all is in order, for who only reads too, and
// that an engine gives callers what they had been told of.
func (p *past) opens(t *testing.T, log []byte, want int, closely bool) {
	t.Helper()
	path := p.write(t, log)
	if closely {
		s := openReadOnly(t, path)
		p.isAt(t, path, want)
		sound(t, s)
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	p.isAt(t, path, want)
	if !closely {
		return
	}
	w := newWorld(t, s, p.shares, p.now)
	defer w.engine.Close()
	for n := packetsBefore - 1; n < packetsBefore+packetsIn && w.lost == 0; n++ {
		w.packet(n)
	}
	sound(t, s)
}

// write makes files of a database and a log.
func (p *past) write(t *testing.T, log []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hongbao.db")
	for name, content := range map[string][]byte{path: p.file, path + "-wal": log} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// isAt checks that a database is as the n-th commit left it.
func (p *past) isAt(t *testing.T, path string, n int) {
	t.Helper()
	has := state(t.Context(), t, beside(t, path))
	if got := slices.IndexFunc(p.commits, func(c commit) bool { return c.state == has }); got != n {
		t.Errorf("the database is as commit %d left it, want %d of %d", got, n, len(p.commits)-1)
	}
}

// sound audits a database in full.
func sound(t *testing.T, s store.Store) {
	t.Helper()
	r, err := audit.Run(t.Context(), s, keys, audit.Options{Deep: true, Environment: packet.Sandbox})
	if err != nil || len(r.Findings) > 0 {
		t.Errorf("audit: %v, %+v", err, r.Findings)
	}
}
