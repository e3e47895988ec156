package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// KeySize is the size of the instance key and of every subkey, in bytes.
const KeySize = 32

// Key is the instance key. It prints as [secret].
type Key [KeySize]byte

const secret = "[secret]"

// String returns [secret].
func (Key) String() string { return secret }

// Format prints [secret], whatever the verb.
func (Key) Format(f fmt.State, _ rune) { hide(f) }

// LogValue logs [secret].
func (Key) LogValue() slog.Value { return slog.StringValue(secret) }

func hide(f fmt.State) {
	_, _ = io.WriteString(f, secret) // a formatter has nobody to tell
}

const keyTextSize = 43 // characters of base64url without padding

// NewKey draws an instance key.
func NewKey() (k Key) {
	_, _ = rand.Read(k[:]) // never fails; a machine without chance stops the program
	return k
}

// ParseKey reads the text of an instance key: base64url without padding, 43
// characters. Blanks and line ends around it do not count.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != KeySize || len(text) != keyTextSize { // the decoder skips line ends within
		return Key{}, errors.New("vault: not an instance key: want the 43 characters of base64url that init wrote")
	}
	return Key(b), nil
}

// WriteKey writes k to a new file of mode 0600, one line of text, and makes it
// durable. It never overwrites: the key that stood there may be the only one that
// opens a database. A file that could not be written whole is removed; if the
// machine stops just then, a short file is left, which ParseKey refuses.
func WriteKey(file string, k Key) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("vault: instance key: %w", err)
	}
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(k[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = SyncFolder(filepath.Dir(file))
	}
	if err != nil {
		return fmt.Errorf("vault: instance key: %w", errors.Join(err, os.Remove(file)))
	}
	return nil
}

// SyncFolder makes the names in a folder durable: an instance key that vanished with
// the power would take the database with it.
func SyncFolder(name string) error {
	d, err := os.Open(name) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
