package audit_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

// busy is a store on which something happens before one of its Views.
type busy struct {
	store.Store
	views  int // until that one
	happen func()
}

func (b *busy) View(ctx context.Context, f func(store.Reader) error) error {
	if b.views--; b.views == 0 {
		b.happen()
	}
	return b.Store.View(ctx, f)
}

// between audits a database again and again, and lets something happen to it between
// two Views of the audit, for each pair of Views in turn.
func (l *lab) between(happen func(*world), judge func(n int, r audit.Report)) {
	l.Helper()
	all := l.Save(l)
	for n, more := 1, true; more; n++ {
		l.Load(l, all)
		synctest.Test(l.T, func(t *testing.T) {
			time.Sleep(90 * time.Minute) // to the sample's own time
			w := newWorld(t, l.Open(t), time.Sleep)
			b := &busy{w.store, n, func() { happen(w) }}
			got, err := audit.Run(t.Context(), b, keys, audit.Options{Deep: true})
			w.must(err)
			judge(n, got)
			more = b.views <= 0
		})
	}
}

func TestWhateverHappensMeanwhileIsNoFinding(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		views := 0
		l.between(l.meanwhile, func(n int, r audit.Report) {
			if len(r.Findings) > 0 {
				l.Errorf("before view %d: %+v", n, r.Findings)
			}
			views = n
		})
		if views < 10 {
			l.Errorf("an audit of %d views", views)
		}
	})
}

func TestWhateverHappensMeanwhileHidesNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		l.tamper(`DELETE FROM packets WHERE id = {kiosk}`)
		want := rows(l.run(audit.Options{}))
		send := func(w *world) { w.send(kiosk, "0001", packet.Group, 3, time.Hour) } // a bill before that of the lost packet
		l.between(send, func(n int, r audit.Report) {
			if diff := cmp.Diff(want, rows(r)); diff != "" {
				l.Errorf("before view %d (-want +got):\n%s", n, diff)
			}
		})
	})
}

// meanwhile lets everything happen to the packets of the sample that still can, and
// to new ones.
func (l *lab) meanwhile(w *world) {
	ctx := w.Context()
	fresh := l.ids["fresh"]
	w.claim(fresh, "newcomer", 1)
	w.pay(fresh)
	w.must(w.engine.Release(ctx, l.ids["held"], "looked at"))
	w.must(w.engine.End(ctx, l.ids["open"], "enough"))
	w.must(w.engine.End(ctx, l.ids["kiosk"], "enough"))
	w.fund(kiosk, 5, "meanwhile")
	_, err := w.engine.Withdraw(ctx, shop, 7, "meanwhile")
	w.must(err)

	id := w.send(shop, "1000", packet.Group, 3, time.Hour)
	w.claim(id, "seed", 0)
	w.claim(id, "payout-refused", 0)
	w.pay(id)
	w.must(w.engine.Hold(ctx, id, "a look at it"))
	w.must(w.engine.End(ctx, id, "enough"))

	w.merchant("1000000000") // before those the audit knows
	w.claim(w.send("1000000000", "1", packet.Group, 2, time.Hour), "seed", 0)
}

// beside is a store on which something happens while a View of it is open.
type beside struct {
	store.Store
	happen func()
	views  int
}

func (b *beside) View(ctx context.Context, f func(store.Reader) error) error {
	b.views++
	return b.Store.View(ctx, func(r store.Reader) error {
		err := f(r)
		b.happen()
		return err
	})
}

// TestNobodyWaitsForAnAudit: whatever the audit is reading, claims are committed, money
// goes in and packets are sent before its View ends.
func TestNobodyWaitsForAnAudit(t *testing.T) {
	t.Parallel()
	onEach(t, func(l *lab) {
		w := newWorld(l.T, l.Open(l), nil)
		id := w.send(shop, "beside", packet.Group, 1000, 72*time.Hour)
		b := &beside{Store: w.store}
		b.happen = func() {
			ctx, cancel := context.WithTimeout(l.Context(), 30*time.Second)
			defer cancel()
			who := "seed"
			if b.views > 1 {
				who = fmt.Sprint("friend ", b.views)
			}
			_, err := w.engine.Claim(ctx, id, engine.Person{Space: "wx", Subject: who}, 0, fault.OK)
			w.must(err)
			w.fund(shop, 1, fmt.Sprint("beside-", b.views))
			w.send(kiosk, fmt.Sprint("beside-", b.views), packet.Group, 3, time.Hour)
		}
		got, err := audit.Run(l.Context(), b, keys, audit.Options{Deep: true})
		if err != nil || len(got.Findings) > 0 || b.views < 10 {
			l.Errorf("after %d views: %v, %+v", b.views, err, got)
		}
		if after := l.run(audit.Options{Packet: id}); after.Claims != int64(b.views) || len(after.Findings) > 0 {
			l.Errorf("%d views, and then %+v", b.views, after)
		}
	})
}

