package archtest_test

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the dependency graph of this module. A row is a package and what its
// non-test files may import beyond the standard library; a package stands below
// all that it imports, so arrows point up this page and down the design. A new
// row or a new arrow is a design decision, and here is where it is made.
//
// Packages of this module are named without internal/; a name ending in /... is
// every package below a folder. "pure" is a package through which no program
// meets the world. "*" is everything.
const layers = `
money              pure
fault              pure
split              pure money fault
ledger             pure money
packet             pure money fault split ledger
link               pure fault
wire               pure
wire/explain       pure wire golang.org/x/text
.                  wire

pki                software.sslmate.com/src/go-pkcs12
vault              packet
store              money fault ledger packet
store/table        money split ledger packet store
store/sqlite       fault ledger packet store store/table modernc.org/sqlite github.com/pressly/goose/v3
store/postgres     fault ledger packet store store/table github.com/jackc/pgx/v5 github.com/pressly/goose/v3
store/storetest    money fault split ledger packet store github.com/google/go-cmp

engine             money fault split ledger packet link vault store
identity           fault packet github.com/golang-jwt/jwt/v5
payout             money fault packet vault store engine
payout/payouttest  money packet payout
audit              money fault split ledger packet link vault store
config             split packet github.com/BurntSushi/toml

server/throttle    golang.org/x/time
server/v2          money fault packet wire wire/explain pki store engine server/throttle
server/claim       money fault packet link engine identity payout server/throttle rsc.io/qr
server/ops         engine payout github.com/prometheus/client_golang
server             fault split packet vault store store/sqlite store/postgres engine payout config server/throttle server/v2 server/claim server/ops

pgtest             github.com/jackc/pgx/v5
storebed           store store/sqlite store/postgres pgtest github.com/jackc/pgx/v5
sim
hongbaotest        money fault packet wire . vault store store/storetest engine server/v2 server/claim
examples/...       *
cmd/hongbao        *
bench/...          *
`

// impure are the packages through which a program meets the world, or waits.
// Each stands for those below it too, but for the harmless ones.
var impure = []string{
	"context", "crypto/rand", "database/sql", "io/fs", "io/ioutil", "log", "math/rand", "net", "os",
	"plugin", "runtime", "sync", "syscall", "testing", "unsafe",
}

// harmless packages only take text apart.
var harmless = []string{"net/netip", "net/url"}

// only says which one package, with those below it, may import a package that is a
// hazard elsewhere.
var only = map[string]string{
	"crypto/md5": "wire", // the signature of a protocol from 2014, and nothing else
}

const module = "hongbao.example/hongbao"

// A layer is one row of the table.
type layer struct {
	name string
	pure bool
	may  []string
	used map[string]bool // the entries of may that some file needs; "" if there is a file
}

// table reads layers, in order.
func table() (rows []*layer) {
	for line := range strings.Lines(layers) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		l := &layer{name: f[0], may: f[1:], used: map[string]bool{}}
		if len(l.may) > 0 && l.may[0] == "pure" {
			l.pure, l.may = true, l.may[1:]
		}
		rows = append(rows, l)
	}
	return rows
}

// row finds the row of a package by its name in the table.
func row(rows []*layer, name string) *layer {
	for _, l := range rows {
		folder, subtree := strings.CutSuffix(l.name, "/...")
		if l.name == name || subtree && (name == folder || strings.HasPrefix(name, folder+"/")) {
			return l
		}
	}
	return nil
}

// covers returns the entry of the row that allows an import, if one does.
func (l *layer) covers(imp string) (entry string, ok bool) {
	for _, m := range l.may {
		if m == "*" || m == imp || external(m) && strings.HasPrefix(imp, m+"/") {
			return m, true
		}
	}
	return "", false
}

// external tells the packages of other modules: their first element is a host.
func external(name string) bool {
	host, _, _ := strings.Cut(name, "/")
	return host != "." && strings.Contains(host, ".")
}

// short is the name that a package of this module has in the table.
func short(folder string) string { return strings.TrimPrefix(folder, "internal/") }

// imports returns what s imports: of the standard library by its path, else by
// the name that the table has for it.
func (s source) imports(t *testing.T) (std, other []string) {
	t.Helper()
	for _, spec := range s.ast.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		local, isLocal := strings.CutPrefix(imp, module+"/")
		switch {
		case imp == module:
			other = append(other, ".")
		case isLocal:
			other = append(other, short(local))
		case external(imp):
			other = append(other, imp)
		default:
			std = append(std, imp)
		}
	}
	return std, other
}

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	rows := table()
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		name := short(path.Dir(s.name))
		l := row(rows, name)
		if l == nil {
			t.Errorf("%s: package %s has no row in internal/archtest/layers_test.go", s.name, name)
			continue
		}
		std, other := s.imports(t)
		for _, imp := range other {
			if _, ok := l.covers(imp); !ok {
				t.Errorf("%s: the arrow %s → %s is not in internal/archtest/layers_test.go", s.name, l.name, imp)
			}
		}
		for _, imp := range std {
			if owner, ok := only[imp]; ok && owner != l.name && !strings.HasPrefix(l.name, owner+"/") {
				t.Errorf("%s: imports %s, which only %s may", s.name, imp, owner)
			}
			meets := func(w string) bool { return imp == w || strings.HasPrefix(imp, w+"/") }
			if l.pure && slices.ContainsFunc(impure, meets) && !slices.Contains(harmless, imp) {
				t.Errorf("%s: imports %s, but %s is pure", s.name, imp, l.name)
			}
		}
	}
}

func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	rows := table()
	for i, l := range rows {
		if slices.ContainsFunc(rows[:i], func(o *layer) bool { return o.name == l.name }) {
			t.Errorf("%s has two rows", l.name)
		}
		for _, m := range l.may {
			if m != "*" && !external(m) && row(rows[:i], m) == nil {
				t.Errorf("%s → %s does not point down: no row of that name stands before", l.name, m)
			}
		}
	}
}

func TestTableHasNothingUnused(t *testing.T) {
	t.Parallel()
	rows := table()
	for _, s := range sources(t) {
		l := row(rows, short(path.Dir(s.name)))
		if s.test() || l == nil {
			continue
		}
		l.used[""] = true
		_, other := s.imports(t)
		for _, imp := range other {
			if m, ok := l.covers(imp); ok {
				l.used[m] = true
			}
		}
	}
	for _, l := range rows {
		if !l.used[""] {
			t.Errorf("the row %s has no package: delete it", l.name)
			continue
		}
		for _, m := range l.may {
			if m != "*" && !l.used[m] {
				t.Errorf("the arrow %s → %s is drawn but not used: delete it", l.name, m)
			}
		}
	}
}
