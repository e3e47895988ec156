package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
)

// TestADamagedLog flips bits. In the last commit they are taken for its end; where they
// would take back a commit that had been synced before the next one, the file is refused.
func TestADamagedLog(t *testing.T) {
	t.Parallel()
	f := newFortune(t)
	for over, make := range pasts {
		p := make(t)
		last := p.commits[len(p.commits)-3].end
		var bytes []int
		for range f.cuts / 16 {
			frame := logHeaderBytes + f.IntN(p.end()/frameBytes)*frameBytes
			bytes = append(bytes, f.IntN(logHeaderBytes), f.IntN(p.end()), frame+f.IntN(frameHeaderBytes), last+f.IntN(p.end()-last))
		}
		for n, at := range bytes {
			bit := byte(1) << f.IntN(8)
			t.Run(fmt.Sprintf("%d/bit %#x of byte %d", over, bit, at), func(t *testing.T) {
				t.Parallel()
				log := slices.Clone(p.log)
				log[at] ^= bit
				if p.evident(at) {
					p.refused(t, log)
				} else {
					p.opens(t, log, p.reached(log), n%closelyEach == 0)
				}
			})
		}
	}
}

// evident tells whether damage to a byte leaves proof: a commit's last frame that is
// whole as it follows from the frame before it, and another commit after it.
func (p *past) evident(at int) bool {
	next := (at-logHeaderBytes+frameBytes)/frameBytes*frameBytes + logHeaderBytes // where the next frame begins
	checksum := next - frameBytes + 16                                            // in the header of a frame
	if at >= checksum && at < checksum+8 {
		next += frameBytes // of the next frame, nobody can tell whether it is whole
	}
	return at >= logHeaderBytes && next+frameBytes <= p.commits[len(p.commits)-2].end
}

// refused checks that a database beside a log is not opened, and stays as it is.
func (p *past) refused(t *testing.T, log []byte) {
	t.Helper()
	path := p.write(t, log)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil {
		closeAfter(t, s)
	}
	if err == nil || !strings.Contains(err.Error(), "is damaged") || !strings.Contains(err.Error(), path) {
		t.Errorf("open: %v, want a refusal that names the file", err)
	}
	r, err := sqlite.OpenReadOnly(t.Context(), path, sqlite.Options{})
	if err == nil {
		closeAfter(t, r)
	}
	if err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("open to read only: %v, want a refusal", err)
	}
	if !slices.Equal(content(t, path), p.file) || !slices.Equal(content(t, path+"-wal"), log) {
		t.Error("the file or its log was changed")
	}
}

func TestWhatADamagedLogHasLostIsGivenUpOnlyWhenToldTo(t *testing.T) {
	t.Parallel()
	p := pasts[0](t)
	log := slices.Clone(p.log)
	log[p.commits[9].end+2000] ^= 1
	path := p.write(t, log)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), link, sqlite.Options{}); err == nil {
		closeAfter(t, s)
		t.Fatal("it was opened by a link")
	}
	if blocked, _, err := checkpoint(t.Context(), path, "TRUNCATE"); err != nil || blocked {
		t.Fatalf("checkpoint: %v, blocked: %v", err, blocked)
	}
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, s)
	p.isAt(t, path, 9)
	sound(t, s)
}

func TestAFileIsNotReopenedOnADamagedLog(t *testing.T) {
	t.Parallel()
	var d disk
	s, path := openOn(t, &d)
	for _, name := range []string{"a", "b", "c"} {
		if err := s.Update(t.Context(), set(name, "v")); err != nil {
			t.Fatal(err)
		}
	}
	if got := column(t, raw(t, path), "SELECT name FROM settings"); len(got) != 3 { // and now keeps the log
		t.Fatalf("settings %q", got)
	}
	d.next.Store(&failure{instead: "ROLLBACK", code: sqlite3.SQLITE_IOERR_FSYNC})
	if err := s.Update(t.Context(), set("d", "v")); !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("update: %v, want unknown", err)
	}
	log := content(t, path+"-wal")
	log[logHeaderBytes+frameHeaderBytes] ^= 1
	if err := os.WriteFile(path+"-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Health(t.Context()); !isBusy(err) || !strings.Contains(err.Error(), "frame 1") {
		t.Errorf("health: %v, want busy, with the damage", err)
	}
}

// TestALogThatIsBeingWrittenIsNotDamaged opens a file again and again while another
// program commits, and begins its log anew.
func TestALogThatIsBeingWrittenIsNotDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	server := create(t, path)
	var done atomic.Bool
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; !done.Load(); n++ {
			if err := server.Update(t.Context(), set(fmt.Sprint(n), strings.Repeat("v", n%20000))); err != nil {
				t.Error(err)
				return
			}
			if n%50 == 0 {
				if _, _, err := checkpoint(t.Context(), path, "RESTART"); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 100 {
		s, err := sqlite.OpenReadOnly(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Error(err)
			break
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	writing.Wait()
}

// TestADamagedLogIsNotCopied: a backup without the commits behind the damage would look
// as if nothing had happened.
func TestADamagedLogIsNotCopied(t *testing.T) {
	t.Parallel()
	for _, make := range pasts {
		p := make(t)
		log := slices.Clone(p.log)
		at := p.commits[0].end + frameHeaderBytes + 100
		if !p.evident(at) {
			continue
		}
		log[at] ^= 1
		to := filepath.Join(t.TempDir(), "copy.db")
		if c, err := sqlite.Copy(t.Context(), p.write(t, log), to, func() map[string]string { return nil }); err == nil {
			t.Errorf("copied %+v", c)
		}
		return
	}
	t.Fatal("no past fits")
}
