package explain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
	"hongbao.example/hongbao/internal/wire/explain"
)

func TestRead(t *testing.T) {
	t.Parallel()
	const doc = `<xml><mch_id>1</mch_id><remark><![CDATA[a & "b"]]></remark><sign>AB</sign></xml>`
	want := document("mch_id", "1", "remark", `a & "b"`, "sign", "AB")
	plain := document("mch_id", "1", "remark", "a%20b+c", "sign", "AB")
	decoded := document("mch_id", "1", "remark", "a b c", "sign", "AB")
	for name, c := range map[string]struct {
		text string
		want []wire.Document
	}{
		"XML":                          {doc, []wire.Document{want}},
		"XML with space around":        {"\n  " + doc + "\n", []wire.Document{want}},
		"XML with a declaration":       {`<?xml version="1.0" encoding="UTF-8"?>` + doc, []wire.Document{want}},
		"a line of a log":              {"2026-11-24 20:15:03 INFO post body=" + doc + " status=200", []wire.Document{want}},
		"a log with a declaration":     {`INFO <?xml version="1.0"?>` + "\n" + doc + " sent", []wire.Document{want}},
		"a log with < before":          {`<14>Nov 24 app: ` + doc, []wire.Document{want}},
		"a shell's line":               {"curl http://127.0.0.1:8080/mmpaymkttransfers/sendgroupredpack -d '" + doc + "'", []wire.Document{want}},
		"a JSON string":                {`{"level":"info","body":"<xml>\n<mch_id>1<\/mch_id><remark><![CDATA[a & \"b\"]]></remark><sign>AB</sign></xml>"}`, []wire.Document{want}},
		"a JSON string of Go":          {`{"body":"\u003cxml\u003e\u003cmch_id\u003e1\u003c/mch_id\u003e\u003cremark\u003e\u003c![CDATA[a \u0026 \"b\"]]\u003e\u003c/remark\u003e\u003csign\u003eAB\u003c/sign\u003e\u003c/xml\u003e"}`, []wire.Document{want}},
		"a form":                       {"mch_id=1&remark=a%20b+c&sign=AB", []wire.Document{decoded, plain}},
		"a form that needs none":       {"mch_id=1&sign=AB", []wire.Document{document("mch_id", "1", "sign", "AB")}},
		"a form with a wrong escape":   {"mch_id=1&remark=100%&sign=AB", []wire.Document{document("mch_id", "1", "remark", "100%", "sign", "AB")}},
		"a form in a log":              {"20:15:03 POST mch_id=1&remark=a%20b+c&sign=AB 200", []wire.Document{decoded, plain}},
		"a form in quotes":             {`curl -d "mch_id=1&remark=a%20b+c&sign=AB" http://x`, []wire.Document{decoded, plain}},
		"a form that was not encoded":  {"mch_id=1&remark=红 包&茶=1&a b=c&sign=AB", []wire.Document{document("mch_id", "1", "remark", "红 包", "茶", "1&a b=c", "sign", "AB")}},
		"a form with a name twice":     {"mch_id=1&mch_id=2&sign=AB", []wire.Document{document("mch_id", "1&mch_id=2", "sign", "AB")}},
		"a form with an empty value":   {"mch_id=&sign=AB", []wire.Document{document("mch_id", "", "sign", "AB")}},
		"the sign in front":            {"sign=AB&mch_id=1", []wire.Document{document("sign", "AB", "mch_id", "1")}},
		"a query":                      {"http://x/y?mch_id=1&sign=AB", []wire.Document{document("mch_id", "1", "sign", "AB")}},
		"a form with a hidden control": {"mch_id=1&remark=%00&sign=AB", []wire.Document{document("mch_id", "1", "remark", "%00", "sign", "AB")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := explain.Read(c.text)
			if diff := cmp.Diff(c.want, got.Readings); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestReadFindsTheCall(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]wire.Call{
		"POST /mmpaymkttransfers/gethbinfo <xml><amt_type>ALL_RAND</amt_type></xml>": wire.GetHBInfo,
		"POST /mmpaymkttransfers/sendredpack <xml/> </xml>":                          "",
		"/sendgroupredpack <xml><bill_type>MCHT</bill_type></xml>":                   wire.SendGroupRedPack,
		"<xml><amt_type>ALL_RAND</amt_type></xml>":                                   wire.SendGroupRedPack,
		"bill_type=MCHT&sign=1":                                                      wire.GetHBInfo,
	} {
		got, err := explain.Read(text)
		if got.Call != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", text, got.Call, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	many := ""
	for i := range 70 {
		many += "a" + strings.Repeat("b", i) + "=1&"
	}
	for text, where := range map[string]string{
		"":                              "",
		"hello":                         "",
		`{"mch_id":"1","sign":"AB"}`:    "",
		"mch_id=1&remark=2":             "",
		"mch_id=1\x01&sign=2":           "",
		many + "sign=1":                 "",
		"sign=AB":                       "",
		"<xml><a>1</a><a>2</a></xml>":   "wire: line 1, byte 16: element a twice",
		"<xml>\n\n<a>1</b></xml>":       "wire: line 3, byte 13: end tag of a expected",
		"at 12:00 <xml><a>1</b></xml>":  "wire: line 1, byte 11: end tag of a expected",
		"<xml><a>1</a>":                 "wire: line 1, byte 13: the body ends before the root element does",
		"<html><xml><a>&</a></xml>":     "wire: line 1, byte 6: the root element is html, not xml",
		`{"body":"<xml>\n<a>1<\/xml>"}`: "wire: line 1, byte 0: text between elements",
	} {
		got, err := explain.Read(text)
		var syntax *wire.SyntaxError
		switch {
		case got.Readings != nil || err == nil:
			t.Errorf("%s is read as %v", text, got.Readings)
		case where == "" && !errors.Is(err, explain.ErrPasted):
			t.Errorf("%q: %v", text, err)
		case where != "" && (!errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), where)):
			t.Errorf("%q: %v, want %s", text, err, where)
		}
	}
}

// FuzzRead: no text makes Read or Explain panic, and what is read is a document
// that can be sent.
func FuzzRead(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.Body)
	}
	f.Add("mch_id=1&remark=a%20b&sign=" + strings.Repeat("A", 32))
	f.Add(`"\u003cxml\u003e\n\u003c/xml\u003e"`)
	keys := allKeys(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := explain.Read(text)
		if err != nil {
			return
		}
		for _, doc := range p.Readings {
			for _, field := range doc {
				if !wire.Legal(field.Value) {
					t.Fatalf("%q is read from %q", field.Value, text)
				}
			}
			rep := explain.Explain(explain.Request{Call: p.Call, Document: doc, Keys: keys})
			if brief := rep.Brief(); !wire.Legal(brief) || len([]rune(brief)) > 128 {
				t.Fatalf("%q is no err_code_des", brief)
			}
		}
	})
}
