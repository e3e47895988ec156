package hongbao_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/wire"
)

// A reply is what comes back for one request.
type reply struct {
	err    error
	status int
	header http.Header
	body   []byte
	hang   bool // until the request's context has ended
}

func says(code string) reply {
	return reply{status: 200, body: wire.AppendAnswer(nil, wire.Answer{Document: envelope("FAIL", code, "说明")})}
}

func later(r reply, retryAfter string) reply {
	r.header = http.Header{"Retry-After": {retryAfter}}
	return r
}

var lost = reply{err: io.ErrUnexpectedEOF}

// A script is the network of a test, without one: it replies to each request in
// its turn and notes when it came. The last reply is repeated.
type script struct {
	*testing.T // of the bubble
	replies    []reply
	start      time.Time
	requests   []wire.Document
	at         []time.Duration // since the start
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.Error(err)
	}
	doc, err := wire.Parse(body)
	if err != nil {
		s.Errorf("%s: %v", body, err)
	}
	reply := s.replies[min(len(s.requests), len(s.replies)-1)]
	s.requests, s.at = append(s.requests, doc), append(s.at, time.Since(s.start))
	if reply.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if reply.status == 0 && reply.err == nil { // done
		reply.status, reply.body = 200, wire.AppendAnswer(nil, wire.Answer{Document: done(doc)})
	}
	return &http.Response{StatusCode: reply.status, Header: reply.header, Body: io.NopCloser(bytes.NewReader(reply.body))}, reply.err
}

// play gives test a client of the script, in a bubble of its own.
func play(t *testing.T, retry hongbao.Retry, replies []reply, test func(*hongbao.Client, *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{T: t, replies: replies, start: time.Now()}
		test(newClient(t, "http://hb.example", func(c *hongbao.Config) {
			c.HTTPClient, c.Retry = &http.Client{Transport: s}, retry
		}), s)
	})
}

// within fails unless d is from low to high.
func within(t *testing.T, what string, d, low, high time.Duration) {
	t.Helper()
	if d < low || d > high {
		t.Errorf("%s: %v, want %v to %v", what, d, low, high)
	}
}

func TestUnknownOutcomesAreTriedAgain(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]reply{
		"a lost connection":          lost,
		"a proxy's page":             {status: 502, body: []byte("<html>")},
		"a path that is not there":   {status: 404},
		"another status":             {status: 201, body: says("NOTENOUGH").body},
		"an unreadable answer":       {status: 200, body: []byte("<xml>")},
		"an answer to somebody":      {status: 200, body: []byte("<xml><err_code>NOTENOUGH</err_code><mch_id>1</mch_id></xml>")},
		"a badly signed refusal":     {status: 200, body: []byte("<xml><err_code>NOTENOUGH</err_code><sign>0</sign></xml>")},
		"SYSTEMERROR":                says("SYSTEMERROR"),
		"PROCESSING":                 says("PROCESSING"),
		"FREQ_LIMIT":                 says("FREQ_LIMIT"),
		"a code that nobody knows":   says("BRAND_NEW"),
		"a failure without a code":   says(""),
		"a number instead of a code": says("268458547"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, hongbao.Retry{}, []reply{first, {}}, func(c *hongbao.Client, s *script) {
				sent, err := c.SendGroupRedPack(s.Context(), group())
				if err != nil || sent.MchBillNo != billNo || len(s.requests) != 2 {
					s.Fatalf("%+v, %v after %d requests", sent, err, len(s.requests))
				}
				within(s.T, "the pause", s.at[1], time.Second, 3*time.Second/2)
				one, two := s.requests[0], s.requests[1]
				if one.Value("nonce_str") == two.Value("nonce_str") || one.Value("sign") == two.Value("sign") {
					s.Error("the nonce_str is used twice")
				}
				if diff := cmp.Diff(without(without(one, "nonce_str"), "sign"), without(without(two, "nonce_str"), "sign")); diff != "" {
					s.Errorf("the second try differs (-first +second)\n%s", diff)
				}
			})
		})
	}
}

