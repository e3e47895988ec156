package sqlite_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
)

// lifeOf writes a merchant's whole business: two fundings, a withdrawal, a packet
// with a claim for each end that a payout can have, a hold, a refund, a return.
// It returns the transfers that these make, as the ledger says them.
func lifeOf(t *testing.T, s store.Store, mchID string, n int) (want []string) {
	t.Helper()
	id := storetest.ID(n)
	tell := func(packet, seq any, k ledger.Kind, amount money.Fen, ref string) {
		if line, ok := k.Transfer(amount); ok {
			want = append(want, fmt.Sprintf("%v %v %v %v %v %v %v %v", mchID, packet, seq, k, line.Debit, line.Credit, int64(line.Amount), ref))
		}
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		want = nil
		if err := tx.InsertMerchant(storetest.Merchant(mchID)); err != nil {
			return err
		}
		book := ledger.Book{MchID: mchID}
		post := func(k ledger.Kind, amount money.Fen, ref string) error {
			from := book.Seq
			var e ledger.Entry
			book, e = book.Post(k, amount, ref, storetest.Start)
			if k == ledger.Fund || k == ledger.Withdraw {
				tell("-", e.Seq, k, amount, ref)
			}
			if err := tx.UpdateAccounts([]store.AccountUpdate{{From: from, To: book}}); err != nil {
				return err
			}
			return tx.InsertAccountEntries([]ledger.Entry{e})
		}
		for ref, amount := range map[string]money.Fen{"one": 5000, "two": 7000} {
			if err := post(ledger.Fund, amount, ref); err != nil {
				return err
			}
		}
		if err := post(ledger.Withdraw, 300, "three"); err != nil {
			return err
		}
		p, sent := storetest.Packet(id, mchID)
		entries := []packet.Entry{sent}
		if err := tx.InsertPackets([]store.Packet{p}); err != nil {
			return err
		}
		for i, state := range states {
			head, c := storetest.Claim(&p, i)
			p.Head = head
			tell(int64(id), c.Seq, ledger.Claim, c.Amount, ledger.Ref(int64(id), c.Seq))
			payout := storetest.Payout(&p, &c)
			payout.State = state
			for _, k := range moved[state] {
				tell(int64(id), "-", k, c.Amount, payout.RailKey)
			}
			if err := tx.InsertClaims([]packet.Claim{c}); err != nil {
				return err
			}
			if err := tx.InsertPayouts([]store.Payout{payout}); err != nil {
				return err
			}
		}
		var held, ended, returned packet.Entry
		var err error
		if p.Head, held, err = packet.Hold(p.Head, &p.Terms, "why", p.Head.At); err != nil {
			return err
		}
		if p.Head, ended, err = packet.End(p.Head, &p.Terms, "why", p.Head.At); err != nil {
			return err
		}
		if p.Head, returned, err = packet.Return(p.Head, 1, storetest.ShareFen, p.Head.At); err != nil {
			return err
		}
		entries = append(entries, held, ended, returned)
		for _, e := range entries {
			tell(int64(id), e.Seq, e.Kind, e.Amount, ledger.Ref(int64(id), e.Seq))
			if e.Kind.Balance(e.Amount) == 0 {
				continue
			}
			if err := post(e.Kind, e.Amount, ledger.Ref(int64(id), e.Seq)); err != nil {
				return err
			}
		}
		if err := tx.UpdateHeads([]store.HeadUpdate{{From: 1, To: p.Head}}); err != nil {
			return err
		}
		return tx.InsertEntries(entries)
	}); err != nil {
		t.Fatal(err)
	}
	return want
}

var states = [...]store.PayoutState{
	store.PayoutQueued, store.PayoutSubmitting, store.PayoutAccepted, store.PayoutAwaiting, store.PayoutUnknown,
	store.PayoutCancelling, store.PayoutDone, store.PayoutRefused, store.PayoutCancelled,
}

// moved is what a payout has moved by the time it is in a state.
var moved = map[store.PayoutState][]ledger.Kind{
	store.PayoutQueued:     nil,
	store.PayoutSubmitting: {ledger.Reserve},
	store.PayoutAccepted:   {ledger.Reserve},
	store.PayoutAwaiting:   {ledger.Reserve},
	store.PayoutUnknown:    {ledger.Reserve},
	store.PayoutCancelling: {ledger.Reserve},
	store.PayoutDone:       {ledger.Reserve, ledger.Post},
	store.PayoutRefused:    {ledger.Reserve, ledger.Void},
	store.PayoutCancelled:  {ledger.Reserve, ledger.Void},
}

func TestTransfersShowsEveryEntryOnceAsTheLedgerSaysIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s := create(t, path)
	want := slices.Concat(lifeOf(t, s, "m1", 1), lifeOf(t, s, "m2", 2))
	db := raw(t, path)
	got := column(t, db, `SELECT mch_id || ' ' || coalesce(packet_id, '-') || ' ' || coalesce(seq, '-') || ' ' || kind || ' ' ||
		debit || ' ' || credit || ' ' || amount || ' ' || ref FROM transfers`)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-ledger +view):\n%s", diff)
	}

	seen := map[string]bool{}
	for _, line := range got {
		seen[strings.Fields(line)[3]] = true
	}
	for _, k := range ledger.Kinds() {
		if _, moves := k.Transfer(1); moves && !seen[k.String()] {
			t.Errorf("no transfer of kind %s", k)
		}
	}
	if len(moved) != len(states) {
		t.Errorf("%v of %d states", slices.Sorted(maps.Keys(moved)), len(states))
	}
}

func TestOnlyTheSeedsClaimHasNoParent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	lifeOf(t, create(t, path), "m1", 1)
	got := column(t, raw(t, path), "SELECT slot FROM claims WHERE parent IS NULL")
	if diff := cmp.Diff([]string{"0"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTransfersBalance(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hongbao.db")
	s := create(t, path)
	lifeOf(t, s, "m1", 1)
	lifeOf(t, s, "m2", 2)
	got := column(t, raw(t, path), `
		SELECT account || ' ' || sum(amount) FROM (
			SELECT debit AS account, -amount AS amount FROM transfers WHERE mch_id = 'm2'
			UNION ALL SELECT credit, amount FROM transfers WHERE mch_id = 'm2'
		) GROUP BY account ORDER BY account`)
	const share = int64(storetest.ShareFen)
	want := []string{
		fmt.Sprint("available ", 11700-8*share), // nine claimed, one returned, one refunded
		fmt.Sprint("due ", 2*share),             // queued, refused, cancelled, less the return
		fmt.Sprint("in_flight ", 5*share),
		"outside -11700",
		"packet 0",
		fmt.Sprint("paid ", share),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.View(t.Context(), func(r store.Reader) error {
		book, err := r.Account("m2")
		if balance := fmt.Sprint("available ", int64(book.Balance)); balance != want[0] {
			t.Errorf("the account has %s", balance)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
