package postgres

import (
	"errors"
	"strings"
	"syscall"
)

// tcpUserTimeout is an option of tcp(7) that package syscall has no name for: how long
// what was sent may stay without an acknowledgement.
const tcpUserTimeout = 18

// boundSilence has the system give up a connection after silenceMax, where it would go on
// for a quarter of an hour.
func boundSilence(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var set error
	err := c.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silenceMax.Milliseconds()))
	})
	return errors.Join(err, set)
}
