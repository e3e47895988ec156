package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/vault"
)

// merchantKeyCmd is `hongbao merchant key`.
type merchantKeyCmd struct {
	MchID   string          `arg:"" name:"mch-id" help:"The merchant."`
	Overlap config.Duration `default:"168h" placeholder:"DURATION" help:"How long older keys stay valid (default: ${default}, a week; 0: they end at once)."`
	KeyFile string          `placeholder:"FILE" help:"Where to write the new key; must not exist (default: MCH_ID.key beside the configuration, in place of the old one, which is kept as MCH_ID.key.old)."`
	where
}

// Run makes the key.
func (c *merchantKeyCmd) Run(p *program) error {
	return c.open(p, func(core *server.Core) error {
		keyFile, old := c.KeyFile, ""
		var err error
		if keyFile != "" {
			err = giveKey(keyFile, func(key string) error { return c.add(p, core.Engine, key) })
		} else {
			keyFile = c.beside(keyName(c.MchID))
			old, err = c.replace(p, core.Engine, keyFile)
		}
		if err != nil {
			return unknownMerchant(err, c.MchID)
		}
		return c.tell(p, core.Engine, keyFile, old)
	})
}

func (c *merchantKeyCmd) add(p *program, e *engine.Engine, key string) error {
	_, err := e.AddAPIKey(p.ctx, c.MchID, key, c.Overlap.Std())
	return err
}

// replace makes a new key valid and puts it in the place of the one in a file, which
// it returns the file of; empty if there was none. Until then the new key stands in a
// draft. A draft that is there was left by a call that was cut off or whose fate is
// not known: this one ends what that one began.
func (c *merchantKeyCmd) replace(p *program, e *engine.Engine, name string) (old string, err error) {
	draft := name + ".new"
	key, err := config.Secret("file:" + draft).Value()
	if errors.Is(err, fs.ErrNotExist) {
		key = newAPIKey()
		err = rewrite(draft, key+"\n")
	}
	if err != nil {
		return "", err
	}
	switch err := c.add(p, e, key); fault.CodeOf(err) {
	case fault.OK:
	case fault.Conflict: // it is valid, or was
		if m, err := e.Merchant(p.ctx, c.MchID); err != nil || len(m.APIKeys) == 0 || m.APIKeys[0].Secret != key {
			return "", errors.Join(err, &exitError{1, fmt.Errorf("%s is not the newest key of %s; move it away", draft, c.MchID)})
		}
	case fault.Unknown:
		return "", explain(err, fault.Unknown, "whether the key in %s is valid is not known; run this again, and it goes on with that key", draft)
	default:
		return "", errors.Join(err, os.Remove(draft))
	}
	was, err := os.ReadFile(name) //nolint:gosec // the operator names the folder
	if err == nil {
		old = name + ".old"
		err = rewrite(old, string(was))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the new key is valid, and in %s: %w", draft, err)
	}
	return old, errors.Join(os.Rename(draft, name), vault.SyncFolder(filepath.Dir(name)))
}

// tell says where the keys are, and until when they are valid.
func (c *merchantKeyCmd) tell(p *program, e *engine.Engine, keyFile, old string) error {
	p.printf("the new API key of %s is in %s; a server that runs takes it within a second\n", c.MchID, keyFile)
	m, err := e.Merchant(p.ctx, c.MchID)
	if err != nil {
		return err
	}
	older := m.APIKeys[min(1, len(m.APIKeys)):]
	if old == "" && len(older) > 0 {
		p.printf("older keys are valid until %s\n", clock(older[0].NotAfter.UnixMilli()))
		return nil
	}
	if old == "" {
		p.printf("older keys are no longer valid\n")
		return nil
	}
	was, err := config.Secret("file:" + old).Value()
	until := "no longer valid"
	for _, k := range older {
		if k.Secret == was {
			until = "valid until " + clock(k.NotAfter.UnixMilli())
		}
	}
	p.printf("the old one is in %s and %s\n", old, until)
	return err
}