// TestAnAuditBesideAServer races audits with callers, on a database with more rows
// than one View of any kind reads.
func TestAnAuditBesideAServer(t *testing.T) {
	t.Parallel()
	for _, engine := range storebed.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			besideAServer(&lab{t, engine.New(t), &image{names: strings.NewReplacer()}})
		})
	}
}

func besideAServer(l *lab) {
	s := l.Open(l)
	w := newWorld(l.T, s, nil)
	w.settings()
	w.merchant(shop)
	const callers, each = 32, 8
	var wait sync.WaitGroup
	var calling atomic.Int64
	calling.Store(callers)
	for caller := range callers {
		wait.Go(func() {
			defer calling.Add(-1)
			for n := range each {
				w.call(fmt.Sprintf("%d-%d", caller, n))
			}
		})
	}
	for calling.Load() > 0 {
		got, err := audit.Run(l.Context(), s, keys, audit.Options{})
		if err != nil || len(got.Findings) > 0 {
			l.Errorf("%v, %+v", err, got.Findings)
			break
		}
	}
	wait.Wait()
	w.engine.Close()
	b := &beside{Store: s, happen: func() {}}
	got, err := audit.Run(l.Context(), b, keys, audit.Options{})
	if err != nil || len(got.Findings) > 0 || got.Packets != callers*each || got.Entries != 4*callers*each+1 {
		l.Errorf("after %d packets: %v, %+v", callers*each, err, got)
	}
	if least := callers*each/16 + 2*callers*each/500 + callers*each/200; b.views < least {
		l.Errorf("%d views of %d packets: some stay open for long", b.views, callers*each)
	}
	var last ledger.Entry // of the packet sent last
	w.must(s.View(l.Context(), func(r store.Reader) error {
		all, err := r.PacketsOf(shop, math.MaxInt64, 1)
		w.must(err)
		last, err = r.AccountEntry(shop, ledger.Ref(int64(all[0].Head.ID), 1))
		return err
	}))

	l.tamper(`INSERT INTO bills SELECT mch_id, 'zzz', 1, fields, link, at FROM bills LIMIT 1`)
	if diff := cmp.Diff([]string{"bill-packet bills mch_id=" + shop + " mch_billno=zzz"}, rows(l.run(audit.Options{}))); diff != "" {
		l.Errorf("one bill more than there are packets (-want +got):\n%s", diff)
	}
	l.tamper(`DELETE FROM packets WHERE id = (SELECT max(id) FROM packets)`)
	found := rows(l.run(audit.Options{}))
	if want := fmt.Sprintf("account-mirrored account_entries mch_id=%s seq=%d", shop, last.Seq); !slices.Contains(found, want) {
		l.Errorf("one of many packets is missing: found %q, not %s", found, want)
	}
}

// call is a packet's short life.
func (w *world) call(billNo string) {
	ctx := context.Background()
	sent, err := w.engine.Send(ctx, compared(engine.Wish{
		MchID: shop, BillNo: billNo, Type: packet.Group, AppID: "wx", Seed: "seed", Total: 300, Num: 3, Life: time.Hour, Quota: generous[shop],
	}))
	if err == nil {
		_, err = w.engine.Claim(ctx, sent.ID, engine.Person{Space: "wx", Subject: "seed"}, 0, fault.OK)
	}
	if err == nil {
		err = w.engine.End(ctx, sent.ID, "enough")
	}
	if err != nil {
		w.Errorf("%s: %v", billNo, err)
	}
}
