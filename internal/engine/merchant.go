package engine

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// merchantFresh is how long a merchant's settings and keys are believed: a change
// by another process takes hold this much later at most.
const merchantFresh = time.Second

// merchantsMax bounds the cache.
const merchantsMax = 10_000

// Merchant is a merchant with the keys that are valid, opened.
type Merchant struct {
	store.Merchant
	APIKeys    []APIKey // newest first
	TicketKeys []TicketKey
	// Retired are API keys that have ended, newest first and the last few only.
	// Nothing may be accepted for them: in a sandbox they tell a caller who still
	// signs with one that this is what is wrong. In production there are none.
	Retired []APIKey
}

// retiredMax bounds Merchant.Retired.
const retiredMax = 4

// APIKey is an opened API key. It must never be printed.
type APIKey struct {
	ID       string
	Secret   string
	NotAfter time.Time // zero: no end
}

// TicketKey is a key that claim tickets are checked with. Secret is set for HS256,
// Public for EdDSA.
type TicketKey struct {
	ID       string
	Alg      string
	Secret   []byte
	Public   ed25519.PublicKey
	NotAfter time.Time
}

// merchantCache spares each request the reading of its merchant.
type merchantCache struct {
	mu        sync.Mutex // guards all below
	merchants map[string]cachedMerchant
}

type cachedMerchant struct {
	merchant *Merchant
	at       time.Duration // on the elapsed clock
}

func newMerchantCache() *merchantCache {
	return &merchantCache{merchants: make(map[string]cachedMerchant)}
}

func (c *merchantCache) find(mchID string, now time.Duration) *Merchant {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.merchants[mchID]; ok && now-m.at < merchantFresh {
		return m.merchant
	}
	return nil
}

func (c *merchantCache) put(m *Merchant, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.merchants) >= merchantsMax {
		clear(c.merchants)
	}
	c.merchants[m.MchID] = cachedMerchant{m, now}
}

func (c *merchantCache) forget(mchID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.merchants, mchID)
}

// Merchant returns a merchant with its valid keys, at most a second old; NotFound
// if there is none. The result is shared and must not be changed.
func (e *Engine) Merchant(ctx context.Context, mchID string) (*Merchant, error) {
	if m := e.merchants.find(mchID, e.cfg.Elapsed()); m != nil {
		return m, nil
	}
	m := &Merchant{}
	now := e.cfg.Now()
	err := e.view(ctx, "read merchant", func(r store.Reader) error {
		row, err := r.Merchant(mchID)
		if err != nil {
			return err
		}
		keys, err := r.Keys(mchID)
		if err != nil {
			return err
		}
		*m = Merchant{Merchant: row}
		return e.openKeys(m, keys, now)
	})
	if err != nil {
		return nil, err
	}
	e.merchants.put(m, e.cfg.Elapsed())
	return m, nil
}

func (e *Engine) openKeys(m *Merchant, keys []store.Key, now time.Time) error {
	for _, k := range keys {
		if k.NotAfter != 0 && k.NotAfter <= now.UnixMilli() {
			e.openRetired(m, &k)
			continue
		}
		var notAfter time.Time
		if k.NotAfter != 0 {
			notAfter = time.UnixMilli(k.NotAfter)
		}
		secret, err := e.openKey(&k)
		if err != nil {
			return &fault.Error{Op: "open key " + k.ID + " of merchant " + k.MchID, Code: fault.Internal, Err: err}
		}
		switch k.Use {
		case store.APIKey:
			m.APIKeys = append(m.APIKeys, APIKey{k.ID, string(secret), notAfter})
		case store.TicketKey:
			m.TicketKeys = append(m.TicketKeys, TicketKey{k.ID, k.Alg, secret, ed25519.PublicKey(k.Public), notAfter})
		}
	}
	return nil
}

// openRetired keeps a key that has ended, if it is one of those to keep. One that
// cannot be opened is not worth refusing the merchant for.
func (e *Engine) openRetired(m *Merchant, k *store.Key) {
	if e.cfg.Environment != packet.Sandbox || k.Use != store.APIKey || len(m.Retired) == retiredMax {
		return
	}
	if secret, err := e.openKey(k); err == nil {
		m.Retired = append(m.Retired, APIKey{k.ID, string(secret), time.UnixMilli(k.NotAfter)})
	}
}

// openKey opens what is sealed of a key: nothing, if it is a public one.
func (e *Engine) openKey(k *store.Key) ([]byte, error) {
	if len(k.Sealed) == 0 {
		return nil, nil
	}
	return e.cfg.Vault.Open(vault.KeySecret, vault.KeyRow(k.MchID, k.ID), k.Sealed)
}

