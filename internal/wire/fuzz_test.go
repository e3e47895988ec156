package wire_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
)

// FuzzParse: no body makes the parser panic; what it accepts is the same after
// printing and reading; and the standard library's XML reader sees the same.
func FuzzParse(f *testing.F) {
	for _, v := range readVectors(f).Vectors {
		f.Add([]byte(v.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, answerErr := wire.ParseAnswer(body)
		if answerErr == nil {
			printed := wire.AppendAnswer(nil, answer)
			again, err := wire.ParseAnswer(printed)
			if err != nil {
				t.Fatalf("%v in %s", err, printed)
			}
			if twice := wire.AppendAnswer(nil, again); !bytes.Equal(twice, printed) {
				t.Fatalf("printed %s, then %s", printed, twice)
			}
		}
		doc, err := wire.Parse(body)
		if err != nil {
			return
		}
		if answerErr != nil && !doc.Has("hblist") {
			t.Fatalf("a request, but no answer: %v", answerErr)
		}
		again, err := wire.Parse(wire.AppendRequest(nil, doc))
		if diff := cmp.Diff(without(doc), without(again)); diff != "" || err != nil {
			t.Fatalf("%v, read again (-want +got)\n%s", err, diff)
		}
		if diff := cmp.Diff(byStandardLibrary(t, body, doc), doc); diff != "" {
			t.Fatalf("encoding/xml reads differently (-encoding/xml +got)\n%s", diff)
		}
	})
}

// byStandardLibrary reads a body that wire.Parse took for doc. It returns doc
// itself where encoding/xml is known to differ: it has names of an older XML.
func byStandardLibrary(t *testing.T, body []byte, doc wire.Document) wire.Document {
	t.Helper()
	for _, c := range body {
		if c >= utf8.RuneSelf {
			return doc
		}
	}
	dec := xml.NewDecoder(bytes.NewReader(body))
	got := make(wire.Document, 0, len(doc))
	depth := 0
	for {
		token, err := dec.RawToken()
		if err != nil {
			if depth != 0 || err.Error() != "EOF" {
				t.Fatalf("encoding/xml: %v", err)
			}
			return got
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 {
				got = append(got, wire.Field{Name: token.Name.Local})
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 2 {
				got[len(got)-1].Value += string(token)
			}
		}
	}
}

// FuzzVerify: whatever bit of a signed body is changed, it is refused, or what it
// says is still exactly what was signed.
func FuzzVerify(f *testing.F) {
	for _, call := range []string{"sendgroupredpack", "gethbinfo"} {
		for _, value := range []string{"茶 & <b>", "x]]>y", "a&total_amount=9"} {
			f.Add(call, "remark", value, false, uint(3))
			f.Add(call, "sub_appid", value, true, uint(99))
		}
	}
	f.Fuzz(func(t *testing.T, call, name, value string, hmac bool, bit uint) {
		key, alg := newKey(t, keyText), wire.MD5
		if hmac {
			alg = wire.HMACSHA256
		}
		doc := request()
		if doc.Has(name) || name == "sign" || name == "sign_type" {
			return
		}
		doc.Add(name, value)
		doc = signed(doc, wire.Sign(doc, key, alg))
		body := wire.AppendRequest(nil, doc)
		read, err := wire.Parse(body)
		if err != nil || cmp.Diff(without(doc), read) != "" {
			return // a name or a value that no document can hold
		}
		want, _, err := wire.Verify(wire.Call(call), read, key)
		if err != nil {
			t.Fatalf("%s is signed, but refused: %v", body, err)
		}

		body[bit/8%uint(len(body))] ^= 1 << (bit % 8)
		if read, err = wire.Parse(body); err != nil {
			return
		}
		got, _, err := wire.Verify(wire.Call(call), read, key)
		if err == nil && cmp.Diff(want, got) != "" {
			t.Fatalf("%s is accepted as %v", body, got)
		}
	})
}

// TestVerifyRefusesEveryBit does the same without chance: each bit of each signed
// value, one after the other.
func TestVerifyRefusesEveryBit(t *testing.T) {
	t.Parallel()
	key := newKey(t, keyText)
	doc := signed(request(), wire.Sign(request(), key, wire.MD5))
	for i := range request() {
		for bit := range 8 * len(doc[i].Value) {
			changed := append(wire.Document(nil), doc...)
			value := []byte(doc[i].Value)
			value[bit/8] ^= 1 << (bit % 8)
			changed[i].Value = string(value)
			if _, _, err := wire.Verify(wire.SendGroupRedPack, changed, key); err == nil {
				t.Errorf("bit %d of %s may change", bit, doc[i].Name)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	body := benchmarkBody(b)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := wire.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseVerify(b *testing.B) {
	body, key := benchmarkBody(b), newKey(b, keyText)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		doc, err := wire.Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := wire.Verify(wire.SendGroupRedPack, doc, key); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkBody is the plain group request of the vectors: 14 elements and sign.
func benchmarkBody(b *testing.B) []byte {
	b.Helper()
	for _, v := range readVectors(b).Vectors {
		if v.ID == "GRP-01" && strings.Count(v.Body, "</") == 16 {
			return []byte(v.Body)
		}
	}
	b.Fatal("no vector GRP-01")
	return nil
}
