package main

import (
	"maps"
	"strings"
	"testing"

	"hongbao.example/hongbao/hongbaotest"
)

func TestEverybodyGetsOnePacket(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	s.Next(hongbaotest.Fault{Code: "NOTENOUGH"}) // for one of them
	people := []string{"oOne", "oTwo", "oThree"}
	links := map[string]string{}
	sent := func(openid, link string) { links[openid] = link }
	err := sendAll(t.Context(), s.Client(), "20261124", people, sent)
	if err == nil || !strings.Contains(err.Error(), "refused: hongbao: sendgroupredpack: NOTENOUGH") || len(links) != 2 {
		t.Fatalf("%v, %v", err, links)
	}
	before := maps.Clone(links)
	if err := sendAll(t.Context(), s.Client(), "20261124", people, sent); err != nil || len(links) != 3 {
		t.Fatalf("%v, %v", err, links)
	}
	for openid, link := range before {
		if links[openid] != link {
			t.Errorf("%s gets the link %s, then %s", openid, link, links[openid])
		}
	}
	if s.Balance() != hongbaotest.Balance-3000 {
		t.Errorf("%d fen are left", s.Balance())
	}
}
