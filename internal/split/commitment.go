package split

import (
	"crypto/sha256"
	"encoding/binary"
)

// commitmentDomain keeps a commitment apart from any other hash of the secret.
const commitmentDomain = "hongbao/split/commitment/1"

// Commitment binds whoever publishes it to s and t without telling s: SHA-256 of
//
//	domain ‖ secret ‖ send_listid ‖ total ‖ N ‖ law ‖ min ‖ cap
//
// where a number is 8 bytes, big-endian, and a text is its length as a number, then
// its bytes. So no two pairs of secret and terms share an input, valid or not.
func Commitment(s Secret, t Terms) [32]byte {
	b := make([]byte, 0, 192)
	b = append(b, commitmentDomain...)
	b = append(b, s[:]...)
	b = appendText(b, t.SendListID)
	b = appendNumber(b, int64(t.Total))
	b = appendNumber(b, int64(t.Num))
	b = appendText(b, string(t.Law))
	b = appendNumber(b, int64(t.Min))
	b = appendNumber(b, int64(t.Cap))
	return sha256.Sum256(b)
}

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func appendText(b []byte, s string) []byte {
	return append(appendNumber(b, int64(len(s))), s...)
}
