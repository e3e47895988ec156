// Command splitlaw asks whether every slot of a packet has the same law:
//
//	go run ./bench/splitlaw -packets 1000000 -num 10 -total 10000
//
// It draws packets as the server does and compares the slots by a χ² test of
// homogeneity. Each packet lends the share of one slot only, in turn: the shares of
// one packet depend on each other, since they sum to the total, and the test must
// not count them as if they were independent. Amounts are put into classes of about
// the same size.
//
// The table shows, for each slot, the mean and the variance of its amounts in fen,
// and χ² of the slot against the others; the last line shows the whole table's χ².
// p is the chance of a value as large as this when all slots are alike. The verdict
// is "differs", and the exit status 1, when the whole table's p is below one in
// 100,000, or that of some slot below the same divided by the number of slots.
//
// -unshuffled is the control: the double mean as it is drawn, without the shuffle,
// with chance of this program's own. It must be found to differ.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/split"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program. It returns the exit status: 0 when the slots are alike,
// 1 when they differ, 2 when the question makes no sense.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("splitlaw", flag.ContinueOnError)
	flags.SetOutput(stderr)
	packets := flags.Int("packets", 1_000_000, "packets to draw, at least 100 for each slot")
	num := flags.Int("num", 10, "shares of a packet, at least 2")
	total := flags.Int64("total", 10000, "total of a packet, in fen")
	least := flags.Int64("min", 1, "least share, in fen")
	most := flags.Int64("cap", 20000, "largest share, in fen")
	law := flags.String("law", string(split.DoubleMean), fmt.Sprintf("one of %v", split.Laws()))
	seed := flags.Uint64("seed", 1, "the same seed draws the same packets")
	unshuffled := flags.Bool("unshuffled", false, "leave the double mean as it is drawn; the test must fail")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	terms := split.Terms{
		SendListID: "9000202611240000000000000000000", Total: money.Fen(*total), Num: *num,
		Law: split.Law(*law), Min: money.Fen(*least), Cap: money.Fen(*most),
	}
	draw := shuffledDraw(*seed)
	if *unshuffled {
		draw = unshuffledDraw(*seed)
	}

	err := terms.Validate()
	switch {
	case err != nil:
	case *num < 2:
		err = fmt.Errorf("-num %d: one slot has nothing to be compared with", *num)
	case *packets < 100**num:
		err = fmt.Errorf("-packets %d: at least %d, 100 for each slot", *packets, 100**num)
	case *unshuffled && terms.Law != split.DoubleMean:
		err = fmt.Errorf("-unshuffled: only with -law %s", split.DoubleMean)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "splitlaw: %v\n", err)
		return 2
	}

	start := time.Now()
	slots, err := sample(terms, *packets, draw)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "splitlaw: %v\n", err)
		return 2
	}
	table, alike := report(compare(slots))
	_, _ = fmt.Fprintf(stdout, "%d packets of %d fen in %d shares from %d to %d fen, law %s, seed %d: %.1f s\n\n%s",
		*packets, *total, *num, *least, *most, *law, *seed, time.Since(start).Seconds(), table)
	if !alike {
		return 1
	}
	return 0
}

// sample draws packets and takes one share of each, of slot 0, 1, 2 … in turn.
func sample(terms split.Terms, packets int, draw drawer) ([][]money.Fen, error) {
	slots := make([][]money.Fen, terms.Num)
	for i := range packets - packets%terms.Num {
		shares, err := draw(terms)
		if err != nil {
			return nil, err
		}
		slot := i % terms.Num
		slots[slot] = append(slots[slot], shares[slot])
	}
	return slots, nil
}

// drawer draws the shares of the next packet.
type drawer func(split.Terms) ([]money.Fen, error)

// row returns a row of 32 random bytes at a time that follows from seed.
func row(seed uint64) func() [32]byte {
	input := [24]byte{0: 's', 1: 'p', 2: 'l', 3: 'i', 4: 't'}
	binary.BigEndian.PutUint64(input[8:], seed)
	var n uint64
	return func() [32]byte {
		binary.BigEndian.PutUint64(input[16:], n)
		n++
		return sha256.Sum256(input[:])
	}
}

// shuffledDraw draws as the server does.
func shuffledDraw(seed uint64) drawer {
	next := row(seed)
	return func(terms split.Terms) ([]money.Fen, error) { return split.Draw(next(), terms) }
}

// unshuffledDraw draws the double mean as docs/fair-split.md has it, but for the
// shuffle and for where the chance comes from. What the remainder of 64 bits favours
// is far too little for this test.
func unshuffledDraw(seed uint64) drawer {
	next := row(seed)
	return func(terms split.Terms) ([]money.Fen, error) {
		var shares []money.Fen
		rest := terms.Total
		for k := money.Fen(terms.Num); k > 1; k-- {
			low := max(terms.Min, rest-(k-1)*terms.Cap)
			high := min(2*(rest/k)-terms.Min, rest-(k-1)*terms.Min, terms.Cap)
			b := next()
			share := low + money.Fen(binary.BigEndian.Uint64(b[:])%uint64(high-low+1))
			shares = append(shares, share)
			rest -= share
		}
		return append(shares, rest), nil
	}
}
