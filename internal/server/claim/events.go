package claim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
)

// signOfLife is a comment, which readers skip.
const signOfLife = ":\n\n"

// lookEvery is how often a stream looks for what another process did to the packet,
// which nobody announces here.
const lookEvery = 2 * time.Second

// streamWrite is how long a reader of events may take to accept one write.
const streamWrite = 30 * time.Second

// events streams what happens to the packet. docs/api/claim.md#events
//
// There is no queue for a reader: each round reads what the packet has become and
// writes what they have not seen. A slow one skips nothing and holds nobody up.
func (x *exchange) events() error {
	v, err := x.viewer()
	if err != nil {
		return err
	}
	address := x.h.cfg.Address(x.r)
	if err := x.h.streams.enter(address); err != nil {
		return err
	}
	defer x.h.streams.leave(address)
	x.w.Header().Set("Content-Type", "text/event-stream")
	x.w.Header().Set("X-Accel-Buffering", "no") // or a proxy keeps events until there are enough of them
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method == http.MethodHead {
		return nil
	}
	s := &stream{x: x, out: http.NewResponseController(x.w), viewer: v}
	s.next, _ = slices.BinarySearchFunc(x.pic.Claims, x.after(), func(c packet.Claim, after uint64) int {
		if c.Seq <= after {
			return -1
		}
		return 1
	})
	s.run()
	return nil
}

// streams counts the streams that run, so that one address cannot take all places.
type streams struct {
	mu   sync.Mutex // guards all below
	all  int
	from map[string]int // by address
}

func newStreams() *streams { return &streams{from: make(map[string]int)} }

// enter takes a place: SlowDown if the address has its part of them, Busy if there
// is none.
func (s *streams) enter(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.from[address] >= streamsOfOne:
		return fault.SlowDown
	case s.all >= streamsMax:
		return fault.Busy
	}
	s.all++
	s.from[address]++
	return nil
}

// leave gives a place back.
func (s *streams) leave(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.from[address]--; s.from[address] == 0 {
		delete(s.from, address)
	}
}

// after is the id of the last event that the reader has seen: 0 if none. What a
// browser says when it comes back is newer than what stands in the address.
func (x *exchange) after() uint64 {
	id := x.r.Header.Get("Last-Event-ID")
	if id == "" {
		id = x.r.URL.Query().Get("after")
	}
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// stream is one reader of a packet's events.
type stream struct {
	x      *exchange
	out    *http.ResponseController
	viewer viewer
	next   int // slot of the first claim that the reader has not seen
}

// run writes events until the packet has ended, the reader has gone or the server
// stops.
func (s *stream) run() {
	x := s.x
	id, ctx := x.pic.Head.ID, x.r.Context()
	grown, stop := x.h.cfg.Engine.Watch(id)
	defer stop()
	tick := time.NewTicker(x.h.beat)
	defer tick.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	sign := []byte(signOfLife) // opens the stream before the first event
	for {
		more := grown() // before reading, so that what comes in between is not missed
		pic, err := x.h.cfg.Engine.Packet(ctx, id)
		if err != nil {
			return // the reader comes back, and is told why
		}
		x.pic = pic
		text, ended := s.news(sign)
		if !s.write(text) || ended {
			return
		}
		select {
		case <-more:
			sign = nil
		case <-look.C:
			sign = nil
		case <-tick.C:
			sign = []byte(signOfLife)
		case <-ctx.Done():
			return
		case <-x.h.cfg.Stop:
			return
		}
	}
}

// news adds to text what the reader has not seen. ended says that nothing follows,
// most often because the end is among it: that is told to everybody who asks after
// it. A packet that has ended and is held breaks an invariant; what its end was
// cannot be told.
func (s *stream) news(text []byte) (_ []byte, ended bool) {
	claims, head := s.x.pic.Claims, &s.x.pic.Head
	for i := s.next; i < len(claims) && !s.viewer.has && s.viewer.signedIn; i++ {
		s.viewer.has = claims[i].Claimant == s.viewer.who
	}
	for ; s.next < len(claims); s.next++ {
		c := &claims[s.next]
		text = event(text, "claim", c.Seq, list(c, s.viewer.has))
	}
	switch {
	case !head.Ended:
		return text, false
	case s.x.pic.State == packet.Held:
		return text, true
	}
	end := ending{State: "finished", Claimed: head.ClaimedNum, Num: s.x.pic.Terms.Num}
	seq := head.Seq
	if end.Claimed == end.Num {
		seq = claims[len(claims)-1].Seq // returns may stand after it
	} else {
		end.State = "expired"
	}
	return event(text, end.State, seq, end), true
}

// ending is the data of the last event.
type ending struct {
	State   string `json:"state"`
	Claimed int    `json:"claimed"`
	Num     int    `json:"total_num"`
}

// event adds an event to text.
func event(text []byte, name string, seq uint64, data any) []byte {
	b, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("claim: event %s: %v", name, err)) // structs of numbers and texts
	}
	return fmt.Appendf(text, "event: %s\nid: %d\ndata: %s\n\n", name, seq, b)
}

// write writes to the reader. The server's deadline for answers would end every
// stream, and none would let a reader who accepts nothing stay for ever, so each
// write has its own.
func (s *stream) write(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	deadline := time.Now().Add(streamWrite) //nolint:forbidigo // of the network, which does not know the engine's clock
	if err := s.out.SetWriteDeadline(deadline); err != nil {
		return false
	}
	if _, err := s.x.w.Write(text); err != nil {
		return false
	}
	return s.out.Flush() == nil
}
