package packet

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

const termsDomain = "hongbao packet terms v1\x00"

// Digest is the SHA-256 of everything that was sent, in hex. The first entry of
// the packet's book carries it, so that no term can be edited afterwards.
//
// Layout: domain, then each field in the order below; a text as its length in 4
// bytes and its bytes, a number in 8 bytes, big-endian, a hash as it is.
func (t *Terms) Digest() string {
	b := make([]byte, 0, 1024)
	b = append(b, termsDomain...)
	for _, s := range []string{
		t.MchID, t.BillNo, string(t.Type), t.AppID, t.SendName, t.Wishing, t.ActName, t.Remark,
		string(t.Law), t.Providers, t.Channel,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	for _, n := range []int64{
		int64(t.Total), int64(t.Num), int64(t.Min), int64(t.Cap),
		int64(t.ClaimantKey), int64(t.LinkKey), t.SentAt, t.ExpiresAt,
	} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, t.Commitment[:]...)
	b = append(b, t.Seed[:]...)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
