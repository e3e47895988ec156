// Command layout measures how the rows of a claim should lie on disk.
//
// Every candidate is one SQLite file with one connection. A run sends packets
// and then commits claims in groups against the clock: the rows of each claim,
// the head of each packet once, one fsync a group, and at the end a checkpoint,
// so that nobody leaves work to the next. Files stay open and grow from run to
// run; candidates take turns within a round, so that a neighbour's noise meets
// all of them. The garbage collector rests while the clock runs.
//
// On a shared machine trust the CPU time and the ratios within one table: the
// rate also measures the neighbours and the disk.
//
//	go run ./bench/layout          # about 4 minutes, if the disk is not busy
//	go run ./bench/layout -quick   # about 10 seconds
//
// What was decided from it is docs/adr/0002-row-layout.md.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

// Plan says how much to measure; Old is the number of claims that each file
// holds before the first run.
type Plan struct{ Rounds, Claims, Old int }

// Cell is what was measured of one candidate under one load.
type Cell struct {
	Candidate Candidate
	Load      Load
	Rows      int          // claims read back
	figures   [6][]float64 // as columns names them, each once a round
}

// columns are the figures of a cell: rate and CPU of writing; pages written to
// the WAL and bytes by which the file grew, per claim; CPU of reading a claim
// back into memory; and pages read for a packet's claims when none is cached.
var columns = [6]struct{ name, format string }{
	{"claims/s", "%.0f"}, {"CPU µs", "%.1f"}, {"pages", "%.2f"}, {"bytes", "%.0f"}, {"reload µs", "%.2f"}, {"cold pages", "%.0f"},
}

func main() {
	plan := Plan{Rounds: 3, Claims: 30_000, Old: 50_000}
	quick := flag.Bool("quick", false, "one short round")
	flag.Parse()
	if *quick {
		plan = Plan{Rounds: 1, Claims: 4_000, Old: 5_000}
	}
	dir, err := os.MkdirTemp("", "layout")
	if err == nil {
		var cells []Cell
		cells, err = Run(dir, plan)
		report(os.Stdout, cells)
		_ = os.RemoveAll(dir) // what cannot be removed is left to the system
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "layout:", err)
		os.Exit(1)
	}
}

// Run measures every candidate under every load, in files below dir.
func Run(dir string, plan Plan) (cells []Cell, err error) {
	beds := make([]*bed, len(Candidates))
	for i, c := range Candidates {
		beds[i] = openBed(filepath.Join(dir, fmt.Sprintf("%d.db", i)), c)
		if beds[i].conn != nil {
			defer beds[i].conn.Close()
		}
		beds[i].run(plan.Old, &Cell{Load: Loads[len(Loads)-1]})
	}
	for _, l := range Loads {
		for _, c := range Candidates {
			cells = append(cells, Cell{Candidate: c, Load: l})
		}
	}
	for i := range plan.Rounds * len(cells) {
		b := beds[i%len(beds)]
		if b.run(plan.Claims, &cells[i%len(cells)]); b.err != nil {
			return nil, fmt.Errorf("%s, %s: %w", b.Claims.Name, b.Head.Name, b.err)
		}
	}
	return cells, nil
}

// run measures n claims once and adds the figures to the cell.
func (b *bed) run(n int, cell *Cell) {
	packets, claims := b.draw.claims(cell.Load, n)
	b.sendAll(packets)
	b.exec(b.checkpoint) // the heads, at nobody's cost
	_, err := sqlite.Fdatasync(b.Fdatasync)
	b.err = cmp.Or(b.err, err)
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))

	size, pages := b.pageCount(), b.counter(sqlite.DBStatusCacheWrite)
	start, cpu := time.Now(), cpuMicros()
	for group := range slices.Chunk(claims, cell.Load.Group) {
		b.commitGroup(group)
	}
	b.exec(b.checkpoint)
	cpu, rate := cpuMicros()-cpu, float64(n)/time.Since(start).Seconds()
	size, pages = b.pageCount()-size, b.counter(sqlite.DBStatusCacheWrite)-pages

	reload := cpuMicros()
	for _, p := range packets {
		rows, _ := b.query(b.load, p.id, p.id)
		cell.Rows += rows
	}
	reload = cpuMicros() - reload
	for i, f := range []float64{rate, cpu / float64(n), pages / float64(n), size * float64(b.Page) / float64(n), reload / float64(n), b.cold(packets)} {
		cell.figures[i] = append(cell.figures[i], f)
	}
}

// cold reads some of the packets again, each with SQLite's cache empty, and
// returns how many pages one needs.
func (b *bed) cold(packets []*packet) float64 {
	var missed, few float64
	for i := 0; i < len(packets); i += 1 + len(packets)/50 {
		b.exec(b.forget)
		before := b.counter(sqlite.DBStatusCacheMiss)
		b.query(b.load, packets[i].id, packets[i].id)
		missed, few = missed+b.counter(sqlite.DBStatusCacheMiss)-before, few+1
	}
	return missed / few
}

// cpuMicros is what this process has used of all processors so far.
func cpuMicros() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only for a bad pointer
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1000
}

// report writes one table a load: medians, and the range of rate and CPU.
func report(w io.Writer, cells []Cell) {
	for i, c := range cells {
		if i%len(Candidates) == 0 {
			fmt.Fprintf(w, "\n%s, groups of %d\n\n| claims | head | page, checkpoint |", c.Load.Name, c.Load.Group)
			for _, column := range columns {
				fmt.Fprintf(w, " %s |", column.name)
			}
			fmt.Fprintln(w, "\n|---|---|---|"+strings.Repeat("---|", len(columns)))
		}
		fmt.Fprintf(w, "| %s | %s | %d, %d%s |", c.Candidate.Claims.Name, c.Candidate.Head.Name, c.Candidate.Page, c.Candidate.Checkpoint,
			map[bool]string{true: ", fdatasync"}[c.Candidate.Fdatasync])
		for k, f := range c.figures {
			slices.Sort(f)
			fmt.Fprintf(w, " "+columns[k].format, f[len(f)/2])
			if k < 2 {
				fmt.Fprintf(w, strings.ReplaceAll(" (F–F)", "F", columns[k].format), f[0], f[len(f)-1])
			}
			fmt.Fprint(w, " |")
		}
		fmt.Fprintln(w)
	}
}
