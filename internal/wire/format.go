package wire

import (
	"strings"
	"unicode/utf8"
)

// The forms that values must have. docs/api/wire.md#requests

// ValidMchID says whether s is a merchant's number: 1 to 32 digits.
func ValidMchID(s string) bool { return within(s, 32) && all(s, isDigit) }

// ValidBillNo says whether s can be a bill number: 1 to 28 letters and digits.
func ValidBillNo(s string) bool {
	return within(s, 28) && all(s, func(c byte) bool { return isDigit(c) || isLetter(c) })
}

// ValidID says whether s can be an appid or an openid: 1 to 32 letters, digits,
// hyphens and underscores.
func ValidID(s string) bool {
	return within(s, 32) && all(s, func(c byte) bool { return isDigit(c) || isLetter(c) || c == '-' || c == '_' })
}

// ValidNumber says whether s is a positive number as total_amount and total_num
// are written: 1 to 10 digits, no sign, no leading zero.
func ValidNumber(s string) bool { return within(s, 10) && s[0] != '0' && all(s, isDigit) }

// ValidNonce says whether s can be a nonce_str: 1 to 32 visible ASCII characters.
func ValidNonce(s string) bool { return within(s, 32) && all(s, isVisible) }

// ValidSceneID says whether s is one of PRODUCT_1 … PRODUCT_8.
func ValidSceneID(s string) bool {
	n, ok := strings.CutPrefix(s, "PRODUCT_")
	return ok && len(n) == 1 && n >= "1" && n <= "8"
}

// ValidText says whether s can be shown to people as one line: at most runesMax
// code points, no control characters below U+0020, not only white space.
func ValidText(s string, runesMax int) bool {
	return ValidLines(s, runesMax) && !strings.ContainsAny(s, "\n\t")
}

// ValidLines is ValidText for a value that may have line feeds and tabs.
func ValidLines(s string, runesMax int) bool {
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' {
			return false
		}
	}
	return utf8.RuneCountInString(s) <= runesMax && strings.TrimSpace(s) != ""
}

func within(s string, bytesMax int) bool { return s != "" && len(s) <= bytesMax }

// all says whether every byte of s is ok. The empty string is.
func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isVisible(c byte) bool { return c > ' ' && c < 0x7F }
