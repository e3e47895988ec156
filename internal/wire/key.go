package wire

import (
	"errors"
	"fmt"
)

// keyLen is the length that the protocol gives an API key.
const keyLen = 32

// ErrKey says that a text is not an API key. It does not repeat the text.
var ErrKey = errors.New("wire: an API key is 32 visible ASCII characters")

// Key is a merchant's APIv2 key. It has no way out but through a signature: every
// verb of fmt, and every encoder that honours MarshalText (log/slog's handlers,
// encoding/json), prints [secret]. The zero Key signs and verifies nothing.
//
// The text hangs on a pointer, so that a struct with an unexported Key in it, on
// which fmt may call no method, prints an address.
type Key struct{ text *string }

// NewKey makes a key of its text.
func NewKey(text string) (Key, error) {
	if len(text) != keyLen || !all(text, isVisible) {
		return Key{}, ErrKey
	}
	return Key{text: &text}, nil
}

// secret is what a key prints.
const secret = "[secret]"

// String returns [secret].
func (k Key) String() string { return secret }

// GoString returns [secret].
func (k Key) GoString() string { return secret }

// Format prints [secret] whatever the verb.
func (k Key) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(secret)) }

// MarshalText returns [secret].
func (k Key) MarshalText() ([]byte, error) { return []byte(secret), nil }
