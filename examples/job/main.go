// Command job sends the packets of a folder, one file each, such as
// 20261124000001.json:
//
//	{"openid": "oTheSeedClaimant", "amount": 1000, "num": 5}
//
// It may be killed at any moment and run again until no .json is left. No packet is
// sent twice and none is forgotten, because its number is on disk before the first
// try, as the name of the file, and the file is renamed when the outcome is known.
// Killed between the two, it sends that packet again, and the server answers with
// the one that it has.
//
//	HONGBAO_KEY=… go run ./examples/job -dir orders
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"hongbao.example/hongbao"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the server")
	mchID := flag.String("mch", "10000098", "the merchant")
	dir := flag.String("dir", "orders", "the folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf := hongbao.Config{BaseURL: *url, MchID: *mchID, Key: hongbao.Secret(os.Getenv("HONGBAO_KEY"))}
	if err := run(ctx, conf, *dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run sends what is left. It stops at the first packet of which nothing is known:
// where one fails so, the next will too.
func run(ctx context.Context, conf hongbao.Config, dir string) error {
	client, err := hongbao.New(conf)
	if err != nil {
		return err
	}
	orders, err := filepath.Glob(filepath.Join(dir, "*.json")) // in order
	if err != nil {
		return err
	}
	for _, name := range orders {
		var order struct {
			OpenID string
			Amount int64 // fen
			Num    int
		}
		text, err := os.ReadFile(name) //nolint:gosec // the operator names the folder
		if err == nil {
			err = json.Unmarshal(text, &order)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		_, err = client.SendGroupRedPack(ctx, hongbao.GroupRedPack{
			MchBillNo: strings.TrimSuffix(filepath.Base(name), ".json"), WxAppID: "wx8888888888888888",
			ReOpenID: order.OpenID, TotalAmount: order.Amount, TotalNum: order.Num,
			SendName: "巷口茶铺", Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
		})
		outcome := hongbao.OutcomeOf(err) // done, refused or unknown
		if outcome == hongbao.Unknown {
			return fmt.Errorf("%s: run this again: %w", name, err)
		}
		if err := os.Rename(name, strings.TrimSuffix(name, "json")+outcome.String()); err != nil {
			return err
		}
	}
	return nil
}
