// Package throttle bounds how often one caller, known by a key, may come. It
// remembers a bounded number of callers; when more come it forgets those whose
// allowance is full, and if there are none, all: which errs on the callers' side.
package throttle

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// callersMax bounds the callers remembered.
const callersMax = 100_000

// Throttle admits each caller at a rate of its own. A nil Throttle admits everybody.
type Throttle struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex // guards all below
	callers map[string]*rate.Limiter
}

// New makes a Throttle of perSecond with a burst; nil, so without a limit, if
// perSecond is not above zero.
func New(perSecond, burst int) *Throttle {
	if perSecond <= 0 {
		return nil
	}
	return &Throttle{rate: rate.Limit(perSecond), burst: burst, callers: make(map[string]*rate.Limiter)}
}

// Allow says whether the caller may come now.
func (t *Throttle) Allow(caller string, now time.Time) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	l, ok := t.callers[caller]
	if !ok {
		if len(t.callers) >= callersMax {
			t.forget(now)
		}
		l = rate.NewLimiter(t.rate, t.burst)
		t.callers[caller] = l
	}
	t.mu.Unlock()
	return l.AllowN(now, 1)
}

// forget drops callers whose allowance is full again, and everybody if none is.
// The caller holds mu.
func (t *Throttle) forget(now time.Time) {
	for key, l := range t.callers {
		if l.TokensAt(now) >= float64(t.burst) {
			delete(t.callers, key)
		}
	}
	if len(t.callers) >= callersMax {
		clear(t.callers)
	}
}
