package audit_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store/postgres"
)

// TestAStandbyIsAuditedLikeItsPrimary: whoever does not want to burden the primary asks
// the standby, which takes no writes.
func TestAStandbyIsAuditedLikeItsPrimary(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{Settings: []string{"synchronous_commit = remote_apply"}}) // answered when the standby shows it
	standby := primary.Standby(t)
	s, err := postgres.Create(t.Context(), primary.DSN(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s, nil)
	w.settings()
	w.merchant(shop)
	w.call("1001")
	w.engine.Close()
	w.must(s.Close())

	look := func() audit.Report {
		t.Helper()
		s, err := postgres.OpenReadOnly(t.Context(), standby.DSN(), postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := audit.Run(t.Context(), s, keys, audit.Options{Deep: true})
		w.must(errors.Join(err, s.Close()))
		return r
	}
	want := audit.Report{Packets: 1, Claims: 1, Entries: 2 + 3, Accounts: 1, Findings: []audit.Finding{}}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("report of the standby (-want +got):\n%s", diff)
	}
	db, err := sql.Open("pgx", primary.DSN())
	w.must(err)
	_, err = db.ExecContext(t.Context(), "UPDATE accounts SET balance = balance + 1")
	w.must(errors.Join(err, db.Close()))
	if diff := cmp.Diff([]string{"account-balance accounts mch_id=" + shop}, rows(look())); diff != "" {
		t.Errorf("found on the standby (-want +got):\n%s", diff)
	}
}
