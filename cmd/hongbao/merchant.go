package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/wire"
)

const (
	merchantNameMax = 32 // characters, as for a send_name
	kidMax          = 64 // characters of a ticket key's id
	kidAlphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
)

// merchantCmd is `hongbao merchant …`.
type merchantCmd struct {
	Add       merchantAddCmd       `cmd:"" help:"Add a merchant and make its API key."`
	List      merchantListCmd      `cmd:"" help:"List merchants with their balances."`
	Show      merchantShowCmd      `cmd:"" help:"Show a merchant and what holds for it."`
	Set       merchantSetCmd       `cmd:"" help:"Change a merchant's settings and limits."`
	Fund      merchantFundCmd      `cmd:"" help:"Add to a balance what came in."`
	Withdraw  merchantWithdrawCmd  `cmd:"" help:"Take from a balance what was paid out."`
	Key       merchantKeyCmd       `cmd:"" help:"Make a new API key in place of the one in use."`
	Cert      merchantCertCmd      `cmd:"" help:"Make a client certificate for the merchant's program."`
	TicketKey merchantTicketKeyCmd `cmd:"" help:"Let the merchant's own app say who claims, by signed tickets, or stop it."`
	Statement merchantStatementCmd `cmd:"" help:"List the entries of a merchant's book."`
}

// merchantAddCmd is `hongbao merchant add`.
type merchantAddCmd struct {
	MchID   string        `arg:"" name:"mch-id" help:"The merchant's number, 1 to 32 digits."`
	Name    string        `required:"" placeholder:"NAME" help:"What the merchant is called."`
	AppIDs  []string      `name:"appid" required:"" placeholder:"APPID" help:"wxappids it may send under."`
	Life    time.Duration `placeholder:"24h" help:"How long its packets live, in whole hours up to 72h (default: the configuration's)."`
	KeyFile string        `placeholder:"FILE" help:"Where to write its API key; must not exist (default: MCH_ID.key beside the configuration)."`
	where
}

// Run adds the merchant.
func (c *merchantAddCmd) Run(p *program) error {
	life, err := hours(c.Life)
	if err != nil {
		return err
	}
	m, err := newMerchant(c.MchID, c.Name, c.AppIDs, life)
	if err != nil {
		return err
	}
	keyFile := c.KeyFile
	if keyFile == "" {
		keyFile = c.beside(keyName(c.MchID))
	}
	return c.open(p, func(core *server.Core) error {
		err := addMerchant(p.ctx, core.Engine, m, keyFile)
		if err != nil {
			return explain(err, fault.Conflict, "there is a merchant %s already; for a new API key run: hongbao merchant key %s", m.MchID, m.MchID)
		}
		p.printf("added %s; its API key is in %s\n", m.MchID, keyFile)
		return nil
	})
}

// newMerchant checks what is said of a merchant.
func newMerchant(mchID, name string, appIDs []string, life int) (store.Merchant, error) {
	switch {
	case !wire.ValidMchID(mchID):
		return store.Merchant{}, usage("%q is no merchant's number: 1 to 32 digits", mchID)
	case !wire.ValidText(name, merchantNameMax):
		return store.Merchant{}, usage("--name: one line of 1 to %d characters", merchantNameMax)
	}
	for _, id := range appIDs {
		if !wire.ValidID(id) {
			return store.Merchant{}, usage("--appid: %q: 1 to 32 letters, digits, '-' or '_'", id)
		}
	}
	return store.Merchant{MchID: mchID, Name: name, Settings: store.Settings{AppIDs: appIDs, LifeHours: life}}, nil
}

// addMerchant adds a merchant and leaves its new API key in a file.
func addMerchant(ctx context.Context, e *engine.Engine, m store.Merchant, keyFile string) error {
	return giveKey(keyFile, func(key string) error {
		if err := e.AddMerchant(ctx, m); err != nil {
			return err
		}
		_, err := e.AddAPIKey(ctx, m.MchID, key, 0)
		return err
	})
}

// giveKey draws an API key and writes it to a file that must not exist; then add
// makes it valid. A key that is not valid leaves no file.
func giveKey(keyFile string, add func(key string) error) error {
	key := newAPIKey()
	err := writeNew(keyFile, key+"\n")
	if errors.Is(err, fs.ErrExist) {
		return &exitError{1, fmt.Errorf("%s exists and is not overwritten; move it away, or name another file with --key-file", keyFile)}
	}
	if err != nil {
		return err
	}
	err = add(key)
	if err != nil && status(err) != exits[fault.Unknown] {
		err = errors.Join(err, os.Remove(keyFile))
	}
	return err
}

// newAPIKey draws a key of the form the protocol wants: 32 letters and digits.
func newAPIKey() string { return (rand.Text() + rand.Text())[:32] }

