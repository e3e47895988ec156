// Package link writes and reads the tokens of claim links, the last element of
// /p/{token}. It is pure: there is no table of links, a token says all there is
// to know and proves that it was written here.
//
//	packet id (8) ‖ sharer's slot + 1, or 0 for the root link (2) ‖ key id (1) ‖ MAC (16)
//
// Numbers are big-endian; the MAC is HMAC-SHA256 over a domain and the 11 bytes
// before it, cut to 16 bytes. The 27 bytes are written in base64url, which has no
// room to spare in 36 characters: no two texts are one token. All links of a
// packet begin with the same 10 characters, by which a balancer can keep a packet
// on one server.
//
// The root link is the seed's own; the others name the claim whose owner shared
// them. Whoever holds a link may see the packet; a link says nothing about who is
// claiming.
package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"hongbao.example/hongbao/internal/fault"
)

// Size is the length of every token, in characters.
const Size = 36

const (
	domain     = "hongbao link v1\x00"
	signedSize = 8 + 2 + 1
	macSize    = 16
	rawSize    = signedSize + macSize
)

const (
	// Root is the sharer of the root link.
	Root = -1
	// SharerMax is the highest slot that a link can name.
	SharerMax = 1<<16 - 2
)

// Token is what a link says.
type Token struct {
	Packet int64 // id
	Sharer int   // slot of the claim whose owner shares it, or Root
	KeyID  uint8 // which key made the MAC
}

// Encode writes t under the key that t.KeyID stands for. It panics when no link
// can name the sharer.
func Encode(key [32]byte, t Token) string {
	if t.Sharer < Root || t.Sharer > SharerMax {
		panic(fmt.Sprintf("link: slot %d of packet %d has no link", t.Sharer, t.Packet))
	}
	var raw [rawSize]byte
	binary.BigEndian.PutUint64(raw[0:], uint64(t.Packet))
	binary.BigEndian.PutUint16(raw[8:], uint16(t.Sharer+1))
	raw[10] = t.KeyID
	copy(raw[signedSize:], authenticate(key, raw[:signedSize]))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// Decode reads a token that Encode wrote, and refuses every other text with
// fault.NotFound. keyOf returns the key of an id; it is asked for any id that
// somebody cares to write.
func Decode(keyOf func(id uint8) [32]byte, s string) (Token, error) {
	if len(s) != Size {
		return Token{}, fault.NotFound
	}
	var raw [rawSize]byte
	n, err := base64.RawURLEncoding.Decode(raw[:], []byte(s))
	if err != nil || n != rawSize { // line ends are skipped, which leaves fewer bytes
		return Token{}, fault.NotFound
	}
	t := Token{
		Packet: int64(binary.BigEndian.Uint64(raw[0:])),
		Sharer: int(binary.BigEndian.Uint16(raw[8:])) - 1,
		KeyID:  raw[10],
	}
	if !hmac.Equal(authenticate(keyOf(t.KeyID), raw[:signedSize]), raw[signedSize:]) {
		return Token{}, fault.NotFound
	}
	return t, nil
}

// authenticate returns the MAC over what a token says.
func authenticate(key [32]byte, signed []byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(domain))
	mac.Write(signed)
	return mac.Sum(nil)[:macSize]
}
