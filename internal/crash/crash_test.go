// Package crash_test kills the real binary, with real files, while many callers are
// at it, and holds it to its word: whatever it has answered once it answers again
// for ever, and its books are in order whenever it comes back.
//
//	backend ──► shop ──► servers   a database, a folder with a merchant in it, `hongbao serve` processes
//	              │
//	            load               callers who send, claim and ask; they go on while servers die
//	              │
//	            drill              strikes something down, sets it up again, asks again, audits; over and over
//	              │
//	            trial              the history of each packet, held against a model of it
//
// A call has one of three outcomes: done, refused, or unknown because its answer was
// lost. What is unknown is asked again until it is known. Each call is recorded with
// its times, and in the end porcupine looks, for every packet, for an order of its
// calls in which they can have happened one after the other (linearizability).
//
// How to run it, and what it holds, is in docs/crash-tests.md.
package crash_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// life is how long packets live here: long enough for everybody to come, short
// enough for refunds to happen all the time.
const life = 3 * time.Second

// number reads a number from the environment.
func number(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: a number above zero expected", name, text)
	}
	return n
}

func TestKilledServerKeepsItsWord(t *testing.T) {
	t.Parallel()
	kills, calls := counts(t)
	pass(t, newDrill(t, openShop(t, sqlite(t), life), kills, calls))
}

// counts are how many kills and calls a drill on one engine has at least.
func counts(t *testing.T) (kills, calls int) {
	t.Helper()
	return number(t, "HONGBAO_KILLS", 12), number(t, "HONGBAO_CALLS", 6000)
}

// pass runs a drill in which nothing may be found wrong.
func pass(t *testing.T, d *drill) {
	t.Helper()
	defer d.report(t)
	for _, wrong := range d.run() {
		t.Error(wrong)
	}
}

// TestDrillNoticesAnOlderDatabase puts back, in the place of a database, what it was
// a few calls before. Its books are in order; but people remember.
func TestDrillNoticesAnOlderDatabase(t *testing.T) {
	t.Parallel()
	s := openShop(t, sqlite(t), life)
	d := newDrill(t, s, 2, 600)
	defer d.report(t)
	database := []string{"hongbao.db", "hongbao.db-wal", "hongbao.db-shm"}
	older := map[string][]byte{}
	d.strike = func(d *drill) error {
		server := s.servers[0]
		if err := server.kill(); err != nil {
			return err
		}
		for _, name := range database {
			path := filepath.Join(s.dir, name)
			if text, ok := older[name]; ok {
				if err := os.WriteFile(path, text, 0o600); err != nil {
					return err
				}
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			older[name] = text
		}
		return server.start()
	}
	wrong := strings.Join(d.run(), "\n")
	if !strings.Contains(wrong, "the answer was") {
		t.Errorf("callers have found nothing wrong but %q", wrong)
	}
}
