package interop_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/interop.md anew")

// page shows the tables that the tests produce, each between two marks.
const page = "../docs/interop.md"

var writing sync.Mutex // guards page

// hold holds a table of the page to what was found, or puts it there.
func hold(t *testing.T, name, table string) {
	t.Helper()
	writing.Lock()
	defer writing.Unlock()
	text, err := os.ReadFile(page)
	must(t, err)
	before, rest, begins := strings.Cut(string(text), "<!-- begin "+name+" -->\n")
	shown, after, ends := strings.Cut(rest, "<!-- end "+name+" -->\n")
	if !begins || !ends {
		t.Fatalf("%s has no place for the table %q", page, name)
	}
	if shown == table {
		return
	}
	if !*update {
		t.Fatalf("%s does not show what was found; run: go test ./interop -update\n%s", page, table)
	}
	must(t, os.WriteFile(page, []byte(before+"<!-- begin "+name+" -->\n"+table+"<!-- end "+name+" -->\n"+after), 0o644))
}

// callsTable is what the callers of each library read in each case.
func callsTable(columns []map[string]string) string {
	var b strings.Builder
	head, rule := "| the caller does |", "|---|"
	for _, l := range libraries {
		head += " " + l.name + " |"
		rule += "---|"
	}
	fmt.Fprintln(&b, head)
	fmt.Fprintln(&b, rule)
	for _, tc := range cases {
		fmt.Fprintf(&b, "| %s |", tc.name)
		for _, read := range columns {
			fmt.Fprintf(&b, " %s |", cell(read[tc.name]))
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// cell writes a code as code, and all else as it is.
func cell(read string) string {
	if read != done && strings.Trim(read, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
		return "`" + read + "`"
	}
	return read
}

// mannersTable is what becomes of the requests of each library that is imitated.
func mannersTable() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| as it is sent by | what is particular | outcome |")
	fmt.Fprintln(&b, "|---|---|---|")
	for _, m := range manners {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.library, m.how, cell(m.want))
	}
	return b.String()
}
