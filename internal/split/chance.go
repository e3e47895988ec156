package split

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"hongbao.example/hongbao/internal/money"
)

// chanceDomain keeps these blocks apart from any other use of the secret.
const chanceDomain = "hongbao/split/chance/1"

// chance is the endless row of 64-bit words that a secret stands for. Block i, from
// 0, is HMAC-SHA256(secret, chanceDomain ‖ i in 8 bytes) and holds four words;
// every number is big-endian.
type chance struct {
	mac    hash.Hash
	msg    [len(chanceDomain) + 8]byte
	number uint64 // of the next block
	block  [sha256.Size]byte
	unread []byte // what is left of block
}

func newChance(s Secret) *chance {
	c := &chance{mac: hmac.New(sha256.New, s[:])}
	copy(c.msg[:], chanceDomain)
	return c
}

func (c *chance) word() uint64 {
	if len(c.unread) == 0 {
		binary.BigEndian.PutUint64(c.msg[len(chanceDomain):], c.number)
		c.number++
		c.mac.Reset()
		c.mac.Write(c.msg[:])
		c.unread = c.mac.Sum(c.block[:0])
	}
	w := binary.BigEndian.Uint64(c.unread)
	c.unread = c.unread[8:]
	return w
}

// below returns a number from 0 to n−1, n ≥ 1, each equally likely. It takes one
// word, also when n is 1, and another for each that lies at or above the largest
// multiple of n within 2⁶⁴: those would favour the small numbers. With n up to
// TotalMax that befalls one word in ten million at most.
func (c *chance) below(n money.Fen) money.Fen {
	size := uint64(n)
	excess := -size % size // 2⁶⁴ mod n
	for {
		if w := c.word(); w <= ^excess { // w < 2⁶⁴ − excess
			return money.Fen(w % size)
		}
	}
}
