package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/pgtest"
	"hongbao.example/hongbao/internal/store"
)

// TestTransfersShowsTheDoubleEntryOfEverything: each transfer is one that the ledger
// knows, every kind of them is there, and the accounts come to what the books say.
func TestTransfersShowsTheDoubleEntryOfEverything(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Schema(t)
	s := create(t, dsn, single())
	lifeOf(t, s)
	c := connect(t, dsn)

	known := make(map[string]bool)
	for _, k := range ledger.Kinds() {
		if line, moves := k.Transfer(1); moves {
			known[fmt.Sprintln(k, line.Debit, line.Credit)] = true
		}
	}
	shown := make(map[string]bool)
	for _, line := range column[string](c, `SELECT DISTINCT kind || ' ' || debit || ' ' || credit || E'\n' FROM transfers`) {
		shown[line] = true
	}
	if diff := cmp.Diff(known, shown); diff != "" {
		t.Errorf("kinds of transfers (-ledger +view):\n%s", diff)
	}

	account := func(name string) int64 {
		return column[int64](c, `SELECT coalesce(sum(amount) FILTER (WHERE credit = $1), 0)::bigint - coalesce(sum(amount) FILTER (WHERE debit = $1), 0)::bigint FROM transfers`, name)[0]
	}
	var balance int64
	if err := s.View(t.Context(), func(r store.Reader) error {
		book, err := r.Account(shop)
		balance = int64(book.Balance)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := account("available"); got != balance {
		t.Errorf("available are %d, the merchant's book says %d", got, balance)
	}
	if got := account("packet"); got != 0 {
		t.Errorf("all packets have ended, and hold %d", got)
	}
	sum := account("available") + account("packet") + account("due") + account("in_flight") + account("paid") + account("outside")
	if sum != 0 {
		t.Errorf("debits and credits differ by %d", sum)
	}
	const whose = "SELECT DISTINCT mch_id FROM transfers"
	if diff := cmp.Diff([]string{shop}, column[string](c, whose)); diff != "" {
		t.Errorf("merchants (-want +got):\n%s", diff)
	}
}
