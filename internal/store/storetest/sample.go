package storetest

import (
	"strconv"
	"strings"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/split"
	"hongbao.example/hongbao/internal/store"
)

// Start is when samples are sent, in milliseconds; Life is how long they live.
const (
	Start int64 = 1_795_536_000_000
	Life  int64 = 24 * 60 * 60 * 1000
)

// ShareNum shares of ShareFen fen each are in a sample packet.
const (
	ShareNum           = 10
	ShareFen money.Fen = 137
)

// ID names the n-th sample packet.
func ID(n int) packet.ID { return packet.NewID(Start+int64(n), uint32(n)) }

// Claimant is the n-th sample person. The 0th is the seed of every sample packet.
func Claimant(n int) (c packet.Claimant) {
	copy(c[:], "person "+strconv.Itoa(n))
	return c
}

// filler is n bytes or characters that begin with a name.
func filler(name string, n int) []byte { return []byte((name + strings.Repeat(".", n))[:n]) }

// Merchant is a merchant with every field set.
func Merchant(mchID string) store.Merchant {
	return store.Merchant{
		MchID: mchID, Name: "merchant " + mchID, CreatedAt: Start - 1,
		Settings: store.Settings{
			AppIDs: []string{"wx-" + mchID}, SubMchIDs: []string{"sub"}, Providers: []string{"sandbox", "ticket"}, LifeHours: 25,
			SendClosed: true, NightBan: true, Sources: []string{"192.0.2.0/24"},
			CertPolicy: store.CertPinned, CertSHA256: []string{"ab", "cd"}, HMACOnly: true, Strict: true, ErrCodeZero: true,
			AverageMin: 101, AverageMax: 20001, Scenes: map[string]store.Bounds{"PRODUCT_2": {Min: 31, Max: 49999}}, TotalMax: 100001, NumMax: 1001,
			SendsPerSec: 31, DayNum: 10001, DayAmount: 100000001, SeedDayNum: 11, SeedDayAmount: 100002, Unlimited: true,
		},
	}
}

// Packet is a packet that has just been sent, with every field set, and the entry
// that opens its book.
func Packet(id packet.ID, mchID string) (store.Packet, packet.Entry) {
	p := store.Packet{
		Terms: packet.Terms{
			MchID: mchID, BillNo: BillNo(id), Type: packet.Group, AppID: "wx-" + mchID,
			SendName: "送红包的人", Wishing: "恭喜发财", ActName: "act", Remark: "remark",
			Total: ShareNum * ShareFen, Num: ShareNum, Law: split.Equal, Min: 1, Cap: 20000,
			Seed: Claimant(0), Providers: "sandbox,ticket", Channel: "paper", ClaimantKey: 3, LinkKey: 4,
			SentAt: id.Millis(), ExpiresAt: id.Millis() + Life,
		},
		Secret:  filler("secret", 60),
		SeedRef: filler("seed ref", 70),
		DueAt:   id.Millis() + Life + 1,
	}
	copy(p.Terms.Commitment[:], filler("commitment", 32))
	var opening packet.Entry
	p.Head, opening = packet.New(id, &p.Terms)
	return p, opening
}

// BillNo is the bill number of a sample packet.
func BillNo(id packet.ID) string { return "bill " + strconv.FormatInt(int64(id), 10) }

// Bill is the bill of a sample packet.
func Bill(p *store.Packet) store.Bill {
	return store.Bill{
		MchID: p.Terms.MchID, BillNo: p.Terms.BillNo, Packet: p.Head.ID,
		Fields: []byte(`{"total_num":"x"}`), Link: "token of " + p.Terms.BillNo, At: p.Terms.SentAt + 1,
	}
}

// Claim lets the n-th person claim the next share of a sample packet, brought by
// the one before. It panics when the packet refuses.
func Claim(p *store.Packet, n int) (packet.Head, packet.Claim) {
	shares := make([]money.Fen, p.Terms.Num)
	for i := range shares {
		shares[i] = ShareFen
	}
	o := packet.Order{Claimant: Claimant(n), Parent: p.Head.ClaimedNum - 1, Payee: filler("payee", 80), Name: "name " + strconv.Itoa(n)}
	copy(o.PayeeHash[:], filler("payee hash", 16))
	h, c, err := packet.Take(p.Head, &p.Terms, shares, &o, p.Head.At+int64(n)+1)
	if err != nil {
		panic(err)
	}
	return h, c
}

// Payout is the first attempt to pay a claim, with every field set.
func Payout(p *store.Packet, c *packet.Claim) store.Payout {
	return store.Payout{
		Packet: c.Packet, Slot: c.Slot, Generation: 1, Claimant: c.Claimant, MchID: p.Terms.MchID, Channel: p.Terms.Channel,
		RailKey: "rail key " + strconv.Itoa(c.Slot), Amount: c.Amount, Payee: c.Payee, Frozen: filler("frozen", 90),
		State: store.PayoutQueued, Version: 1, Attempts: 5, NextCheck: c.At + 6,
		Mendable: true, Code: "code", RailRef: "rail ref", CreatedAt: c.At + 8, UpdatedAt: c.At + 9,
	}
}

// Fund is a funding of a merchant's book.
func Fund(b ledger.Book, amount money.Fen, ref string) (store.AccountUpdate, ledger.Entry) {
	to, e := b.Post(ledger.Fund, amount, ref, Start)
	return store.AccountUpdate{From: b.Seq, To: to}, e
}

// Send writes a sample packet and all that goes with it: the entries of both books
// and the bill. The merchant must be there and have the funds.
func Send(tx store.Tx, id packet.ID, mchID string) (store.Packet, error) {
	p, opening := Packet(id, mchID)
	books, err := tx.LockAccounts([]string{mchID})
	if err != nil {
		return p, err
	}
	to, e := books[0].Post(ledger.Send, p.Terms.Total, ledger.Ref(int64(id), opening.Seq), opening.At)
	return p, inOrder(
		func() error { return tx.UpdateAccounts([]store.AccountUpdate{{From: books[0].Seq, To: to}}) },
		func() error { return tx.InsertBills([]store.Bill{Bill(&p)}) },
		func() error { return tx.InsertPackets([]store.Packet{p}) },
		func() error { return tx.InsertEntries([]packet.Entry{opening}) },
		func() error { return tx.InsertAccountEntries([]ledger.Entry{e}) },
	)
}

// inOrder runs steps up to the first error.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
