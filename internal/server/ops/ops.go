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

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hongbao.example/hongbao/internal/engine"
)

// health is the answer of /healthz and /readyz.
type health struct {
	Status      string   `json:"status"`
	Environment string   `json:"environment"`
	Version     string   `json:"version"`
	Problems    []string `json:"problems,omitempty"`
}

// New makes the operator's handler for an engine; more are further collectors to
// be shown.
func New(e *engine.Engine, version string, more ...prometheus.Collector) http.Handler {
	report := func(r *http.Request) health {
		h := health{Status: "ok", Environment: string(e.Environment()), Version: version, Problems: e.Health(r.Context())}
		if len(h.Problems) > 0 {
			h.Status = "degraded"
		}
		return h
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusOK, report(r))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		if !e.Ready(r.Context()) {
			status = http.StatusServiceUnavailable
		}
		write(w, status, report(r))
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), counters(e))
	registry.MustRegister(more...)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func write(w http.ResponseWriter, status int, h health) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(h) // an operator that has gone asks again
}

// engineCounters shows an engine's counters as metrics.
type engineCounters struct {
	stats *engine.Stats
	descs []*prometheus.Desc
}

// metric is one counter: its name, what it counts, and where it stands.
type metric struct {
	name, help string
	value      func(*engine.Stats) int64
}

var metrics = []metric{
	{"hongbao_sends_total", "Packets sent.", func(s *engine.Stats) int64 { return s.Sends.Load() }},
	{"hongbao_claims_total", "Shares claimed.", func(s *engine.Stats) int64 { return s.Claims.Load() }},
	{"hongbao_claim_repeats_total", "Claims by claimants who had their share, answered from memory.", func(s *engine.Stats) int64 { return s.Repeats.Load() }},
	{"hongbao_claim_refusals_total", "Claims that were refused.", func(s *engine.Stats) int64 { return s.Refusals.Load() }},
	{"hongbao_refunds_total", "Packets whose rest was refunded at expiry.", func(s *engine.Stats) int64 { return s.Refunds.Load() }},
	{"hongbao_groups_total", "Groups committed or tried.", func(s *engine.Stats) int64 { return s.Groups.Load() }},
	{"hongbao_orders_total", "Orders in those groups.", func(s *engine.Stats) int64 { return s.Orders.Load() }},
	{"hongbao_groups_stale_total", "Groups decided anew because a row had changed.", func(s *engine.Stats) int64 { return s.Stale.Load() }},
	{"hongbao_groups_unknown_total", "Groups whose fate could not be found out.", func(s *engine.Stats) int64 { return s.Unknown.Load() }},
	{"hongbao_packets_broken_total", "Packets found to break an invariant.", func(s *engine.Stats) int64 { return s.Broken.Load() }},
}

func counters(e *engine.Engine) prometheus.Collector {
	c := &engineCounters{stats: e.Stats()}
	for _, m := range metrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, nil, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *engineCounters) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *engineCounters) Collect(to chan<- prometheus.Metric) {
	for i, m := range metrics {
		to <- prometheus.MustNewConstMetric(c.descs[i], prometheus.CounterValue, float64(m.value(c.stats)))
	}
}
