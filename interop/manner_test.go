package interop_test

// A manner is how a library writes its requests, as read in its source.
type manner struct {
	library string
	how     string // what is particular, for the page
	want    string // done, or the code that it gets
	says    string // what the text of a refusal has to name

	kind     string // Content-Type; none if empty
	expect   bool   // asks before it sends the body, as curl does
	chunked  bool   // tells no length
	prefix   string // of the path
	call     string // sendgroupredpack if empty
	adds     func(*message)
	asks     func(*message) // what adds is for a query
	unsigned []string       // sent, but not signed
	hmac     bool
	sorted   bool
	zero     bool // its merchant has the success code 0
	write    func(message) string
}

// manners is the table of libraries that are imitated. What each sends is theirs;
// which of its requests go through is docs/api/wire.md's.
var manners = []manner{
	{
		library: "wechatpay-php", how: "CDATA where a value needs it", want: done,
		kind: "text/xml; charset=utf-8", adds: text("1 < 2 & \"3\""), write: cdataIf(`&<>"`),
	},
	{
		library: "wechatpay-php", how: "HMAC-SHA256, `sign_type` signed; an empty `scene_id`", want: done,
		kind: "text/xml; charset=utf-8", adds: both(set("sign_type", "HMAC-SHA256"), set("scene_id", "")), hmac: true, write: cdataIf(`&<>"`),
	},
	{
		library: "wechatpay-php", how: "`]]>` in a section is not split", want: "XML_ERROR",
		kind: "text/xml; charset=utf-8", adds: text("a]]>b"), write: cdataIf(`&<>"`),
	},
	{
		library: "WxJava", how: "JSON as its type; entities, one element a line; `sign_type` and `sub_appid` not signed", want: done,
		kind: "application/json; charset=utf-8", adds: both(text(`<"&'>`), set("sign_type", "MD5", "sub_appid", "wx1")),
		asks:     set("sign_type", "MD5", "sub_appid", "wx1", "sub_mch_id", "10000099"),
		unsigned: []string{"sign_type", "sub_appid", "sub_mch_id"}, write: xstream,
	},
	{
		library: "WxJava", how: "HMAC-SHA256 with `sign_type` not signed, and `client_ip` signed on a group call", want: done,
		kind: "application/json; charset=utf-8", adds: set("sign_type", "HMAC-SHA256", "client_ip", "127.0.0.1"),
		unsigned: []string{"sign_type"}, hmac: true, write: xstream,
	},
	{
		library: "WxJava, fast mode", how: "a declaration; leaves `wxappid` out", want: "PARAM_ERROR", says: "appid",
		kind: "application/json; charset=utf-8", adds: drop("wxappid"),
		write: func(m message) string { return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + entities(m) },
	},
	{
		library: "EasyWeChat 4, 5", how: "no type; CDATA but for numbers; `sub_mch_id` and `sub_appid` signed", want: done,
		adds: set("nonce_str", "5f3a9c1be2d84", "sub_mch_id", "10000099", "sub_appid", "wx1"), write: cdataUnlessNumeric,
	},
	{
		library: "EasyWeChat 3", how: "`client_ip` signed on a group call", want: done,
		adds: set("client_ip", "127.0.0.1"), write: cdataUnlessNumeric,
	},
	{
		library: "EasyWeChat 4, 5", how: "`]]>` in a section is not split", want: "XML_ERROR",
		adds: text("a]]>b"), write: cdataUnlessNumeric,
	},
	{
		library: "yansongda/pay 2", how: "`msgappid` and `sub_mch_id` of a service provider; the path of a sandbox", want: done,
		kind: "application/xml", prefix: "/sandboxnew", adds: set("msgappid", appID, "sub_mch_id", "10000099"), write: cdataUnlessNumeric,
	},
	{
		library: "node-easywechat 2.9", how: "a form as its type; `sub_mch_id` and `sub_appid` empty", want: done,
		kind: "application/x-www-form-urlencoded", adds: set("sub_mch_id", "", "sub_appid", ""), write: cdataIf(`&<>`),
	},
	{
		library: "wechatpy", how: "no type; sorted; `client_ip` signed on a group call", want: done,
		adds: set("client_ip", "127.0.0.1", "mch_billno", "1000009800202611241200001234"), sorted: true, write: cdataUnlessNumeric,
	},
	{
		library: "wechatpy", how: "a bill number of its own making, with 29 characters", want: "PARAM_ERROR", says: "订单号",
		adds: set("mch_billno", "10000098002026112412000012345"), sorted: true, write: cdataUnlessNumeric,
	},
	{
		library: "SKIT.FlurlHttpClient", how: "entities; an empty `client_ip`; the path of its sandbox; a success is `0`", want: done,
		kind: "application/xml; charset=utf-8", prefix: "/xdc/apiv2sandbox", adds: both(text(`<"&'>`), set("client_ip", "")),
		zero: true, write: entities,
	},
	{
		library: "Senparc", how: "numbers bare, all else in CDATA", want: done,
		kind: "application/xml", write: cdataUnlessNumeric,
	},
	{
		library: "Senparc 2018", how: "plain text as its type", want: done,
		kind: "text/plain", write: cdataUnlessNumeric,
	},
	{
		library: "Senparc before 2019", how: "a packet of shares on the path for one", want: "PARAM_ERROR", says: "/mmpaymkttransfers/sendgroupredpack",
		call: "sendredpack", write: cdataUnlessNumeric,
	},
	{
		library: "chanxuehong/wechat", how: "numeric references; HMAC-SHA256, `sign_type` signed", want: done,
		kind: "text/xml; charset=utf-8", adds: both(set("sign_type", "HMAC-SHA256"), text("<\"&'>\n\tb")), hmac: true, write: goEscaped,
	},
	{
		library: "jasl/wx_pay", how: "nothing is escaped; two slashes", want: done,
		kind: "application/xml", prefix: "/", write: bare,
	},
	{
		library: "jasl/wx_pay", how: "nothing is escaped: `&` in a value", want: "XML_ERROR",
		kind: "application/xml", prefix: "/", adds: text("A & B"), write: bare,
	},
	{
		library: "zoujingli/WeChatDeveloper", how: "curl: a form as its type, asks before it sends; CDATA for strings", want: done,
		kind: "application/x-www-form-urlencoded", expect: true, adds: set("sub_mch_id", "10000099"), write: cdataAll,
	},
	{
		library: "silenceper/wechat 2.1", how: "a packet of one share", want: done,
		kind: "application/xml;charset=utf-8", call: "sendredpack", adds: normal, write: goEscaped,
	},
	{
		library: "PowerWeChat 3.2", how: "`MchBillNO` instead of `mch_billno`", want: "PARAM_ERROR", says: "订单号",
		kind: "application/xml", prefix: "/", adds: both(drop("mch_billno"), set("MchBillNO", "1")), write: cdataAll,
	},
	{
		library: "weixin.next", how: "plain text as its type; entities", want: done,
		kind: "text/plain; charset=utf-8", adds: text("1 < 2 & \"3\""), write: entities,
	},
	{
		library: "the documentation's sample", how: "CDATA around all, numbers too; line ends of Windows", want: done,
		kind: "text/xml", write: windows,
	},
	{
		library: "any made for the old host", how: "elements that the call does not have, sent but not signed", want: done,
		kind: "text/xml", adds: set("client_ip", "127.0.0.1", "device_info", "1000"),
		asks: set("device_info", "1000"), unsigned: []string{"client_ip", "device_info"}, write: cdataAll,
	},
	{
		library: "any other", how: "a byte order mark and a declaration; in chunks, without a length", want: done,
		chunked: true, write: func(m message) string { return "\ufeff<?xml version='1.0' encoding='utf-8' ?>" + cdataAll(m) },
	},
}

// The changes that manners make to a good message.
func set(pairs ...string) func(*message)  { return func(m *message) { m.set(pairs...) } }
func drop(names ...string) func(*message) { return func(m *message) { m.drop(names...) } }
func text(s string) func(*message)        { return set("remark", s) }

func both(a, b func(*message)) func(*message) {
	return func(m *message) { a(m); b(m) }
}

func normal(m *message) {
	m.set("total_num", "1", "client_ip", "127.0.0.1")
	m.drop("amt_type")
}
