package audit_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	"hongbao.example/hongbao/internal/store/sqlite"
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

// between audits copies of a file, and lets something happen to them between two
// Views of the audit, for each pair of Views in turn.
func between(t *testing.T, path string, happen func(*world), judge func(n int, r audit.Report)) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n, more := 1, true; more; n++ {
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(90 * time.Minute) // to the sample's own time
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, s, time.Sleep)
			b := &busy{s, n, func() { happen(w) }}
			got, err := audit.Run(t.Context(), b, keys, audit.Options{Deep: true})
			w.must(err)
			judge(n, got)
			more = b.views <= 0
			w.engine.Close()
			w.must(s.Close())
		})
	}
}

func TestWhateverHappensMeanwhileIsNoFinding(t *testing.T) {
	t.Parallel()
	views := 0
	between(t, copyOfSample(t), (*world).meanwhile, func(n int, r audit.Report) {
		if len(r.Findings) > 0 {
			t.Errorf("before view %d: %+v", n, r.Findings)
		}
		views = n
	})
	if views < 10 {
		t.Errorf("an audit of %d views", views)
	}
}

func TestWhateverHappensMeanwhileHidesNothing(t *testing.T) {
	t.Parallel()
	path := copyOfSample(t)
	tamper(t, path, `DELETE FROM packets WHERE id = {kiosk}; PRAGMA wal_checkpoint(TRUNCATE)`)
	want := rows(run(t, path, audit.Options{}))
	send := func(w *world) { w.send(kiosk, "0001", packet.Group, 3, time.Hour) } // a bill before that of the lost packet
	between(t, path, send, func(n int, r audit.Report) {
		if diff := cmp.Diff(want, rows(r)); diff != "" {
			t.Errorf("before view %d (-want +got):\n%s", n, diff)
		}
	})
}

// meanwhile lets everything happen to the packets of the sample that still can, and
// to new ones.
func (w *world) meanwhile() {
	ctx := w.Context()
	fresh := sample.ids["fresh"]
	w.claim(fresh, "newcomer", 1)
	w.pay(fresh)
	w.must(w.engine.Release(ctx, sample.ids["held"], "looked at"))
	w.must(w.engine.End(ctx, sample.ids["open"], "enough"))
	w.must(w.engine.End(ctx, sample.ids["kiosk"], "enough"))
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

// TestAnAuditBesideAServer races audits with callers, on a database with more rows
// than one View of any kind reads.
func TestAnAuditBesideAServer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s, err := sqlite.Create(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s, nil)
	w.settings()
	w.merchant(shop)
	const callers, each = 32, 9
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
		got, err := audit.Run(t.Context(), s, keys, audit.Options{})
		if err != nil || len(got.Findings) > 0 {
			t.Errorf("%v, %+v", err, got.Findings)
			break
		}
	}
	wait.Wait()
	w.engine.Close()
	got, err := audit.Run(t.Context(), s, keys, audit.Options{})
	if err != nil || len(got.Findings) > 0 || got.Packets != callers*each || got.Entries != 4*callers*each+1 {
		t.Errorf("after %d packets: %v, %+v", callers*each, err, got)
	}
	var last ledger.Entry // of the packet sent last
	w.must(s.View(t.Context(), func(r store.Reader) error {
		all, err := r.PacketsOf(shop, math.MaxInt64, 1)
		w.must(err)
		last, err = r.AccountEntry(shop, ledger.Ref(int64(all[0].Head.ID), 1))
		return err
	}))
	w.must(s.Close())

	tamper(t, path, `INSERT INTO bills SELECT mch_id, 'zzz', 1, fields, link, at FROM bills LIMIT 1`)
	if diff := cmp.Diff([]string{"bill-packet bills mch_id=" + shop + " mch_billno=zzz"}, rows(run(t, path, audit.Options{}))); diff != "" {
		t.Errorf("one bill more than there are packets (-want +got):\n%s", diff)
	}
	tamper(t, path, `DELETE FROM packets WHERE id = (SELECT max(id) FROM packets)`)
	found := rows(run(t, path, audit.Options{}))
	if want := fmt.Sprintf("account-mirrored account_entries mch_id=%s seq=%d", shop, last.Seq); !slices.Contains(found, want) {
		t.Errorf("one of many packets is missing: found %q, not %s", found, want)
	}
}

// call is a packet's short life.
func (w *world) call(billNo string) {
	ctx := context.Background()
	sent, err := w.engine.Send(ctx, compared(engine.Wish{
		MchID: shop, BillNo: billNo, Type: packet.Group, AppID: "wx", Seed: "seed", Total: 300, Num: 3, Life: time.Hour,
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
