package packet_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 23, 59, 59, 999e6, time.UTC).UnixMilli() // the 25th in Beijing
	id := packet.NewID(at, 0xFFFFFFFF)
	if id.Millis() != at || id <= 0 {
		t.Errorf("id %d says %d, want %d", id, id.Millis(), at)
	}
	if earlier := packet.NewID(at-1, 0xFFFFFFFF); earlier >= packet.NewID(at, 0) {
		t.Error("ids do not ascend with time")
	}
	for env, want := range map[packet.Environment]string{packet.Production: "100020261125", packet.Sandbox: "900020261125"} {
		list := id.ListID(env)
		if len(list) != 31 || !strings.HasPrefix(list, want) {
			t.Errorf("send_listid %s, want 31 digits after %s", list, want)
		}
		if got, ok := packet.ParseListID(list, env); !ok || got != id {
			t.Errorf("%s is read as %d, %v", list, got, ok)
		}
	}
	list := id.ListID(packet.Sandbox)
	for name, bad := range map[string]string{
		"another environment's": id.ListID(packet.Production), "another day": list[:11] + "6" + list[12:], "short": list[1:],
		"a letter": list[:30] + "x", "a sign": list[:12] + "-" + list[13:], "empty": "",
	} {
		if got, ok := packet.ParseListID(bad, packet.Sandbox); ok {
			t.Errorf("%s: %q is read as %d", name, bad, got)
		}
	}
}

func TestDaysAreThoseOfBeijing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"2026-11-24T15:59:59.999Z": 20261124, "2026-11-24T16:00:00Z": 20261125, "2026-12-31T23:00:00+08:00": 20261231, "1970-01-01T00:00:00Z": 19700101,
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := packet.Day(at.UnixMilli()); got != want {
			t.Errorf("%s is of %d, want %d", text, got, want)
		}
	}
}

