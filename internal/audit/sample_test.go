package audit_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
	"hongbao.example/hongbao/internal/vault"
)

// The merchants of the sample. The second has sent one packet.
const (
	shop  = "1230000109"
	kiosk = "1900000109"
)

var keys = vault.New(vault.Key{1, 2, 3})

// sample is a database in which everything has happened that can happen to a packet,
// made once on each engine by the real engine, payout worker and store.
var sample = map[storebed.Engine]*image{storebed.OnSQLite: {}, storebed.OnPostgres: {}}

// image is the sample on one engine.
type image struct {
	sync.Once
	all   []byte               // as storebed loads it
	ids   map[string]packet.ID // packets by what has become of them
	names *strings.Replacer    // "{name}" → id, "{openid}" → claimant
}

// A world is an engine and a payout worker on a database.
type world struct {
	*testing.T
	store  store.Store
	engine *engine.Engine
	worker *payout.Worker
	rest   func(time.Duration) // lets time pass; only in a bubble
}

func newWorld(t *testing.T, s store.Store, rest func(time.Duration)) *world {
	t.Helper()
	w := &world{T: t, store: s, rest: rest}
	start := time.Now()
	log := slog.New(slog.DiscardHandler)
	var err error
	w.engine, err = engine.New(engine.Config{
		Store: s, Vault: keys, Environment: packet.Sandbox, Log: log,
		Random: chance(), Now: time.Now, Elapsed: func() time.Duration { return time.Since(start) },
		Channel: engine.Channel{Name: payout.SandboxName, Min: 1, Cap: 20000}, Providers: "sandbox,ticket",
		Scope: engine.Scope(storebed.Scope()),
	})
	w.must(err)
	t.Cleanup(w.engine.Close)
	channel, err := payout.NewSandbox(packet.Sandbox, time.Now)
	w.must(err)
	w.worker, err = payout.New(payout.Config{Engine: w.engine, Store: s, Channels: []payout.Channel{channel}, Log: log})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// chance is the same in each run.
func chance() io.Reader { return &steady{source: rand.NewChaCha8([32]byte{7})} }

// steady is a source for several goroutines.
type steady struct {
	mu     sync.Mutex // guards source
	source *rand.ChaCha8
}

func (s *steady) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Read(b)
}

// settings does what init does.
func (w *world) settings() {
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		return errors.Join(
			tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)),
			tx.InsertSetting(store.SettingFingerprint, keys.Fingerprint()),
		)
	}))
}

func (w *world) merchant(mchID string) {
	w.must(w.engine.AddMerchant(w.Context(), store.Merchant{MchID: mchID, Name: "merchant " + mchID}))
	w.fund(mchID, 1_000_000, "start")
}

func (w *world) fund(mchID string, amount money.Fen, ref string) {
	_, err := w.engine.Fund(w.Context(), mchID, amount, ref)
	w.must(err)
}

// generous is a quota that nobody here comes near to. The kiosk has none, so nothing
// is counted there.
var generous = map[string]engine.Quota{shop: {Num: 10_000, Amount: 100_000_000, SeedNum: 10_000, SeedAmount: 100_000_000}}

// send sends a packet of num shares under its own bill number.
func (w *world) send(mchID, billNo string, kind packet.Type, num int, life time.Duration) packet.ID {
	sent, err := w.engine.Send(w.Context(), compared(engine.Wish{
		MchID: mchID, BillNo: billNo, Type: kind, AppID: "wx", Seed: "seed", Total: money.Fen(num) * 200, Num: num,
		SendName: "somebody", Wishing: "a wish", ActName: "an act", Remark: "a remark", Life: life, Quota: generous[mchID],
	}))
	w.must(err)
	return sent.ID
}

// compared adds to a wish what the merchant's edge would have it compare. Some
// merchants send for another one, or under a scene.
func compared(w engine.Wish) engine.Wish {
	call, amounts, sub, scene := "sendgroupredpack", "ALL_RAND", "10000099", "PRODUCT_2"
	if w.Type == packet.Normal {
		call, amounts, sub, scene = "sendredpack", "", "", ""
	}
	w.Compared = []engine.Field{
		{Name: "call", Value: call},
		{Name: "re_openid", Value: w.Seed},
		{Name: "total_amount", Value: strconv.FormatInt(int64(w.Total), 10)},
		{Name: "total_num", Value: strconv.Itoa(w.Num)},
		{Name: "wxappid", Value: w.AppID},
		{Name: "sub_mch_id", Value: sub},
		{Name: "amt_type", Value: amounts},
		{Name: "send_name", Value: w.SendName},
		{Name: "wishing", Value: w.Wishing},
		{Name: "act_name", Value: w.ActName},
		{Name: "remark", Value: w.Remark},
		{Name: "scene_id", Value: scene},
	}
	return w
}

