package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// A scanner walks a body once from left to right. A value that needs no decoding
// is a slice of text, so that a usual request costs two allocations.
type scanner struct {
	text string
	at   int // bytes read
}

// tag is a start tag; empty means that it is its own end.
type tag struct {
	name  string
	empty bool
}

func (s *scanner) fail(reason string) error {
	return &SyntaxError{Offset: s.at, Line: 1 + strings.Count(s.text[:s.at], "\n"), Reason: reason}
}

func (s *scanner) rest() string { return s.text[s.at:] }

// skip steps over prefix if the rest begins with it.
func (s *scanner) skip(prefix string) bool {
	if !strings.HasPrefix(s.rest(), prefix) {
		return false
	}
	s.at += len(prefix)
	return true
}

// space steps over white space and says whether there was any.
func (s *scanner) space() bool {
	start := s.at
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
			continue
		}
		break
	}
	return s.at > start
}

// until steps over everything to the end of stop and returns what stands before
// it.
func (s *scanner) until(stop, what string) (string, error) {
	before, _, found := strings.Cut(s.rest(), stop)
	if !found {
		return "", s.fail(what + " without end")
	}
	s.at += len(before) + len(stop)
	return before, nil
}

// misc steps over white space, comments and processing instructions.
func (s *scanner) misc() error {
	for {
		s.space()
		switch ok, err := s.aside(); {
		case err != nil:
			return err
		case !ok:
			return nil
		}
	}
}

// aside steps over a comment or a processing instruction, if one stands here.
func (s *scanner) aside() (bool, error) {
	switch {
	case s.skip("<!--"):
		if _, err := s.until("--", "comment"); err != nil {
			return false, err
		}
		if !s.skip(">") {
			return false, s.fail("-- inside a comment")
		}
		return true, nil
	case s.skip("<?"):
		target, err := s.name()
		if err != nil {
			return false, err
		}
		if strings.EqualFold(target, "xml") {
			return false, s.fail("XML declaration not at the beginning")
		}
		if !s.skip("?>") {
			if !s.space() {
				return false, s.fail("malformed processing instruction")
			}
			_, err = s.until("?>", "processing instruction")
		}
		return true, err
	}
	return false, nil
}

// open reads a start tag.
func (s *scanner) open() (tag, error) {
	switch rest := s.rest(); {
	case rest == "":
		return tag{}, s.fail("the body ends before the root element does")
	case strings.HasPrefix(rest, "<!"):
		return tag{}, s.fail("DOCTYPE, entity declaration or CDATA between elements")
	case !s.skip("<"):
		return tag{}, s.fail("text between elements")
	}
	name, err := s.name()
	if err != nil {
		return tag{}, err
	}
	if strings.Contains(name, ":") {
		return tag{}, s.fail("namespace prefix in " + name)
	}
	if _, err := s.attributes(); err != nil {
		return tag{}, err
	}
	switch {
	case s.skip(">"):
		return tag{name: name}, nil
	case s.skip("/>"):
		return tag{name: name, empty: true}, nil
	}
	return tag{}, s.fail("malformed start tag of " + name)
}

// close reads the end tag of name, whose "</" has been read.
func (s *scanner) close(name string) error {
	ok := s.skip(name)
	s.space()
	if !ok || !s.skip(">") {
		return s.fail("end tag of " + name + " expected")
	}
	return nil
}

// attributes reads what stands between a tag's name and its end. Nobody uses the
// attributes of elements, but they must be well-formed.
func (s *scanner) attributes() ([]Field, error) {
	var attrs Document
	for {
		spaced := s.space()
		if rest := s.rest(); rest == "" || strings.IndexByte(">/?", rest[0]) >= 0 {
			return attrs, nil
		}
		name, err := s.name()
		if err != nil {
			return nil, err
		}
		switch {
		case !spaced:
			return nil, s.fail("no space before attribute " + name)
		case attrs.Has(name):
			return nil, s.fail("attribute " + name + " twice")
		case len(attrs) == attributesMax:
			return nil, s.fail(fmt.Sprintf("more than %d attributes", attributesMax))
		}
		value, err := s.quoted()
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, Field{Name: name, Value: value})
	}
}

