package wire

import (
	"net/url"
	"strings"
)

// ParseRiskInfo reads the value of risk_info: a query string, escaped once more as
// a whole, or not. It is advice from the merchant's program, so what cannot be
// read is left out and nothing is an error. docs/api/wire.md#requests
func ParseRiskInfo(value string) Document {
	if !strings.Contains(value, "=") { // escaped as a whole: no sign of a pair in sight
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return nil
		}
		value = plain
	}
	var info Document
	for pair := range strings.SplitSeq(value, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(value)
		if err == nil && name != "" && !info.Has(name) && len(info) < elementsMax {
			info.Add(name, value)
		}
	}
	return info
}

// RiskInfo writes the value of risk_info: the pairs in their order, the empty ones
// left out, joined as a query string and escaped as a whole with lower-case hex.
func RiskInfo(info Document) string {
	var query []byte
	for _, f := range info {
		if f.Value == "" {
			continue
		}
		if len(query) > 0 {
			query = append(query, '&')
		}
		query = append(append(query, f.Name...), '=')
		query = appendEscapes(query, f.Value, func(c byte) bool { return strings.IndexByte("%&+", c) < 0 })
	}
	return string(appendEscapes(nil, string(query), func(c byte) bool {
		return isDigit(c) || isLetter(c) || strings.IndexByte("-_.~", c) >= 0
	}))
}

// appendEscapes appends s with every byte that is not plain as %xx.
func appendEscapes(to []byte, s string, plain func(byte) bool) []byte {
	const hexDigits = "0123456789abcdef"
	for i := range len(s) {
		if c := s[i]; plain(c) {
			to = append(to, c)
		} else {
			to = append(to, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return to
}
