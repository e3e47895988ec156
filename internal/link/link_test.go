package link_test

import (
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/link"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// keyOf gives every id a key of its own; that of id 0 is the bytes 0, 1, … 31.
func keyOf(id uint8) (key [32]byte) {
	for i := range key {
		key[i] = byte(i) ^ id
	}
	return key
}

// samples holds tokens with what another implementation (Python's hmac) writes
// for them under keyOf(0).
var samples = map[string]link.Token{
	"M1bS_QAAMDkAAAHmOgS0YRSNcF37EO2sEXxT": {Packet: 3699376128000012345, Sharer: link.Root, KeyID: 1},
	"M1bS_QAAMDkAAQEiSe_qVsMo8wY1N8yipEUM": {Packet: 3699376128000012345, Sharer: 0, KeyID: 1},
	"M1bS_QAAMDkD6AIcqsK1BvoVky3dk-TqNL7p": {Packet: 3699376128000012345, Sharer: 999, KeyID: 2},
	"f_____________8-a5opzvHZn9RWtiJP_YC7": {Packet: math.MaxInt64, Sharer: link.SharerMax, KeyID: 255},
	"AAAAAAAAAAEAAACj1KkOU8OJ0qfRdUTWqpWA": {Packet: 1, Sharer: link.Root, KeyID: 0},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	oneKey := func(uint8) [32]byte { return keyOf(0) }
	for want, token := range samples {
		if got := link.Encode(keyOf(0), token); got != want {
			t.Errorf("%+v is written %s, want %s", token, got, want)
		}
		if got, err := link.Decode(oneKey, want); err != nil || got != token {
			t.Errorf("%s reads %+v, %v, want %+v", want, got, err, token)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, packet := range []int64{0, 1, 1<<21 - 1, 1 << 62, math.MaxInt64} {
		for _, sharer := range []int{link.Root, 0, 1, 254, 255, 256, 999, link.SharerMax} {
			for _, id := range []uint8{0, 1, 255} {
				want := link.Token{Packet: packet, Sharer: sharer, KeyID: id}
				s := link.Encode(keyOf(id), want)
				if len(s) != link.Size || strings.Trim(s, alphabet) != "" {
					t.Errorf("%+v is written %q", want, s)
				}
				if got, err := link.Decode(keyOf, s); err != nil || got != want {
					t.Errorf("%+v comes back as %+v, %v", want, got, err)
				}
			}
		}
	}
}

func TestAllLinksOfAPacketBeginAlike(t *testing.T) {
	t.Parallel()
	root := link.Encode(keyOf(1), link.Token{Packet: 7, Sharer: link.Root, KeyID: 1})
	friend := link.Encode(keyOf(2), link.Token{Packet: 7, Sharer: 12, KeyID: 2})
	other := link.Encode(keyOf(1), link.Token{Packet: 1 << 60, Sharer: link.Root, KeyID: 1})
	if root[:10] != friend[:10] || root[:10] == other[:10] {
		t.Errorf("links %s, %s and another packet's %s", root, friend, other)
	}
}

func TestAnyChangedCharacterIsRefused(t *testing.T) {
	t.Parallel()
	for _, token := range samples {
		s := link.Encode(keyOf(token.KeyID), token)
		for i := range s {
			for _, c := range alphabet + "+/=.~ \n\r\x00\xff" {
				changed := s[:i] + string(c) + s[i+1:]
				if changed == s {
					continue
				}
				if got, err := link.Decode(keyOf, changed); !errors.Is(err, fault.NotFound) || got != (link.Token{}) {
					t.Errorf("%s is read as %+v, %v", changed, got, err)
				}
			}
		}
	}
}

// TestAMACServesItsOwnTokenOnly moves the MAC of one token behind what another
// says.
func TestAMACServesItsOwnTokenOnly(t *testing.T) {
	t.Parallel()
	raw := func(token link.Token) []byte {
		b, err := base64.RawURLEncoding.DecodeString(link.Encode(keyOf(token.KeyID), token))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := link.Token{Packet: 7, Sharer: 3, KeyID: 1}
	for name, other := range map[string]link.Token{
		"another packet": {Packet: 8, Sharer: 3, KeyID: 1},
		"another slot":   {Packet: 7, Sharer: 4, KeyID: 1},
		"the root link":  {Packet: 7, Sharer: link.Root, KeyID: 1},
		"another key id": {Packet: 7, Sharer: 3, KeyID: 2},
	} {
		forged := base64.RawURLEncoding.EncodeToString(append(raw(other)[:11], raw(own)[11:]...))
		if _, err := link.Decode(keyOf, forged); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s: %v, want not_found", name, err)
		}
	}
	foreign := link.Encode(keyOf(9), own)
	if _, err := link.Decode(keyOf, foreign); !errors.Is(err, fault.NotFound) {
		t.Errorf("written under another key: %v, want not_found", err)
	}
}

func TestOtherTextsAreNotFound(t *testing.T) {
	t.Parallel()
	s := link.Encode(keyOf(1), link.Token{Packet: 7, Sharer: 3, KeyID: 1})
	for name, text := range map[string]string{
		"nothing":            "",
		"one too few":        s[:35],
		"one too many":       s + "A",
		"padding":            s + "====",
		"a line end behind":  s + "\n",
		"a line end within":  s[:18] + "\n" + s[18:],
		"line ends for text": s[:32] + "\n\n\n\n",
		"only line ends":     strings.Repeat("\n", link.Size),
		"very long":          strings.Repeat("A", 1<<20),
	} {
		if got, err := link.Decode(keyOf, text); !errors.Is(err, fault.NotFound) || got != (link.Token{}) {
			t.Errorf("%s: %+v, %v, want not_found", name, got, err)
		}
	}
}

// TestZeroesAreNotLeftOut: the decoder skips line ends and leaves what it did not
// write at zero, which the end of this token (found by trying) happens to be.
func TestZeroesAreNotLeftOut(t *testing.T) {
	t.Parallel()
	s := link.Encode(keyOf(1), link.Token{Packet: 16031654, Sharer: link.Root, KeyID: 1})
	if s[:32]+"AAAA" != s {
		t.Fatalf("%s does not end in zeroes", s)
	}
	if _, err := link.Decode(keyOf, s[:32]+"\n\n\n\n"); !errors.Is(err, fault.NotFound) {
		t.Errorf("line ends stand for zeroes: %v", err)
	}
}

func TestNoLinkForASlotThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, sharer := range []int{-2, link.SharerMax + 1, math.MaxInt, math.MinInt} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("slot %d was written", sharer)
				}
			}()
			link.Encode(keyOf(1), link.Token{Packet: 7, Sharer: sharer, KeyID: 1})
		}()
	}
}

