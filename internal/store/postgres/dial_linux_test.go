package postgres_test

import (
	"net"
	"syscall"
	"testing"

	"hongbao.example/hongbao/internal/store/postgres"
)

// TestTheSystemIsToldHowLongAMachineMaySayNothing: by itself it would wait for a quarter
// of an hour.
func TestTheSystemIsToldHowLongAMachineMaySayNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{Control: postgres.BoundSilence}
	c, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const tcpUserTimeout = 18
	var ms int
	if err := raw.Control(func(fd uintptr) { ms, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); err != nil {
		t.Fatal(err)
	}
	if err != nil || int64(ms) != postgres.SilenceMax.Milliseconds() {
		t.Errorf("%d ms, %v; want %v", ms, err, postgres.SilenceMax)
	}
}
