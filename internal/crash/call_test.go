package crash_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hongbao.example/hongbao"
)

// outcome is what a caller knows after a call.
type outcome int

const (
	done    outcome = iota
	refused         // it did nothing
	unknown         // it may have happened, now or later, or not
	away            // no server was reached: it did not happen, and is no call
)

func (o outcome) String() string { return [...]string{"done", "refused", "unknown", "away"}[o] }

// Codes of answers that are not told by the protocol's own.
const (
	codeSeedFirst = "seed_first"
	codeFinished  = "finished"
	codeExpired   = "expired"
	codeBusy      = "busy"
	codeNotFound  = "NOT_FOUND"
)

// An answer is what came of a call.
type answer struct {
	outcome outcome
	code    string // of a refusal; of an unknown outcome, its cause
	text    string // of a send or a claim that is done: what has to be the same for ever

	listID string // of a send or a query
	link   string // of a send or a claim: the path that the claimant passes on
	share  share  // of a claim
	report report // of a query
}

func (a *answer) String() string {
	switch {
	case a.outcome != done:
		return a.outcome.String() + " " + a.code
	case a.text != "":
		return a.text
	default:
		return fmt.Sprintf("%s %+v", a.listID, a.report)
	}
}

// A share is one part of a packet in somebody's hands.
type share struct {
	slot   int
	amount int64 // fen
}

// A report is a merchant's view of a packet.
type report struct {
	status hongbao.Status
	refund int64  // fen
	claims []held // by slot
}

// held is a share as a report has it.
type held struct {
	who    string
	amount int64
}

// A caller makes calls to the servers of a shop.
type caller struct {
	shop      *shop
	http      *http.Client
	merchants []*hongbao.Client // for each server
}

// newCaller makes a caller for many goroutines.
func newCaller(s *shop, connections int) (*caller, error) {
	c := &caller{shop: s, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: time.Minute,
	}}
	for _, v := range s.servers {
		m, err := hongbao.New(hongbao.Config{
			BaseURL: v.url, MchID: mchID, Key: s.key, HTTPClient: c.http, StrictAnswers: true, Retry: hongbao.Retry{TriesMax: 1},
		})
		if err != nil {
			return nil, err
		}
		c.merchants = append(c.merchants, m)
	}
	return c, nil
}

// send sends a packet through a server.
func (c *caller) send(server int, r hongbao.GroupRedPack) answer {
	sent, err := c.merchants[server].SendGroupRedPack(context.Background(), r)
	if err != nil {
		return lost(err)
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sent.Fields)) {
		fmt.Fprintf(&text, "%s=%s ", name, sent.Fields[name])
	}
	return answer{text: text.String(), listID: sent.SendListID, link: c.path(sent.ClaimURL)}
}

// query asks a server what became of a bill number.
func (c *caller) query(server int, billNo string) answer {
	p, err := c.merchants[server].QueryRedPack(context.Background(), hongbao.Query{MchBillNo: billNo, AppID: appID})
	if err != nil {
		return lost(err)
	}
	a := answer{listID: p.SendListID, report: report{status: p.Status, refund: p.RefundAmount}}
	for _, claim := range slices.Backward(p.Claims) {
		a.report.claims = append(a.report.claims, held{claim.OpenID, claim.Amount})
	}
	return a
}

// lost is the answer that the SDK's error makes.
func lost(err error) answer {
	if unreached(err) {
		return answer{outcome: away}
	}
	var e *hongbao.Error
	if errors.As(err, &e) && e.Outcome() == hongbao.Refused {
		return answer{outcome: refused, code: e.Code}
	}
	if e != nil && e.Err == nil {
		return answer{outcome: unknown, code: e.Code}
	}
	return answer{outcome: unknown, code: cause(err)}
}

// unreached tells whether no connection was made.
func unreached(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "dial"
}

// cause is the innermost error, without addresses.
func cause(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}

// claim asks a server for a share. link is the path by which they come.
func (c *caller) claim(server int, link, listID, who string) answer {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.shop.servers[server].url+link+"/claim", nil)
	if err != nil {
		return answer{outcome: unknown, code: err.Error()}
	}
	ticket, err := c.ticket(listID, who)
	if err != nil {
		return answer{outcome: unknown, code: err.Error()}
	}
	req.Header.Set("Authorization", "Bearer "+ticket)
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return lost(err)
	}
	return c.read(resp.StatusCode, body)
}

// read reads the answer to a claim.
func (c *caller) read(status int, body []byte) answer {
	var said struct {
		Code     string `json:"code"`
		Slot     *int   `json:"slot"`
		Amount   int64  `json:"amount"`
		ShareURL string `json:"share_url"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return answer{outcome: unknown, code: fmt.Sprintf("status %d: %v", status, err)}
	}
	switch {
	case status == http.StatusOK && said.Slot != nil:
		text, err := constant(body)
		if err != nil {
			return answer{outcome: unknown, code: err.Error()}
		}
		return answer{text: text, link: c.path(said.ShareURL), share: share{*said.Slot, said.Amount}}
	case status < http.StatusInternalServerError, said.Code == codeBusy:
		return answer{outcome: refused, code: said.Code}
	default:
		return answer{outcome: unknown, code: fmt.Sprintf("status %d %s", status, said.Code)}
	}
}

// constant is what has to be the same for ever of an answer to a claim: all but the
// word for how far the payout has come.
func constant(body []byte) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return "", err
	}
	delete(fields, "payout")
	text, err := json.Marshal(fields)
	return string(text), err
}

// ticket signs a claim ticket.
func (c *caller) ticket(listID, who string) (string, error) {
	now := time.Now().Unix()
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": mchID, "aud": c.shop.baseURL(), "sub": who, "pkt": listID, "iat": now, "exp": now + 240, "jti": rand.Text(),
	})
	t.Header["typ"], t.Header["kid"] = "hb-claim+jwt", kid
	return t.SignedString(c.shop.ticket)
}

// path is a link without the address in front.
func (c *caller) path(link string) string { return strings.TrimPrefix(link, c.shop.baseURL()) }
