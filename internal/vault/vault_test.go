package vault_test

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/vault"
)

// testKey is the key of all vectors: the bytes 0, 1, … 31.
func testKey() (k vault.Key) {
	for i := range k {
		k[i] = byte(i)
	}
	return k
}

// TestVectors pins what stands in databases. The values come from another
// implementation (Python's hmac, HKDF written out by hand from RFC 5869).
func TestVectors(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	for name, c := range map[string]struct{ got, want any }{
		"fingerprint":                 {v.Fingerprint(), "be5e4732ffc01e71"},
		"claimant":                    {hexOf(v.Claimant(1, "wxcafe0001", "oSeed-1")), "c2ddea6b1c16e2370ee302debb38cd9c"},
		"claimant under another id":   {hexOf(v.Claimant(2, "wxcafe0001", "oSeed-1")), "68c5cb577241c120bf09b77e91e95237"},
		"payee hash":                  {hexOf(v.PayeeHash(1, []byte("wechat oSeed-1"))), "2e6099c0acec8ffe2fffbdd56a3e0970"},
		"payee hash under another id": {hexOf(v.PayeeHash(2, []byte("wechat oSeed-1"))), "57bb88f7744c5b6e8e1d2c6a701c229b"},
		"field hash":                  {hexOf(v.FieldHash("total_num", "3")), "ebb7205f9ef5037f24d6c3c5ae402056"},
		"link key":                    {hexOf(v.LinkKey(1)), "00277b04ff7254eba5a073035f5b1384cb8baea634fc74c83c4ee9809818daaf"},
		"link key under another id":   {hexOf(v.LinkKey(2)), "f499b04e941acbf04d19f84491c89e910b03ac8aae2110a2bb3bcaacfac111b2"},
		"session key":                 {hexOf(v.SessionKey()), "f40418de9a27f9973376142c7d7d132e201404f358fa1b222f5edddce33bf3e5"},
		"claimant key id":             {v.ClaimantKeyID(), uint8(1)},
		"link key id":                 {v.LinkKeyID(), uint8(1)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func hexOf[T packet.Claimant | packet.PayeeHash | [16]byte | [32]byte](b T) string {
	return fmt.Sprintf("%x", b)
}

func TestAClaimantIsOnePersonInOneSpace(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	seen := map[packet.Claimant]string{}
	for _, c := range []struct {
		id             uint8
		space, subject string
	}{
		{1, "wx1", "oSeed"},
		{1, "wx1", "oseed"},
		{1, "wx2", "oSeed"},
		{1, "wx1o", "Seed"}, // the same letters, cut elsewhere
		{1, "", "wx1oSeed"},
		{1, "wx1oSeed", ""},
		{1, "", ""},
		{0, "wx1", "oSeed"},
		{2, "wx1", "oSeed"},
		{255, "wx1", "oSeed"},
	} {
		name := fmt.Sprintf("%+v", c)
		who := v.Claimant(c.id, c.space, c.subject)
		if other, dup := seen[who]; dup {
			t.Errorf("%s and %s are the same claimant", name, other)
		}
		if again := v.Claimant(c.id, c.space, c.subject); again != who {
			t.Errorf("%s is %x, and then %x", name, who, again)
		}
		seen[who] = name
	}
	if who := vault.New(vault.NewKey()).Claimant(1, "wx1", "oSeed"); seen[who] != "" {
		t.Error("two instance keys know a person by the same hash")
	}
}

func TestUsesDoNotShareKeys(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	payee := v.PayeeHash(1, []byte("text"))
	if payee == v.PayeeHash(2, []byte("text")) {
		t.Error("two key ids give one payee hash")
	}
	if v.FieldHash("", "text") == [16]byte(v.Claimant(1, "", "text")) {
		t.Error("field hash and claimant are under one key")
	}
	if v.FieldHash("ab", "c") == v.FieldHash("a", "bc") {
		t.Error("a field's name runs into its value")
	}
	keys := map[[32]byte]bool{testKey(): true, v.SessionKey(): true}
	for id := range 256 {
		keys[v.LinkKey(uint8(id))] = true
	}
	if len(keys) != 258 {
		t.Errorf("%d different keys, want 258", len(keys))
	}
}

func TestVaultServesGoroutines(t *testing.T) {
	t.Parallel()
	v := vault.New(testKey())
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			subject := fmt.Sprint("o", g)
			want := v.Claimant(1, "wx", subject)
			for range 200 {
				if v.Claimant(1, "wx", subject) != want {
					t.Error("a claimant changed under load")
				}
				sealed := v.Seal(vault.PayeeRef, []byte("row"), []byte(subject))
				if got, err := v.Open(vault.PayeeRef, []byte("row"), sealed); err != nil || string(got) != subject {
					t.Errorf("opened %q, %v, want %q", got, err, subject)
				}
			}
		})
	}
	wg.Wait()
}

// TestKeysDoNotPrint tries the ways in which a key could reach a log.
func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	key := testKey()
	v := vault.New(key)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, secret := range []any{key, &key, v} {
			if got := fmt.Sprintf(verb, secret); got != "[secret]" {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	if got := key.String(); got != "[secret]" {
		t.Errorf("String() = %s", got)
	}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("start", "key", key, "vault", v)
	}
	link, session := v.LinkKey(1), v.SessionKey()
	for _, b := range [][]byte{key[:], link[:], session[:]} {
		for _, text := range []string{strings.Trim(fmt.Sprintf("%d", b[:8]), "[]"), hex.EncodeToString(b[:8]), "[0,1,2,3"} {
			if strings.Contains(log.String(), text) {
				t.Errorf("a key reached the log: %s", log.String())
			}
		}
	}
}
