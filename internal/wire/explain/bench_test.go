package explain_test

import (
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/wire"
	"hongbao.example/hongbao/internal/wire/explain"
)

// BenchmarkExplain measures the whole search, which is what a wrong key costs: for
// the usual group request, and for those that cost the most. 50 ms is the limit.
func BenchmarkExplain(b *testing.B) {
	usual := plainRequests(b)[0]
	docs := heavy()
	docs["usual"] = with(usual, "sign", strings.Repeat("A1", 16))
	docs["usual, HMAC"] = with(usual, "sign", strings.Repeat("A1", 32))
	for name, doc := range docs {
		b.Run(name, func(b *testing.B) {
			r := explain.Request{Call: wire.SendGroupRedPack, Document: doc, Keys: allKeys(b)}
			var rep explain.Report
			for b.Loop() {
				rep = explain.Explain(r)
			}
			b.ReportMetric(float64(rep.Ways), "ways")
		})
	}
}
