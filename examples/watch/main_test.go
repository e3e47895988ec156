package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/hongbaotest"
)

func send(t *testing.T, s *hongbaotest.Server) {
	t.Helper()
	_, err := s.Client().SendGroupRedPack(t.Context(), hongbao.GroupRedPack{
		MchBillNo: "B1", WxAppID: hongbaotest.AppID, SendName: "巷口茶铺", ReOpenID: "oSeed", TotalAmount: 1000, TotalNum: 3,
		Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClaimsAreToldAsTheyCome(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	send(t, s)
	lines, ended := make(chan string), make(chan error)
	go func() {
		ended <- watch(t.Context(), s.Client(), "B1", time.Millisecond, func(line string) { lines <- line })
	}()
	for _, openid := range []string{"oSeed", "oFriend", "oOther"} {
		share, err := s.Claim("B1", openid)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := <-lines, openid+" has "+yuan(share.Amount); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := <-lines; got != "all is claimed" {
		t.Errorf("the end: %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheEndIsToldToo(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	send(t, s)
	if err := s.Expire("B1"); err != nil {
		t.Fatal(err)
	}
	var told []string
	tell := func(line string) { told = append(told, line) }
	if err := watch(t.Context(), s.Client(), "B1", time.Hour, tell); err != nil || !slices.Equal(told, []string{"over; 10.00 yuan went back"}) {
		t.Errorf("%v, %q", err, told)
	}
	if err := watch(t.Context(), s.Client(), "B9", time.Hour, tell); hongbao.OutcomeOf(err) != hongbao.Refused {
		t.Errorf("a number that nobody knows: %v", err)
	}
}

func TestWatchingCanBeGivenUp(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	send(t, s)
	if _, err := s.Claim("B1", "oSeed"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := watch(ctx, s.Client(), "B1", time.Hour, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
