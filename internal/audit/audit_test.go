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
	"hongbao.example/hongbao/internal/vault"
)

func TestWhatTheEngineWroteIsInOrder(t *testing.T) {
	t.Parallel()
	want := audit.Report{Packets: 8, Claims: 14, Entries: 14 + 15, Accounts: 2, Payouts: 10, Findings: []audit.Finding{}}
	for name, o := range map[string]audit.Options{
		"by default":                {},
		"deep":                      {Deep: true},
		"of the environment it has": {Environment: packet.Sandbox},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, run(t, copyOfSample(t), o)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErasedPeopleAreNoDamage(t *testing.T) {
	t.Parallel()
	path := copyOfSample(t)
	tamper(t, path, `UPDATE terms SET seed_ref = x''; UPDATE claims SET payee = NULL, name = ''; UPDATE payouts SET payee = NULL, frozen = NULL`)
	if got := rows(run(t, path, audit.Options{Deep: true})); len(got) > 0 {
		t.Errorf("found %q", got)
	}
}

// TestAPacketThatIsNotPaidFromHere has no payouts, and is settled when it has ended.
func TestAPacketThatIsNotPaidFromHere(t *testing.T) {
	t.Parallel()
	path := copyOfSample(t)
	tamper(t, path, `UPDATE terms SET channel = 'none' WHERE packet_id = {ended}; UPDATE packets SET settled = 1 WHERE id = {ended}`)
	forge(t, open(t, path), path)
	if got := rows(run(t, path, audit.Options{Deep: true})); len(got) > 0 {
		t.Errorf("found %q", got)
	}
}

func TestOnePacketAlone(t *testing.T) {
	t.Parallel()
	path := copyOfSample(t)
	tamper(t, path, `
		UPDATE claims SET parent = 2 WHERE packet_id = {fresh} AND slot = 1;
		UPDATE claims SET payee = x'00' WHERE packet_id = {fresh} AND slot = 2;
		UPDATE packets SET claimed = 0 WHERE id = {open};
		UPDATE accounts SET balance = 0`)
	got := run(t, path, audit.Options{Packet: sample.ids["fresh"], Deep: true})
	want := strings.Split(sample.names.Replace(
		"book-chained claims packet_id={fresh} slot=1\nclaim-parent claims packet_id={fresh} slot=1\npayee-opens claims packet_id={fresh} slot=2"), "\n")
	if diff := cmp.Diff(want, rows(got)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if got.Packets != 1 || got.Claims != 3 || got.Entries != 1 || got.Accounts != 0 || got.Cut {
		t.Errorf("looked at %+v", got)
	}
	if got := rows(run(t, path, audit.Options{Packet: sample.ids["done"]})); len(got) > 0 {
		t.Errorf("in a packet that nobody touched: %q", got)
	}
}

func TestAPacketThatIsNotThere(t *testing.T) {
	t.Parallel()
	got, err := audit.Run(t.Context(), open(t, copyOfSample(t)), keys, audit.Options{Packet: 1})
	if fault.CodeOf(err) != fault.NotFound || len(got.Findings) > 0 {
		t.Errorf("%+v, %v; want NotFound", got, err)
	}
}

func TestItStopsWhenItHasFoundEnough(t *testing.T) {
	t.Parallel()
	path := copyOfSample(t)
	tamper(t, path, `UPDATE claims SET parent = 4`)
	for most, want := range map[int]int{1: 1, 4: 4, 0: 14} { // seven books' chains and their parents
		got := run(t, path, audit.Options{FindingsMax: most})
		if len(got.Findings) != want || got.Cut != (most > 0) {
			t.Errorf("at most %d: %d findings, cut %t: %q", most, len(got.Findings), got.Cut, rows(got))
		}
	}
}

func TestAnotherEnvironmentOrKeyStopsIt(t *testing.T) {
	t.Parallel()
	s := open(t, copyOfSample(t))
	for _, test := range []struct {
		keys *vault.Vault
		want packet.Environment
		row  string
	}{
		{keys, packet.Production, "environment settings name=environment"},
		{vault.New(vault.Key{9}), packet.Sandbox, "instance-key settings name=instance_key"},
	} {
		got, err := audit.Run(t.Context(), s, test.keys, audit.Options{Environment: test.want})
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
	path := copyOfSample(t)
	tamper(t, path, `DELETE FROM packets WHERE id = {kiosk}; UPDATE accounts SET balance = 0`) // so that every step is taken
	s := open(t, path)
	want := rows(run(t, path, audit.Options{Deep: true}))
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
	s := open(t, copyOfSample(t))
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
