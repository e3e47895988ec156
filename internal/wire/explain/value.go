package explain

import (
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// What programs do to values and strings. Each function returns what it cannot
// change as it is.

// The digits of hexadecimal.
const (
	lowerDigits = "0123456789abcdef"
	upperDigits = "0123456789ABCDEF"
)

// replacing makes a change of pairs: old, new, old, new …
func replacing(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }

// escaping is one style of URL encoding.
type escaping struct {
	keep  string // what stands as it is, beside letters and digits
	plus  bool   // a space becomes +, not %20
	lower bool   // hex digits in lower case
}

// escapers are the styles of the libraries in use: PHP's rawurlencode and
// urlencode, Go, Java, JavaScript's two, Python, .NET.
func escapers() (all []func(string) string) {
	for _, e := range []escaping{
		{keep: "-_.~"},
		{keep: "-_.", plus: true},
		{keep: "-_.~", plus: true},
		{keep: "-_.*", plus: true},
		{keep: "-_.!~*'()"},
		{keep: "-_.!~*'();,/?:@&=+$#"},
		{keep: "-_.~/"},
		{keep: "-_.!*()", plus: true, lower: true},
		{keep: "-_.~", lower: true},
	} {
		all = append(all, e.escape)
	}
	return all
}

func (e escaping) escape(v string) string {
	alphabet := upperDigits
	if e.lower {
		alphabet = lowerDigits
	}
	b := make([]byte, 0, 3*len(v))
	for i := range len(v) {
		switch c := v[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte(e.keep, c) >= 0:
			b = append(b, c)
		case c == ' ' && e.plus:
			b = append(b, '+')
		default:
			b = append(b, '%', alphabet[c>>4], alphabet[c&15])
		}
	}
	return string(b)
}

// unescapers undo URL encoding: with + as a plus, with + as a space, and twice.
func unescapers() []func(string) string {
	once := func(v string) string {
		if t, err := url.PathUnescape(v); err == nil {
			return t
		}
		return v
	}
	form := func(v string) string {
		if t, err := url.QueryUnescape(v); err == nil {
			return t
		}
		return v
	}
	return []func(string) string{once, form, func(v string) string { return once(once(v)) }}
}

// numericEntities writes what is not ASCII as XML references.
func numericEntities(v string) string {
	var b strings.Builder
	for _, r := range v {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return b.String()
}

func unescapeEntities(v string) string { return html.UnescapeString(v) }

// supplementary makes a change that replaces characters of four bytes.
func supplementary(by string) func(string) string {
	return func(v string) string {
		var b strings.Builder
		for _, r := range v {
			if r > 0xFFFF {
				b.WriteString(by)
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
}

// digits says whether v is a whole number of a length that amounts and ids have.
func digits(v string) bool {
	return v != "" && len(v) <= 32 && strings.Trim(v, "0123456789") == ""
}

// decimals splits a number with a point and one or two decimals.
func decimals(v string) (whole, part string, ok bool) {
	whole, part, _ = strings.Cut(v, ".")
	return whole, part, digits(whole) && digits(part) && len(part) <= 2
}

// yuan writes fen as yuan with two decimals.
func yuan(v string) string {
	if !digits(v) {
		return v
	}
	v = strings.Repeat("0", max(0, 3-len(v))) + v
	return v[:len(v)-2] + "." + v[len(v)-2:]
}

// yuanShort writes fen as yuan with no more decimals than it needs.
func yuanShort(v string) string {
	if !digits(v) {
		return v
	}
	return strings.TrimSuffix(strings.TrimRight(yuan(v), "0"), ".")
}

// yuanTenths writes fen as yuan with one decimal, where that is exact.
func yuanTenths(v string) string {
	if t, ok := strings.CutSuffix(yuan(v), "0"); ok && digits(v) {
		return t
	}
	return v
}

// fenOfYuan makes fen of whole yuan.
func fenOfYuan(v string) string { return suffixed(v, "00") }

// fenOfDecimals makes fen of yuan with decimals.
func fenOfDecimals(v string) string {
	whole, part, ok := decimals(v)
	if !ok {
		return v
	}
	if t := strings.TrimLeft(whole+(part + "0")[:2], "0"); t != "" {
		return t
	}
	return v
}

// wholePart drops decimals that are zero.
func wholePart(v string) string {
	if whole, part, ok := decimals(v); ok && strings.Trim(part, "0") == "" {
		return whole
	}
	return v
}

// suffixed appends to whole numbers.
func suffixed(v, suffix string) string {
	if !digits(v) {
		return v
	}
	return v + suffix
}

// thousands groups a whole number by commas.
func thousands(v string) string {
	if !digits(v) {
		return v
	}
	for i := len(v) - 3; i > 0; i -= 3 {
		v = v[:i] + "," + v[i:]
	}
	return v
}

// gbk encodes text as GBK; what GBK does not have becomes a question mark.
func gbk(text string) string {
	if t, err := simplifiedchinese.GBK.NewEncoder().String(text); err == nil {
		return t
	}
	var b strings.Builder
	enc := simplifiedchinese.GBK.NewEncoder()
	for _, r := range text {
		if t, err := enc.String(string(r)); err == nil {
			b.WriteString(t)
		} else {
			b.WriteByte('?')
		}
	}
	return b.String()
}

// gb18030 encodes text as GB18030, which has every character.
func gb18030(text string) string {
	t, _ := simplifiedchinese.GB18030.NewEncoder().String(text) // UTF-8 it is
	return t
}

// ascii makes a change that replaces each unit of UTF-16 beyond ASCII.
func ascii(by string) func(string) string {
	return func(text string) string {
		var b strings.Builder
		for _, r := range text {
			switch {
			case r < utf8.RuneSelf:
				b.WriteRune(r)
			case r > 0xFFFF:
				b.WriteString(by + by)
			default:
				b.WriteString(by)
			}
		}
		return b.String()
	}
}

// twice reads the bytes of UTF-8 as Latin-1 and encodes them again.
func twice(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(rune(text[i]))
	}
	return b.String()
}

// wide makes a change to UTF-16, in either order of bytes.
func wide(bigEndian bool) func(string) string {
	return func(text string) string {
		b := make([]byte, 0, 2*len(text))
		for _, u := range utf16.Encode([]rune(text)) {
			if bigEndian {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return string(b)
	}
}

// jsonEscapes writes text as a JSON string, and what is not ASCII by number; PHP
// escapes slashes too.
func jsonEscapes(alphabet string, slashes bool) func(string) string {
	pairs := []string{`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`}
	if slashes {
		pairs = append(pairs, "/", `\/`)
	}
	quoted := replacing(pairs...)
	return func(text string) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(quoted(text))) {
			if u < utf8.RuneSelf {
				b.WriteByte(byte(u))
				continue
			}
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(alphabet[u>>shift&15])
			}
		}
		return b.String()
	}
}
