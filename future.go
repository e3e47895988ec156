package hongbao

import "context"

// A Future is a call under way. It is safe for use by many goroutines.
type Future struct {
	call   string
	done   chan struct{} // closed after answer and err are set
	answer *Answer
	err    error
}

// async runs f in a goroutine of its own.
func async(call string, f func() (*Answer, error)) *Future {
	future := &Future{call: call, done: make(chan struct{})}
	go func() {
		defer close(future.done)
		future.answer, future.err = f()
	}()
	return future
}

// Done returns a channel that is closed when the call has ended.
func (f *Future) Done() <-chan struct{} { return f.done }

// Wait returns what Post would have returned. If ctx ends first it returns an
// Error of unknown outcome: the call goes on, under the context that it was
// started with, and can be waited for again.
func (f *Future) Wait(ctx context.Context) (*Answer, error) {
	select {
	case <-f.done:
		return f.answer, f.err
	default:
	}
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return nil, &Error{Call: f.call, Err: ctx.Err()}
	}
}

// Then returns a Future of what next makes of the outcome of f. next runs once, in
// a goroutine of its own, whether anybody waits or not.
func (f *Future) Then(next func(*Answer, error) (*Answer, error)) *Future {
	return async(f.call, func() (*Answer, error) {
		<-f.done
		return next(f.answer, f.err)
	})
}
