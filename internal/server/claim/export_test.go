package claim

import (
	"net/http"
	"strconv"
	"time"

	"hongbao.example/hongbao/internal/fault"
)

// NewWithBeat is New with another pause between the signs of life of a stream.
func NewWithBeat(cfg Config, beat time.Duration) (http.Handler, error) {
	h, err := newHandler(cfg)
	if err == nil {
		h.beat = beat
	}
	return h, err
}

// StreamsOfOne bounds the streams of events to one address.
const StreamsOfOne = streamsOfOne

// FillStreams takes all places for readers of events but left, each for an address of
// its own.
func FillStreams(h http.Handler, left int) {
	for i := range streamsMax - left {
		_ = TakeStream(h, strconv.Itoa(i))
	}
}

// TakeStream takes a place for a reader of events.
func TakeStream(h http.Handler, address string) error {
	return h.(*handler).streams.enter(address) //nolint:forcetypeassert // New returns nothing else
}

// LeaveStream gives back a place that TakeStream took.
func LeaveStream(h http.Handler, address string) {
	h.(*handler).streams.leave(address) //nolint:forcetypeassert // New returns nothing else
}

// PostersMax bounds the posters that are kept.
const PostersMax = postersMax

// KeepPoster has a handler keep a poster.
func KeepPoster(h http.Handler, token, text string) {
	h.(*handler).posters.put(token, []byte(text)) //nolint:forcetypeassert // New returns nothing else
}

// PostersKept counts the posters that a handler keeps.
func PostersKept(h http.Handler) int {
	return len(h.(*handler).posters.drawn) //nolint:forcetypeassert // New returns nothing else
}

// Phrases are the texts of the pages; Files the templates that use them.
var (
	Phrases = phrases
	Files   = files
)

// Said is how a fault is told; ok is false if the table has no row for it.
func Said(c fault.Code) (status int, title, message phrase, ok bool) {
	_, ok = refusals[c]
	r := refusalOf(c)
	return r.status, r.title, r.message, ok
}

// Chinese writes like the Chinese page, English like the English one.
const (
	Chinese = chinese
	English = english
)

// Money and Span are how the pages write amounts and durations.
var (
	Money = language.money
	Span  = language.span
	Mask  = mask
)
