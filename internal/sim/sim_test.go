package sim_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/store/storetest"
)

var (
	seedsFlag = flag.Int("seeds", 500, "how many lives, from seed 0 on")
	seedFlag  = flag.Int64("seed", -1, "the one seed whose life to tell")
)

// sqliteShare is how many lives there are in memory for one in SQLite.
const sqliteShare = 200

func TestLives(t *testing.T) {
	t.Parallel()
	lives(t, *seedsFlag, inMemory)
}

func TestLivesOnSQLite(t *testing.T) {
	t.Parallel()
	lives(t, max(*seedsFlag/sqliteShare, 3), onSQLite)
}

// TestASeedIsOneHistory is what replaying rests on.
func TestASeedIsOneHistory(t *testing.T) { // not parallel: it changes how many goroutines run at a time
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const seeds = 8
	var first [seeds]string
	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)
		for seed := range uint64(seeds) {
			l := inMemory(t, seed)
			if first[seed] == "" {
				first[seed] = l.transcript
			}
			if diff := cmp.Diff(first[seed], l.transcript); diff != "" {
				t.Errorf("seed %d, on %d processors, is another history:\n%s", seed, procs, diff)
			}
		}
	}
}

// A life is what has become of a world.
type life struct {
	transcript string
	counts     counts
	err        error
}

func inMemory(t *testing.T, seed uint64) (l life) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		l = newWorld(seed, time.Sleep, storetest.NewMemory(), nil).life()
	})
	return l
}

func onSQLite(t *testing.T, seed uint64) (l life) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Create(t.Context(), path, sqlite.Options{})
		must(err)
		w := newWorld(seed, time.Sleep, db, func() store.Store {
			db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			must(err)
			return db
		})
		l = w.life()
		must(w.db.inner.Close())
	})
	return l
}

// lives lives through seeds from 0 on, on all processors, up to the first that fails,
// and says what happened in them.
func lives(t *testing.T, seeds int, one func(*testing.T, uint64) life) {
	t.Helper()
	if *seedFlag >= 0 {
		l := one(t, uint64(*seedFlag))
		t.Logf("the life of seed %d:\n%s", *seedFlag, l.transcript)
		if l.err != nil {
			t.Error(l.err)
		}
		return
	}
	r := &run{seeds: seeds, failed: seeds, counts: make(counts), start: time.Now()}
	name := t.Name()
	t.Cleanup(func() { r.report(t, name) })
	for n := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("processor ", n), func(t *testing.T) {
			t.Parallel()
			for seed := r.take(); seed < seeds; seed = r.take() {
				r.note(seed, one(t, uint64(seed)))
			}
		})
	}
}

// run is one run through many seeds.
type run struct {
	seeds int
	start time.Time

	mu     sync.Mutex // guards all below
	next   int
	counts counts
	failed int // the lowest seed that failed
	life   life
}

// take gives the next seed to live; after one that failed there is none.
func (r *run) take() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed < r.seeds || r.next == r.seeds {
		return r.seeds
	}
	r.next++
	return r.next - 1
}

func (r *run) note(seed int, l life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, n := range l.counts {
		r.counts.add(name, n)
	}
	if l.err != nil && seed < r.failed {
		r.failed, r.life = seed, l
	}
}

func (r *run) report(t *testing.T, name string) {
	t.Helper()
	spent := time.Since(r.start)
	if r.failed < r.seeds {
		t.Errorf("the life of seed %d:\n%s\nseed %d: %v\nto replay it: go test ./internal/sim -run '^%s$' -v -args -seed %d",
			r.failed, r.life.transcript, r.failed, r.life.err, name, r.failed)
		return
	}
	t.Logf("%d lives in %v, %d in a second\n%s", r.next, spent.Round(time.Millisecond), r.next*int(time.Second)/int(spent), r.counts)
}
