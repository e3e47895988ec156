// Package archtest_test holds the rules of this repository that no compiler and
// no linter knows: which package may import which, how large things may grow,
// and that what the comments cite exists.
//
// It reads the sources itself. A test that asked the go command would pass from
// the test cache with a violation planted: the cache re-runs a test only when a
// file changes that the test process has opened.
//
//	layers_test.go   the import table
//	size_test.go     length of functions and files
//	words_test.go    what the text of a source may not say
//	docs_test.go     citations, links, the reasons for dependencies
//	released_test.go migrations that are no longer ours to change
package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
)

// root is the top of the repository.
var root = os.DirFS("../..")

// A source is one Go file of this module, parsed with its comments.
type source struct {
	name string // slash-separated, from the top of the repository
	text string
	fset *token.FileSet
	ast  *ast.File
}

// test tells whether s is compiled into tests only.
func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// line is the line of s on which pos lies.
func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

var load = sync.OnceValues(func() (all []source, err error) {
	names, err := find(".go")
	for _, name := range names {
		s := source{name: name, fset: token.NewFileSet()}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, err
		}
		s.text = string(text)
		if s.ast, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, err
})

// sources returns every Go file of this module.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no sources found")
	}
	return all
}

// find returns the files of this module whose names end in one of the suffixes.
// It enters neither hidden folders nor testdata, nor another module.
func find(suffixes ...string) (names []string, err error) {
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" || exists(path.Join(name, "go.mod"))) {
				return fs.SkipDir
			}
			return nil
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(name, suffix) {
				names = append(names, name)
			}
		}
		return nil
	})
	return names, err
}

func exists(name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}
