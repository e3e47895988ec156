package main

import (
	"strings"
	"testing"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/hongbaotest"
)

func TestEveryOutcomeIsTold(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	conf := s.Config()
	conf.Retry.TriesMax = 1
	client, err := hongbao.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fault hongbaotest.Fault
		want  string
	}{
		{hongbaotest.Fault{Code: "NOTENOUGH"}, "refused, nothing was sent: NOTENOUGH"},
		{hongbaotest.Fault{Lost: true}, "unknown: run this again"},
		{hongbaotest.Fault{}, "done: give this link to oSeed: " + s.URL + "/p/"},
	} {
		s.Next(c.fault)
		if got := send(t.Context(), client, "B1", "oSeed"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if s.Balance() != hongbaotest.Balance-1000 {
		t.Errorf("%d fen are left", s.Balance())
	}
}
