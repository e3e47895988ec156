package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/pki"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Files of the authority, in the configuration's folder.
const (
	caCertName = "ca.pem"
	caKeyName  = "ca.key"
)

// certDaysMax bounds the life of a client's certificate.
const certDaysMax = 3650

// caCmd is `hongbao ca …`.
type caCmd struct {
	Init caInitCmd `cmd:"" help:"Make an authority that signs merchants' client certificates."`
}

// caInitCmd is `hongbao ca init`.
type caInitCmd struct{ where }

// Run makes the authority. It overwrites nothing.
func (c *caInitCmd) Run(p *program) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	cert, key, err := pki.NewAuthority("hongbao "+string(cfg.Environment)+" client CA", time.Now())
	if err != nil {
		return err
	}
	certFile, keyFile := c.beside(caCertName), c.beside(caKeyName)
	if err := writeAll(file{keyFile, key}, file{certFile, cert}); err != nil {
		return err
	}
	p.printf("Wrote\n")
	if err := p.table([][]string{
		{"", certFile, "the authority's certificate"},
		{"", keyFile, "its key; whoever has it can pass for any merchant whose policy is ca"},
	}); err != nil {
		return err
	}
	p.printf("\nNext\n  hongbao merchant cert MCH_ID --config %s\n", c.file())
	if cfg.TLS.ClientCA == "" {
		p.printf("and, if a merchant's policy shall be ca, in %s under [tls], then start the server again\n  client_ca = %q\n", c.file(), caCertName)
	}
	return nil
}

// file is a file to be written.
type file struct {
	name string
	text []byte
}

// writeAll writes files that only their owner may read: all of them, or none if one
// exists.
func writeAll(files ...file) (err error) {
	for _, f := range files {
		if _, err := os.Lstat(f.name); err == nil {
			return &exitError{1, fmt.Errorf("%s: %w; nothing was overwritten", f.name, fs.ErrExist)}
		}
	}
	for i, f := range files {
		if err := writeNew(f.name, string(f.text)); err != nil {
			return errors.Join(err, removeAll(files[:i]...))
		}
	}
	return vault.SyncFolder(filepath.Dir(files[0].name))
}

func removeAll(files ...file) (err error) {
	for _, f := range files {
		err = errors.Join(err, os.Remove(f.name))
	}
	return err
}

// merchantCertCmd is `hongbao merchant cert`.
type merchantCertCmd struct {
	MchID string `arg:"" name:"mch-id" help:"The merchant."`
	Days  int    `default:"1825" placeholder:"N" help:"How long the certificate is valid, 1 to 3650 days (default: ${default}, five years)."`
	Out   string `placeholder:"DIR" help:"Folder to write into (default: MCH_ID.cert beside the configuration)."`
	where
}

// Run makes a key and a certificate for the merchant's program, and pins it unless
// the merchant's policy asks for the authority alone.
func (c *merchantCertCmd) Run(p *program) error {
	if c.Days < 1 || c.Days > certDaysMax {
		return usage("--days %d: 1 to %d", c.Days, certDaysMax)
	}
	authority, err := c.authority()
	if err != nil {
		return err
	}
	dir := c.Out
	if dir == "" {
		dir = c.beside(c.MchID + ".cert")
	}
	return c.open(p, func(core *server.Core) error {
		m, err := core.Engine.Merchant(p.ctx, c.MchID)
		if err != nil {
			return unknownMerchant(err, c.MchID)
		}
		cert, err := authority.Issue(m.MchID, core.Engine.Now(), time.Duration(c.Days)*24*time.Hour)
		if err != nil {
			return &exitError{1, err}
		}
		files, err := clientFiles(dir, cert, m.MchID)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := writeAll(files...); err != nil {
			return err
		}
		changed, err := core.Engine.ChangeMerchant(p.ctx, m.MchID, func(m *store.Merchant) error {
			if m.Settings.CertPolicy != store.CertCA {
				m.Settings.CertSHA256 = append(m.Settings.CertSHA256, pki.SHA256(cert.Certificate))
			}
			return nil
		})
		if err != nil && status(err) != exits[fault.Unknown] {
			return errors.Join(refusedSetting(err), removeAll(files...))
		}
		if err != nil {
			return err
		}
		return c.tell(p, core, &changed.Settings, cert, files)
	})
}

// authority reads what `hongbao ca init` has made.
func (c *merchantCertCmd) authority() (*pki.Authority, error) {
	cert, err := os.ReadFile(c.beside(caCertName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; run: hongbao ca init", err)
	}
	if err != nil {
		return nil, err
	}
	key, err := config.Secret("file:" + c.beside(caKeyName)).Value()
	if err != nil {
		return nil, err
	}
	authority, err := pki.ReadAuthority(cert, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", c.beside(caCertName), c.beside(caKeyName), err)
	}
	return authority, nil
}

// clientFiles are a client's certificate and key as merchants' libraries want them,
// under the names that they are used to.
func clientFiles(dir string, cert *pki.Certificate, password string) ([]file, error) {
	key, err := cert.KeyPEM()
	if err != nil {
		return nil, err
	}
	p12, err := cert.PKCS12(password)
	if err != nil {
		return nil, err
	}
	return []file{
		{filepath.Join(dir, "apiclient_cert.pem"), cert.PEM()},
		{filepath.Join(dir, "apiclient_key.pem"), key},
		{filepath.Join(dir, "apiclient_cert.p12"), p12},
	}, nil
}

// tell says what was written and what it is good for.
func (c *merchantCertCmd) tell(p *program, core *server.Core, s *store.Settings, cert *pki.Certificate, files []file) error {
	p.printf("Wrote\n")
	if err := p.table([][]string{
		{"", files[0].name, "the certificate, until " + cert.NotAfter.Format(time.DateOnly)},
		{"", files[1].name, "its key"},
		{"", files[2].name, "both in PKCS#12; the password is " + c.MchID},
	}); err != nil {
		return err
	}
	sum := pki.SHA256(cert.Certificate)
	if slices.Contains(s.CertSHA256, sum) {
		p.printf("\npinned for %s as %s; a server that runs takes it within a second\n", c.MchID, sum)
	}
	if policy := v2.Policy(s, core.Environment()); policy == store.CertOff {
		p.printf("\nThe policy of %s is off: nobody asks for it yet. To demand it\n  hongbao merchant set %s --cert-policy pinned --config %s\n", c.MchID, c.MchID, c.file())
	}
	return nil
}
