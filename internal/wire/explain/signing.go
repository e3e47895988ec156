package explain

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1" //nolint:gosec // to recognise it, not to rely on it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"slices"
	"strings"

	"hongbao.example/hongbao/internal/wire"
)

// A hash makes a digest of a text, with a key if it takes one.
type hash func(text []byte, key string) []byte

// A signing is one way to make a sign: the right way, until mistakes change it.
//
//	fields ──order, join──► frame, with the key ──whole──► text ──hash──► digest
type signing struct {
	fields          []wire.Field
	order           func(a, b wire.Field) int // nil: as they stand
	between, equals string
	frame           []string // pieces, fieldsHere and keyHere among them
	key             string
	shown           func(key string) string  // key as it may be shown
	whole           func(text string) string // nil: as it stands
	opaque          bool                     // what whole makes is not for people to read
	hash            hash
}

// Where the fields, joined, and the key stand in a frame; keyHere is a field's value
// as well. No document can hold either.
const (
	fieldsHere = "\x00fields"
	keyHere    = "\x00key"
)

// rightFrame is how the key is appended.
var rightFrame = []string{fieldsHere, "&key=", keyHere}

// right is the signing of fields with a key, as it should be. It takes the fields
// over.
func right(fields []wire.Field, key string, h hash) signing {
	return signing{fields: fields, order: byName, between: "&", equals: "=", frame: rightFrame, key: key, shown: mask, hash: h}
}

func byName(a, b wire.Field) int { return strings.Compare(a.Name, b.Name) }

// append appends what is hashed, up to whole, with a key that need not be the
// signing's.
func (s *signing) append(to []byte, key string) []byte {
	s.sort()
	for _, piece := range s.frame {
		switch piece {
		case fieldsHere:
			to = s.join(to, key)
		case keyHere:
			to = append(to, key...)
		default:
			to = append(to, piece...)
		}
	}
	return to
}

func (s *signing) sort() {
	if s.order != nil {
		slices.SortStableFunc(s.fields, s.order)
	}
}

func (s *signing) join(to []byte, key string) []byte {
	for i, f := range s.fields {
		if i > 0 {
			to = append(to, s.between...)
		}
		if f.Value == keyHere {
			f.Value = key
		}
		to = append(append(append(to, f.Name...), s.equals...), f.Value...)
	}
	return to
}

// text returns what is hashed. It may use the memory of buf.
func (s *signing) text(buf []byte) []byte {
	buf = s.append(buf, s.key)
	if s.whole != nil {
		return []byte(s.whole(string(buf)))
	}
	return buf
}

// standIn takes the key's place while what is shown is put together: letters that
// come through every change of text.
const standIn = "KeyStandsHere"

// show is what is hashed with the key masked, as far as people can read it.
func (s *signing) show() string {
	text := string(s.append(nil, standIn))
	if s.whole != nil && !s.opaque {
		text = s.whole(text)
	}
	return replaceFold(text, standIn, s.shown(s.key))
}

// replaceFold replaces every old, in lower or upper case too.
func replaceFold(text, old, by string) string {
	return strings.NewReplacer(old, by, strings.ToLower(old), by, strings.ToUpper(old), by).Replace(text)
}

func md5Sum(text []byte, _ string) []byte {
	sum := md5.Sum(text)
	return sum[:]
}

func sha1Sum(text []byte, _ string) []byte {
	sum := sha1.Sum(text)
	return sum[:]
}

func sha256Sum(text []byte, _ string) []byte {
	sum := sha256.Sum256(text)
	return sum[:]
}

func sha512Sum(text []byte, _ string) []byte {
	sum := sha512.Sum512(text)
	return sum[:]
}

func hmacSHA256(text []byte, key string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(text)
	return mac.Sum(nil)
}

func hmacSHA1(text []byte, key string) []byte {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write(text)
	return mac.Sum(nil)
}

func hmacMD5(text []byte, key string) []byte {
	mac := hmac.New(md5.New, []byte(key))
	mac.Write(text)
	return mac.Sum(nil)
}

// lowerHex and upperHex write a digest.
func lowerHex(sum []byte) string { return hex.EncodeToString(sum) }
func upperHex(sum []byte) string { return strings.ToUpper(hex.EncodeToString(sum)) }