// Merchants lists all merchants with the heads of their books.
func (e *Engine) Merchants(ctx context.Context) (merchants []store.Merchant, books []ledger.Book, err error) {
	err = e.view(ctx, "list merchants", func(r store.Reader) (err error) {
		if merchants, err = r.Merchants(); err != nil {
			return err
		}
		books = make([]ledger.Book, len(merchants))
		for i, m := range merchants {
			if books[i], err = r.Account(m.MchID); err != nil {
				return err
			}
		}
		return nil
	})
	return merchants, books, err
}

// Statement lists up to limit entries of a merchant's book after seq, ascending.
func (e *Engine) Statement(ctx context.Context, mchID string, after uint64, limit int) (book ledger.Book, entries []ledger.Entry, err error) {
	err = e.view(ctx, "statement", func(r store.Reader) (err error) {
		if book, err = r.Account(mchID); err != nil {
			return err
		}
		entries, err = r.AccountEntries(mchID, after, limit)
		return err
	})
	return book, entries, err
}

// AddMerchant adds a merchant with an empty account; Conflict if it exists, Invalid
// as ChangeMerchant.
func (e *Engine) AddMerchant(ctx context.Context, m store.Merchant) error {
	if err := checkSettings(e.cfg.Environment, &m.Settings); err != nil {
		return err
	}
	m.CreatedAt = e.nowMillis()
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error { return tx.InsertMerchant(m) })
	if errors.Is(err, store.ErrStale) {
		return &fault.Error{Op: "add merchant", Code: fault.Conflict, Field: "mch_id"}
	}
	e.merchants.forget(m.MchID)
	return err
}

// AddAPIKey gives a merchant a new API key. Keys it had stay valid for overlap;
// zero ends them at once.
func (e *Engine) AddAPIKey(ctx context.Context, mchID, secret string, overlap time.Duration) (id string, err error) {
	now := e.cfg.Now()
	sum := e.cfg.Vault.FieldHash("api key", mchID+"\x00"+secret)
	k := store.Key{
		MchID: mchID, ID: hex.EncodeToString(sum[:4]), Use: store.APIKey, Alg: "v2",
		CreatedAt: now.UnixMilli(),
	}
	k.Sealed = e.cfg.Vault.Seal(vault.KeySecret, vault.KeyRow(k.MchID, k.ID), []byte(secret))
	err = e.addKey(ctx, k, now.Add(overlap).UnixMilli())
	return k.ID, err
}

// AddTicketKey lets a merchant's own app vouch for claimants under a key id. Other
// ticket keys stay valid.
func (e *Engine) AddTicketKey(ctx context.Context, mchID string, key TicketKey) error {
	k := store.Key{
		MchID: mchID, ID: key.ID, Use: store.TicketKey, Alg: key.Alg,
		Public: slices.Clone(key.Public), CreatedAt: e.nowMillis(),
	}
	if len(key.Secret) > 0 {
		k.Sealed = e.cfg.Vault.Seal(vault.KeySecret, vault.KeyRow(k.MchID, k.ID), key.Secret)
	}
	return e.addKey(ctx, k, 0)
}

// EndTicketKey ends a ticket key: within a second, tickets that are signed with it are
// refused. Sessions that began with one of them live on. It refuses with NotFound, field
// "kid", a key that the merchant does not have. It is safe to repeat.
func (e *Engine) EndTicketKey(ctx context.Context, mchID, kid string) error {
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Merchant(mchID); err != nil {
			return err
		}
		keys, err := tx.Keys(mchID)
		if err != nil {
			return err
		}
		is := func(k store.Key) bool { return k.Use == store.TicketKey && k.ID == kid }
		if !slices.ContainsFunc(keys, is) {
			return &fault.Error{Op: "end key", Code: fault.NotFound, Field: "kid"}
		}
		return tx.RetireKey(mchID, kid, e.nowMillis())
	})
	e.merchants.forget(mchID)
	return err
}

// addKey adds k; API keys that are older end at retire.
func (e *Engine) addKey(ctx context.Context, k store.Key, retire int64) error {
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		// The account's lock keeps two new keys from missing each other.
		if _, err := tx.LockAccounts([]string{k.MchID}); err != nil {
			return err
		}
		if k.Use == store.APIKey {
			if err := tx.RetireKeys(k.MchID, k.Use, retire); err != nil {
				return err
			}
		}
		return tx.InsertKey(k)
	})
	if errors.Is(err, store.ErrStale) {
		return &fault.Error{Op: "add key", Code: fault.Conflict, Field: "key", Detail: "this key was added before"}
	}
	e.merchants.forget(k.MchID)
	return err
}
