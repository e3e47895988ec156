package hongbaotest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/hongbaotest"
)

// client is a client of s with other settings.
func client(t *testing.T, s *hongbaotest.Server, change func(*hongbao.Config)) *hongbao.Client {
	t.Helper()
	conf := s.Config()
	change(&conf)
	c, err := hongbao.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func once(c *hongbao.Config) { c.Retry.TriesMax = 1 }

// spent is what the packets sent so far have cost.
func spent(s *hongbaotest.Server) int64 { return hongbaotest.Balance - s.Balance() }

func query(billNo string) hongbao.Query {
	return hongbao.Query{MchBillNo: billNo, AppID: hongbaotest.AppID}
}

func TestScriptedRefusals(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	for name, c := range map[string]*hongbao.Client{
		"MD5": client(t, s, func(c *hongbao.Config) { c.StrictAnswers = true }),
		"HMAC-SHA256": client(t, s, func(c *hongbao.Config) {
			c.StrictAnswers, c.SignType = true, "HMAC-SHA256"
		}),
		"without a prefix": client(t, s, func(c *hongbao.Config) { c.StrictAnswers, c.Sandbox = true, false }),
	} {
		s.Next(hongbaotest.Fault{Code: "NOTENOUGH"}, hongbaotest.Fault{Code: "NOT_FOUND"})
		_, err := c.SendGroupRedPack(t.Context(), tea("B1"))
		var e *hongbao.Error
		if !errors.As(err, &e) || e.Outcome() != hongbao.Refused || e.Code != "NOTENOUGH" {
			t.Errorf("%s: %v", name, err)
		}
		_, err = c.QueryRedPack(t.Context(), query("B1"))
		if !errors.As(err, &e) || e.Outcome() != hongbao.Refused || e.Code != "NOT_FOUND" {
			t.Errorf("%s: a query: %v", name, err)
		}
	}
	if got := spent(s); got != 0 {
		t.Errorf("refused calls have cost %d", got)
	}
	if _, err := s.Client().SendGroupRedPack(t.Context(), tea("B1")); err != nil || spent(s) != 1000 {
		t.Errorf("after all faults: %v, spent %d", err, spent(s))
	}
}

// last keeps the last answer that came through it.
type last struct{ body []byte }

func (l *last) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	l.body, err = io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(l.body))
	return resp, err
}

// TestARefusalIsSignedAsTheRequest: some libraries verify by their own algorithm.
func TestARefusalIsSignedAsTheRequest(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	for signType, digits := range map[string]int{"MD5": 32, "HMAC-SHA256": 64} {
		seen := &last{}
		c := client(t, s, func(c *hongbao.Config) { c.SignType, c.HTTPClient = signType, &http.Client{Transport: seen} })
		s.Next(hongbaotest.Fault{Code: "NOTENOUGH"})
		if _, err := c.SendGroupRedPack(t.Context(), tea("B1")); hongbao.OutcomeOf(err) != hongbao.Refused {
			t.Fatal(err)
		}
		if !regexp.MustCompile(fmt.Sprintf(`<sign><!\[CDATA\[[0-9A-F]{%d}\]\]></sign>`, digits)).Match(seen.body) {
			t.Errorf("%s is answered %s", signType, seen.body)
		}
	}
}

