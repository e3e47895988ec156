package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// sealedBook is a packet and what opens its sealed columns.
type sealedBook struct {
	*book
	vault *vault.Vault
}

// person is what a payee reference says of the claimant.
type person struct {
	Space   string `json:"space"`
	Subject string `json:"subject"`
}

// claimKey names the row of a claim's sealed columns.
func claimKey(id packet.ID, who packet.Claimant) []byte { return append(packetKey(id), who[:]...) }

func seedOpens(b *sealedBook) *wrong {
	if len(b.SeedRef) == 0 { // erased
		return nil
	}
	switch plain, err := b.vault.Open(vault.SeedOpenID, packetKey(b.Head.ID), b.SeedRef); {
	case err != nil:
		return wrongf(b.termsRow(), "the seed's openid does not open")
	case b.vault.Claimant(b.Terms.ClaimantKey, b.Terms.AppID, string(plain)) != b.Terms.Seed:
		return wrongf(b.termsRow(), "the seed is not the claimant whose openid it holds")
	default:
		return nil
	}
}

func payeeOpens(b *sealedBook) *wrong {
	for i := range b.claims {
		c := &b.claims[i]
		if len(c.Payee) == 0 { // erased
			continue
		}
		plain, err := b.vault.Open(vault.Payee, claimKey(c.Packet, c.Claimant), c.Payee)
		if err != nil {
			return wrongf(claimRow(c), "the payee does not open")
		}
		var p person
		switch err := json.Unmarshal(plain, &p); {
		case err != nil:
			return wrongf(claimRow(c), "the payee is not JSON")
		case b.vault.Claimant(b.Terms.ClaimantKey, p.Space, p.Subject) != c.Claimant:
			return wrongf(claimRow(c), "the payee is not the claimant")
		case b.vault.PayeeHash(b.Terms.ClaimantKey, plain) != c.PayeeHash:
			return wrongf(claimRow(c), "the payee is not the one its entry was made for")
		}
	}
	return nil
}

func payoutPayee(b *sealedBook) *wrong {
	for i := range b.payouts {
		p := &b.payouts[i]
		c := b.claimOf(p.Slot)
		if len(p.Payee) == 0 || c == nil { // erased, or found out before
			continue
		}
		switch plain, err := b.vault.Open(vault.Payee, claimKey(p.Packet, p.Claimant), p.Payee); {
		case err != nil:
			return wrongf(payoutRow(p), "the payee does not open")
		case b.vault.PayeeHash(b.Terms.ClaimantKey, plain) != c.PayeeHash:
			return wrongf(payoutRow(p), "the payee is not the one the claim was made for")
		}
	}
	return nil
}

// sealedKey is a merchant's key and what opens it.
type sealedKey struct {
	store.Key
	vault *vault.Vault
}

func (a *audit) readKeys(ctx context.Context, mchID string) error {
	var keys []store.Key
	err := a.view(ctx, "read keys of "+mchID, func(r store.Reader) (err error) {
		keys, err = r.Keys(mchID)
		return err
	})
	for i := range keys {
		if err == nil {
			_, err = check(a, ofKey, &sealedKey{keys[i], a.vault})
		}
	}
	return err
}

func keyOpens(k *sealedKey) *wrong {
	...
}
