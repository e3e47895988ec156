package pgtest

import (
	"context"
	"fmt"
	"syscall"
	"testing"
)

// Options are what a test may want of its server. The zero value is a server with
// the settings of a fresh installation: a commit is on disk when it is answered.
type Options struct {
	TCP      bool     // DSN leads to a port of 127.0.0.1 instead of the Unix socket
	Settings []string // each a line of postgresql.conf
}

// A Cluster is a server that one test has to itself, with one empty database. Its
// methods end the test when they fail, so they are for the test's own goroutine.
type Cluster struct {
	t testing.TB
	s *server
}

// Start makes a server and returns when it takes connections. It ends with the
// test.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	ctx, cancel := bounded()
	defer cancel()
	s, err := create(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, s)
}

// adopt makes a server one of the test, which ends it.
func adopt(t testing.TB, s *server) *Cluster {
	t.Helper()
	t.Cleanup(func() {
		if err := s.discard(); err != nil {
			t.Error(err)
		}
	})
	return &Cluster{t: t, s: s}
}

// DSN is the URL of the database, whose role may do anything. It is the same after
// a Restart.
func (c *Cluster) DSN() string { return c.s.url(database) }

// Kill ends every process of the server by SIGKILL, which none of them can see
// coming, and returns when none holds anything any more, be it a file or a connection.
// It does nothing if none is left.
func (c *Cluster) Kill() {
	c.t.Helper()
	c.check(c.s.kill())
}

// Stop shuts the server down: open transactions are rolled back, connections
// closed. It returns when all its processes are gone, and does nothing if none is left.
func (c *Cluster) Stop() {
	c.t.Helper()
	c.check(c.s.stop(syscall.SIGINT))
}

// Restart starts the server again on the data that it left behind, after Stop or
// Kill, and returns when it takes connections: after a Kill, it has recovered.
func (c *Cluster) Restart() {
	c.t.Helper()
	ctx, cancel := bounded()
	defer cancel()
	c.check(c.s.start(ctx))
}

// Standby makes a copy of the server that follows it by streaming replication, and
// makes it the one synchronous standby: from the return of Standby on, a commit is
// answered only when both have it on disk. It ends with the test that t is of.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	ctx, cancel := bounded()
	defer cancel()
	s, err := c.s.copy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	standby := adopt(t, s)
	if err := c.s.waitFor(ctx, s); err != nil {
		t.Fatal(err)
	}
	return standby
}

// Promote makes a standby a server in its own right, and returns when it takes
// writes. It does not end the server that it followed: two that take writes are
// what a real failover must prevent.
func (c *Cluster) Promote() {
	c.t.Helper()
	ctx, cancel := bounded()
	defer cancel()
	var promoted bool
	err := ask(ctx, c.s.admin(), fmt.Sprintf("SELECT pg_promote(true, %d)", int(patience.Seconds())), &promoted)
	if err == nil && !promoted {
		err = fmt.Errorf("the standby is not promoted after %v", patience)
	}
	c.check(err)
}

func (c *Cluster) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// bounded is the context of one step, which a test may also take in its cleanup.
func bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