// claim opens a share; by is the slot of who shared the link.
func (w *world) claim(id packet.ID, who string, by int) engine.Claimed {
	w.rest(10 * time.Millisecond)
	c, err := w.engine.Claim(w.Context(), id, engine.Person{Provider: "sandbox", Space: "wx", Subject: who, Name: who}, by, fault.OK)
	w.must(err)
	return c
}

// pay follows a packet and pays what is due.
func (w *world) pay(id packet.ID) {
	w.must(w.worker.Follow(w.Context(), id))
	_, err := w.worker.Round(w.Context())
	w.must(err)
	w.must(w.worker.Follow(w.Context(), id))
}

// live lets everything happen, in an hour and a bit.
func (w *world) live() map[string]packet.ID {
	ids := make(map[string]packet.ID)
	ctx := w.Context()
	w.settings()
	w.merchant(shop)
	w.merchant(kiosk)
	for i := range 2 {
		_, err := w.engine.AddAPIKey(ctx, shop, strings.Repeat(strconv.Itoa(i), 32), time.Hour)
		w.must(err)
	}
	w.must(w.engine.AddTicketKey(ctx, shop, engine.TicketKey{ID: "ed", Alg: "EdDSA", Public: make(ed25519.PublicKey, ed25519.PublicKeySize)}))
	w.must(w.engine.AddTicketKey(ctx, shop, engine.TicketKey{ID: "hs", Alg: "HS256", Secret: make([]byte, 32)}))

	done := w.send(shop, "1001", packet.Group, 3, time.Hour)
	ids["done"] = done
	w.claim(done, "seed", 0)
	w.claim(done, "friend", 0)
	w.claim(done, "friend's friend", 1)
	w.pay(done)

	refunded := w.send(shop, "1002", packet.Group, 5, time.Hour)
	ids["refunded"] = refunded
	w.claim(refunded, "seed", 0)
	w.must(w.engine.Hold(ctx, refunded, "a look at it"))
	w.must(w.engine.Release(ctx, refunded, "looked at"))
	w.claim(refunded, "payout-refused", 0)
	w.pay(refunded)

	normal := w.send(shop, "1003", packet.Normal, 1, time.Hour)
	ids["normal"] = normal
	w.claim(normal, "seed", 0)
	w.pay(normal)

	w.rest(time.Hour + time.Minute)
	w.pay(refunded)

	open := w.send(shop, "1004", packet.Group, 5, time.Hour)
	ids["open"] = open
	w.claim(open, "seed", 0)
	mend := w.claim(open, "payout-mend", 0)
	w.claim(open, "payout-never", 1)
	w.pay(open)
	w.rest(time.Minute)
	w.must(w.worker.Revisit(ctx, open, mend.Claimant))
	w.pay(open)

	held := w.send(shop, "1005", packet.Group, 3, time.Hour)
	ids["held"] = held
	w.claim(held, "seed", 0)
	w.rest(10 * time.Millisecond)
	w.must(w.engine.Hold(ctx, held, "a look at it"))

	ended := w.send(shop, "1006", packet.Group, 3, time.Hour)
	ids["ended"] = ended
	w.claim(ended, "seed", 0)
	w.must(w.engine.End(ctx, ended, "sent by mistake"))

	fresh := w.send(shop, "1007", packet.Group, 5, time.Hour) // no worker has seen it
	ids["fresh"] = fresh
	w.claim(fresh, "seed", 0)
	w.claim(fresh, "friend", 0)
	w.claim(fresh, "friend's friend", 1)

	ids["kiosk"] = w.send(kiosk, "1001", packet.Group, 2, time.Hour)
	_, err := w.engine.Withdraw(ctx, shop, 100, "end")
	w.must(err)
	w.fund(shop, 1000, "late")
	return ids
}

// sampleOn returns the sample on an engine. It is the same on each, but for what is
// sealed.
func sampleOn(t *testing.T, engine storebed.Engine) *image {
	t.Helper()
	m := sample[engine]
	m.Do(func() {
		bed := engine.New(t)
		synctest.Test(t, func(t *testing.T) {
			m.ids = newWorld(t, bed.Open(t), time.Sleep).live()
		})
		m.all = bed.Save(t)
		var names []string
		for name, id := range m.ids {
			names = append(names, "{"+name+"}", strconv.FormatInt(int64(id), 10))
		}
		for _, openid := range []string{"seed", "payout-mend", "payout-never"} {
			who := keys.Claimant(keys.ClaimantKeyID(), "wx", openid)
			names = append(names, "{"+openid+"}", hex.EncodeToString(who[:]))
		}
		m.names = strings.NewReplacer(names...)
	})
	return m
}

