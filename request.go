package hongbao

import (
	"crypto/rand"
	"maps"
	"slices"
	"strconv"
	"time"

	"hongbao.example/hongbao/internal/wire"
)

// A Request is what a call is given: GroupRedPack, RedPack, Query, or Fields.
type Request interface {
	document() wire.Document
}

// GroupRedPack is a packet of several random shares. docs/api/wire.md#requests
// gives the length and form of each field.
type GroupRedPack struct {
	MchBillNo   string // yours, one for each packet: the key that makes a call safe to repeat
	WxAppID     string
	SendName    string // who sends, as the receiver sees it
	ReOpenID    string // the seed claimant: opens first and passes the packet on
	TotalAmount int64  // fen, all shares together
	TotalNum    int    // shares, the seed claimant's included
	Wishing     string
	ActName     string // the campaign
	Remark      string
	SceneID     string // optional: PRODUCT_1 … PRODUCT_8
	RiskInfo    RiskInfo
	Provider    Provider
}

func (r GroupRedPack) document() wire.Document {
	return elements("mch_billno", r.MchBillNo, "sub_mch_id", r.Provider.SubMchID,
		"wxappid", r.WxAppID, "msgappid", r.Provider.MsgAppID, "consume_mch_id", r.Provider.ConsumeMchID,
		"send_name", r.SendName, "re_openid", r.ReOpenID, "total_amount", decimal(r.TotalAmount),
		"total_num", strconv.Itoa(r.TotalNum), "amt_type", "ALL_RAND", "wishing", r.Wishing,
		"act_name", r.ActName, "remark", r.Remark, "scene_id", r.SceneID, "risk_info", r.RiskInfo.Encode())
}

// RedPack is a packet of one share. The fields are those of GroupRedPack.
type RedPack struct {
	MchBillNo   string
	WxAppID     string
	SendName    string
	ReOpenID    string
	TotalAmount int64 // fen
	Wishing     string
	ClientIP    string // optional: the address from which the order came
	ActName     string
	Remark      string
	SceneID     string
	RiskInfo    RiskInfo
	Provider    Provider
}

func (r RedPack) document() wire.Document {
	return elements("mch_billno", r.MchBillNo, "sub_mch_id", r.Provider.SubMchID,
		"wxappid", r.WxAppID, "msgappid", r.Provider.MsgAppID, "consume_mch_id", r.Provider.ConsumeMchID,
		"send_name", r.SendName, "re_openid", r.ReOpenID, "total_amount", decimal(r.TotalAmount),
		"total_num", "1", "wishing", r.Wishing, "client_ip", r.ClientIP,
		"act_name", r.ActName, "remark", r.Remark, "scene_id", r.SceneID, "risk_info", r.RiskInfo.Encode())
}

// Query asks what became of the packet sent under MchBillNo.
type Query struct {
	MchBillNo string
	AppID     string
}

func (r Query) document() wire.Document {
	return elements("mch_billno", r.MchBillNo, "appid", r.AppID, "bill_type", "MCHT")
}

// Provider is set by service providers alone, who send for another merchant.
type Provider struct{ SubMchID, MsgAppID, ConsumeMchID string }

// Fields are elements by name: a request as a map, or an answer as it came.
//
// In a request, only what the protocol lists for the call may be there, and
// mch_billno must. mch_id may be left out. nonce_str, sign_type and sign are the
// client's to set; entries for them are ignored.
type Fields map[string]string

func (f Fields) document() wire.Document {
	var doc wire.Document
	for _, name := range slices.Sorted(maps.Keys(f)) {
		doc.Add(name, f[name])
	}
	return doc
}

// RiskInfo is what you know of the receiver's visit. All of it is optional.
type RiskInfo struct {
	PostTime      time.Time
	ClientVersion string
	Mobile        string // country code and number, without a plus sign
	DeviceID      string
}

// Encode writes r as the element risk_info holds it: a query string, escaped once
// more as a whole; empty if r is. Use it for the entry of a map.
func (r RiskInfo) Encode() string {
	at := ""
	if !r.PostTime.IsZero() {
		at = decimal(r.PostTime.Unix())
	}
	return wire.RiskInfo(elements("posttime", at, "clientversion", r.ClientVersion, "mobile", r.Mobile, "deviceid", r.DeviceID))
}

// elements makes a document of names and values in turn, leaving out the empty.
func elements(pairs ...string) (doc wire.Document) {
	for pair := range slices.Chunk(pairs, 2) {
		doc.Add(pair[0], pair[1])
	}
	return doc
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// prepare returns what r sends to call, but for the elements that differ from
// attempt to attempt. It refuses only what cannot be sent as the caller meant it;
// the server judges the rest.
func (c *Client) prepare(call wire.Call, r Request) (wire.Document, error) {
	refuse := func(field, message string) (wire.Document, error) {
		return nil, &Error{Call: string(call), Code: "PARAM_ERROR", Field: field, Message: message}
	}
	if r == nil {
		return refuse("", "no request")
	}
	doc := wire.Document{{Name: "mch_id", Value: c.mchID}}
	for _, f := range r.document() {
		switch {
		case f.Name == "nonce_str" || f.Name == "sign_type" || f.Name == "sign":
			continue
		case f.Name == "mch_id":
			if f.Value != c.mchID {
				return refuse(f.Name, "not the merchant of this client")
			}
			continue
		case !call.Documents(f.Name):
			return refuse(f.Name, "not an element of this call")
		case !wire.Legal(f.Value):
			return refuse(f.Name, "holds what is not UTF-8, or a character that XML does not have")
		}
		doc.Add(f.Name, f.Value)
	}
	if !doc.Has("mch_billno") {
		return refuse("mch_billno", "missing: without it a repeated call would send twice")
	}
	return doc, nil
}

// sign returns doc with a fresh nonce_str, 32 letters and digits, and its sign.
func (c *Client) sign(doc wire.Document) wire.Document {
	doc = slices.Clone(doc)
	doc.Add("nonce_str", (rand.Text() + rand.Text())[:32])
	if c.alg != wire.MD5 {
		doc.Add("sign_type", c.alg.String())
	}
	doc.Add("sign", wire.Sign(doc, c.key, c.alg))
	return doc
}