func TestNoIDOutsideItsYears(t *testing.T) {
	t.Parallel()
	for _, millis := range []int64{-1, 1 << 42} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("an id was made for time %d", millis)
				}
			}()
			packet.NewID(millis, 0)
		}()
	}
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	terms := packet.Terms{Total: 1000, Num: 3}
	good := packet.Head{ID: 9, ClaimedNum: 1, Claimed: 327}
	if err := good.Check(&terms); err != nil {
		t.Fatal(err)
	}
	if good.Unclaimed(&terms) != 673 {
		t.Errorf("unclaimed %d, want 673", good.Unclaimed(&terms))
	}
	for want, spoil := range map[string]func(*packet.Head){
		"unclaimed is -1 fen":               func(h *packet.Head) { h.Refunded = 674 },
		"claimed 1001, refunded 0":          func(h *packet.Head) { h.Claimed = 1001 },
		"claimed -9223372036854775808":      func(h *packet.Head) { h.Claimed = math.MinInt64 },
		"4 of 3 shares claimed":             func(h *packet.Head) { h.ClaimedNum = 4 },
		"-1 of 3 shares claimed":            func(h *packet.Head) { h.ClaimedNum = -1 },
		"returned -1 of 1000 fen":           func(h *packet.Head) { h.Returned = -1 },
		"328 fen returned of 327 claimed":   func(h *packet.Head) { h.Returned = 328 },
		"327 fen claimed in 0 shares":       func(h *packet.Head) { h.ClaimedNum = 0 },
		"0 fen claimed in 1 shares":         func(h *packet.Head) { h.Claimed = 0 },
		"ended with 673 fen unclaimed":      func(h *packet.Head) { h.Ended = true },
		"every share claimed and 673 fen":   func(h *packet.Head) { h.ClaimedNum = 3 },
		"every share claimed and not ended": func(h *packet.Head) { h.ClaimedNum, h.Claimed = 3, 1000 },
		"refunded and not ended":            func(h *packet.Head) { h.Refunded = 673 },
	} {
		h := good
		spoil(&h)
		err := h.Check(&terms)
		var broken *packet.InvariantError
		if !errors.As(err, &broken) || broken.Packet != 9 || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestDigestCoversEveryTerm(t *testing.T) {
	t.Parallel()
	base := packet.Terms{MchID: "a", BillNo: "b"}
	seen := map[string]string{base.Digest(): "the base"}
	for name, change := range map[string]func(*packet.Terms){
		"MchID":  func(t *packet.Terms) { t.MchID = "ab"; t.BillNo = "" }, // the bytes of the base, cut elsewhere
		"BillNo": func(t *packet.Terms) { t.BillNo = "c" }, "Type": func(t *packet.Terms) { t.Type = packet.Normal },
		"AppID": func(t *packet.Terms) { t.AppID = "c" }, "SendName": func(t *packet.Terms) { t.SendName = "c" },
		"Wishing": func(t *packet.Terms) { t.Wishing = "c" }, "ActName": func(t *packet.Terms) { t.ActName = "c" },
		"Remark": func(t *packet.Terms) { t.Remark = "c" }, "Total": func(t *packet.Terms) { t.Total = 1 },
		"Num": func(t *packet.Terms) { t.Num = 1 }, "Law": func(t *packet.Terms) { t.Law = split.Equal },
		"Min": func(t *packet.Terms) { t.Min = 1 }, "Cap": func(t *packet.Terms) { t.Cap = 1 },
		"Commitment": func(t *packet.Terms) { t.Commitment[31] = 1 }, "Seed": func(t *packet.Terms) { t.Seed[15] = 1 },
		"Providers": func(t *packet.Terms) { t.Providers = "c" }, "Channel": func(t *packet.Terms) { t.Channel = "c" },
		"ClaimantKey": func(t *packet.Terms) { t.ClaimantKey = 1 }, "LinkKey": func(t *packet.Terms) { t.LinkKey = 1 },
		"SentAt": func(t *packet.Terms) { t.SentAt = 1 }, "ExpiresAt": func(t *packet.Terms) { t.ExpiresAt = 1 },
	} {
		terms := base
		change(&terms)
		if other, dup := seen[terms.Digest()]; dup {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[terms.Digest()] = name
	}
}

func TestChainCoversEveryColumnOfAClaim(t *testing.T) {
	t.Parallel()
	base := packet.Claim{Packet: 1, Seq: 2}
	seen := map[ledger.Hash]string{base.Chain(ledger.Hash{}): "the base"}
	for name, change := range map[string]func(*packet.Claim){
		"Packet": func(c *packet.Claim) { c.Packet = 2 }, "Seq": func(c *packet.Claim) { c.Seq = 3 },
		"Slot": func(c *packet.Claim) { c.Slot = 1 }, "Claimant": func(c *packet.Claim) { c.Claimant[0] = 1 },
		"Parent": func(c *packet.Claim) { c.Parent = 1 }, "no Parent": func(c *packet.Claim) { c.Parent = packet.NoParent },
		"Amount": func(c *packet.Claim) { c.Amount = 1 }, "At": func(c *packet.Claim) { c.At = 1 },
		"PayeeHash": func(c *packet.Claim) { c.PayeeHash[15] = 1 },
	} {
		c := base
		change(&c)
		if other, dup := seen[c.Chain(ledger.Hash{})]; dup {
			t.Errorf("a change of %s has the hash of %s", name, other)
		}
		seen[c.Chain(ledger.Hash{})] = name
	}
	if base.Chain(ledger.Hash{1}) == base.Chain(ledger.Hash{}) {
		t.Error("a claim's hash does not cover the entry before")
	}
	erased := base
	erased.Payee, erased.Name = []byte("x"), "y"
	if erased.Chain(ledger.Hash{}) != base.Chain(ledger.Hash{}) {
		t.Error("what can be erased is under the hash")
	}
}

func TestTermsGiveTheSplit(t *testing.T) {
	t.Parallel()
	terms := packet.Terms{Total: 1000, Num: 3, Law: split.Equal, Min: 1, Cap: 500}
	want := split.Terms{SendListID: "x", Total: 1000, Num: 3, Law: split.Equal, Min: 1, Cap: 500}
	if got := terms.Split("x"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestAnyLifeConserves plays random lives: whatever happens in whatever order, the
// book stays whole and money goes where its kind says.
func TestAnyLifeConserves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		num := rapid.IntRange(1, 6).Draw(r, "num")
		b := &book{terms: packet.Terms{Type: packet.Group, Num: num, Seed: person("p0"), SentAt: start, ExpiresAt: start + 100}}
		for range num {
			b.shares = append(b.shares, money.Fen(rapid.IntRange(1, 50).Draw(r, "share")))
		}
		b.terms.Total = money.Sum(b.shares)
		var e packet.Entry
		b.head, e = packet.New(packet.NewID(start, 1), &b.terms)
		b.entries = []packet.Entry{e}
		has := map[packet.Claimant]bool{}
		for range rapid.IntRange(0, 30).Draw(r, "events") {
			b.random(r, has)
			b.audit(t)
		}
		var out money.Fen
		for _, e := range b.entries[1:] {
			out += e.Kind.Balance(e.Amount)
		}
		if out != b.head.Refunded+b.head.Returned {
			t.Fatalf("%d fen went back, the head says %d", out, b.head.Refunded+b.head.Returned)
		}
	})
}

// random does one random thing to the packet.
func (b *book) random(r *rapid.T, has map[packet.Claimant]bool) {
	now := start + int64(rapid.IntRange(-10, 150).Draw(r, "now"))
	keep := func(h packet.Head, e packet.Entry, err error) {
		if err == nil {
			b.head, b.entries = h, append(b.entries, e)
		}
	}
	switch rapid.IntRange(0, 7).Draw(r, "what") {
	case 0:
		keep(packet.Hold(b.head, &b.terms, "x", now))
	case 1:
		keep(packet.Release(b.head, "x", now))
	case 2:
		keep(packet.Expire(b.head, &b.terms, now))
	case 3:
		if rapid.IntRange(0, 3).Draw(r, "end") == 0 {
			keep(packet.End(b.head, &b.terms, "x", now))
		}
	case 4:
		slot := rapid.IntRange(-1, b.terms.Num).Draw(r, "slot")
		if slot >= 0 && slot < len(b.claims) {
			keep(packet.Return(b.head, slot, b.claims[slot].Amount, now))
		}
	default:
		o := packet.Order{Claimant: person("p" + string(rune('0'+rapid.IntRange(0, 8).Draw(r, "who")))), Parent: rapid.IntRange(-1, 7).Draw(r, "by")}
		if has[o.Claimant] {
			return
		}
		if h, c, err := packet.Take(b.head, &b.terms, b.shares, &o, now); err == nil {
			has[o.Claimant] = true
			b.head, b.claims = h, append(b.claims, c)
		}
	}
}
