package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

const (
	databaseName = "hongbao.db"
	listen       = "127.0.0.1:18091"
	opsListen    = "127.0.0.1:18092"
	callers      = 2000
	mchID        = "10000098"
	appID        = "wx8888888888888888"
)

// fill makes a server's folder with a database in it, prints the path of the last
// packet's page, and waits to be killed.
func fill(ctx context.Context, o options) error {
	key := vault.NewKey()
	if err := vault.WriteKey(filepath.Join(o.dir, "instance.key"), key); err != nil {
		return err
	}
	text := fmt.Sprintf("base_url = \"http://%s\"\nlisten = %q\nops_listen = %q\n[packets]\nchannel = \"none\"\n", listen, listen, opsListen)
	file := filepath.Join(o.dir, "hongbao.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cfg, err := config.Read(file)
	if err != nil {
		return err
	}
	if err := server.Create(ctx, cfg, key); err != nil {
		return err
	}
	core, err := server.OpenCore(ctx, cfg, server.Options{}, false)
	if err != nil {
		return err
	}
	e := core.Engine
	if err := e.AddMerchant(ctx, store.Merchant{MchID: mchID, Name: "shop", Settings: store.Settings{AppIDs: []string{appID}, Unlimited: true}}); err != nil {
		return err
	}
	if _, err := e.Fund(ctx, mchID, engine.BalanceMax, "start"); err != nil {
		return err
	}
	link, err := lives(ctx, e, o.claims/o.num, o.num)
	if err != nil {
		return err
	}
	fmt.Println("/p/" + link)
	select {} // until killed
}

// lives sends packets and claims all their shares, many at a time.
func lives(ctx context.Context, e *engine.Engine, packets, num int) (link string, err error) {
	var next atomic.Int64
	var mu sync.Mutex // guards link and err
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(packets) && ctx.Err() == nil; i = next.Add(1) {
				last, failed := life(ctx, e, i, num)
				mu.Lock()
				err = errors.Join(err, failed)
				if i == int64(packets) {
					link = last
				}
				mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return link, err
}

func life(ctx context.Context, e *engine.Engine, i int64, num int) (link string, err error) {
	total := money.Fen(100 * num)
	sent, err := e.Send(ctx, engine.Wish{
		MchID: mchID, BillNo: fmt.Sprintf("bill%d", i), Type: packet.Group, AppID: appID, Seed: person(i, 0).Subject,
		Total: total, Num: num, SendName: "shop", Wishing: "hello", ActName: "test", Remark: "none", Life: 24 * time.Hour,
		Compared: []engine.Field{{Name: "total_amount", Value: total.String()}},
	})
	for slot := 0; slot < num && err == nil; slot++ {
		_, err = e.Claim(ctx, sent.ID, person(i, slot), max(0, slot-1), fault.OK)
	}
	return sent.Link, err
}

func person(i int64, slot int) engine.Person {
	return engine.Person{Provider: "sandbox", Space: appID, Subject: fmt.Sprintf("oTestPerson-%09d-%04d", i, slot)}
}
