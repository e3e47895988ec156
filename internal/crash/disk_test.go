package crash_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fault is a way in which a disk fails: strace answers a server's system calls on
// some files in its place.
type fault struct {
	name  string
	files []string
	calls string
	errno string
	every int // how manieth call of a thread fails; 0: each

	rare    bool   // nobody makes such a call but after thousands of commits
	unready bool   // the server must say that it is not ready
	told    string // what callers must hear, as in load.codes; "": nothing in particular
}

// What callers hear of a disk that fails, the second when the server has asked for a
// commit's fate for as long as it does, and a bit.
const (
	toldBusy    = "refused " + codeBusy
	toldUnknown = "unknown status 504 unknown"
	fateWait    = 7 * time.Second
)

// Files of a shop, and the calls that write them.
const (
	books   = "hongbao.db"
	booklog = books + "-wal"
	shared  = books + "-shm"

	flushing = "fsync,fdatasync"
	writing  = "pwrite64"
	sizing   = "ftruncate,fallocate"
	reading  = "pread64"
)

// faults strike the disk of a server that runs.
var faults = []fault{
	{name: "the log cannot be flushed", files: []string{booklog}, calls: flushing, errno: "EIO", unready: true, told: toldUnknown},
	{name: "the disk is full", files: []string{books, booklog, shared}, calls: writing + "," + sizing, errno: "ENOSPC", unready: true, told: toldBusy},
	{name: "the log cannot be written", files: []string{booklog}, calls: writing, errno: "EIO", unready: true, told: toldBusy},
	{name: "now and then the disk is full", files: []string{books, booklog, shared}, calls: writing + "," + sizing, errno: "ENOSPC", every: 7},
	{name: "now and then nothing can be flushed", files: []string{books, booklog}, calls: flushing, errno: "EIO", every: 5},
	{name: "nothing can be written", files: []string{books, booklog}, calls: writing, errno: "EIO", unready: true, told: toldBusy},
	{name: "nothing can be flushed, nor the log be cut", files: []string{books, booklog}, calls: flushing + "," + sizing, errno: "EIO", unready: true, told: toldBusy},
	{name: "now and then the log cannot be written", files: []string{booklog}, calls: writing, errno: "EIO", every: 9},
	{name: "now and then nothing can be read", files: []string{books, booklog}, calls: reading, errno: "EIO", every: 3},
	{name: "the shared memory cannot grow", files: []string{shared}, calls: writing + "," + sizing, errno: "ENOSPC", rare: true},
	{name: "the log cannot be copied", files: []string{books}, calls: writing + "," + flushing, errno: "EIO", rare: true},
}

// copying are faults of a disk to which the log is to be copied.
var copying = []fault{
	{files: []string{books}, calls: writing, errno: "EIO"},
	{files: []string{books}, calls: writing, errno: "ENOSPC"},
	{files: []string{books}, calls: flushing, errno: "EIO"},
}

// strace is the command line by which a fault strikes.
func (f *fault) strace(s *shop) []string {
	argv := []string{"strace", "-f", "-q", "-o", s.traced(), "-e", "trace=" + f.calls}
	for _, name := range f.files {
		argv = append(argv, "-P", filepath.Join(s.dir, name))
	}
	inject := fmt.Sprintf("inject=%s:error=%s", f.calls, f.errno)
	if f.every > 0 {
		inject += fmt.Sprintf(":when=%d+%d", f.every, f.every)
	}
	return append(argv, "-e", inject)
}

// traced is the file of what strace has seen last.
func (s *shop) traced() string { return filepath.Join(s.dir, "strace.log") }

// failed counts the calls that strace has answered itself.
func (s *shop) failed() (int, error) {
	text, err := os.ReadFile(s.traced())
	return bytes.Count(text, []byte("(INJECTED)")), err
}

// A tracer is strace at work on a server that was running before.
type tracer struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
	stderr bytes.Buffer
}

// attach has a fault strike a server, on all its threads.
func attach(f *fault, s *shop, v *server) (*tracer, error) {
	argv := append(f.strace(s), "-p", strconv.Itoa(v.cmd.Process.Pid))
	t := &tracer{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	t.cmd.Stderr = &t.stderr
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = t.cmd.Wait() // what it has to say is in stderr
		close(t.ended)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		everywhere, err := isTraced(v.cmd.Process.Pid)
		if err != nil {
			return nil, errors.Join(err, t.detach())
		}
		if everywhere {
			return t, nil
		}
		select {
		case <-tick.C:
		case <-t.ended:
			return nil, fmt.Errorf("%s: %s", strings.Join(argv, " "), t.stderr.String())
		}
	}
}

// isTraced tells whether all threads of a process are traced.
func isTraced(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err == nil && len(threads) == 0 {
		err = fmt.Errorf("there is no process %d", pid)
	}
	for _, name := range threads {
		status, unread := os.ReadFile(name)
		switch {
		case errors.Is(unread, fs.ErrNotExist), errors.Is(unread, syscall.ESRCH): // the thread has ended
		case unread != nil:
			err = errors.Join(err, unread)
		case bytes.Contains(status, []byte("TracerPid:\t0\n")):
			return false, err
		}
	}
	return err == nil, err
}

