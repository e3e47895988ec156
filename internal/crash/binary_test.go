package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// root is the top of the repository.
const root = "../.."

// patience bounds every wait for something that must come. Machines may be busy.
const patience = 2 * time.Minute

// tools is where the binary is built, until TestMain removes it.
var tools string

func TestMain(m *testing.M) {
	var err error
	if tools, err = os.MkdirTemp("", "hongbao-crash-bin-"); err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(tools)
	os.Exit(status)
}

// build builds the binary as users do, once.
var build = sync.OnceValues(func() (bin string, err error) {
	if err := look(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	bin = filepath.Join(tools, "hongbao")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", bin, "./cmd/hongbao")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// look looks at every source, so that the test cache knows what the binary is
// made of.
func look() error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		_, err = os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) { // somebody's temporary file
			return nil
		}
		return err
	})
}

// binary is the path of the binary.
func binary(t *testing.T) string {
	t.Helper()
	bin, err := build()
	must(t, err)
	return bin
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
