package engine

import (
	"sync"

	"hongbao.example/hongbao/internal/packet"
)

// topics tells those who watch a packet that its book has grown. It carries no
// data: a watcher reads what it has not seen from the book, so a slow one misses
// nothing and holds nothing up.
type topics struct {
	mu     sync.Mutex // guards all below
	topics map[packet.ID]*topic
}

// topic is one packet with watchers.
type topic struct {
	grown    chan struct{} // closed when the book grows
	watchers int
}

func newTopics() *topics { return &topics{topics: make(map[packet.ID]*topic)} }

// Watch subscribes to a packet's book. next returns a channel that is closed when
// the book grows after the call to next; stop ends the subscription and must be
// called once.
func (e *Engine) Watch(id packet.ID) (next func() <-chan struct{}, stop func()) {
	t := e.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.topics[id]
	if !ok {
		at = &topic{grown: make(chan struct{})}
		t.topics[id] = at
	}
	at.watchers++
	next = func() <-chan struct{} {
		t.mu.Lock()
		defer t.mu.Unlock()
		return at.grown
	}
	stop = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if at.watchers--; at.watchers == 0 {
			delete(t.topics, id)
		}
	}
	return next, stop
}

// announce says that a packet's book has grown.
func (e *Engine) announce(id packet.ID) {
	e.topics.grow(id)
	select {
	case e.hints <- id:
	default: // the worker is behind; its scan finds the packet
	}
}

func (t *topics) grow(id packet.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.topics[id]; ok {
		close(at.grown)
		at.grown = make(chan struct{})
	}
}
