package main

import (
	"context"
	"fmt"
	"time"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
)

// yuan is an amount as people type it.
type yuan money.Fen

// UnmarshalText reads an amount in yuan, above zero.
func (y *yuan) UnmarshalText(text []byte) error {
	a, err := money.Parse(string(text))
	if err != nil || a == 0 {
		return fmt.Errorf("%q is no amount in yuan, such as 100 or 12.50", text)
	}
	*y = yuan(a)
	return nil
}

// movement is what fund and withdraw are told.
type movement struct {
	MchID  string `arg:"" name:"mch-id" help:"The merchant."`
	Amount yuan   `arg:"" name:"yuan" help:"Amount in yuan, such as 100 or 12.50."`
	Ref    string `required:"" placeholder:"ID" help:"Your name for this movement, such as a bank reference. Whatever has one ID is done once, however often the command is repeated."`
	where
}

// merchantFundCmd is `hongbao merchant fund`.
type merchantFundCmd struct{ movement }

// Run funds.
func (c *merchantFundCmd) Run(p *program) error { return c.move(p, (*engine.Engine).Fund) }

// merchantWithdrawCmd is `hongbao merchant withdraw`.
type merchantWithdrawCmd struct{ movement }

// Run withdraws.
func (c *merchantWithdrawCmd) Run(p *program) error { return c.move(p, (*engine.Engine).Withdraw) }

// move does it and prints the entry. It is safe to repeat.
func (c *movement) move(p *program, do func(*engine.Engine, context.Context, string, money.Fen, string) (ledger.Entry, error)) error {
	return c.open(p, func(core *server.Core) error {
		before, _, err := core.Engine.Statement(p.ctx, c.MchID, 0, 0)
		if err != nil {
			return unknownMerchant(err, c.MchID)
		}
		entry, err := do(core.Engine, p.ctx, c.MchID, money.Fen(c.Amount), c.Ref)
		if err != nil {
			return c.refusal(err, before)
		}
		after, _, err := core.Engine.Statement(p.ctx, c.MchID, 0, 0)
		if err != nil {
			return err
		}
		if entry.Seq <= before.Seq {
			p.printf("was done before, on %s; nothing was moved now\n", clock(entry.At))
		}
		p.printf("entry %d of %s: %s %s yuan, ref %s; balance %s yuan\n", entry.Seq, c.MchID, entry.Kind, entry.Amount, entry.Ref, after.Balance)
		return nil
	})
}

// refusal says why nothing was moved.
func (c *movement) refusal(err error, book ledger.Book) error {
	if fault.CodeOf(err) == fault.Invalid {
		return usage("%s: %s", fault.FieldOf(err), fault.DetailOf(err))
	}
	err = explain(err, fault.Unknown, "whether it was done is not known; run the same command again: what has one ref is done once")
	err = explain(err, fault.Funds, "the balance of %s is %s yuan; nothing was moved", c.MchID, book.Balance)
	err = explain(err, fault.Conflict, "ref %s stands for something else, whose %s is %s; nothing was moved", c.Ref, fault.FieldOf(err), fault.DetailOf(err))
	return explain(err, fault.AmountLimit, "a balance holds %s yuan at most; nothing was moved", engine.BalanceMax)
}

// merchantStatementCmd is `hongbao merchant statement`.
type merchantStatementCmd struct {
	MchID string `arg:"" name:"mch-id" help:"The merchant."`
	After uint64 `placeholder:"SEQ" help:"Begin after this entry."`
	Limit int    `default:"100" placeholder:"N" help:"List so many entries at most (default: ${default})."`
	JSON  bool   `name:"json" help:"Print JSON, amounts in fen."`
	where
}

// statementPage is how many entries are read at a time.
const statementPage = 1000

// statement is a part of a merchant's book.
type statement struct {
	MchID   string           `json:"mch_id"`
	Balance money.Fen        `json:"balance"` // now
	Last    uint64           `json:"last"`    // entry of the book
	Entries []statementEntry `json:"entries"`
}

// statementEntry is one line of it.
type statementEntry struct {
	Seq        uint64    `json:"seq"`
	At         time.Time `json:"at"`
	Kind       string    `json:"kind"`
	Amount     money.Fen `json:"amount"`  // signed: what it adds to the balance
	Balance    money.Fen `json:"balance"` // after it
	Ref        string    `json:"ref"`
	SendListID string    `json:"send_listid,omitempty"` // of the packet on the other side
}

// Run prints the statement.
func (c *merchantStatementCmd) Run(p *program) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.open(p, func(core *server.Core) error {
		s, err := c.statement(p.ctx, core)
		if err != nil {
			return unknownMerchant(err, c.MchID)
		}
		if c.JSON {
			return p.json(s)
		}
		return s.print(p)
	})
}

// statement reads the book from its first entry, because entries do not carry the
// balance they led to.
func (c *merchantStatementCmd) statement(ctx context.Context, core *server.Core) (statement, error) {
	s := statement{MchID: c.MchID, Entries: []statementEntry{}}
	var balance money.Fen
	for seq := uint64(0); ; {
		book, entries, err := core.Engine.Statement(ctx, c.MchID, seq, statementPage)
		if err != nil {
			return s, err
		}
		s.Balance, s.Last = book.Balance, book.Seq
		for _, e := range entries {
			amount := e.Kind.Balance(e.Amount)
			balance = balance.Plus(amount)
			if e.Seq <= c.After {
				continue
			}
			line := statementEntry{
				Seq: e.Seq, At: moment(e.At), Kind: e.Kind.String(), Amount: amount, Balance: balance, Ref: e.Ref,
			}
			if id, _, ok := ledger.ParseRef(e.Ref); ok {
				line.SendListID = packet.ID(id).ListID(core.Environment())
			}
			s.Entries = append(s.Entries, line)
			if len(s.Entries) == c.Limit {
				return s, nil
			}
		}
		if len(entries) < statementPage {
			return s, nil
		}
		seq = entries[len(entries)-1].Seq
	}
}

func (s *statement) print(p *program) error {
	rows := [][]string{{"SEQ", "TIME", "KIND", "AMOUNT", "BALANCE", "REF"}}
	last := s.Last
	for _, e := range s.Entries {
		ref, sign := e.Ref, ""
		if e.SendListID != "" {
			ref = e.SendListID
		}
		if e.Amount > 0 {
			sign = "+"
		}
		rows = append(rows, []string{fmt.Sprint(e.Seq), clock(e.At.UnixMilli()), e.Kind, sign + e.Amount.String(), e.Balance.String(), ref})
		last = e.Seq
	}
	if err := p.table(rows); err != nil {
		return err
	}
	if last < s.Last {
		p.printf("… %d more: --after %d\n", s.Last-last, last)
	}
	return nil
}
