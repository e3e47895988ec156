package explain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// A target is one reading of a sign: what a digest must be to have made it.
type target struct {
	forms []*mistake // what is wrong with how the sign is written
	size  int        // of the digest
	hash  hash       // that is right for the size, or that forms blame
	is    func(sum []byte) bool
}

// What a sign that is read may be long, and how much of a digest proves that it is
// meant, in hex digits: 64 bits.
const (
	signMax = 256
	hexMin  = 16
)

// plain says whether a sign is written as it should be.
func plain(sign string) bool {
	_, err := hex.DecodeString(sign)
	return err == nil && (len(sign) == 32 || len(sign) == 64)
}

// targets lists the readings of a sign.
func targets(sign string) (all []target) {
	text := strings.TrimSpace(sign)
	bare := strings.NewReplacer("-", "", ":", "", " ", "").Replace(strings.TrimPrefix(strings.ToLower(text), "0x"))
	if sum, err := hex.DecodeString(bare); err == nil && len(bare) <= signMax {
		var forms []*mistake
		if bare != strings.ToLower(sign) {
			forms = append(forms, &mistake{cause: SignMarks})
		}
		all = append(all, exactly(sum, forms...)...)
		if inner, err := hex.DecodeString(string(sum)); err == nil {
			all = append(all, exactly(inner, append(forms, &mistake{cause: SignTwice})...)...)
		}
	}
	if len(all) == 0 && len(text) <= signMax {
		all = append(based(text), partly(bare)...)
	}
	return all
}

// exactly makes the targets of a digest.
func exactly(sum []byte, forms ...*mistake) []target {
	is := func(other []byte) bool { return bytes.Equal(sum, other) }
	blaming := func(name string) []*mistake {
		return append([]*mistake{{cause: Hash, signed: name}}, forms...)
	}
	switch len(sum) {
	case 16:
		return []target{{forms, 16, md5Sum, is}}
	case 32:
		return []target{{forms, 32, hmacSHA256, is}}
	case 20:
		return []target{{blaming("SHA-1"), 20, sha1Sum, is}, {blaming("HMAC-SHA1"), 20, hmacSHA1, is}}
	case 64:
		return []target{{blaming("SHA-512"), 64, sha512Sum, is}}
	}
	return nil
}

// based reads a sign in base64, of a digest or of its hex.
func based(text string) (all []target) {
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		sum, err := enc.DecodeString(text)
		if err != nil {
			continue
		}
		form := &mistake{cause: SignBase64}
		if inner, err := hex.DecodeString(string(sum)); err == nil {
			return exactly(inner, form)
		}
		return exactly(sum, form)
	}
	return nil
}

// partly reads a sign that is hex of another length than a digest has.
func partly(text string) (all []target) {
	if len(text) < hexMin || strings.Trim(text, "0123456789abcdef") != "" {
		return nil
	}
	for _, t := range []target{{size: 16, hash: md5Sum}, {size: 32, hash: hmacSHA256}} {
		t.forms, t.is = []*mistake{{cause: SignDigits}}, func(sum []byte) bool { return text == short(sum) || text == ragged(sum) || text == signed(sum) }
		all = append(all, t)
		if len(text) < 2*t.size {
			t.forms, t.is = []*mistake{{cause: SignCut}}, func(sum []byte) bool { return cut(sum, text) }
			all = append(all, t)
		}
	}
	return all
}

// short writes a digest as a big number, without zeros in front.
func short(sum []byte) string { return strings.TrimLeft(lowerHex(sum), "0") }

// ragged writes each byte with as few digits as it needs.
func ragged(sum []byte) string {
	var b strings.Builder
	for _, c := range sum {
		b.WriteString(digit(c))
	}
	return b.String()
}

// signed writes each byte as the 32-bit number that a signed byte widens to.
func signed(sum []byte) string {
	var b strings.Builder
	for _, c := range sum {
		if c >= 0x80 {
			b.WriteString("ffffff")
		}
		b.WriteString(digit(c))
	}
	return b.String()
}

// digit writes a byte in one or two hex digits.
func digit(c byte) string { return strings.TrimPrefix(lowerHex([]byte{c}), "0") }

// cut says whether text, which is shorter, is the beginning, the middle or the end
// of a digest.
func cut(sum []byte, text string) bool {
	all := lowerHex(sum)
	from := (len(all) - len(text)) / 2
	return strings.HasPrefix(all, text) || strings.HasSuffix(all, text) || all[from:from+len(text)] == text
}

// hashings lists the mistakes of making a digest of one size.
func hashings(size int) (all []*mistake) {
	add := func(cause Cause, name string, common bool, h hash) {
		all = append(all, &mistake{cause: cause, signed: name, slot: hashing, common: common, apply: func(s *signing) bool {
			s.hash = h
			return true
		}})
	}
	again := func(h hash, write func([]byte) string) hash {
		return func(text []byte, key string) []byte { return h([]byte(write(h(text, key))), key) }
	}
	raw := func(sum []byte) string { return string(sum) }
	switch size {
	case 16:
		for _, write := range []func([]byte) string{lowerHex, upperHex, raw} {
			add(DoubleHash, "", false, again(md5Sum, write))
		}
		add(Hash, "HMAC-MD5", false, hmacMD5)
		for _, h := range []hash{hmacSHA256, sha256Sum} {
			add(SignCut, "", false, func(text []byte, key string) []byte { return h(text, key)[:16] })
			add(SignCut, "", false, func(text []byte, key string) []byte { return h(text, key)[8:24] })
			add(SignCut, "", false, func(text []byte, key string) []byte { return h(text, key)[16:] })
		}
	case 32:
		add(Hash, "SHA-256", true, sha256Sum)
		add(HMACKey, "", true, func(text []byte, _ string) []byte { return hmacSHA256(text, "") })
		add(HMACKey, "", false, func(text []byte, key string) []byte { return hmacSHA256([]byte(key), string(text)) })
		for _, h := range []hash{hmacSHA256, sha256Sum} {
			for _, write := range []func([]byte) string{lowerHex, upperHex, raw} {
				add(DoubleHash, "", false, again(h, write))
			}
		}
		for _, write := range []func([]byte) string{lowerHex, upperHex} {
			add(DoubleHash, "", false, func(text []byte, key string) []byte { return hmacSHA256([]byte(write(md5Sum(text, ""))), key) })
		}
	}
	return all
}
