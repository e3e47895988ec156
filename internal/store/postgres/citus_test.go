package postgres_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/store/storetest"
)

// standIn makes what a store asks of Citus in a schema of a server that has none: the
// table of tables that are spread, and the functions that spread one, as strict as there.
const standIn = `
	CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, by text, along text);
	CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE sql
		AS $$ INSERT INTO pg_dist_partition VALUES (name, '', '') $$;
	CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		IF colocate_with <> 'none' AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass) THEN
			RAISE EXCEPTION '% is not spread', colocate_with;
		END IF;
		IF EXISTS (SELECT FROM pg_index WHERE indrelid = name AND indisunique
				AND NOT (SELECT attnum FROM pg_attribute WHERE attrelid = name AND attname = by) = ANY (indkey)) THEN
			RAISE EXCEPTION 'a unique index of % does not contain %', name, by;
		END IF;
		INSERT INTO pg_dist_partition VALUES (name, by, colocate_with);
	END $$`

// spreading is a schema in which tables are spread by Citus, or by what stands in for it.
func spreading(t *testing.T) (dsn string, o postgres.Options) {
	t.Helper()
	dsn = pgtest.Schema(t)
	if pgtest.Distribution() == "" {
		connect(t, dsn).run(standIn)
	}
	return dsn, postgres.Options{Distribution: postgres.Citus, Volatile: true}
}

