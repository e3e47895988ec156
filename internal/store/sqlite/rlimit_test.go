package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
)

// childVariable asks the test binary to be the process whose files may not grow.
const childVariable = "HONGBAO_TEST_RLIMIT_DB"

func TestMain(m *testing.M) {
	path := os.Getenv(childVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := meetTheLimit(context.Background(), path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestACommitThatTheSystemRefuses sees a real write fail within COMMIT: in a
// process of its own, whose log may grow no more.
func TestACommitThatTheSystemRefuses(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+filepath.Join(t.TempDir(), "hongbao.db"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// meetTheLimit lets a commit meet the limit, and checks that it is unknown once,
// then undone, and that all is well when the limit has gone.
func meetTheLimit(ctx context.Context, path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := sqlite.Create(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	if err := s.Update(ctx, set("before", "v")); err != nil {
		return err
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		return err
	}
	if err := limitFiles(uint64(log.Size()) + 5000); err != nil { // one page and a part of the next
		return err
	}
	big := func(tx store.Tx) error {
		entry := packet.Entry{Packet: 1, Seq: 1, Kind: ledger.Hold, Note: string(make([]byte, 100_000))}
		return errors.Join(set("within", "v")(tx), tx.InsertEntries([]packet.Entry{entry}))
	}
	if err := s.Update(ctx, big); !errors.Is(err, store.ErrUnknown) {
		return fmt.Errorf("commit beyond the limit: %w, want unknown", err)
	}
	if err := limitFiles(1 << 30); err != nil {
		return err
	}
	var all []string
	if err := s.Update(ctx, func(tx store.Tx) error {
		all = nil
		for _, name := range []string{"before", "within"} {
			if _, err := tx.Setting(name); err == nil {
				all = append(all, name)
			} else if !isNotFound(err) {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("update after reopening: %w", err)
	}
	if len(all) != 1 || all[0] != "before" {
		return fmt.Errorf("after reopening there are %q", all)
	}
	return errors.Join(s.Update(ctx, big), s.Close())
}

// limitFiles sets how large a file of this process may become, in bytes.
func limitFiles(size uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = size
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