func TestTheWrongKeyIsTheRealRefusal(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	s.Next(hongbaotest.Fault{Code: "NOTENOUGH"})
	_, err := client(t, s, func(c *hongbao.Config) { c.Key = "AnotherKey0123456789abcdef012345" }).SendGroupRedPack(t.Context(), tea("B1"))
	var e *hongbao.Error
	if !errors.As(err, &e) || e.Code != "SIGN_ERROR" {
		t.Errorf("%v", err)
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	impatient := client(t, s, once)
	for name, c := range map[string]struct {
		fault hongbaotest.Fault
		cost  int64
	}{
		"of a send":          {hongbaotest.Fault{Lost: true}, 1000},
		"of a refusal":       {hongbaotest.Fault{Lost: true, Code: "NOTENOUGH"}, 0},
		"of a proxy":         {hongbaotest.Fault{Lost: true, Status: 503}, 0},
		"not, but a proxy's": {hongbaotest.Fault{Status: 503}, 0},
	} {
		before, bill := spent(s), "B"+strconv.Itoa(len(s.Requests()))
		s.Next(c.fault)
		_, err := impatient.SendGroupRedPack(t.Context(), tea(bill))
		if hongbao.OutcomeOf(err) != hongbao.Unknown || spent(s)-before != c.cost {
			t.Errorf("an answer lost, %s: %v, cost %d, want %d", name, err, spent(s)-before, c.cost)
		}
		if _, err := impatient.SendGroupRedPack(t.Context(), tea(bill)); err != nil || spent(s)-before != 1000 {
			t.Errorf("%s, sent again: %v, cost %d", name, err, spent(s)-before)
		}
	}
}

// spend waits until the packets sent have cost so much.
func spend(s *hongbaotest.Server, fen int64) {
	for spent(s) != fen {
		runtime.Gosched()
	}
}

func TestLateAnswers(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	const late = 20 * time.Millisecond
	s.Next(hongbaotest.Fault{Delay: time.Hour}, hongbaotest.Fault{Delay: late})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		spend(s, 1000)
		cancel()
	}()
	if _, err := client(t, s, once).SendGroupRedPack(ctx, tea("B1")); hongbao.OutcomeOf(err) != hongbao.Unknown {
		t.Errorf("an answer that comes too late: %v", err)
	}
	began := time.Now()
	if _, err := s.Client().SendGroupRedPack(t.Context(), tea("B1")); err != nil || spent(s) != 1000 || time.Since(began) < late {
		t.Errorf("once more: %v, spent %d, after %v", err, spent(s), time.Since(began))
	}

	s.Next(hongbaotest.Fault{Delay: time.Hour})
	future := client(t, s, once).V2.MMPayMktTransfers.SendGroupRedPack.PostAsync(t.Context(), tea("B2"))
	spend(s, 2000)
	s.Close() // which does not wait for an hour
	s.Close()
	if _, err := future.Wait(t.Context()); err != nil {
		t.Errorf("the server stops, and answers what it was asked: %v", err)
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	c := s.Client()
	if _, err := c.SendGroupRedPack(t.Context(), tea("B1")); err != nil {
		t.Fatal(err)
	}
	var sum int64
	first := map[string]hongbao.Claim{}
	for range 2 { // a repeat is the same share
		sum = 0
		for _, openid := range []string{"oSeed", "oFriend", "oOther"} {
			share, err := s.Claim("B1", openid)
			if err != nil {
				t.Fatal(err)
			}
			if was, ok := first[openid]; ok && was != share {
				t.Errorf("%+v, then %+v", was, share)
			}
			first[openid] = share
			sum += share.Amount
		}
	}
	packet, err := c.QueryRedPack(t.Context(), query("B1"))
	if err != nil || packet.Status != hongbao.StatusReceived || sum != 1000 || len(packet.Claims) != 3 {
		t.Fatalf("%+v, %v, sum %d", packet, err, sum)
	}
	for _, claim := range packet.Claims {
		if want := first[claim.OpenID]; claim.Amount != want.Amount || !claim.ClaimedAt.Equal(want.ClaimedAt) {
			t.Errorf("the query says %+v, the claim %+v", claim, want)
		}
	}
	for name, err := range map[string]error{
		"finished":  second(s.Claim("B1", "oLate")),
		"not_found": second(s.Claim("B9", "oSeed")),
		"packet B9": s.Expire("B9"),
		"expire B1": s.Expire("B1"),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want one with %q", err, name)
		}
	}
}

func second(_ hongbao.Claim, err error) error { return err }

func TestUnreadableRequestsAreNoted(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	for _, body := range []string{"<xml>", strings.Repeat("x", 100_000)} {
		resp, err := http.Post(s.URL+"/mmpaymkttransfers/sendredpack", "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := map[bool]int{true: 200, false: 413}[len(body) < 100]; resp.StatusCode != want {
			t.Errorf("%d bytes: status %d, want %d", len(body), resp.StatusCode, want)
		}
	}
	got := s.Requests()
	if len(got) != 2 || got[0].Call != "sendredpack" || got[0].Fields != nil || got[1].Fields != nil {
		t.Errorf("%+v", got)
	}
}

func TestTheClaimPageIsThere(t *testing.T) {
	t.Parallel()
	s := hongbaotest.New(t)
	sent, err := s.Client().SendGroupRedPack(t.Context(), tea("B1"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(sent.ClaimURL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "新茶上市，见者有份") {
		t.Errorf("%d, %v: %s", resp.StatusCode, err, page)
	}
}

// TestNoDatabaseIsLinked follows the imports: SQLite makes a test's binary large
// and its build slow.
func TestNoDatabaseIsLinked(t *testing.T) {
	t.Parallel()
	const module = "hongbao.example/hongbao"
	seen := map[string]bool{}
	var visit func(pkg string)
	visit = func(pkg string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		if strings.Contains(pkg, "sqlite") || strings.Contains(pkg, "goose") || strings.Contains(pkg, "pgx") {
			t.Errorf("%s is linked", pkg)
		}
		local, ok := strings.CutPrefix(pkg, module)
		if !ok {
			return
		}
		files, err := filepath.Glob(".." + local + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no sources, %v", pkg, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				visit(name)
			}
		}
	}
	visit(module + "/hongbaotest")
	if !seen[module+"/internal/engine"] {
		t.Errorf("the engine is not among %d packages", len(seen))
	}
}
