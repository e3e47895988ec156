package payout_test

import (
	"testing"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/store"
)

func TestKeyIsTheOnePublished(t *testing.T) {
	t.Parallel()
	for generation, want := range map[int]string{
		1: "HBVHFF4275ZHXYP3G77BHW47HZK0",
		2: "HBER70V49XN03WEGXDRTVNX0Q1AM",
	} {
		if got := payout.Key("m_1", "clm_1", generation); got != want {
			t.Errorf("generation %d: %s, want %s", generation, got, want)
		}
	}
}

func TestClaimIDNamesPacketAndPerson(t *testing.T) {
	t.Parallel()
	who := packet.Claimant{0xab, 15: 0x01}
	if got, want := payout.ClaimID("9000x", who), "9000x/ab000000000000000000000000000001"; got != want {
		t.Errorf("claim id %s, want %s", got, want)
	}
}

func TestWord(t *testing.T) {
	t.Parallel()
	if got := payout.Word(store.Payout{}, false); got != "due" {
		t.Errorf("a share without a payout is %q", got)
	}
	for _, c := range []struct {
		state              store.PayoutState
		operator, returned bool
		want               string
	}{
		{state: store.PayoutQueued, want: "due"},
		{state: store.PayoutQueued, operator: true, want: "held"},
		{state: store.PayoutSubmitting, want: "moving"},
		{state: store.PayoutAccepted, want: "moving"},
		{state: store.PayoutUnknown, want: "moving"},
		{state: store.PayoutUnknown, operator: true, want: "held"},
		{state: store.PayoutCancelling, want: "moving"},
		{state: store.PayoutAwaiting, want: "confirm"},
		{state: store.PayoutAwaiting, operator: true, want: "held"},
		{state: store.PayoutDone, want: "paid"},
		{state: store.PayoutDone, operator: true, want: "paid"},
		{state: store.PayoutRefused, want: "failed"},
		{state: store.PayoutRefused, operator: true, want: "held"},
		{state: store.PayoutCancelled, want: "failed"},
		{state: store.PayoutRefused, returned: true, want: "returned"},
		{state: store.PayoutCancelled, returned: true, operator: true, want: "returned"},
	} {
		p := store.Payout{State: c.state, Operator: c.operator, Returned: c.returned}
		if got := payout.Word(p, true); got != c.want {
			t.Errorf("%+v is %q, want %q", c, got, c.want)
		}
	}
}
