package hongbao_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

const exampleKey = "HongbaoExampleKey0123456789abcde"

// sandbox is one real server, on a real database, for all examples.
var sandbox = sync.OnceValue(func() *server.Server {
	s, stop, err := start(packet.Sandbox)
	if err != nil {
		panic(err)
	}
	stopSandbox = stop
	return s
})

// stopSandbox is what TestMain calls after the last example; it does nothing when
// no example ran.
var stopSandbox = func() error { return nil }

// start runs a server whose merchant has 1000.00 yuan, until stop.
func start(env packet.Environment) (s *server.Server, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "hongbao-example-")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	key, file := vault.Key{1}, filepath.Join(dir, "instance.key")
	cfg := config.Default()
	cfg.Environment, cfg.BaseURL, cfg.Listen, cfg.OpsListen = env, "", "127.0.0.1:0", "127.0.0.1:0"
	if env == packet.Production {
		cfg.Packets.Channel = "none"
	}
	cfg.Database.Path, cfg.InstanceKey = filepath.Join(dir, "hongbao.db"), config.Secret("file:"+file)
	if err = errors.Join(vault.WriteKey(file, key), server.Create(ctx, cfg, key)); err == nil {
		s, err = server.New(ctx, cfg, server.Options{})
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	stop = func() error {
		cancel()
		return errors.Join(<-served, os.RemoveAll(dir))
	}
	m := store.Merchant{MchID: "10000098", Settings: store.Settings{AppIDs: []string{"wx8888888888888888"}, Unlimited: true, CertPolicy: "off"}}
	if err = s.Engine.AddMerchant(ctx, m); err == nil {
		_, err = s.Engine.AddAPIKey(ctx, m.MchID, exampleKey, 0)
	}
	if err == nil {
		_, err = s.Engine.Fund(ctx, m.MchID, 1000*money.Yuan, "examples")
	}
	return s, stop, err
}

// exampleClient is a client of a merchant with 1000.00 yuan.
func exampleClient() *hongbao.Client {
	client, err := hongbao.New(hongbao.Config{BaseURL: sandbox().URL(), MchID: "10000098", Key: exampleKey})
	if err != nil {
		panic(err)
	}
	return client
}

// lanternRiddle is the packet of the protocol's documentation.
func lanternRiddle(billNo string) hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: "wx8888888888888888", SendName: "天虹百货",
		ReOpenID: "oxTWIuGaIt6gTKsQRLau2M0yL16E", TotalAmount: 1000, TotalNum: 3,
		Wishing: "感谢您参加猜灯谜活动，祝您元宵节快乐！", ActName: "猜灯谜抢红包活动", Remark: "猜越多得越多，快来抢！",
	}
}

// lanternFields is the same as a map.
func lanternFields(billNo string) hongbao.Fields {
	return hongbao.Fields{
		"mch_billno": billNo, "wxappid": "wx8888888888888888", "send_name": "天虹百货",
		"re_openid": "oxTWIuGaIt6gTKsQRLau2M0yL16E", "total_amount": "1000", "total_num": "3", "amt_type": "ALL_RAND",
		"wishing": "感谢您参加猜灯谜活动，祝您元宵节快乐！", "act_name": "猜灯谜抢红包活动", "remark": "猜越多得越多，快来抢！",
	}
}

// say prints what an answer says.
func say(a *hongbao.Answer, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Fields["result_code"], a.Fields["mch_billno"], a.Fields["total_amount"])
}

// The typed call: one method, a typed answer.
func ExampleClient_SendGroupRedPack() {
	client := exampleClient()
	request := lanternRiddle("10000098201411110000000001")
	request.RiskInfo = hongbao.RiskInfo{PostTime: time.Unix(123123412, 0), Mobile: "122344545", DeviceID: "IOS", ClientVersion: "234134"}

	sent, err := client.SendGroupRedPack(context.Background(), request)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := client.SendGroupRedPack(context.Background(), request) // safe: the number was used for it
	fmt.Println(sent.MchBillNo, sent.TotalAmount, len(sent.SendListID), strings.Contains(sent.ClaimURL, "/p/"))
	fmt.Println(again.SendListID == sent.SendListID, err)
	// Output:
	// 10000098201411110000000001 1000 31 true
	// true <nil>
}

// First shape: the endpoint as a field, waited for.
func ExampleEndpoint_Post() {
	client := exampleClient()
	say(client.V2.MMPayMktTransfers.SendGroupRedPack.Post(context.Background(), lanternRiddle("10000098201411110000000011")))
	say(client.V2.MMPayMktTransfers.SendGroupRedPack.Post(context.Background(), lanternFields("10000098201411110000000012")))
	// Output:
	// SUCCESS 10000098201411110000000011 1000
	// SUCCESS 10000098201411110000000012 1000
}

// Second shape: the endpoint as a path in a call, waited for.
func ExampleClient_Chain() {
	client := exampleClient()
	say(client.Chain("v2/mmpaymkttransfers/sendgroupredpack").Post(context.Background(), lanternRiddle("10000098201411110000000021")))
	say(client.Chain("v2/mmpaymkttransfers/sendgroupredpack").Post(context.Background(), lanternFields("10000098201411110000000022")))
	// Output:
	// SUCCESS 10000098201411110000000021 1000
	// SUCCESS 10000098201411110000000022 1000
}

