// Package interop_test holds the server against software that nobody here has
// written: client libraries of the old service, unmodified, pointed at it by their
// URL alone. The SDK and the server of this repository share a package that speaks
// the protocol, so that testing one with the other proves little.
//
//	interop_test.go   what each library is made to do, and what its caller reads
//	library_test.go   the libraries, and the programs in node/ and gopay/ around them
//	raw_test.go       requests as further libraries write them, byte by byte
//	answer_test.go    what any answer has to be for all of them to read it
//	page_test.go      docs/interop.md, which shows the results
//
// interop/install installs the libraries.
package interop_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store"
)

// done is what a caller reads of a packet that is on its way.
const done = "done"

// A caller is a merchant's program: one library, the servers it calls, and the
// bill numbers it has used.
type caller struct {
	*process
	library
	plain, secure *server.Server
	pinned, other certificate
	bills         int
	last          job // the last send
}

// A testcase is a row of the table: something that callers do, what they read then,
// and what else holds.
type testcase struct {
	name string
	want string
	do   func(*caller) string
}

var cases = []testcase{
	{"a packet of shares, in every way to call", done, (*caller).sendInEveryWay},
	{"the same request again", done, (*caller).sendAgain},
	{"the same number with another amount", "FATAL_ERROR", func(c *caller) string {
		return c.told("更换了金额", c.send(with("mch_billno", c.last.Fields["mch_billno"], "total_amount", 1001)))
	}},
	{"a wrong key", "SIGN_ERROR", func(c *caller) string {
		j := c.group()
		j.Key = strings.Repeat("x", len(apiKey))
		return c.told("签名错误", c.do(j))
	}},
	{"two shares", "PARAM_ERROR", func(c *caller) string { return c.told("total_num", c.send(with("total_num", 2))) }},
	{"`< > & \" '` in a text", done, func(c *caller) string { return c.sendText(`<html> & "3" > '2'`) }},
	{"an emoji in a text", done, func(c *caller) string { return c.sendText("恭喜发财🧧") }},
	{"blanks around a text", done, func(c *caller) string { return c.sendText("  恭喜  ") }},
	{"`]]>` in a text", done, func(c *caller) string { return c.sendText("a]]>b") }},
	{"empty optional elements", done, func(c *caller) string { return c.send(with("scene_id", "", "risk_info", "")).reads() }},
	{"no nonce_str", done, func(c *caller) string { return c.send(without("nonce_str")).reads() }},
	{"HMAC-SHA256", done, func(c *caller) string {
		j := c.group(with("sign_type", "HMAC-SHA256"))
		j.Shape = c.hmac
		s := c.do(j)
		if sign := s.text("sign"); sign != "" && len(sign) != 64 {
			c.t.Errorf("the answer is signed %q", sign)
		}
		return s.reads()
	}},
	{"a packet of one share", done, func(c *caller) string {
		j := c.group(with("total_num", 1, "client_ip", "127.0.0.1"), without("amt_type"))
		j.Call = "sendredpack"
		return c.do(j).reads()
	}},
	{"a query: nobody has opened", "SENT", func(c *caller) string { return c.query() }},
	{"a query: two of three have opened", "SENT", func(c *caller) string { return c.query(seed, "friend") }},
	{"a query: all have opened", "RECEIVED", func(c *caller) string { return c.query(seed, "friend", "another") }},
	{"a query: one has opened, the rest went back", "REFUND", (*caller).queryRefunded},
	{"a query: unknown number", "NOT_FOUND", func(c *caller) string { return c.do(c.queryOf("none")).reads() }},
	{"TLS with the certificate", done, func(c *caller) string { return c.sendSecurely(true, c.pinned) }},
	{"TLS without one", "CA_ERROR", func(c *caller) string { return c.sendSecurely(false, c.pinned) }},
	{"TLS with another one", "CA_ERROR", func(c *caller) string { return c.sendSecurely(true, c.other) }},
}

