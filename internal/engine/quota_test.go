package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// bounded is a wish of 10.00 yuan in 3 shares, to a seed, under a quota.
func bounded(billNo, seed string, q engine.Quota) engine.Wish {
	w := wish(billNo, 1000, 3)
	w.Seed, w.Quota = seed, q
	return w
}

// again runs every closure twice, the first time for nothing.
type again struct{ store.Store }

func (s again) Update(ctx context.Context, f func(store.Tx) error) error {
	errOnce := errors.New("once more")
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return errors.Join(f(tx), errOnce) }); !errors.Is(err, errOnce) {
		return err
	}
	return s.Store.Update(ctx, f)
}

// TestRacingSendsDoNotPassAQuotaTogether, not even from two processes that know
// nothing of each other, and when closures run more than once.
func TestRacingSendsDoNotPassAQuotaTogether(t *testing.T) {
	t.Parallel()
	const most, tries = 7, 30
	for code, q := range map[fault.Code]engine.Quota{
		fault.DayNum: {Num: most}, fault.DayAmount: {Amount: most*1000 + 999},
		fault.SeedNum: {SeedNum: most}, fault.SeedAmount: {SeedAmount: most*334 + 333},
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			first := setup(t, func(c *engine.Config) { c.Store, c.BatchMax = again{c.Store}, 4 })
			second := open(t, first.bed, first.clock, func(c *engine.Config) { c.BatchMax = 3 })
			var sent, refused atomic.Int64
			var wait sync.WaitGroup
			for i := range tries {
				for n, e := range []*rig{first, second} {
					wait.Go(func() {
						_, err := e.Send(t.Context(), bounded(fmt.Sprint(n, i), seed, q))
						switch fault.CodeOf(err) {
						case fault.OK:
							sent.Add(1)
						case code:
							refused.Add(1)
						default:
							t.Errorf("%v", err)
						}
					})
				}
			}
			wait.Wait()
			if sent.Load() != most || refused.Load() != 2*tries-most || first.balance() != 1_000_000-most*1000 {
				t.Errorf("%d sent, %d refused, balance %d", sent.Load(), refused.Load(), first.balance())
			}
		})
	}
}

// TestAQuotaIsOfADayAndAMerchant, whatever process counts and however the clock runs.
func TestAQuotaIsOfADayAndAMerchant(t *testing.T) {
	t.Parallel()
	r := setup(t, nil)
	const rival = "10000099"
	if err := r.AddMerchant(t.Context(), store.Merchant{MchID: rival}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fund(t.Context(), rival, 10_000, "start"); err != nil {
		t.Fatal(err)
	}
	q := engine.Quota{SeedNum: 1}
	send := func(e *rig, billNo, mchID, to string, q engine.Quota, want fault.Code) {
		t.Helper()
		w := bounded(billNo, to, q)
		w.MchID = mchID
		if _, err := e.Send(t.Context(), w); fault.CodeOf(err) != want {
			t.Errorf("bill %s: %v, want %v", billNo, err, want)
		}
	}
	send(r, "1", mchID, "wang", engine.Quota{}, fault.OK) // without a quota nothing is counted
	send(r, "2", mchID, "wang", q, fault.OK)
	send(r, "3", mchID, "wang", q, fault.SeedNum)
	send(r, "4", mchID, "em", q, fault.OK)
	send(r, "5", rival, "wang", q, fault.OK)
	send(r, "6", rival, "wang", q, fault.SeedNum)
	restarted := open(t, r.bed, r.clock, nil)
	send(restarted, "3", mchID, "wang", q, fault.SeedNum)
	send(restarted, "3", mchID, "wang", engine.Quota{SeedNum: 2}, fault.OK) // it was raised

	r.clock.pass(4*time.Hour - time.Millisecond)
	send(r, "7", mchID, "em", q, fault.SeedNum)
	r.clock.pass(time.Millisecond) // midnight in Beijing
	send(r, "7", mchID, "em", q, fault.OK)
	r.clock.jump(-time.Hour) // the merchant's day has begun, whatever the clock says
	send(r, "8", mchID, "em", q, fault.SeedNum)
	send(r, "9", mchID, "wang", q, fault.OK)
	today, yesterday := sums(t, r, 20261125, mchID, "em"), sums(t, r, 20261124, mchID, "em")
	if today.Num != 1 || today.Amount != 334 || yesterday.Num != 0 {
		t.Errorf("today %+v, yesterday %+v", today, yesterday)
	}
}

// sums reads what a merchant has sent to somebody on a day.
func sums(t *testing.T, r *rig, day int, mchID, to string) (s store.DaySum) {
	t.Helper()
	who := r.Vault().Claimant(r.Vault().ClaimantKeyID(), appID, to)
	err := r.store.View(t.Context(), func(tx store.Reader) (err error) {
		s, err = tx.DaySum(mchID, day, who)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOnlyWhatIsSentIsCounted: neither refusals nor repeats, and not what a lost
// commit has not written.
func TestOnlyWhatIsSentIsCounted(t *testing.T) {
	t.Parallel()
	var f *faulty
	r := setup(t, func(c *engine.Config) { f = &faulty{Store: c.Store}; c.Store = f })
	q := engine.Quota{Num: 2, Amount: 1_000_000 * money.Yuan}
	dear := bounded("dear", seed, q)
	dear.Total, dear.Num = 1_100_000, 1000
	if _, err := r.Send(t.Context(), dear); fault.CodeOf(err) != fault.Funds {
		t.Fatalf("more than the balance: %v", err)
	}
	f.next(func(func() error) error { return store.ErrUnknown }) // its commit never came to the disk
	if _, err := r.Send(t.Context(), bounded("1", seed, q)); fault.CodeOf(err) != fault.Busy {
		t.Fatalf("a commit that was lost: %v", err)
	}
	for range 3 {
		if _, err := r.Send(t.Context(), bounded("1", seed, q)); err != nil {
			t.Fatal(err)
		}
	}
	f.next(func(run func() error) error { return errors.Join(store.ErrUnknown, run()) }) // written, and not heard of
	if _, err := r.Send(t.Context(), bounded("2", seed, q)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Send(t.Context(), bounded("3", seed, q)); fault.CodeOf(err) != fault.DayNum {
		t.Errorf("the third packet: %v", err)
	}
	single := bounded("4", seed, q)
	single.Type, single.Num, single.Total = packet.Normal, 1, 100
	if _, err := r.Send(t.Context(), single); err != nil {
		t.Errorf("a normal packet: %v", err)
	}
}
