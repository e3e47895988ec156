package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
)

func TestWhatTheEngineWroteIsInOrder(t *testing.T) {
	t.Parallel()
	want := audit.Report{Packets: 8, Claims: 14, Entries: 14 + 15, Accounts: 2, Payouts: 10, Findings: []audit.Finding{}}
	onEach(t, func(l *lab) {
		for name, o := range map[string]audit.Options{
			"by default":                {},
			"deep":                      {Deep: true},
			"of the environment it has": {Environment: packet.Sandbox},
		} {
			if diff := cmp.Diff(want, l.run(o)); diff != "" {
				l.Errorf("%s: report (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestTheSampleIsTheSameOnEachEngine(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(sampleOn(t, storebed.OnSQLite).ids, sampleOn(t, storebed.OnPostgres).ids); diff != "" {
		t.Errorf("packets of SQLite (-) and of PostgreSQL (+):\n%s", diff)
	}
}

func TestErasedPeopleAreNoDamage(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		l.tamper(`UPDATE terms SET seed_ref = x''; UPDATE claims SET payee = NULL, name = ''; UPDATE payouts SET payee = NULL, frozen = NULL`)
		if got := rows(l.run(audit.Options{Deep: true})); len(got) > 0 {
			l.Errorf("found %q", got)
		}
	})
}

// TestAPacketThatIsNotPaidFromHere has no payouts, and is settled when it has ended.
func TestAPacketThatIsNotPaidFromHere(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		l.tamper(`UPDATE terms SET channel = 'none' WHERE packet_id = {ended}; UPDATE packets SET settled = 1 WHERE id = {ended}`)
		l.Look(l, l.forge)
		if got := rows(l.run(audit.Options{Deep: true})); len(got) > 0 {
			l.Errorf("found %q", got)
		}
	})
}

// TestLessCountedThanSentIsNoDamage: a merchant's quota may have been set at noon.
func TestLessCountedThanSentIsNoDamage(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		l.tamper(`UPDATE day_sums SET num = num - 1, amount = amount - 200 WHERE mch_id = '1230000109'`)
		if got := rows(l.run(audit.Options{Deep: true})); len(got) > 0 {
			l.Errorf("found %q", got)
		}
	})
}

func TestOnePacketAlone(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		l.tamper(`
			UPDATE claims SET parent = 2 WHERE packet_id = {fresh} AND slot = 1;
			UPDATE claims SET payee = x'00' WHERE packet_id = {fresh} AND slot = 2;
			UPDATE packets SET claimed = 0 WHERE id = {open};
			DELETE FROM packets WHERE id = {held};
			UPDATE accounts SET balance = 0`)
		for name, want := range map[string]string{
			"fresh": "book-chained claims packet_id={fresh} slot=1\nclaim-parent claims packet_id={fresh} slot=1\npayee-opens claims packet_id={fresh} slot=2",
			"held":  "packet-whole claims packet_id={held}",
			"done":  "",
		} {
			got := l.run(audit.Options{Packet: l.ids[name], Deep: true})
			if diff := cmp.Diff(l.names.Replace(want), strings.Join(rows(got), "\n")); diff != "" {
				l.Errorf("%s: found (-want +got):\n%s", name, diff)
			}
			if name == "fresh" && (got.Packets != 1 || got.Claims != 3 || got.Entries != 1 || got.Accounts != 0 || got.Cut) {
				l.Errorf("looked at %+v", got)
			}
		}
	})
}

func TestAPacketThatIsNotThere(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		got, err := l.audit(keys, audit.Options{Packet: 1})
		if fault.CodeOf(err) != fault.NotFound || len(got.Findings) > 0 {
			l.Errorf("%+v, %v; want NotFound", got, err)
		}
	})
}

