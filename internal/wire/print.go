package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// AppendRequest appends doc as the body of a request: every value in CDATA, no
// empty element. A value arrives as it is, be it any text that is Legal.
// docs/api/wire.md#printer
func AppendRequest(body []byte, doc Document) []byte {
	body = append(body, "<xml>"...)
	for _, f := range doc {
		if f.Value == "" {
			continue
		}
		body = append(append(append(body, '<'), f.Name...), "><![CDATA["...)
		body = appendSections(body, f.Value)
		body = append(append(append(body, "]]></"...), f.Name...), '>')
	}
	return append(body, "</xml>"...)
}

// appendSections appends a value inside CDATA. The section is split where its
// own end would stand, and around a carriage return, which a reader would take
// for a line end unless it comes as a reference.
func appendSections(body []byte, value string) []byte {
	for {
		i := strings.IndexAny(value, "\r>")
		if i < 0 {
			return append(body, value...)
		}
		body = append(body, value[:i]...)
		switch {
		case value[i] == '\r':
			body = append(body, "]]>&#13;<![CDATA["...)
		case strings.HasSuffix(value[:i], "]]"):
			body = append(body, "]]><![CDATA[>"...)
		default:
			body = append(body, '>')
		}
		value = value[i+1:]
	}
}

// AppendAnswer appends a as the body of an answer, one element a line. Clients of
// many makes read it with parsers of many weaknesses, which is why numbers stand
// bare, other values in exactly one CDATA section, and a value with mark-up in it
// as text with named entities. What an answer should not hold, a control
// character say, is replaced as SignAnswer replaces it. docs/api/wire.md#printer
func AppendAnswer(body []byte, a Answer) []byte {
	body = append(body, "<xml>\n"...)
	body = appendElements(body, a.Document)
	if len(a.Claims) > 0 {
		body = append(body, "<hblist>\n"...)
		for _, claim := range a.Claims {
			body = append(body, "<hbinfo>\n"...)
			body = appendElements(body, claim)
			body = append(body, "</hbinfo>\n"...)
		}
		body = append(body, "</hblist>\n"...)
	}
	return append(body, "</xml>"...)
}

func appendElements(body []byte, doc Document) []byte {
	for _, f := range doc {
		value := printable(f.Value)
		if value == "" {
			continue
		}
		body = append(append(append(body, '<'), f.Name...), '>')
		switch {
		case numeric(f.Name) && all(value, isDigit):
			body = append(body, value...)
		case strings.Contains(value, "]]>") || strings.Contains(value, "<"):
			body = appendEscaped(body, value)
		default:
			body = append(append(append(body, "<![CDATA["...), value...), "]]>"...)
		}
		body = append(append(append(body, "</"...), f.Name...), ">\n"...)
	}
	return body
}

// appendEscaped appends value as text, with named entities only: a popular
// reader leaves numbered ones as they are.
func appendEscaped(body []byte, value string) []byte {
	for i := range len(value) {
		switch value[i] {
		case '<':
			body = append(body, "&lt;"...)
		case '>':
			body = append(body, "&gt;"...)
		case '&':
			body = append(body, "&amp;"...)
		default:
			body = append(body, value[i])
		}
	}
	return body
}

// numeric says whether name is an element of answers that stands bare.
func numeric(name string) bool {
	switch name {
	case "mch_id", "total_amount", "total_num", "send_listid", "refund_amount", "amount":
		return true
	}
	return false
}

// Legal says whether value can travel in a document: UTF-8, and only characters
// that XML 1.0 has.
func Legal(value string) bool {
	for _, r := range value {
		if !legal(r) {
			return false
		}
	}
	return utf8.ValidString(value)
}

// printable returns value as an answer may hold it: line ends are line feeds, and
// U+FFFD stands for each control character and each byte that is not UTF-8.
func printable(value string) string {
	value = lineEnds(value)
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || legal(r) && !unicode.IsControl(r) {
			return r
		}
		return utf8.RuneError
	}, value)
}
