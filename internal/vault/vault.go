// Package vault holds everything that is derived from the instance key: the
// hashes that stand for people, the keys that sign links and sessions, and the
// ciphers over what the database must not show.
//
// # Subkeys
//
// The instance key itself is used for nothing but derivation. Every use has a
// subkey of its own (HKDF-SHA256, RFC 5869), so that what one use gives away is
// worth nothing to another:
//
//	subkey = HKDF-Expand(HKDF-Extract(no salt, instance key), "hongbao/v1/" ‖ use ‖ "/" ‖ key id)
//
//	claimant      who a person is in one space              stands on every claim
//	payee hash    whom a share is to be paid to             stands in the chain
//	field hash    what a field said                         to compare, not to read
//	link          the MAC of claim links                    package link
//	session       cookies and CSRF tokens                   package identity
//	seal …        one per Purpose: columns kept encrypted
//
// A key id is part of the derivation. Every id from 0 to 255 has a key; those
// that were never current have signed and sealed nothing, so what carries one of
// them simply does not verify. What was made under an id keeps that id (on a
// packet's head, in a link, in front of a ciphertext), so a new current id
// changes nothing that is stored.
//
// All of this is written into databases: no text in this package may change.
package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"sync"

	"hongbao.example/hongbao/internal/packet"
)

// keyID is the current id of every use. It is prepared by New; a key of another
// id is derived when it is asked for.
const keyID uint8 = 1

// The uses of subkeys that are not a Purpose.
const (
	useFingerprint = "fingerprint"
	useClaimant    = "claimant"
	usePayeeHash   = "payee hash"
	useFieldHash   = "field hash"
	useLink        = "link"
	useSession     = "session"
)

// Vault derives from one instance key. All methods may be called from several
// goroutines. It prints as [secret].
type Vault struct {
	root        []byte // the pseudorandom key of HKDF; every subkey follows from it
	fingerprint string
	link        [KeySize]byte
	session     [KeySize]byte
	claimants   hasher
	payees      hasher
	fields      hasher
	ciphers     [purposes]cipher.AEAD
}

// New derives the keys in use from the instance key.
func New(key Key) *Vault {
	root, err := hkdf.Extract(sha256.New, key[:], nil)
	if err != nil {
		panic(fmt.Sprintf("vault: extract: %v", err)) // only for keys far shorter than ours
	}
	v := &Vault{root: root}
	trace := v.subkey(useFingerprint, keyID)
	v.fingerprint = hex.EncodeToString(trace[:8])
	v.claimants = hasher{vault: v, use: useClaimant}
	v.payees = hasher{vault: v, use: usePayeeHash}
	v.fields = hasher{vault: v, use: useFieldHash}
	v.link = v.subkey(useLink, keyID)
	v.session = v.subkey(useSession, keyID)
	for p := range v.ciphers {
		v.ciphers[p] = newCipher(v.subkey(purposeUses[p], keyID))
	}
	return v
}

// subkey derives the key of one use under one id.
func (v *Vault) subkey(use string, id uint8) (k [KeySize]byte) {
	b, err := hkdf.Expand(sha256.New, v.root, "hongbao/v1/"+use+"/"+strconv.Itoa(int(id)), KeySize)
	if err != nil {
		panic(fmt.Sprintf("vault: expand %q: %v", use, err)) // only for keys far longer than ours
	}
	copy(k[:], b)
	return k
}

// Fingerprint names the instance key without giving it away: 16 hex digits. The
// database holds it, so that another key is refused before it does harm.
func (v *Vault) Fingerprint() string { return v.fingerprint }

// ClaimantKeyID is the key id for the claimants of a packet that is sent now.
func (v *Vault) ClaimantKeyID() uint8 { return keyID }

// LinkKeyID is the key id for the links of a packet that is sent now.
func (v *Vault) LinkKeyID() uint8 { return keyID }

// LinkKey returns the key of claim links under an id. An id that was never
// current has a key too; it has signed no link.
func (v *Vault) LinkKey(id uint8) [KeySize]byte {
	if id == keyID {
		return v.link
	}
	return v.subkey(useLink, id)
}

// SessionKey returns the key from which package identity derives its own.
func (v *Vault) SessionKey() [KeySize]byte { return v.session }

// Claimant is how a packet knows the person called subject in a space, such as
// an openid under an appid: HMAC-SHA256, 16 bytes, over both, each with its
// length (4 bytes, big-endian) in front. The key id is the packet's.
func (v *Vault) Claimant(id uint8, space, subject string) packet.Claimant {
	return sum(&v.claimants, id, space, subject)
}

// PayeeHash is how a packet's book knows whom a share is to be paid to, over the
// payee reference in the clear, in the form of Claimant.
func (v *Vault) PayeeHash(id uint8, payee []byte) packet.PayeeHash {
	return sum(&v.payees, id, payee)
}

// FieldHash is what is kept of a value that has only to be recognised, such as a
// field of a request or the id of a used ticket, in the form of Claimant over name
// and value. Its key id is 1 for ever.
func (v *Vault) FieldHash(name, value string) [16]byte {
	return sum(&v.fields, 1, name, value)
}

// Format prints [secret], whatever the verb.
func (v *Vault) Format(f fmt.State, _ rune) { hide(f) }

// hasher makes the keyed hashes of one use. It keeps HMAC states under the
// current key for reuse: setting one up costs three times as much as a hash.
type hasher struct {
	vault  *Vault
	use    string
	states sync.Pool // of *state
}

// state is one HMAC, with room for the message and the result.
type state struct {
	mac     hash.Hash
	message []byte
	result  [sha256.Size]byte
}

// sum is the keyed hash of parts, cut to 16 bytes.
func sum[T string | []byte](h *hasher, id uint8, parts ...T) (out [16]byte) {
	s := h.state(id)
	s.message = s.message[:0]
	for _, p := range parts {
		s.message = binary.BigEndian.AppendUint32(s.message, uint32(len(p)))
		s.message = append(s.message, p...)
	}
	s.mac.Write(s.message)
	copy(out[:], s.mac.Sum(s.result[:0]))
	if id == keyID {
		s.mac.Reset()
		h.states.Put(s)
	}
	return out
}

// state returns a fresh HMAC under the key of an id.
func (h *hasher) state(id uint8) *state {
	if id == keyID {
		if s, ok := h.states.Get().(*state); ok {
			return s
		}
	}
	key := h.vault.subkey(h.use, id)
	return &state{mac: hmac.New(sha256.New, key[:])}
}