// detach ends the fault.
func (t *tracer) detach() error {
	_ = t.cmd.Process.Signal(syscall.SIGTERM) // it may have ended with the server
	select {
	case <-t.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("strace does not end"), t.cmd.Process.Kill())
	}
}

// traceable in the environment asks this program to become another one, which any
// process of the same user may trace. Else, on some systems, its ancestors alone may.
const traceable = "HONGBAO_TEST_TRACEABLE"

// init runs on the thread whose wish counts for the whole process.
func init() {
	if os.Getenv(traceable) == "" {
		return
	}
	const setTracer, anybody = 0x59616d61, ^uintptr(0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTracer, anybody, 0) // where it is unknown it is not needed
	panic(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// strike has the disk of a running server fail until all have heard of it who must. It
// may be that a commit failed in which no claimant had a part; then it fails again.
func (f *fault) strike(d *drill) error {
	for range 10 {
		if told, err := f.once(d); told || err != nil {
			return err
		}
		if _, err := d.shop.servers[0].ready(); err != nil {
			return err
		}
	}
	return fmt.Errorf("callers have never heard %q", f.told)
}

// once has the disk of a running server fail, and tells whether callers have heard of it.
// Most of the time the disk comes back to the same process; now and then that is killed.
func (f *fault) once(d *drill) (told bool, err error) {
	v := d.shop.servers[0]
	t, err := attach(f, d.shop, v)
	if err != nil {
		return false, err
	}
	told, err = d.suffer(f)
	if err == nil && d.rand.IntN(4) == 0 {
		err = v.kill()
	}
	err = errors.Join(err, t.detach())
	v.began = time.Now()
	if err == nil && !v.running() {
		err = v.start()
	}
	return told, err
}

// heard is how often callers were told something.
func (d *drill) heard(code string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.codes[code]
}

// suffer lets callers go on while a disk fails, for half a second at least.
func (d *drill) suffer(f *fault) (told bool, err error) {
	tick, enough, late := time.NewTicker(50*time.Millisecond), time.After(500*time.Millisecond), time.After(patience)
	defer tick.Stop()
	v, calls, heard, tells := d.shop.servers[0], int64(10), d.heard(f.told), time.After(fateWait)
	if f.rare {
		calls = 500
	}
	unready, told, failed := !f.unready, f.told == "", 0
	for passed, waited := false, false; !unready || !told && !waited || failed == 0 || !passed; {
		d.grant(calls)
		select {
		case <-tick.C:
			unready = unready || v.get("/readyz") != nil
			told = told || d.heard(f.told) > heard
			if failed, err = d.shop.failed(); err != nil {
				return told, err
			}
		case <-enough:
			passed = true
		case <-tells:
			waited = true
		case <-v.ended:
			return told, fmt.Errorf("the server has ended: %s\n%s", v.cmd.ProcessState, v.told())
		case <-late:
			return told, fmt.Errorf("after %s, %d calls have failed, and the server is not ready: %v", patience, failed, unready)
		}
	}
	return told, nil
}

// rise kills a server and starts it on a disk that does not take what its log holds: it
// must not run. Then the disk does.
func rise(d *drill) error {
	v, f := d.shop.servers[0], &copying[d.rand.IntN(len(copying))]
	usual := v.prefix
	v.prefix = f.strace(d.shop)
	err := errors.Join(v.kill(), v.start())
	v.prefix = usual
	if err != nil {
		return err
	}
	if _, err := v.ready(); err == nil {
		return errors.New("the server runs, though its log could not be copied")
	}
	failed, err := d.shop.failed()
	if err == nil && failed == 0 {
		err = fmt.Errorf("no call has failed\n%s", v.told())
	}
	return errors.Join(err, v.start())
}

// fall stops a server whose disk does not take what its log holds: the log has to stay.
func fall(d *drill) error {
	v, f := d.shop.servers[0], &copying[d.rand.IntN(len(copying))]
	t, err := attach(f, d.shop, v)
	if err != nil {
		return err
	}
	return errors.Join(v.stop(), t.detach(), v.start())
}

// TestDiskThatFailsLosesNothing: whatever a disk refuses, nobody hears an answer that is
// not kept, the operator hears that the server is not ready, and when the disk is well
// again, so is the server.
func TestDiskThatFailsLosesNothing(t *testing.T) {
	t.Parallel()
	type blow struct {
		name   string
		strike func(*drill) error
	}
	blows, usual := []blow{{"the log cannot be copied at the start", rise}, {"the log cannot be copied at the end", fall}}, 0
	for i := range faults {
		blows = append(blows, blow{faults[i].name, faults[i].strike})
		if !faults[i].rare {
			usual = len(blows)
		}
	}
	n := number(t, "HONGBAO_FAULTS", usual)
	d := newDrill(t, openShop(t, sqlite(t), life), n, 100*n)
	d.alarming = true
	d.shop.servers[0].prefix = []string{"env", traceable + "=1", os.Args[0]}
	next := 0
	d.strike = func(d *drill) error {
		b, start := blows[next%len(blows)], time.Now()
		next++
		err := b.strike(d)
		failed, _ := d.shop.failed()
		t.Logf("%s: %d calls failed in %s", b.name, failed, time.Since(start).Round(time.Millisecond))
		if err != nil {
			err = fmt.Errorf("%s: %w", b.name, err)
		}
		return err
	}
	pass(t, d)
}
