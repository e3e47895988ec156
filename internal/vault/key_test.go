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
	if got, err := vault.ReadKey(file); err != nil || got != key {
		t.Errorf("another key came back, %v", err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 || info.Size() != 44 {
		t.Errorf("mode %v and %d bytes (%v), want 0600 and one line of 43 characters", info.Mode(), info.Size(), err)
	}
	if err := vault.WriteKey(file, vault.NewKey()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over a key: %v, want fs.ErrExist", err)
	}
	if got, err := vault.ReadKey(file); err != nil || got != key {
		t.Errorf("the key was written over, %v", err)
	}
}

func TestKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "instance.key")
	if err := vault.WriteKey(file, vault.NewKey()); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o604, 0o640, 0o644, 0o660, 0o602, 0o610, 0o777} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		_, err := vault.ReadKey(file)
		if err == nil || !strings.Contains(err.Error(), "type chmod 600 ") || !strings.Contains(err.Error(), file) {
			t.Errorf("mode %04o: %v, want an error that says what to type", mode, err)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.ReadKey(file); err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestKeyFileFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := vault.ReadKey(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading no file: %v", err)
	}
	if err := vault.WriteKey(filepath.Join(dir, "none", "instance.key"), vault.NewKey()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("writing into no folder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.ReadKey(filepath.Join(dir, "folder")); err == nil {
		t.Error("a folder was read as a key")
	}
	const text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh"
	for name, content := range map[string]string{
		"nothing":       "",
		"a short write": text,
		"two keys":      strings.Repeat(text+"8\n", 2),
		"a large file":  strings.Repeat(" ", 1<<16),
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := vault.ReadKey(file)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
		if content != "" && err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
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