// TestLibraries runs every case with every library and holds docs/interop.md to
// what their callers read.
func TestLibraries(t *testing.T) {
	t.Parallel()
	host, pinned, other := newCertificate(t, "host"), newCertificate(t, "pinned"), newCertificate(t, "other")
	plain := serve(t, config.TLS{}, store.Settings{})
	secure := serve(t, config.TLS{Cert: host.cert, Key: host.key}, store.Settings{CertPolicy: "pinned", CertSHA256: []string{pinned.sum}})
	columns := make([]map[string]string, len(libraries))
	t.Run("calls", func(t *testing.T) {
		for i, l := range libraries {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				c := &caller{process: l.run(t, host.cert), library: l, plain: plain, secure: secure, pinned: pinned, other: other}
				columns[i] = c.runAll()
			})
		}
	})
	t.Run("page", func(t *testing.T) {
		if !slices.ContainsFunc(columns, func(c map[string]string) bool { return len(c) != len(cases) }) { // unless -run left some out
			hold(t, "calls", callsTable(columns))
		}
	})
}

// runAll runs the cases and returns what the caller read in each.
func (c *caller) runAll() map[string]string {
	read := map[string]string{}
	for _, tc := range cases {
		want, ok := c.library.reads[tc.name]
		if !ok {
			want = tc.want
		}
		read[tc.name] = tc.do(c)
		if got := read[tc.name]; got != want {
			c.t.Errorf("%s: the caller reads %q, want %q", tc.name, got, want)
		}
	}
	return read
}

// with sets fields of a request: name, value, name, value…
func with(pairs ...any) func(map[string]any) {
	return func(fields map[string]any) {
		for pair := range slices.Chunk(pairs, 2) {
			fields[fmt.Sprint(pair[0])] = pair[1]
		}
	}
}

// without takes a field out.
func without(name string) func(map[string]any) {
	return func(fields map[string]any) { delete(fields, name) }
}

// job is a call of this caller to the plain server, in its usual shape.
func (c *caller) job(call string, fields map[string]any) job {
	return job{
		Shape: c.shapes[0], Call: call, BaseURL: c.plain.URL(), MchID: mchID, AppID: appID, Key: apiKey,
		Cert: c.pinned.cert, CertKey: c.pinned.key, P12: c.pinned.p12, Fields: fields,
	}
}

// group is a good request for a packet of three shares, under a new number.
func (c *caller) group(changes ...func(map[string]any)) job {
	c.bills++
	fields := map[string]any{
		"nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS", "mch_billno": fmt.Sprintf("%s%05d", c.prefix, c.bills),
		"mch_id": mchID, "wxappid": appID, "send_name": "天虹百货", "re_openid": seed,
		"total_amount": 1000, "total_num": 3, "amt_type": "ALL_RAND",
		"wishing": "感谢您参加猜灯谜活动", "act_name": "猜灯谜", "remark": "快来抢",
	}
	for _, change := range changes {
		change(fields)
	}
	return c.job("sendgroupredpack", fields)
}

// send sends a packet of shares.
func (c *caller) send(changes ...func(map[string]any)) seen {
	c.t.Helper()
	c.last = c.group(changes...)
	s := c.do(c.last)
	if s.reads() == done && len(s.text("send_listid")) != 31 {
		c.t.Errorf("the caller gets the send_listid %q", s.text("send_listid"))
	}
	return s
}

// told returns what the caller reads of a refusal. Where the library passes the
// text on, it has to name the cause.
func (c *caller) told(cause string, s seen) string {
	if s.Answer != nil && !strings.Contains(s.text("err_code_des"), cause) {
		c.t.Errorf("the caller is told %q, want something with %q", s.text("err_code_des"), cause)
	}
	return s.reads()
}

// sendInEveryWay sends a packet by each shape of call that the library has.
func (c *caller) sendInEveryWay() string {
	read := map[string]bool{}
	for _, shape := range c.shapes {
		c.last = c.group()
		c.last.Shape = shape
		s := c.do(c.last)
		read[s.reads()] = true
		if s.reads() != done {
			c.t.Errorf("called as %s: %+v", shape, s)
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(read)), ", ")
}

