package audit_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

// BenchmarkRun tells how many claims a second are audited, in packets of some sizes.
func BenchmarkRun(b *testing.B) {
	for _, on := range storebed.Engines() {
		for _, num := range []int{10, 100, 1000} {
			for _, deep := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/shares=%d/deep=%t", on, num, deep), func(b *testing.B) {
					s := benchDatabase(b, on, num, 20_000/num)
					var claims int64
					for b.Loop() {
						r, err := audit.Run(b.Context(), s, keys, audit.Options{Deep: deep})
						if err != nil || len(r.Findings) > 0 {
							b.Fatal(err, r.Findings)
						}
						claims += r.Claims
					}
					b.ReportMetric(float64(claims)/b.Elapsed().Seconds(), "claims/s")
				})
			}
		}
	}
}

// benchDatabase is a database with packets of num shares, all claimed.
func benchDatabase(b *testing.B, on storebed.Engine, num, packets int) store.Store {
	b.Helper()
	ctx := b.Context()
	s := on.New(b).Open(b)
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.Update(ctx, func(tx store.Tx) error {
		must(tx.InsertSetting(store.SettingEnvironment, string(packet.Sandbox)))
		return tx.InsertSetting(store.SettingFingerprint, keys.Fingerprint())
	}))
	start := time.Now()
	e, err := engine.New(engine.Config{
		Store: s, Vault: keys, Environment: packet.Sandbox, Random: chance(), Log: slog.New(slog.DiscardHandler), Law: split.DoubleMean,
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(start) }, Channel: engine.Channel{Name: "none", Min: 1, Cap: 20000}, Scope: engine.Scope(storebed.Scope()),
	})
	must(err)
	must(e.AddMerchant(ctx, store.Merchant{MchID: shop}))
	_, err = e.Fund(ctx, shop, engine.BalanceMax, "start")
	must(err)
	var wait sync.WaitGroup
	for p := range packets {
		wait.Go(func() {
			sent, err := e.Send(ctx, compared(engine.Wish{
				MchID: shop, BillNo: fmt.Sprint(p), Type: packet.Group, AppID: "wx", Seed: "0", Num: num, Life: time.Hour, Total: 20_000,
			}))
			must(err)
			for i := range num {
				_, err := e.Claim(ctx, sent.ID, engine.Person{Space: "wx", Subject: fmt.Sprint(i)}, i/2, fault.OK)
				must(err)
			}
		})
	}
	wait.Wait()
	e.Close()
	return s
}
