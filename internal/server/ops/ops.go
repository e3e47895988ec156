// Package ops is the operator's edge, on a listener of its own that only loopback
// reaches:
//
//	/healthz  is anything wrong?   200 always; "ok" or "degraded" and why
//	/readyz   can it serve?        200 or 503
//	/metrics  Prometheus
package ops

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/payout"
)

// health is the answer of /healthz and /readyz.
type health struct {
	Status      string   `json:"status"`
	Environment string   `json:"environment"`
	Version     string   `json:"version"`
	Problems    []string `json:"problems,omitempty"`
}

// Config is what there is to look at.
type Config struct {
	Engine  *engine.Engine
	Payouts *payout.Worker
	Panics  *atomic.Int64 // of HTTP handlers, counted elsewhere
	Version string
}

// New makes the operator's handler.
func New(c Config) http.Handler {
	report := func(r *http.Request) (h health, ready bool) {
		h = health{Status: "ok", Environment: string(c.Engine.Environment()), Version: c.Version}
		h.Problems, ready = c.Engine.Health(r.Context())
		h.Problems = append(h.Problems, c.Payouts.Health()...)
		if len(h.Problems) > 0 {
			h.Status = "degraded"
		}
		return h, ready
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		h, _ := report(r)
		write(w, http.StatusOK, h)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		h, ready := report(r)
		status := http.StatusOK
		if !ready {
			status = http.StatusServiceUnavailable
		}
		write(w, status, h)
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(c.counters()...)
	registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Namespace: "hongbao", Name: "payouts_paused", Help: "1 while no payout is sent."},
		func() float64 { return bit(c.Payouts.Pause().Paused()) }))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func write(w http.ResponseWriter, status int, h health) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(h) // an operator that has gone asks again
}

// counters shows what is counted as metrics.
func (c Config) counters() []prometheus.Collector {
	e, p := c.Engine.Stats(), c.Payouts.Stats()
	var all []prometheus.Collector
	for _, m := range []struct {
		name, help string
		count      *atomic.Int64
	}{
		{"sends_total", "Packets sent.", &e.Sends},
		{"claims_total", "Shares claimed.", &e.Claims},
		{"claim_repeats_total", "Claims by claimants who had their share, answered from memory.", &e.Repeats},
		{"claim_refusals_total", "Claims that were refused.", &e.Refusals},
		{"refunds_total", "Packets whose rest was refunded at expiry.", &e.Refunds},
		{"groups_total", "Groups committed or tried.", &e.Groups},
		{"orders_total", "Orders in those groups.", &e.Orders},
		{"groups_stale_total", "Groups decided anew because a row had changed.", &e.Stale},
		{"groups_unknown_total", "Groups whose fate could not be found out.", &e.Unknown},
		{"packets_broken_total", "Packets found to break an invariant.", &e.Broken},
		{"payouts_created_total", "Payouts made of claims.", &p.Created},
		{"payouts_done_total", "Payouts that arrived.", &p.Done},
		{"payouts_refused_total", "Payouts that a channel refused.", &p.Refused},
		{"payouts_returned_total", "Shares that went back to their merchant.", &p.Returned},
		{"payouts_mismatched_total", "Rows that are not what their book was written for.", &p.Mismatches},
		{"payouts_contradicted_total", "Answers that contradict a final one.", &p.Contradictions},
		{"payouts_conflicting_total", "Payouts whose key a channel has for another amount or payee.", &p.Conflicts},
		{"payouts_recovered_total", "Payouts that a channel knew before they were sent from this database.", &p.Recovered},
		{"panics_total", "Requests whose handler panicked.", c.Panics},
	} {
		all = append(all, prometheus.NewCounterFunc(
			prometheus.CounterOpts{Namespace: "hongbao", Name: m.name, Help: m.help},
			func() float64 { return float64(m.count.Load()) }))
	}
	return all
}

// bit is 1 or 0, as a gauge has it.
func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
