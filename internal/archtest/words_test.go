package archtest_test

import (
	"go/ast"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unfinished matches the marks by which people leave work to others. It is put
// together here so that this file does not match itself.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	t.Parallel()
	names, err := find(".go", ".sql", ".html", ".css", ".js", ".sh", "Makefile", ".yml", ".toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if mark := unfinished.FindString(line); mark != "" {
				t.Errorf("%s:%d: %s", name, n+1, mark)
			}
		}
	}
}

// TestTestsNeitherSleepNorSkip: a test that sleeps is slow where it is not
// flaky, and one that skips proves nothing where it matters. In a bubble of
// testing/synctest, time is not real and sleeping is how it passes.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		for _, c := range calls(s.ast, "time", "Sleep") {
			if !inside(calls(s.ast, "synctest", "Test"), c) {
				t.Errorf("%s:%d: a test may not sleep", s.name, s.line(c.Pos()))
			}
		}
		for _, receiver := range []string{"t", "b", "f", "tb"} {
			for _, c := range calls(s.ast, receiver, "Skip", "Skipf", "SkipNow") {
				t.Errorf("%s:%d: a test may not skip", s.name, s.line(c.Pos()))
			}
		}
	}
}

// calls returns the calls of receiver.name in a file, for any of the names.
func calls(file *ast.File, receiver string, names ...string) (found []*ast.CallExpr) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == receiver && slices.Contains(names, sel.Sel.Name) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// inside tells whether c lies in one of the outer calls.
func inside(outer []*ast.CallExpr, c *ast.CallExpr) bool {
	return slices.ContainsFunc(outer, func(o *ast.CallExpr) bool { return o.Pos() <= c.Pos() && c.End() <= o.End() })
}
