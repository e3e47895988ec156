package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	role     = "hongbao"
	database = "hongbao"
	// application is what a standby calls itself towards the server it follows.
	application = "standby"
)

// A server is a folder with data, and a postmaster on it while one runs.
type server struct {
	dir      string // lies in the system's folder for temporary files; holds data/, the log and the socket
	port     string // also part of the socket's name
	password string // asked for on TCP only; empty where the server does not listen there
	settings []string
	run      *process // the last one; nil before the first
}

// create makes a server and starts it.
func create(ctx context.Context, o Options) (*server, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	err = s.tool(ctx, "initdb", "--pgdata", s.data(), "--username", role, "--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
	if err == nil {
		err = s.configure()
	}
	if err == nil {
		err = s.start(ctx)
	}
	if err == nil {
		err = execute(ctx, s.admin(), "CREATE DATABASE "+database)
	}
	if err == nil && s.password != "" {
		err = execute(ctx, s.admin(), "ALTER ROLE "+role+" PASSWORD '"+s.password+"'")
	}
	return s.orDiscard(err)
}

// copy makes a server that follows s and starts it. It becomes a standby of s that
// nobody waits for yet.
func (s *server) copy(ctx context.Context) (*server, error) {
	standby, err := newServer(Options{TCP: s.password != "", Settings: s.settings})
	if err != nil {
		return nil, err
	}
	standby.password = s.password
	// --write-recovery-conf writes how to reach s beside the data, and that it is to be followed.
	err = standby.tool(ctx, "pg_basebackup", "--pgdata", standby.data(), "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
		"--dbname", fmt.Sprintf("host=%s port=%s user=%s application_name=%s", s.dir, s.port, role, application))
	if err == nil {
		err = standby.configure()
	}
	if err == nil {
		err = standby.start(ctx)
	}
	return standby.orDiscard(err)
}

// waitFor has every commit of s wait for its standby, from its return on.
func (s *server) waitFor(ctx context.Context, standby *server) error {
	for _, sql := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + application + "'", "SELECT pg_reload_conf()"} {
		if err := execute(ctx, s.admin(), sql); err != nil {
			return err
		}
	}
	err := poll(ctx, func() error {
		var states string
		err := ask(ctx, s.admin(), "SELECT coalesce(string_agg(sync_state, ' '), 'none') FROM pg_stat_replication", &states)
		if err == nil && states != "sync" {
			err = fmt.Errorf("standbys of the server: %s", states)
		}
		return err
	})
	if err != nil {
		return standby.explain(err)
	}
	return nil
}

// newServer makes the folder of a server.
func newServer(o Options) (*server, error) {
	s := &server{port: "5432", settings: o.Settings}
	if o.TCP {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.port, s.password = port, rand.Text()
	}
	dir, err := makeFolder()
	if err != nil {
		return nil, err
	}
	s.dir = dir
	return s, nil
}

// makeFolder makes a folder that only the account of the server may enter. The name
// of a socket in it is short enough for every system (100 bytes).
func makeFolder() (string, error) {
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "hongbao-pg-")
	if err != nil {
		return "", err
	}
	if a := account(); a != nil {
		if err := os.Chown(dir, int(a.Uid), int(a.Gid)); err != nil {
			return "", errors.Join(err, os.Remove(dir))
		}
	}
	return dir, nil
}

// freePort is a port of 127.0.0.1 that nobody listened on a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // answered at once
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// url leads to a database in the way that the test asked for.
func (s *server) url(database string) string {
	if s.password == "" {
		return s.socket(database)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, s.password), Host: net.JoinHostPort("127.0.0.1", s.port),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// socket leads to a database by the Unix socket.
func (s *server) socket(database string) string {
	q := url.Values{"host": {s.dir}, "port": {s.port}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: query(q)}
	return u.String()
}

// admin leads to the database that a cluster is born with.
func (s *server) admin() string { return s.socket("postgres") }

// configure writes the server's configuration in place of the one in the data.
func (s *server) configure() error {
	listen := ""
	if s.password != "" {
		listen = "127.0.0.1"
	}
	lines := []string{
		"port = " + s.port,
		"listen_addresses = '" + listen + "'",
		"unix_socket_directories = '" + s.dir + "'",
		"dynamic_shared_memory_type = mmap", // in files beside the data, which go with the folder
	}
	text := strings.Join(append(lines, s.settings...), "\n") + "\n"
	return os.WriteFile(filepath.Join(s.data(), "postgresql.conf"), []byte(text), 0o600)
}

// start starts a postmaster on the data and returns when it takes connections.
func (s *server) start(ctx context.Context) error {
	if s.run != nil {
		if s.run.running() {
			return errors.New("the server is running")
		}
		err := s.run.leave()
		s.run = nil
		if err != nil {
			return err
		}
	}
	run, err := launch(context.WithoutCancel(ctx), s.dir, "-D", s.data())
	if err != nil {
		return err
	}
	s.run = run
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-run.gone:
			cancel(errors.New("the server has ended"))
		case <-ctx.Done():
		}
	}()
	return s.explain(poll(ctx, func() error { return execute(ctx, s.admin(), "SELECT") }))
}

// kill sends SIGKILL to the postmaster and all its children.
func (s *server) kill() error {
	if !s.run.running() {
		return nil
	}
	// Stopped, it neither makes new ones nor notices that they die.
	if err := syscall.Kill(s.run.pid, syscall.SIGSTOP); err != nil {
		return err
	}
	for _, pid := range children(s.run.pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	return s.stop(syscall.SIGKILL)
}

// stop sends a signal to the postmaster and waits until all processes are gone.
func (s *server) stop(signal syscall.Signal) error {
	if !s.run.running() {
		return nil
	}
	if err := syscall.Kill(s.run.pid, signal); err != nil {
		return err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-s.run.gone:
		return nil
	case <-late.C:
		return s.explain(fmt.Errorf("processes of the server live on %v after %v", patience, signal))
	}
}

// discard ends the server, if it runs, and removes its folder.
func (s *server) discard() error {
	if s.run == nil {
		return os.RemoveAll(s.dir)
	}
	return s.run.end()
}

// orDiscard returns s, unless there is an error.
func (s *server) orDiscard(err error) (*server, error) {
	if err != nil {
		return nil, errors.Join(err, s.discard())
	}
	return s, nil
}

// explain adds the last lines of the server's log to an error.
func (s *server) explain(err error) error {
	if err == nil {
		return nil
	}
	log, readErr := os.ReadFile(filepath.Join(s.dir, "log"))
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return fmt.Errorf("%w\n%s", err, bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}

// poll asks again and again until there is no objection.
func poll(ctx context.Context, objection func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := objection()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// children are the processes whose parent is pid, where the system has /proc. Where
// it has not, those of a postmaster notice for themselves that it has gone.
func children(pid int) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, name := range stats {
		stat, err := os.ReadFile(name) //nolint:gosec // of /proc
		if err != nil {
			continue // ended since
		}
		// pid (name) state parent ...: a name may contain anything, brackets too.
		rest := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(rest) < 2 || string(rest[1]) != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			found = append(found, child)
		}
	}
	return found
}
