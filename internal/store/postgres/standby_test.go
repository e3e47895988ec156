package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
)

// either is a DSN of two servers.
func either(t *testing.T, one, other string) string {
	t.Helper()
	host := func(dsn string) string {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("host")
	}
	return with(t, one, "host", host(one)+","+host(other))
}

func TestAStandbyCanBeReadOnly(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	s := create(t, primary.DSN(), postgres.Options{})
	standby := primary.Standby(t)
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	connect(t, standby.DSN()).until(1, "SELECT 1 FROM settings") // it has that on disk, and will show it
	r := readOnly(t, standby.DSN(), postgres.Options{})
	if v := value(t, r, "n"); v != "v" {
		t.Errorf("setting %q", v)
	}
	if err := opening(postgres.Open).refusal(t, standby.DSN(), postgres.Options{}); !strings.Contains(err.Error(), "read only") {
		t.Errorf("open of a standby: %v", err)
	}
	primary.Kill()
	standby.Promote()
	w := open(t, either(t, primary.DSN(), standby.DSN()), postgres.Options{})
	if err := errors.Join(w.Update(t.Context(), set("m", "v")), w.Health(t.Context())); err != nil {
		t.Errorf("once it is no standby any more: %v", err)
	}
	if v := value(t, r, "m"); v != "v" {
		t.Errorf("setting %q to the reader", v)
	}
}

// answers are what writers were told, by the setting that they set.
type answers struct {
	mu  sync.Mutex // guards all
	all map[string]error
}

func (a *answers) add(setting string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[setting] = err
}

// TestAFailoverLosesNothingThatWasAnswered, brings nothing back that was refused, and ends.
func TestAFailoverLosesNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{})
	create(t, primary.DSN(), postgres.Options{})
	standby := primary.Standby(t)
	s := open(t, either(t, primary.DSN(), standby.DSN()), postgres.Options{})
	told := &answers{all: make(map[string]error)}
	var writers, warm sync.WaitGroup
	promoted := make(chan struct{})
	for w := range 4 {
		warm.Add(1)
		writers.Go(func() {
			for n, after := 0, 0; after < 3; n++ { // the last are answered by the new server
				setting := fmt.Sprint(w, ".", n)
				err := s.Update(t.Context(), set(setting, "v"))
				told.add(setting, err)
				if n == 10 {
					warm.Done()
				}
				if err != nil {
					<-promoted
				}
				select {
				case <-promoted:
					after++
				default:
				}
			}
		})
	}
	warm.Wait()
	primary.Kill()
	standby.Promote()
	close(promoted)
	writers.Wait()

	there := make(map[string]bool)
	for _, name := range column[string](connect(t, standby.DSN()), "SELECT name FROM settings") {
		there[name] = true
	}
	counts := make(map[string]int)
	for setting, err := range told.all {
		switch {
		case err == nil && !there[setting]:
			t.Errorf("%s was done and is lost", setting)
		case err == nil:
			counts["done"]++
		case errors.Is(err, store.ErrUnknown):
			counts["unknown"]++
		case isBusy(err) && there[setting]:
			t.Errorf("%s was refused and is there: %v", setting, err)
		case isBusy(err):
			counts["busy"]++
		default:
			t.Errorf("%s: %v", setting, err)
		}
	}
	t.Logf("%v", counts)
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("health afterwards: %v", err)
	}
}
