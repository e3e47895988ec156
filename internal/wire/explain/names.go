package explain

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/wire"
)

// aliases are names that sister protocols, old documents and libraries have for an
// element, beyond its other spellings.
var aliases = map[string][]string{
	"mch_billno":   {"MchBillNO", "mchBillNo", "MchBillNo", "mch_bill_no", "billno", "billNo", "out_trade_no", "partner_trade_no"},
	"mch_id":       {"mchID", "MchID", "mchid", "mch_no"},
	"sub_mch_id":   {"sub_mchid", "subMchID", "SubMchID"},
	"wxappid":      {"appid", "appId", "app_id", "wxAppId", "wxAppid", "WxAppId", "WxAppID", "wx_appid", "wx_app_id", "mch_appid"},
	"appid":        {"wxappid", "appId", "AppId", "AppID", "app_id"},
	"msgappid":     {"msgAppId", "MsgAppId", "MsgAppID", "msg_appid"},
	"nonce_str":    {"noncestr", "nonce"},
	"send_name":    {"nick_name", "sender_name"},
	"re_openid":    {"openid", "openId", "reOpenId", "reOpenID", "ReOpenId", "ReOpenID", "re_openId", "re_open_id"},
	"total_amount": {"amount", "total_fee"},
	"client_ip":    {"clientIP", "ClientIP", "spbill_create_ip"},
	"scene_id":     {"sceneID", "SceneID"},
}

// spellings write a name of words in the other ways of writing words.
var spellings = []func(string) string{camel, pascal, joined, strings.ToUpper, hyphened}

func camel(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		words[i] = capital(words[i])
	}
	return strings.Join(words, "")
}

func pascal(name string) string { return capital(camel(name)) }

func capital(word string) string {
	r, n := utf8.DecodeRuneInString(word)
	return strings.ToUpper(string(r)) + word[n:]
}

func joined(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

func hyphened(name string) string { return strings.ReplaceAll(name, "_", "-") }

// names adds the mistakes of signing a field under another name than it is sent
// under.
func (c *catalogue) names() {
	for _, spell := range spellings {
		c.rename(spell, "")
	}
	for _, f := range c.sent {
		var other []string
		for _, spell := range spellings {
			other = append(other, spell(f.Name))
		}
		other = append(other, aliases[f.Name]...)
		for _, name := range documented { // sent under a wrong name, signed under the right one
			if !c.doc.Has(name) && c.call.Documents(name) && joined(strings.ReplaceAll(f.Name, "-", "")) == joined(name) {
				other = append(other, name)
			}
		}
		slices.Sort(other)
		for _, name := range slices.Compact(other) {
			if name != f.Name && name != "" {
				c.rename(func(string) string { return name }, f.Name)
			}
		}
	}
}

// rename adds the mistakes of one spelling, of all fields or of one: with the
// fields in the order of the wrong names, and of the right ones.
func (c *catalogue) rename(spell func(string) string, one string) {
	m := mistake{cause: FieldName, slot: content}
	to := map[string]string{}
	for _, f := range c.sent {
		name := spell(f.Name)
		if name == f.Name || one != "" && one != f.Name {
			continue
		}
		to[f.Name] = name
		if m.fields = append(m.fields, f.Name); len(m.fields) == 1 {
			m.signed, m.sent = name, f.Name
		}
	}
	if len(m.fields) == 0 || len(m.fields) == 1 && one == "" {
		return // the spelling of one field comes by itself
	}
	for _, sorted := range []bool{false, true} {
		m.apply = func(s *signing) (did bool) {
			if sorted {
				s.sort()
				s.order = nil
			}
			for i, f := range s.fields {
				if name, ok := to[f.Name]; ok {
					s.fields[i].Name, did = name, true
				}
			}
			return did
		}
		m.common = !sorted && (one == "" || slices.Contains(aliases[one], m.signed))
		c.add(m)
	}
}

// order adds the mistakes of joining the fields in another order.
func (c *catalogue) order() {
	rank := func(names []string) func(a, b wire.Field) int {
		return func(a, b wire.Field) int { return cmp.Compare(place(names, a.Name), place(names, b.Name)) }
	}
	var sent []string
	for _, f := range c.doc {
		sent = append(sent, f.Name)
	}
	by := func(less func(a, b wire.Field) int) func(*signing) {
		return func(s *signing) { s.order = less }
	}
	c.plain(Order, order, true, by(rank(sent)), by(func(a, b wire.Field) int { return byName(b, a) }))
	c.plain(Order, order, false,
		by(func(a, b wire.Field) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) }),
		by(func(a, b wire.Field) int { return strings.Compare(strings.ToUpper(a.Name), strings.ToUpper(b.Name)) }),
		by(func(a, b wire.Field) int { return strings.Compare(joined(a.Name), joined(b.Name)) }),
		by(rank(documented)),
		by(func(a, b wire.Field) int { return cmp.Compare(place(sent, b.Name), place(sent, a.Name)) }),
		by(func(a, b wire.Field) int { return strings.Compare(a.Value, b.Value) }),
		by(func(a, b wire.Field) int { return strings.Compare(a.Name+"="+a.Value, b.Name+"="+b.Value) }),
		by(func(a, b wire.Field) int {
			return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
		}),
	)
}

// place is where a name stands in a list; those that are not in it come last.
func place(names []string, name string) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	return len(names)
}

// joints adds the mistakes of joining the fields by something else.
func (c *catalogue) joints() {
	by := func(between, equals string) func(*signing) {
		return func(s *signing) { s.between, s.equals = between, equals }
	}
	c.plain(Joint, joint, false,
		by("&amp;", "="), by("", "="), by(",", "="), by(", ", "="), by(";", "="), by("|", "="), by("\n", "="), by("& ", "="),
		by("&", ":"), by("&", ""), by("&", " = "), by("", ""),
		func(s *signing) { // values alone
			s.sort()
			for i := range s.fields {
				s.fields[i].Name = ""
			}
			s.between, s.equals, s.order = "", "", nil
		},
		func(s *signing) { s.between, s.frame = ", ", []string{"{", fieldsHere, "}&key=", keyHere} },
	)
}