func TestItStopsWhenItHasFoundEnough(t *testing.T) {
	t.Parallel()
	l := newLab(t, storebed.OnSQLite)
	l.tamper(`UPDATE claims SET parent = 4`)
	for most, want := range map[int]int{1: 1, 4: 4, 0: 14} { // seven books' chains and their parents
		got := l.run(audit.Options{FindingsMax: most})
		if len(got.Findings) != want || got.Cut != (most > 0) {
			t.Errorf("at most %d: %d findings, cut %t: %q", most, len(got.Findings), got.Cut, rows(got))
		}
	}
}

func TestAnotherEnvironmentOrKeyStopsIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, storebed.OnSQLite)
	for _, test := range []struct {
		keys *vault.Vault
		want packet.Environment
		row  string
	}{
		{keys, packet.Production, "environment settings name=environment"},
		{vault.New(vault.Key{9}), packet.Sandbox, "instance-key settings name=instance_key"},
	} {
		got, err := l.audit(test.keys, audit.Options{Environment: test.want})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{test.row}, rows(got)); diff != "" || !got.Cut || got.Packets != 0 {
			t.Errorf("found (-want +got):\n%s\n%+v", diff, got)
		}
	}
}

// unsteady is a store of which one View fails.
type unsteady struct {
	store.Store
	views int // until the one that fails
	err   error
}

func (u *unsteady) View(ctx context.Context, f func(store.Reader) error) error {
	if u.views--; u.views == 0 {
		return u.err
	}
	return u.Store.View(ctx, f)
}

func TestAStoreThatDoesNotAnswerIsNoFinding(t *testing.T) {
	t.Parallel()
	l := newLab(t, storebed.OnSQLite)
	l.tamper(`DELETE FROM packets WHERE id = {kiosk}; UPDATE accounts SET balance = 0`) // so that every step is taken
	s := l.Open(t)
	want := rows(l.run(audit.Options{Deep: true}))
	for n := 1; ; n++ {
		u := &unsteady{s, n, fault.Busy}
		got, err := audit.Run(t.Context(), u, keys, audit.Options{Deep: true})
		if u.views > 0 { // it needs no more than that
			if n < 10 || err != nil {
				t.Errorf("%d views and %v", n, err)
			}
			return
		}
		if fault.CodeOf(err) != fault.Busy || got.Cut || len(got.Findings) > len(want) {
			t.Errorf("view %d fails: %v, %+v; want Busy", n, err, got)
		}
	}
}

func TestTheCallerCanStopIt(t *testing.T) {
	t.Parallel()
	s := newLab(t, storebed.OnSQLite).Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := audit.Run(ctx, s, keys, audit.Options{}); !errors.Is(err, context.Canceled) || len(got.Findings) > 0 {
		t.Errorf("%+v, %v; want canceled", got, err)
	}
}

func TestReportInJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		report audit.Report
		want   string
	}{
		{
			audit.Report{Packets: 1, Claims: 2, Entries: 3, Accounts: 4, Payouts: 5, Findings: []audit.Finding{}},
			`{"packets":1,"claims":2,"entries":3,"accounts":4,"payouts":5,"findings":[],"cut":false}`,
		},
		{
			audit.Report{Findings: []audit.Finding{{"i", "r", "d"}}, Cut: true},
			`{"packets":0,"claims":0,"entries":0,"accounts":0,"payouts":0,"findings":[{"invariant":"i","row":"r","detail":"d"}],"cut":true}`,
		},
	} {
		got, err := json.Marshal(test.report)
		if err != nil || string(got) != test.want {
			t.Errorf("%s, %v; want %s", got, err, test.want)
		}
	}
}

// TestInvariantsAreDocumented compares docs/invariants.md with what is checked: every
// invariant has a row, in the order of the checks, that says what it means and what
// it catches.
func TestInvariantsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/invariants.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.+) \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	if diff := cmp.Diff(audit.Invariants(), documented); diff != "" {
		t.Errorf("checked (-) and documented (+) differ:\n%s", diff)
	}
}
