package wire

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a document may hold at most. The size of the body is for the caller to
// bound before it is read. docs/api/wire.md#limits
const (
	elementsMax   = 64 // in one document
	attributesMax = 16 // in one tag
	nameMax       = 64 // bytes
)

// A SyntaxError says why a body is not a document of the protocol, and where.
// It quotes names of elements, never values.
type SyntaxError struct {
	Offset int // bytes before the fault
	Line   int // counted from 1
	Reason string
}

// Error writes the place and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("wire: line %d, byte %d: %s", e.Line, e.Offset, e.Reason)
}

// Parse reads the body of a request: <xml> and one level of elements. It is
// stricter than XML asks: what could be read in two ways (an element twice, a
// nested one, a prefix, a DOCTYPE) is refused. Every error is a *SyntaxError.
//
// Values share the memory of one copy of body; clone what is kept for long.
// docs/api/wire.md#parser
func Parse(body []byte) (Document, error) {
	s := scanner{text: string(body)}
	root, err := s.prolog()
	if err != nil {
		return nil, err
	}
	doc, err := s.flat(root)
	if err == nil {
		err = s.epilog()
	}
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// ParseAnswer reads the body of an answer. It follows Parse in all but one
// thing: a single hblist may hold hbinfo elements, which become the claims. Every
// error is a *SyntaxError.
func ParseAnswer(body []byte) (Answer, error) {
	s := scanner{text: string(body)}
	root, err := s.prolog()
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	err = s.children(root, func(t tag) error {
		switch {
		case t.name != "hblist":
			return s.field(&a.Document, t)
		case a.Claims != nil:
			return s.fail("element hblist twice")
		}
		a.Claims = []Document{}
		return s.children(t, func(t tag) error {
			if t.name != "hbinfo" {
				return s.fail("element " + t.name + " inside hblist")
			}
			claim, err := s.flat(t)
			a.Claims = append(a.Claims, claim)
			return err
		})
	})
	if err == nil {
		err = s.epilog()
	}
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// prolog reads everything up to the end of the root's start tag.
func (s *scanner) prolog() (tag, error) {
	if err := s.characters(); err != nil {
		return tag{}, err
	}
	s.skip("\uFEFF")
	if rest := s.rest(); strings.HasPrefix(rest, "<?xml") && len(rest) > 5 && rest[5] <= ' ' {
		s.at += len("<?xml")
		if err := s.declaration(); err != nil {
			return tag{}, err
		}
	}
	if err := s.misc(); err != nil {
		return tag{}, err
	}
	root, err := s.open()
	if err == nil && root.name != "xml" {
		err = s.fail("the root element is " + root.name + ", not xml")
	}
	return root, err
}

// epilog reads what may follow the root.
func (s *scanner) epilog() error {
	if err := s.misc(); err != nil {
		return err
	}
	if s.at < len(s.text) {
		return s.fail("content after the root element")
	}
	return nil
}

// characters refuses what XML 1.0 cannot hold, so that nothing further on has to
// think of it.
func (s *scanner) characters() error {
	for i, r := range s.text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s.text[i:], "\uFFFD"):
			s.at = i
			return s.fail("not UTF-8")
		case !legal(r):
			s.at = i
			return s.fail(fmt.Sprintf("character %U", r))
		}
	}
	return nil
}

// declaration reads the rest of <?xml … ?>: version, then perhaps encoding, then
// perhaps standalone.
func (s *scanner) declaration() error {
	attrs, err := s.attributes()
	if err != nil {
		return err
	}
	if !s.skip("?>") {
		return s.fail("malformed XML declaration")
	}
	order, last := []string{"version", "encoding", "standalone"}, -1
	for _, a := range attrs {
		i := slices.Index(order, a.Name)
		switch {
		case i <= last || last < 0 && i > 0:
			return s.fail("malformed XML declaration")
		case a.Name == "version" && a.Value != "1.0":
			return s.fail("XML version is not 1.0")
		case a.Name == "encoding" && !strings.EqualFold(a.Value, "utf-8"):
			return s.fail("declared encoding is not UTF-8")
		case a.Name == "standalone" && a.Value != "yes" && a.Value != "no":
			return s.fail("malformed XML declaration")
		}
		last = i
	}
	if last < 0 {
		return s.fail("malformed XML declaration")
	}
	return nil
}

// children hands each child of parent to each, which reads it to its end, and
// then reads the end tag of parent.
func (s *scanner) children(parent tag, each func(tag) error) error {
	for !parent.empty {
		if err := s.misc(); err != nil {
			return err
		}
		if s.skip("</") {
			return s.close(parent.name)
		}
		child, err := s.open()
		if err != nil {
			return err
		}
		if err := each(child); err != nil {
			return err
		}
	}
	return nil
}

// flat reads the children of parent as a document of one level.
func (s *scanner) flat(parent tag) (Document, error) {
	doc := make(Document, 0, 16)
	err := s.children(parent, func(t tag) error { return s.field(&doc, t) })
	return doc, err
}

// field reads the value of the element that t begins and adds it to doc.
func (s *scanner) field(doc *Document, t tag) error {
	switch {
	case doc.Has(t.name):
		return s.fail("element " + t.name + " twice")
	case len(*doc) == elementsMax:
		return s.fail(fmt.Sprintf("more than %d elements", elementsMax))
	}
	var value string
	if !t.empty {
		var err error
		if value, err = s.value(t.name); err != nil {
			return err
		}
	}
	*doc = append(*doc, Field{Name: t.name, Value: value})
	return nil
}
