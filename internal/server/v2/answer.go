package v2

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/wire"
)

// code is how the wire says a fault: err_code, and the text if the refusal has none
// of its own. docs/api/wire.md#error-codes
type code struct{ name, text string }

const busyText = "系统繁忙，请稍后再试"

// codes is every fault in the protocol's words. What cannot happen on this edge is
// a fault of ours if it does.
var codes = map[fault.Code]code{
	fault.NotFound:     {"NOT_FOUND", "指定单号数据不存在"},
	fault.Method:       {"PARAM_ERROR", ""},
	fault.TooLarge:     {"PARAM_ERROR", ""},
	fault.Busy:         {"SYSTEMERROR", busyText},
	fault.Unknown:      {"SYSTEMERROR", "请求已受理，请稍后使用原单号查询发放结果"},
	fault.Malformed:    {"XML_ERROR", "输入xml参数格式错误"},
	fault.Invalid:      {"PARAM_ERROR", ""},
	fault.Certificate:  {"CA_ERROR", "CA证书出错，请登录微信支付商户平台下载证书"},
	fault.Signature:    {"SIGN_ERROR", "签名错误"},
	fault.Conflict:     {"FATAL_ERROR", "重复请求时，参数与原单不一致"},
	fault.Closed:       {"API_METHOD_CLOSED", "您的商户号API发放方式已关闭"},
	fault.Unauthorized: {"NO_AUTH", "没有权限"},
	fault.Refused:      {"NO_AUTH", "发放失败，此请求可能存在风险，已被拦截"},
	fault.Relation:     {"ACCEPTMODE_ERROR", "主、子商户号关系校验失败"},
	fault.MsgAppID:     {"MSGAPPID_ERROR", "触达消息给用户appid有误"},
	fault.AmountLimit:  {"MONEY_LIMIT", "红包金额超出限制"},
	fault.Night:        {"TIME_LIMITED", "0:00至8:00不能发放红包，请在8:00之后重试"},
	fault.RateLimit:    {"FREQ_LIMIT", "超过频率限制,请稍后再试"},
	fault.DayNum:       {"DAY_OVER_LIMITED", "企业红包的按天日发放受限"},
	fault.SeedNum:      {"SENDNUM_LIMIT", "该用户今日领取红包个数超过限制"},
	fault.SeedAmount:   {"RCVDAMOUNT_LIMIT", "该用户今日领取金额超过限制"},
	fault.DayAmount:    {"SENDAMOUNT_LIMIT", "您的商户号今日发放金额超过限制"},
	fault.Funds:        {"NOTENOUGH", "帐号余额不足，请到商户平台充值后再重试"},

	fault.CrossSite: {"SYSTEMERROR", busyText}, fault.SignIn: {"SYSTEMERROR", busyText},
	fault.TicketRefused: {"SYSTEMERROR", busyText}, fault.Held: {"SYSTEMERROR", busyText},
	fault.Finished: {"SYSTEMERROR", busyText}, fault.Expired: {"SYSTEMERROR", busyText},
	fault.NotYours: {"SYSTEMERROR", busyText}, fault.SlowDown: {"SYSTEMERROR", busyText},
	fault.SeedFirst: {"SYSTEMERROR", busyText}, fault.Internal: {"SYSTEMERROR", busyText},
}

// conflictTexts name the two differences that people make; others are told alike.
var conflictTexts = map[string]string{
	"re_openid":    "更换了openid，但商户单号未更新",
	"total_amount": "更换了金额，但商户单号未更新",
}

// descriptionMax bounds err_code_des and return_msg, in characters.
const descriptionMax = 128

// failed is an answer to a request that could not be read: return_code FAIL.
func failed(c fault.Code, text string) wire.Answer {
	if text == "" {
		text = codes[c].text
	}
	var a wire.Answer
	a.Add("return_code", "FAIL")
	a.Add("return_msg", text)
	a.Add("result_code", "FAIL")
	a.Add("err_code", codes[c].name)
	a.Add("err_code_des", text)
	return a
}

// detail is the default text of an unreadable body, in a sandbox with the reason.
func (c *exchange) detail(reason string) string {
	if c.h.cfg.Engine.Environment() != packet.Sandbox {
		return ""
	}
	return cut(codes[fault.Malformed].text + " (" + reason + ")")
}

// refuse turns an error into the status and answer that say it.
func (c *exchange) refuse(err error) (int, wire.Answer) {
	what := fault.CodeOf(err)
	switch what {
	case fault.Internal:
		c.h.cfg.Log.Error("a call failed", "call", string(c.call), "mch_id", c.doc.Value("mch_id"), "error", err)
	case fault.Busy:
		return http.StatusServiceUnavailable, failed(fault.Busy, "")
	default:
	}
	text := c.text(what, err)
	var a wire.Answer
	a.Add("return_code", "SUCCESS")
	a.Add("return_msg", text)
	a.Add("result_code", "FAIL")
	a.Add("err_code", c.errCode(what))
	a.Add("err_code_des", text)
	c.echo(&a, what)
	return http.StatusOK, c.sign(a)
}

// errCode names a fault for the call at hand.
func (c *exchange) errCode(what fault.Code) string {
	switch {
	case what == fault.RateLimit && c.call == wire.SendGroupRedPack:
		return "SECOND_OVER_LIMITED"
	case what == fault.Unknown && c.underWay:
		return "PROCESSING"
	}
	return codes[what].name
}

