// Package hongbao sends red packets: one call gives a packet of many random
// shares to one person, who opens the first and passes the rest on. It speaks the
// APIv2 protocol of docs/api/wire.md to a hongbao server.
//
//	client, err := hongbao.New(hongbao.Config{BaseURL: "https://hb.example", MchID: "10000098", Key: key})
//	sent, err := client.SendGroupRedPack(ctx, hongbao.GroupRedPack{
//		MchBillNo: "10000098202611240000000001", WxAppID: "wx8888888888888888",
//		SendName: "巷口茶铺", ReOpenID: "oSeedUser0000000000000000001", TotalAmount: 1000, TotalNum: 5,
//		Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
//	})
//	// sent.ClaimURL goes to the receiver
//
// # Six shapes of a call
//
// An endpoint has three names, and each can be called and waited for, or called
// and left to a Future. Each takes a typed request or a map:
//
//	client.V2.MMPayMktTransfers.SendGroupRedPack.Post(ctx, hongbao.GroupRedPack{…})
//	client.Chain("v2/mmpaymkttransfers/sendgroupredpack").Post(ctx, hongbao.Fields{"mch_billno": "…", …})
//	client.Endpoints["v2/mmpaymkttransfers/sendgroupredpack"].PostAsync(ctx, …).Then(…)
//
// SendGroupRedPack, SendRedPack and QueryRedPack of Client are the same with typed
// answers.
//
// # Three outcomes
//
// A call that moves money ends in one of three ways: done (no error), refused,
// unknown. While the outcome is unknown the client makes the same request again,
// under the same MchBillNo, which cannot send it twice; Config.Retry says how
// often. It never changes the number: a new one could be a second packet.
//
//	var e *hongbao.Error
//	if errors.As(err, &e) && e.Outcome() == hongbao.Refused {
//		// e.Code says why; this call sent nothing
//	}
//	// any other error: unknown. Call again, later, with the same MchBillNo
//
// # Tests
//
// Package hongbaotest is a server for the tests of programs that use this one. A
// client with Config.Sandbox set cannot send money, whatever server it is given.
package hongbao
