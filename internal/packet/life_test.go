package packet_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
)

var start = time.Date(2026, 11, 24, 20, 0, 0, 0, packet.Beijing).UnixMilli()

// TestLife plays the histories in testdata/life: one event a line, its outcome
// behind the arrow, prose in between. After each line the book is audited whole.
func TestLife(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/life/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("histories: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b, in := &book{}, bufio.NewScanner(f)
			for n := 1; in.Scan(); n++ {
				event, want, ok := strings.Cut(in.Text(), "→")
				if !ok {
					continue
				}
				got := b.step(t, strings.Fields(event))
				if want = strings.TrimSpace(want); got != want {
					t.Errorf("%s:%d: %s→ %s, want %s", file, n, event, got, want)
				}
				b.audit(t)
			}
		})
	}
}

// book is a packet with all that was ever written about it.
type book struct {
	terms   packet.Terms
	shares  []money.Fen
	head    packet.Head
	claims  []packet.Claim
	entries []packet.Entry
}

func person(name string) (c packet.Claimant) {
	copy(c[:], name)
	return c
}

func after(t *testing.T, d string) int64 {
	t.Helper()
	v, err := time.ParseDuration(d)
	if err != nil {
		t.Fatal(err)
	}
	return start + v.Milliseconds()
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// step does what a line says and describes what came of it.
func (b *book) step(t *testing.T, f []string) string {
	t.Helper()
	switch f[0] {
	case "send", "normal":
		*b = book{terms: packet.Terms{
			MchID: "10000098", BillNo: "1", Type: packet.Group, Seed: person(f[1]), Law: split.DoubleMean, Min: 1, Cap: 20000,
			SentAt: start, ExpiresAt: after(t, f[2]),
		}}
		if f[0] == "normal" {
			b.terms.Type = packet.Normal
		}
		b.terms.Total = money.Fen(number(t, f[3]))
		for _, s := range f[min(4, len(f)):] {
			b.shares = append(b.shares, money.Fen(number(t, s)))
		}
		if b.shares == nil {
			b.shares = []money.Fen{b.terms.Total}
		}
		b.terms.Num = len(b.shares)
		h, e := packet.New(packet.NewID(start, 7), &b.terms)
		return b.write(h, e, nil, start, fmt.Sprintf("total %d", b.terms.Total))
	case "hold":
		h, e, err := packet.Hold(b.head, &b.terms, f[2], after(t, f[1]))
		return b.write(h, e, err, after(t, f[1]), "")
	case "release":
		h, e, err := packet.Release(b.head, f[2], after(t, f[1]))
		return b.write(h, e, err, after(t, f[1]), "")
	case "end":
		now := after(t, f[1])
		h, e, err := packet.Expire(b.head, &b.terms, now)
		if f[2] == "operator" {
			h, e, err = packet.End(b.head, &b.terms, "operator", now)
		}
		return b.write(h, e, err, now, fmt.Sprintf("refund %d", e.Amount))
	case "return":
		now := after(t, f[1])
		h, e, err := packet.Return(b.head, number(t, f[2]), money.Fen(number(t, f[3])), now)
		return b.write(h, e, err, now, fmt.Sprintf("return %d", e.Amount))
	default:
		return b.claim(t, f)
	}
}

// write keeps an entry, if there is one, and says what came of it.
func (b *book) write(h packet.Head, e packet.Entry, err error, now int64, said string) string {
	if err != nil {
		if h != b.head {
			return "refused, and the head changed"
		}
		return err.Error()
	}
	b.head, b.entries = h, append(b.entries, e)
	state := string(h.State(&b.terms, now))
	if said == "" {
		return state
	}
	return said + ", " + state
}

// claim does NAME AFTER by PARENT [slow|refused].
func (b *book) claim(t *testing.T, f []string) string {
	t.Helper()
	o := packet.Order{Claimant: person(f[0]), Parent: number(t, f[3])}
	if len(f) > 4 {
		o.Verdict = map[string]fault.Code{"slow": fault.SlowDown, "refused": fault.Refused}[f[4]]
	}
	now := after(t, f[1])
	h, c, err := packet.Take(b.head, &b.terms, b.shares, &o, now)
	if err != nil {
		return b.write(h, packet.Entry{}, err, now, "")
	}
	b.head, b.claims = h, append(b.claims, c)
	said := fmt.Sprintf("slot %d, %d fen, parent %d, %d left, %s", c.Slot, c.Amount, c.Parent, b.terms.Num-h.ClaimedNum, h.State(&b.terms, now))
	if c.At != now {
		said += ", at " + time.Duration((c.At-start)*1e6).String()
	}
	return said
}

// audit recomputes everything the head says from the rows.
func (b *book) audit(t *testing.T) {
	t.Helper()
	if err := b.head.Check(&b.terms); err != nil {
		t.Fatal(err)
	}
	if h, err := packet.Replay(b.head.ID, &b.terms, b.claims, b.entries); err != nil || h != b.head {
		t.Fatalf("the book replays to %+v, %v, the head is %+v", h, err, b.head)
	}
	var prev packet.Entry
	var claimed money.Fen
	ci, ei := 0, 0
	for seq := uint64(1); seq <= b.head.Seq; seq++ {
		switch {
		case ci < len(b.claims) && b.claims[ci].Seq == seq:
			c := &b.claims[ci]
			if c.Chain(prev.Hash) != c.Hash || c.At < prev.At || c.Slot != ci {
				t.Fatalf("claim %d does not follow entry %d", ci, seq-1)
			}
			prev.Hash, prev.At, claimed = c.Hash, c.At, claimed+c.Amount
			ci++
		case ei < len(b.entries) && b.entries[ei].Seq == seq:
			e := b.entries[ei]
			if e.Chain(prev.Hash) != e.Hash || e.At < prev.At {
				t.Fatalf("entry %d does not follow entry %d", seq, seq-1)
			}
			prev = e
			ei++
		default:
			t.Fatalf("no entry has number %d", seq)
		}
	}
	if prev.Hash != b.head.Hash || prev.At != b.head.At || ci != len(b.claims) || ei != len(b.entries) {
		t.Fatal("the head does not stand on the last entry")
	}
	if claimed != b.head.Claimed || b.head.ClaimedNum != len(b.claims) {
		t.Fatalf("head says %d fen in %d claims, they are %d in %d", b.head.Claimed, b.head.ClaimedNum, claimed, len(b.claims))
	}
}
