package wire_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/wire"
)

// TestMemoryIsASmallMultipleOfTheInput feeds the largest bodies that a server lets
// in, shaped to make a reader waste memory. It runs alone: it reads the program's
// allocation counter.
func TestMemoryIsASmallMultipleOfTheInput(t *testing.T) {
	const size, multiple = 64 << 10, 4
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, "<a%d>1</a%d>", i, i)
	}
	for name, body := range map[string]string{
		"one value":         "<xml><a>" + fill("x") + "</a></xml>",
		"references":        "<xml><a>" + fill("&amp;") + "</a></xml>",
		"CDATA sections":    "<xml><a>" + fill("<![CDATA[]]>") + "</a></xml>",
		"line ends":         "<xml><a>" + fill("\r\n") + "</a></xml>",
		"many elements":     "<xml>" + many.String()[:size] + "</xml>",
		"deep elements":     "<xml>" + fill("<a>"),
		"comments":          "<xml>" + fill("<!---->") + "<a>1</a></xml>",
		"attributes":        "<xml><a " + fill(`b="" `) + ">1</a></xml>",
		"a long name":       "<xml><" + fill("a") + ">1</a></xml>",
		"nothing but space": fill(" "),
		"no end":            "<xml><a>" + fill("]]"),
	} {
		for call, parse := range map[string]func([]byte) error{
			"Parse":       func(b []byte) error { _, err := wire.Parse(b); return err },
			"ParseAnswer": func(b []byte) error { _, err := wire.ParseAnswer(b); return err },
		} {
			input := []byte(body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = parse(input) // refused or not, it is the memory that counts
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > uint64(multiple*len(input)) {
				t.Errorf("%s: %s of %d bytes allocates %d", name, call, len(input), used)
			}
		}
	}
}
