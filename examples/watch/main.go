// Command watch tells of a packet's claims as they come, until the packet has ended.
//
//	HONGBAO_KEY=… go run ./examples/watch -bill 20261124000001
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"hongbao.example/hongbao"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the server")
	mchID := flag.String("mch", "10000098", "the merchant")
	billNo := flag.String("bill", "", "the number that the packet was sent under")
	every := flag.Duration("every", 2*time.Second, "time between two queries")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf := hongbao.Config{BaseURL: *url, MchID: *mchID, Key: hongbao.Secret(os.Getenv("HONGBAO_KEY"))}
	client, err := hongbao.New(conf)
	if err == nil {
		err = watch(ctx, client, *billNo, *every, func(line string) { fmt.Println(line) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watch asks until nothing more can happen.
func watch(ctx context.Context, client *hongbao.Client, billNo string, every time.Duration, tell func(line string)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	told := 0
	for {
		packet, err := client.QueryRedPack(ctx, hongbao.Query{MchBillNo: billNo, AppID: "wx8888888888888888"})
		if err != nil {
			return err // after the tries of conf.Retry
		}
		slices.Reverse(packet.Claims) // they come newest first
		for _, c := range packet.Claims[told:] {
			tell(c.OpenID + " has " + yuan(c.Amount))
		}
		told = len(packet.Claims)
		switch packet.Status {
		case hongbao.StatusReceived:
			tell("all is claimed")
			return nil
		case hongbao.StatusRefunded:
			tell("over; " + yuan(packet.RefundAmount) + " went back")
			return nil
		case hongbao.StatusSent, hongbao.StatusRefunding:
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d yuan", fen/100, fen%100) }
