package main_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for rewriteRows
	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // for rewriteRows

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/server"
)

// patience bounds every wait.
const patience = 60 * time.Second

// stopMax is how long a server may take to stop.
const stopMax = 15 * time.Second

// lastPort is the port that was given away last.
var lastPort atomic.Int64

// freeAddress is one to listen on, again and again: its port is not of those that
// the system gives to whoever connects.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		at := fmt.Sprintf("127.0.0.1:%d", 20000+(int64(os.Getpid())*17+lastPort.Add(1))%10000)
		l, err := net.Listen("tcp", at)
		if err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	t.Fatal("no free port")
	return ""
}

// status runs a command that ends with an exit status:
//
//	status N COMMAND [ARG…]
func status(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG…]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, not %s", got, args[0])
	}
}

// background is a command that runs beside the script.
type background struct {
	cmd    *exec.Cmd
	ended  chan error
	output *watched
}

// watched keeps what is written and tells of each write.
type watched struct {
	mu      sync.Mutex // guards text
	text    bytes.Buffer
	written chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.written <- struct{}{}:
	default:
	}
	return w.text.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// running finds the commands in the background by script and name.
var running sync.Map

// start runs a command beside the script, from when its output matches a pattern.
// What named groups match becomes a variable of the script, and the output until
// then the file NAME:
//
//	start NAME PATTERN COMMAND [ARG…]
func start(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: start NAME PATTERN COMMAND [ARG…]")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	b := &background{ended: make(chan error, 1), output: &watched{written: make(chan struct{}, 1)}}
	b.cmd = exec.Command(args[2], args[3:]...)
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = ts.MkAbs("."), b.output, b.output
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "GORACE", "GOCOVERDIR", "HONGBAO_CONFIG"} {
		if v := ts.Getenv(name); v != "" {
			b.cmd.Env = append(b.cmd.Env, name+"="+v)
		}
	}
	ts.Check(b.cmd.Start())
	go func() { b.ended <- b.cmd.Wait() }()
	ts.Defer(func() { _ = b.cmd.Process.Kill() })
	running.Store(ts.Name()+" "+args[0], b)

	late := time.After(patience)
	for !pattern.MatchString(b.output.String()) {
		select {
		case <-b.output.written:
		case err := <-b.ended:
			ts.Fatalf("%s ended: %v\n%s", args[0], err, b.output)
		case <-late:
			ts.Fatalf("%s did not become ready:\n%s", args[0], b.output)
		}
	}
	text := b.output.String()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	for i, name := range pattern.SubexpNames() {
		if name != "" {
			ts.Setenv(name, pattern.FindStringSubmatch(text)[i])
		}
	}
}

// term sends a command in the background a signal, TERM unless another is named,
// and waits for it to end: with exit status 0 and in good time, but for KILL. All
// its output becomes the file NAME:
//
//	term NAME [TERM|INT|KILL]
func term(ts *testscript.TestScript, _ bool, args []string) {
	b, ok := running.LoadAndDelete(ts.Name() + " " + args[0])
	if !ok {
		ts.Fatalf("nothing is running as %s", args[0])
	}
	job, _ := b.(*background)
	signal := syscall.SIGTERM
	if len(args) > 1 {
		signal = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[1]]
	}
	ts.Check(job.cmd.Process.Signal(signal))
	select {
	case err := <-job.ended:
		if signal != syscall.SIGKILL {
			ts.Check(err)
		}
	case <-time.After(stopMax):
		ts.Fatalf("%s did not stop", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(job.output.String()), 0o600))
}

// eventually runs a command again and again until it succeeds with output that
// matches a pattern; negated, until it fails with such a message:
//
//	[!] eventually PATTERN COMMAND [ARG…]
func eventually(ts *testscript.TestScript, fails bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	from := map[bool]string{false: "stdout", true: "stderr"}[fails]
	for end := time.Now().Add(patience); ; {
		err := ts.Exec(args[1], args[2:]...)
		if (err != nil) == fails && pattern.MatchString(ts.ReadFile(from)) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("never: %v\n%s%s", err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// claim opens shares of a packet, one for each openid, each by the link of the
// claim in a slot:
//
//	claim DIR SEND_LISTID [OPENID/SLOT…]
func claim(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := config.Read(filepath.Join(ts.MkAbs(args[0]), "hongbao.toml"))
	ts.Check(err)
	ctx := context.Background()
	core, err := server.OpenCore(ctx, cfg, server.Options{}, false)
	ts.Check(err)
	defer func() { ts.Check(core.Close()) }()
	id, ok := packet.ParseListID(args[1], cfg.Environment)
	if !ok {
		ts.Fatalf("%s is no send_listid", args[1])
	}
	pic, err := core.Engine.Packet(ctx, id)
	ts.Check(err)
	for _, who := range args[2:] {
		openid, slot, _ := strings.Cut(who, "/")
		by, err := strconv.Atoi(slot)
		ts.Check(err)
		_, err = core.Engine.Claim(ctx, id, engine.Person{Provider: "sandbox", Space: pic.Terms.AppID, Subject: openid, Name: "N" + slot}, by, fault.OK)
		ts.Check(err)
	}
}

// rewriteRows runs a statement on the database in a folder, as a thief with a
// database browser would:
//
//	sql DIR STATEMENT
func rewriteRows(ts *testscript.TestScript, _ bool, args []string) {
	driver, source := "sqlite", filepath.Join(ts.MkAbs(args[0]), "hongbao.db")
	cfg, err := config.Read(filepath.Join(ts.MkAbs(args[0]), "hongbao.toml"))
	if err == nil && cfg.Database.Postgres() {
		driver = "pgx"
		source, err = cfg.Database.URL.Value()
	}
	ts.Check(err)
	db, err := sql.Open(driver, source)
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// schema makes an empty schema in PostgreSQL for the length of the test, and writes
// its URL into a file:
//
//	schema FILE
func schema(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(pgtest.Schema(t)), 0o600))
	}
}

// post sends the body of the curl line in a file to the address in it, and prints
// the answer:
//
//	post FILE
func post(ts *testscript.TestScript, _ bool, args []string) {
	line := regexp.MustCompile(`curl (\S+) -d '([^']*)'`).FindStringSubmatch(ts.ReadFile(args[0]))
	if line == nil {
		ts.Fatalf("there is no curl line in %s", args[0])
	}
	client := http.Client{Timeout: patience}
	resp, err := client.Post(line[1], "application/x-www-form-urlencoded", strings.NewReader(line[2]))
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// look is a program that prints what is at an address:
//
//	look URL
func look() {
	client := http.Client{Timeout: patience}
	resp, err := client.Get(os.Args[1])
	if err == nil {
		_, err = io.Copy(os.Stdout, resp.Body)
		err = errors.Join(err, resp.Body.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