// text is what a refusal says to people. A sandbox adds the field and what it held.
func (c *exchange) text(what fault.Code, err error) string {
	field, text := fault.FieldOf(err), codes[what].text
	switch what {
	case fault.Invalid, fault.AmountLimit:
		if d := fault.DetailOf(err); d != "" {
			text = d
		}
		if what == fault.Invalid {
			text = "参数错误:" + text
		}
	case fault.Conflict:
		if t, ok := conflictTexts[field]; ok {
			text = t
		}
	case fault.Certificate, fault.Signature:
		if d := fault.DetailOf(err); d != "" {
			text = d
		}
	default:
		return text
	}
	if field != "" && c.h.cfg.Engine.Environment() == packet.Sandbox {
		text += c.offence(field)
	}
	return cut(text)
}

// offence names a field and what was wrong with it, as far as it is short enough to
// be shown.
func (c *exchange) offence(field string) string {
	value := c.doc.Value(field)
	switch n := utf8.RuneCountInString(value); {
	case value == "":
		return " [" + field + "]"
	case c.merchant.Settings.Strict && long(value):
		return " [" + field + ": 有4字节的字符]"
	case c.merchant.Settings.Strict && len(value) > n:
		return fmt.Sprintf(" [%s: %d字节]", field, len(value))
	case n > 24 || !wire.Legal(value):
		return fmt.Sprintf(" [%s: %d个字符]", field, n)
	default:
		return fmt.Sprintf(" [%s: %q]", field, value)
	}
}

// cut bounds a text for people, in whole characters.
func cut(s string) string {
	if runes := []rune(s); len(runes) > descriptionMax {
		return string(runes[:descriptionMax])
	}
	return s
}

// echo repeats who asked for what, as far as it can be shown: clients compare it.
func (c *exchange) echo(a *wire.Answer, what fault.Code) {
	add := func(name string, ok func(string) bool) {
		if v := c.doc.Value(name); ok(v) {
			a.Add(name, v)
		}
	}
	add("mch_billno", wire.ValidBillNo)
	add("mch_id", wire.ValidMchID)
	if c.call == wire.GetHBInfo || what == fault.Certificate {
		return
	}
	add("wxappid", wire.ValidID)
	add("re_openid", wire.ValidID)
	add("total_amount", wire.ValidNumber)
	if c.call == wire.SendGroupRedPack {
		add("total_num", wire.ValidNumber)
	}
}

// sign signs an answer to a send with the key that the request was signed with. An
// answer to a query is never signed: its list has no canonical form.
func (c *exchange) sign(a wire.Answer) wire.Answer {
	if !c.verified || c.call == wire.GetHBInfo {
		return a
	}
	return wire.SignAnswer(a, c.key, c.alg)
}

// success is the err_code of a success, which some clients want to be 0.
func (c *exchange) success() string {
	if c.merchant.Settings.ErrCodeZero {
		return "0"
	}
	return "SUCCESS"
}

// sent answers a packet on its way, the first time and at every repeat.
func (c *exchange) sent(s engine.Sent) wire.Answer {
	const text = "发放成功"
	var a wire.Answer
	a.Add("return_code", "SUCCESS")
	a.Add("return_msg", text)
	a.Add("result_code", "SUCCESS")
	a.Add("err_code", c.success())
	a.Add("err_code_des", text)
	c.echo(&a, fault.OK)
	a.Add("send_listid", s.ListID)
	a.Add("claim_url", c.h.cfg.BaseURL+"/p/"+s.Link)
	return a
}

// report answers a query. docs/api/wire.md#answers
func (c *exchange) report(rep engine.Report) wire.Answer {
	t, h := &rep.Packet.Terms, &rep.Packet.Head
	var a wire.Answer
	a.Add("return_code", "SUCCESS")
	a.Add("return_msg", "OK")
	a.Add("result_code", "SUCCESS")
	a.Add("err_code", c.success())
	a.Add("err_code_des", "OK")
	a.Add("mch_billno", t.BillNo)
	a.Add("mch_id", t.MchID)
	a.Add("detail_id", rep.ListID)
	a.Add("status", status(rep))
	a.Add("send_type", "API")
	a.Add("hb_type", string(t.Type))
	a.Add("total_num", strconv.Itoa(t.Num))
	a.Add("total_amount", fen(int64(t.Total)))
	a.Add("send_time", clock(t.SentAt))
	if back := h.Refunded.Plus(h.Returned); back > 0 {
		a.Add("refund_time", clock(rep.RefundedAt))
		a.Add("refund_amount", fen(int64(back)))
	}
	a.Add("wishing", t.Wishing)
	a.Add("remark", t.Remark)
	a.Add("act_name", t.ActName)
	for i := len(rep.Claims) - 1; i >= 0; i-- { // newest first
		claim := rep.Claims[i]
		if claim.Returned { // it is part of refund_amount
			continue
		}
		var doc wire.Document
		doc.Add("openid", claim.Openid)
		doc.Add("amount", fen(int64(claim.Amount)))
		doc.Add("rcv_time", clock(claim.At))
		a.Claims = append(a.Claims, doc)
	}
	return a
}

// status is the packet's state in the words of a query.
func status(rep engine.Report) string {
	h := &rep.Packet.Head
	switch {
	case h.Ended && h.Refunded.Plus(h.Returned) == 0:
		return "RECEIVED"
	case h.Ended:
		return "REFUND"
	case rep.Overdue:
		return "RFUND_ING"
	default:
		return "SENT"
	}
}

func fen(n int64) string { return strconv.FormatInt(n, 10) }

// clock writes a time as the wire does: in Beijing, without a zone.
func clock(millis int64) string {
	return time.UnixMilli(millis).In(packet.Beijing).Format(time.DateTime)
}
