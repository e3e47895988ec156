package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"

	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// sealedBook is a packet and what opens its sealed columns.
type sealedBook struct {
	*book
	vault *vault.Vault
}

func seedOpens(b *sealedBook) *wrong {
	if len(b.SeedRef) == 0 { // erased
		return nil
	}
	switch plain, err := b.vault.Open(vault.SeedRef, vault.PacketRow(b.Head.ID), b.SeedRef); {
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
		plain, err := b.vault.Open(vault.PayeeRef, vault.ClaimRow(c.Packet, c.Claimant), c.Payee)
		if err != nil {
			return wrongf(claimRow(c), "the payee does not open")
		}
		var p vault.Payee
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

func payoutOpens(b *sealedBook) *wrong {
	for i := range b.payouts {
		p := &b.payouts[i]
		row := vault.ClaimRow(p.Packet, p.Claimant)
		if c := b.claimOf(p.Slot); c != nil && len(p.Payee) > 0 {
			switch plain, err := b.vault.Open(vault.PayeeRef, row, p.Payee); {
			case err != nil:
				return wrongf(payoutRow(p), "the payee does not open")
			case b.vault.PayeeHash(b.Terms.ClaimantKey, plain) != c.PayeeHash:
				return wrongf(payoutRow(p), "the payee is not the one the claim was made for")
			}
		}
		if len(p.Frozen) == 0 {
			continue
		}
		row = vault.PayoutRow(p.Packet, p.Claimant, p.Generation)
		if _, err := b.vault.Open(vault.FrozenRequest, row, p.Frozen); err != nil {
			return wrongf(payoutRow(p), "the frozen request does not open")
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
	err := a.view(ctx, "keys mch_id="+mchID, func(r store.Reader) (err error) {
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
	row := "keys mch_id=" + k.MchID + " id=" + k.ID
	switch {
	case k.Use == store.TicketKey && k.Alg == "EdDSA":
		if len(k.Public) != ed25519.PublicKeySize {
			return wrongf(row, "a public key of %d bytes", len(k.Public))
		}
	case k.Use == store.TicketKey && k.Alg == "HS256", k.Use == store.APIKey && k.Alg == "v2":
		if _, err := k.vault.Open(vault.KeySecret, vault.KeyRow(k.MchID, k.ID), k.Sealed); err != nil {
			return wrongf(row, "the key does not open")
		}
	default:
		return wrongf(row, "%q is no algorithm of a key for %q", k.Alg, string(k.Use))
	}
	return nil
}
