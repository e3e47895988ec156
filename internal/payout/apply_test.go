package payout_test

import (
	"testing"
	"time"

	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/store"
)

const day = 24 * time.Hour

var (
	done      = payout.Result{Outcome: payout.Done, RailRef: "r1", Evidence: "e"}
	refused   = payout.Result{Outcome: payout.Refused, Code: "closed"}
	mendable  = payout.Result{Outcome: payout.Refused, Mendable: true}
	cancelled = payout.Result{Outcome: payout.Refused, Cancelled: true, Mendable: true}
	nothing   = payout.Result{}
	neverSeen = payout.Result{Progress: payout.NeverSeen}
	accepted  = payout.Result{Progress: payout.Accepted}
	awaiting  = payout.Result{Progress: payout.AwaitingUser}
	calling   = payout.Result{Progress: payout.Cancelling}
	odd       = payout.Result{Outcome: 99, Progress: 99}
)

// TestApply is the table of transitions: what each answer makes of a payout that was
// sent and is not final.
func TestApply(t *testing.T) {
	t.Parallel()
	final := map[string]store.PayoutState{
		"done": store.PayoutDone, "refused": store.PayoutRefused, "mendable": store.PayoutRefused, "cancelled": store.PayoutCancelled,
		"accepted": store.PayoutAccepted, "awaiting": store.PayoutAwaiting, "calling": store.PayoutCancelling,
	}
	results := map[string]payout.Result{
		"done": done, "refused": refused, "mendable": mendable, "cancelled": cancelled,
		"accepted": accepted, "awaiting": awaiting, "calling": calling, "nothing": nothing, "never seen": neverSeen, "odd": odd,
	}
	for _, from := range []store.PayoutState{
		store.PayoutSubmitting, store.PayoutUnknown, store.PayoutAccepted, store.PayoutAwaiting, store.PayoutCancelling,
	} {
		for name, r := range results {
			want, says := final[name]
			if !says { // an answer that says nothing takes nothing back
				want = from
				if from == store.PayoutSubmitting {
					want = store.PayoutUnknown
				}
			}
			p := store.Payout{State: from, Version: 3, Attempts: 1, CreatedAt: 1000}
			next, e, err := payout.Apply(p, payout.SourceQuery, r, day, 2000)
			if err != nil || next.State != want || next.Version != 4 || next.Operator || next.UpdatedAt != 2000 {
				t.Errorf("%s after %s: %+v, %v, want %s", name, from, next, err, want)
			}
			if next.Mendable != (name == "mendable") {
				t.Errorf("%s after %s: mendable is %v", name, from, next.Mendable)
			}
			if event := e.State != ""; event != (want != from) && r.Code == "" && r.RailRef == "" {
				t.Errorf("%s after %s: event is %+v", name, from, e)
			}
		}
	}
}

func TestAFinalStateStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state       store.PayoutState
		result      payout.Result
		contradicts bool
	}{
		"done again":                         {store.PayoutDone, done, false},
		"done again, unnamed":                {store.PayoutDone, payout.Result{Outcome: payout.Done}, false},
		"done again, under another name":     {store.PayoutDone, payout.Result{Outcome: payout.Done, RailRef: "r2"}, true},
		"done, then nothing":                 {store.PayoutDone, nothing, false},
		"done, then an outcome not heard of": {store.PayoutDone, odd, false},
		"done, then refused":                 {store.PayoutDone, refused, true},
		"refused again":                      {store.PayoutRefused, refused, false},
		"refused, then done":                 {store.PayoutRefused, done, true},
		"refused, then accepted":             {store.PayoutRefused, accepted, false},
		"cancelled again":                    {store.PayoutCancelled, cancelled, false},
		"cancelled, then done":               {store.PayoutCancelled, done, true},
	} {
		p := store.Payout{State: c.state, Version: 3, RailRef: "r1"}
		next, e, err := payout.Apply(p, payout.SourceQuery, c.result, day, 2000)
		if err != nil || next.State != c.state || next.RailRef != "r1" || next.Operator != c.contradicts {
			t.Errorf("%s: %+v, %v", name, next, err)
		}
		if c.contradicts != (e.State == c.state) || c.contradicts != (next.Version == 4) {
			t.Errorf("%s: event %+v, version %d", name, e, next.Version)
		}
	}
}

func TestAnAnswerToWhatWasNotSentIsAFault(t *testing.T) {
	t.Parallel()
	p := store.Payout{State: store.PayoutQueued, Version: 1}
	if next, _, err := payout.Apply(p, payout.SourceCreate, done, day, 0); err == nil || next.State != store.PayoutQueued {
		t.Errorf("%+v, %v", next, err)
	}
}

// TestWhenToAskAgain follows the pauses between asks from the first answer on.
func TestWhenToAskAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result payout.Result
		want   []time.Duration
	}{
		"unknown":  {nothing, []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour}},
		"accepted": {accepted, []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour}},
		"awaiting": {awaiting, []time.Duration{10 * time.Minute, 10 * time.Minute, 10 * time.Minute}},
	} {
		p, now := store.Payout{State: store.PayoutSubmitting}, int64(0)
		for i, want := range c.want {
			p.Attempts++
			var err error
			if p, _, err = payout.Apply(p, payout.SourceQuery, c.result, day, now); err != nil {
				t.Fatal(err)
			}
			if got := time.Duration(p.NextCheck-now) * time.Millisecond; got != want {
				t.Errorf("%s: pause %d is %v, want %v", name, i+1, got, want)
			}
			now = p.NextCheck
		}
	}
}

func TestAChangeOfStateStartsThePausesAnew(t *testing.T) {
	t.Parallel()
	p := store.Payout{State: store.PayoutAwaiting, Attempts: 90}
	next, _, err := payout.Apply(p, payout.SourceQuery, accepted, day, 0)
	if err != nil || next.NextCheck != 5000 {
		t.Errorf("next check after %d ms, want 5000: %v", next.NextCheck, err)
	}
}

func TestAConfirmationIsLookedAtWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	lapse := (day + 5*time.Minute).Milliseconds()
	for now, want := range map[int64]int64{
		lapse - 60_000:  lapse,
		lapse - 600_000: lapse,
		lapse - 900_000: lapse - 300_000,
		lapse:           lapse + 600_000,
	} {
		next, _, err := payout.Apply(store.Payout{State: store.PayoutAwaiting}, payout.SourceQuery, awaiting, day, now)
		if err != nil || next.NextCheck != want {
			t.Errorf("at %d: next check at %d, want %d: %v", now, next.NextCheck, want, err)
		}
	}
}

func TestAfter25DaysAnOperatorLooks(t *testing.T) {
	t.Parallel()
	limit := payout.Patience.Milliseconds()
	for _, r := range []payout.Result{nothing, accepted, awaiting} {
		early, _, err := payout.Apply(store.Payout{State: store.PayoutUnknown}, payout.SourceQuery, r, day, limit-1)
		if err != nil || early.Operator {
			t.Errorf("%v: an operator is called before 25 days: %v", r, err)
		}
		late, e, err := payout.Apply(store.Payout{State: store.PayoutUnknown}, payout.SourceQuery, r, day, limit)
		if err != nil || !late.Operator || late.State.Final() || e.State == "" {
			t.Errorf("%v: no operator is called after 25 days: %+v, %v", r, late, err)
		}
		// A late answer that decides it spares the operator.
		if over, _, err := payout.Apply(late, payout.SourceQuery, done, day, limit+1); err != nil || over.Operator || over.State != store.PayoutDone {
			t.Errorf("%v: %+v, %v", r, over, err)
		}
	}
}
