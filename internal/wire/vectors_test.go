package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/wire"
)

// A vector is one row of testdata/sign_vectors.json. The digests there were made
// by other implementations than this one; the file says by which.
type vector struct {
	ID        string
	Title     string
	Call      wire.Call
	Direction string
	Key       string
	Fields    fields
	Unsigned  []string `json:"unsigned_fields"`
	Canonical string
	MD5       string
	HMAC      string `json:"hmac_sha256"`
	Algorithm string `json:"body_algorithm"`
	Body      string
	Expect    string
}

// fields is a JSON object that keeps its order.
type fields wire.Document

func (f *fields) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	var words []string
	for {
		token, err := dec.Token()
		if err != nil {
			break // the end: text is one valid object
		}
		if word, ok := token.(string); ok {
			words = append(words, word)
		}
	}
	for pair := range slices.Chunk(words, 2) {
		*f = append(*f, wire.Field{Name: pair[0], Value: pair[1]})
	}
	return nil
}

// vectorFile is the whole file.
type vectorFile struct {
	Documented map[wire.Call][]string `json:"documented_fields"`
	Vectors    []vector
}

func readVectors(t testing.TB) vectorFile {
	t.Helper()
	text, err := os.ReadFile("testdata/sign_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file vectorFile
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 39 {
		t.Fatalf("%d vectors, want 39", len(file.Vectors))
	}
	return file
}

func newKey(t testing.TB, text string) wire.Key {
	t.Helper()
	key, err := wire.NewKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func without(doc wire.Document, names ...string) wire.Document {
	var kept wire.Document
	for _, f := range doc {
		if !slices.Contains(names, f.Name) {
			kept.Add(f.Name, f.Value)
		}
	}
	return kept
}

func TestVectorsSign(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Vectors {
		t.Run(v.ID+" "+v.Title, func(t *testing.T) {
			t.Parallel()
			doc := wire.Document(v.Fields)
			if got := wire.Canonical(doc, v.Unsigned...) + "&key=" + v.Key; got != v.Canonical {
				t.Errorf("canonical string\n%q, want\n%q", got, v.Canonical)
			}
			signed := without(doc, v.Unsigned...)
			if got := wire.Sign(signed, newKey(t, v.Key), wire.MD5); got != v.MD5 {
				t.Errorf("MD5 %s, want %s", got, v.MD5)
			}
			if got := wire.Sign(signed, newKey(t, v.Key), wire.HMACSHA256); got != v.HMAC {
				t.Errorf("HMAC-SHA256 %s, want %s", got, v.HMAC)
			}
		})
	}
}

func TestVectorsRead(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Vectors {
		if v.Body == "" {
			continue // OFF-1 is digests only
		}
		t.Run(v.ID+" "+v.Title, func(t *testing.T) {
			t.Parallel()
			doc, err := wire.Parse([]byte(v.Body))
			if err != nil {
				t.Fatal(err)
			}
			want := wire.Document(v.Fields)
			if v.Expect == "hazard" { // a reader of XML never sees the carriage return
				want = slices.Clone(want)
				for i := range want {
					want[i].Value = strings.ReplaceAll(want[i].Value, "\r\n", "\n")
				}
			}
			got := slices.DeleteFunc(slices.Clone(doc), func(f wire.Field) bool { return f.Name == "sign" })
			byName := func(a, b wire.Field) int { return strings.Compare(a.Name, b.Name) }
			slices.SortFunc(got, byName)
			if diff := cmp.Diff(slices.SortedFunc(slices.Values(want), byName), []wire.Field(got)); diff != "" {
				t.Errorf("fields differ (-want +got)\n%s", diff)
			}

			again, err := wire.Parse(wire.AppendRequest(nil, doc))
			if diff := cmp.Diff(without(doc), again); diff != "" || err != nil {
				t.Errorf("printed and read again (-want +got)\n%s %v", diff, err)
			}
			if v.Direction == "request" {
				verifyVector(t, v, doc)
			} else {
				verifyAnswerVector(t, v)
			}
		})
	}
}

func verifyVector(t *testing.T, v vector, doc wire.Document) {
	t.Helper()
	signed, alg, err := wire.Verify(v.Call, doc, newKey(t, v.Key))
	if v.Expect != "accept" {
		if !errors.Is(err, wire.ErrSign) || signed != nil {
			t.Errorf("verified as %v, %v, want ErrSign", signed, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]wire.Algorithm{"md5": wire.MD5, "hmac": wire.HMACSHA256}[v.Algorithm]; alg != want {
		t.Errorf("verified by %v, want %v", alg, want)
	}
	if diff := cmp.Diff(without(doc, append(v.Unsigned, "sign")...), signed); diff != "" {
		t.Errorf("signed elements (-want +got)\n%s", diff)
	}
}

func verifyAnswerVector(t *testing.T, v vector) {
	t.Helper()
	answer, err := wire.ParseAnswer([]byte(v.Body))
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.VerifyAnswer(answer, newKey(t, v.Key)); err != nil {
		t.Error(err)
	}
	alg, want := wire.MD5, v.MD5
	if v.Algorithm == "hmac" {
		alg, want = wire.HMACSHA256, v.HMAC
	}
	signed := wire.SignAnswer(wire.Answer{Document: wire.Document(v.Fields)}, newKey(t, v.Key), alg)
	if got := signed.Value("sign"); got != want {
		t.Errorf("sign of the answer %s, want %s", got, want)
	}
}

func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	documented := readVectors(t).Documented
	every := map[string]bool{"sign": true, "sign_type": true, "sub_appid": true, "": true, "Mch_id": true}
	for _, names := range documented {
		for _, name := range names {
			every[name] = true
		}
	}
	for _, call := range []wire.Call{wire.SendGroupRedPack, wire.SendRedPack, wire.GetHBInfo} {
		if len(documented[call]) == 0 {
			t.Errorf("no list for %s", call)
		}
		for name := range every {
			if got, want := call.Documents(name), slices.Contains(documented[call], name); got != want {
				t.Errorf("%s documents %q: %v, want %v", call, name, got, want)
			}
		}
	}
	if wire.Call("sendminiprogramhb").Documents("wxappid") {
		t.Error("an unknown call documents wxappid")
	}
	if got := wire.SendGroupRedPack.Path(); got != "/mmpaymkttransfers/sendgroupredpack" {
		t.Errorf("path %s", got)
	}
}
