package v2

import (
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/wire/explain"
)

// whyUnsigned says, in a sandbox, why the sign is wrong. In production it says
// nothing: there the caller may be anybody, and an answer that tells more than
// "wrong" helps to guess. docs/api/wire.md#verification
//
// The search is bounded, and this is reached past the rate of the address.
func (c *exchange) whyUnsigned() string {
	if c.h.cfg.Engine.Environment() != packet.Sandbox {
		return ""
	}
	var keys []explain.Key
	add := func(use explain.Use, label, secret string) {
		if k, err := explain.NewKey(use, label, secret); err == nil {
			keys = append(keys, k)
		}
	}
	for _, k := range c.merchant.APIKeys {
		add(explain.Valid, "", k.Secret)
	}
	for _, k := range c.merchant.Retired {
		add(explain.Retired, "", k.Secret)
	}
	for _, k := range c.merchant.TicketKeys {
		add(explain.Other, "票据密钥", string(k.Secret)) // empty for EdDSA, and then none
	}
	return explain.Explain(explain.Request{
		Call: c.call, Document: c.doc, Keys: keys, HMACOnly: c.merchant.Settings.HMACOnly,
	}).Brief()
}
