package explain

import (
	"slices"
	"strings"

	"hongbao.example/hongbao/internal/wire"
)

// slot is the part of a signing that a mistake changes. Two mistakes go together
// if their slots differ, or if both are in the content.
type slot int

const (
	content slot = iota // which fields, under which names, with which values
	order               // of the fields
	joint               // what stands between, before and behind them
	whose               // another secret in the key's place
	written             // the right key, written otherwise
	frame               // how the key is appended
	whole               // the string as a whole
	hashing             // how the string becomes a digest
)

// A mistake is one thing that somebody may do to a signing.
type mistake struct {
	cause        Cause
	fields       []string // that it concerns
	signed, sent string   // what was signed, and what should have been, if that can be said
	slot         slot
	common       bool // worth trying together with another one
	// apply makes the mistake, and says whether that changed anything.
	apply func(*signing) bool
}

// fits says whether two mistakes can be made in one signing, the first before the
// other.
func (m *mistake) fits(o *mistake) bool {
	switch {
	case m.slot != o.slot:
		return true
	case m.slot != content:
		return false
	case m.cause != o.cause:
		return true
	}
	return !slices.ContainsFunc(m.fields, func(f string) bool { return slices.Contains(o.fields, f) })
}

// A catalogue is all mistakes that a document gives occasion for, in the order in
// which they are tried: of two that come to the same, the first is named.
type catalogue struct {
	call     wire.Call
	doc      wire.Document // as sent
	sent     []wire.Field  // what it should be signed over
	mistakes []*mistake
	seen     map[string]bool // changes of values that are in it already
}

// newCatalogue lists the mistakes for a document.
func newCatalogue(call wire.Call, doc wire.Document, sent []wire.Field) *catalogue {
	c := &catalogue{call: call, doc: doc, sent: sent, seen: map[string]bool{}}
	c.presence()
	c.encodings()
	c.numbers()
	c.names()
	c.order()
	c.joints()
	c.keys()
	c.strings()
	c.signItself() // last: it covers what the others make
	return c
}

func (c *catalogue) add(m mistake) { c.mistakes = append(c.mistakes, &m) }

// plain adds mistakes of one cause and slot that always change something.
func (c *catalogue) plain(cause Cause, at slot, common bool, changes ...func(*signing)) {
	for _, change := range changes {
		c.add(mistake{cause: cause, slot: at, common: common, apply: func(s *signing) bool {
			change(s)
			return true
		}})
	}
}

// A changed value is what a mistake makes of the value of a field that was sent.
type changed struct{ name, from, to string }

// values adds the mistakes of signing changed values: of all fields whose value
// change affects, and of each alone.
func (c *catalogue) values(m mistake, change func(wire.Field) string) {
	var all []changed
	var key strings.Builder
	for _, f := range c.sent {
		if to := change(f); to != f.Value {
			all = append(all, changed{f.Name, f.Value, to})
			key.WriteString(f.Name + "\x00" + to + "\x00")
		}
	}
	if len(all) == 0 || c.seen[key.String()] {
		return
	}
	c.seen[key.String()] = true
	m.slot = content
	add := func(part []changed) {
		m.fields, m.signed, m.sent = nil, part[0].to, part[0].from
		for _, v := range part {
			m.fields = append(m.fields, v.name)
		}
		m.apply = func(s *signing) bool { return applied(s, part, change) }
		c.add(m)
	}
	add(all)
	if m.common = false; len(all) > 1 {
		for i := range all {
			add(all[i : i+1])
		}
	}
}

// applied changes the values of some fields, and says whether it did. Of a value
// that no other mistake has touched, the outcome is known.
func applied(s *signing, values []changed, change func(wire.Field) string) (did bool) {
	for i, f := range s.fields {
		for _, v := range values {
			if v.name != f.Name {
				continue
			}
			to := v.to
			if f.Value != v.from {
				to = change(f)
			}
			s.fields[i].Value, did = to, did || to != f.Value
		}
	}
	return did
}

// every makes a change of values of one that does not look at names.
func every(change func(string) string) func(wire.Field) string {
	return func(f wire.Field) string { return change(f.Value) }
}

// documented are the elements of all calls, in the order of the documentation.
// docs/api/wire.md#requests
var documented = []string{
	"nonce_str", "mch_billno", "mch_id", "sub_mch_id", "wxappid", "appid", "msgappid", "send_name", "re_openid",
	"total_amount", "total_num", "amt_type", "wishing", "client_ip", "act_name", "remark", "scene_id",
	"consume_mch_id", "risk_info", "bill_type",
}

// extras are elements that no call of ours has, but programs are used to.
var extras = []string{"sign_type", "sub_appid", "sub_openid", "device_info", "attach", "notify_url", "key"}

// unsent are the elements that the document could have and does not.
func (c *catalogue) unsent() (names []string) {
	for _, name := range slices.Concat(documented, extras) {
		if !c.doc.Has(name) {
			names = append(names, name)
		}
	}
	return names
}
