package audit

import (
	"context"
	"fmt"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// entriesPerView is how much of a merchant's book one View reads, so that none stays
// open for long.
const entriesPerView = 500

// account is a merchant's book: what its head says and what its entries come to,
// and later what the merchant's packets say about it.
type account struct {
	mchID       string
	environment packet.Environment
	merchant    bool // there is one of that mch_id
	settings    store.Settings
	exists      bool
	head        ledger.Book  // when the audit came to it; no entry beyond it is looked at
	beyond      uint64       // seq of an entry that stood beyond the head even then; 0: none
	counted     store.DaySum // what was counted as sent on the head's day, to everybody
	sum         ledger.Book  // what the entries up to the head come to
	sent        store.DaySum // what they say was sent on the head's day
	outside     money.Fen    // funded and not withdrawn
	crossing    int64        // entries that must stand in a packet's book too

	paired int64     // entries up to the head that packets have on their side
	inside money.Fen // what the packets held, owed or paid at the time of the head
}

func (c *account) row() string { return "accounts mch_id=" + c.mchID }

// posting is an entry of a merchant's book and what stood there before it.
type posting struct {
	before ledger.Book
	entry  *ledger.Entry
}

func (p *posting) row() string {
	return fmt.Sprintf("account_entries mch_id=%s seq=%d", p.entry.MchID, p.entry.Seq)
}

// readAccounts audits the books of all merchants, and of whoever has a row that only
// a merchant can have.
func (a *audit) readAccounts(ctx context.Context) error {
	for after := ""; ; {
		var mchID string
		err := a.view(ctx, "merchants mch_id>"+after, func(r store.Reader) (err error) {
			mchID, err = r.NextMerchant(after)
			return err
		})
		if err != nil || mchID == "" {
			return err
		}
		after = mchID
		if err := a.readAccount(ctx, mchID); err != nil {
			return err
		}
		if a.options.Deep {
			if err := a.readKeys(ctx, mchID); err != nil {
				return err
			}
		}
	}
}

func (a *audit) readAccount(ctx context.Context, mchID string) error {
	c := &account{mchID: mchID, environment: a.environment, sum: ledger.Book{MchID: mchID}}
	var entries []ledger.Entry
	err := a.view(ctx, c.row(), func(r store.Reader) (err error) {
		entries, err = c.open(r)
		return err
	})
	if err != nil {
		return err
	}
	if c.exists {
		a.report.Accounts++
		a.accounts[mchID] = c
	}

	at, held := new(posting), ofPosting
	for len(entries) > 0 {
		for i := range entries {
			if entries[i].Seq > c.head.Seq {
				entries = entries[:i]
				break
			}
			*at = posting{c.sum, &entries[i]}
			if held, err = check(a, held, at); err != nil {
				return err
			}
			c.post(&entries[i])
		}
		a.report.Entries += int64(len(entries))
		if len(entries) < entriesPerView {
			break
		}
		if entries, err = a.accountEntries(ctx, mchID, c.sum.Seq); err != nil {
			return err
		}
	}
	_, err = check(a, ofAccount, c)
	return err
}

// open reads the head and what goes with it, the merchant, and the first entries.
func (c *account) open(r store.Reader) ([]ledger.Entry, error) {
	m, err := r.Merchant(c.mchID)
	c.settings = m.Settings
	if c.merchant, err = present(err); err != nil {
		return nil, &rowError{"merchants mch_id=" + c.mchID, err}
	}
	c.head, err = r.Account(c.mchID)
	if c.exists, err = present(err); !c.exists {
		return nil, err
	}
	past, err := r.AccountEntries(c.mchID, c.head.Seq, 1)
	if err != nil {
		return nil, err
	}
	c.beyond = 0
	if len(past) > 0 {
		c.beyond = past[0].Seq
	}
	if c.counted, err = r.DaySum(c.mchID, packet.Day(c.head.At), packet.Claimant{}); err != nil {
		return nil, err
	}
	return r.AccountEntries(c.mchID, 0, entriesPerView)
}

func (a *audit) accountEntries(ctx context.Context, mchID string, after uint64) (entries []ledger.Entry, err error) {
	err = a.view(ctx, "accounts mch_id="+mchID, func(r store.Reader) (err error) {
		entries, err = r.AccountEntries(mchID, after, entriesPerView)
		return err
	})
	return entries, err
}

// post adds an entry to what the book comes to.
func (c *account) post(e *ledger.Entry) {
	delta := e.Kind.Balance(e.Amount)
	c.sum.Seq, c.sum.Balance, c.sum.Hash, c.sum.At = e.Seq, c.sum.Balance+delta, e.Hash, e.At
	if crosses(e.Kind) {
		c.crossing++
	} else {
		c.outside += delta
	}
	if e.Kind == ledger.Send && packet.Day(e.At) == c.counted.Day {
		c.sent.Num++
		c.sent.Amount += e.Amount
	}
}

// crosses says whether an entry of a kind stands in a packet's book and in its
// merchant's.
func crosses(k ledger.Kind) bool {
	return k == ledger.Send || k == ledger.Refund || k == ledger.Return
}

func accountNumbered(p *posting) *wrong {
	if want := p.before.Seq + 1; p.entry.Seq != want {
		return wrongf(p.row(), "it stands where entry %d is due", want)
	}
	return nil
}

func accountChained(p *posting) *wrong {
	if p.entry.Chain(p.before.Hash) != p.entry.Hash {
		return wrongf(p.row(), "its hash does not follow from it and the entry before")
	}
	return nil
}

func accountForward(p *posting) *wrong {
	if p.entry.At < p.before.At {
		return wrongf(p.row(), "at %d, before %d of the entry before it", p.entry.At, p.before.At)
	}
	return nil
}

func accountKinds(p *posting) *wrong {
	e := p.entry
	_, _, isRef := ledger.ParseRef(e.Ref)
	switch {
	case !crosses(e.Kind) && e.Kind != ledger.Fund && e.Kind != ledger.Withdraw:
		return wrongf(p.row(), "%s is no entry of a merchant's book", e.Kind)
	case e.Amount <= 0:
		return wrongf(p.row(), "%s of %d fen", e.Kind, int64(e.Amount))
	case crosses(e.Kind) != isRef:
		return wrongf(p.row(), "%s under the reference %q", e.Kind, e.Ref)
	default:
		return nil
	}
}

func accountCovered(p *posting) *wrong {
	if balance := p.before.Balance + p.entry.Kind.Balance(p.entry.Amount); balance < 0 {
		return wrongf(p.row(), "it leaves %d fen", int64(balance))
	}
	return nil
}

func accountExists(c *account) *wrong {
	if !c.exists {
		return wrongf(c.row(), "there is no account of that mch_id")
	}
	return nil
}

func accountMerchant(c *account) *wrong {
	if c.exists && !c.merchant {
		return wrongf(c.row(), "there is no merchant of that mch_id")
	}
	return nil
}

func accountHead(c *account) *wrong {
	switch {
	case c.beyond != 0:
		return wrongf(c.row(), "seq is %d, an entry %d stands beyond it", c.head.Seq, c.beyond)
	case c.head.Seq != c.sum.Seq:
		return wrongf(c.row(), "seq is %d, the last entry %d", c.head.Seq, c.sum.Seq)
	case c.head.Hash != c.sum.Hash:
		return wrongf(c.row(), "hash is not that of entry %d", c.sum.Seq)
	case c.head.At != c.sum.At:
		return wrongf(c.row(), "at is %d, of entry %d %d", c.head.At, c.sum.Seq, c.sum.At)
	default:
		return nil
	}
}

func accountBalance(c *account) *wrong {
	if c.head.Balance != c.sum.Balance {
		return wrongf(c.row(), "balance is %d fen, the entries sum to %d", int64(c.head.Balance), int64(c.sum.Balance))
	}
	return nil
}

// accountDay holds the sum of the day against the entries of the day. A sum may be
// less: what is sent while the merchant has no quota is not counted.
func accountDay(c *account) *wrong {
	row := fmt.Sprintf("day_sums mch_id=%s day=%d seed=%x", c.mchID, c.counted.Day, c.counted.Seed[:])
	switch {
	case c.counted.Num < 0 || c.counted.Amount < 0:
		return wrongf(row, "%d packets over %d fen", c.counted.Num, int64(c.counted.Amount))
	case c.counted.Num > c.sent.Num:
		return wrongf(row, "%d packets, the day has %d", c.counted.Num, c.sent.Num)
	case c.counted.Amount > c.sent.Amount:
		return wrongf(row, "%d fen, the day has %d", int64(c.counted.Amount), int64(c.sent.Amount))
	default:
		return nil
	}
}
