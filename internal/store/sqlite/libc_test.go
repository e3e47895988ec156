package sqlite_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestLibcIsTheDriversOwn pins the C library below the driver: the two are made for
// each other, and an upgrade of one alone corrupts memory.
func TestLibcIsTheDriversOwn(t *testing.T) {
	t.Parallel()
	path, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite").Output()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := libc(t, "../../../go.mod"), libc(t, strings.TrimSpace(string(path)))
	if ours != theirs {
		t.Errorf("modernc.org/libc %s is required, the driver was released with %s", ours, theirs)
	}
}

// libc reads which version of modernc.org/libc a module requires.
func libc(t *testing.T, goMod string) string {
	t.Helper()
	text, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s requires no modernc.org/libc", goMod)
	}
	return string(m[1])
}
