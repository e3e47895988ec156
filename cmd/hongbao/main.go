// Command hongbao is the whole product in one binary: a server of fission red
// packets, the tools to run it, and a demo of both.
//
// Exit status: 0 done; 1 refused, or found wrong; 2 could not be tried, usage
// included; 3 the outcome is unknown, and repeating the command is safe.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
)

// commands is the command line: each verb is a struct, its flags are fields.
type commands struct {
	Demo     demoCmd     `cmd:"" help:"Run a sandbox with a merchant, a balance and a packet already sent."`
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Init     initCmd     `cmd:"" help:"Write a configuration, create the database and the first merchant."`
	Merchant merchantCmd `cmd:"" help:"Add and list merchants, their keys and their money."`
	Packet   packetCmd   `cmd:"" help:"List, show, hold, release and end packets."`
	Send     sendCmd     `cmd:"" help:"Send a packet through the merchant API."`
	Query    queryCmd    `cmd:"" help:"Ask the merchant API what became of a packet."`
	Verify   verifyCmd   `cmd:"" help:"Audit a database: sums, chains, splits, balances."`
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
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run parses args, runs the command and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	exit := -1
	parser, err := kong.New(&commands{},
		kong.Name("hongbao"),
		kong.Description("Fission red packets on your own machine."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags above
	}
	command, err := parser.Parse(args)
	switch {
	case exit >= 0: // help was asked for and printed
		return exit
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "hongbao: %v\n", err)
		return 2
	}
	if err := command.Run(&program{ctx: ctx, stdout: stdout, stderr: stderr}); err != nil {
		_, _ = fmt.Fprintf(stderr, "hongbao: %v\n", err)
		return status(err)
	}
	return 0
}

// exitError carries a status that is not the one its cause has.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// status is the exit status that says an error.
func status(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.status
	}
	switch fault.CodeOf(err) {
	case fault.Internal:
		return 2
	case fault.Unknown:
		return 3
	default:
		return 1
	}
}

// where finds the configuration.
type where struct {
	Config string `short:"c" placeholder:"FILE" env:"HONGBAO_CONFIG" help:"Configuration file (default: hongbao.toml)." xor:"where"`
	Dir    string `placeholder:"DIR" help:"Folder that holds hongbao.toml, as init and demo make it." xor:"where"`
}

func (w where) read() (config.Config, error) {
	name := w.Config
	if w.Dir != "" {
		name = filepath.Join(w.Dir, configName)
	}
	if name == "" {
		name = configName
	}
	return config.Read(name)
}

// configName is the configuration's name in its folder.
const configName = "hongbao.toml"

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

// logger writes lines for people to stderr.
func (p *program) logger(level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // the configuration was checked
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: l}))
}

// packetID reads a packet's number or send_listid.
func packetID(s string, env packet.Environment) (packet.ID, error) {
	if id, ok := packet.ParseListID(s, env); ok {
		return id, nil
	}
	return 0, &fault.Error{Op: "packet", Code: fault.Invalid, Field: "send_listid", Detail: fmt.Sprintf("%q is not the send_listid of a packet in this %s", s, env)}
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
