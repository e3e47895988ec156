package postgres_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"hongbao.example/hongbao/internal/store/postgres"
)

// statement is one that a store has sent.
type statement struct {
	sql    string
	values []any
}

// transaction is what a store has sent between BEGIN and the end, or what it has sent
// outside of one.
type transaction []statement

// listener takes down all that stores send. Its zero value is ready.
type listener struct {
	mu   sync.Mutex // guards all below
	open map[*pgx.Conn]transaction
	all  []transaction
}

// listen are options of a store to which l listens.
func (l *listener) listen(o postgres.Options) postgres.Options {
	return o.Tuned(func(c *pgx.ConnConfig) { c.Tracer = l })
}

func (l *listener) hear(c *pgx.Conn, s statement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[*pgx.Conn]transaction)
	}
	begun := l.open[c]
	switch verb, _, _ := strings.Cut(s.sql, " "); {
	case verb == "BEGIN" || begun != nil:
		l.open[c] = append(begun, s)
		if verb == "COMMIT" || verb == "ROLLBACK" {
			l.all = append(l.all, l.open[c])
			delete(l.open, c)
		}
	default:
		l.all = append(l.all, transaction{s})
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (l *listener) TraceQueryStart(ctx context.Context, c *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	l.hear(c, statement{data.SQL, data.Args})
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (l *listener) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (l *listener) TraceBatchStart(ctx context.Context, c *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		l.hear(c, statement{q.SQL, q.Arguments})
	}
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (l *listener) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (l *listener) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// heard returns all that l has heard.
func (l *listener) heard() []transaction {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.all, slices.Collect(maps.Values(l.open)))
}

// rules are what a distributed database asks of statements (docs/scale-out.md).
type rules struct {
	column   map[string]string // by which a table is spread; "" if it is everywhere
	group    map[string]string // the first of the tables with which one is spread
	spanning []string          // statements that read all nodes
}

func newRules() *rules {
	column, with := postgres.Layout()
	r := &rules{column: column, group: make(map[string]string)}
	for table, other := range with {
		if r.group[table] = other; other == "none" {
			r.group[table] = table
		}
	}
	q := postgres.Queries()
	for _, name := range []string{"NextMerchant", "Packets", "PacketsOf", "Strays", "Due", "Unsettled", "PayoutsDue"} {
		r.spanning = append(r.spanning, q[name])
	}
	return r
}

var (
	forbidden = regexp.MustCompile(`(?i)\b(pg_\w*advisory\w*|listen|notify|nextval|lock table|create|alter|drop|truncate|trigger|savepoint|declare|with)\b`)
	locking   = regexp.MustCompile(`(?i)\bFOR (UPDATE|SHARE|NO KEY|KEY)\b`)
	sources   = regexp.MustCompile(`(?:^UPDATE|\bFROM|\bJOIN|\bINTO) (\w+)(?: AS (\w+))?`)
	inserting = regexp.MustCompile(`^INSERT INTO (\w+) \(([\w, ]+)\) VALUES (\(.*?\))(?: ON CONFLICT \(([\w, ]+)\) DO UPDATE SET (.*))?$`)
	changes   = regexp.MustCompile(`^UPDATE (\w+) SET (.*?) WHERE `)
	mark      = regexp.MustCompile(`\$(\d+)`)
)

// outside are tables that no transaction of the product touches.
var outside = []string{"migrations", "migrations_lock", "pg_dist_partition"}

// access is what a statement says of one table.
type access struct {
	table, alias string
	key          string // the value by which it is on one node; "" if it names none
}

// accesses are what a statement says of the tables it is about.
func (r *rules) accesses(s statement) (all []access, err error) {
	for _, m := range sources.FindAllStringSubmatch(s.sql, -1) {
		a := access{table: m[1], alias: m[2]}
		switch column, known := r.column[a.table]; {
		case m[1] == "unnest", slices.Contains(outside, a.table):
			continue
		case !known:
			return nil, fmt.Errorf("there is no table %s in the layout", a.table)
		case column != "":
			a.key = s.key(&a, column)
		}
		all = append(all, a)
	}
	return all, nil
}

// key is the value to which a statement compares a table's column, wherever it does.
func (s statement) key(a *access, column string) string {
	name := column
	if a.alias != "" {
		name = a.alias + "." + column
	}
	found := regexp.MustCompile(`(?:WHERE|AND) `+regexp.QuoteMeta(name)+` = \$(\d+)`).FindAllStringSubmatch(s.sql, -1)
	var keys []string
	for _, m := range found {
		keys = append(keys, s.value(m[1]))
	}
	if keys = slices.Compact(keys); len(keys) != 1 || !orInBrackets(s.sql) {
		return ""
	}
	return keys[0]
}

// orInBrackets tells whether each OR of a statement stands in brackets, so that a
// condition beside them holds whatever they say.
func orInBrackets(sql string) bool {
	depth := 0
	for i, c := range sql {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && strings.HasPrefix(sql[i:], " OR "):
			return false
		}
	}
	return true
}

func (s statement) value(number string) string {
	n, err := strconv.Atoi(number)
	if err != nil || n > len(s.values) {
		return ""
	}
	return fmt.Sprint(s.values[n-1])
}

