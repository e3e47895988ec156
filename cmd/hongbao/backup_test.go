package main_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdk "hongbao.example/hongbao"
	main "hongbao.example/hongbao/cmd/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
)

// hongbao runs a command, which must succeed.
func hongbao(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	var out, err bytes.Buffer
	if status := main.Run(context.WithoutCancel(t.Context()), args, &out, &err); status != 0 {
		t.Fatalf("hongbao %q: exit status %d\n%s%s", args, status, &out, &err)
	}
	return out.String()
}

// done is something that a caller was told has been done: a packet sent, or a claim.
type done struct {
	begun, told int64 // moments, on a clock that counts them
	billNo      string
	packet      packet.ID
	receipt     ledger.Hash // of a claim; zero: the packet
}

// load sends packets and claims their shares, in several goroutines, and keeps what it
// was told.
type load struct {
	*server.Server
	client *sdk.Client
	clock  atomic.Int64

	mu   sync.Mutex // guards all below
	more *sync.Cond // all has grown
	all  []done
	over bool // something went wrong
}

// payees make the sandbox do each of the things that it can do with a payout at once.
var payees = []string{"friend", "payout-refused", "payout-mend", "payout-unknown", "payout-accepted", "payout-confirm"}

func (l *load) run(t *testing.T, caller int, stop <-chan struct{}) {
	t.Helper()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		billNo := fmt.Sprintf("%d%09d", caller, n)
		var id packet.ID
		err := l.tell(func(d *done) error {
			sent, err := l.client.SendGroupRedPack(context.Background(), sdk.GroupRedPack{
				MchBillNo: billNo, WxAppID: "wx8888888888888888", ReOpenID: "seed", TotalAmount: 600, TotalNum: len(payees),
				SendName: "s", Wishing: "w", ActName: "a", Remark: "r",
			})
			if err == nil {
				id, _ = packet.ParseListID(sent.SendListID, packet.Sandbox)
			}
			d.billNo, d.packet = billNo, id
			return err
		})
		for i := range payees {
			if err != nil {
				break
			}
			who := engine.Person{Provider: "sandbox", Space: "wx8888888888888888", Subject: payees[i]}
			if i == 0 {
				who.Subject = "seed"
			}
			err = l.tell(func(d *done) error {
				c, err := l.Engine.Claim(context.Background(), id, who, 0, fault.OK)
				d.packet, d.receipt = id, c.Hash
				return err
			})
		}
		if err != nil {
			t.Errorf("%s: %v", billNo, err)
			return
		}
	}
}

// await waits until n more things have been done.
func (l *load) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for enough := len(l.all) + n; len(l.all) < enough && !l.over; {
		l.more.Wait()
	}
}

func (l *load) tell(do func(*done) error) error {
	d := done{begun: l.clock.Add(1)}
	err := do(&d)
	d.told = l.clock.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.over = append(l.all, d), l.over || err != nil
	l.more.Broadcast()
	return err
}

// TestBackupsUnderLoad takes backups beside a server at work and restores each. What
// is restored is in order, holds all that callers had been told when the backup began,
// and is one moment: it holds nothing without all that was done before that began.
func TestBackupsUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hongbao(t, "init", dir)
	hongbao(t, "merchant", "fund", "10000098", "10000000", "--ref", "1", "--dir", dir)
	hongbao(t, "merchant", "set", "10000098", "--unlimited", "--dir", dir)
	cfg, err := config.Read(filepath.Join(dir, "hongbao.toml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen, cfg.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	s, err := server.New(t.Context(), cfg, server.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "10000098.key"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := sdk.New(sdk.Config{BaseURL: s.LocalURL(), MchID: "10000098", Key: sdk.Secret(strings.TrimSpace(string(key)))})
	if err != nil {
		t.Fatal(err)
	}
	l := &load{Server: s, client: client}
	l.more = sync.NewCond(&l.mu)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for caller := range 4 {
		wait.Go(func() { l.run(t, caller, stop) })
	}
	type backup struct {
		file       string
		began, end int64
	}
	backups := make([]backup, 6)
	for i := range backups {
		l.await(100)
		b := backup{file: filepath.Join(dir, fmt.Sprintf("%d.backup", i)), began: l.clock.Add(1)}
		hongbao(t, "backup", "--dir", dir, "--out", b.file)
		b.end = l.clock.Add(1)
		backups[i] = b
	}
	close(stop)
	wait.Wait()
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	for _, b := range backups {
		held := l.held(t, restored(t, dir, b.file))
		newest, lacks := int64(0), 0
		for i, d := range l.all {
			switch {
			case held[i] && d.begun > b.end:
				t.Errorf("%s holds what was begun after it: %+v", b.file, d)
			case held[i]:
				newest = max(newest, d.begun)
			default:
				lacks++
			}
		}
		for i, d := range l.all {
			if !held[i] && (d.told < b.began || d.told < newest) {
				t.Errorf("%s, begun at %d, holds something that was begun at %d, and not %+v", b.file, b.began, newest, d)
			}
		}
		t.Logf("%d of %d done things are in %s", len(l.all)-lacks, len(l.all), filepath.Base(b.file))
	}
}

// restored restores a backup of a server into a folder of its own.
func restored(t *testing.T, of, backup string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"hongbao.toml", "instance.key"} {
		text, err := os.ReadFile(filepath.Join(of, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hongbao(t, "restore", "--dir", dir, "--from", backup)
	return dir
}

// held says which of the things that were done are in a database.
func (l *load) held(t *testing.T, dir string) []bool {
	t.Helper()
	s, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(dir, "hongbao.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	held := make([]bool, len(l.all))
	err = s.View(t.Context(), func(r store.Reader) error {
		claims := make(map[ledger.Hash]bool)
		packets, err := r.Packets(0, 1_000_000)
		if err != nil {
			return err
		}
		bills := make(map[string]packet.ID)
		for i := range packets {
			bills[packets[i].Terms.BillNo] = packets[i].Head.ID
			all, err := r.Claims(packets[i].Head.ID, 0)
			if err != nil {
				return err
			}
			for _, c := range all {
				claims[c.Hash] = true
			}
		}
		for i, d := range l.all {
			held[i] = claims[d.receipt] || d.billNo != "" && bills[d.billNo] == d.packet
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return held
}