// quoted reads the equals sign and the raw value of an attribute.
func (s *scanner) quoted() (string, error) {
	s.space()
	equals := s.skip("=")
	s.space()
	var quote string
	switch {
	case equals && s.skip(`"`):
		quote = `"`
	case equals && s.skip("'"):
		quote = "'"
	default:
		return "", s.fail("malformed attribute")
	}
	start := s.at
	for {
		i := strings.IndexAny(s.rest(), "<&"+quote)
		if i < 0 {
			return "", s.fail("attribute without end")
		}
		s.at += i
		switch {
		case s.skip(quote):
			return s.text[start : s.at-1], nil
		case s.text[s.at] == '<':
			return "", s.fail("< in an attribute")
		}
		if _, err := s.reference(); err != nil {
			return "", err
		}
	}
}

// value reads the content of the element called name, and its end tag: pieces of
// text, CDATA sections and references, joined and not trimmed.
func (s *scanner) value(name string) (string, error) {
	var v pieces
	for s.at < len(s.text) {
		var piece string
		var err error
		switch {
		case s.skip("</"):
			return v.join(), s.close(name)
		case s.skip("<![CDATA["):
			piece, err = s.until("]]>", "CDATA section")
			piece = lineEnds(piece)
		case s.text[s.at] == '&':
			piece, err = s.reference()
		case s.text[s.at] != '<':
			piece, err = s.plain()
		default:
			var ok bool
			if ok, err = s.aside(); !ok && err == nil {
				err = s.fail("something nested inside " + name)
			}
		}
		if err != nil {
			return "", err
		}
		v.add(piece)
	}
	return "", s.fail("the body ends inside " + name)
}

// plain reads text up to the next mark-up.
func (s *scanner) plain() (string, error) {
	text := s.rest()
	if i := strings.IndexAny(text, "<&"); i >= 0 {
		text = text[:i]
	}
	if i := strings.Index(text, "]]>"); i >= 0 {
		s.at += i
		return "", s.fail("]]> outside a CDATA section")
	}
	s.at += len(text)
	return lineEnds(text), nil
}

// reference reads one of the five entities, or a character by its number. What it
// stands for is not decoded again, nor is a carriage return made a line feed.
func (s *scanner) reference() (string, error) {
	name, _, found := strings.Cut(s.rest()[1:], ";")
	if !found {
		return "", s.fail("reference without end")
	}
	var text string
	switch name {
	case "lt":
		text = "<"
	case "gt":
		text = ">"
	case "amp":
		text = "&"
	case "quot":
		text = `"`
	case "apos":
		text = "'"
	default:
		digits, numbered := strings.CutPrefix(name, "#")
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		n, err := strconv.ParseUint(digits, base, 31)
		if !numbered || err != nil || !legal(rune(n)) {
			return "", s.fail("reference to no entity and no character")
		}
		text = string(rune(n))
	}
	s.at += len("&") + len(name) + len(";")
	return text, nil
}

// name reads an XML name, colons included.
func (s *scanner) name() (string, error) {
	rest := s.rest()
	end := len(rest)
	for i, r := range rest {
		if !nameRune(r, i == 0) {
			end = i
			break
		}
		if i >= nameMax {
			return "", s.fail(fmt.Sprintf("name longer than %d bytes", nameMax))
		}
	}
	switch {
	case end == 0:
		return "", s.fail("name expected")
	case end > nameMax: // the last rune crosses the limit
		return "", s.fail(fmt.Sprintf("name longer than %d bytes", nameMax))
	}
	s.at += end
	return rest[:end], nil
}

// pieces joins strings. One alone stays as it is, without a copy.
type pieces struct {
	first  string
	joined []byte
}

func (p *pieces) add(s string) {
	switch {
	case p.joined != nil:
		p.joined = append(p.joined, s...)
	case p.first == "":
		p.first = s
	case s != "":
		p.joined = append(append(make([]byte, 0, 2*(len(p.first)+len(s))), p.first...), s...)
	}
}

func (p *pieces) join() string {
	if p.joined != nil {
		return string(p.joined)
	}
	return p.first
}

// lineEnds makes every line end a line feed, as XML asks of a reader.
func lineEnds(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// legal says whether XML 1.0 can hold r.
func legal(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r == '\n' || r == '\t' || r == '\r' ||
		r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// nameRune says whether r may stand in an XML name, or begin one.
func nameRune(r rune, first bool) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r == ':':
		return true
	case r >= '0' && r <= '9', r == '-', r == '.', r == 0xB7, r >= 0x300 && r <= 0x36F, r == 0x203F, r == 0x2040:
		return !first
	case r < 0xC0, r == 0xD7, r == 0xF7, r == 0x37E:
		return false
	}
	return r <= 0x1FFF || r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
		r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD || r >= 0x10000 && r <= 0xEFFFF
}
