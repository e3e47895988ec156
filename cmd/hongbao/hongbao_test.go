// Package main_test runs the binary as its users do. testdata/script has a script
// for each verb; see the documentation of testscript for their language and
// script_test.go for the commands added to it.
package main_test

import (
	"flag"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/testscript"

	main "hongbao.example/hongbao/cmd/hongbao"
	"hongbao.example/hongbao/internal/fault"
)

// update rewrites what the scripts compare output with.
var update = flag.Bool("update", false, "rewrite the texts in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hongbao": main.Main, "look": look})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	example, err := filepath.Abs("../../internal/config/example.toml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "start": start, "term": term, "eventually": eventually, "claim": claim, "post": post, "sql": rewriteRows, "schema": schema(t),
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("EXAMPLE", example)
			e.Setenv("FREE", freeAddress(t))
			e.Setenv("OPS", freeAddress(t))
			e.Setenv("GORACE", "atexit_sleep_ms=0") // each of some hundred processes would wait a second for races
			return nil
		},
	})
}

func TestEveryFaultHasAnExitStatus(t *testing.T) {
	t.Parallel()
	for _, c := range fault.Codes() {
		if s, ok := main.Exits[c]; !ok || s < 1 || s > 3 {
			t.Errorf("%s: exit status %d, %t", c, s, ok)
		}
	}
}

// A folder whose configuration has arrived is taken for complete.
func TestTheConfigurationArrivesLast(t *testing.T) {
	t.Parallel()
	files, err := fstest.MapFS{"hongbao.toml": {}, "42.key": {}, "instance.key": {}, "zz": {}, "hongbao.db": {}}.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(files, main.ByArrival)
	if last := files[len(files)-1].Name(); last != "hongbao.toml" {
		t.Errorf("%s arrives last", last)
	}
}