func TestTablesAreSpread(t *testing.T) {
	t.Parallel()
	dsn, o := spreading(t)
	var wait sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs { // all at once
		wait.Go(func() {
			s, err := postgres.Create(t.Context(), dsn, o)
			if err == nil {
				err = s.Close()
			}
			errs[i] = err
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil && !strings.Contains(err.Error(), "file already exists") {
			t.Error(err)
		}
	}
	open(t, dsn, o)
	c := connect(t, dsn)
	columns, with := postgres.Layout()
	tables := column[string](c, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
	for _, name := range tables {
		_, spread := columns[name]
		if !spread && !slices.Contains(outside, name) {
			t.Errorf("nobody has said how %s is spread", name)
		}
	}
	for name := range columns {
		if n := len(column[bool](c, "SELECT TRUE FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass", name)); n != 1 {
			t.Errorf("%s is spread %d times", name, n)
		}
		if pgtest.Distribution() == "" {
			got := column[string](c, "SELECT by || ' ' || along FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass", name)
			if want := columns[name] + " " + with[name]; got[0] != want {
				t.Errorf("%s is spread by %s, want %s", name, got[0], want)
			}
		}
	}
	if err := opening(postgres.Open).refusal(t, dsn, single()); !strings.Contains(err.Error(), "set distribution to citus") {
		t.Errorf("as tables that are not spread: %v", err)
	}
}

func TestCitusMustBeThere(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	if pgtest.Distribution() != "" {
		return // it is
	}
	o := postgres.Options{Distribution: postgres.Citus, Volatile: true}
	if err := opening(postgres.Create).refusal(t, dsn, o); !strings.Contains(err.Error(), "CREATE EXTENSION citus") {
		t.Errorf("create: %v", err)
	}
}

// TestUniqueIndexesContainWhatTablesAreSpreadBy, and nothing in the tables needs one node
// to know of another: no sequence, no trigger, no reference.
func TestUniqueIndexesContainWhatTablesAreSpreadBy(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	create(t, dsn, single())
	c := connect(t, dsn)
	const unique = `SELECT array_to_string(ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey)), ' ')
		FROM pg_index WHERE indisunique AND indrelid = $1::text::regclass`
	columns, _ := postgres.Layout()
	for name, by := range columns {
		keys := column[string](c, unique, name)
		for _, key := range keys {
			if by != "" && !slices.Contains(strings.Fields(key), by) {
				t.Errorf("a unique index of %s is on %s, without %s", name, key, by)
			}
		}
		if len(keys) == 0 {
			t.Errorf("%s has no key", name)
		}
	}
	for what, query := range map[string]string{
		"sequences":  "SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'migrations%'",
		"triggers":   "SELECT tgname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid WHERE c.relnamespace = current_schema()::regnamespace",
		"references": "SELECT conname FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace",
		"functions":  "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
	} {
		if found := column[string](c, query); len(found) > 0 {
			t.Errorf("%s: %q", what, found)
		}
	}
}

func TestTheRulesFindWhatBreaksThem(t *testing.T) {
	t.Parallel()
	r := newRules()
	for sql, want := range map[string]string{
		"SELECT pg_advisory_xact_lock($1)":    "pg_advisory_xact_lock",
		"LISTEN claims":                       "LISTEN",
		"LOCK TABLE packets":                  "LOCK TABLE",
		"SELECT nextval('numbers')":           "nextval",
		"SELECT id FROM totals WHERE id = $1": "no table totals",
		"SELECT id FROM packets WHERE id = ANY($1) ORDER BY id FOR UPDATE":                                     "locks on more",
		"SELECT id FROM packets WHERE NOT settled LIMIT $1 FOR UPDATE SKIP LOCKED":                             "locks on more",
		"SELECT p.id FROM packets AS p JOIN terms AS t ON t.packet_id = p.id WHERE p.id = $1 FOR UPDATE":       "locks on more",
		"SELECT name FROM settings WHERE name = $1 FOR UPDATE":                                                 "locks what is everywhere",
		"SELECT count(*) FROM claims":                                                                          "reads on more",
		"SELECT seq FROM claims WHERE packet_id = $1 OR seq = $2":                                              "reads on more",
		"SELECT seq FROM claims WHERE packet_id > $1":                                                          "reads on more",
		"SELECT p.id FROM packets AS p JOIN accounts AS a ON a.seq = p.seq WHERE p.id = $1":                    "different ways",
		"SELECT p.id FROM packets AS p JOIN claims AS c ON c.seq = p.seq WHERE p.id = $1":                      "not joined",
		"INSERT INTO claims (packet_id, seq) SELECT * FROM unnest($1::bigint[], $2::bigint[])":                 "not VALUES",
		"INSERT INTO claims (packet_id, seq) VALUES ($1, $2), ($3, $4)":                                        "adds rows by",
		"INSERT INTO claims (seq) VALUES ($1)":                                                                 "adds rows by",
		"INSERT INTO bills (mch_id, mch_billno) VALUES ($1, $2) ON CONFLICT (mch_billno) DO UPDATE SET at = 1": "on one node only",
		"UPDATE packets SET seq = $2 WHERE id = ANY($1)":                                                       "changes rows on more",
		"UPDATE packets AS p SET seq = u.seq FROM unnest($1::bigint[]) AS u (id) WHERE p.id = u.id":            "changes rows on more",
		"UPDATE packets SET settled = TRUE":                                                                    "changes rows on more",
		"UPDATE claims SET packet_id = $2 WHERE packet_id = $1":                                                "moves a row",
		"DELETE FROM tickets WHERE expires_at < $1":                                                            "changes rows on more",
		"DELETE FROM tickets WHERE mch_id = $1 AND jti IN (SELECT jti FROM tickets WHERE mch_id = $2)":         "changes rows on more",
		"MERGE INTO packets": "no word for rows",
	} {
		s := statement{sql, []any{int64(1), int64(2), int64(3), int64(4)}}
		if err := r.check(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
	claim := statement{"INSERT INTO claims (packet_id, seq) VALUES ($1, $2)", []any{int64(1), int64(2)}}
	for sql, want := range map[string]string{
		"SELECT seq FROM accounts WHERE mch_id = $1 FOR UPDATE":    "touches accounts",
		"SELECT value FROM settings WHERE name = $1":               "touches settings",
		"UPDATE packets SET seq = $2 WHERE id = $1":                "touches the packets",
		"INSERT INTO entries (packet_id, seq) VALUES ($1, $2)":     "touches the packets",
		"SELECT id, seq FROM packets WHERE id = $1 FOR UPDATE":     "touches the packets",
		"SELECT seq FROM claims WHERE packet_id = $1 AND seq > $2": "touches the packets",
	} {
		other := statement{sql, []any{int64(7), int64(2)}}
		if err := r.checkClaim(transaction{claim, other}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a claim and %s: %v, want %q", sql, err, want)
		}
	}
}

// TestStatementsKeepTheRules of a distributed database: all that the product sends.
func TestStatementsKeepTheRules(t *testing.T) {
	t.Parallel()
	var contract, product listener
	t.Run("the contract", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			t.Helper()
			dsn, o := spreading(t)
			create(t, dsn, o)
			return open(t, dsn, contract.listen(o))
		})
	})
	t.Run("the product", func(t *testing.T) {
		dsn, o := spreading(t)
		create(t, dsn, o)
		lifeOf(t, open(t, dsn, product.listen(o)))
	})
	r := newRules()
	sent, broken := make(map[string]bool), make(map[string]bool)
	hold := func(t transaction, rule func() error) string {
		if err := rule(); err != nil {
			return fmt.Sprintf("%v: %.300v", err, t)
		}
		return ""
	}
	claims := 0
	for _, tx := range contract.heard() {
		for _, s := range tx {
			if sent[s.sql] || strings.HasPrefix(s.sql, "INSERT INTO claims ") {
				continue // the contract has claims of several packets in one call, a group has not
			}
			sent[s.sql] = true
			broken[hold(transaction{s}, func() error { return r.checkWords(s) })] = true
		}
	}
	for _, tx := range product.heard() {
		for _, s := range tx {
			sent[s.sql] = true
			broken[hold(transaction{s}, func() error { return r.checkWords(s) })] = true
			if strings.HasPrefix(s.sql, "INSERT INTO claims ") {
				claims++
			}
		}
		broken[hold(tx, func() error { return r.checkClaim(tx) })] = true
	}
	delete(broken, "")
	for _, wrong := range slices.Sorted(maps.Keys(broken)) {
		t.Error(wrong)
	}
	if claims < 10 {
		t.Errorf("%d statements have added claims", claims)
	}
	var unsent []string
	for name, sql := range postgres.Queries() {
		if !sent[sql] {
			unsent = append(unsent, name)
		}
	}
	slices.Sort(unsent)
	if diff := cmp.Diff([]string{"LockPackets", "UpdateHeads"}, unsent); diff != "" { // of several packets
		t.Errorf("never sent (-want +got):\n%s", diff)
	}
}

// checkWords is check of a statement that may also begin or end a transaction, or look at
// how tables are spread.
func (r *rules) checkWords(s statement) error {
	for _, begin := range []string{"BEGIN ", "COMMIT", "ROLLBACK", "SELECT to_regclass(", "SELECT EXISTS (SELECT FROM pg_dist_partition ", "SELECT clock_timestamp()"} {
		if strings.HasPrefix(s.sql, begin) {
			return nil
		}
	}
	return r.check(s)
}

// lifeOf does with a store all that the product does.
func lifeOf(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	now := time.Date(2026, 11, 24, 20, 0, 0, 0, packet.Beijing)
	var elapsed time.Duration
	pass := func(d time.Duration) { now, elapsed = now.Add(d), elapsed+d }
	var clock sync.Mutex // guards now and elapsed
	e := newEngine(t, s, func(c *engine.Config) {
		c.Scope, c.Lanes = engine.ScopePacket, 2
		c.Now = func() time.Time { clock.Lock(); defer clock.Unlock(); return now }
		c.Elapsed = func() time.Duration { clock.Lock(); defer clock.Unlock(); return elapsed }
	})
	later := func(d time.Duration) { clock.Lock(); defer clock.Unlock(); pass(d) }
	must := func(err error, expected ...fault.Code) {
		t.Helper()
		if err != nil && !slices.Contains(expected, fault.CodeOf(err)) {
			t.Fatal(err)
		}
	}
	must(s.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)),
			tx.InsertSetting(store.SettingFingerprint, e.Vault().Fingerprint()))
	}))

	newShop(t, e)
	_, err := e.Withdraw(ctx, shop, 1, "back")
	must(err)
	_, err = e.AddAPIKey(ctx, shop, "first", 0)
	must(err)
	_, err = e.AddAPIKey(ctx, shop, "second", time.Hour)
	must(err)
	must(e.AddTicketKey(ctx, shop, engine.TicketKey{ID: "k", Alg: "HS256", Secret: []byte("secret")}))
	must(e.EndTicketKey(ctx, shop, "k"))
	_, err = e.ChangeMerchant(ctx, shop, func(m *store.Merchant) error { m.Name = "shop"; return nil })
	must(err)

	var ids []packet.ID
	for n := range 4 {
		w := wish(fmt.Sprint(n), 12)
		w.Quota = engine.Quota{Num: 10, Amount: 100_000, SeedNum: 10, SeedAmount: 100_000}
		sent, err := e.Send(ctx, w)
		must(err)
		_, err = e.Send(ctx, w)
		must(err)
		_, err = e.Replay(ctx, shop, fmt.Sprint(n), w.Compared)
		must(err)
		ids = append(ids, sent.ID)
	}
	var wait sync.WaitGroup
	for _, id := range ids {
		_, err := e.Claim(ctx, id, person("seed"), 0, 0)
		must(err)
		for _, name := range []string{"wang", "li", "payout-refused", "payout-mend", "payout-unknown", "payout-confirm", "payout-lost"} {
			for range 2 { // one of them repeats the other
				wait.Go(func() {
					if _, err := e.Claim(ctx, id, person(name), 0, 0); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
	}
	wait.Wait()
	must(e.Hold(ctx, ids[0], "a look at it"))
	_, err = e.Claim(ctx, ids[0], person("late"), 0, 0)
	must(err, fault.Held)
	must(e.Release(ctx, ids[0], "looked at"))
	must(e.End(ctx, ids[1], "enough"))
	must(e.UseTicket(ctx, shop, "jti", e.Now().Add(time.Minute)))
	must(e.UseTicket(ctx, shop, "jti", e.Now().Add(time.Minute)), fault.TicketRefused)

	channel, err := payout.NewSandbox(packet.Sandbox, e.Now)
	must(err)
	w, err := payout.New(payout.Config{Engine: e, Store: s, Channels: []payout.Channel{channel}, Log: slog.New(slog.DiscardHandler)})
	must(err)
	pays := func() {
		_, err := w.Scan(ctx, 0)
		must(err)
		for range 3 {
			_, err := w.Round(ctx)
			must(err)
			later(5 * time.Minute)
		}
	}
	pays()
	must(payout.Pause{Since: e.Now(), Reason: "a look at it"}.Set(ctx, s))
	pays()
	_, err = payout.Resume(ctx, s, true)
	must(err)
	for _, id := range ids {
		p, err := e.Packet(ctx, id)
		must(err)
		who := e.Claimant(p, person("payout-mend"))
		must(w.Revisit(ctx, id, who))
		_, err = e.PayoutOf(ctx, id, who)
		must(err)
	}
	later(time.Hour) // the packets expire
	must(e.Sweep(ctx))
	pays()
	must(s.Update(ctx, func(tx store.Tx) error { return tx.InsertSetting(store.SettingClockAlarm, "now") }))
	must(e.ConfirmClock(ctx))
	looks(t, e, ids[1], must)
	if _, ready := e.Health(ctx); !ready {
		t.Error("the engine is not ready")
	}
	found, err := audit.Run(ctx, s, e.Vault(), audit.Options{Deep: true})
	must(err)
	if len(found.Findings) > 0 || found.Packets != 4 {
		t.Errorf("audit: %+v", found)
	}
}

// looks reads all that can be read of a packet that has ended.
func looks(t *testing.T, e *engine.Engine, id packet.ID, must func(error, ...fault.Code)) {
	t.Helper()
	ctx := t.Context()
	_, err := e.Query(ctx, shop, "1")
	must(err)
	_, err = e.Report(ctx, id)
	must(err)
	_, err = e.Proof(ctx, id)
	must(err)
	_, err = e.Packets(ctx, shop, 1<<62, 10)
	must(err)
	_, _, err = e.Statement(ctx, shop, 0, 10)
	must(err)
	_, _, err = e.Merchants(ctx)
	must(err)
	_, err = e.Fresh(ctx, id)
	must(err)
}
