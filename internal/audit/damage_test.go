package audit_test

import (
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/audit"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/storebed"
)

// damage is something done to the sample behind the store's back, and all that the
// audit must find, as "invariant row".
type damage struct {
	what     string
	sql      string
	postgres string // what PostgreSQL is told instead, where it forbids that; "": the same
	forged   bool   // digests, hashes and the heads' hashes were made to fit again
	deep     bool
	want     []string
}

// Each damage breaks as few invariants as the tables allow: what several count is
// missed by each of them.
var damages = slices.Concat(booksDamaged, claimsDamaged, restDamaged)

// alters tells SQL that is of no use for a database that is to be used again.
var alters = regexp.MustCompile(`\b(ALTER|CREATE|DROP)\b`)

func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for _, engine := range storebed.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			m := sampleOn(t, engine)
			beds := make(chan *storebed.Bed, runtime.GOMAXPROCS(0))
			for range cap(beds) {
				beds <- engine.New(t)
			}
			for _, d := range damages {
				if engine == storebed.OnPostgres && d.postgres != "" {
					d.sql = d.postgres
				}
				t.Run(d.what, func(t *testing.T) {
					t.Parallel()
					l := &lab{T: t, image: m}
					if alters.MatchString(d.sql) {
						l.Bed = engine.New(t)
					} else {
						l.Bed = <-beds
						t.Cleanup(func() { beds <- l.Bed })
					}
					l.Load(t, l.all)
					l.isNamed(&d)
				})
			}
		})
	}
}

// isNamed does a damage and compares what the audit finds.
func (l *lab) isNamed(d *damage) {
	l.Helper()
	l.tamper(d.sql)
	var got audit.Report
	l.Look(l, func(s store.Store) {
		if d.forged {
			l.forge(s)
		}
		var err error
		if got, err = audit.Run(l.Context(), s, keys, audit.Options{Deep: d.deep}); err != nil {
			l.Error(err)
		}
	})
	want := strings.Split(l.names.Replace(strings.Join(d.want, "\n")), "\n")
	if diff := cmp.Diff(want, rows(got)); diff != "" {
		l.Errorf("found (+) other than wanted (-):\n%s\n%+v", diff, got.Findings)
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
