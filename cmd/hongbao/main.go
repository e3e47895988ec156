// Command hongbao is the whole product in one binary: a server of fission red
// packets, the tools to run it, and a demo of both.
//
// Exit status: 0 done; 1 refused, or found wrong; 2 could not be tried, usage
// included; 3 the outcome is unknown, and repeating the command is safe.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
)

// commands is the command line: each verb is a struct, its flags are fields.
type commands struct {
	Demo     demoCmd     `cmd:"" help:"Run a sandbox with a merchant, a balance and a packet already sent."`
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Init     initCmd     `cmd:"" help:"Write a configuration, create the database and the first merchant."`
	Merchant merchantCmd `cmd:"" help:"Add and list merchants, their keys and their money."`
	CA       caCmd       `cmd:"" help:"Make the authority behind client certificates."`
	Packet   packetCmd   `cmd:"" help:"List, show, hold, release and end packets."`
	Clock    clockCmd    `cmd:"" help:"Confirm the wall clock."`
	Payout   payoutCmd   `cmd:"" help:"Pause and resume payouts."`
	Send     sendCmd     `cmd:"" help:"Send a packet through the merchant API."`
	Query    queryCmd    `cmd:"" help:"Ask the merchant API what became of a packet."`
	Sign     signCmd     `cmd:"" help:"Explain signatures."`
	Verify   verifyCmd   `cmd:"" help:"Audit a database: sums, chains, splits, balances."`
	Backup   backupCmd   `cmd:"" help:"Copy the database into a file, beside a server that runs."`
	Restore  restoreCmd  `cmd:"" help:"Put a backup in the place of a database that is lost."`
	Config   configCmd   `cmd:"" help:"Print the commented configuration, or check one."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// program is what a command is given to work with.
type program struct {
	ctx            context.Context
	stdout, stderr io.Writer
}

func (p *program) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.stdout, format, args...) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	exit := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exit)
}

// run parses args, runs the command and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	helped := -1 // status, once help was printed
	asked := 0
	if len(args) == 0 { // nothing was asked for, and nothing done
		args, stdout, asked = []string{"--help"}, stderr, 2
	}
	parser, err := kong.New(&commands{},
		kong.Name("hongbao"),
		kong.Description("Fission red packets on your own machine."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = asked }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags above
	}
	command, err := parser.Parse(args)
	switch {
	case helped >= 0:
		return helped
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "hongbao: %v; run: %s --help\n", err, named(err))
		return 2
	}
	if err := command.Run(&program{ctx: ctx, stdout: stdout, stderr: stderr}); err != nil {
		_, _ = fmt.Fprintf(stderr, "hongbao: %v\n", err)
		return status(err)
	}
	return 0
}

// named is the command that a mistake was made in, as far as it was named.
func named(err error) string {
	if e, ok := errors.AsType[*kong.ParseError](err); ok {
		if n := e.Context.Selected(); n != nil {
			return n.FullPath()
		}
	}
	return "hongbao"
}

// exitError carries a status that is not the one its cause has.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage is an error in what was typed.
func usage(format string, args ...any) error {
	return &exitError{2, fmt.Errorf(format, args...)}
}

// explain says a refusal in words of its own, with the status its code has. Any
// other error stays as it is.
func explain(err error, code fault.Code, format string, args ...any) error {
	if fault.CodeOf(err) != code {
		return err
	}
	return &exitError{exits[code], fmt.Errorf(format, args...)}
}

// exits is every code as an exit status.
var exits = map[fault.Code]int{
	fault.NotFound: 1, fault.Held: 1, fault.Finished: 1, fault.Expired: 1, fault.NotYours: 1, fault.SlowDown: 1,
	fault.Refused: 1, fault.SeedFirst: 1, fault.Invalid: 1, fault.Conflict: 1, fault.Closed: 1, fault.Unauthorized: 1,
	fault.Relation: 1, fault.MsgAppID: 1, fault.AmountLimit: 1, fault.Night: 1, fault.RateLimit: 1, fault.DayNum: 1,
	fault.SeedNum: 1, fault.SeedAmount: 1, fault.DayAmount: 1, fault.Funds: 1, fault.Method: 1, fault.TooLarge: 1,
	fault.CrossSite: 1, fault.SignIn: 1, fault.TicketRefused: 1, fault.Malformed: 1, fault.Certificate: 1, fault.Signature: 1,

	fault.Busy: 2, fault.Internal: 2,

	fault.Unknown: 3,
}

// status is the exit status that says an error.
func status(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.status
	}
	if errors.Is(err, store.ErrUnknown) {
		return exits[fault.Unknown]
	}
	return exits[fault.CodeOf(err)]
}

// where finds the configuration.
type where struct {
	Config string `short:"c" placeholder:"FILE" xor:"where" help:"Configuration file (default: $$HONGBAO_CONFIG, or hongbao.toml)."`
	Dir    string `placeholder:"DIR" xor:"where" help:"Folder that holds hongbao.toml, as init and demo make it."`
}

// file is the configuration's path.
func (w where) file() string {
	return cmp.Or(w.inDir(), w.Config, os.Getenv("HONGBAO_CONFIG"), configName)
}

func (w where) inDir() string {
	if w.Dir == "" {
		return ""
	}
	return filepath.Join(w.Dir, configName)
}

// beside is the path of a file in the configuration's folder.
func (w where) beside(name string) string { return filepath.Join(filepath.Dir(w.file()), name) }

func (w where) read() (config.Config, error) { return config.Read(w.file()) }

// open opens the database for a command: its own engine, without refunding what
// expires, which is the server's business. A server may be running.
func (w where) open(p *program, f func(*server.Core) error) error {
	cfg, err := w.read()
	if err != nil {
		return err
	}
	core, err := server.OpenCore(p.ctx, cfg, server.Options{Log: p.logger("warn")}, false)
	if err != nil {
		return err
	}
	return errors.Join(f(core), core.Close())
}

// started is the error of a start, or none if the start was cut off by a signal:
// that is a stop like any other.
func (p *program) started(err error) error {
	select {
	case <-p.ctx.Done():
		return nil
	default:
		return err
	}
}

// logger writes lines for people to stderr.
func (p *program) logger(level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // the configuration was checked
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: l}))
}

// json prints v as indented JSON.
func (p *program) json(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows in columns; the first is the heading.
func (p *program) table(rows [][]string) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t")) // Flush says what went wrong
	}
	return w.Flush()
}

// clock writes a time in milliseconds for people, where they are.
func clock(millis int64) string { return time.UnixMilli(millis).Format(time.DateTime) }

// packetID reads a packet's send_listid, or its bare number as verify names it.
func packetID(s string, env packet.Environment) (packet.ID, error) {
	if id, ok := packet.ParseListID(s, env); ok {
		return id, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		return packet.ID(n), nil
	}
	return 0, usage("%q is not the send_listid of a packet in this %s", s, env)
}

// versionCmd is `hongbao version`.
type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(p *program) error {
	p.printf("hongbao %s\n", version())
	return nil
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel " + s.Value[:12]
		}
	}
	return "devel"
}
