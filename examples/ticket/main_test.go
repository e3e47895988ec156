package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/hongbaotest"
)

func TestATicketOpensAShare(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	sent, err := s.Client().SendGroupRedPack(t.Context(), hongbao.GroupRedPack{
		MchBillNo: "B1", WxAppID: hongbaotest.AppID, SendName: "巷口茶铺", ReOpenID: "oSeed", TotalAmount: 1000, TotalNum: 3,
		Wishing: "新茶上市，见者有份", ActName: "春茶节", Remark: "转给朋友再拆",
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	claim := func(link, openid string, at time.Time) (string, error) {
		var out strings.Builder
		one := ticket{Merchant: hongbaotest.MchID, Server: s.URL, OpenID: openid, Packet: sent.SendListID}
		err := open(t.Context(), &out, link, one.sign(s.TicketKey, hongbaotest.TicketKeyID, at))
		return out.String(), err
	}
	first, err := claim(sent.ClaimURL, "oSeed", now)
	if again, againErr := claim(sent.ClaimURL, "oSeed", now); err != nil || againErr != nil || first != again {
		t.Fatalf("%v, %v: %s, then %s", err, againErr, first, again)
	}
	var share struct {
		Amount   int64
		ShareURL string `json:"share_url"`
	}
	if err := json.Unmarshal([]byte(first), &share); err != nil {
		t.Fatal(err)
	}
	if got, err := claim(share.ShareURL, "oFriend", now); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	packet, err := s.Client().QueryRedPack(t.Context(), hongbao.Query{MchBillNo: "B1", AppID: hongbaotest.AppID})
	if err != nil || len(packet.Claims) != 2 || packet.Claims[1].OpenID != "oSeed" || packet.Claims[1].Amount != share.Amount {
		t.Errorf("%+v, %v", packet, err)
	}

	got, err := claim(sent.ClaimURL, "oLate", now.Add(-time.Hour))
	if err == nil || !strings.Contains(got, "ticket_refused") {
		t.Errorf("an old ticket: %v: %s", err, got)
	}
}
