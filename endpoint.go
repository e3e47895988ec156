package hongbao

import (
	"context"

	"hongbao.example/hongbao/internal/wire"
)

// An Endpoint is one call of the protocol to one server. A nil Endpoint, which is
// what an unknown name gives, refuses everything.
type Endpoint struct {
	client *Client
	call   wire.Call
}

// Post makes the call and waits for its answer, as often as Config.Retry says while
// the outcome is unknown. Every error is an *Error. It is safe to repeat with the
// same MchBillNo.
func (e *Endpoint) Post(ctx context.Context, r Request) (*Answer, error) {
	if e == nil {
		return nil, &Error{Code: "PARAM_ERROR", Message: "no such endpoint"}
	}
	doc, err := e.client.prepare(e.call, r)
	if err != nil {
		return nil, err
	}
	return e.client.repeat(ctx, e.call, doc)
}

// PostAsync makes the call in the background. It goes on until it has ended or ctx
// has, whether anybody waits for it or not.
func (e *Endpoint) PostAsync(ctx context.Context, r Request) *Future {
	var call string
	if e != nil {
		call = string(e.call)
	}
	return async(call, func() (*Answer, error) { return e.Post(ctx, r) })
}

// V2 is the first part of an endpoint's name.
type V2 struct{ MMPayMktTransfers MMPayMktTransfers }

// MMPayMktTransfers holds the endpoints.
type MMPayMktTransfers struct {
	SendGroupRedPack *Endpoint // takes a GroupRedPack
	SendRedPack      *Endpoint // takes a RedPack
	GetHBInfo        *Endpoint // takes a Query
}

// connect gives c its endpoints, under each of their names.
func (c *Client) connect() {
	endpoint := func(call wire.Call) *Endpoint {
		e := &Endpoint{client: c, call: call}
		c.Endpoints["v2"+call.Path()] = e
		return e
	}
	c.Endpoints = make(map[string]*Endpoint)
	c.V2.MMPayMktTransfers = MMPayMktTransfers{
		SendGroupRedPack: endpoint(wire.SendGroupRedPack),
		SendRedPack:      endpoint(wire.SendRedPack),
		GetHBInfo:        endpoint(wire.GetHBInfo),
	}
}
