package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/hongbaotest"
)

// folder makes a folder of orders; each text is one of them.
func folder(t *testing.T, orders map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range orders {
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestAJobThatIsCutOffIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	conf := s.Config()
	conf.Retry.TriesMax = 1
	dir := folder(t, map[string]string{
		"B1": `{"openid": "oOne", "amount": 1000, "num": 5}`,
		"B2": `{"openid": "oTwo", "amount": 1000, "num": 2}`, // too few shares
		"B3": `{"openid": "oThree", "amount": 2000, "num": 4}`,
	})
	for _, run1 := range []struct {
		fault   hongbaotest.Fault
		outcome hongbao.Outcome
		left    []string
		spent   int64
	}{
		{hongbaotest.Fault{Lost: true}, hongbao.Unknown, []string{"B1.json", "B2.json", "B3.json"}, 1000},
		{hongbaotest.Fault{Status: 502}, hongbao.Unknown, []string{"B1.json", "B2.json", "B3.json"}, 1000},
		{hongbaotest.Fault{}, hongbao.Done, []string{"B1.done", "B2.refused", "B3.done"}, 3000},
		{hongbaotest.Fault{}, hongbao.Done, []string{"B1.done", "B2.refused", "B3.done"}, 3000},
	} {
		s.Next(run1.fault)
		if err := run(t.Context(), conf, dir); hongbao.OutcomeOf(err) != run1.outcome {
			t.Errorf("%v, want %v", err, run1.outcome)
		}
		if left := names(t, dir); !slices.Equal(left, run1.left) || hongbaotest.Balance-s.Balance() != run1.spent {
			t.Errorf("left %v, want %v; spent %d, want %d", left, run1.left, hongbaotest.Balance-s.Balance(), run1.spent)
		}
	}
}

func TestAnOrderThatCannotBeReadStopsTheJob(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	dir := folder(t, map[string]string{"B1": `{"openid":`})
	if err := run(t.Context(), s.Config(), dir); err == nil || len(s.Requests()) != 0 {
		t.Errorf("%v, %d requests", err, len(s.Requests()))
	}
}
