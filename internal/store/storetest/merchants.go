package storetest

import (
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/store"
)

var merchants = map[string]func(*bed){
	"a setting is set once": func(b *bed) {
		findsNothing(b, func(r store.Reader) (string, error) { return r.Setting(store.SettingEnvironment) })
		b.update(func(tx store.Tx) error { return tx.InsertSetting(store.SettingEnvironment, "sandbox") })
		b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertSetting(store.SettingEnvironment, "production") })
		reads(b, "sandbox", func(r store.Reader) (string, error) { return r.Setting(store.SettingEnvironment) })
	},
	"what is said of kinds of entries is what the ledger says": func(b *bed) {
		var want []store.Kind
		for _, k := range ledger.Kinds() {
			t, _ := k.Transfer(1)
			want = append(want, store.Kind{Kind: k, Name: k.String(), Debit: t.Debit, Credit: t.Credit})
		}
		reads(b, want, store.Reader.Kinds)
	},
	"a merchant comes back as it was": func(b *bed) {
		b.addMerchants("m1")
		reads(b, Merchant("m1"), func(r store.Reader) (store.Merchant, error) { return r.Merchant("m1") })
		b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertMerchant(store.Merchant{MchID: "m1"}) })
	},
	"a merchant without settings comes back without": func(b *bed) {
		m := store.Merchant{MchID: "m1"}
		b.update(func(tx store.Tx) error { return tx.InsertMerchant(m) })
		reads(b, m, func(r store.Reader) (store.Merchant, error) { return r.Merchant("m1") })
	},
	"merchants are listed by number": func(b *bed) {
		b.addMerchants("m2", "m10", "m1")
		reads(b, []store.Merchant{Merchant("m1"), Merchant("m10"), Merchant("m2")}, store.Reader.Merchants)
	},
	"name and settings of a merchant are replaced": func(b *bed) {
		b.addMerchants("m1", "m2")
		m := store.Merchant{MchID: "m1", Name: "new", Settings: store.Settings{NumMax: 7}}
		b.update(func(tx store.Tx) error { return tx.UpdateMerchant(m) })
		m.CreatedAt = Merchant("m1").CreatedAt
		reads(b, []store.Merchant{m, Merchant("m2")}, store.Reader.Merchants)
	},
	"a merchant that is not there is not found": func(b *bed) {
		b.addMerchants("m1")
		findsNothing(b, func(r store.Reader) (store.Merchant, error) { return r.Merchant("m2") })
		b.update(func(tx store.Tx) error {
			if err := tx.UpdateMerchant(store.Merchant{MchID: "m2"}); !isNotFound(err) {
				b.Errorf("update of no merchant: %v, want not_found", err)
			}
			return nil
		})
	},
	"keys are listed newest first": func(b *bed) {
		b.addMerchants("m1", "m2")
		older := store.Key{MchID: "m1", ID: "a", Use: store.APIKey, Alg: "v2", Sealed: filler("sealed", 40), CreatedAt: 1, NotAfter: 9}
		newer := store.Key{MchID: "m1", ID: "b", Use: store.TicketKey, Alg: "EdDSA", Public: filler("public", 32), CreatedAt: 2}
		other := store.Key{MchID: "m2", ID: "a", Use: store.APIKey, Alg: "v2", CreatedAt: 3}
		b.addKeys(older, newer, other)
		reads(b, []store.Key{newer, older}, func(r store.Reader) ([]store.Key, error) { return r.Keys("m1") })
		reads(b, nil, func(r store.Reader) ([]store.Key, error) { return r.Keys("m3") })
		b.refuse(store.ErrStale, func(tx store.Tx) error { return tx.InsertKey(newer) })
	},
	"keys of one use are retired where they would live longer": func(b *bed) {
		b.addMerchants("m1", "m2")
		key := func(mchID, id string, use store.KeyUse, notAfter int64) store.Key {
			return store.Key{MchID: mchID, ID: id, Use: use, NotAfter: notAfter}
		}
		b.addKeys(
			key("m1", "endless", store.APIKey, 0), key("m1", "later", store.APIKey, 11), key("m1", "sooner", store.APIKey, 9),
			key("m1", "ticket", store.TicketKey, 0), key("m2", "other", store.APIKey, 0),
		)
		b.update(func(tx store.Tx) error { return tx.RetireKeys("m1", store.APIKey, 10) })
		reads(b, []store.Key{
			key("m1", "endless", store.APIKey, 10), key("m1", "later", store.APIKey, 10), key("m1", "sooner", store.APIKey, 9),
			key("m1", "ticket", store.TicketKey, 0),
		}, func(r store.Reader) ([]store.Key, error) { return r.Keys("m1") })
		reads(b, []store.Key{key("m2", "other", store.APIKey, 0)}, func(r store.Reader) ([]store.Key, error) { return r.Keys("m2") })
	},
	"one key is retired where it would live longer": func(b *bed) {
		b.addMerchants("m1", "m2")
		key := func(mchID, id string, notAfter int64) store.Key {
			return store.Key{MchID: mchID, ID: id, Use: store.TicketKey, NotAfter: notAfter}
		}
		b.addKeys(key("m1", "endless", 0), key("m1", "later", 11), key("m1", "other", 0), key("m1", "sooner", 9), key("m2", "endless", 0))
		for _, id := range []string{"endless", "later", "sooner", "none"} {
			b.update(func(tx store.Tx) error { return tx.RetireKey("m1", id, 10) })
		}
		reads(b, []store.Key{key("m1", "endless", 10), key("m1", "later", 10), key("m1", "other", 0), key("m1", "sooner", 9)},
			func(r store.Reader) ([]store.Key, error) { return r.Keys("m1") })
		reads(b, []store.Key{key("m2", "endless", 0)}, func(r store.Reader) ([]store.Key, error) { return r.Keys("m2") })
	},
	"a ticket is used once in its life": func(b *bed) {
		b.addMerchants("m1", "m2")
		use := func(mchID string, jti byte, expires, now int64) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.UseTicket(mchID, [16]byte{jti}, expires, now) }
		}
		b.update(use("m1", 1, 100, 50))
		b.refuse(store.ErrStale, use("m1", 1, 100, 100))
		b.update(use("m1", 2, 200, 100))
		b.update(use("m2", 1, 100, 50))
		b.update(use("m1", 1, 300, 101))
		b.refuse(store.ErrStale, use("m1", 2, 200, 101))
	},
}

func (b *bed) addMerchants(mchIDs ...string) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		for _, mchID := range mchIDs {
			if err := tx.InsertMerchant(Merchant(mchID)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bed) addKeys(keys ...store.Key) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		for _, k := range keys {
			if err := tx.InsertKey(k); err != nil {
				return err
			}
		}
		return nil
	})
}
