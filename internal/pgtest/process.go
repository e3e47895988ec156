package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// guard is the script of the shell between the test process and the postmaster. Its
// arguments are the folder of the server and the command that runs it.
//
// Its input is a pipe that only the test process can write to. A line releases the
// guard of a server that has ended: it leaves all as it is, but for the remains of the
// postmaster, whose id the next one would take for that of a living process. The end
// of the pipe, also by the end of the test process, makes it clear up: an immediate
// shutdown, and what is left by a server that was killed (a segment of shared memory,
// named in line 7 of its lock file).
//
// Its output is the id of the postmaster, then nothing. The server has inherited
// it, so it ends when the last process of the server does.
const guard = `
folder=$1 lock=$1/data/postmaster.pid
shift
"$@" </dev/null 2>>"$folder/log" &
echo $!
exec >&-
read -r released && wait && exit
kill -QUIT $!
wait
[ -f "$lock" ] && ipcrm -m "$(sed -n '7s/.* //p' "$lock")"
exec rm -rf "$folder"
`

// A process is one run of a server.
type process struct {
	guard *exec.Cmd
	hold  io.WriteCloser // the input of the guard
	pid   int            // of the postmaster
	gone  chan struct{}  // closed when the last process of the server has ended
}

// launch starts a postmaster with these arguments, under a guard. It does not wait
// until connections are taken. The end of ctx kills the guard, which helps nobody.
func launch(ctx context.Context, dir string, args ...string) (*process, error) {
	postgres, err := binary("postgres")
	if err != nil {
		return nil, err
	}
	p := &process{gone: make(chan struct{})}
	p.guard = command(ctx, dir, "sh", append([]string{"-c", guard, "guard", dir, postgres}, args...)...)
	p.guard.SysProcAttr.Setsid = true // an interrupt from the keyboard is for the tests
	if p.hold, err = p.guard.StdinPipe(); err != nil {
		return nil, err
	}
	pipe, err := p.guard.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.guard.Start(); err != nil {
		return nil, err
	}
	out := bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	if err == nil {
		p.pid, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("guard: %w", err), p.hold.Close(), p.guard.Wait())
	}
	go func() {
		defer close(p.gone)
		_, _ = io.Copy(io.Discard, out) // to its end, which is all that it says
	}()
	return p, nil
}

// running tells whether any process of the server is left.
func (p *process) running() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// leave releases the guard of a server that has been stopped or killed.
func (p *process) leave() error {
	_, err := io.WriteString(p.hold, "\n")
	return errors.Join(err, p.hold.Close(), p.guard.Wait())
}

// end has the guard clear up.
func (p *process) end() error {
	err := p.hold.Close()
	<-p.gone
	return errors.Join(err, p.guard.Wait())
}

// tool runs one of PostgreSQL's programs to its end.
func (s *server) tool(ctx context.Context, name string, args ...string) error {
	path, err := binary(name)
	if err != nil {
		return err
	}
	if out, err := command(ctx, s.dir, path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// command is a program in the folder of a server, run by the account of the server.
// No variable of the caller's tells it where to connect.
func command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // what is run is written in this package
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account()}
	return cmd
}

// account is who runs a server, as it may not be root: nil, the caller, unless that is root.
func account() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nobody
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return nobody
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// binary finds a program of PostgreSQL: of the newest version that Debian has
// installed, else in PATH.
func binary(name string) (string, error) {
	var newest string
	var version int
	paths, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is well formed
	for _, path := range paths {
		v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && v > version {
			newest, version = path, v
		}
	}
	if newest != "" {
		return newest, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's %s is not installed (tools/deps does that): %w", name, err)
	}
	return path, nil
}
