package hongbaotest_test

import (
	"context"
	"errors"
	"fmt"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/hongbaotest"
)

// tea is a packet of 10.00 yuan in three shares.
func tea(billNo string) hongbao.GroupRedPack {
	return hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: hongbaotest.AppID, SendName: "巷口茶铺", ReOpenID: "oSeed",
		TotalAmount: 1000, TotalNum: 3, Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
	}
}

// The answer to a send is lost on its way, so the client asks again: the packet is
// sent once. In a test, hongbaotest.New(t) takes the place of Start and Close.
func Example() {
	s := hongbaotest.Start()
	defer s.Close()
	s.Next(hongbaotest.Fault{Lost: true})

	sent, err := s.Client().SendGroupRedPack(context.Background(), tea("B1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sent.MchBillNo, len(s.Requests()), hongbaotest.Balance-s.Balance())
	// Output:
	// B1 2 1000
}

// What a program does about a refusal.
func ExampleServer_Next() {
	s := hongbaotest.Start()
	defer s.Close()
	s.Next(hongbaotest.Fault{Code: "NOTENOUGH"}, hongbaotest.Fault{Status: 502}) // 502: of a proxy

	_, err := s.Client().SendGroupRedPack(context.Background(), tea("B1"))
	var e *hongbao.Error
	if errors.As(err, &e) {
		fmt.Println(e.Outcome(), e.Code)
	}
	_, err = s.Client().SendGroupRedPack(context.Background(), tea("B1"))
	fmt.Println(hongbao.OutcomeOf(err))
	// Output:
	// refused NOTENOUGH
	// done
}

// A program that gives up is left not knowing: the packet may be on its way, as it
// is here.
func ExampleFault() {
	s := hongbaotest.Start()
	defer s.Close()
	s.Next(hongbaotest.Fault{Lost: true})

	conf := s.Config()
	conf.Retry.TriesMax = 1
	client, err := hongbao.New(conf)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.SendGroupRedPack(context.Background(), tea("B1"))
	fmt.Println(hongbao.OutcomeOf(err), hongbaotest.Balance-s.Balance())
	// Output:
	// unknown 1000
}

// Two of three shares are opened, the seed claimant's first.
func ExampleServer_Claim() {
	s := hongbaotest.Start()
	defer s.Close()
	client := s.Client()
	if _, err := client.SendGroupRedPack(context.Background(), tea("B1")); err != nil {
		fmt.Println(err)
		return
	}
	_, err := s.Claim("B1", "oFriend")
	fmt.Println(err)
	for _, openid := range []string{"oSeed", "oFriend"} {
		if _, err := s.Claim("B1", openid); err != nil {
			fmt.Println(err)
		}
	}
	packet, err := client.QueryRedPack(context.Background(), hongbao.Query{MchBillNo: "B1", AppID: hongbaotest.AppID})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(packet.Status, packet.Claims[0].OpenID, packet.Claims[1].OpenID) // newest first
	// Output:
	// hongbaotest: claim for oFriend: seed_first
	// SENT oFriend oSeed
}

// Nobody comes, and the time is over.
func ExampleServer_Expire() {
	s := hongbaotest.Start()
	defer s.Close()
	client := s.Client()
	if _, err := client.SendGroupRedPack(context.Background(), tea("B1")); err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Expire("B1"); err != nil {
		fmt.Println(err)
	}
	packet, err := client.QueryRedPack(context.Background(), hongbao.Query{MchBillNo: "B1", AppID: hongbaotest.AppID})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(packet.Status, packet.RefundAmount, s.Balance() == hongbaotest.Balance)
	// Output:
	// REFUND 1000 true
}

// What a program really sends.
func ExampleServer_Requests() {
	s := hongbaotest.Start()
	defer s.Close()
	if _, err := s.Client().SendGroupRedPack(context.Background(), tea("B1")); err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.Requests() {
		fmt.Println(r.Call, r.Fields["mch_billno"], r.Fields["total_amount"])
	}
	// Output:
	// sendgroupredpack B1 1000
}