// Third shape: the endpoint as a key of a map, waited for.
func ExampleClient_endpoints() {
	client := exampleClient()
	say(client.Endpoints["v2/mmpaymkttransfers/sendgroupredpack"].Post(context.Background(), lanternRiddle("10000098201411110000000031")))
	say(client.Endpoints["v2/mmpaymkttransfers/sendgroupredpack"].Post(context.Background(), lanternFields("10000098201411110000000032")))
	// Output:
	// SUCCESS 10000098201411110000000031 1000
	// SUCCESS 10000098201411110000000032 1000
}

// Fourth shape: the endpoint as a field, left to a future.
func ExampleEndpoint_PostAsync() {
	client := exampleClient()
	first := client.V2.MMPayMktTransfers.SendGroupRedPack.PostAsync(context.Background(), lanternRiddle("10000098201411110000000041"))
	second := client.V2.MMPayMktTransfers.SendGroupRedPack.PostAsync(context.Background(), lanternFields("10000098201411110000000042"))
	say(first.Wait(context.Background()))
	<-second.Done()
	say(second.Wait(context.Background()))
	// Output:
	// SUCCESS 10000098201411110000000041 1000
	// SUCCESS 10000098201411110000000042 1000
}

// Fifth shape: the endpoint as a path, left to a future with a continuation.
func ExampleFuture_Then() {
	client := exampleClient()
	future := client.Chain("v2/mmpaymkttransfers/sendgroupredpack").
		PostAsync(context.Background(), lanternRiddle("10000098201411110000000051")).
		Then(func(a *hongbao.Answer, err error) (*hongbao.Answer, error) {
			say(a, err)
			return a, err
		})
	_, err := future.Wait(context.Background())
	fmt.Println(err)
	// Output:
	// SUCCESS 10000098201411110000000051 1000
	// <nil>
}

// Sixth shape: the endpoint as a key of a map, left to a future.
func ExampleFuture_Wait() {
	client := exampleClient()
	future := client.Endpoints["v2/mmpaymkttransfers/sendgroupredpack"].PostAsync(context.Background(), lanternFields("10000098201411110000000061"))
	say(future.Wait(context.Background()))
	// Output:
	// SUCCESS 10000098201411110000000061 1000
}

// A packet for one person.
func ExampleClient_SendRedPack() {
	client := exampleClient()
	sent, err := client.SendRedPack(context.Background(), hongbao.RedPack{
		MchBillNo: "10000098201411110000000071", WxAppID: "wx8888888888888888", SendName: "天虹百货",
		ReOpenID: "oxTWIuGaIt6gTKsQRLau2M0yL16E", TotalAmount: 888, Wishing: "生日快乐", ActName: "会员生日", Remark: "会员",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sent.TotalAmount, len(sent.SendListID))
	// Output:
	// 888 31
}

// What became of a packet.
func ExampleClient_QueryRedPack() {
	client := exampleClient()
	if _, err := client.SendGroupRedPack(context.Background(), lanternRiddle("10000098201411110000000081")); err != nil {
		fmt.Println(err)
		return
	}
	packet, err := client.QueryRedPack(context.Background(), hongbao.Query{MchBillNo: "10000098201411110000000081", AppID: "wx8888888888888888"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(packet.Status, packet.TotalNum, packet.TotalAmount, len(packet.Claims))
	// Output:
	// SENT 3 1000 0
}

// A client for tests of one's own: it cannot send real money, and gives up early.
func ExampleNew() {
	client, err := hongbao.New(hongbao.Config{
		BaseURL: sandbox().URL(), MchID: "10000098", Key: exampleKey,
		Sandbox: true,
		Retry:   hongbao.Retry{TriesMax: 2, TimeMax: 10 * time.Second},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.SendGroupRedPack(context.Background(), lanternRiddle("10000098201411110000000095"))
	fmt.Println(err)
	// Output:
	// <nil>
}

// In a log, or where done, refused and unknown are all that matters.
func ExampleOutcomeOf() {
	client := exampleClient()
	request := lanternRiddle("10000098201411110000000096")
	request.TotalNum = 2
	_, err := client.SendGroupRedPack(context.Background(), request)
	fmt.Println(hongbao.OutcomeOf(err))
	// Output:
	// refused
}

// For a request as a map.
func ExampleRiskInfo_Encode() {
	info := hongbao.RiskInfo{PostTime: time.Unix(123123412, 0), Mobile: "86-13800000000"}
	fmt.Println(info.Encode())
	// Output:
	// posttime%3d123123412%26mobile%3d86-13800000000
}

// The three outcomes of a call that moves money.
func ExampleError() {
	client := exampleClient()
	tell := func(err error) {
		var e *hongbao.Error
		switch {
		case err == nil:
			fmt.Println("done")
		case errors.As(err, &e) && e.Outcome() == hongbao.Refused:
			fmt.Println("refused:", e.Code) // not sent; correct it, the number is still free
		default:
			fmt.Println("unknown") // send the same request with the same number again
		}
	}
	request := lanternRiddle("10000098201411110000000091")
	_, err := client.SendGroupRedPack(context.Background(), request)
	tell(err)
	request.TotalAmount = 2000
	_, err = client.SendGroupRedPack(context.Background(), request)
	tell(err)

	nobody, err := hongbao.New(hongbao.Config{
		BaseURL: "http://127.0.0.1:1", MchID: "10000098", Key: exampleKey,
		Retry: hongbao.Retry{TriesMax: 1}, // or this would go on for some seconds
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = nobody.SendGroupRedPack(context.Background(), request)
	tell(err)
	// Output:
	// done
	// refused: FATAL_ERROR
	// unknown
}
