package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/postgres"
	"hongbao.example/hongbao/internal/vault"
)

func TestWhatIsKnownOfACommit(t *testing.T) {
	t.Parallel()
	done, unknown := error(nil), store.ErrUnknown
	for name, c := range map[string]struct {
		accident accident
		want     error
		runs     int
		written  bool
	}{
		"the connection was lost before it":       {lostBefore, unknown, 1, false},
		"the connection was lost after it":        {lostAfter, unknown, 1, true},
		"it came with a warning":                  {warned, unknown, 1, true},
		"it came with a notice":                   {noticed, done, 1, true},
		"the server says that it rolled back":     {rolledBack, done, 2, true},
		"it could not be serialized":              {refused("ROLLBACK", "ERROR", "40001"), done, 2, true},
		"there was a deadlock":                    {refused("ROLLBACK", "ERROR", "40P01"), done, 2, true},
		"the disk was full":                       {refused("ROLLBACK", "ERROR", "53100"), done, 2, true},
		"a constraint was checked late":           {refused("ROLLBACK", "ERROR", "23505"), done, 2, true},
		"the server does not know, not written":   {refused("ROLLBACK", "ERROR", "40003"), unknown, 1, false},
		"the server does not know, but written":   {refused("COMMIT", "ERROR", "40003"), unknown, 1, true},
		"a node was lost after it":                {refused("COMMIT", "ERROR", "08006"), unknown, 1, true},
		"it failed in a way that nobody foresaw":  {refused("COMMIT", "ERROR", "XX000"), unknown, 1, true},
		"the server was stopped after it":         {refused("COMMIT", "FATAL", "57P01"), unknown, 1, true},
		"the server was stopped before it":        {refused("ROLLBACK", "FATAL", "57P01"), unknown, 1, false},
		"the session ended with a word of others": {refused("COMMIT", "FATAL", "40001"), unknown, 1, true},
		"the session had ended before it":         {refused("ROLLBACK", "FATAL", "25P03"), done, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n network
			dsn := plain(t, pgtest.Schema(t))
			s := create(t, dsn, n.through(single()))
			n.meet(c.accident)
			runs := 0
			err := s.Update(t.Context(), func(tx store.Tx) error { runs++; return tx.InsertSetting("n", "v") })
			if !errors.Is(err, c.want) || runs != c.runs {
				t.Errorf("update: %v, in %d runs; want %v in %d", err, runs, c.want, c.runs)
			}
			if errors.Is(err, store.ErrUnknown) && isBusy(err) {
				t.Errorf("what is not known is not busy: %v", err)
			}
			if n.commits.Load() != 1 {
				t.Errorf("%d COMMITs had an accident", n.commits.Load())
			}
			// A lock comes after the end of what held it.
			var v string
			if err := s.Update(t.Context(), func(tx store.Tx) (err error) {
				if v, err = tx.Setting("n"); isNotFound(err) {
					return nil
				}
				return err
			}); err != nil {
				t.Errorf("update afterwards: %v", err)
			}
			if written := v == "v"; written != c.written {
				t.Errorf("written: %v, want %v", written, c.written)
			}
		})
	}
}

func TestACommitThatIsAlwaysRefusedIsBusy(t *testing.T) {
	t.Parallel()
	var n network
	s := create(t, plain(t, pgtest.Schema(t)), n.through(single()))
	runs := 0
	err := s.Update(t.Context(), func(tx store.Tx) error {
		runs++
		n.meet(refused("ROLLBACK", "ERROR", "40001"))
		return tx.InsertSetting("n", "v")
	})
	if !isBusy(err) || errors.Is(err, store.ErrUnknown) || runs != postgres.TriesMax {
		t.Errorf("update: %v, in %d runs; want busy in %d", err, runs, postgres.TriesMax)
	}
	if v := value(t, s, "n"); v != "" {
		t.Errorf("setting %q", v)
	}
}

