package wire_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
)

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	one := wire.Document{{Name: "a", Value: "x"}}
	value := func(v string) wire.Document { return wire.Document{{Name: "a", Value: v}} }
	for name, c := range map[string]struct {
		body string
		want wire.Document
	}{
		"elements in the order of the document":   {"<xml><b>1</b><a>2</a></xml>", wire.Document{{"b", "1"}, {"a", "2"}}},
		"CDATA":                                   {"<xml><a><![CDATA[x]]></a></xml>", one},
		"a byte order mark":                       {"\uFEFF<xml><a>x</a></xml>", one},
		"a declaration":                           {`<?xml version="1.0"?><xml><a>x</a></xml>`, one},
		"a declaration with everything":           {"\uFEFF<?xml version='1.0' encoding = \"utf-8\"\tstandalone='yes' ?>\n<xml><a>x</a></xml>", one},
		"a declaration that leaves out encoding":  {`<?xml version="1.0" standalone="no"?><xml><a>x</a></xml>`, one},
		"indentation":                             {"<xml>\r\n\t<a>x</a >\n</xml\n>\n", one},
		"no elements":                             {"<xml></xml>", wire.Document{}},
		"no elements, empty tag":                  {"<xml/>", wire.Document{}},
		"an empty element":                        {"<xml><a></a></xml>", value("")},
		"an empty tag":                            {"<xml><a /></xml>", value("")},
		"an empty CDATA section":                  {"<xml><a><![CDATA[]]></a></xml>", value("")},
		"white space, untrimmed":                  {"<xml><a> \tx  y\n </a></xml>", value(" \tx  y\n ")},
		"white space in CDATA, untrimmed":         {"<xml><a><![CDATA[ x ]]></a></xml>", value(" x ")},
		"text and CDATA, joined":                  {"<xml><a> 1<![CDATA[2]]>3<![CDATA[<4>]]>&#53;</a></xml>", value(" 123<4>5")},
		"a split CDATA section":                   {"<xml><a><![CDATA[x]]]]><![CDATA[>y]]></a></xml>", value("x]]>y")},
		"brackets at the end of CDATA":            {"<xml><a><![CDATA[x]]]></a></xml>", value("x]")},
		"the five entities":                       {"<xml><a>&lt;&gt;&amp;&quot;&apos;</a></xml>", value(`<>&"'`)},
		"numeric references":                      {"<xml><a>&#65;&#x42;&#x1F9E7;&#0067;</a></xml>", value("AB🧧C")},
		"entities decoded once":                   {"<xml><a>&amp;lt; &#38;amp;</a></xml>", value("&lt; &amp;")},
		"entities untouched in CDATA":             {"<xml><a><![CDATA[&lt;&#65;]]></a></xml>", value("&lt;&#65;")},
		"CR LF as LF":                             {"<xml><a>1\r\n2</a></xml>", value("1\n2")},
		"CR LF as LF in CDATA":                    {"<xml><a><![CDATA[1\r\n2]]></a></xml>", value("1\n2")},
		"a lone CR as LF":                         {"<xml><a>1\r2\r\r\n3</a></xml>", value("1\n2\n\n3")},
		"a CR by reference stays":                 {"<xml><a>1&#13;\n2&#xD;</a></xml>", value("1\r\n2\r")},
		"a CR before CDATA is its own line end":   {"<xml><a>1\r<![CDATA[\n]]></a></xml>", value("1\n\n")},
		"comments":                                {"<!-- 1 --><xml><!----><a>x<!-- <b> & ]]> --></a><!-- - -> --></xml><!-- 2 -->", one},
		"processing instructions":                 {"<?a?><xml><?b c=d & < ?><a><?xml-stylesheet?>x<?e ??></a></xml><?f\n?>", one},
		"attributes":                              {`<xml xmlns="urn:x" xmlns:i='y'><a i:type="s" b = "&lt;&#10;'" c='"'>x</a></xml>`, one},
		"attributes on an empty tag":              {`<xml><a b="1"/></xml>`, value("")},
		"64 elements":                             {body(64), elements(64)},
		"a name of 64 bytes":                      {"<xml><" + strings.Repeat("n", 64) + ">x</" + strings.Repeat("n", 64) + "></xml>", wire.Document{{strings.Repeat("n", 64), "x"}}},
		"names of every kind":                     {"<xml><_x.-9>1</_x.-9><Zeta>2</Zeta><名·>3</名·><À>4</À></xml>", wire.Document{{"_x.-9", "1"}, {"Zeta", "2"}, {"名·", "3"}, {"À", "4"}}},
		"names that differ in case":               {"<xml><a>1</a><A>2</A></xml>", wire.Document{{"a", "1"}, {"A", "2"}}},
		"characters outside the BMP":              {"<xml><a>𠮷🧧</a></xml>", value("𠮷🧧")},
		"the replacement character itself":        {"<xml><a>\uFFFD</a></xml>", value("\uFFFD")},
		"the edges of the XML range":              {"<xml><a>\u007F\u0085\uD7FF\uE000\uFFFD\U00010000\U0010FFFF</a></xml>", value("\u007F\u0085\uD7FF\uE000\uFFFD\U00010000\U0010FFFF")},
		"a greater-than sign and single brackets": {"<xml><a>]] > ]></a></xml>", value("]] > ]>")},
		"an element called xml":                   {"<xml><xml>x</xml></xml>", wire.Document{{"xml", "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.Parse([]byte(c.body))
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v, fields differ (-want +got)\n%s", err, diff)
			}
			answer, err := wire.ParseAnswer([]byte(c.body))
			if len(got) != len(answer.Document) || err != nil {
				t.Errorf("as an answer %v, %v", answer, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, reason string }{
		"an empty body":                      {"", "ends before"},
		"white space alone":                  {" \n", "ends before"},
		"a byte order mark alone":            {"\uFEFF", "ends before"},
		"another root":                       {"<XML><a>x</a></XML>", "not xml"},
		"a prefix on the root":               {`<w:xml xmlns:w="x"></w:xml>`, "namespace prefix"},
		"a prefix on an element":             {"<xml><w:a>x</w:a></xml>", "namespace prefix"},
		"UTF-16":                             {"\xFE\xFF\x00<\x00x", "not UTF-8"},
		"GBK":                                {"<xml><a>\xCC\xEC</a></xml>", "not UTF-8"},
		"half a rune":                        {"<xml><a>\xE5\xA4</a></xml>", "not UTF-8"},
		"a surrogate in UTF-8":               {"<xml><a>\xED\xA0\x80</a></xml>", "not UTF-8"},
		"a declared GBK":                     {`<?xml version="1.0" encoding="GBK"?><xml/>`, "encoding"},
		"a declared UTF-16":                  {`<?xml version="1.0" encoding="UTF-16"?><xml/>`, "encoding"},
		"XML 1.1":                            {`<?xml version="1.1"?><xml/>`, "version"},
		"a declaration without version":      {`<?xml encoding="utf-8"?><xml/>`, "declaration"},
		"a declaration without anything":     {`<?xml ?><xml/>`, "declaration"},
		"a declaration in the wrong order":   {`<?xml version="1.0" standalone="yes" encoding="utf-8"?><xml/>`, "declaration"},
		"a declaration with something else":  {`<?xml version="1.0" coding="utf-8"?><xml/>`, "declaration"},
		"a declaration half standing alone":  {`<?xml version="1.0" standalone="maybe"?><xml/>`, "declaration"},
		"a declaration without end":          {`<?xml version="1.0"><xml/>`, "declaration"},
		"a broken declaration":               {`<?xml version=1.0?><xml/>`, "attribute"},
		"a declaration after white space":    {` <?xml version="1.0"?><xml/>`, "not at the beginning"},
		"a declaration after a comment":      {`<!----><?XML version="1.0"?><xml/>`, "not at the beginning"},
		"a DOCTYPE":                          {"<!DOCTYPE xml><xml/>", "DOCTYPE"},
		"an entity declaration":              {`<!DOCTYPE xml [<!ENTITY e "x">]><xml><a>&e;</a></xml>`, "DOCTYPE"},
		"a DOCTYPE inside":                   {"<xml><!DOCTYPE xml></xml>", "DOCTYPE"},
		"a DOCTYPE in a value":               {"<xml><a><!DOCTYPE xml></a></xml>", "nested"},
		"a nested element":                   {"<xml><a><b>x</b></a></xml>", "nested"},
		"an element twice":                   {"<xml><a>1</a><b/><a>1</a></xml>", "a twice"},
		"an empty element twice":             {"<xml><a/><a/></xml>", "a twice"},
		"sign twice":                         {"<xml><sign>1</sign><sign>2</sign></xml>", "sign twice"},
		"65 elements":                        {body(65), "more than 64"},
		"a name of 65 bytes":                 {"<xml><" + strings.Repeat("n", 65) + "/></xml>", "longer than 64"},
		"a name that crosses 64 bytes":       {"<xml><" + strings.Repeat("n", 63) + "名/></xml>", "longer than 64"},
		"an endless name":                    {"<xml><" + strings.Repeat("n", 9999), "longer than 64"},
		"text between elements":              {"<xml>x<a>1</a></xml>", "text between"},
		"a reference between elements":       {"<xml><a>1</a>&#32;</xml>", "text between"},
		"CDATA between elements":             {"<xml><![CDATA[ ]]></xml>", "between elements"},
		"text before the root":               {"x<xml/>", "text between"},
		"trailing text":                      {"<xml/>x", "after the root"},
		"trailing NUL":                       {"<xml/>\x00", "U+0000"},
		"a second root":                      {"<xml/><xml/>", "after the root"},
		"trailing half of a comment":         {"<xml/><!-- ", "without end"},
		"a control character":                {"<xml><a>\x0B</a></xml>", "U+000B"},
		"a control character in CDATA":       {"<xml><a><![CDATA[\x1F]]></a></xml>", "U+001F"},
		"U+FFFE":                             {"<xml><a>\uFFFE</a></xml>", "U+FFFE"},
		"U+FFFF in a comment":                {"<xml><!--\uFFFF--></xml>", "U+FFFF"},
		"a reference to NUL":                 {"<xml><a>&#0;</a></xml>", "reference"},
		"a reference to a surrogate":         {"<xml><a>&#xD800;</a></xml>", "reference"},
		"a reference beyond Unicode":         {"<xml><a>&#x110000;</a></xml>", "reference"},
		"a reference beyond counting":        {"<xml><a>&#99999999999999999999;</a></xml>", "reference"},
		"a reference to no number":           {"<xml><a>&#;</a></xml>", "reference"},
		"a reference with a sign":            {"<xml><a>&#+65;</a></xml>", "reference"},
		"a reference with a capital X":       {"<xml><a>&#X41;</a></xml>", "reference"},
		"a number without its sharp":         {"<xml><a>&65;</a></xml>", "reference"},
		"an unknown entity":                  {"<xml><a>&nbsp;</a></xml>", "reference"},
		"an entity in capitals":              {"<xml><a>&LT;</a></xml>", "reference"},
		"a bare ampersand":                   {"<xml><a>A&B</a></xml>", "reference"},
		"an ampersand and a far semicolon":   {"<xml><a>A & B; C</a></xml>", "reference"},
		"a bare less-than":                   {"<xml><a>1 < 2</a></xml>", "nested"},
		"the end of CDATA in text":           {"<xml><a>x]]>y</a></xml>", "]]>"},
		"an unsplit end of CDATA":            {"<xml><a><![CDATA[x]]>y]]></a></xml>", "]]>"},
		"CDATA without end":                  {"<xml><a><![CDATA[x]]</a></xml>", "CDATA section without end"},
		"a comment without end":              {"<xml><!-- x </xml>", "comment without end"},
		"two hyphens in a comment":           {"<xml><!-- a -- b --></xml>", "inside a comment"},
		"three hyphens at a comment's end":   {"<xml><!-- a ---></xml>", "inside a comment"},
		"an instruction without end":         {"<xml><?a b</xml>", "instruction without end"},
		"an instruction without target":      {"<xml><? a?></xml>", "name expected"},
		"an instruction that runs on":        {"<xml><?a!b?></xml>", "malformed processing"},
		"an instruction called xml":          {"<xml><a><?xml x?></a></xml>", "not at the beginning"},
		"the wrong end tag":                  {"<xml><a>x</b></xml>", "end tag of a expected"},
		"more than the name in the end tag":  {"<xml><a>x</ab></xml>", "end tag of a expected"},
		"no name in the end tag":             {"<xml><a>x</></xml>", "end tag of a expected"},
		"an attribute in the end tag":        {`<xml><a>x</a b="1"></xml>`, "end tag of a expected"},
		"the wrong end of the root":          {"<xml><a>x</a></XML>", "end tag of xml expected"},
		"no end of the root":                 {"<xml><a>x</a>", "ends before"},
		"no end of an element":               {"<xml><a>x", "ends inside a"},
		"no end of a start tag":              {"<xml><a", "malformed start tag"},
		"a slash in a start tag":             {"<xml><a / >x</a></xml>", "malformed start tag"},
		"white space before a name":          {"<xml>< a>x</a></xml>", "name expected"},
		"a digit before a name":              {"<xml><1a>x</1a></xml>", "name expected"},
		"an impossible name":                 {"<xml><×>x</×></xml>", "name expected"},
		"an attribute twice":                 {`<xml><a b="1" b="2"/></xml>`, "attribute b twice"},
		"17 attributes":                      {"<xml><a" + attributes(17) + "/></xml>", "more than 16"},
		"an attribute without value":         {"<xml><a b/></xml>", "malformed attribute"},
		"an attribute without quotes":        {"<xml><a b=1/></xml>", "malformed attribute"},
		"an attribute without a name":        {`<xml><a ="1"/></xml>`, "name expected"},
		"an attribute without end":           {`<xml><a b="1/></xml>`, "< in an attribute"},
		"an attribute to the end":            {`<xml><a b="1`, "attribute without end"},
		"attributes without a space between": {`<xml><a b="1"c="2"/></xml>`, "no space before"},
		"an attribute with mark-up":          {`<xml><a b="<"/></xml>`, "< in an attribute"},
		"an attribute with a bare ampersand": {`<xml><a b="&"/></xml>`, "reference"},
		"an attribute with its own entity":   {`<xml><a b="&e;"/></xml>`, "reference"},
		"JSON":                               {`{"mch_id":"1"}`, "text between"},
		"a form":                             {"mch_id=1", "text between"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, err := wire.Parse([]byte(c.body))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || !strings.Contains(syntax.Reason, c.reason) {
				t.Fatalf("%v, %v, want a *SyntaxError that says %q", doc, err, c.reason)
			}
			if _, err := wire.ParseAnswer([]byte(c.body)); !errors.As(err, &syntax) {
				t.Errorf("as an answer: %v", err)
			}
		})
	}
}

// body returns a request of n elements, elements what it holds.
func body(n int) string {
	return string(wire.AppendRequest(nil, elements(n)))
}

func elements(n int) wire.Document {
	var doc wire.Document
	for i := range n {
		doc.Add(fmt.Sprintf("e%d", i), "x")
	}
	return doc
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="x"`, i)
	}
	return b.String()
}

func TestSyntaxErrorSaysWhere(t *testing.T) {
	t.Parallel()
	_, err := wire.Parse([]byte("<xml>\n<a>1</a>\n<b>\n&nope;</b></xml>"))
	if want := "wire: line 4, byte 19: reference to no entity and no character"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = wire.Parse([]byte("<xml><key>s3cret&</key></xml>"))
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v quotes a value", err)
	}
}

func TestParseLeavesTheBodyAlone(t *testing.T) {
	t.Parallel()
	body := []byte("<xml><a>before</a></xml>")
	doc, err := wire.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	copy(body, "<xml><a>behind</a></xml>")
	if got := doc.Value("a"); got != "before" {
		t.Errorf("value %q follows the caller's buffer", got)
	}
}

func TestParseAnswerClaims(t *testing.T) {
	t.Parallel()
	got, err := wire.ParseAnswer([]byte(`<xml><status>SENT</status><hblist>
		<hbinfo><openid>a</openid><amount>1</amount></hbinfo><!-- --><hbinfo/>
	</hblist><wishing>w</wishing></xml>`))
	want := wire.Answer{
		Document: wire.Document{{"status", "SENT"}, {"wishing", "w"}},
		Claims:   []wire.Document{{{"openid", "a"}, {"amount", "1"}}, {}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}

	for name, c := range map[string]struct{ body, reason string }{
		"another element in hblist":   {"<xml><hblist><x>1</x></hblist></xml>", "inside hblist"},
		"text in hblist":              {"<xml><hblist>1</hblist></xml>", "text between"},
		"hblist twice":                {"<xml><hblist/><hblist/></xml>", "hblist twice"},
		"something nested in hbinfo":  {"<xml><hblist><hbinfo><a><b/></a></hbinfo></hblist></xml>", "nested"},
		"an element twice in hbinfo":  {"<xml><hblist><hbinfo><a/><a/></hbinfo></hblist></xml>", "a twice"},
		"hbinfo outside hblist":       {"<xml><hbinfo><a/></hbinfo></xml>", "nested"},
		"hblist without end":          {"<xml><hblist><hbinfo/></xml>", "end tag of hblist"},
		"hblist inside hblist":        {"<xml><hblist><hblist/></hblist></xml>", "inside hblist"},
		"something after the root":    {"<xml><hblist/></xml>.", "after the root"},
		"a prefix inside an hbinfo":   {"<xml><hblist><hbinfo><w:a/></hbinfo></hblist></xml>", "prefix"},
		"an unknown entity in hbinfo": {"<xml><hblist><hbinfo><a>&e;</a></hbinfo></hblist></xml>", "reference"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.ParseAnswer([]byte(c.body))
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || !strings.Contains(syntax.Reason, c.reason) {
				t.Errorf("%v, want a *SyntaxError that says %q", err, c.reason)
			}
		})
	}
	if _, err := wire.Parse([]byte("<xml><hblist><hbinfo/></hblist></xml>")); err == nil {
		t.Error("a request may carry an hblist")
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	var doc wire.Document
	doc.Add("a", "1")
	doc.Add("b", "")
	doc = append(doc, wire.Field{Name: "c"})
	if diff := cmp.Diff(wire.Document{{"a", "1"}, {"c", ""}}, doc); diff != "" {
		t.Error(diff)
	}
	if doc.Value("a") != "1" || doc.Value("b") != "" || doc.Value("c") != "" {
		t.Error("wrong values")
	}
	if !doc.Has("a") || doc.Has("b") || !doc.Has("c") {
		t.Error("wrong names")
	}
}

// TestGoldenAnswers reads and prints the answers in testdata/answers: what is
// printed is the file, byte for byte.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/answers/*.xml")
	if err != nil || len(files) < 6 {
		t.Fatalf("answers: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := wire.ParseAnswer(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), string(wire.AppendAnswer(nil, answer))); diff != "" {
				t.Errorf("printed again (-want +got)\n%s", diff)
			}
			if answer.Has("sign") {
				if err := wire.VerifyAnswer(answer, newKey(t, "HongbaoTestKey0123456789abcdef01")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
