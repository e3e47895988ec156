// Command ticket opens a share for somebody whom the merchant's own app knows. They
// need neither page nor session: the app signs a claim ticket, which says who is
// asking, and the server believes it (docs/api/claim.md#ticket).
//
//	HONGBAO_TICKET_KEY=… go run ./examples/ticket -kid app-1 -link https://hb.example/p/… -packet 1000… -to oSomebody
//
// The key is 32 bytes in base64url: the seed of the Ed25519 key whose public half the
// server was given by `hongbao merchant ticket-key`.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	kid := flag.String("kid", "", "the key's id")
	link := flag.String("link", "", "whose link brought them: claim_url or share_url")
	mchID := flag.String("mch", "10000098", "the merchant")
	packet := flag.String("packet", "", "the packet's send_listid")
	openid := flag.String("to", "", "who is asking, as the app knows")
	flag.Parse()
	seed, err := base64.RawURLEncoding.DecodeString(os.Getenv("HONGBAO_TICKET_KEY"))
	if err != nil || len(seed) != ed25519.SeedSize {
		fmt.Fprintln(os.Stderr, "HONGBAO_TICKET_KEY: 32 bytes in base64url expected")
		os.Exit(2)
	}
	server, _, _ := strings.Cut(*link, "/p/")
	t := ticket{Merchant: *mchID, Server: server, OpenID: *openid, Packet: *packet}
	if err := open(context.Background(), os.Stdout, *link, t.sign(ed25519.NewKeyFromSeed(seed), *kid, time.Now())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A ticket lets one person open a share of one packet.
type ticket struct{ Merchant, Server, OpenID, Packet string }

// sign writes t as a JWT.
func (t ticket) sign(key ed25519.PrivateKey, kid string, now time.Time) string {
	part := func(claims map[string]any) string {
		text, _ := json.Marshal(claims) // of strings and numbers: never fails
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]any{"typ": "hb-claim+jwt", "alg": "EdDSA", "kid": kid}) + "." + part(map[string]any{
		"iss": t.Merchant, "aud": t.Server, "sub": t.OpenID, "pkt": t.Packet,
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), // at most five
		"jti": rand.Text(),
	})
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

// open opens a share and writes what the server answers, JSON. It may be repeated:
// whoever has a share gets it again.
func open(ctx context.Context, out io.Writer, link, ticket string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, link+"/claim", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+ticket)
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err = io.Copy(out, io.LimitReader(resp.Body, 64<<10)); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("not opened: %s", resp.Status)
	}
	return err
}
