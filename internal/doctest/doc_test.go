// Package doctest_test runs the documentation. Each fenced block of a README or
// of docs/ that is tagged go, sh, toml or xml has to hold:
//
//	go     compiles against the SDK, as in a program of somebody else
//	sh     bash runs it without an error: the blocks of a page are one script, in
//	       a temporary folder, with a fresh hongbao in PATH
//	toml   parses
//	xml    parses
//
// A block that cannot stand alone says so in an HTML comment right above it,
// which readers of the page do not see:
//
//	<!-- within: … -->          go: the program around the block, which takes the
//	                            place of its line SNIPPET
//	<!-- runs until: TEXT -->   sh: a server. The script goes on when a line with
//	                            TEXT has appeared, and ends the server when it ends
//	<!-- covered by: FILE -->   sh: FILE is a test that holds every line of the block
//	<!-- installs -->           sh: nothing but lines that install packages
//
// There is no way to say that such a block is not checked, and every block has a
// tag: text, if it is none of these. Both READMEs show the same blocks in the same
// order; only the remarks in them differ.
package doctest_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/BurntSushi/toml"
)

const (
	root     = "../.."
	patience = 5 * time.Minute // for one page's script, or one build
)

// A snippet is one fenced block.
type snippet struct {
	at          string // file:line of its first line
	kind, about string // the comment above it, "kind: about"
	lang, code  string
}

var (
	block        = regexp.MustCompile("(?ms)^(?:<!-- ((?:[^-]|-[^-]|--[^>])*?) ?-->\n)?[ \t]*```(\\w*)[^\n]*\n(.*?)^[ \t]*```$")
	fence        = regexp.MustCompile("(?m)^[ \t]*```")
	remark       = regexp.MustCompile(`(?m)(^|\s)(#|//).*$`)
	installation = regexp.MustCompile(`^(sudo )?((apt|apt-get|dpkg) (update|install|-i)|go install)\b`)
	tests        = regexp.MustCompile(`(_test\.go|\.txtar|\.ci/run)$`)
)

func TestBothReadmesShowTheSame(t *testing.T) {
	t.Parallel()
	pages := read(t)
	english, chinese := pages["README.md"], pages["README.zh-CN.md"]
	if len(english) == 0 || len(english) != len(chinese) {
		t.Fatalf("README.md shows %d blocks, README.zh-CN.md %d", len(english), len(chinese))
	}
	for i, e := range english {
		c := chinese[i]
		if e.lang != c.lang || e.kind != c.kind || e.lang != "text" && !slices.Equal(lines(e.code), lines(c.code)) {
			t.Errorf("%s and %s differ", e.at, c.at)
		}
	}
}

func TestSnippets(t *testing.T) {
	t.Parallel()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	run(t, root, "go", "build", "-buildvcs=false", "-o", bin, "./cmd/hongbao")
	// A module of its own does not reach what is internal to this one.
	programs := fstest.MapFS{"go.mod": {Data: []byte("module snippets\n\nrequire hongbao.example/hongbao v0.0.0\n\nreplace hongbao.example/hongbao => " + top)}}
	pages := read(t)
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		script := fmt.Sprintf("PATH=%s:$PATH HOME=$PWD\ntrap 'trap : TERM; kill 0' EXIT\nset -x\n", bin)
		for _, s := range pages[page] {
			var err error
			switch s.lang {
			case "go":
				programs[fmt.Sprintf("snippet%d/snippet.go", len(programs))] = &fstest.MapFile{Data: []byte(s.program())}
			case "sh":
				var part string
				part, err = s.script()
				script += fmt.Sprintf(": %s\n%s\n", s.at, part)
			case "toml":
				_, err = toml.Decode(s.code, &map[string]any{})
			case "xml":
				err = xml.Unmarshal([]byte(s.code), &struct{}{})
			case "", "bash", "shell", "zsh", "console", "golang":
				err = fmt.Errorf("tagged %q: say sh or go, so that it is run, or text", s.lang)
			}
			if err != nil {
				t.Errorf("%s: %v", s.at, err)
			}
		}
		run(t, t.TempDir(), "bash", "-euo", "pipefail", "-c", script)
	}
	if dir := t.TempDir(); len(programs) > 1 {
		if err := os.CopyFS(dir, programs); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "go", "vet", "-mod=mod", "./...")
	}
}

// read returns the blocks of every page, by file. It walks the whole tree, so
// that the test cache notices when any source has changed.
func read(t *testing.T) map[string][]snippet {
	t.Helper()
	pages := map[string][]snippet{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".md") || !strings.HasPrefix(name, "docs/") && !strings.HasPrefix(name, "README"):
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		found := block.FindAllSubmatchIndex(text, -1)
		if fences := len(fence.FindAll(text, -1)); fences != 2*len(found) {
			return fmt.Errorf("%s: %d fences make %d blocks", name, fences, len(found))
		}
		for _, m := range found {
			group := func(i int) string { return string(text[max(m[2*i], 0):max(m[2*i+1], 0)]) }
			kind, about, _ := strings.Cut(group(1), ":")
			at := fmt.Sprintf("%s:%d", name, 1+strings.Count(string(text[:m[6]]), "\n"))
			pages[name] = append(pages[name], snippet{at, kind, strings.TrimSpace(about), group(2), group(3)})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// program completes a block of Go; what is wrong with it is reported at the
// block's own line.
func (s snippet) program() string {
	code := fmt.Sprintf("//line %s\n%s", s.at, s.code)
	if s.kind == "within" {
		code = strings.Replace("\n"+s.about+"\n", "\nSNIPPET\n", "\n"+code, 1)
	}
	if !regexp.MustCompile(`(?m)^package `).MatchString(code) {
		code = "package snippet\n" + code
	}
	return code
}

// script is what a block adds to the script of its page.
func (s snippet) script() (string, error) {
	switch s.kind {
	case "":
		return s.code, nil
	case "runs until":
		return fmt.Sprintf("exec {out}< <({ %s\n} 2>&1 | tee /dev/stderr)\ngrep -q -- '%s' <&$out\ncat <&$out >/dev/null &", s.code, s.about), nil
	case "installs":
		for _, line := range lines(s.code) {
			if !installation.MatchString(line) {
				return "", fmt.Errorf("%q does not install a package", line)
			}
		}
		return "", nil
	case "covered by":
		text, err := os.ReadFile(filepath.Join(root, s.about))
		for _, line := range lines(s.code) {
			if err == nil && (!tests.MatchString(s.about) || !strings.Contains(string(text), line)) {
				err = fmt.Errorf("%s is not a test that holds %q", s.about, line)
			}
		}
		return "", err
	default:
		return "", fmt.Errorf("no rule is called %q", s.kind)
	}
}

// lines returns the lines of a block that do something.
func lines(code string) []string {
	all := strings.Split(remark.ReplaceAllString(code, ""), "\n")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return slices.DeleteFunc(all, func(l string) bool { return l == "" })
}

// run runs a command to its end, which must be a good one. It stands in a process
// group of its own, which its end may signal as a whole.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second // longer than a server takes to end
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}
