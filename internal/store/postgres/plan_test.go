package postgres_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/storetest"
)

// crowd fills the tables as years would: 20,000 packets, each with a claim and a payout,
// of which most have come to their end, and the books of 200 merchants.
const crowd = `
	INSERT INTO packets SELECT id, 3, '', id, 1, 5, 0, 0, id % 500 = 1, id % 100 > 0, id % 100 > 0, id FROM generate_series(1, 20000) AS id;
	INSERT INTO terms SELECT id, 'm' || id % 200, 'b' || id, '', '', '', '', '', '', 9, 3, '', 1, 9, '', '', '', '', 1, 1, id, id, '', '' FROM packets;
	INSERT INTO claims SELECT id, decode(to_hex(n), 'escape'), n, n, NULL, 5, id, '', '', '', '' FROM packets, generate_series(1, 2) AS n;
	INSERT INTO entries SELECT id, n, 3, 9, id, '', '' FROM packets, generate_series(1, 2) AS n;
	INSERT INTO followers SELECT id, 'payout', 3, 1 FROM packets;
	INSERT INTO payouts SELECT packet_id, claimant, 1, slot, 'm', '', '', 5, '', '', CASE WHEN packet_id % 100 = 0 THEN 'queued' ELSE 'done' END,
		1, 1, packet_id, packet_id % 1000 = 0, FALSE, FALSE, '', '', 1, 1 FROM claims;
	INSERT INTO payout_events SELECT packet_id, claimant, 1, 1, 'done', '', '', 1 FROM claims;
	INSERT INTO accounts SELECT 'm' || n, 1, 1, '', 1 FROM generate_series(1, 200) AS n;
	INSERT INTO account_entries SELECT 'm' || n % 200, n, 1, 'r' || n, 1, 1, '' FROM generate_series(1, 20000) AS n;
	INSERT INTO bills SELECT mch_id, mch_billno, packet_id, '', '', 1 FROM terms;
	INSERT INTO day_sums SELECT 'm' || n % 200, n % 3, decode(to_hex(n), 'escape'), 1, 1 FROM generate_series(1, 20000) AS n;
	INSERT INTO tickets SELECT 'm' || n % 200, decode(to_hex(n), 'escape'), n FROM generate_series(1, 20000) AS n;
	ANALYZE`

// growing are the tables whose rows are as many as there have been packets.
var growing = []string{
	"packets", "terms", "claims", "entries", "followers", "payouts", "payout_events", "account_entries", "bills", "day_sums", "tickets",
}

// step is a part of a plan, as far as it matters here.
type step struct {
	Kind  string `json:"Node Type"`
	Table string `json:"Relation Name"`
	Index string `json:"Index Name"`
	Cond  string `json:"Index Cond"`
	Steps []step `json:"Plans"`
}

// all are the steps of a plan, those that use the results of others first.
func (s step) all() []step {
	found := []step{s}
	for _, inner := range s.Steps {
		found = append(found, inner.all()...)
	}
	return found
}

func (s step) String() string {
	return strings.Join(slices.DeleteFunc([]string{s.Kind, s.Table, s.Index, s.Cond}, func(p string) bool { return p == "" }), " ")
}

// plan is how the server means to run a statement whose values it does not know.
func plan(c stranger, sql string) []step {
	c.t.Helper()
	c.run("PREPARE q AS " + sql)
	values := ""
	for i := range strings.Count(sql, "$") {
		if strings.Contains(sql, fmt.Sprintf("$%d", i+1)) {
			values += ", NULL"
		}
	}
	if values != "" {
		values = "(" + values[2:] + ")"
	}
	text := column[string](c, "EXPLAIN (FORMAT JSON) EXECUTE q"+values)[0]
	c.run("DEALLOCATE q")
	var plans []struct{ Plan step }
	if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
		c.t.Fatalf("%s: %v", text, err)
	}
	return plans[0].Plan.all()
}

