package explain

import (
	"slices"
	"strings"

	"hongbao.example/hongbao/internal/wire"
)

// signs adds a field to what is signed.
func signs(name, value string) func(*signing) bool {
	return func(s *signing) bool {
		s.fields = append(s.fields, wire.Field{Name: name, Value: value})
		return true
	}
}

// presence adds the mistakes of signing fields that should not be there, and of
// not signing those that should.
func (c *catalogue) presence() {
	var empty []string
	for _, f := range c.doc {
		if f.Value == "" && f.Name != "sign" {
			empty = append(empty, f.Name)
		}
	}
	for _, text := range []string{"", "null", "undefined", "None", "NULL", "nil", "(null)", "<nil>"} {
		c.empty(empty, text)
	}
	for _, f := range c.sent {
		c.add(mistake{cause: FieldLeftOut, fields: []string{f.Name}, common: true, apply: func(s *signing) bool {
			n := len(s.fields)
			s.fields = slices.DeleteFunc(s.fields, func(o wire.Field) bool { return o.Name == f.Name })
			return len(s.fields) < n
		}})
	}
	for _, f := range c.guesses() {
		if !c.doc.Has(f.Name) {
			c.add(mistake{cause: ExtraField, fields: []string{f.Name}, signed: f.Value, common: true, apply: signs(f.Name, f.Value)})
		}
	}
	for _, name := range c.unsent() {
		c.add(mistake{cause: ExtraField, fields: []string{name}, apply: signs(name, "")})
		for _, text := range []string{"null", "undefined", "None"} {
			c.add(mistake{cause: NullField, fields: []string{name}, signed: text, apply: signs(name, text)})
		}
	}
}

// empty adds the mistakes of signing elements without a value as text.
func (c *catalogue) empty(names []string, text string) {
	cause := NullField
	if text == "" {
		cause = EmptyField
	}
	for _, name := range names {
		c.add(mistake{cause: cause, fields: []string{name}, signed: text, common: text == "", apply: signs(name, text)})
	}
	if len(names) < 2 {
		return
	}
	c.add(mistake{cause: cause, fields: names, signed: text, common: true, apply: func(s *signing) bool {
		for _, name := range names {
			signs(name, text)(s)
		}
		return true
	}})
}

// guesses are fields that somebody may have signed without sending them, with the
// values they would have had.
func (c *catalogue) guesses() []wire.Field {
	all := []wire.Field{{Name: "sign_type", Value: "MD5"}, {Name: "sign_type", Value: "HMAC-SHA256"}}
	for _, f := range []wire.Field{
		{Name: "appid", Value: c.doc.Value("wxappid")},
		{Name: "wxappid", Value: c.doc.Value("appid")},
		{Name: "sub_appid", Value: c.doc.Value("wxappid")},
		{Name: "msgappid", Value: c.doc.Value("wxappid")},
		{Name: "mchid", Value: c.doc.Value("mch_id")},
		{Name: "sub_mch_id", Value: c.doc.Value("mch_id")},
		{Name: "openid", Value: c.doc.Value("re_openid")},
		{Name: "out_trade_no", Value: c.doc.Value("mch_billno")},
		{Name: "amt_type", Value: "ALL_RAND"},
		{Name: "total_num", Value: "1"},
		{Name: "bill_type", Value: "MCHT"},
		{Name: "client_ip", Value: "127.0.0.1"},
		{Name: "min_value", Value: c.doc.Value("total_amount")},
		{Name: "max_value", Value: c.doc.Value("total_amount")},
		{Name: "nick_name", Value: c.doc.Value("send_name")},
	} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	return all
}

// signItself adds the mistakes of signing the sign: an empty one, or the one that
// was made a moment before.
func (c *catalogue) signItself() {
	c.add(mistake{cause: SignSigned, fields: []string{"sign"}, common: true, apply: signs("sign", "")})
	for _, write := range []func([]byte) string{upperHex, lowerHex} {
		c.add(mistake{cause: SignSigned, fields: []string{"sign"}, common: true, apply: func(s *signing) bool {
			return signs("sign", write(s.hash(s.text(nil), s.key)))(s)
		}})
	}
}