// lab is a database that was once like the sample.
type lab struct {
	*testing.T
	*storebed.Bed
	*image
}

// onEach runs a test on a copy of the sample on each engine.
func onEach(t *testing.T, test func(*lab)) {
	t.Helper()
	for _, engine := range storebed.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(newLab(t, engine))
		})
	}
}

// newLab makes a copy of the sample.
func newLab(t *testing.T, engine storebed.Engine) *lab {
	t.Helper()
	l := &lab{t, engine.New(t), sampleOn(t, engine)}
	l.Load(t, l.all)
	return l
}

// tamper runs SQL behind the store's back. In it {name} is the id of a packet of the
// sample.
func (l *lab) tamper(statements string) {
	l.Helper()
	l.Exec(l, l.names.Replace(statements))
}

// run audits the database as hongbao verify does.
func (l *lab) run(o audit.Options) audit.Report {
	l.Helper()
	r, err := l.audit(keys, o)
	if err != nil {
		l.Fatal(err)
	}
	return r
}

func (l *lab) audit(keys *vault.Vault, o audit.Options) (r audit.Report, err error) {
	l.Helper()
	l.Look(l, func(s store.Store) { r, err = audit.Run(l.Context(), s, keys, o) })
	return r, err
}

// rows writes findings as "invariant row", sorted as they were found.
func rows(r audit.Report) (list []string) {
	for _, f := range r.Findings {
		list = append(list, f.Invariant+" "+f.Row)
	}
	return list
}

// forge makes every digest, hash and head fit its rows again, as a forger would who
// can write to the database and has no key.
func (l *lab) forge(s store.Store) {
	l.Helper()
	var fix []string
	set := func(table string, hash ledger.Hash, where string) {
		fix = append(fix, "UPDATE "+table+" SET hash = x'"+hex.EncodeToString(hash[:])+"' WHERE "+where)
	}
	read := func(r store.Reader) error {
		packets, err := r.Packets(math.MinInt64, 1000)
		for _, p := range packets {
			err = errors.Join(err, forgePacket(r, &p, set, &fix))
		}
		for _, mchID := range []string{shop, kiosk} {
			entries, listErr := r.AccountEntries(mchID, 0, 1000)
			err = errors.Join(err, listErr)
			var last ledger.Entry
			for _, e := range entries {
				e.Hash = e.Chain(last.Hash)
				set("account_entries", e.Hash, "mch_id = '"+mchID+"' AND seq = "+strconv.FormatUint(e.Seq, 10))
				last = e
			}
			set("accounts", last.Hash, "mch_id = '"+mchID+"'")
		}
		return err
	}
	if err := s.View(l.Context(), read); err != nil {
		l.Error(err)
	}
	l.tamper("BEGIN;\n" + strings.Join(fix, ";\n") + ";\nCOMMIT")
}

func forgePacket(r store.Reader, p *store.Packet, set func(table string, hash ledger.Hash, where string), fix *[]string) error {
	claims, err := r.Claims(p.Head.ID, 0)
	if err != nil {
		return err
	}
	entries, err := r.Entries(p.Head.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(claims, func(a, b packet.Claim) int { return int(a.Seq) - int(b.Seq) })
	id := strconv.FormatInt(int64(p.Head.ID), 10)
	var last ledger.Hash
	for len(claims)+len(entries) > 0 {
		if len(entries) == 0 || len(claims) > 0 && claims[0].Seq < entries[0].Seq {
			last = claims[0].Chain(last)
			set("claims", last, "packet_id = "+id+" AND seq = "+strconv.FormatUint(claims[0].Seq, 10))
			claims = claims[1:]
			continue
		}
		e := entries[0]
		if e.Seq == 1 && e.Note != p.Terms.Digest() {
			e.Note = p.Terms.Digest()
			*fix = append(*fix, "UPDATE entries SET note = '"+e.Note+"' WHERE packet_id = "+id+" AND seq = 1")
		}
		last = e.Chain(last)
		set("entries", last, "packet_id = "+id+" AND seq = "+strconv.FormatUint(e.Seq, 10))
		entries = entries[1:]
	}
	set("packets", last, "id = "+id)
	return nil
}
