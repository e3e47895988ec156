package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
)

// damage is something done to the sample behind the store's back, and all that the
// audit must find, as "invariant row".
type damage struct {
	what   string
	sql    string
	forged bool // digests, hashes and the heads' hashes were made to fit again
	deep   bool
	want   []string
}

// Each damage breaks as few invariants as the tables allow: what several count is
// missed by each of them.
var damages = slices.Concat(booksDamaged, claimsDamaged, restDamaged)

func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for _, d := range damages {
		t.Run(d.what, func(t *testing.T) {
			t.Parallel()
			path := copyOfSample(t)
			tamper(t, path, d.sql)
			s := open(t, path)
			if d.forged {
				forge(t, s, path)
			}
			got, err := audit.Run(t.Context(), s, keys, audit.Options{Deep: d.deep})
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(sample.names.Replace(strings.Join(d.want, "\n")), "\n")
			if diff := cmp.Diff(want, rows(got)); diff != "" {
				t.Errorf("found (+) other than wanted (-):\n%s\n%+v", diff, got.Findings)
			}
		})
	}
}

func TestEveryInvariantIsBrokenBySomeDamage(t *testing.T) {
	t.Parallel()
	for _, name := range audit.Invariants() {
		finds := func(line string) bool { return strings.HasPrefix(line, name+" ") }
		if !slices.ContainsFunc(damages, func(d damage) bool { return slices.ContainsFunc(d.want, finds) }) {
			t.Errorf("no damage shows what %s finds", name)
		}
	}
}
