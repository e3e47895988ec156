// Package audit proves that a database is in order, or names the rows that are
// wrong. It is what hongbao verify runs.
//
// It believes no row. A head is compared with the book it was derived from, a book
// with its own hashes, a claim with the split that was fixed at send, and what
// crosses between a packet and its merchant with both sides. It does not use the
// engine, whose work it judges.
//
//	settings, kinds ─► accounts, entry by entry ─► packets, one by one ─► bills, pairs, totals
//
// Each invariant is a pure function over rows already read; the tables in
// invariant.go list them in the order in which they are checked, and
// docs/invariants.md says what each means. An invariant of a packet or an account
// yields at most one finding there: the first row that breaks it.
//
// # While the server writes
//
// The audit reads in short View transactions and holds nobody up. A packet is read
// whole in one View, with the entries that mirror its own in the merchant's book and
// the rows that lie between it and the next one; a bill together with the packet it
// names, an account's head together with the sum of its day. What is written together
// is seen together, so none of them raises a false alarm.
//
// Between a merchant's book and all its packets lies more than one View. An account
// is read first, up to the head it had when the audit came to it; packets are read
// later. So each account entry up to that head has its packet's entry visible by
// then, and what is newer is left out on both sides: a packet whose send came after
// the head is not counted, a refund or return after the head is taken as if it had
// not happened. The totals are those of the moment of that head.
//
// # Sums
//
// Sums wrap here instead of panicking (they are plain +, not money.Fen.Plus), since
// rows under audit may hold any number. An equation modulo 2⁶⁴ between amounts that
// are each held against their own bounds is as good as any.
//
// # What it cannot see
//
// A book that was rewritten from some entry on, hashes and heads included, is in
// order by itself; it contradicts the receipts that claimants hold and the heads
// that were served. So does a database that was replaced by an older copy. What
// follows from no other row can be put at another value that it may have; the list
// is in docs/invariants.md.
package audit

import (
	"context"
	"errors"
	"fmt"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/vault"
)

// Options say what to look at.
type Options struct {
	Packet      packet.ID          // this packet alone, with what mirrors it in its merchant's book; 0: everything
	Deep        bool               // also open what is sealed (payees, seeds, keys), and look at the file itself
	Environment packet.Environment // that the database must be of; empty: whatever it says it is
	FindingsMax int                // stop after so many; default 100
}

const findingsMax = 100

// Report is what an audit saw.
type Report struct {
	Packets  int64     `json:"packets"`
	Claims   int64     `json:"claims"`
	Entries  int64     `json:"entries"` // all others, of packets' and of merchants' books
	Accounts int64     `json:"accounts"`
	Payouts  int64     `json:"payouts"`
	Findings []Finding `json:"findings"` // in the order in which they were made
	Cut      bool      `json:"cut"`      // it stopped before the end: there may be more to find
}

// Finding is one invariant that does not hold.
type Finding struct {
	Invariant string `json:"invariant"` // its name in docs/invariants.md
	Row       string `json:"row"`       // table and key of the first wrong row
	Detail    string `json:"detail"`    // what is wrong about it; holds no secret
}

// Run audits a database. It only reads, and may run beside a server. An error means
// that it could not look, which says nothing about the rows; NotFound, that there is
// no packet of that id. The report then tells how far it came.
//
// It stops before the end when it has found enough, at a row that cannot be read,
// and where environment or instance key are not the database's: all that is sealed
// would look wrong.
func Run(ctx context.Context, s store.Store, v *vault.Vault, o Options) (Report, error) {
	if o.FindingsMax <= 0 {
		o.FindingsMax = findingsMax
	}
	a := &audit{
		store: s, vault: v, options: o,
		report:    Report{Findings: []Finding{}},
		accounts:  make(map[string]*account),
		claimants: make(map[packet.Claimant]int),
	}
	err := a.run(ctx)
	if errors.Is(err, errStop) {
		a.report.Cut, err = true, nil
	}
	return a.report, err
}

// audit is one run.
type audit struct {
	store       store.Store
	vault       *vault.Vault
	options     Options
	environment packet.Environment // of the database
	report      Report
	accounts    map[string]*account
	claimants   map[packet.Claimant]int // room for one packet's; empty between packets
}

// errStop ends an audit whose report says all.
var errStop = errors.New("audit: stop")

