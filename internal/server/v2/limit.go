package v2

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/throttle"
)

// What a merchant may send, beside the merchant's own limits.
const (
	numMin   = 3 // shares of a group
	dayBegin = 8 // o'clock in Beijing, when the night ban ends
)

// allowed says whether a merchant calls from a network that it may call from.
func allowed(sources []string, address string) bool {
	if len(sources) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(sources, func(s string) bool {
		network, err := netip.ParsePrefix(s)
		return err == nil && network.Contains(ip.Unmap())
	})
}

// relation checks for whom a service provider sends and who delivers, where the
// provider's settings say whom it may send for.
func (c *exchange) relation() error {
	s, sub := &c.merchant.Settings, c.doc.Value("sub_mch_id")
	switch {
	case sub == "" || len(s.SubMchIDs) == 0:
		return nil
	case !slices.Contains(s.SubMchIDs, sub):
		return &fault.Error{Op: "send", Code: fault.Relation, Field: "sub_mch_id"}
	case !slices.Contains(s.AppIDs, c.doc.Value("msgappid")):
		return &fault.Error{Op: "send", Code: fault.MsgAppID, Field: "msgappid"}
	}
	return nil
}

// checkAmounts compares total and average with what the merchant may send, under
// the scene that the request names.
func (c *exchange) checkAmounts(w engine.Wish) error {
	average := c.limits.Average
	if of, ok := c.merchant.Settings.Scenes[c.doc.Value("scene_id")]; ok {
		average = of
	}
	num := money.Fen(w.Num)
	switch most := c.limits.TotalMax; {
	case w.Total < average.Min*num || w.Total > average.Max*num:
		return outside("每个红包的平均金额必须在" + average.Min.String() + "元到" + average.Max.String() + "元之间.")
	case w.Total > most:
		return outside("红包总金额不能超过" + most.String() + "元.")
	}
	return nil
}

// outside refuses an amount.
func outside(text string) error {
	return &fault.Error{Op: "send", Code: fault.AmountLimit, Field: "total_amount", Detail: text}
}

// checkClock refuses what may not be sent at this hour, or at this rate.
func (c *exchange) checkClock() error {
	now := c.h.cfg.Engine.Now()
	if c.merchant.Settings.NightBan && now.In(packet.Beijing).Hour() < dayBegin {
		return &fault.Error{Op: "send", Code: fault.Night}
	}
	if !c.h.sends.allow(c.merchant.MchID+" "+string(c.call), c.limits.SendsPerSec, now) {
		return &fault.Error{Op: "send", Code: fault.RateLimit}
	}
	return nil
}

// throttles hold each merchant to its rate. Merchants of one rate share a Throttle.
type throttles struct {
	mu      sync.Mutex // guards bySpeed
	bySpeed map[int]*throttle.Throttle
}

// allow says whether a caller may come now, at a rate; 0 is no limit.
func (t *throttles) allow(caller string, perSecond int, now time.Time) bool {
	t.mu.Lock()
	th, ok := t.bySpeed[perSecond]
	if !ok {
		th = throttle.New(perSecond, 2*perSecond) // nil for no limit
		t.bySpeed[perSecond] = th
	}
	t.mu.Unlock()
	return th.Allow(caller, now)
}
