package claim_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/server/claim"
)

var (
	verb = regexp.MustCompile(`%(\[\d\])?[ds]`)
	said = regexp.MustCompile(`say "([^"]+)"`)
)

// TestPhrasesAreWhole: each has both languages with the same values, and the
// templates name no other.
func TestPhrasesAreWhole(t *testing.T) {
	t.Parallel()
	for key, p := range claim.Phrases {
		var verbs [2][]string
		for l, text := range p {
			if text == "" || strings.ContainsAny(text, "!！<>") {
				t.Errorf("%s: %q", key, text)
			}
			verbs[l] = verb.FindAllString(regexp.MustCompile(`\[\d\]`).ReplaceAllString(text, ""), -1)
			slices.Sort(verbs[l])
		}
		if !slices.Equal(verbs[0], verbs[1]) {
			t.Errorf("%s: %v in Chinese, %v in English", key, verbs[0], verbs[1])
		}
	}
	names, err := fs.Glob(claim.Files, "site/*.html")
	if err != nil || len(names) == 0 {
		t.Fatalf("templates: %v, %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(claim.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(text), -1) {
			if _, ok := claim.Phrases[m[1]]; !ok {
				t.Errorf("%s says %q, which is no phrase", name, m[1])
			}
		}
	}
	for _, word := range []string{"held", "due", "moving", "confirm", "paid", "failed", "returned"} {
		if _, ok := claim.Phrases["payout."+word]; !ok {
			t.Errorf("no phrase for a payout that is %s", word)
		}
	}
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for a, want := range map[money.Fen][2]string{
		1: {"0.01 元", "¥0.01"}, 827: {"8.27 元", "¥8.27"}, 99_999: {"999.99 元", "¥999.99"},
		100_000: {"1,000.00 元", "¥1,000.00"}, 123_456_789: {"1,234,567.89 元", "¥1,234,567.89"},
	} {
		if zh, en := claim.Money(claim.Chinese, a), claim.Money(claim.English, a); zh != want[0] || en != want[1] {
			t.Errorf("%d fen is written %q and %q", a, zh, en)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		0: {"1 秒", "1 s"}, 59 * time.Second: {"59 秒", "59 s"}, 6*time.Minute + 12*time.Second: {"6 分 12 秒", "6 min 12 s"},
		24*time.Hour - time.Second:           {"23 小时 59 分", "23 h 59 min"},
		24 * time.Hour:                       {"1 天", "1 d"},
		time.Hour + time.Second:              {"1 小时", "1 h"},
		71*time.Hour + 59*time.Minute:        {"2 天 23 小时", "2 d 23 h"},
		6*time.Minute + 900*time.Millisecond: {"6 分", "6 min"},
	} {
		if zh, en := claim.Span(claim.Chinese, d), claim.Span(claim.English, d); zh != want[0] || en != want[1] {
			t.Errorf("%v is written %q and %q, want %q", d, zh, en, want)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "", "林": "林**", "林黛玉": "林**", "Em": "E**", "  李雷": "李**", "👩‍👧": "👩**", " ": ""} {
		if got := claim.Mask(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}
