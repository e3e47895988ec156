package postgres

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// silenceMax is how long a machine may acknowledge nothing of what it was sent. How long
// the server on it takes to answer does not matter.
const silenceMax = 15 * time.Second

// dial connects to a server. One that vanished without a word is noticed by its silence.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	const probes = 3
	d := net.Dialer{
		Control:         boundSilence,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silenceMax / probes, Interval: silenceMax / probes, Count: probes - 1},
	}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is a connection whose COMMIT nobody cancels. When the driver loses a connection it
// asks the server, by another one, to cancel what runs there. A COMMIT that waits for a
// standby would end its wait by that, and what the standby does not have could be seen.
type conn struct {
	net.Conn
	committing atomic.Bool
}

// RemoteAddr implements net.Conn. To cancel something, that is where the driver turns.
func (c *conn) RemoteAddr() net.Addr {
	if c.committing.Load() {
		return nowhere{}
	}
	return c.Conn.RemoteAddr()
}

// nowhere is the address of no server.
type nowhere struct{}

func (nowhere) Network() string { return "nowhere" }
func (nowhere) String() string  { return "nowhere" }

// committing notes whether a COMMIT is on its way.
func committing(c *pgconn.PgConn, is bool) {
	at := c.Conn()
	for {
		switch inner := at.(type) {
		case *conn:
			inner.committing.Store(is)
			return
		case interface{ NetConn() net.Conn }: // of TLS
			at = inner.NetConn()
		default:
			return
		}
	}
}
