package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// counts say how often something happened.
type counts map[string]int

func (c counts) add(what string, n int) { c[what] += n }

// addWork adds what a process has done.
func (c counts) addWork(p *process) {
	e, w := p.engine.Stats(), p.worker.Stats()
	for what, n := range map[string]int64{
		"sends": e.Sends.Load(), "claims": e.Claims.Load(), "refunds": e.Refunds.Load(),
		"repeats answered from memory": e.Repeats.Load(), "refusals": e.Refusals.Load(),
		"groups": e.Groups.Load(), "orders": e.Orders.Load(), "groups decided again": e.Stale.Load(), "fates never learned": e.Unknown.Load(),
		"payouts": w.Created.Load(), "payouts done": w.Done.Load(), "payouts refused": w.Refused.Load(),
		"shares returned": w.Returned.Load(), "packets settled": w.Settled.Load(),
	} {
		c.add("work: "+what, int(n))
	}
}

// String lists the counts, a line for each.
func (c counts) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%9d %s\n", c[what], what)
	}
	return b.String()
}