// FuzzDecode: whatever is read is written back as the same text, so there is one
// text for each token.
func FuzzDecode(f *testing.F) {
	for _, token := range samples {
		f.Add(link.Encode(keyOf(token.KeyID), token))
	}
	f.Add("")
	f.Add(strings.Repeat("A", link.Size))
	f.Fuzz(func(t *testing.T, s string) {
		token, err := link.Decode(keyOf, s)
		if err != nil {
			if !errors.Is(err, fault.NotFound) || token != (link.Token{}) {
				t.Errorf("%q: %+v, %v", s, token, err)
			}
			return
		}
		if again := link.Encode(keyOf(token.KeyID), token); again != s {
			t.Errorf("%q reads %+v, which is written %q", s, token, again)
		}
	})
}

// FuzzRoundTrip: every token that can be written is read back.
func FuzzRoundTrip(f *testing.F) {
	f.Add(int64(7), uint16(0), uint8(1))
	f.Add(int64(math.MaxInt64), uint16(math.MaxUint16), uint8(255))
	f.Fuzz(func(t *testing.T, packet int64, sharer uint16, id uint8) {
		want := link.Token{Packet: packet, Sharer: int(sharer) - 1, KeyID: id}
		if got, err := link.Decode(keyOf, link.Encode(keyOf(id), want)); err != nil || got != want {
			t.Errorf("%+v comes back as %+v, %v", want, got, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	key := keyOf(1)
	b.ReportAllocs()
	for b.Loop() {
		link.Encode(key, link.Token{Packet: 7, Sharer: 3, KeyID: 1})
	}
}

func BenchmarkDecode(b *testing.B) {
	s := link.Encode(keyOf(1), link.Token{Packet: 7, Sharer: 3, KeyID: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := link.Decode(keyOf, s); err != nil {
			b.Fatal(err)
		}
	}
}
