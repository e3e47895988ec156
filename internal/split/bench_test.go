package split_test

import (
	"testing"

	"hongbao.example/hongbao/internal/split"
)

func BenchmarkDraw(b *testing.B) {
	for _, law := range split.Laws() {
		b.Run(string(law), func(b *testing.B) {
			t := split.Terms{SendListID: "1000202611243765492602060800000", Total: 100000, Num: 1000, Law: law, Min: 1, Cap: 20000}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := split.Draw(split.Secret{}, t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
