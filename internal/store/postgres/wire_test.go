package postgres_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"hongbao.example/hongbao/internal/store/postgres"
)

// accident is what happens to a COMMIT on its way. It deals with the server, and returns
// what the store gets to see, and whether that is the last of the connection.
type accident func(server server) (seen []byte, last bool)

// network is between a store and its server. Its zero value is a good one.
type network struct {
	next    atomic.Pointer[accident] // of the next COMMIT
	commits atomic.Int32             // that met one
}

// meet lets the next COMMIT have an accident.
func (n *network) meet(a accident) { n.next.Store(&a) }

// through are options of a store that is behind the network.
func (n *network) through(o postgres.Options) postgres.Options {
	return o.Tuned(func(c *pgx.ConnConfig) {
		dial := c.DialFunc
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			server, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return n.between(server), nil
		}
	})
}

// plain is a DSN whose connections are not encrypted, so that a network can read them.
func plain(t testing.TB, dsn string) string {
	t.Helper()
	return with(t, dsn, "sslmode", "disable")
}

// wire is the store's end of a connection through a network.
type wire struct {
	net.Conn
	server net.Conn
}

// RemoteAddr implements net.Conn.
func (w wire) RemoteAddr() net.Addr { return w.server.RemoteAddr() }

// NetConn is what is behind this end.
func (w wire) NetConn() net.Conn { return w.server }

// between connects a store to a server until one of them ends it.
func (n *network) between(server net.Conn) net.Conn {
	near, far := net.Pipe()
	r := &route{to: far}
	go func() {
		_, _ = io.Copy(r, server)
		_ = far.Close()
	}()
	go func() {
		n.carry(far, server, r)
		_ = server.Close()
	}()
	return wire{near, server}
}

// carry carries what the store says to the server.
func (n *network) carry(store, server net.Conn, r *route) {
	commit := message(&pgproto3.Query{String: "COMMIT"})
	buffer := make([]byte, 1<<16)
	for {
		size, err := store.Read(buffer)
		if err != nil {
			return
		}
		var happens *accident
		if bytes.Equal(buffer[:size], commit) {
			happens = n.next.Swap(nil)
		}
		if happens == nil {
			if _, err := server.Write(buffer[:size]); err != nil {
				return
			}
			continue
		}
		n.commits.Add(1)
		seen, last := r.divert(server, *happens)
		_, _ = store.Write(seen)
		if last {
			_ = store.Close()
			return
		}
	}
}

// route is where what a server says goes to.
type route struct {
	mu sync.Mutex // guards to
	to io.Writer
}

// Write implements io.Writer.
func (r *route) Write(p []byte) (int, error) {
	r.mu.Lock()
	to := r.to
	r.mu.Unlock()
	return to.Write(p)
}

// divert lets an accident happen, during which the server speaks to nobody else.
func (r *route) divert(s net.Conn, happens accident) (seen []byte, last bool) {
	said, saying := io.Pipe()
	turn := func(to io.Writer) (was io.Writer) {
		r.mu.Lock()
		defer r.mu.Unlock()
		was, r.to = r.to, to
		return was
	}
	before := turn(saying)
	defer turn(before)
	return happens(server{said, s})
}

// server is a server during an accident.
type server struct {
	io.Reader
	io.Writer
}

func message(m pgproto3.Message) []byte {
	b, err := m.Encode(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// ask sends a statement to the server and returns all that it says to it.
func (s server) ask(sql string) []byte {
	var said bytes.Buffer
	f := pgproto3.NewFrontend(io.TeeReader(s.Reader, &said), s.Writer)
	f.Send(&pgproto3.Query{String: sql})
	if err := f.Flush(); err != nil {
		panic(err)
	}
	for {
		m, err := f.Receive()
		if err != nil {
			panic(err)
		}
		if _, all := m.(*pgproto3.ReadyForQuery); all {
			return said.Bytes()
		}
	}
}

// Accidents.

func lostBefore(server) ([]byte, bool) { return nil, true }

func lostAfter(s server) ([]byte, bool) {
	s.ask("COMMIT")
	return nil, true
}

// lostDuring is when COMMIT is on its way and nobody waits for its end.
func lostDuring(s server) ([]byte, bool) {
	if _, err := s.Write(message(&pgproto3.Query{String: "COMMIT"})); err != nil {
		panic(err)
	}
	return nil, true
}

// warned is COMMIT with a warning beside the answer.
func warned(s server) ([]byte, bool) {
	said := s.ask("COMMIT")
	return append(message(&pgproto3.NoticeResponse{Severity: "WARNUNG", SeverityUnlocalized: "WARNING", Code: "01000", Message: "made by a test"}), said...), false
}

// noticed is COMMIT with a word beside the answer that does not matter.
func noticed(s server) ([]byte, bool) {
	said := s.ask("COMMIT")
	return append(message(&pgproto3.NoticeResponse{Severity: "HINWEIS", SeverityUnlocalized: "NOTICE", Code: "00000", Message: "made by a test"}), said...), false
}

// rolledBack is a server that answers as to a transaction that has failed.
func rolledBack(s server) ([]byte, bool) { return s.ask("ROLLBACK"), false }

// refused is a server that does something else and answers with an error.
func refused(instead, severity, code string) accident {
	return func(s server) ([]byte, bool) {
		s.ask(instead)
		said := message(&pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: "made by a test"})
		if severity == "FATAL" {
			return said, true
		}
		return append(said, message(&pgproto3.ReadyForQuery{TxStatus: 'I'})...), false
	}
}
