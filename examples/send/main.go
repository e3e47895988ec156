// Command send sends a packet of five shares to a seed claimant, and says what
// became of it.
//
//	HONGBAO_KEY=… go run ./examples/send -bill 20261124000001 -to oTheSeedClaimant
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"hongbao.example/hongbao"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the server")
	mchID := flag.String("mch", "10000098", "the merchant")
	billNo := flag.String("bill", "", "the merchant's number for this packet")
	openid := flag.String("to", "", "who opens first")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf := hongbao.Config{BaseURL: *url, MchID: *mchID, Key: hongbao.Secret(os.Getenv("HONGBAO_KEY"))}
	client, err := hongbao.New(conf)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(send(ctx, client, *billNo, *openid))
}

// send sends the packet and tells how that ended.
func send(ctx context.Context, client *hongbao.Client, billNo, openid string) string {
	sent, err := client.SendGroupRedPack(ctx, hongbao.GroupRedPack{
		MchBillNo: billNo, WxAppID: "wx8888888888888888", ReOpenID: openid,
		TotalAmount: 1000, TotalNum: 5, // 10.00 yuan in all, the split is drawn by the server
		SendName: "巷口茶铺", Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
	})
	var e *hongbao.Error
	switch {
	case err == nil:
		return "done: give this link to " + openid + ": " + sent.ClaimURL
	case errors.As(err, &e) && e.Outcome() == hongbao.Refused:
		return "refused, nothing was sent: " + e.Code + ": " + e.Message
	default:
		return "unknown: run this again with the same -bill, which cannot send twice: " + err.Error()
	}
}
