package main

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"hongbao.example/hongbao/internal/wire"
)

// welcome prints what a person needs to play: the link, as text and to be scanned,
// and two ways to send another packet.
func welcome(p *program, r demoReady) error {
	code, err := terminalQR(r.ClaimURL)
	if err != nil {
		return err
	}
	curl, err := curlLine(r, "hongbaodemo0000000000000002")
	if err != nil {
		return err
	}
	p.printf(`
A packet of 5 shares, 10.00 yuan in all, is on its way. Sandbox: no real money.

  open it    %s
  as         %s   (the seed claimant opens first)
  then as    anybody else, by the link you see after opening

%s
Merchant
  mch_id     %s
  wxappid    %s
  key        %s
  balance    %s yuan
  folder     %s

Send another packet

  hongbao send --dir %s

or with curl (already signed)

%s

or in Go

%s
Look at it:       hongbao packet show %s --dir %s
Audit all of it:  hongbao verify --dir %s
Stop:             Ctrl-C; the folder stays
`, r.ClaimURL, r.SeedOpenID, code, r.MchID, r.AppID, r.Key, r.Balance, r.Dir, r.Dir, curl, goLines(r), r.SendListID, r.Dir, r.Dir)
	return nil
}

// terminalQR draws a QR code with half-height blocks, dark on light.
func terminalQR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const quiet = 2
	dark := func(x, y int) bool { return code.Black(x, y) } // false outside of the code
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("  ")
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteString(halves[dark(x, y)][dark(x, y+1)])
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

// halves draw two modules, one above the other, on a dark terminal.
var halves = map[bool]map[bool]string{
	true:  {true: " ", false: "▄"},
	false: {true: "▀", false: "█"},
}

// curlLine is a command that sends a packet, signed for a bill number.
func curlLine(r demoReady, billNo string) (string, error) {
	key, err := wire.NewKey(r.Key)
	if err != nil {
		return "", err
	}
	g := demoPacket(billNo)
	var doc wire.Document
	for _, f := range [][2]string{
		{"nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"},
		{"mch_billno", g.MchBillNo},
		{"mch_id", r.MchID},
		{"wxappid", g.WxAppID},
		{"send_name", g.SendName},
		{"re_openid", g.ReOpenID},
		{"total_amount", fmt.Sprint(g.TotalAmount)},
		{"total_num", fmt.Sprint(g.TotalNum)},
		{"amt_type", "ALL_RAND"},
		{"wishing", g.Wishing},
		{"act_name", g.ActName},
		{"remark", g.Remark},
	} {
		doc.Add(f[0], f[1])
	}
	doc.Add("sign", wire.Sign(doc, key, wire.MD5))
	return "  curl " + r.BaseURL + wire.SendGroupRedPack.Path() + " -d '" + string(wire.AppendRequest(nil, doc)) + "'", nil
}

// goLines are the lines of a program that send a packet.
func goLines(r demoReady) string {
	g := demoPacket("hongbaodemo0000000000000003")
	return fmt.Sprintf(`  client, err := hongbao.New(hongbao.Config{BaseURL: %q, MchID: %q, Key: %q})
  sent, err := client.SendGroupRedPack(ctx, hongbao.GroupRedPack{
      MchBillNo: %q, WxAppID: %q, SendName: %q,
      ReOpenID: %q, TotalAmount: %d, TotalNum: %d,
      Wishing: %q, ActName: %q, Remark: %q,
  })
  fmt.Println(sent.ClaimURL)
`, r.BaseURL, r.MchID, r.Key, g.MchBillNo, g.WxAppID, g.SendName, g.ReOpenID, g.TotalAmount, g.TotalNum, g.Wishing, g.ActName, g.Remark)
}
