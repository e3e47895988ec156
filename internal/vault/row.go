package vault

import (
	"encoding/binary"

	"hongbao.example/hongbao/internal/packet"
)

// Payee is whom a claimed share is paid to, as JSON. Sealed it lies in the claim's
// row and in its payouts'; its keyed hash stands in the packet's chain.
type Payee struct {
	Provider string `json:"provider"`
	Space    string `json:"space"`   // the appid or issuer under which Subject is known
	Subject  string `json:"subject"` // openid
	Pay      string `json:"pay,omitempty"`
}

// PacketRow names the row of what is sealed with a packet: its split's secret and
// its seed's openid.
func PacketRow(id packet.ID) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 32), uint64(id))
}

// ClaimRow names the row of a claim's sealed payee, there and in its payouts.
func ClaimRow(id packet.ID, who packet.Claimant) []byte {
	return append(PacketRow(id), who[:]...)
}

// PayoutRow names the row of a payout's frozen request.
func PayoutRow(id packet.ID, who packet.Claimant, generation int) []byte {
	return binary.BigEndian.AppendUint32(ClaimRow(id, who), uint32(generation))
}

// KeyRow names the row of a merchant's sealed key.
func KeyRow(mchID, id string) []byte { return []byte(mchID + "\x00" + id) }
