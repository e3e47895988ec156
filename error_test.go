package hongbao_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/wire"
)

// TestErrorCodes holds the client to the table of docs/api/wire.md#error-codes:
// each code, answered to a send, has the outcome and the advice printed there.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/api/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| .* \\| (refused|unknown) \\| (\\w+) \\|$").FindAllStringSubmatch(string(text), -1)
	if len(rows) != 24 {
		t.Fatalf("%d codes in the table, want 24", len(rows))
	}
	advice := map[string]hongbao.Advice{
		"same": hongbao.RetrySame, "fix": hongbao.RetryFixed, "query": hongbao.RetryAfterQuery, "new": hongbao.RetryNewNumber, "no": hongbao.RetryNever,
	}
	for _, row := range rows {
		code, outcome, retry := row[1], row[2], row[3]
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(_ wire.Call, doc wire.Document) wire.Answer {
				answer := envelope("FAIL", code, "说明")
				answer.Add("mch_billno", doc.Value("mch_billno"))
				return wire.SignAnswer(wire.Answer{Document: answer}, apiKey(t), wire.MD5)
			})
			_, err := newClient(t, p.URL, strict).SendGroupRedPack(t.Context(), group())
			var e *hongbao.Error
			if !errors.As(err, &e) || e.Code != code || e.Message != "说明" || e.Call != "sendgroupredpack" || e.Err != nil {
				t.Fatalf("%#v", err)
			}
			if got := hongbao.OutcomeOf(err); got.String() != outcome || got != e.Outcome() {
				t.Errorf("outcome %v, want %s", got, outcome)
			}
			if want, ok := advice[retry]; !ok || e.Advice() != want {
				t.Errorf("advice %d, want %s", e.Advice(), retry)
			}
			if want := "hongbao: sendgroupredpack: " + code + ": 说明"; err.Error() != want {
				t.Errorf("text %q, want %q", err, want)
			}
		})
	}
}

// TestUnknown has everything that must not be taken for a refusal, nor for a
// success.
func TestUnknown(t *testing.T) {
	t.Parallel()
	answer := func(elements ...string) string {
		var doc wire.Document
		for i := 0; i < len(elements); i += 2 {
			doc.Add(elements[i], elements[i+1])
		}
		return string(wire.AppendAnswer(nil, wire.Answer{Document: doc}))
	}
	ok := []string{"return_code", "SUCCESS", "result_code", "SUCCESS"}
	refused := []string{"return_code", "SUCCESS", "result_code", "FAIL", "err_code", "NOTENOUGH"}
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"overload":                        {503, answer(refused...), "HTTP status 503"},
		"not found":                       {404, "<html>", "HTTP status 404"},
		"a success with another status":   {201, answer(ok...), "HTTP status 201"},
		"no body":                         {200, "", "wire:"},
		"a page":                          {200, "<!DOCTYPE html><html></html>", "wire:"},
		"half an answer":                  {200, answer(ok...)[:40], "wire:"},
		"a success, wrongly signed":       {200, answer(append(ok, "sign", strings.Repeat("0", 32))...), "bad signature"},
		"a refusal, wrongly signed":       {200, answer(append(refused, "sign", strings.Repeat("0", 32))...), "bad signature"},
		"a success, with an empty sign":   {200, "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><sign/></xml>", "bad signature"},
		"a success of another number":     {200, answer(append(ok, "mch_billno", "1")...), "another mch_billno"},
		"a refusal of another merchant":   {200, answer(append(refused, "mch_id", "1")...), "another mch_id"},
		"half a success":                  {200, answer("return_code", "SUCCESS"), "sendgroupredpack"},
		"the other half":                  {200, answer("return_code", "FAIL", "result_code", "SUCCESS"), "sendgroupredpack"},
		"a failure without a code":        {200, answer("return_code", "FAIL", "return_msg", "busy"), "busy"},
		"a failure with a new code":       {200, answer("return_code", "SUCCESS", "result_code", "FAIL", "err_code", "BRAND_NEW"), "BRAND_NEW"},
		"a failure with a number":         {200, answer("return_code", "SUCCESS", "result_code", "FAIL", "err_code", "268458547"), "268458547"},
		"a failure that says SUCCESS":     {200, answer("return_code", "SUCCESS", "result_code", "FAIL", "err_code", "SUCCESS"), "SUCCESS"},
		"an answer without end":           {200, answer(append(ok, "x", strings.Repeat("x", 1<<20))...), "too large"},
		"a success with an odd amount":    {200, answer(append(ok, "total_amount", "1.5")...), "total_amount"},
		"a success with an enormous sum":  {200, answer(append(ok, "total_amount", "99999999999999999999")...), "total_amount"},
		"a success with elements doubled": {200, "<xml><result_code>SUCCESS</result_code><result_code>FAIL</result_code></xml>", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newClient(t, raw(t, c.status, c.body)).SendGroupRedPack(t.Context(), group())
			wantUnknown(t, err, c.says)
		})
	}
}