func TestQueriesAreTriedAgain(t *testing.T) {
	t.Parallel()
	play(t, hongbao.Retry{}, []reply{lost, {}}, func(c *hongbao.Client, s *script) {
		_, err := c.QueryRedPack(s.Context(), hongbao.Query{MchBillNo: billNo, AppID: "wx1"})
		if err != nil || len(s.requests) != 2 {
			s.Errorf("%v after %d requests", err, len(s.requests))
		}
	})
}

func TestRefusalsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"NOTENOUGH", "FATAL_ERROR", "PARAM_ERROR", "NO_AUTH", "NOT_FOUND"} {
		play(t, hongbao.Retry{}, []reply{says(code)}, func(c *hongbao.Client, s *script) {
			_, err := c.SendGroupRedPack(s.Context(), group())
			if hongbao.OutcomeOf(err) != hongbao.Refused || len(s.requests) != 1 {
				s.Errorf("%v after %d requests", err, len(s.requests))
			}
		})
	}
}

// TestARefusalAfterAnUnknownOutcomeIsUnknown: the try before may have been queued,
// and be carried out after the refusal.
func TestARefusalAfterAnUnknownOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	play(t, hongbao.Retry{}, []reply{lost, says("NOTENOUGH")}, func(c *hongbao.Client, s *script) {
		_, err := c.SendGroupRedPack(s.Context(), group())
		wantUnknown(s.T, err, "NOTENOUGH")
		wantUnknown(s.T, err, "the try before")
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(s.requests) != 2 {
			s.Errorf("%v after %d requests", err, len(s.requests))
		}
	})
	play(t, hongbao.Retry{}, []reply{lost, says("NOT_FOUND")}, func(c *hongbao.Client, s *script) {
		_, err := c.QueryRedPack(s.Context(), hongbao.Query{MchBillNo: billNo, AppID: "wx1"})
		if hongbao.OutcomeOf(err) != hongbao.Refused || len(s.requests) != 2 {
			s.Errorf("a query, which leaves nothing behind: %v after %d requests", err, len(s.requests))
		}
	})
}

func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	play(t, hongbao.Retry{}, []reply{lost, says("SYSTEMERROR")}, func(c *hongbao.Client, s *script) {
		_, err := c.SendGroupRedPack(s.Context(), group())
		var e *hongbao.Error
		if !errors.As(err, &e) || e.Outcome() != hongbao.Unknown || e.Code != "SYSTEMERROR" || e.Tries != 4 || len(s.requests) != 4 {
			s.Fatalf("%#v after %d requests", err, len(s.requests))
		}
		if want := "hongbao: sendgroupredpack: SYSTEMERROR: 说明 (outcome unknown after 4 tries)"; err.Error() != want {
			s.Errorf("text %q, want %q", err, want)
		}
		for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			within(s.T, fmt.Sprint("pause ", i+1), s.at[i+1]-s.at[i], pause, pause*3/2)
		}
	})
	play(t, hongbao.Retry{TriesMax: 1}, []reply{lost}, func(c *hongbao.Client, s *script) {
		_, err := c.SendGroupRedPack(s.Context(), group())
		if hongbao.OutcomeOf(err) != hongbao.Unknown || len(s.requests) != 1 || strings.Contains(err.Error(), "tries") {
			s.Errorf("told not to try again: %v after %d requests", err, len(s.requests))
		}
	})
}

func TestThePauseIsBounded(t *testing.T) {
	t.Parallel()
	play(t, hongbao.Retry{TriesMax: 9, TimeMax: time.Hour}, []reply{lost}, func(c *hongbao.Client, s *script) {
		_, _ = c.SendGroupRedPack(s.Context(), group())
		for i := 6; i < len(s.at); i++ {
			within(s.T, fmt.Sprint("pause ", i), s.at[i]-s.at[i-1], 30*time.Second, 45*time.Second)
		}
	})
	play(t, hongbao.Retry{TriesMax: 3, TimeMax: time.Hour, Pause: time.Minute}, []reply{lost}, func(c *hongbao.Client, s *script) {
		_, _ = c.SendGroupRedPack(s.Context(), group())
		within(s.T, "a longer first pause", s.at[1], time.Minute, 90*time.Second)
		within(s.T, "which stays as it is", s.at[2]-s.at[1], time.Minute, 90*time.Second)
	})
}

