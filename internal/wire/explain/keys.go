package explain

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"hongbao.example/hongbao/internal/wire"
)

// sampleKey is the key of the signature example in the protocol's old public
// documentation. It is in many programs that were made after that example.
const sampleKey = "192006250b4c09247ec02edce69f6a2d"

// keys adds the mistakes in the key and in how it is appended.
func (c *catalogue) keys() {
	c.plain(SampleKey, whose, true, open(sampleKey))
	for _, f := range c.sent {
		c.add(mistake{cause: KeyIsField, fields: []string{f.Name}, slot: whose, apply: func(s *signing) bool {
			open(f.Value)(s)
			return true
		}})
	}
	c.plain(KeyEmpty, written, true, open(""))
	c.plain(KeyEmpty, written, false, open("null"), open("undefined"), open("None"), open("key"), open("API_KEY"), open("your_key"))
	c.rewrite(KeySpaces, true,
		func(k string) string { return k + "\n" }, func(k string) string { return k + " " },
		func(k string) string { return " " + k }, func(k string) string { return k + "\r\n" })
	c.rewrite(KeySpaces, false,
		func(k string) string { return k + "\r" }, func(k string) string { return k + "\t" }, func(k string) string { return "\t" + k },
		func(k string) string { return "\n" + k }, func(k string) string { return "\r\n" + k }, func(k string) string { return " " + k + " " },
		func(k string) string { return "\uFEFF" + k }, func(k string) string { return k + "\u200B" }, func(k string) string { return k + "\u00A0" })
	c.rewrite(KeyCase, true, strings.ToLower, strings.ToUpper)
	c.rewrite(KeyCut, false,
		func(k string) string { return k[1:] }, func(k string) string { return k[:len(k)-1] },
		func(k string) string { return k[:len(k)/2] }, func(k string) string { return k + k })
	c.rewrite(KeyForm, false,
		func(k string) string { return `"` + k + `"` }, func(k string) string { return "'" + k + "'" },
		func(k string) string { return k + ";" }, func(k string) string { return "key=" + k }, escaping{}.escape)
	c.derive(func(k string) string { return lowerHex(md5Sum([]byte(k), "")) }, func(k string) string { return upperHex(md5Sum([]byte(k), "")) },
		func(k string) string { return base64.StdEncoding.EncodeToString([]byte(k)) }, unhex, unbase64)
	c.frames()
}

// open puts a text in the key's place that is no secret.
func open(text string) func(*signing) {
	return func(s *signing) {
		s.key, s.shown = text, func(key string) string { return key }
	}
}

// rewrite adds mistakes of writing the key otherwise.
func (c *catalogue) rewrite(cause Cause, common bool, changes ...func(string) string) {
	for _, change := range changes {
		c.add(mistake{cause: cause, slot: written, common: common, apply: func(s *signing) bool {
			before := s.key
			s.key = change(s.key)
			return s.key != before
		}})
	}
}

// derive adds mistakes of using what is made of the key. Its end is not the key's,
// so nothing of it is shown.
func (c *catalogue) derive(changes ...func(string) string) {
	for _, change := range changes {
		c.add(mistake{cause: KeyForm, slot: written, apply: func(s *signing) bool {
			before := s.key
			s.key, s.shown = change(s.key), func(string) string { return dots }
			return s.key != before
		}})
	}
}

func unhex(key string) string {
	if b, err := hex.DecodeString(key); err == nil {
		return string(b)
	}
	return key
}

func unbase64(key string) string {
	if b, err := base64.StdEncoding.DecodeString(key); err == nil {
		return string(b)
	}
	return key
}

// frames adds the mistakes of appending the key otherwise.
func (c *catalogue) frames() {
	c.framed(NoKey, true, []string{fieldsHere})
	c.framed(NoKey, false, []string{fieldsHere, "&"}, []string{fieldsHere, "&key"})
	c.framed(KeyName, true, []string{fieldsHere, "&", keyHere}, []string{fieldsHere, keyHere})
	for _, name := range []string{
		"key=", "&Key=", "&KEY=", "&key", "&key:", "&key = ", "&secret=", "&app_key=", "&appkey=", "&appKey=", "&api_key=", "&apikey=",
		"&apiKey=", "&apiv2_key=", "&mch_key=", "&mchkey=", "&mchKey=", "&partnerKey=", "&partner_key=", "&paySignKey=", "&paternerKey=",
		"&sign_key=", "&signKey=", "&appSecret=", "&app_secret=", "&token=", "&amp;key=", ",key=", "|key=",
	} {
		c.framed(KeyName, false, []string{fieldsHere, name, keyHere})
	}
	here := wire.Field{Name: "key", Value: keyHere}
	c.plain(KeyPlace, frame, true, func(s *signing) { s.fields, s.frame = append(s.fields, here), []string{fieldsHere} })
	c.plain(KeyPlace, frame, false, func(s *signing) { s.fields = append(s.fields, here) })
	c.framed(KeyPlace, false,
		[]string{"key=", keyHere, "&", fieldsHere}, []string{"key=", keyHere, fieldsHere}, []string{keyHere, fieldsHere},
		[]string{keyHere, "&", fieldsHere}, []string{keyHere, fieldsHere, keyHere},
		[]string{fieldsHere, "&key=", keyHere, "&key=", keyHere},
	)
	c.framed(Joint, true, []string{fieldsHere, "&&key=", keyHere})
	c.framed(Joint, false,
		[]string{"&", fieldsHere, "&key=", keyHere}, []string{"?", fieldsHere, "&key=", keyHere}, []string{"{", fieldsHere, "}&key=", keyHere},
		[]string{fieldsHere, "\n&key=", keyHere}, []string{fieldsHere, " &key=", keyHere}, []string{fieldsHere, "&key=", keyHere, "&"},
		[]string{fieldsHere, "&key=", keyHere, "\n"}, []string{fieldsHere, "&key=", keyHere, " "}, []string{"\n", fieldsHere, "&key=", keyHere},
	)
}

// framed adds mistakes that are other frames.
func (c *catalogue) framed(cause Cause, common bool, frames ...[]string) {
	for _, f := range frames {
		c.plain(cause, frame, common, func(s *signing) { s.frame = f })
	}
}

// strings adds the mistakes of changing the string as a whole before it is hashed.
func (c *catalogue) strings() {
	change := func(cause Cause, common, opaque bool, changes ...func(string) string) {
		for _, change := range changes {
			c.plain(cause, whole, common, func(s *signing) { s.whole, s.opaque = change, opaque })
		}
	}
	change(LetterCase, true, false, strings.ToLower, strings.ToUpper)
	change(Charset, true, true, gbk, gb18030)
	change(CharsetLost, true, false, ascii("?"), ascii(""), ascii("\uFFFD"))
	change(CharsetTwice, false, false, twice)
	change(UTF16, false, true, wide(false), wide(true))
	change(UnicodeEscapes, false, false, jsonEscapes(lowerDigits, false), jsonEscapes(lowerDigits, true), jsonEscapes(upperDigits, false), jsonEscapes(upperDigits, true))
	change(StringEncoded, false, false, escapers()...)
	change(StringEncoded, false, true, func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) })
	change(ByteOrderMark, false, false, func(text string) string { return "\uFEFF" + text })
}
