package sqlite_test

import (
	"database/sql"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/store/sqlite"
)

// raw opens a file as a stranger would, for the length of a test.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// column is what a query of one column finds.
func column(t testing.TB, db *sql.DB, query string, args ...any) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// plan is how SQLite means to run a query, a step a line.
func plan(t testing.TB, db *sql.DB, query string) (steps []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestNoQueryWalksAGrowingTable: each finds its rows by a key or an index, and
// those that are cut off at a limit find them in order.
func TestNoQueryWalksAGrowingTable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	create(t, path)
	db := raw(t, path)
	queries := maps.Clone(sqlite.Lists())
	maps.Copy(queries, sqlite.Rows())
	indexes := map[string]string{ // where another one would do for SQLite, but grows
		"Due": "packets_due", "Unsettled": "packets_unsettled", "PacketsOf": "terms_mch", "PayoutsDue": "payouts_due", "UseTicket": "tickets_expiry",
	}
	for name, query := range queries {
		steps := plan(t, db, query)
		text := strings.Join(steps, "; ")
		t.Logf("%s: %s", name, text)
		if len(steps) == 0 {
			t.Errorf("%s has no plan", name)
		}
		for _, step := range steps {
			if strings.HasPrefix(step, "SCAN of_") || name == "Strays" && strings.Contains(step, "TEMP B-TREE") {
				continue // of the first row of each table
			}
			if strings.HasPrefix(step, "SCAN") && name != "Merchants" && name != "Kinds" {
				t.Errorf("%s scans: %s", name, text)
			}
			if strings.Contains(step, "TEMP B-TREE") && strings.Contains(query, "LIMIT") {
				t.Errorf("%s sorts before its limit: %s", name, text)
			}
		}
		if !strings.Contains(text, indexes[name]) {
			t.Errorf("%s does not use %s: %s", name, indexes[name], text)
		}
	}
}
