package main

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/wire"
)

// Words that stand for a value on the command line.
const (
	wordDefault = "default" // take back what was set
	wordNone    = "none"    // no limit
)

// merchantSetCmd is `hongbao merchant set`. A flag that is not given leaves its
// setting alone.
type merchantSetCmd struct {
	MchID string  `arg:"" name:"mch-id" help:"The merchant."`
	Name  *string `placeholder:"NAME" help:"What the merchant is called."`

	AppIDs    []string   `name:"appid" placeholder:"APPID" help:"wxappids it may send under; replaces those it has."`
	SubMchIDs []string   `name:"sub-mch-id" placeholder:"MCH_ID" help:"Whom it may send for, if it is a service provider (default: sub_mch_id is not looked at)."`
	Providers []string   `name:"provider" placeholder:"NAME" help:"Who may say who a claimant is, ticket or sandbox (default: the configuration's)."`
	Life      *lifeHours `placeholder:"24h" help:"How long its packets live, in whole hours up to 72h (default: the configuration's)."`

	Send     string   `enum:"open,closed," default:"" placeholder:"open|closed" help:"Whether it may send by API."`
	NightBan *bool    `negatable:"" help:"No sending from 0:00 to 8:00 in Beijing."`
	Sources  []string `name:"source" placeholder:"CIDR" help:"Networks it may call from, such as 192.0.2.0/24 (default: any)."`

	CertPolicy  string   `enum:"off,pinned,ca,default," default:"" placeholder:"off|pinned|ca" help:"Which client certificate its calls must show: none, one that is pinned, or any of the authority's for it (default: off in a sandbox, pinned in production)."`
	CertAdd     []string `placeholder:"SHA256" help:"Pin a client certificate by its SHA-256."`
	CertRemove  []string `placeholder:"SHA256" help:"Unpin one."`
	HMACOnly    *bool    `name:"hmac-only" negatable:"" help:"Refuse MD5 signatures."`
	Strict      *bool    `negatable:"" help:"Texts must be shorter than n bytes, without characters of four bytes, as on the original host."`
	ErrCodeZero *bool    `negatable:"" help:"Say err_code 0, not SUCCESS, of a success."`

	AverageMin *yuanSetting   `placeholder:"YUAN" help:"Least average share (default: 1.00)."`
	AverageMax *yuanSetting   `placeholder:"YUAN" help:"Greatest average share (default: 200.00)."`
	Scenes     []sceneSetting `name:"scene" placeholder:"SCENE_ID=YUAN-YUAN" help:"Bounds of the average share under a scene_id, such as PRODUCT_2=0.30-500; default takes them back."`
	TotalMax   *yuanSetting   `placeholder:"YUAN" help:"Greatest packet (default: 1000.00)."`
	NumMax     *numSetting    `placeholder:"N" help:"Most shares of a packet, 3 to 1000 (default: 1000)."`

	SendsPerSec   *numSetting  `name:"sends-per-s" placeholder:"N" help:"Calls a second, with a burst of twice that (default: 30; none: no limit)."`
	DayNum        *numSetting  `placeholder:"N" help:"Group packets a day (default: 10000; none: no limit)."`
	DayAmount     *yuanSetting `placeholder:"YUAN" help:"All packets of a day (default: 1000000.00; none: no limit)."`
	SeedDayNum    *numSetting  `placeholder:"N" help:"Packets a day to one receiver (default: 10; none: no limit)."`
	SeedDayAmount *yuanSetting `placeholder:"YUAN" help:"A day to one receiver, of each packet the average share (default: 1000.00; none: no limit)."`
	Unlimited     *bool        `negatable:"" help:"No rate and no limits of the day."`
	where
}

// numSetting is a number as it is set: above zero, default or none.
type numSetting int

// UnmarshalText reads one.
func (n *numSetting) UnmarshalText(text []byte) error {
	switch v, err := strconv.Atoi(string(text)); {
	case string(text) == wordDefault:
		*n = 0
	case string(text) == wordNone:
		*n = -1
	case err != nil || v < 1:
		return fmt.Errorf("%q is no number above zero, default or none", text)
	default:
		*n = numSetting(v)
	}
	return nil
}

// yuanSetting is an amount as it is set: in yuan, default or none.
type yuanSetting money.Fen

// UnmarshalText reads one.
func (y *yuanSetting) UnmarshalText(text []byte) error {
	var amount yuan
	switch err := amount.UnmarshalText(text); {
	case string(text) == wordDefault:
		*y = 0
	case string(text) == wordNone:
		*y = -1
	case err != nil:
		return fmt.Errorf("%w, default or none", err)
	default:
		*y = yuanSetting(amount)
	}
	return nil
}

// lifeHours is a packet's life as it is set: whole hours, or default.
type lifeHours int

