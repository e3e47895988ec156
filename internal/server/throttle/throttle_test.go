package throttle_test

import (
	"strconv"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/server/throttle"
)

var start = time.Date(2026, 11, 24, 20, 0, 0, 0, time.UTC)

func TestEachCallerHasAnAllowance(t *testing.T) {
	t.Parallel()
	th := throttle.New(2, 3)
	for i := range 3 {
		if !th.Allow("a", start) {
			t.Errorf("call %d of the burst is refused", i+1)
		}
	}
	if th.Allow("a", start) {
		t.Error("a call over the burst is admitted")
	}
	if !th.Allow("b", start) {
		t.Error("one caller's calls count against another")
	}
	if !th.Allow("a", start.Add(500*time.Millisecond)) || th.Allow("a", start.Add(500*time.Millisecond)) {
		t.Error("two a second do not give exactly one in half a second")
	}
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	th := throttle.New(0, 0)
	for range 1000 {
		if !th.Allow("a", start) {
			t.Fatal("refused without a limit")
		}
	}
}

func TestCallersAreBounded(t *testing.T) {
	t.Parallel()
	th := throttle.New(1, 1)
	if !th.Allow("first", start) || th.Allow("first", start) {
		t.Fatal("the first caller has no allowance of one")
	}
	for i := range 100_000 { // each uses its allowance, so that only forgetting all makes room
		th.Allow(strconv.Itoa(i), start)
	}
	if !th.Allow("first", start) {
		t.Error("the first caller was not forgotten")
	}
}
