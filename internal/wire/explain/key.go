package explain

import (
	"errors"
	"fmt"
	"strings"

	"hongbao.example/hongbao/internal/wire"
)

// Use says what a key is to the merchant whose request is judged.
type Use int

// The uses.
const (
	Valid     Use = iota // an API key that signs at present
	Retired              // an API key that has been replaced
	Elsewhere            // the API key of the merchant's other environment
	V3                   // the APIv3 key
	Other                // any other secret; its label says which
)

// The length of a key that is not Valid, in bytes. A shorter one is no secret, and
// hiding it would tear holes in what is shown.
const (
	secretMin = 8
	secretMax = 128
)

// ErrKey says that a text cannot be a key. It does not repeat the text.
var ErrKey = errors.New("explain: a secret is 8 to 128 bytes")

// A Key is a secret that a request may have been signed with. Like wire.Key it
// prints as no more than its last four characters, whatever prints it.
type Key struct {
	use   Use
	label string
	text  *string // a pointer: of an unexported Key in a struct, fmt prints an address
}

// NewKey makes a key. A Valid one must be a key that wire.NewKey takes, and the
// error is then wire.ErrKey. The label is for people and for Other alone.
func NewKey(use Use, label, text string) (Key, error) {
	if use == Valid {
		if _, err := wire.NewKey(text); err != nil {
			return Key{}, err
		}
	} else if len(text) < secretMin || len(text) > secretMax {
		return Key{}, ErrKey
	}
	return Key{use: use, label: label, text: &text}, nil
}

// String returns the key's last four characters behind dots.
func (k Key) String() string {
	if k.text == nil {
		return dots
	}
	return mask(*k.text)
}

// GoString returns what String does.
func (k Key) GoString() string { return k.String() }

// Format prints what String returns, whatever the verb.
func (k Key) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(k.String())) }

// MarshalText returns what String does.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// dots stand for what is not shown of a key.
const dots = "••••"

// tailLen is how many characters of a key are shown, and tailMin how many it must
// have for that.
const (
	tailLen = 4
	tailMin = 16
)

// mask hides a key but for its end, and for white space around it, which may be
// the very mistake.
func mask(key string) string {
	core := []rune(strings.TrimSpace(key))
	before, after, _ := strings.Cut(key, string(core))
	tail := ""
	if len(core) >= tailMin {
		tail = string(core[len(core)-tailLen:])
	}
	return before + dots + tail + after
}
