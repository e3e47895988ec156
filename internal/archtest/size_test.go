package archtest_test

import (
	"go/ast"
	"strings"
	"testing"
)

// What a reader can hold: a function fits on a screen, a file is one subject.
const (
	functionLinesMax = 70
	fileLinesMax     = 500
)

func TestNothingGrowsTooLong(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if n := strings.Count(s.text, "\n"); n > fileLinesMax {
			t.Errorf("%s: %d lines, over %d", s.name, n, fileLinesMax)
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > functionLinesMax {
				t.Errorf("%s:%d: %s is %d lines long, over %d", s.name, s.line(f.Pos()), f.Name.Name, n, functionLinesMax)
			}
		}
	}
}