// check says which rule a statement breaks.
func (r *rules) check(s statement) error {
	if word := forbidden.FindString(s.sql); word != "" {
		return fmt.Errorf("it says %s", word)
	}
	all, err := r.accesses(s)
	if err != nil {
		return err
	}
	var spread []access
	for _, a := range all {
		if r.column[a.table] != "" {
			spread = append(spread, a)
		}
	}
	if len(spread) == 0 {
		if locking.MatchString(s.sql) {
			return fmt.Errorf("it locks what is everywhere")
		}
		return nil
	}
	verb, _, _ := strings.Cut(s.sql, " ")
	switch verb {
	case "SELECT":
		return r.checkRead(s, spread)
	case "INSERT":
		return r.checkInsert(s, spread)
	case "UPDATE", "DELETE":
		return r.checkChange(s, spread)
	default:
		return fmt.Errorf("%s is no word for rows", verb)
	}
}

func (r *rules) checkRead(s statement, spread []access) error {
	alone := len(spread) == 1 && spread[0].key != ""
	switch {
	case locking.MatchString(s.sql) && (!alone || strings.Contains(s.sql, "JOIN")):
		return fmt.Errorf("it locks on more than one node")
	case slices.Contains(r.spanning, s.sql) && locking.MatchString(s.sql):
		return fmt.Errorf("it pages through everything and locks")
	case slices.Contains(r.spanning, s.sql):
		return r.checkJoins(s)
	case alone:
		return nil
	}
	if err := r.checkJoins(s); err != nil {
		return err
	}
	if !slices.ContainsFunc(spread, func(a access) bool { return a.key != "" }) {
		return fmt.Errorf("it reads on more than one node, and is no list that pages through everything")
	}
	return nil
}

// checkJoins says whether tables that stand together in a query are on one node together.
func (r *rules) checkJoins(s statement) error {
	for _, part := range strings.Split(s.sql, " UNION ALL ") {
		all, err := r.accesses(statement{part, s.values})
		if err != nil {
			return err
		}
		for i, a := range all {
			for _, b := range all[:i] {
				if r.column[a.table] == "" || r.column[b.table] == "" {
					continue
				}
				if r.group[a.table] != r.group[b.table] {
					return fmt.Errorf("%s and %s are spread in different ways", a.table, b.table)
				}
				on := a.alias + "." + r.column[a.table] + " = " + b.alias + "." + r.column[b.table]
				no := b.alias + "." + r.column[b.table] + " = " + a.alias + "." + r.column[a.table]
				if !strings.Contains(part, on) && !strings.Contains(part, no) && (a.key == "" || a.key != b.key) {
					return fmt.Errorf("%s and %s are not joined by what they are spread by", a.table, b.table)
				}
			}
		}
	}
	return nil
}

// checkInsert says whether rows to be added are VALUES, all on one node.
func (r *rules) checkInsert(s statement, spread []access) error {
	m := inserting.FindStringSubmatch(s.sql)
	if m == nil {
		return fmt.Errorf("what it adds is not VALUES")
	}
	column := r.column[spread[0].table]
	if m[4] != "" && !slices.Contains(strings.Split(m[4], ", "), column) {
		return fmt.Errorf("it would find a conflict on one node only")
	}
	if strings.Contains(m[5], column+" = ") {
		return fmt.Errorf("it moves a row to another node")
	}
	keys := r.inserted(s)
	if slices.Contains(keys, "") || len(slices.Compact(keys)) != 1 {
		return fmt.Errorf("it adds rows by %s %q", column, keys)
	}
	return nil
}

// inserted are the values by which the rows that a statement adds are spread.
func (r *rules) inserted(s statement) (keys []string) {
	m := inserting.FindStringSubmatch(s.sql)
	if m == nil || r.column[m[1]] == "" {
		return nil
	}
	columns := strings.Split(m[2], ", ")
	at := slices.Index(columns, r.column[m[1]])
	marks := mark.FindAllStringSubmatch(m[3], -1)
	for i := at; i >= 0 && i < len(marks); i += len(columns) {
		keys = append(keys, s.value(marks[i][1]))
	}
	if at < 0 || len(marks)%len(columns) != 0 {
		return []string{""}
	}
	return keys
}

func (r *rules) checkChange(s statement, spread []access) error {
	for _, a := range spread {
		if a.key == "" || a.key != spread[0].key {
			return fmt.Errorf("it changes rows on more than one node")
		}
		if m := changes.FindStringSubmatch(s.sql); m != nil && regexp.MustCompile(`(^|, )`+r.column[a.table]+` = `).MatchString(m[2]) {
			return fmt.Errorf("it moves a row to another node")
		}
	}
	if strings.Contains(s.sql, "unnest") {
		return fmt.Errorf("it takes rows from elsewhere")
	}
	return nil
}

// checkClaim says whether a transaction in which shares are claimed is on one node.
func (r *rules) checkClaim(t transaction) error {
	if !slices.ContainsFunc(t, func(s statement) bool { return strings.HasPrefix(s.sql, "INSERT INTO claims ") }) {
		return nil
	}
	keys := make(map[string]bool)
	for _, s := range t {
		all, err := r.accesses(s)
		if err != nil {
			return err
		}
		for _, a := range all {
			switch {
			case r.group[a.table] != "packets":
				return fmt.Errorf("a claim touches %s", a.table)
			case strings.HasPrefix(s.sql, "INSERT"):
				for _, key := range r.inserted(s) {
					keys[key] = true
				}
			default:
				keys[a.key] = true
			}
		}
	}
	delete(keys, "") // of tables that are joined with one that has it
	if len(keys) != 1 {
		return fmt.Errorf("a claim touches the packets %q", slices.Sorted(maps.Keys(keys)))
	}
	return nil
}