// newEngine starts an engine on a store.
func newEngine(t *testing.T, s store.Store, tune func(*engine.Config)) *engine.Engine {
	t.Helper()
	start := time.Now()
	cfg := engine.Config{
		Store: s, Vault: vault.New(vault.Key{1}), Environment: packet.Sandbox, Random: rand.Reader,
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Elapsed: func() time.Duration { return time.Since(start) },
		Channel: engine.Channel{Name: "sandbox", Min: 1, Cap: 20000}, Providers: "sandbox", SweepOff: true,
	}
	if pgtest.Distribution() != "" {
		cfg.Scope = engine.ScopePacket
	}
	if tune != nil {
		tune(&cfg)
	}
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

const shop = "10000098"

// newShop adds a merchant with money.
func newShop(t *testing.T, e *engine.Engine) {
	t.Helper()
	if err := e.AddMerchant(t.Context(), store.Merchant{MchID: shop}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Fund(t.Context(), shop, 1_000_000, "start"); err != nil {
		t.Fatal(err)
	}
}

func wish(billNo string, num int) engine.Wish {
	return engine.Wish{
		MchID: shop, BillNo: billNo, Type: packet.Group, AppID: "wx", Seed: "seed", Total: 1200, Num: num, Life: time.Hour,
		SendName: "somebody", Wishing: "a wish", ActName: "an act", Remark: "a remark",
		Compared: []engine.Field{
			{Name: "call", Value: "sendgroupredpack"},
			{Name: "re_openid", Value: "seed"},
			{Name: "total_amount", Value: "1200"},
			{Name: "total_num", Value: fmt.Sprint(num)},
			{Name: "wxappid", Value: "wx"},
			{Name: "sub_mch_id"},
			{Name: "amt_type", Value: "ALL_RAND"},
			{Name: "send_name", Value: "somebody"},
			{Name: "wishing", Value: "a wish"},
			{Name: "act_name", Value: "an act"},
			{Name: "remark", Value: "a remark"},
			{Name: "scene_id"},
		},
	}
}

func person(name string) engine.Person {
	return engine.Person{Provider: "sandbox", Space: "wx", Subject: name}
}

// TestTheEngineFindsOutTheFateOfACommit: it answers what is true, and the same when it
// is asked again.
func TestTheEngineFindsOutTheFateOfACommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accident accident
		want     fault.Code
	}{
		"lost before it": {lostBefore, fault.Busy},
		"lost after it":  {lostAfter, fault.OK},
		"with a warning": {warned, fault.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			var n network
			e := newEngine(t, create(t, plain(t, pgtest.Schema(t)), n.through(options())), nil)
			newShop(t, e)

			n.meet(c.accident)
			sent, err := e.Send(ctx, wish("1", 3))
			if fault.CodeOf(err) != c.want {
				t.Errorf("send: %v, want %v", err, c.want)
			}
			again, err := e.Send(ctx, wish("1", 3))
			if err != nil || again.Repeat != (c.want == fault.OK) || c.want == fault.OK && again.ID != sent.ID {
				t.Errorf("sent again: %+v, %v; first %+v", again, err, sent)
			}

			n.meet(c.accident)
			first, err := e.Claim(ctx, again.ID, person("seed"), 0, 0)
			if fault.CodeOf(err) != c.want {
				t.Errorf("claim: %v, want %v", err, c.want)
			}
			second, err := e.Claim(ctx, again.ID, person("seed"), 0, 0)
			if err != nil || second.Repeat != (c.want == fault.OK) || c.want == fault.OK && second.Hash != first.Hash {
				t.Errorf("claimed again: %+v, %v; first %+v", second, err, first)
			}

			n.meet(c.accident)
			expires := time.Now().Add(time.Minute)
			// Another server may have let its bearer in meanwhile.
			if err := e.UseTicket(ctx, shop, "a ticket", expires); fault.CodeOf(err) != fault.Unknown {
				t.Errorf("ticket: %v, want unknown", err)
			}
			used := map[fault.Code]fault.Code{fault.Busy: fault.OK, fault.OK: fault.TicketRefused}[c.want]
			if err := e.UseTicket(ctx, shop, "a ticket", expires); fault.CodeOf(err) != used {
				t.Errorf("ticket again: %v, want %v", err, used)
			}

			n.meet(c.accident)
			if err := e.End(ctx, again.ID, "enough"); fault.CodeOf(err) != c.want {
				t.Errorf("end: %v, want %v", err, c.want)
			}
			ended := map[fault.Code]fault.Code{fault.Busy: fault.OK, fault.OK: fault.Expired}[c.want]
			if err := e.End(ctx, again.ID, "enough"); fault.CodeOf(err) != ended {
				t.Errorf("end again: %v, want %v", err, ended)
			}
			if n.commits.Load() != 4 {
				t.Errorf("%d COMMITs had an accident", n.commits.Load())
			}
			if unknown := e.Stats().Unknown.Load(); unknown != 0 {
				t.Errorf("%d fates remained unknown", unknown)
			}
		})
	}
}

