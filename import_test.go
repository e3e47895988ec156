package hongbao_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTheClientNeedsNothingElse: who imports this package gets the standard library
// and one more package of ours, whatever else the module needs.
func TestTheClientNeedsNothingElse(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, pattern := range []string{"*.go", "internal/wire/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			checked++
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				first, _, _ := strings.Cut(name, "/")
				if strings.Contains(first, ".") && (name != "hongbao.example/hongbao/internal/wire" || pattern != "*.go") {
					t.Errorf("%s imports %s", file, name)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d files were looked at", checked)
	}
}
