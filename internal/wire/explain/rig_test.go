package explain_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"hongbao.example/hongbao/internal/wire"
	"hongbao.example/hongbao/internal/wire/explain"
)

// Keys of a merchant, by what they are to it.
const (
	keyNow     = "HongbaoTestKey0123456789abcdef01"
	keyOld     = "HongbaoOldKey_0123456789ABCDEF02"
	keySandbox = "SandboxTestKey_0123456789abcde03"
	keyV3      = "ApiV3TestSecret0123456789abcde04"
	keyTicket  = "TicketHS256Secret_abcdefghijkl05"
)

func allKeys(t testing.TB) []explain.Key {
	t.Helper()
	var all []explain.Key
	for _, k := range []struct {
		use         explain.Use
		label, text string
	}{
		{explain.Valid, "", keyNow},
		{explain.Retired, "", keyOld},
		{explain.Elsewhere, "", keySandbox},
		{explain.V3, "", keyV3},
		{explain.Other, "ticket", keyTicket},
	} {
		all = append(all, newKey(t, k.use, k.label, k.text))
	}
	return all
}

func newKey(t testing.TB, use explain.Use, label, text string) explain.Key {
	t.Helper()
	k, err := explain.NewKey(use, label, text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A vector is what these tests need of a row of the signature vectors.
type vector struct {
	ID, Direction, Key, Body, Expect string
	Call                             wire.Call
}

// readVectors returns the vectors that are requests, with a body.
func readVectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("../testdata/sign_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	all := slices.DeleteFunc(file.Vectors, func(v vector) bool { return v.Body == "" || v.Direction != "request" })
	if len(all) < 30 {
		t.Fatalf("%d vectors are requests", len(all))
	}
	return all
}

func parse(t testing.TB, body string) wire.Document {
	t.Helper()
	doc, err := wire.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return doc
}

// document makes a document of names and values, one after the other.
func document(pairs ...string) (doc wire.Document) {
	for pair := range slices.Chunk(pairs, 2) {
		doc = append(doc, wire.Field{Name: pair[0], Value: pair[1]})
	}
	return doc
}

// The rest is a signer of its own, written after the protocol's description and
// not after the code under test. docs/api/wire.md#signature

// with returns fields with one set, appended if it is new.
func with(fields []wire.Field, name, value string) []wire.Field {
	fields = slices.Clone(fields)
	for i := range fields {
		if fields[i].Name == name {
			fields[i].Value = value
			return fields
		}
	}
	return append(fields, wire.Field{Name: name, Value: value})
}

// but returns fields without those that are named.
func but(fields []wire.Field, names ...string) []wire.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f wire.Field) bool { return slices.Contains(names, f.Name) })
}

// mapped returns fields with their values changed.
func mapped(fields []wire.Field, change func(string) string) []wire.Field {
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].Value = change(fields[i].Value)
	}
	return fields
}

// sorted returns the fields that have a value, by name.
func sorted(fields []wire.Field) []wire.Field {
	fields = slices.DeleteFunc(slices.Clone(fields), func(f wire.Field) bool { return f.Value == "" })
	slices.SortFunc(fields, func(a, b wire.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// joined joins fields as they stand.
func joined(fields []wire.Field) string {
	var parts []string
	for _, f := range fields {
		parts = append(parts, f.Name+"="+f.Value)
	}
	return strings.Join(parts, "&")
}

// canonical is the string that is right.
func canonical(fields []wire.Field, key string) string { return joined(sorted(fields)) + "&key=" + key }

func upper(sum []byte) string { return strings.ToUpper(hex.EncodeToString(sum)) }

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return upper(sum[:])
}

func hmacHex(text, key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return upper(mac.Sum(nil))
}

// body prints fields, empty ones too, and a sign.
func body(fields []wire.Field, sign string) string {
	var b strings.Builder
	b.WriteString("<xml>")
	for _, f := range with(fields, "sign", sign) {
		b.WriteString("<" + f.Name + "><![CDATA[" + strings.ReplaceAll(f.Value, "]]>", "]]]]><![CDATA[>") + "]]></" + f.Name + ">")
	}
	b.WriteString("</xml>")
	return b.String()
}

// causes returns the causes of findings, and whether all are proved.
func causes(rep explain.Report) (all []explain.Cause, proved bool) {
	proved = true
	for _, f := range rep.Findings {
		all = append(all, f.Cause)
		proved = proved && f.Proved
	}
	return all, proved
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return upper(sum[:])
}

func toGBK(text string) string {
	t, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return t
}