// standby tells a server for which standby its COMMITs are to wait, "" for none.
func (c stranger) standby(name string) {
	c.t.Helper()
	c.run("ALTER SYSTEM SET synchronous_standby_names = '" + name + "'")
	c.run("SELECT pg_reload_conf()")
}

const hanging = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

// hung is an Update whose COMMIT hangs.
type hung struct {
	setting string
	leave   context.CancelFunc // ends its caller's context
	answer  <-chan error
}

// hang makes an Update whose COMMIT hangs, which locks an account. Those that come before
// the server has noticed what its COMMITs are to wait for do not.
func hang(t *testing.T, s store.Store, control stranger) hung {
	t.Helper()
	for n := 0; ; n++ {
		setting := fmt.Sprint("hung ", n, " at ", time.Now())
		ctx, leave := context.WithCancel(t.Context())
		answer := make(chan error, 1)
		go func() {
			answer <- s.Update(ctx, func(tx store.Tx) error { return errors.Join(lockOne(tx), tx.InsertSetting(setting, "v")) })
		}()
		for len(answer) == 0 {
			if len(column[int64](control, hanging)) == 1 {
				return hung{setting, leave, answer}
			}
		}
		if err := <-answer; err != nil {
			t.Fatal(err)
		}
		leave()
	}
}

func lockOne(tx store.Tx) error { _, err := tx.LockAccounts([]string{"m1"}); return err }

// TestACommitThatHangs is stuck where its record is on this disk and not on another. It
// keeps its locks, so nobody can say that it was not done. It takes as long as it takes,
// whoever has stopped waiting.
func TestACommitThatHangs(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	control := connect(t, server.DSN())
	s := create(t, server.DSN(), postgres.Options{}.Waiting(100*time.Millisecond))
	twoMerchants(t, s)
	control.standby("nobody")

	h := hang(t, s, control)
	h.leave()
	if err := s.Update(t.Context(), lockOne); !isBusy(err) {
		t.Errorf("the fate question was answered: %v", err)
	}
	if len(h.answer) > 0 {
		t.Errorf("its caller's leaving has ended COMMIT: %v", <-h.answer)
	}
	if v := value(t, s, h.setting); v != "" {
		t.Errorf("what is on one disk only can be seen: %q", v)
	}
	control.standby("")
	if err := <-h.answer; err != nil {
		t.Errorf("update: %v", err)
	}
	if v := value(t, s, h.setting); v != "v" {
		t.Errorf("setting %q", v)
	}

	control.standby("nobody")
	for _, by := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		h := hang(t, s, control)
		control.run("SELECT " + by + "(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		if err := <-h.answer; !errors.Is(err, store.ErrUnknown) {
			t.Errorf("COMMIT after %s: %v, want unknown", by, err)
		}
		h.leave()
		if v := value(t, s, h.setting); v != "v" {
			t.Errorf("setting %q after %s", v, by)
		}
	}
	control.standby("")
}

// TestNobodyCancelsACommitOfWhichTheConnectionIsLost: the driver would, and what has not
// come to the standby could be seen.
func TestNobodyCancelsACommitOfWhichTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]pgtest.Options{"Unix": {}, "TCP": {TCP: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n network
			server := pgtest.Start(t, o)
			control := connect(t, server.DSN())
			s := create(t, server.DSN(), n.through(postgres.Options{}.Waiting(100*time.Millisecond)))
			twoMerchants(t, s)
			control.standby("nobody")
			first := hang(t, s, control) // from now on they all do
			control.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
			if err := <-first.answer; !errors.Is(err, store.ErrUnknown) {
				t.Errorf("a COMMIT that was cancelled: %v", err)
			}

			n.meet(lostDuring)
			err := s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(lockOne(tx), tx.InsertSetting("n", "v")) })
			if !errors.Is(err, store.ErrUnknown) {
				t.Errorf("update: %v, want unknown", err)
			}
			control.until(1, hanging)
			for range 3 {
				if err := s.Update(t.Context(), lockOne); !isBusy(err) {
					t.Errorf("the fate question was answered: %v", err)
				}
			}
			if v := value(t, s, "n"); v != "" {
				t.Errorf("what is on one disk only can be seen: %q", v)
			}
			control.standby("")
			control.until(0, hanging)
			if v := value(t, s, "n"); v != "v" {
				t.Errorf("setting %q", v)
			}
		})
	}
}
