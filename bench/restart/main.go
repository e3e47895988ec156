// Command restart asks how long a server that was killed takes to be back, with a
// database of many claims:
//
//	go run ./bench/restart -claims 10000000
//
// It fills a database through the engine, packet after packet of -num shares, all
// claimed, in a process of its own, and kills that process (SIGKILL) the moment the
// last claim is answered, so that the write-ahead log stands as a crash leaves it.
// Then it starts `hongbao serve` on it and tells the time from the start of the
// process until /readyz says that it is ready, and until the page of the last packet
// has come. With -cold the system's cache is dropped before (root only).
//
// It needs some 300 bytes of disk for each claim, in -dir.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		os.Exit(1)
	}
}

// options are the command's flags.
type options struct {
	claims, num int
	rounds      int
	dir         string
	cold        bool
	fill        bool // this is the process that fills
}

func run() (err error) {
	var o options
	flag.IntVar(&o.claims, "claims", 10_000_000, "claims in the database")
	flag.IntVar(&o.num, "num", 10, "shares of a packet")
	flag.IntVar(&o.rounds, "rounds", 3, "starts")
	flag.StringVar(&o.dir, "dir", "", "folder for the database (default: a temporary one)")
	flag.BoolVar(&o.cold, "cold", false, "drop the system's cache before each start")
	flag.BoolVar(&o.fill, "fill", false, "fill the database in -dir and wait to be killed")
	flag.Parse()
	if o.fill {
		return fill(context.Background(), o)
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "hongbao-restart-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	page, err := filled(o)
	if err != nil {
		return err
	}
	server := filepath.Join(o.dir, "hongbao")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", server, "./cmd/hongbao").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	for i := range o.rounds {
		if o.cold {
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200); err != nil {
				return fmt.Errorf("-cold: %w", err)
			}
		}
		if err := start(o, server, page, i); err != nil {
			return err
		}
	}
	return nil
}

// filled runs the process that fills, kills it, and returns the link of the last packet.
func filled(o options) (page string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	began := time.Now()
	c := exec.CommandContext(context.Background(), self, "-fill", "-dir", o.dir, "-claims", fmt.Sprint(o.claims), "-num", fmt.Sprint(o.num))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(out)
	if lines.Scan() {
		page = lines.Text()
	}
	took := time.Since(began)
	_ = c.Process.Kill()
	_ = c.Wait() // it was killed
	if page == "" {
		return "", errors.New("the database was not filled")
	}
	fmt.Printf("filled: %d claims in %.0f s\n", o.claims, took.Seconds())
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		if info, err := os.Stat(filepath.Join(o.dir, name)); err == nil {
			fmt.Printf("%-16s %6d MiB\n", name, info.Size()>>20)
		}
	}
	return page, nil
}

// start starts the server, waits for it, and kills it.
func start(o options, server, page string, round int) error {
	began := time.Now()
	c := exec.CommandContext(context.Background(), server, "serve", "--dir", o.dir)
	log, err := os.Create(filepath.Join(o.dir, "serve.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		return err
	}
	defer func() { _ = c.Wait() }()
	defer func() { _ = c.Process.Kill() }()
	if err := until("http://" + opsListen + "/readyz"); err != nil {
		return err
	}
	ready := time.Since(began)
	if err := until("http://" + listen + page); err != nil {
		return err
	}
	fmt.Printf("start %d: ready after %.3f s, a page of the last packet after %.3f s\n", round+1, ready.Seconds(), time.Since(began).Seconds())
	return nil
}

// until asks an address until it answers well, for five minutes at most.
func until(url string) error {
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(5 * time.Minute); ; {
		resp, err := client.Get(url) //nolint:noctx // the client has a timeout
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("%s: %w", strings.TrimPrefix(url, "http://"), err)
		}
	}
}