// TestNoStatementWalksAGrowingTable: each finds its rows by a key or an index, and those
// that are cut off at a limit find them in order.
func TestNoStatementWalksAGrowingTable(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	create(t, dsn, single())
	c := connect(t, with(t, dsn, "options", "-c plan_cache_mode=force_generic_plan"))
	c.run(crowd)
	indexes := map[string]string{ // without a condition, since all that is in them is wanted
		"Due": "packets_due", "Unsettled": "packets_unsettled", "PacketsOf": "terms_mch", "PayoutsDue": "payouts_due", "UseTicket": "tickets_expiry",
	}
	for name, sql := range postgres.Queries() {
		steps := plan(c, sql)
		text := fmt.Sprint(steps)
		for _, s := range steps {
			if !slices.Contains(growing, s.Table) {
				continue
			}
			walks := s.Kind == "Seq Scan" || strings.HasSuffix(s.Kind, "Index Scan") && s.Cond == "" || strings.HasSuffix(s.Kind, "Index Only Scan") && s.Cond == ""
			if walks && s.Index != indexes[name] {
				t.Errorf("%s walks %s: %s", name, s.Table, text)
			}
		}
		for _, s := range steps {
			if s.Kind == "Limit" && strings.Contains(fmt.Sprint(s.all()), "Sort") {
				t.Errorf("%s sorts before its limit: %s", name, text)
			}
		}
		if !strings.Contains(text, indexes[name]) {
			t.Errorf("%s does not use %s: %s", name, indexes[name], text)
		}
	}
}

// TestAClaimLeavesTheIndexesOfHeadsAlone: a new version of a head stands beside the old
// one, and no index is told of it.
func TestAClaimLeavesTheIndexesOfHeadsAlone(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, single())
	const packets, claims = 3, 5
	for n := range packets {
		p, _ := storetest.Packet(storetest.ID(n), "m1")
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertPackets([]store.Packet{p}) }); err != nil {
			t.Fatal(err)
		}
		for i := range claims {
			from := p.Head.Seq
			p.Head, _ = storetest.Claim(&p, i)
			updates := []store.HeadUpdate{{From: from, To: p.Head}}
			if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.UpdateHeads(updates) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	both := make([]store.HeadUpdate, 2) // by one statement
	for n := range both {
		var p store.Packet
		if err := s.View(t.Context(), func(r store.Reader) (err error) { p, err = r.Packet(storetest.ID(n)); return err }); err != nil {
			t.Fatal(err)
		}
		head, _ := storetest.Claim(&p, claims)
		both[n] = store.HeadUpdate{From: p.Head.Seq, To: head}
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.UpdateHeads(both) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // a session tells what it has done when it ends
		t.Fatal(err)
	}
	c := connect(t, dsn)
	c.until(1, "SELECT 1 FROM pg_stat_user_tables WHERE relid = 'packets'::regclass AND n_tup_upd = $1", packets*claims+len(both))
	if hot := column[int64](c, "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'packets'::regclass")[0]; hot != packets*claims+int64(len(both)) {
		t.Errorf("%d of %d updates of heads left the indexes alone", hot, packets*claims+len(both))
	}
}

// TestTextsThatAreKeysCompareByTheirBytes, as all other engines have it, on a server where
// other texts compare as people sort them.
func TestTextsThatAreKeysCompareByTheirBytes(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, single())
	c := connect(t, dsn)
	const keys = `SELECT DISTINCT c.relname || '.' || a.attname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) JOIN pg_collation AS l ON l.oid = a.attcollation
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relname NOT LIKE 'migrations%' AND l.collname <> 'C'`
	if wrong := column[string](c, keys); len(wrong) > 0 {
		t.Errorf("keys that compare otherwise: %q", wrong)
	}
	names := []string{"a", "B", "ä", "b", "A", "红", "_", "10", "9"}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		for _, name := range names {
			if err := tx.InsertMerchant(storetest.Merchant(name)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var got []string
	if err := s.View(t.Context(), func(r store.Reader) error {
		all, err := r.Merchants()
		for _, m := range all {
			got = append(got, m.MchID)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("merchants (-want +got):\n%s", diff)
	}
}

// TestColumnsHaveTheTypesThatDriversTakeAsTheyAre, see package table.
func TestColumnsHaveTheTypesThatDriversTakeAsTheyAre(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	create(t, dsn, single())
	const others = `SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name NOT LIKE 'migrations%' AND data_type NOT IN ('bigint', 'text', 'bytea', 'boolean')`
	if wrong := column[string](connect(t, dsn), others); len(wrong) > 0 {
		t.Errorf("columns of other types: %q", wrong)
	}
}
