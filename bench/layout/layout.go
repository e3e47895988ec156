package main

import "strings"

// Claims is one way to lay the rows of a claim out on disk; load reads those of
// a packet, whose id stands at every mark.
type Claims struct {
	Name   string
	tables []table
	load   string
}

// Head is one way to lay the row of a packet out, with the WHERE of its index
// on expires_at and what the updates set besides seq, hash, at and the counters:
// each by every group, last by the one that takes the last share.
type Head struct {
	Name             string
	tables           []table
	live, each, last string
}

// Candidate is one combination to be measured. Page is in bytes, Checkpoint
// (wal_autocheckpoint) in pages.
type Candidate struct {
	Claims           Claims
	Head             Head
	Page, Checkpoint int
	Fdatasync        bool
}

// Load is one pattern of claims: packets of so many shares, so many of them
// open at the same time, so many claims in one commit.
type Load struct {
	Name                string
	shares, open, Group int
}

// table is a table that gets a row for each claim, or packet: of the values that
// draw makes, those from an index on. Columns need no types, SQLite stores each
// value by its own; but only an INTEGER can be a row id.
type table struct {
	name          string
	from          int
	columns, keys string
}

func (t table) create() string {
	return "CREATE TABLE " + t.name + " (" + t.columns + ", " + t.keys + "; "
}

func (t table) insert() string {
	names := strings.ReplaceAll(t.columns, " INTEGER", "")
	return "INSERT INTO " + t.name + " (" + names + ") VALUES (?" + strings.Repeat(", ?", strings.Count(names, ",")) + ")"
}

const (
	claimed = "packet_id, claimant, seq, slot, parent, amount, at, hash" // by what is decided
	payee   = "payee, name"                                              // by whom it is paid
	head    = "id INTEGER, mch_id, seq, hash, at, claimed_num, claimed, refunded, returned, held, ended, settled, expires_at"
	terms   = "mch_billno, wxappid, send_name, wishing, act_name, remark, seed, secret, commitment, channel"

	byClaimant, bySlot = "PRIMARY KEY (packet_id, claimant)", "PRIMARY KEY (packet_id, slot)"
	oneClaimant        = "UNIQUE (packet_id, claimant)"
	heap, clustered    = ")", ") WITHOUT ROWID"
	load               = "SELECT claimant, slot, parent, amount, at FROM claims WHERE "
)

// claims is the layout with everything in one table under the given keys.
func claims(name, keys string) Claims {
	return Claims{name, []table{{"claims", 1, claimed + ", " + payee, keys}}, load + "packet_id = ?"}
}

// The layouts of a claim.
var (
	L1 = claims("L1 clustered by claimant", byClaimant+clustered)
	L2 = claims("L2 clustered by slot, UNIQUE claimant", bySlot+", "+oneClaimant+clustered)
	L3 = Claims{
		"L3 row id is packet and slot, UNIQUE claimant",
		[]table{{"claims", 0, "id INTEGER, " + claimed + ", " + payee, "PRIMARY KEY (id), " + oneClaimant + heap}},
		load + "id BETWEEN ? AND ? + 1023",
	}
	L4 = claims("L4 clustered by slot, claimant unproved", bySlot+clustered)
	L5 = Claims{
		"L5 is L1, payee in a second table",
		[]table{{"claims", 1, claimed, byClaimant + clustered}, {"payees", 9, payee + ", packet_id, claimant", byClaimant + clustered}},
		L1.load,
	}
	L6 = claims("L6 heap, key (packet, claimant)", byClaimant+heap)
	L7 = claims("L7 is L6, UNIQUE slot", byClaimant+", UNIQUE (packet_id, slot)"+heap)
)

// The layouts of a head.
var (
	split = []table{{"packets", 0, head, "PRIMARY KEY (id))"}, {"terms", 13, terms + ", packet_id INTEGER", "PRIMARY KEY (packet_id))"}}

	H1 = Head{"H1 fat", []table{{"packets", 0, head + ", " + terms, "PRIMARY KEY (id))"}}, "ended = 0", "", ", ended = 1"}
	H2 = Head{"H2 split", split, "ended = 0", "", ", ended = 1"}
	H3 = Head{"H3 is H2, each update names ended", split, "ended = 0", ", ended = 0", ", ended = 1"}
	H4 = Head{"H4 is H2, index WHERE settled = 0", split, "settled = 0", "", ", ended = 1"}
)

// Candidates is what is measured: the claims over one head, the heads over one
// claims table, and the settings that could change the verdict.
var Candidates = []Candidate{
	{L1, H2, 4096, 8000, false},
	{L2, H2, 4096, 8000, false},
	{L3, H2, 4096, 8000, false},
	{L4, H2, 4096, 8000, false},
	{L5, H2, 4096, 8000, false},
	{L6, H2, 4096, 8000, false},
	{L7, H2, 4096, 8000, false},
	{L6, H1, 4096, 8000, false},
	{L6, H3, 4096, 8000, false},
	{L6, H4, 4096, 8000, false},
	{L1, H2, 8192, 4000, false},
	{L6, H2, 8192, 4000, false},
	{L7, H2, 8192, 4000, false},
	{L6, H2, 4096, 1000, false},
	{L6, H2, 4096, 32000, false},
	{L6, H2, 4096, 8000, true},
}

// Loads are a hot packet, the usual spread over recent packets, and one wider
// than real, at the group sizes that 64 and 1000 waiting callers make.
var Loads = []Load{
	{"hot: one packet of 1000 after another", 1000, 1, 32},
	{"hot: one packet of 1000 after another", 1000, 1, 500},
	{"spread: 256 recent packets of 10", 10, 256, 32},
	{"spread: 256 recent packets of 10", 10, 256, 500},
	{"wide: 3000 packets of 10", 10, 3000, 32},
	{"wide: 3000 packets of 10", 10, 3000, 500},
}
