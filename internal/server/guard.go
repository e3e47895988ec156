package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
)

// guard stands before a handler and makes a panic seen: net/http itself would break
// the connection off and go on as if nothing had been.
//
// A panic is a fault of ours (an invariant that does not hold, most often). It is
// counted, logged once, and answered 500 with the number under which it was logged.
// Of the request the log has the pattern that it matched, never its path or query: a
// link's token is all that is needed to look at a packet.
type guard struct {
	next   http.Handler
	log    *slog.Logger
	panics *atomic.Int64
}

// ServeHTTP implements http.Handler.
func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w}
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			panic(cause)
		}
		g.panics.Add(1)
		id := rand.Text()[:8]
		g.log.Error("a handler panicked", "request", id, "method", r.Method, "pattern", r.Pattern,
			"cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if a.begun {
			panic(http.ErrAbortHandler) // or half an answer would pass for a whole one
		}
		http.Error(w, "internal error "+id, http.StatusInternalServerError)
	}()
	g.next.ServeHTTP(a, r)
}

// answer remembers whether anything of it has been written.
type answer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what the server's own writer can do.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
