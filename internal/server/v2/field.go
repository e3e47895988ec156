package v2

import (
	"net"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/wire"
)

// How long texts may be, in characters.
const (
	textLengthMax     = 32
	wishingLengthMax  = 128
	remarkLengthMax   = 256
	riskInfoLengthMax = 128
)

// The words for a field that does not hold. docs/api/wire.md#param-errors
const (
	textNonce  = "nonce_str字段必填,并且少于32字符"
	textBillNo = "订单号字段必填,最长为28个字符"
	textAppID  = "appid字段必填,最长为32个字符"
)

// invalid refuses a field in the words a merchant is to read.
func invalid(field, text string) error {
	return &fault.Error{Op: "send", Code: fault.Invalid, Field: field, Detail: text}
}

// rule is one field of a send: when it holds, and the words if it does not.
type rule struct {
	field string
	holds func(value string) bool
	text  string
}

// rules returns what a send's fields must satisfy, in the order in which they are
// checked. docs/api/wire.md#param-errors
func (c *exchange) rules() []rule {
	text := func(most int) func(string) bool {
		return func(v string) bool { return wire.ValidText(v, most) && c.fits(v, most) }
	}
	numMax := c.limits.NumMax
	all := []rule{
		{"nonce_str", wire.ValidNonce, textNonce},
		{"mch_billno", wire.ValidBillNo, textBillNo},
		{"wxappid", wire.ValidID, textAppID},
		{"send_name", text(textLengthMax), "send_name字段为必填并且少于32字符"},
		{"re_openid", wire.ValidID, "re_openid字段为必填并且少于32个字符"},
		{"total_amount", wire.ValidNumber, "红包金额参数错误"},
	}
	if c.call == wire.SendGroupRedPack {
		all = append(all,
			rule{"total_num", func(v string) bool { return wire.ValidNumber(v) && number(v) >= numMin }, "total_num不能小于3"},
			rule{"total_num", func(v string) bool { return number(v) <= int64(numMax) }, "total_num不能大于" + strconv.Itoa(numMax)},
			rule{"amt_type", func(v string) bool { return v == "ALL_RAND" }, "amt_type必须为ALL_RAND"})
	} else {
		all = append(all, rule{
			"total_num", func(v string) bool { return v == "1" },
			"total_num必须为1；裂变红包请使用" + wire.SendGroupRedPack.Path(),
		})
	}
	all = append(all, rule{"wishing", text(wishingLengthMax), "wishing字段为必填,并且少于128个字符"})
	if c.call == wire.SendRedPack {
		all = append(all, rule{"client_ip", func(v string) bool { return v == "" || net.ParseIP(v) != nil }, "client_ip必须是合法的IP字符串"})
	}
	return append(all,
		rule{"act_name", text(textLengthMax), "act_name字段必填,并且少于32个字符"},
		rule{"remark", func(v string) bool { return wire.ValidLines(v, remarkLengthMax) && c.fits(v, remarkLengthMax) }, "remark字段为必填,并且少于256字符"},
		rule{"scene_id", optional(wire.ValidSceneID), "scene_id错误"},
		rule{"risk_info", func(v string) bool {
			return utf8.RuneCountInString(v) <= riskInfoLengthMax && c.fits(v, riskInfoLengthMax)
		}, "risk_info最长为128个字符"},
		rule{"sub_mch_id", optional(wire.ValidMchID), "sub_mch_id最长为32个数字"},
		rule{"consume_mch_id", optional(wire.ValidMchID), "consume_mch_id最长为32个数字"},
		rule{"msgappid", optional(wire.ValidID), "msgappid最长为32个字符"})
}

// optional makes a rule of a field that may be missing.
func optional(holds func(string) bool) func(string) bool {
	return func(v string) bool { return v == "" || holds(v) }
}

// fits says whether a text is good enough for a merchant that is held to the letter:
// shorter than most bytes, and without a character of four.
func (c *exchange) fits(v string, most int) bool {
	return !c.merchant.Settings.Strict || len(v) < most && !long(v)
}

// long says whether a text has a character of four bytes.
func long(v string) bool {
	return strings.ContainsFunc(v, func(r rune) bool { return utf8.RuneLen(r) == utf8.UTFMax })
}

// number reads what wire.ValidNumber has passed; anything else is over every limit.
func number(v string) int64 {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 1 << 62
	}
	return n
}

// fields checks a send's fields and reads them.
func (c *exchange) fields() (engine.Wish, error) {
	for _, r := range c.rules() {
		if !r.holds(c.doc.Value(r.field)) {
			return engine.Wish{}, invalid(r.field, r.text)
		}
	}
	w := engine.Wish{
		MchID:    c.merchant.MchID,
		BillNo:   c.doc.Value("mch_billno"),
		Type:     packet.Normal,
		AppID:    c.doc.Value("wxappid"),
		Seed:     c.doc.Value("re_openid"),
		Total:    money.Fen(number(c.doc.Value("total_amount"))),
		Num:      int(number(c.doc.Value("total_num"))),
		SendName: c.doc.Value("send_name"),
		Wishing:  c.doc.Value("wishing"),
		ActName:  c.doc.Value("act_name"),
		Remark:   c.doc.Value("remark"),
	}
	if c.call == wire.SendGroupRedPack {
		w.Type = packet.Group
	}
	return w, nil
}

// compared is what a repeat must equal, in the order in which differences are
// reported. docs/api/wire.md#idempotency
func (c *exchange) compared() []engine.Field {
	fields := []engine.Field{{Name: "call", Value: string(c.call)}}
	for _, name := range []string{
		"re_openid", "total_amount", "total_num", "wxappid", "sub_mch_id", "amt_type",
		"send_name", "wishing", "act_name", "remark", "scene_id",
	} {
		value := c.doc.Value(name)
		if name == "amt_type" && c.call == wire.SendRedPack {
			value = "" // not a field of that call
		}
		fields = append(fields, engine.Field{Name: name, Value: value})
	}
	return fields
}
