// Package table is what the tables have in common on every engine: their columns, in
// one order, how a row of them is read, and what a row to be written holds. A column
// is added here and in the migrations of each engine.
//
// A row to be written is a list of int64, string, []byte, bool and nil, which all
// drivers take as they are.
package table

import (
	"encoding/json"
	"fmt"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// HeadRow is a row of HeadColumns.
func HeadRow(p *store.Packet) []any {
	h := &p.Head
	return []any{
		int64(h.ID), int64(h.Seq), h.Hash[:], h.At, int64(h.ClaimedNum), int64(h.Claimed), int64(h.Refunded), int64(h.Returned),
		h.Held, h.Ended, p.Settled, p.DueAt,
	}
}

// TermsRow is a row of TermsColumns.
func TermsRow(p *store.Packet) []any {
	m := &p.Terms
	return []any{
		int64(p.Head.ID), m.MchID, m.BillNo, string(m.Type), m.AppID, m.SendName, m.Wishing, m.ActName, m.Remark,
		int64(m.Total), int64(m.Num), string(m.Law), int64(m.Min), int64(m.Cap), m.Commitment[:],
		m.Seed[:], m.Providers, m.Channel, int64(m.ClaimantKey), int64(m.LinkKey), m.SentAt, m.ExpiresAt,
		p.Secret, p.SeedRef,
	}
}

// ClaimRow is a row of ClaimColumns.
func ClaimRow(c *packet.Claim) []any {
	return []any{
		int64(c.Packet), c.Claimant[:], int64(c.Seq), int64(c.Slot), Parent(c), int64(c.Amount), c.At,
		c.PayeeHash[:], c.Hash[:], c.Payee, c.Name,
	}
}

// Parent is a claim's parent as a column has it: NULL for the seed.
func Parent(c *packet.Claim) any {
	if c.Parent == packet.NoParent {
		return nil
	}
	return int64(c.Parent)
}

// EntryRow is a row of EntryColumns.
func EntryRow(e *packet.Entry) []any {
	return []any{int64(e.Packet), int64(e.Seq), int64(e.Kind), int64(e.Amount), e.At, e.Note, e.Hash[:]}
}

// PayoutRow is a row of PayoutColumns.
func PayoutRow(p *store.Payout) []any {
	return []any{
		int64(p.Packet), p.Claimant[:], int64(p.Generation), int64(p.Slot), p.MchID, p.Channel, p.RailKey, int64(p.Amount),
		p.Payee, p.Frozen, string(p.State), int64(p.Version), int64(p.Attempts), p.NextCheck,
		p.Operator, p.Mendable, p.Returned, p.Code, p.RailRef, p.CreatedAt, p.UpdatedAt,
	}
}

// AccountRow is a row of AccountColumns.
func AccountRow(b *ledger.Book) []any {
	return []any{b.MchID, int64(b.Seq), int64(b.Balance), b.Hash[:], b.At}
}

// AccountEntryRow is a row of AccountEntryColumns.
func AccountEntryRow(e *ledger.Entry) []any {
	return []any{e.MchID, int64(e.Seq), int64(e.Kind), e.Ref, int64(e.Amount), e.At, e.Hash[:]}
}

// BillRow is a row of BillColumns.
func BillRow(b *store.Bill) []any {
	return []any{b.MchID, b.BillNo, int64(b.Packet), string(b.Fields), b.Link, b.At}
}

// DaySumRow is a row of DaySumColumns.
func DaySumRow(s *store.DaySum) []any {
	return []any{s.MchID, int64(s.Day), s.Seed[:], int64(s.Num), int64(s.Amount)}
}

// MerchantRow is a row of MerchantColumns.
func MerchantRow(m *store.Merchant) ([]any, error) {
	settings, err := json.Marshal(m.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings of merchant %s: %w", m.MchID, err)
	}
	return []any{m.MchID, m.Name, m.CreatedAt, string(settings)}, nil
}

// KeyRow is a row of KeyColumns.
func KeyRow(k *store.Key) []any {
	return []any{k.MchID, k.ID, string(k.Use), k.Alg, k.Sealed, k.Public, k.CreatedAt, k.NotAfter}
}

// EventRow is a row of EventColumns.
func EventRow(e *store.PayoutEvent) []any {
	return []any{int64(e.Packet), e.Claimant[:], int64(e.Generation), int64(e.Num), string(e.State), e.Source, e.Evidence, e.At}
}
