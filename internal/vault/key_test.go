package vault_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/vault"
)

func TestKeyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "instance.key")
	key := vault.NewKey()
	if err := vault.WriteKey(file, key); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); got != key {
		t.Error("another key came back")
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 || info.Size() != 44 {
		t.Errorf("mode %v and %d bytes (%v), want 0600 and one line of 43 characters", info.Mode(), info.Size(), err)
	}
	if err := vault.WriteKey(file, vault.NewKey()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over a key: %v, want fs.ErrExist", err)
	}
	if got := read(t, file); got != key {
		t.Error("the key was written over")
	}
}

// read reads a key file.
func read(t *testing.T, file string) vault.Key {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := vault.ParseKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAKeyIsWrittenIntoAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "none", "instance.key")
	if err := vault.WriteKey(file, vault.NewKey()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("writing into no folder: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	const text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for _, good := range []string{text, text + "\n", " " + text + "\r\n"} {
		if got, err := vault.ParseKey(good); err != nil || got != testKey() {
			t.Errorf("ParseKey(%q): another key, %v", good, err)
		}
	}
	for name, bad := range map[string]string{
		"nothing":               "",
		"one too few":           text[:42],
		"one too many":          text + "A",
		"a line end within":     text[:20] + "\n" + text[20:],
		"line ends for bytes":   text[:20] + "\n\n\n" + text[23:],
		"a line end for a byte": text[:20] + "\n" + text[21:],
		"padding":               text + "=",
		"another alphabet":      strings.Replace(text, "A", "+", 1),
		"hex":                   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"bits after the bytes":  text[:42] + "9",
	} {
		if got, err := vault.ParseKey(bad); err == nil || got != (vault.Key{}) {
			t.Errorf("%s: taken as a key", name)
		}
	}
}
