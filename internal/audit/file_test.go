package audit_test

import (
	"slices"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/storebed"
)

// TestADeepAuditSeesADamagedIndex: each row is as it should be, but by the index the
// worker finds a payout at another time, or not at all.
func TestADeepAuditSeesADamagedIndex(t *testing.T) {
	t.Parallel()
	m := sampleOn(t, storebed.OnSQLite)
	l := &lab{T: t, Bed: storebed.OnSQLite.New(t), image: m}
	l.Load(t, l.all)
	schema := func(from, to string) {
		t.Helper()
		l.Exec(t, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'payouts_due'", from, to)
	}
	schema("(next_check,", "(updated_at,")
	l.Exec(t, "UPDATE payouts SET next_check = next_check + 1")
	schema("(updated_at,", "(next_check,")

	if got := rows(l.run(audit.Options{})); len(got) > 0 {
		t.Fatalf("found without the index: %q", got)
	}
	got := l.run(audit.Options{Deep: true}).Findings
	if !slices.ContainsFunc(got, func(f audit.Finding) bool {
		return f.Invariant == "readable" && f.Row == "file" && strings.Contains(f.Detail, "payouts_due")
	}) {
		t.Errorf("found %+v, not that payouts_due is wrong", got)
	}
}
