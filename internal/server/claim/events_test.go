package claim_test

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/server/claim"
)

// event is one event, or with text alone a comment.
type event struct{ name, id, data, text string }

// stream reads events.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func() error
}

// events opens a stream, which must succeed.
func (w *browser) events(path string, headers ...string) *stream {
	w.b.t.Helper()
	req, err := http.NewRequestWithContext(w.b.t.Context(), http.MethodGet, w.b.base+path, nil)
	if err != nil {
		w.b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		w.b.t.Fatal(err)
	}
	w.b.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		w.b.t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return &stream{t: w.b.t, lines: bufio.NewScanner(res.Body), close: res.Body.Close}
}

// next waits for the next event or comment; ok is false at the end of the stream,
// which must be an orderly one.
func (s *stream) next() (e event, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			return e, true
		case name == "":
			e.text = line
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = value
		default:
			s.t.Errorf("a line %q in a stream", line)
		}
	}
	if err := s.lines.Err(); err != nil {
		s.t.Errorf("the stream broke off: %v", err)
	}
	return event{}, false
}

// want reads events, leaving out comments, and compares names and ids.
func (s *stream) want(events ...string) (all []event) {
	s.t.Helper()
	for _, want := range events {
		e, ok := s.next()
		for ok && e.name == "" {
			e, ok = s.next()
		}
		if got := e.name + " " + e.id; !ok || got != want {
			s.t.Fatalf("event %q %s, want %q", got, e.data, want)
		}
		all = append(all, e)
	}
	return all
}

// ended checks that nothing follows.
func (s *stream) ended() {
	s.t.Helper()
	if e, ok := s.next(); ok {
		s.t.Errorf("after the end comes %+v", e)
	}
}

func TestEventsAsTheyHappen(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	stranger, owner := b.browser().events(s.path+"/events"), b.person(s.path, seed)
	first, own := owner.open(s.path)
	mine := owner.events(s.path + "/events")
	e := stranger.want("claim 2")[0]
	if want := `{"slot":0,"parent":null,"name":"","claimed_at":"2026-11-24T12:00:00Z"}`; e.data != want {
		t.Errorf("a stranger is told %s, want %s", e.data, want)
	}
	e = mine.want("claim 2")[0]
	if want := `{"slot":0,"parent":null,"name":"","claimed_at":"2026-11-24T12:00:00Z","amount":` + strconv.Itoa(int(first.Amount)) + `}`; e.data != want {
		t.Errorf("the owner is told %s, want %s", e.data, want)
	}
	b.person(own, "friend").open(own)
	stranger.want("claim 3")
	b.hold(s)
	if err := b.engine.Release(t.Context(), s.ID, "a test"); err != nil {
		t.Fatal(err)
	}
	b.person(own, "third").open(own)
	for who, events := range map[*stream][]event{
		stranger: stranger.want("claim 6", "finished 6"),
		mine:     mine.want("claim 3", "claim 6", "finished 6"),
	} {
		for _, e := range events {
			if amount := strings.Contains(e.data, "amount"); amount != (who == mine && e.name == "claim") {
				t.Errorf("to the owner: %v, told %+v", who == mine, e)
			}
		}
		if end := events[len(events)-1]; end.data != `{"state":"finished","claimed":3,"total_num":3}` {
			t.Errorf("the end says %s", end.data)
		}
		who.ended()
	}
}

// TestAShareOpensAmountsInARunningStream: a reader who gets a share while reading is
// told amounts from then on.
func TestAShareOpensAmountsInARunningStream(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	_, own := b.person(s.path, seed).open(s.path)
	friend := b.person(own, "friend")
	reading := friend.events(own + "/events")
	if e := reading.want("claim 2")[0]; strings.Contains(e.data, "amount") {
		t.Errorf("told %s without a share", e.data)
	}
	friend.open(own)
	if e := reading.want("claim 3")[0]; !strings.Contains(e.data, "amount") {
		t.Errorf("told %s with a share", e.data)
	}
}

func TestEventsGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(4)
	for i, who := range []string{seed, "ann", "ben", "cat"} {
		if _, err := b.engine.Claim(t.Context(), s.ID, engine.Person{Space: appID, Subject: who}, i-1, 0); err != nil {
			t.Fatal(err)
		}
	}
	w := b.browser()
	all := []string{"claim 2", "claim 3", "claim 4", "claim 5", "finished 5"}
	for id, from := range map[string]int{"": 0, "0": 0, "1": 0, "2": 1, "4": 3, "5": 4, "99": 4, "nonsense": 0, "-1": 0} {
		for _, r := range []*stream{w.events(s.path+"/events", "Last-Event-ID", id), w.events(s.path + "/events?after=" + id)} {
			r.want(all[from:]...)
			r.ended()
		}
	}
	newer := w.events(s.path+"/events?after=2", "Last-Event-ID", "4")
	newer.want(all[3:]...)
}

func TestTheEndOfAPacketInTime(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	_, own := b.person(s.path, seed).open(s.path)
	reading := b.person(s.path, seed).events(own + "/events")
	reading.want("claim 2")
	b.end(s)
	if e := reading.want("expired 3")[0]; e.data != `{"state":"expired","claimed":1,"total_num":3}` {
		t.Errorf("the end says %s", e.data)
	}
	reading.ended()
	again := b.browser().events(s.path+"/events", "Last-Event-ID", "3")
	again.want("expired 3")
	again.ended()
}

func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{beat: time.Millisecond})
	s := b.send(3)
	reading := b.browser().events(s.path + "/events")
	for range 5 {
		if e, ok := reading.next(); !ok || e.name != "" || e.text == "" {
			t.Fatalf("%+v, %v where nothing happens", e, ok)
		}
	}
	b.person(s.path, seed).open(s.path)
	reading.want("claim 2")
}

// TestStreamsOutliveTheServersLimits: what bounds a request and its answer is far
// less than a packet's life.
func TestStreamsOutliveTheServersLimits(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	b := newBed(t, terms{beat: limit / 20, limit: limit})
	reading := b.browser().events(b.send(3).path + "/events")
	for i := range 40 {
		if _, ok := reading.next(); !ok {
			t.Fatalf("the stream ended after %d signs of life, a twentieth of the limit apart", i)
		}
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	b := newBed(t, terms{stop: stop})
	reading := b.browser().events(b.send(3).path + "/events")
	if _, ok := reading.next(); !ok {
		t.Fatal("no stream")
	}
	close(stop)
	reading.ended()
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{beat: time.Millisecond})
	s := b.send(3)
	claim.FillStreams(b.handler, 1)
	w := b.browser()
	reading := w.events(s.path + "/events")
	a := w.get(s.path + "/events")
	b.refused(a, http.StatusServiceUnavailable, "busy")
	if err := reading.close(); err != nil {
		t.Fatal(err)
	}
	for a.status != http.StatusOK { // the place is free when the server has noticed
		a = w.do(http.MethodHead, s.path+"/events", "", "")
	}
}

// TestStreamsToOneAddressAreBounded: who takes all they can get leaves places for
// everybody else.
func TestStreamsToOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	for range claim.StreamsOfOne {
		if err := claim.TakeStream(b.handler, "127.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	a := b.browser().get(s.path + "/events")
	b.refused(a, http.StatusTooManyRequests, "slow_down")
	if a.header.Get("Retry-After") == "" {
		t.Error("not told when to try again")
	}
	if err := claim.TakeStream(b.handler, "127.0.0.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
	claim.LeaveStream(b.handler, "127.0.0.1")
	b.browser().events(s.path + "/events")
}

// TestEventsOfABrokenPacketEnd: a packet that has ended and lacks a row is held, so
// that its end cannot be told; the stream tells the claims there are, and stops.
func TestEventsOfABrokenPacketEnd(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	for i, who := range []string{seed, "ann", "ben"} {
		if _, err := b.engine.Claim(t.Context(), s.ID, engine.Person{Space: appID, Subject: who}, i-1, 0); err != nil {
			t.Fatal(err)
		}
	}
	b.database.Exec(t, "DELETE FROM claims WHERE slot = 2")
	b.base = b.another()
	reading := b.browser().events(s.path + "/events")
	reading.want("claim 2", "claim 3")
	reading.ended()
}

func TestEventsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	s := b.send(3)
	w := b.browser()
	stream := []string{"Accept", "text/event-stream"}
	b.refused(w.get("/p/nothing/events", stream...), 404, "not_found")
	b.refused(w.do("POST", s.path+"/events", "", "", stream...), 405, "method")
	b.refused(w.get(s.path+"/events", append(stream, "Authorization", "Bearer nothing")...), 401, "ticket_refused")
}
