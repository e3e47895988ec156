package store

import (
	"errors"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
)

// PutSetting sets a name to a value, whatever it was; to none at all if value is empty.
func PutSetting(tx Tx, name, value string) error {
	switch was, err := tx.Setting(name); {
	case err == nil:
		if err := tx.DeleteSetting(name, was); err != nil {
			return err
		}
	case !errors.Is(err, fault.NotFound):
		return err
	}
	if value == "" {
		return nil
	}
	return tx.InsertSetting(name, value)
}

// Settings are what an operator may set for one merchant. Stored as JSON; a
// missing field has its zero value, and zero means the default named here. A
// number of -1 means no limit where that is said.
type Settings struct {
	AppIDs    []string `json:"app_ids"`               // wxappids the merchant may send under
	SubMchIDs []string `json:"sub_mch_ids,omitempty"` // whom a service provider may send for; default: it is not looked at
	Providers []string `json:"providers,omitempty"`   // who vouches for claimants; default: the configuration's
	LifeHours int      `json:"life_hours,omitempty"`  // of a packet, 1–72; default 24

	SendClosed bool     `json:"send_closed,omitempty"` // sending by API is off
	NightBan   bool     `json:"night_ban,omitempty"`   // no sending from 0:00 to 8:00 in Beijing
	Sources    []string `json:"sources,omitempty"`     // networks that may call, as CIDR; default: any

	CertPolicy  CertPolicy `json:"cert_policy,omitempty"` // default: the environment's
	CertSHA256  []string   `json:"cert_sha256,omitempty"` // pinned leaf certificates, hex
	HMACOnly    bool       `json:"hmac_only,omitempty"`   // MD5 signatures are refused
	Strict      bool       `json:"strict,omitempty"`      // texts are shorter than n bytes, without characters of 4 bytes
	ErrCodeZero bool       `json:"err_code_0,omitempty"`  // success has err_code 0, not SUCCESS

	AverageMin money.Fen         `json:"average_min,omitempty"` // of a share; default 100
	AverageMax money.Fen         `json:"average_max,omitempty"` // of a share; default 20000
	Scenes     map[string]Bounds `json:"scenes,omitempty"`      // by scene_id: what holds in place of the average's bounds
	TotalMax   money.Fen         `json:"total_max,omitempty"`   // of a packet; default 100000
	NumMax     int               `json:"num_max,omitempty"`     // shares of a packet; default 1000

	SendsPerSec   int       `json:"sends_per_s,omitempty"`     // rate; default 30, with a burst of twice that; -1: no limit
	DayNum        int       `json:"day_num,omitempty"`         // group packets a day; default 10000; -1: no limit
	DayAmount     money.Fen `json:"day_amount,omitempty"`      // of all packets a day; default 100000000; -1: no limit
	SeedDayNum    int       `json:"seed_day_num,omitempty"`    // packets a day to one receiver; default 10; -1: no limit
	SeedDayAmount money.Fen `json:"seed_day_amount,omitempty"` // a day to one receiver; default 100000; -1: no limit
	Unlimited     bool      `json:"unlimited,omitempty"`       // rate and quotas of the day are off (the demo)
}

// Bounds are the least and the most that something may be, both included.
type Bounds struct {
	Min money.Fen `json:"min"`
	Max money.Fen `json:"max"`
}

// CertPolicy says which client certificate a merchant's calls must show.
type CertPolicy string

// The policies. The zero CertPolicy is CertOff in a sandbox, CertPinned in
// production.
const (
	CertOff    CertPolicy = "off"    // none
	CertPinned CertPolicy = "pinned" // one of those in CertSHA256
	CertCA     CertPolicy = "ca"     // one of the authority's, whose subject is the merchant
)