// encodings adds the mistakes of signing values in another form than they have
// when they arrive.
func (c *catalogue) encodings() {
	c.each(WhiteSpace, strings.TrimSpace, func(v string) string { return strings.Trim(v, " \t\r\n\x00\x0B") },
		func(v string) string { return strings.TrimRight(v, " \t\r\n") }, func(v string) string { return strings.TrimLeft(v, " \t\r\n") },
		func(v string) string { return strings.Join(strings.Fields(v), " ") }, func(v string) string { return strings.Join(strings.Fields(v), "") })
	for _, pad := range []string{"\n", " ", "\r\n", "\t"} {
		for _, f := range c.sent { // nobody pads all
			c.values(mistake{cause: WhiteSpaceLost}, only(f.Name, func(v string) string { return v + pad }))
			c.values(mistake{cause: WhiteSpaceLost}, only(f.Name, func(v string) string { return pad + v }))
		}
	}
	c.each(LineEnd, replacing("\r", "", "\n", "\r\n"), replacing("\r\n", "\n"), replacing("\r\n", "\r", "\n", "\r"),
		replacing("\r", "", "\n", ""), replacing("\r", "", "\n", " "), replacing("\r", `\r`, "\n", `\n`))
	c.each(URLEncoded, escapers()...)
	c.each(URLDecoded, unescapers()...)
	c.each(Entities, replacing("&", "&amp;", "<", "&lt;", ">", "&gt;"),
		replacing("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;"),
		replacing("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;"),
		replacing("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;"),
		replacing("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;"),
		replacing("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;"), numericEntities)
	c.each(EntitiesSent, unescapeEntities)
	c.each(CDATA, func(v string) string { return "<![CDATA[" + v + "]]>" }, func(v string) string {
		if digits(v) {
			return v
		}
		return "<![CDATA[" + v + "]]>"
	})
	c.each(Quotes, func(v string) string { return `"` + v + `"` }, func(v string) string { return "'" + v + "'" }, func(v string) string {
		if digits(v) {
			return v
		}
		return `"` + v + `"`
	})
	c.each(Backslashes, replacing(`\`, `\\`, "'", `\'`, `"`, `\"`), replacing(`\`, `\\`, `"`, `\"`), replacing("/", `\/`),
		replacing(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`), replacing(`\`, `\\`, `"`, `\"`, "/", `\/`, "\n", `\n`, "\r", `\r`, "\t", `\t`))
	c.each(Supplementary, supplementary(""), supplementary("?"), supplementary("??"), supplementary("\uFFFD"))
	c.each(LetterCase, strings.ToLower, strings.ToUpper)
}

// each adds changes of values that do not look at names.
func (c *catalogue) each(cause Cause, changes ...func(string) string) {
	for _, change := range changes {
		c.values(mistake{cause: cause, common: true}, every(change))
	}
}

// only restricts a change of values to one field.
func only(name string, change func(string) string) func(wire.Field) string {
	return func(f wire.Field) string {
		if f.Name != name {
			return f.Value
		}
		return change(f.Value)
	}
}

// numbers adds the mistakes of signing an amount or a count in another form.
func (c *catalogue) numbers() {
	money := []string{"total_amount", "min_value", "max_value"}
	counts := append([]string{"total_num"}, money...)
	for _, form := range []func(string) string{yuan, yuanShort, yuanTenths, fenOfYuan, fenOfDecimals} {
		c.values(mistake{cause: NumberForm, common: true}, among(money, form))
	}
	for _, form := range []func(string) string{
		func(v string) string { return suffixed(v, ".0") }, func(v string) string { return suffixed(v, ".00") },
		func(v string) string { return suffixed(v, ".000000") }, thousands, func(v string) string { return "0" + v }, wholePart,
	} {
		c.values(mistake{cause: NumberForm}, among(counts, form))
	}
	c.values(mistake{cause: NumberForm}, every(func(v string) string {
		if t := strings.TrimLeft(v, "0"); digits(v) && t != "" {
			return t
		}
		return v
	}))
}

// among restricts a change of values to the fields that are named.
func among(names []string, change func(string) string) func(wire.Field) string {
	return func(f wire.Field) string {
		if !slices.Contains(names, f.Name) {
			return f.Value
		}
		return change(f.Value)
	}
}