// sendAgain repeats a request, as it was and under a new nonce_str.
func (c *caller) sendAgain() string {
	first := c.send()
	for _, nonce := range []any{c.last.Fields["nonce_str"], "another"} {
		c.last.Fields["nonce_str"] = nonce
		again := c.do(c.last)
		if again.reads() != first.reads() {
			return again.reads()
		}
		for _, name := range []string{"send_listid", "claim_url"} {
			if first.text(name) != again.text(name) {
				c.t.Errorf("the same request gets the %s %q, then %q", name, first.text(name), again.text(name))
			}
		}
	}
	return first.reads()
}

// sendText sends a packet with a text that has to arrive as it is.
func (c *caller) sendText(text string) string {
	s := c.send(with("wishing", text, "remark", text, "send_name", text, "act_name", text))
	if s.reads() != done {
		return s.reads()
	}
	t := find(c.t, c.plain, s.text("send_listid")).Terms
	for _, got := range []string{t.Wishing, t.Remark, t.SendName, t.ActName} {
		if got != text {
			c.t.Errorf("%q arrives as %q", text, got)
		}
	}
	q := c.do(c.queryOf(c.last.Fields["mch_billno"]))
	if got := q.text("wishing"); q.text("status") != "SENT" || strings.TrimSpace(got) != strings.TrimSpace(text) {
		c.t.Errorf("%q comes back as %q: %+v", text, got, q)
	}
	return done
}

// queryOf asks what became of the packet with a bill number.
func (c *caller) queryOf(billNo any) job {
	return c.job("gethbinfo", map[string]any{
		"nonce_str": "50780e0cca98c8c8e814883e5caa672e", "mch_billno": billNo, "mch_id": mchID, "appid": appID, "bill_type": "MCHT",
	})
}

// query sends a packet, has it opened, and asks what became of it.
func (c *caller) query(claimants ...string) string {
	listID := c.send().text("send_listid")
	shares := open(c.t, c.plain, listID, claimants...)
	return c.check(c.do(c.queryOf(c.last.Fields["mch_billno"])), listID, claimants, shares)
}

// queryRefunded asks for a packet that has ended before all had opened it.
func (c *caller) queryRefunded() string {
	listID := c.send().text("send_listid")
	shares := open(c.t, c.plain, listID, seed)
	must(c.t, c.plain.Engine.End(c.t.Context(), find(c.t, c.plain, listID).Head.ID, "test"))
	s := c.do(c.queryOf(c.last.Fields["mch_billno"]))
	if back := s.text("refund_amount"); back != fen(1000-shares[0]) || s.text("refund_time") == "" {
		c.t.Errorf("of 1000 fen %d were opened and %s went back: %+v", shares[0], back, s)
	}
	return c.check(s, listID, []string{seed}, shares)
}

// check compares the claims in an answer with who opened what, and returns the
// status in it.
func (c *caller) check(s seen, listID string, claimants []string, shares []money.Fen) string {
	claims := s.claims()
	slices.Reverse(claims) // newest first
	var got, want []string
	for _, claim := range claims {
		got = append(got, fmt.Sprint(claim["openid"], " ", claim["amount"]))
	}
	for i, who := range claimants {
		want = append(want, who+" "+fen(shares[i]))
	}
	if !slices.Equal(got, want) || s.reads() != done || s.text("detail_id") != listID || s.text("hb_type") != "GROUP" {
		c.t.Errorf("the caller sees the claims %q, want %q, in %+v", got, want, s)
	}
	return s.text("status")
}

func fen(n money.Fen) string { return fmt.Sprint(int64(n)) }

// sendSecurely sends a packet to the server that demands a certificate.
func (c *caller) sendSecurely(show bool, cert certificate) string {
	j := c.group()
	j.BaseURL, j.Secure, j.Cert, j.CertKey, j.P12 = c.secure.URL(), show, cert.cert, cert.key, cert.p12
	s := c.do(j)
	if s.reads() == done {
		find(c.t, c.secure, s.text("send_listid"))
	}
	return s.reads()
}
