package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// TriesMax is how many transactions one Update makes at most.
const TriesMax = triesMax

// Tuned are options of which tune has the last word on how to connect.
func (o Options) Tuned(tune func(*pgx.ConnConfig)) Options {
	o.tune = tune
	return o
}

// Waiting are options by which locks are waited for as long.
func (o Options) Waiting(d time.Duration) Options {
	o.lockWait = d
	return o
}

// Layout is by which column each table is spread, "" for one that is everywhere, and
// with which table.
func Layout() (columns, with map[string]string) {
	columns, with = make(map[string]string), make(map[string]string)
	for _, l := range layout {
		columns[l.table], with[l.table] = l.column, l.with
	}
	return columns, with
}
