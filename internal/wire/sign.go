package wire

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Algorithm turns the canonical string into a digest.
type Algorithm int

// The algorithms. The zero value is the protocol's own default.
const (
	MD5 Algorithm = iota
	HMACSHA256
)

// String returns the name that sign_type gives a.
func (a Algorithm) String() string {
	if a == HMACSHA256 {
		return "HMAC-SHA256"
	}
	return "MD5"
}

// size is the length of a digest in bytes.
func (a Algorithm) size() int {
	if a == HMACSHA256 {
		return sha256.Size
	}
	return md5.Size
}

// ErrSign says that a document is not signed with the key: the sign is missing,
// malformed, of another algorithm than sign_type says, or simply wrong.
var ErrSign = errors.New("wire: bad signature")

// Canonical returns the string over which doc is signed, without the key: all
// elements but sign, the empty ones and those in except, sorted by name and
// joined. Two documents can have one canonical string, so it identifies nothing
// and is never read back. docs/api/wire.md#signature
func Canonical(doc Document, except ...string) string {
	set := signable(doc).keep(func(name string) bool { return !slices.Contains(except, name) })
	return string(appendCanonical(nil, set))
}

// Sign returns the sign of doc, upper-case hex, over all its elements but sign.
// docs/api/wire.md#signature
func Sign(doc Document, key Key, alg Algorithm) string {
	return strings.ToUpper(hex.EncodeToString(digest(signable(doc), key, alg)))
}

// Verify checks the sign of a request to call and returns the elements that it
// covers, and the algorithm, with which the answer is to be signed too. What the
// sign does not cover is gone from the returned document, and so are sign itself
// and empty elements. The error is or wraps ErrSign.
//
// A sign may cover one of three sets. Which are tried depends on the names in the
// document alone, never on how the comparisons end. docs/api/wire.md#verification
func Verify(call Call, doc Document, key Key) (Document, Algorithm, error) {
	alg, sum, err := claimed(doc)
	if err != nil {
		return nil, alg, err
	}
	if key.text == nil { // a forgotten key must not become one that everybody knows
		return nil, alg, fmt.Errorf("%w: no key", ErrSign)
	}
	everything := signable(doc)
	var match func(name string) bool
	sets := [...]func(name string) bool{
		func(string) bool { return true },
		call.Documents,
		func(name string) bool { return !call.leavesUnsigned(name) },
	}
	for i, covers := range sets {
		set := everything
		if i > 0 {
			if set = everything.keep(covers); len(set) == len(everything) {
				continue // the first set again
			}
		}
		if equal := subtle.ConstantTimeCompare(digest(set, key, alg), sum) == 1; equal && match == nil {
			match = covers
		}
	}
	if match == nil {
		return nil, alg, ErrSign
	}
	signed := make(Document, 0, len(everything))
	for _, f := range doc {
		if f.Name != "sign" && f.Value != "" && match(f.Name) {
			signed = append(signed, f)
		}
	}
	return signed, alg, nil
}

// leavesUnsigned says whether a client library in wide use sends name in requests
// to c without signing it.
func (c Call) leavesUnsigned(name string) bool {
	return name == "sign_type" || name == "sub_appid" || name == "sub_mch_id" && c == GetHBInfo
}

// SignAnswer returns a with its sign, after return_msg. It covers every element
// but the claims, which have no canonical form: an answer with claims is not
// signed. Values come back as AppendAnswer prints them, so that the sign holds
// for what is read. docs/api/wire.md#answer-signature
func SignAnswer(a Answer, key Key, alg Algorithm) Answer {
	doc := make(Document, 0, len(a.Document)+1)
	at := 0
	for _, f := range a.Document {
		if f.Name == "sign" {
			continue
		}
		doc.Add(f.Name, printable(f.Value))
		if f.Name == "return_msg" {
			at = len(doc)
		}
	}
	sign := Field{Name: "sign", Value: Sign(doc, key, alg)}
	return Answer{Document: slices.Insert(doc, at, sign), Claims: a.Claims}
}

// VerifyAnswer checks the sign of an answer, of either algorithm. The error is or
// wraps ErrSign; so it is for an answer without a sign. docs/api/wire.md#answer-signature
func VerifyAnswer(a Answer, key Key) error {
	alg, sum, err := claimed(a.Document)
	switch {
	case err != nil:
		return err
	case key.text == nil:
		return fmt.Errorf("%w: no key", ErrSign)
	case subtle.ConstantTimeCompare(digest(signable(a.Document), key, alg), sum) != 1:
		return ErrSign
	}
	return nil
}

// claimed returns the algorithm and the digest that a document says it is signed
// with. Hex may be of either case.
func claimed(doc Document) (Algorithm, []byte, error) {
	sign := doc.Value("sign")
	if sign == "" {
		return MD5, nil, fmt.Errorf("%w: no sign", ErrSign)
	}
	alg := MD5
	if len(sign) == 2*HMACSHA256.size() {
		alg = HMACSHA256
	}
	sum, err := hex.DecodeString(sign)
	if err != nil || len(sum) != alg.size() {
		return alg, nil, fmt.Errorf("%w: sign is not 32 or 64 hexadecimal digits", ErrSign)
	}
	if stated := doc.Value("sign_type"); stated != "" && stated != alg.String() {
		return alg, nil, fmt.Errorf("%w: sign_type and the length of sign disagree", ErrSign)
	}
	return alg, sum, nil
}

// signable returns what takes part in a signature, sorted by name.
func signable(doc Document) Document {
	set := make(Document, 0, len(doc))
	for _, f := range doc {
		if f.Name != "sign" && f.Value != "" {
			set = append(set, f)
		}
	}
	slices.SortFunc(set, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return set
}

// appendCanonical joins a sorted set. Nothing is escaped.
func appendCanonical(to []byte, set Document) []byte {
	for i, f := range set {
		if i > 0 {
			to = append(to, '&')
		}
		to = append(append(append(to, f.Name...), '='), f.Value...)
	}
	return to
}

// digest returns the raw digest of a sorted set. The key ends the string and, with
// HMAC, is the key as well. It panics on the zero Key.
func digest(set Document, key Key, alg Algorithm) []byte {
	if key.text == nil {
		panic("wire: signing with the zero Key")
	}
	text := appendCanonical(make([]byte, 0, 1024), set)
	text = append(append(text, "&key="...), *key.text...)
	if alg == HMACSHA256 {
		mac := hmac.New(sha256.New, []byte(*key.text))
		mac.Write(text)
		return mac.Sum(nil)
	}
	sum := md5.Sum(text)
	return sum[:]
}