func (a *audit) run(ctx context.Context) error {
	if err := a.readDatabase(ctx); err != nil {
		return err
	}
	if a.options.Packet != 0 {
		return a.readPacket(ctx, a.options.Packet)
	}
	for _, step := range []func(context.Context) error{a.readFile, a.readKinds, a.readAccounts, a.readPackets, a.readCounterparts} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// found adds a finding.
func (a *audit) found(invariant string, w *wrong) error {
	a.report.Findings = append(a.report.Findings, Finding{invariant, w.row, w.detail})
	if len(a.report.Findings) >= a.options.FindingsMax {
		return errStop
	}
	return nil
}

// readable is the invariant without a table: every row can be read at all.
const readable = "readable"

// view reads in a transaction of its own. row names what f reads, unless f fails
// with a rowError. f may run more than once.
func (a *audit) view(ctx context.Context, row string, f func(store.Reader) error) error {
	err := ctx.Err()
	if err == nil {
		err = a.store.View(ctx, f)
	}
	if e, ok := errors.AsType[*rowError](err); ok {
		row = e.row
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil || fault.CodeOf(err) != fault.Internal:
		return fmt.Errorf("audit: %s: %w", row, err)
	default: // the store is there and cannot make anything of what it holds
		return errors.Join(a.found(readable, &wrong{row, err.Error()}), errStop)
	}
}

// rowError is a failure to read with the row at which it happened.
type rowError struct {
	row string
	err error
}

func (e *rowError) Error() string { return e.err.Error() }
func (e *rowError) Unwrap() error { return e.err }

// present tells a row that is there from one that is not; any other error stays one.
func present(err error) (bool, error) {
	switch fault.CodeOf(err) {
	case fault.OK:
		return true, nil
	case fault.NotFound:
		return false, nil
	default:
		return false, err
	}
}

// database is what is true of all rows.
type database struct {
	environment, wantEnvironment packet.Environment
	fingerprint, wantFingerprint string
}

func (a *audit) readDatabase(ctx context.Context) error {
	d := &database{wantEnvironment: a.options.Environment, wantFingerprint: a.vault.Fingerprint()}
	err := a.view(ctx, "settings", func(r store.Reader) error {
		environment, err := setting(r, store.SettingEnvironment)
		if err != nil {
			return err
		}
		d.environment = packet.Environment(environment)
		d.fingerprint, err = setting(r, store.SettingFingerprint)
		return err
	})
	if err != nil {
		return err
	}
	a.environment = d.environment
	held, err := check(a, ofDatabase, d)
	if len(held) < len(ofDatabase) {
		return errStop
	}
	return err
}

// setting reads a setting; empty when it is not there.
func setting(r store.Reader, name string) (string, error) {
	value, err := r.Setting(name)
	_, err = present(err)
	return value, err
}

func environmentAgrees(d *database) *wrong {
	const row = "settings name=" + store.SettingEnvironment
	switch {
	case d.environment != packet.Sandbox && d.environment != packet.Production:
		return wrongf(row, "%q is no environment", string(d.environment))
	case d.wantEnvironment != "" && d.environment != d.wantEnvironment:
		return wrongf(row, "the database is of the environment %s, not %s", d.environment, d.wantEnvironment)
	default:
		return nil
	}
}

func instanceKeyAgrees(d *database) *wrong {
	if d.fingerprint == d.wantFingerprint {
		return nil
	}
	return wrongf("settings name="+store.SettingFingerprint, "the database is of the instance key %q, not %q", d.fingerprint, d.wantFingerprint)
}

// readFile has the store look under its rows, if it can: a row that an index has lost is
// there, and still nobody finds it.
func (a *audit) readFile(ctx context.Context) error {
	s, ok := a.store.(interface {
		Damage(ctx context.Context) (string, error)
	})
	if !ok || !a.options.Deep {
		return nil
	}
	switch damage, err := s.Damage(ctx); {
	case err != nil:
		return fmt.Errorf("audit: file: %w", err)
	case damage != "":
		return a.found(readable, &wrong{"file", damage})
	default:
		return nil
	}
}

func (a *audit) readKinds(ctx context.Context) error {
	var kinds []store.Kind
	err := a.view(ctx, "kinds", func(r store.Reader) (err error) {
		kinds, err = r.Kinds()
		return err
	})
	if err == nil {
		_, err = check(a, ofKinds, kinds)
	}
	return err
}

func kindsAgree(kinds []store.Kind) *wrong {
	for i, k := range ledger.Kinds() {
		t, _ := k.Transfer(0)
		want := store.Kind{Kind: k, Name: k.String(), Debit: t.Debit, Credit: t.Credit}
		if i == len(kinds) || kinds[i] != want {
			return wrongf(fmt.Sprintf("kinds kind=%d", k), "not %s, from %q to %q", want.Name, want.Debit, want.Credit)
		}
	}
	if n := len(ledger.Kinds()); len(kinds) > n {
		return wrongf(fmt.Sprintf("kinds kind=%d", kinds[n].Kind), "there is no such kind")
	}
	return nil
}
