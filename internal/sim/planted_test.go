package sim_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var plantedFlag = flag.Int("planted", 0, "how many lives it may take to find each planted bug; 0: they are not looked for")

// A plant is a bug on purpose: a file of testdata/planted. Its first line says what is
// wrong. Then come, for each file of the product that is changed, its name and pieces
// of its text, each of which stands there once, as a patch has them. The product knows
// nothing of it: the go command is told to read other files in place of its own.
type plant struct {
	name, says string
	edits      []edit
}

// edit is one change of a file below internal.
type edit struct{ file, was, is string }

// texts are files of the product by their absolute names, with what was changed in them.
type texts map[string][]byte

func plants(t *testing.T) (all []plant) {
	t.Helper()
	names, err := filepath.Glob("testdata/planted/*.patch")
	if err != nil || len(names) == 0 {
		t.Fatalf("no bugs to plant: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p := plant{name: strings.TrimSuffix(filepath.Base(name), ".patch"), edits: edits(string(text))}
		p.says, _, _ = strings.Cut(string(text), "\n")
		if p.says == "" || len(p.edits) == 0 {
			t.Fatalf("%s says %q and changes %d places", name, p.says, len(p.edits))
		}
		all = append(all, p)
	}
	return all
}

func edits(patch string) (all []edit) {
	file := ""
	for line := range strings.Lines(patch) {
		switch {
		case strings.HasPrefix(line, "--- "):
			file = strings.TrimSpace(line[4:])
			continue
		case strings.HasPrefix(line, "@@"):
			all = append(all, edit{file: file})
			continue
		case len(all) == 0:
			continue
		}
		e := &all[len(all)-1]
		switch line[0] {
		case '-':
			e.was += line[1:]
		case '+':
			e.is += line[1:]
		case ' ':
			e.was, e.is = e.was+line[1:], e.is+line[1:]
		}
	}
	return all
}

// in plants the bug in texts, or says which text is not there, or not once.
func (p *plant) in(all texts) error {
	changed := make(texts)
	for _, e := range p.edits {
		file, err := filepath.Abs(filepath.Join("..", e.file))
		if err != nil {
			return err
		}
		text, ok := changed[file]
		if !ok {
			text, ok = all[file]
		}
		if !ok {
			if text, err = os.ReadFile(file); err != nil {
				return err
			}
		}
		if n := bytes.Count(text, []byte(e.was)); n != 1 {
			return fmt.Errorf("%s has %d times the text:\n%s", e.file, n, e.was)
		}
		changed[file] = bytes.Replace(text, []byte(e.was), []byte(e.is), 1)
	}
	for file, text := range changed {
		all[file] = text
	}
	return nil
}

// overlay writes texts to files, and the list of them that the go command takes.
func (all texts) overlay(t *testing.T) (list string) {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	write := func(name string, text []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for file, text := range all {
		replace[file] = write(fmt.Sprintf("%d.go", len(replace)), text)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return write("overlay.json", text)
}

// TestPlantedBugsCompile keeps testdata/planted from growing old: each bug can be
// planted in the product as it is, and compiles, as many at a time as leave each other
// their texts.
func TestPlantedBugsCompile(t *testing.T) {
	t.Parallel()
	var together []texts
	for _, p := range plants(t) {
		if err := p.in(make(texts)); err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		planted := false
		for i := 0; i < len(together) && !planted; i++ {
			planted = p.in(together[i]) == nil
		}
		if !planted {
			together = append(together, make(texts))
			_ = p.in(together[len(together)-1]) // it went in before
		}
	}
	for _, all := range together {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", all.overlay(t), "../engine", "../payout").CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestPlantedBugsAreFound plants one bug after the other, and lives until it is found.
func TestPlantedBugsAreFound(t *testing.T) {
	t.Parallel()
	if *plantedFlag == 0 {
		return
	}
	for _, p := range plants(t) {
		t.Run(p.name, func(t *testing.T) {
			all := make(texts)
			if err := p.in(all); err != nil {
				t.Fatal(err)
			}
			binary := filepath.Join(t.TempDir(), "sim.test")
			if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", all.overlay(t), "-o", binary, ".").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), binary, "-test.run", "^TestLives$", "-seeds", strconv.Itoa(*plantedFlag)).CombinedOutput()
			found := regexp.MustCompile(`(?m)^\s*seed (\d+): (.{0,100})`).FindSubmatch(out)
			if err == nil || found == nil {
				t.Fatalf("%s It is not found in %d lives: %v\n%s", p.says, *plantedFlag, err, out)
			}
			seed, err := strconv.Atoi(string(found[1]))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s Found after %d lives: %s", p.says, seed+1, found[2])
		})
	}
}
