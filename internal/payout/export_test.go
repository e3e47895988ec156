package payout

import (
	"time"

	"hongbao.example/hongbao/internal/store"
)

// Sources of answers, and the times of a payout, for black-box tests.
const (
	SourceCreate  = sourceCreate
	SourceQuery   = sourceQuery
	MendWithin    = mendWithin
	Patience      = patience
	GenerationMax = generationMax
	BatchMax      = batchMax
)

// Apply is apply.
func Apply(p store.Payout, source string, r Result, confirm time.Duration, now int64) (store.Payout, store.PayoutEvent, error) {
	return apply(p, answer{source, r}, confirm, now)
}

// Lease is how long a worker's lease on a payout lasts.
func (w *Worker) Lease() time.Duration { return w.lease }
