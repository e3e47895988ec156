package engine

// Forget drops what memory holds, as a restart would.
func (e *Engine) Forget() {
	for id := range e.live.packets {
		e.live.forget(id)
	}
}
