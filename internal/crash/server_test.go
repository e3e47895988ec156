package crash_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// A server is `hongbao serve` with one configuration, started again and again on
// one address. One goroutine starts and ends it; url may be used by all.
type server struct {
	// prefix is a command that runs the server, such as strace with its flags. It
	// holds from the next start.
	prefix []string

	url, ops string // addresses
	argv     []string
	env      []string
	log      string // file: what all its processes wrote
	poll     *http.Client

	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended
	began   time.Time
	counted bool // how long it took to be ready; a drill's
}

func newServer(t *testing.T, s *shop, i int, listen, ops string) *server {
	t.Helper()
	v := &server{
		url: "http://" + listen, ops: "http://" + ops,
		argv: []string{s.bin, "serve", "--config", s.config(i)}, env: append(os.Environ(), s.env...),
		log:  filepath.Join(s.dir, fmt.Sprintf("server-%d.log", i)),
		poll: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second},
	}
	t.Cleanup(func() { _ = v.kill() })
	return v
}

// start starts a process. It leads a group of its own, which dies with this test.
func (v *server) start() error {
	log, err := os.OpenFile(v.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	argv := slices.Concat(v.prefix, v.argv)
	cmd, ended := exec.Command(argv[0], argv[1:]...), make(chan struct{})
	cmd.Env, cmd.Stdout, cmd.Stderr = v.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	v.began = time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait() // ProcessState has it
		close(ended)
	}()
	v.cmd, v.ended, v.counted = cmd, ended, false
	return nil
}

// ready waits until the server says that it is, and returns how long that took
// from its start.
func (v *server) ready() (time.Duration, error) {
	tick, late := time.NewTicker(2*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		if v.get("/readyz") == nil {
			return time.Since(v.began), nil
		}
		select {
		case <-tick.C:
		case <-v.ended:
			return 0, fmt.Errorf("the server has ended: %s\n%s", v.cmd.ProcessState, v.told())
		case <-late:
			return 0, fmt.Errorf("the server is not ready after %s\n%s", patience, v.told())
		}
	}
}

// healthy is an error if the server has found anything that an operator must look
// at.
func (v *server) healthy() error {
	resp, err := v.poll.Get(v.ops + "/healthz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && !bytes.Contains(body, []byte(`"status":"ok"`)) {
		err = fmt.Errorf("/healthz: %s", body)
	}
	return err
}

func (v *server) get(path string) error {
	resp, err := v.poll.Get(v.ops + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// running tells whether there is a process.
func (v *server) running() bool {
	if v.cmd == nil {
		return false
	}
	select {
	case <-v.ended:
		return false
	default:
		return true
	}
}

// kill ends the process as a power cut does, and its prefix with it.
func (v *server) kill() error { return v.signal(syscall.SIGKILL) }

// stop asks the process to end, and is an error if it does not do so well and in
// good time.
func (v *server) stop() error {
	if err := v.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if !v.cmd.ProcessState.Success() {
		return fmt.Errorf("told to stop, the server ended with %s\n%s", v.cmd.ProcessState, v.told())
	}
	return nil
}

// signal sends the process and its children a signal and waits for it to end.
func (v *server) signal(signal syscall.Signal) error {
	if !v.running() {
		return errors.New("the server had ended by itself")
	}
	if err := syscall.Kill(-v.cmd.Process.Pid, signal); err != nil {
		return err
	}
	select {
	case <-v.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the server did not end on %s", signal)
	}
}

// told is the end of what the server has written.
func (v *server) told() string {
	text, err := os.ReadFile(v.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// alarms are the lines in which the server told of something that must not be.
func (v *server) alarms() (lines []string) {
	text, err := os.ReadFile(v.log)
	if err != nil {
		return []string{err.Error()}
	}
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte("level=ERROR")) || bytes.Contains(line, []byte("panic")) {
			lines = append(lines, string(line))
		}
	}
	return lines
}
