package explain

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"hongbao.example/hongbao/internal/wire"
)

// Pasted is a request as people have it: the body itself, or a line of a log or a
// shell with the body somewhere in it.
type Pasted struct {
	Call wire.Call
	// Readings are the documents that the text may be: more than one for a form,
	// which is URL-encoded or not.
	Readings []wire.Document
}

// ErrPasted says that there is no request in a text.
var ErrPasted = errors.New("explain: neither XML nor name=value&…&sign=…")

// What a form may hold at most, as in XML. docs/api/wire.md#limits
const (
	elementsMax = 64
	nameMax     = 64
)

var (
	// inXML finds a document in a line, as it is or inside a JSON string.
	inXML  = regexp.MustCompile(`(?s)(<\?xml[^>]*>\s*)?<xml[\s>].*</xml\s*>`)
	inJSON = regexp.MustCompile(`(?s)(<|\\u003[cC])xml(>|\\u003[eE]).*(<|\\u003[cC])\\?/xml(>|\\u003[eE])`)
	// inForm finds pairs: from the first name to the end of the text, or of the quotes.
	inForm = regexp.MustCompile(`(?s)([\pL_][\pL\pN_.-]*)=[^&]*&.*`)
	names  = regexp.MustCompile(`^[\pL_][\pL\pN_.-]*$`)
)

// Read finds the request in a text that was pasted. The error is ErrPasted, or a
// *wire.SyntaxError for what looks like XML and is none. The caller bounds text.
func Read(text string) (Pasted, error) {
	text = strings.TrimSpace(text)
	var p Pasted
	doc, err := readXML(text)
	switch {
	case err == nil:
		p.Readings = []wire.Document{doc}
	case strings.Contains(text, "xml"):
		return p, err
	default:
		if p.Readings = readForm(text); p.Readings == nil {
			return p, ErrPasted
		}
	}
	p.Call = CallOf(p.Readings[0])
	for _, call := range []wire.Call{wire.SendGroupRedPack, wire.SendRedPack, wire.GetHBInfo} {
		if strings.Contains(text, string(call)) {
			p.Call = call
		}
	}
	return p, nil
}

// readXML reads the document in a text. If there is none that can be read, the
// error is about the text as a whole.
func readXML(text string) (wire.Document, error) {
	doc, err := wire.Parse([]byte(text))
	if err == nil {
		return doc, nil
	}
	if part := inXML.FindString(text); part != "" {
		doc, partErr := wire.Parse([]byte(part))
		if partErr == nil {
			return doc, nil
		}
		if !strings.HasPrefix(text, "<") {
			err = partErr
		}
	}
	if part := inJSON.FindString(text); part != "" {
		part = strings.NewReplacer(
			`\u003c`, "<", `\u003C`, "<", `\u003e`, ">", `\u003E`, ">", `\u0026`, "&", `\"`, `"`, `\/`, "/", `\n`, "\n", `\r`, "\r", `\t`, "\t", `\\`, `\`,
		).Replace(part)
		if doc, err := wire.Parse([]byte(part)); err == nil {
			return doc, nil
		}
	}
	return nil, err
}

// readForm reads pairs, decoded and as they stand. What is the same or cannot be
// is left out.
func readForm(text string) (all []wire.Document) {
	text = inForm.FindString(text)
	if i := strings.IndexAny(text, `'"`); i >= 0 && strings.Contains(text[:i], "sign=") {
		text = text[:i] // the end of a shell's or a program's string
	}
	raw := pairs(text)
	decoded := make(wire.Document, 0, len(raw))
	for _, f := range raw {
		value, err := url.QueryUnescape(f.Value)
		if err != nil || !wire.Legal(value) {
			decoded = nil
			break
		}
		decoded = append(decoded, wire.Field{Name: f.Name, Value: value})
	}
	if decoded != nil && strings.ContainsAny(text, "%+") {
		all = append(all, decoded)
	}
	if raw != nil {
		all = append(all, raw)
	}
	return all
}

// pairs splits a form. A part that has no name belongs to the value before it: in
// a line that was never encoded, values may hold & and =.
func pairs(text string) (doc wire.Document) {
	for part := range strings.SplitSeq(text, "&") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case ok && names.MatchString(name) && len(name) <= nameMax && !doc.Has(name):
			doc = append(doc, wire.Field{Name: name, Value: value})
		case len(doc) > 0:
			doc[len(doc)-1].Value += "&" + part
		default:
			return nil
		}
	}
	for i, f := range doc {
		if f.Name == "sign" { // what follows it in the line is the log's
			doc[i].Value, _, _ = strings.Cut(strings.TrimSpace(f.Value), " ")
		}
		if !wire.Legal(f.Value) || len(doc) > elementsMax {
			return nil
		}
	}
	if !doc.Has("sign") {
		return nil
	}
	return doc
}