func TestPausesDiffer(t *testing.T) {
	t.Parallel()
	pauses := map[time.Duration]bool{}
	for range 10 {
		play(t, hongbao.Retry{}, []reply{lost, {}}, func(c *hongbao.Client, s *script) {
			_, _ = c.SendGroupRedPack(s.Context(), group())
			pauses[s.at[1]] = true
		})
	}
	if len(pauses) < 8 {
		t.Errorf("ten callers who fail together come back at %d times", len(pauses))
	}
}

func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	play(t, hongbao.Retry{TriesMax: 1000, TimeMax: 10 * time.Second}, []reply{says("SYSTEMERROR")}, func(c *hongbao.Client, s *script) {
		_, err := c.SendGroupRedPack(s.Context(), group())
		wantUnknown(s.T, err, "SYSTEMERROR")
		// After pauses of 1, 2 and 4 seconds the next has no room: nobody waits for it.
		if took := time.Since(s.start); len(s.requests) < 3 || took != s.at[len(s.at)-1] {
			s.Errorf("%d requests, the last at %v, in %v", len(s.requests), s.at[len(s.at)-1], took)
		}
	})
	play(t, hongbao.Retry{}, []reply{{hang: true}}, func(c *hongbao.Client, s *script) {
		_, err := c.SendGroupRedPack(s.Context(), group())
		wantUnknown(s.T, err, "deadline")
		if took := time.Since(s.start); took != time.Minute {
			s.Errorf("a server that never answers took %v", took)
		}
	})
	play(t, hongbao.Retry{}, []reply{lost}, func(c *hongbao.Client, s *script) {
		ctx, cancel := context.WithTimeout(s.Context(), 2*time.Second)
		defer cancel()
		_, err := c.SendGroupRedPack(ctx, group())
		wantUnknown(s.T, err, "EOF")
		if took := time.Since(s.start); len(s.requests) != 2 || took != s.at[1] {
			s.Errorf("the caller's own deadline: %d requests in %v", len(s.requests), took)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"7":    7 * time.Second,
		"0":    time.Second,
		"-5":   time.Second,
		"soon": time.Second,
	} {
		for _, first := range []reply{{status: 503}, says("FREQ_LIMIT")} {
			play(t, hongbao.Retry{}, []reply{later(first, header), {}}, func(c *hongbao.Client, s *script) {
				if _, err := c.SendGroupRedPack(s.Context(), group()); err != nil || len(s.at) != 2 {
					s.Fatalf("%s: %v after %d requests", header, err, len(s.requests))
				}
				within(s.T, "the pause after "+header, s.at[1], want, want+time.Second/2)
			})
		}
	}
	for _, header := range []string{"3600", "99999999999999999999"} {
		play(t, hongbao.Retry{}, []reply{later(reply{status: 503}, header), {}}, func(c *hongbao.Client, s *script) {
			_, err := c.SendGroupRedPack(s.Context(), group())
			var e *hongbao.Error
			if !errors.As(err, &e) || e.RetryAfter < time.Hour || len(s.requests) != 1 || time.Since(s.start) != 0 {
				s.Errorf("%s: %#v after %d requests in %v", header, err, len(s.requests), time.Since(s.start))
			}
		})
	}
}

func TestTheEndOfTheContextEndsTheCall(t *testing.T) {
	t.Parallel()
	for _, r := range []reply{says("SYSTEMERROR"), lost, {hang: true}} {
		play(t, hongbao.Retry{}, []reply{r}, func(c *hongbao.Client, s *script) {
			ctx, cancel := context.WithCancel(s.Context())
			time.AfterFunc(500*time.Millisecond, cancel)
			_, err := c.SendGroupRedPack(ctx, group())
			wantUnknown(s.T, err, "canceled")
			if took := time.Since(s.start); !errors.Is(err, context.Canceled) || len(s.requests) != 1 || took != 500*time.Millisecond {
				s.Errorf("%v after %d requests in %v", err, len(s.requests), took)
			}
			var e *hongbao.Error
			if errors.As(err, &e) && e.Code == "" && r.err != nil && !errors.Is(err, r.err) {
				s.Errorf("%v has lost the cause", err)
			}
		})
	}
}