// merchantListCmd is `hongbao merchant list`.
type merchantListCmd struct {
	JSON bool `name:"json" help:"Print JSON, amounts in fen."`
	where
}

// merchantLine is a merchant in a list.
type merchantLine struct {
	MchID     string         `json:"mch_id"`
	Name      string         `json:"name"`
	CreatedAt time.Time      `json:"created_at"`
	Balance   money.Fen      `json:"balance"`
	Entries   uint64         `json:"entries"`
	Settings  store.Settings `json:"settings"`
}

// Run lists all merchants.
func (c *merchantListCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error {
		merchants, books, err := core.Engine.Merchants(p.ctx)
		if err != nil {
			return err
		}
		lines := make([]merchantLine, len(merchants))
		rows := [][]string{{"MCH_ID", "BALANCE", "ENTRIES", "APPIDS", "NAME"}}
		for i, m := range merchants {
			lines[i] = merchantLine{m.MchID, m.Name, moment(m.CreatedAt), books[i].Balance, books[i].Seq, m.Settings}
			rows = append(rows, []string{m.MchID, books[i].Balance.String(), fmt.Sprint(books[i].Seq), strings.Join(m.Settings.AppIDs, ","), m.Name})
		}
		if c.JSON {
			return p.json(lines)
		}
		return p.table(rows)
	})
}

func unknownMerchant(err error, mchID string) error {
	return explain(err, fault.NotFound, "there is no merchant %s; run: hongbao merchant list", mchID)
}

// merchantTicketKeyCmd is `hongbao merchant ticket-key`.
type merchantTicketKeyCmd struct {
	MchID     string        `arg:"" name:"mch-id" help:"The merchant."`
	KID       string        `arg:"" name:"kid" help:"The key's id, as tickets name it in kid: 1 to 64 letters, digits, '.', '_' or '-'."`
	PublicKey string        `placeholder:"BASE64URL" xor:"ticket" help:"Ed25519 public key, 43 characters. The app keeps the private key: who reads this database cannot sign."`
	Secret    config.Secret `placeholder:"file:FILE|env:NAME" xor:"ticket" help:"HS256 secret of 32 bytes or more."`
	End       bool          `xor:"ticket" help:"End this key: tickets signed with it are refused from now on."`
	where
}

// Run adds the key, or ends it.
func (c *merchantTicketKeyCmd) Run(p *program) error {
	if c.End {
		return c.end(p)
	}
	key, err := c.key()
	if err != nil {
		return err
	}
	return c.open(p, func(core *server.Core) error {
		err := core.Engine.AddTicketKey(p.ctx, c.MchID, key)
		err = explain(err, fault.Conflict, "%s has a key %s already; a new key needs a new id", c.MchID, c.KID)
		if err != nil {
			return unknownMerchant(err, c.MchID)
		}
		p.printf("tickets of %s may be signed with %s (%s)\n", c.MchID, key.ID, key.Alg)
		return nil
	})
}

// end ends the key.
func (c *merchantTicketKeyCmd) end(p *program) error {
	return c.open(p, func(core *server.Core) error {
		err := core.Engine.EndTicketKey(p.ctx, c.MchID, c.KID)
		if fault.FieldOf(err) == "kid" {
			err = explain(err, fault.NotFound, "%s has no ticket key %s", c.MchID, c.KID)
		}
		if err != nil {
			return unknownMerchant(err, c.MchID)
		}
		p.printf("tickets of %s signed with %s are no longer valid; a server that runs refuses them within a second\n", c.MchID, c.KID)
		return nil
	})
}

// key reads the flags.
func (c *merchantTicketKeyCmd) key() (engine.TicketKey, error) {
	if c.KID == "" || len(c.KID) > kidMax || strings.Trim(c.KID, kidAlphabet) != "" {
		return engine.TicketKey{}, usage("%q is no key id: 1 to %d letters, digits, '.', '_' or '-'", c.KID, kidMax)
	}
	if c.PublicKey != "" {
		public, err := base64.RawURLEncoding.Strict().DecodeString(c.PublicKey)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return engine.TicketKey{}, usage("--public-key: 32 bytes in base64url without padding, 43 characters")
		}
		return engine.TicketKey{ID: c.KID, Alg: identity.EdDSA, Public: public}, nil
	}
	if c.Secret == "" {
		return engine.TicketKey{}, usage("give --public-key BASE64URL (recommended), or --secret file:FILE, or --end")
	}
	secret, err := c.Secret.Value()
	if err != nil {
		return engine.TicketKey{}, usage("--secret: %w", err)
	}
	if len(secret) < identity.HS256Min {
		return engine.TicketKey{}, usage("--secret: %d bytes are too few, %d or more are needed", len(secret), identity.HS256Min)
	}
	return engine.TicketKey{ID: c.KID, Alg: identity.HS256, Secret: []byte(secret)}, nil
}
