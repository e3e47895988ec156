package hongbao

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"hongbao.example/hongbao/internal/wire"
)

// Retry says how long the client goes on with a call whose outcome is unknown. It
// makes the same request again, under the same MchBillNo. The zero Retry is four
// tries within a minute; a Retry of one try leaves it all to the caller.
type Retry struct {
	TriesMax int           // requests of one call; 0: four
	TimeMax  time.Duration // of one call, pauses included; 0: a minute

	// Pause is what passes before the second try at least; 0: a second, the shortest
	// that servers of this protocol ask for. It doubles from try to try, up to 30
	// seconds, and chance adds up to half of it, so that callers who failed together
	// do not come back together. A server's Retry-After, in seconds, makes it longer.
	Pause time.Duration
}

// pauseMax is how far Retry.Pause doubles.
const pauseMax = 30 * time.Second

func (r Retry) withDefaults() (Retry, error) {
	if r.TriesMax < 0 || r.TimeMax < 0 || r.Pause < 0 {
		return r, errors.New("hongbao: Retry: zero or more expected")
	}
	return Retry{cmp.Or(r.TriesMax, 4), cmp.Or(r.TimeMax, time.Minute), cmp.Or(r.Pause, time.Second)}, nil
}

// repeat makes a call until its outcome is known or c.retry is used up.
func (c *Client) repeat(ctx context.Context, call wire.Call, doc wire.Document) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.retry.TimeMax)
	defer cancel()
	pause, before := c.retry.Pause, error(nil)
	for try := 1; ; try++ {
		answer, e := c.attempt(ctx, call, doc)
		if e == nil {
			return answer, nil
		}
		e.Tries = try
		if e.Outcome() == Refused {
			// The try before may still be under way and be carried out, so that nobody must
			// take this for the last word on the number. A query leaves nothing behind.
			if before != nil && call != wire.GetHBInfo {
				e.Err = fmt.Errorf("the try before ended unknown: %w", before)
			}
			return nil, e
		}
		wait := min(max(pause, e.RetryAfter), c.retry.TimeMax) + chance(pause/2)
		if try == c.retry.TriesMax || !rest(ctx, wait) {
			if err := ctx.Err(); err != nil && !errors.Is(e, err) {
				e.Err = errors.Join(err, e.Err)
			}
			return nil, e
		}
		pause, before = max(pause, min(2*pause, pauseMax)), e
	}
}

// rest waits. It returns false, at once, when ctx has ended or would end before.
func rest(ctx context.Context, d time.Duration) bool {
	end, _ := ctx.Deadline()  // repeat gave it one
	if time.Until(end) <= d { //nolint:forbidigo // what a deadline is compared with
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// chance returns a time from zero to limit.
func chance(limit time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Duration(binary.NativeEndian.Uint64(b[:]) % uint64(limit+1))
}

// retryAfter returns what Retry-After asks for, if it does so in seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, _ := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	return time.Duration(seconds) * time.Second
}
