package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Purpose says what a ciphertext is. Each purpose has a key of its own, so that
// one column's ciphertext does not open as another's.
type Purpose uint8

// The purposes.
const (
	PayeeRef      Purpose = iota // whom a share is to be paid to
	SplitSecret                  // of a packet, until its end
	SeedRef                      // the openid a packet was sent to
	KeySecret                    // a merchant's API key or HS256 secret
	FrozenRequest                // the exact request of a payout
	purposes                     // how many there are
)

// purposeUses names the purposes in the derivation of their keys.
var purposeUses = [purposes]string{ //nolint:gosec // the names of keys, not keys
	PayeeRef: "seal payee", SplitSecret: "seal split secret", SeedRef: "seal seed",
	KeySecret: "seal merchant key", FrozenRequest: "seal frozen request",
}

// ErrSealed says that a ciphertext does not open: it was changed, stands in
// another row or column, or was sealed under another instance key.
var ErrSealed = errors.New("vault: the ciphertext does not open in this place")

// overhead is what Seal adds: key id (1), nonce (12) and tag (16).
const overhead = 1 + 12 + 16

// Seal encrypts plaintext for one purpose and one row (AES-256-GCM, a random
// nonce). row is whatever names the place the result is to stand in, such as
// packet id and claimant; Open must be given the same. Layout: key id (1) ‖ nonce
// (12) ‖ ciphertext and tag. Random nonces are good for 2³² calls per purpose and
// key id.
func (v *Vault) Seal(p Purpose, row, plaintext []byte) []byte {
	sealed := make([]byte, 1, len(plaintext)+overhead)
	sealed[0] = keyID
	return v.ciphers[p].Seal(sealed, nil, plaintext, row) //nolint:gosec // no nonce: this cipher draws its own
}

// Open undoes Seal, or returns ErrSealed.
func (v *Vault) Open(p Purpose, row, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, ErrSealed
	}
	c := v.ciphers[p]
	if sealed[0] != keyID {
		c = newCipher(v.subkey(purposeUses[p], sealed[0]))
	}
	plaintext, err := c.Open(nil, nil, sealed[1:], row)
	if err != nil {
		return nil, ErrSealed // the cause says nothing more
	}
	return plaintext, nil
}

// newCipher makes AES-256-GCM that draws its own nonces.
func newCipher(key [KeySize]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Sprintf("vault: %v", err)) // only for keys of another size
	}
	c, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(fmt.Sprintf("vault: %v", err)) // only for ciphers other than AES
	}
	return c
}