// UnmarshalText reads one.
func (l *lifeHours) UnmarshalText(text []byte) error {
	if string(text) == wordDefault {
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < time.Hour || d%time.Hour != 0 {
		return fmt.Errorf("%q is no whole number of hours such as 48h, or default", text)
	}
	*l = lifeHours(d / time.Hour)
	return nil
}

// sceneSetting is the bounds of a scene; none, to take them back.
type sceneSetting struct {
	name   string
	bounds store.Bounds
}

// UnmarshalText reads one.
func (s *sceneSetting) UnmarshalText(text []byte) error {
	name, bounds, _ := strings.Cut(string(text), "=")
	s.name = name
	if bounds == wordDefault {
		return nil
	}
	low, high, _ := strings.Cut(bounds, "-")
	var least, most yuan
	if least.UnmarshalText([]byte(low)) != nil || most.UnmarshalText([]byte(high)) != nil {
		return fmt.Errorf("%q is no scene with bounds in yuan such as PRODUCT_2=0.30-500, or default", text)
	}
	s.bounds = store.Bounds{Min: money.Fen(least), Max: money.Fen(most)}
	return nil
}

// Run changes the settings and shows what they have come to.
func (c *merchantSetCmd) Run(p *program) error {
	if reflect.DeepEqual(*c, merchantSetCmd{MchID: c.MchID, where: c.where}) {
		return usage("nothing to set; run: hongbao merchant set --help")
	}
	cfg, err := c.read()
	if err != nil {
		return err
	}
	if c.CertPolicy == string(store.CertCA) && cfg.TLS.ClientCA == "" {
		return usage("--cert-policy ca: %s names no authority; run: hongbao ca init, then set client_ca under [tls]", c.file())
	}
	return c.open(p, func(core *server.Core) error {
		if _, err := core.Engine.ChangeMerchant(p.ctx, c.MchID, c.change); err != nil {
			return unknownMerchant(refusedSetting(err), c.MchID)
		}
		p.printf("set; a server that runs takes it within a second\n\n")
		return showMerchant(p, core, c.MchID, false)
	})
}

// refusedSetting says which setting does not hold.
func refusedSetting(err error) error {
	if fault.CodeOf(err) == fault.Invalid {
		return usage("%s: %s; nothing was set", fault.FieldOf(err), fault.DetailOf(err))
	}
	return err
}

// change applies the flags that were given. It may run more than once.
func (c *merchantSetCmd) change(m *store.Merchant) error {
	s := &m.Settings
	if c.Name != nil {
		if m.Name = *c.Name; !wire.ValidText(m.Name, merchantNameMax) {
			return usage("--name: one line of 1 to %d characters", merchantNameMax)
		}
	}
	if c.Send != "" {
		s.SendClosed = c.Send == "closed"
	}
	if c.CertPolicy != "" {
		s.CertPolicy = store.CertPolicy(strings.TrimSuffix(c.CertPolicy, wordDefault))
	}
	put(&s.NightBan, c.NightBan)
	put(&s.HMACOnly, c.HMACOnly)
	put(&s.Strict, c.Strict)
	put(&s.ErrCodeZero, c.ErrCodeZero)
	put(&s.Unlimited, c.Unlimited)
	putNumber(&s.LifeHours, c.Life)
	putNumber(&s.NumMax, c.NumMax)
	putNumber(&s.SendsPerSec, c.SendsPerSec)
	putNumber(&s.DayNum, c.DayNum)
	putNumber(&s.SeedDayNum, c.SeedDayNum)
	putNumber(&s.AverageMin, c.AverageMin)
	putNumber(&s.AverageMax, c.AverageMax)
	putNumber(&s.TotalMax, c.TotalMax)
	putNumber(&s.DayAmount, c.DayAmount)
	putNumber(&s.SeedDayAmount, c.SeedDayAmount)
	putList(&s.AppIDs, c.AppIDs)
	putList(&s.SubMchIDs, c.SubMchIDs)
	return errors.Join(c.changeLists(s), c.changeCerts(s))
}

// put sets what was given.
func put[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

// putNumber is put for numbers of two types.
func putNumber[T, F ~int | ~int64](to *T, given *F) {
	if given != nil {
		*to = T(*given)
	}
}

// putList is put for lists; the word default empties one.
func putList(to *[]string, given []string) {
	switch {
	case len(given) == 1 && given[0] == wordDefault:
		*to = nil
	case given != nil:
		*to = given
	}
}

// changeLists applies the flags whose values have a form of their own.
func (c *merchantSetCmd) changeLists(s *store.Settings) error {
	providers, sources := c.Providers, slices.Clone(c.Sources)
	if len(providers) > 0 && providers[0] != wordDefault {
		known, err := identity.ParseProviders(strings.Join(providers, ","))
		if err != nil {
			return usage("--provider: %s", fault.DetailOf(err))
		}
		providers = strings.Split(string(known), ",")
	}
	putList(&s.Providers, providers)
	for i, source := range sources {
		if ip, err := netip.ParseAddr(source); err == nil { // one address is a small network
			sources[i] = netip.PrefixFrom(ip, ip.BitLen()).String()
		}
	}
	putList(&s.Sources, sources)
	if len(c.Scenes) > 0 {
		s.Scenes = maps.Clone(s.Scenes)
	}
	for _, scene := range c.Scenes {
		switch {
		case scene.bounds == (store.Bounds{}):
			delete(s.Scenes, scene.name)
		case s.Scenes == nil:
			s.Scenes = map[string]store.Bounds{scene.name: scene.bounds}
		default:
			s.Scenes[scene.name] = scene.bounds
		}
	}
	return nil
}

// changeCerts pins and unpins.
func (c *merchantSetCmd) changeCerts(s *store.Settings) error {
	for _, sum := range c.CertRemove {
		sum = fingerprint(sum)
		at := slices.Index(s.CertSHA256, sum)
		if at < 0 {
			return usage("--cert-remove: %s is not pinned", sum)
		}
		s.CertSHA256 = slices.Delete(slices.Clone(s.CertSHA256), at, at+1)
	}
	for _, sum := range c.CertAdd {
		if sum = fingerprint(sum); !slices.Contains(s.CertSHA256, sum) {
			s.CertSHA256 = append(slices.Clip(s.CertSHA256), sum)
		}
	}
	return nil
}

// fingerprint is a SHA-256 as settings keep it; openssl writes it with colons.
func fingerprint(s string) string { return strings.ToLower(strings.ReplaceAll(s, ":", "")) }
