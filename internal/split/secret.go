package split

import (
	"fmt"
	"io"
)

// Secret is all the chance of one packet: 32 bytes from the system's randomness,
// drawn at send, never used twice, hidden until the packet's end is committed.
//
// It prints as "[secret]" with every verb of package fmt, in both handlers of
// log/slog (which ask MarshalText) and in JSON. To reveal it, encode s[:]. In an
// unexported field of another type fmt cannot ask it, so do not print that type.
type Secret [32]byte

const masked = "[secret]"

// String returns "[secret]".
func (Secret) String() string { return masked }

// Format writes "[secret]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// MarshalText returns "[secret]" and no error.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