func wantUnknown(t *testing.T, err error, says string) {
	t.Helper()
	var e *hongbao.Error
	if !errors.As(err, &e) || e.Outcome() != hongbao.Unknown || e.Advice() != hongbao.RetrySame {
		t.Fatalf("%#v, want unknown", err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("text %q, want one with %q", err, says)
	}
}

func TestLostConnectionsAreUnknown(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := newClient(t, gone.URL).SendGroupRedPack(t.Context(), group())
	wantUnknown(t, err, "connect")

	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "<xml>")
	}))
	t.Cleanup(cut.Close)
	_, err = newClient(t, cut.URL).SendGroupRedPack(t.Context(), group())
	wantUnknown(t, err, "EOF")

	asked := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-r.Context().Done()
	}))
	t.Cleanup(hangs.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err = newClient(t, hangs.URL).SendGroupRedPack(ctx, group())
	wantUnknown(t, err, "canceled")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap the context's error", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	p := newPeer(t, sent(t))
	for _, client := range []*http.Client{nil, {}} {
		s := httptest.NewServer(http.RedirectHandler(p.URL+wire.SendGroupRedPack.Path(), http.StatusTemporaryRedirect))
		t.Cleanup(s.Close)
		c := newClient(t, s.URL, func(c *hongbao.Config) { c.HTTPClient = client })
		_, err := c.SendGroupRedPack(t.Context(), group())
		wantUnknown(t, err, "HTTP status 307")
		if client != nil && client.CheckRedirect != nil {
			t.Error("the caller's client was changed")
		}
	}
	if n := len(p.seen()); n != 0 {
		t.Errorf("%d requests followed", n)
	}
}

func TestStrictAnswers(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]func(wire.Document) wire.Document{
		"a success": done,
		"a refusal": func(wire.Document) wire.Document { return envelope("FAIL", "NOTENOUGH", "余额不足") },
	} {
		p := newPeer(t, func(_ wire.Call, doc wire.Document) wire.Answer { return wire.Answer{Document: document(doc)} })
		_, err := newClient(t, p.URL, strict).SendGroupRedPack(t.Context(), group())
		wantUnknown(t, err, "not signed")
		var e *hongbao.Error
		if errors.As(err, &e) && name == "a refusal" && e.Code != "NOTENOUGH" {
			t.Errorf("the code of an unsigned refusal is %q", e.Code)
		}
		_, err = newClient(t, p.URL).SendGroupRedPack(t.Context(), group())
		if got := hongbao.OutcomeOf(err); got == hongbao.Unknown {
			t.Errorf("%s, unsigned, not strict: %v", name, err)
		}
	}
}

func TestUnreadableClaims(t *testing.T) {
	t.Parallel()
	const body = "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code>" +
		"<hblist><hbinfo><openid>o</openid><amount>1</amount><rcv_time>yesterday</rcv_time></hbinfo></hblist></xml>"
	_, err := newClient(t, raw(t, 200, body)).QueryRedPack(t.Context(), hongbao.Query{MchBillNo: billNo, AppID: "wx1"})
	wantUnknown(t, err, "rcv_time")
}

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	for want, err := range map[hongbao.Outcome]error{
		hongbao.Done:    nil,
		hongbao.Refused: fmt.Errorf("send: %w", &hongbao.Error{Code: "NOTENOUGH"}),
		hongbao.Unknown: io.ErrUnexpectedEOF,
	} {
		if got := hongbao.OutcomeOf(err); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
	if got := fmt.Sprint(hongbao.Done, hongbao.Refused, hongbao.Unknown); got != "done refused unknown" {
		t.Errorf("outcomes print %q", got)
	}
	p := newPeer(t, func(wire.Call, wire.Document) wire.Answer {
		return wire.Answer{Document: envelope("FAIL", "NOT_FOUND", "指定单号数据不存在")}
	})
	_, err := newClient(t, p.URL).QueryRedPack(t.Context(), hongbao.Query{MchBillNo: billNo, AppID: "wx1"})
	var e *hongbao.Error
	if !errors.As(err, &e) || e.Code != "NOT_FOUND" || e.Outcome() != hongbao.Refused {
		t.Errorf("an unknown number: %v", err)
	}
	_, err = newClient(t, p.URL).SendRedPack(t.Context(), hongbao.RedPack{MchBillNo: billNo})
	if !errors.As(err, &e) || e.Call != "sendredpack" {
		t.Errorf("a refused normal packet: %v", err)
	}
}
