package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/store/storetest"
)

// none are no settings of a copy.
func none() map[string]string { return nil }

// filesIn lists the files of a folder.
func filesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		all = append(all, f.Name())
	}
	return all
}

func TestACopyHoldsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	path, to := filepath.Join(t.TempDir(), "hongbao.db"), filepath.Join(t.TempDir(), "a %20 strange?name#.db")
	s := create(t, path)
	for n := range 3 {
		p, _ := storetest.Packet(storetest.ID(n+1), "1")
		p.Head.ClaimedNum = n
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertPackets([]store.Packet{p}) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kept", "replaced"} {
		if err := s.Update(t.Context(), set(name, "before")); err != nil {
			t.Fatal(err)
		}
	}
	contents, err := sqlite.Copy(t.Context(), path, to, func() map[string]string {
		if err := s.Update(t.Context(), set("later", "v")); err != nil { // the moment has passed, and nobody waits
			t.Error(err)
		}
		return map[string]string{"replaced": "by the copy", "added": "v"}
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != contents.Bytes {
		t.Errorf("%v, %v; contents %+v", info, err, contents)
	}
	if got := filesIn(t, filepath.Dir(to)); len(got) != 1 {
		t.Errorf("beside the copy: %q", got)
	}
	if contents.Packets != 3 || contents.Claims != 3 || contents.Newest != storetest.ID(3) {
		t.Errorf("contents %+v", contents)
	}
	before, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	look, err := sqlite.OpenReadOnly(t.Context(), to, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"kept": "before", "replaced": "by the copy", "added": "v", "later": ""} {
		if got := value(t, look, name); got != want {
			t.Errorf("%s is %q in the copy, want %q", name, got, want)
		}
	}
	if err := look.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(to)
	if err != nil || !slices.Equal(before, after) || len(filesIn(t, filepath.Dir(to))) != 1 {
		t.Errorf("looking at the copy changed it, or left %q: %v", filesIn(t, filepath.Dir(to)), err)
	}
	if value(t, s, "replaced") != "before" || value(t, s, "added") != "" {
		t.Error("copying changed the source")
	}
	again, err := sqlite.Open(t.Context(), to, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, again)
	if err := again.Update(t.Context(), set("n", "v")); err != nil {
		t.Errorf("a store on the copy: %v", err)
	}
}

// TestACopyOfWhatACrashHasLeft: what stands in the log only is in the copy too.
func TestACopyOfWhatACrashHasLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := create(t, filepath.Join(dir, "hongbao.db"))
	if err := s.Update(t.Context(), set("n", "v")); err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if _, err := sqlite.Copy(t.Context(), filepath.Join(crashed, "hongbao.db"), to, none); err != nil {
		t.Fatal(err)
	}
	look, err := sqlite.OpenReadOnly(t.Context(), to, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, look)
	if value(t, look, "n") != "v" {
		t.Error("a commit in the log is missing")
	}
}

func TestWhatIsNotCopied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "hongbao.db")
	create(t, path)
	newer, text, there := filepath.Join(dir, "newer.db"), filepath.Join(dir, "text"), filepath.Join(dir, "there")
	if _, err := sqlite.Copy(t.Context(), path, newer, none); err != nil {
		t.Fatal(err)
	}
	column(t, raw(t, newer), "INSERT INTO migrations (version_id, is_applied) VALUES (99999, 1) RETURNING 1")
	for _, name := range []string{text, there} {
		if err := os.WriteFile(name, []byte("a text that is no database, whatever its length may be"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	ending, end := context.WithCancel(t.Context())
	defer end()
	target := t.TempDir()
	for name, c := range map[string]struct {
		ctx      context.Context
		from, to string
		is       error
		says     string
	}{
		"a file that is not there":     {t.Context(), filepath.Join(dir, "none"), filepath.Join(target, "1"), fs.ErrNotExist, ""},
		"a file that is no database":   {t.Context(), text, filepath.Join(target, "2"), nil, "not a hongbao database"},
		"a newer program's database":   {t.Context(), newer, filepath.Join(target, "3"), nil, "use the newer program"},
		"onto a file that is there":    {t.Context(), path, there, fs.ErrExist, ""},
		"into a folder that is not":    {t.Context(), path, filepath.Join(target, "no", "4"), fs.ErrNotExist, ""},
		"what nobody wants any longer": {over, path, filepath.Join(target, "5"), context.Canceled, ""},
		"what is stopped half-way":     {ending, path, filepath.Join(target, "6"), context.Canceled, ""},
	} {
		_, err := sqlite.Copy(c.ctx, c.from, c.to, func() map[string]string {
			end()
			return map[string]string{"n": "v"}
		})
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := filesIn(t, target); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if got, err := os.ReadFile(there); err != nil || !strings.HasPrefix(string(got), "a text") {
		t.Errorf("a file was overwritten: %v", err)
	}
}
