package vault_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"hongbao.example/hongbao/internal/vault"
)

func purposes() []vault.Purpose {
	return []vault.Purpose{vault.PayeeRef, vault.SplitSecret, vault.SeedRef, vault.KeySecret, vault.FrozenRequest}
}

func TestSealedOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	row, plain := []byte("packet 7, claimant 9"), []byte("wechat oSeed-1")
	for _, p := range purposes() {
		sealed := v.Seal(p, row, plain)
		if bytes.Contains(sealed, plain) {
			t.Errorf("purpose %d: the plaintext shows", p)
		}
		if got, err := v.Open(p, row, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("purpose %d: opened %q, %v", p, got, err)
		}
		if _, err := v.Open(p, []byte("packet 7, claimant 8"), sealed); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("purpose %d: opens in another row: %v", p, err)
		}
		if _, err := v.Open(p, nil, sealed); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("purpose %d: opens in no row: %v", p, err)
		}
		for _, q := range purposes() {
			if _, err := v.Open(q, row, sealed); p != q && !errors.Is(err, vault.ErrSealed) {
				t.Errorf("purpose %d opens as %d: %v", p, q, err)
			}
		}
		if _, err := vault.New(vault.NewKey()).Open(p, row, sealed); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("purpose %d opens under another instance key: %v", p, err)
		}
	}
}

func TestSealedThatWasChangedDoesNotOpen(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	sealed := v.Seal(vault.SplitSecret, []byte("row"), []byte("secret"))
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := v.Open(vault.SplitSecret, []byte("row"), changed); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("opens with byte %d changed: %v", i, err)
		}
		if _, err := v.Open(vault.SplitSecret, []byte("row"), sealed[:i]); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("opens cut to %d bytes: %v", i, err)
		}
	}
}

func TestSealingNeverRepeats(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	seen := map[string]bool{}
	for range 1000 {
		seen[string(v.Seal(vault.PayeeRef, nil, nil))] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different ciphertexts of 1000", len(seen))
	}
	if got, err := v.Open(vault.PayeeRef, nil, v.Seal(vault.PayeeRef, nil, nil)); err != nil || len(got) != 0 {
		t.Errorf("nothing, sealed in no row, opens as %q, %v", got, err)
	}
}

// TestSealedElsewhereOpens opens what another implementation sealed (Python's
// cryptography, nonce 0, 1, … 11), also under a key id that is not the current one.
func TestSealedElsewhereOpens(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	for _, c := range []struct {
		purpose vault.Purpose
		sealed  string
	}{
		{vault.PayeeRef, "01000102030405060708090a0b45181a3ea4c9b4de37f74210630cfe402e4d0654d0b821"},
		{vault.PayeeRef, "02000102030405060708090a0bcac69a46aeac96780f1c745587af5565f3e11d25384930"},
		{vault.SplitSecret, "01000102030405060708090a0b9a1d7e60992c42718643a6d7794d95ec2d5fc521a008a0"},
		{vault.SeedRef, "01000102030405060708090a0ba5535f27b9726239dafe7eb571a9e51c6046c60f98cdb9"},
		{vault.KeySecret, "01000102030405060708090a0bb406b49df9bad113a09ee0b59a578fb3139287fe9957f5"},
		{vault.FrozenRequest, "01000102030405060708090a0bd9d68eb4f807bff97607e27210a8a527c71c1a69196b84"},
	} {
		sealed, err := hex.DecodeString(c.sealed)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Open(c.purpose, []byte("row 7"), sealed); err != nil || string(got) != "oSeed-1" {
			t.Errorf("purpose %d, key id %d: opened %q, %v", c.purpose, sealed[0], got, err)
		}
	}
}
