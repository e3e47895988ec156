package archtest_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var (
	citation = regexp.MustCompile(`\bdocs/[\w./-]+\.md(#[\p{L}\p{N}_-]+)?`)
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	anchorID = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	inCode   = regexp.MustCompile("`[^`]*`")
)

func TestCitedPassagesExist(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, group := range s.ast.Comments {
			for _, cited := range citation.FindAllString(group.Text(), -1) {
				if err := passage(cited); err != nil {
					t.Errorf("%s:%d: cites %s: %v", s.name, s.line(group.Pos()), cited, err)
				}
			}
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	names, err := find(".md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := prose(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(inCode.ReplaceAllString(text, ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil || u.Host != "" || u.Scheme != "" {
				continue // not ours to look after
			}
			target := name
			if u.Path != "" {
				target = path.Join(path.Dir(name), u.Path)
			}
			if u.Fragment != "" {
				target += "#" + u.Fragment
			}
			if err := passage(target); err != nil {
				t.Errorf("%s: links to %s: %v", name, m[1], err)
			}
		}
	}
}

// passage tells whether target, a path with or without an anchor, exists.
func passage(target string) error {
	name, anchor, ok := strings.Cut(target, "#")
	if !exists(name) {
		return fmt.Errorf("no such file")
	}
	if !ok {
		return nil
	}
	text, err := prose(name)
	if err != nil {
		return err
	}
	if !anchors(text)[anchor] {
		return fmt.Errorf("no heading or <a id> makes this anchor")
	}
	return nil
}

// prose reads a Markdown file without its fenced blocks.
func prose(name string) (string, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fenced := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		} else if !fenced {
			out.WriteString(line)
		}
	}
	return out.String(), nil
}

// anchors returns the anchors of a Markdown text: those it names itself, and for
// each heading the one that a forge makes of it (lower case, blanks to hyphens,
// punctuation dropped, repeats numbered).
func anchors(text string) map[string]bool {
	found, times := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(text) {
		for _, m := range anchorID.FindAllStringSubmatch(line, -1) {
			found[m[1]] = true
		}
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		a := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r) || unicode.IsNumber(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, strings.TrimSpace(title))
		if n := times[a]; n > 0 {
			found[a+"-"+strconv.Itoa(n)] = true
		}
		times[a]++
		found[a] = true
	}
	return found
}

// TestEveryDependencyHasItsReason compares docs/dependencies.md with what the
// sources import, tests included.
func TestEveryDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	text, err := prose("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1) {
		used[m[1]] = false
	}
	for _, s := range sources(t) {
		_, other := s.imports(t)
		for _, imp := range other {
			if !external(imp) {
				continue
			}
			if mod := moduleOf(used, imp); mod != "" {
				used[mod] = true
			} else {
				t.Errorf("%s: imports %s, which has no row in docs/dependencies.md", s.name, imp)
			}
		}
	}
	for mod, is := range used {
		if !is {
			t.Errorf("docs/dependencies.md: nothing imports %s: delete its row", mod)
		}
	}
}

// moduleOf returns the module of the set to which a package belongs, or "".
func moduleOf(modules map[string]bool, pkg string) string {
	for mod := range modules {
		if pkg == mod || strings.HasPrefix(pkg, mod+"/") {
			return mod
		}
	}
	return ""
}
