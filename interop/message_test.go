package interop_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"slices"
	"strings"
)

// A pair is an element of a request.
type pair struct{ name, value string }

// A message is a request before it is written.
type message []pair

func (m message) value(name string) string {
	for _, p := range m {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// set changes elements, or adds them at the end: name, value, name, value…
func (m *message) set(pairs ...string) {
	for change := range slices.Chunk(pairs, 2) {
		i := slices.IndexFunc(*m, func(p pair) bool { return p.name == change[0] })
		if i < 0 {
			*m = append(*m, pair{change[0], change[1]})
		} else {
			(*m)[i].value = change[1]
		}
	}
}

// drop takes elements out.
func (m *message) drop(names ...string) {
	*m = slices.DeleteFunc(*m, func(p pair) bool { return slices.Contains(names, p.name) })
}

// sign returns the sign of m under the API key, over all elements but those in
// unsigned. It is written from docs/api/wire.md#signature, apart from the code that
// it is to test.
func (m message) sign(unsigned []string, withHMAC bool) string {
	var lines []string
	for _, p := range m {
		if p.name != "sign" && p.value != "" && !slices.Contains(unsigned, p.name) {
			lines = append(lines, p.name+"="+p.value)
		}
	}
	slices.SortFunc(lines, func(a, b string) int {
		return strings.Compare(a[:strings.Index(a, "=")], b[:strings.Index(b, "=")])
	})
	h := md5.New()
	if withHMAC {
		h = hmac.New(sha256.New, []byte(apiKey))
	}
	_, _ = h.Write([]byte(strings.Join(append(lines, "key="+apiKey), "&")))
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// The styles in which libraries write a message.

// written writes m with each value in one form, and sep after each element.
func (m message) written(sep string, form func(value string) string) string {
	var b strings.Builder
	b.WriteString("<xml>" + sep)
	for _, p := range m {
		b.WriteString("<" + p.name + ">" + form(p.value) + "</" + p.name + ">" + sep)
	}
	return b.String() + "</xml>"
}

func section(v string) string { return "<![CDATA[" + v + "]]>" }

func cdataAll(m message) string { return m.written("", section) }

func windows(m message) string { return m.written("\r\n", section) }

func bare(m message) string { return m.written("", func(v string) string { return v }) }

func cdataIf(chars string) func(message) string {
	return func(m message) string {
		return m.written("", func(v string) string {
			if strings.ContainsAny(v, chars) {
				return section(v)
			}
			return v
		})
	}
}

func cdataUnlessNumeric(m message) string {
	return m.written("", func(v string) string {
		if strings.Trim(v, "0123456789") == "" {
			return v
		}
		return section(v)
	})
}

var named = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

func entities(m message) string { return m.written("", named.Replace) }

func xstream(m message) string { return m.written("\n  ", named.Replace) }

func goEscaped(m message) string {
	return m.written("", func(v string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(v)) // a strings.Builder takes everything
		return b.String()
	})
}
