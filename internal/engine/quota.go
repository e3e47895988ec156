package engine

import (
	"bytes"
	"cmp"
	"slices"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// Quota is how much a merchant may send in a day of Beijing. A zero is no limit; the
// zero Quota is none at all, and then nothing is counted either.
//
// What was sent is kept as sums of the day beside the merchant's account, and read
// and written under the account's lock in the transaction that sends. So it is right
// after a restart and between processes, and sends that race cannot pass together.
type Quota struct {
	Num        int       // packets of a group
	Amount     money.Fen // of all packets
	SeedNum    int       // packets to one seed claimant
	SeedAmount money.Fen // to one seed claimant, of each packet the average share
}

// sumKey names a sum of the day; the zero Claimant is everybody.
type sumKey struct {
	mchID string
	seed  packet.Claimant
}

// sumDraft is a sum of the day as a group's orders so far would leave it.
type sumDraft struct {
	store.DaySum
	changed bool
}

// sum returns the draft of a sum of today.
func (g *group) sum(key sumKey) (*sumDraft, error) {
	if s, ok := g.sums[key]; ok {
		return s, nil
	}
	day := packet.Day(max(g.now, g.accounts[key.mchID].book.At)) // a book's time never runs back
	s, err := g.tx.DaySum(key.mchID, day, key.seed)
	if err != nil {
		return nil, err
	}
	g.sums[key] = &sumDraft{DaySum: s}
	return g.sums[key], nil
}

// withinQuota refuses a packet that would pass a quota of its merchant's day, in the
// order of docs/api/wire.md#order-of-checks.
func (g *group) withinQuota(w *Wish, seed packet.Claimant) error {
	q := &w.Quota
	if *q == (Quota{}) {
		return nil
	}
	toAll, err := g.sum(sumKey{mchID: w.MchID})
	if err != nil {
		return err
	}
	toSeed, err := g.sum(sumKey{w.MchID, seed})
	if err != nil {
		return err
	}
	over := func(sum, most int64) bool { return most > 0 && sum > most }
	refuse := func(code fault.Code) error { return &fault.Error{Op: "send", Code: code} }
	switch {
	case w.Type == packet.Group && over(int64(toAll.Num+1), int64(q.Num)):
		return refuse(fault.DayNum)
	case over(int64(toSeed.Num+1), int64(q.SeedNum)):
		return refuse(fault.SeedNum)
	case over(int64(toSeed.Amount.Plus(w.average())), int64(q.SeedAmount)):
		return refuse(fault.SeedAmount)
	case over(int64(toAll.Amount.Plus(w.Total)), int64(q.Amount)):
		return refuse(fault.DayAmount)
	}
	return nil
}

// count drafts a packet into the sums that withinQuota has looked at.
func (g *group) count(w *Wish, seed packet.Claimant) {
	if w.Quota == (Quota{}) {
		return
	}
	toAll, toSeed := g.sums[sumKey{mchID: w.MchID}], g.sums[sumKey{w.MchID, seed}]
	toAll.Amount, toAll.changed = toAll.Amount.Plus(w.Total), true
	if w.Type == packet.Group {
		toAll.Num++
	}
	toSeed.Num, toSeed.Amount, toSeed.changed = toSeed.Num+1, toSeed.Amount.Plus(w.average()), true
}

// average is what a claimant can expect of a packet, rounded up.
func (w *Wish) average() money.Fen {
	num := money.Fen(w.Num)
	return (w.Total + num - 1) / num
}

// changedSums lists the sums to write, in the order of their keys.
func (g *group) changedSums() (sums []store.DaySum) {
	for _, s := range g.sums {
		if s.changed {
			sums = append(sums, s.DaySum)
		}
	}
	slices.SortFunc(sums, func(a, b store.DaySum) int {
		return cmp.Or(cmp.Compare(a.MchID, b.MchID), bytes.Compare(a.Seed[:], b.Seed[:]))
	})
	return sums
}
