// Package wire is the merchant protocol as bytes: APIv2 XML and its signature,
// for the server's edge and for the SDK alike. docs/api/wire.md describes the
// protocol; the comments here cite its headings.
//
//	server   body ──Parse──► Document ──Verify──► Document of signed elements, Algorithm
//	         Answer ──SignAnswer──► Answer ──AppendAnswer──► body
//	SDK      Document ──Sign──► ──AppendRequest──► body
//	         body ──ParseAnswer──► Answer ──VerifyAnswer──► yes or no
//
// A Document is flat and keeps its order; a value is the decoded text, exactly,
// and an empty value counts as an absent one. Between Parse and Verify nothing
// in a Document may be believed; what Verify returns is signed, all of it.
//
// The package is pure: it reads no clock, draws no chance and keeps no state, so
// everything in it may be called from many goroutines at once. It does not know
// which values a call accepts beyond their form (the Valid functions), nor the
// order in which a server complains: that is the server's.
package wire

import "slices"

// A Call is one of the three calls of the protocol, by its name on the wire.
type Call string

// The calls. docs/api/wire.md#transport
const (
	SendGroupRedPack Call = "sendgroupredpack" // a packet of many shares
	SendRedPack      Call = "sendredpack"      // a packet of one share
	GetHBInfo        Call = "gethbinfo"        // what became of a packet
)

// Path returns the URL path of c, with its leading slash.
func (c Call) Path() string { return "/mmpaymkttransfers/" + string(c) }

// Documents says whether name is a request element that the protocol lists for
// c. sign belongs to every call and is not one of them. docs/api/wire.md#requests
func (c Call) Documents(name string) bool {
	switch name {
	case "nonce_str", "mch_billno", "mch_id":
		return true
	case "sub_mch_id", "wxappid", "msgappid", "send_name", "re_openid", "total_amount", "total_num",
		"wishing", "act_name", "remark", "scene_id", "risk_info", "consume_mch_id":
		return c == SendGroupRedPack || c == SendRedPack
	case "amt_type":
		return c == SendGroupRedPack
	case "client_ip":
		return c == SendRedPack
	case "appid", "bill_type":
		return c == GetHBInfo
	}
	return false
}

// Field is one element: its name and its decoded value.
type Field struct{ Name, Value string }

// Document is the elements of a body in their order, each name once.
type Document []Field

// Value returns the value of the element called name, "" if there is none.
func (d Document) Value(name string) string {
	for _, f := range d {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Has says whether an element called name is there, even an empty one.
func (d Document) Has(name string) bool {
	for _, f := range d {
		if f.Name == name {
			return true
		}
	}
	return false
}

// Add appends an element. An empty value is left out, as it is everywhere in the
// protocol. Add does not look whether the name is there already.
func (d *Document) Add(name, value string) {
	if value != "" {
		*d = append(*d, Field{Name: name, Value: value})
	}
}

// keep returns the elements whose names are wanted, in their order: d itself if
// all are.
func (d Document) keep(wanted func(name string) bool) Document {
	if !slices.ContainsFunc(d, func(f Field) bool { return !wanted(f.Name) }) {
		return d
	}
	kept := make(Document, 0, len(d))
	for _, f := range d {
		if wanted(f.Name) {
			kept = append(kept, f)
		}
	}
	return kept
}

// Answer is what a server says: its elements and, for gethbinfo, the claims, one
// flat document each. In XML the claims are the hbinfo elements of one hblist.
type Answer struct {
	Document
	Claims []Document
}
