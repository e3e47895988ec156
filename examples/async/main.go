// Command async sends one packet to each seed claimant named on its command line,
// all at the same time, and writes the links as they come.
//
//	HONGBAO_KEY=… go run ./examples/async -day 20261124 oOne oTwo oThree
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
	day := flag.String("day", "", "starts the bill numbers: the same day and people are the same packets")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf := hongbao.Config{BaseURL: *url, MchID: *mchID, Key: hongbao.Secret(os.Getenv("HONGBAO_KEY"))}
	client, err := hongbao.New(conf)
	if err == nil {
		err = sendAll(ctx, client, *day, flag.Args(), func(openid, link string) { fmt.Println(openid, link) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sendAll starts every call before it waits for any. It gives each link to sent and
// returns what went wrong, all of it.
func sendAll(ctx context.Context, client *hongbao.Client, day string, openids []string, sent func(openid, link string)) error {
	send := client.Chain("v2/mmpaymkttransfers/sendgroupredpack")
	futures := make([]*hongbao.Future, len(openids))
	for i, openid := range openids {
		futures[i] = send.PostAsync(ctx, hongbao.GroupRedPack{
			MchBillNo: fmt.Sprintf("%s%04d", day, i), WxAppID: "wx8888888888888888", ReOpenID: openid,
			TotalAmount: 1000, TotalNum: 5,
			SendName: "巷口茶铺", Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
		})
	}
	var failed []error
	for i, future := range futures {
		answer, err := future.Wait(ctx)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %v: %w", openids[i], hongbao.OutcomeOf(err), err))
			continue
		}
		sent(openids[i], answer.Fields["claim_url"])
	}
	return errors.Join(failed...)
}
