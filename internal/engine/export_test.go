package engine

import "context"

// SweepRound runs one round of the sweeper.
func (e *Engine) SweepRound(ctx context.Context) error { return e.sweepRound(ctx) }

// Forget drops what memory holds, as a restart would.
func (e *Engine) Forget() {
	for id := range e.live.packets {
		e.live.forget(id)
	}
}
