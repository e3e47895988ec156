package storetest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/ledger"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// SeedVariable names the environment variable that fixes the seed of the random
// history, as the log of a failed test prints it.
const SeedVariable = "HONGBAO_TEST_SEED"

const historyTransactions = 200

// compareHistories lives through one random history on a store and on Memory.
func compareHistories(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	seed, err := historySeed()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s=%d", SeedVariable, seed)
	got := Transcript(t.Context(), twice{t, open(t)}, seed, historyTransactions)
	want := Transcript(t.Context(), NewMemory(), seed, historyTransactions)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the store (+) answers otherwise than the reference (-):\n%s", diff)
	}
}

// historySeed is the seed of the environment, or a new one.
func historySeed() (uint64, error) {
	if text := os.Getenv(SeedVariable); text != "" {
		return strconv.ParseUint(text, 10, 64)
	}
	var b [8]byte
	_, err := rand.Read(b[:])
	return binary.NativeEndian.Uint64(b[:]), err
}

// chance is a generator of random numbers (SplitMix64) whose seed means the same
// history in every release.
type chance uint64

func (c *chance) next() uint64 {
	*c += 0x9e3779b97f4a7c15
	z := uint64(*c)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Transcript lives through n random transactions on an empty store and writes down
// every answer. It is a function of seed and n.
func Transcript(ctx context.Context, s store.Store, seed uint64, n int) []string {
	source := chance(seed)
	var told []string
	for range n {
		told = append(told, transaction(ctx, s, source.next()))
	}
	return told
}

// transaction runs a few random steps, and now and then refuses at the end. Then
// it reads at random, and now and then everything.
func transaction(ctx context.Context, s store.Store, seed uint64) string {
	var h *history
	err := s.Update(ctx, func(tx store.Tx) error {
		h = &history{source: chance(seed)}
		for range 1 + h.below(4) {
			if err := h.write(tx); err != nil {
				return err
			}
			h.read(tx)
		}
		if h.below(8) == 0 {
			return errRefused
		}
		return nil
	})
	h.tell("update: %s", outcome(err))
	err = s.View(ctx, func(r store.Reader) error {
		h.read(r)
		if h.below(10) > 0 {
			return nil
		}
		text, err := dump(r)
		h.told.WriteString(text)
		return err
	})
	h.tell("view: %s", outcome(err))
	return h.told.String()
}

// outcome is an error as every store must report it.
func outcome(err error) string {
	for _, known := range []error{store.ErrStale, store.ErrTaken, store.ErrUnknown, errRefused} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if isNotFound(err) {
		return "not found"
	}
	return fmt.Sprint(err)
}

// history is one transaction's chance and its record. All names come from small
// sets, so that transactions meet.
type history struct {
	source chance
	told   strings.Builder
}

func (h *history) tell(format string, args ...any) { fmt.Fprintf(&h.told, format+"\n", args...) }

func (h *history) below(n int) int           { return int(h.source.next() % uint64(n)) }
func (h *history) often() bool               { return h.below(5) > 0 }
func (h *history) number() int64             { return int64(h.below(40)) }
func (h *history) mchID() string             { return fmt.Sprint("m", h.below(3)) }
func (h *history) id() packet.ID             { return ID(h.below(6)) }
func (h *history) claimant() packet.Claimant { return Claimant(h.below(5)) }
func (h *history) worker() string            { return workers[h.below(len(workers))] }
func (h *history) day() int                  { return days[h.below(len(days))] }
func (h *history) seed() packet.Claimant     { return seeds[h.below(len(seeds))] }
func (h *history) hash() ledger.Hash         { return ledger.Hash{byte(h.below(256))} }
func (h *history) use() store.KeyUse {
	return [...]store.KeyUse{store.APIKey, store.TicketKey}[h.below(2)]
}
func (h *history) name(prefix string) string { return fmt.Sprint(prefix, h.below(6)) }
func (h *history) blob() []byte              { return []byte(strings.Repeat("b", h.below(3))) }
func (h *history) fen() money.Fen            { return money.Fen(1 + h.below(99)) }
func (h *history) limit() int                { return 1 + h.below(5) }
func (h *history) state() store.PayoutState  { return states[h.below(len(states))] }

var states = [...]store.PayoutState{
	store.PayoutQueued, store.PayoutSubmitting, store.PayoutAccepted, store.PayoutAwaiting, store.PayoutUnknown,
	store.PayoutCancelling, store.PayoutDone, store.PayoutRefused, store.PayoutCancelled,
}

// write does one random write and tells how it went.
func (h *history) write(tx store.Tx) error {
	steps := []func(store.Tx) error{
		h.insertPacket, h.updateHead, h.updateHead, h.insertClaims, h.insertClaims, h.insertEntry, h.settle,
		h.updateAccount, h.insertAccountEntry, h.insertBill, h.saveDaySum, h.saveFollower,
		h.insertPayout, h.updatePayout, h.insertEvent, h.insertSetting, h.insertMerchant, h.updateMerchant, h.keys, h.ticket,
	}
	i := h.below(len(steps))
	err := steps[i](tx)
	h.tell("step %d: %s", i, outcome(err))
	if isNotFound(err) {
		return nil
	}
	return err
}

func (h *history) insertPacket(tx store.Tx) error {
	p, e := Packet(h.id(), h.mchID())
	p.DueAt, p.Settled = h.number(), h.below(2) == 0
	if err := tx.InsertPackets([]store.Packet{p}); err != nil {
		return err
	}
	return tx.InsertEntries([]packet.Entry{e})
}

func (h *history) updateHead(tx store.Tx) error {
	id := h.id()
	places, err := tx.LockPackets([]packet.ID{id})
	if err != nil {
		return err
	}
	h.tell("locked %d at %v", id, places)
	from := places[0].Seq
	if !h.often() {
		from++
	}
	return tx.UpdateHeads([]store.HeadUpdate{{From: from, To: packet.Head{
		ID: id, Seq: places[0].Seq + 1, Hash: h.hash(), At: h.number(), ClaimedNum: h.below(9), Claimed: h.fen(), Refunded: h.fen(),
		Returned: h.fen(), Held: !h.often(), Ended: !h.often(),
	}}})
}

// insertClaims keeps slots apart, as heads do.
func (h *history) insertClaims(tx store.Tx) error {
	id := h.id()
	has, err := tx.Claims(id, 0)
	if err != nil {
		return err
	}
	var claims []packet.Claim
	for range 1 + h.below(2) {
		slot := len(has) + len(claims)
		claims = append(claims, packet.Claim{
			Packet: id, Seq: uint64(slot + 2), Slot: slot, Claimant: h.claimant(), Parent: slot - 1, Amount: h.fen(), At: h.number(),
			Hash: h.hash(), Payee: h.blob(), Name: h.name("n"),
		})
	}
	return tx.InsertClaims(claims)
}

func (h *history) insertEntry(tx store.Tx) error {
	return tx.InsertEntries([]packet.Entry{{
		Packet: h.id(), Seq: uint64(1 + h.below(9)), Kind: ledger.Hold, Amount: h.fen(), At: h.number(), Note: h.name("note"), Hash: h.hash(),
	}})
}

func (h *history) settle(tx store.Tx) error { return tx.Settle(h.id()) }

func (h *history) updateAccount(tx store.Tx) error {
	books, err := tx.LockAccounts([]string{h.mchID()})
	if err != nil {
		return err
	}
	h.tell("locked %v", books)
	update, e := Fund(books[0], h.fen(), h.name("ref"))
	if !h.often() {
		update.From++
	}
	if err := tx.UpdateAccounts([]store.AccountUpdate{update}); err != nil {
		return err
	}
	return tx.InsertAccountEntries([]ledger.Entry{e})
}

func (h *history) insertAccountEntry(tx store.Tx) error {
	return tx.InsertAccountEntries([]ledger.Entry{{
		MchID: h.mchID(), Seq: uint64(20 + h.below(9)), Kind: ledger.Send, Ref: h.name("ref"), Amount: h.fen(), At: h.number(), Hash: h.hash(),
	}})
}

func (h *history) insertBill(tx store.Tx) error {
	return tx.InsertBills([]store.Bill{{
		MchID: h.mchID(), BillNo: h.name("b"), Packet: h.id(), Fields: []byte("{}"), Link: h.name("l"), At: h.number(),
	}})
}

func (h *history) saveDaySum(tx store.Tx) error {
	return tx.SaveDaySums([]store.DaySum{{MchID: h.mchID(), Day: h.day(), Seed: h.seed(), Num: h.below(9), Amount: h.fen()}})
}

func (h *history) saveFollower(tx store.Tx) error {
	from, err := tx.Follower(h.id(), h.worker())
	if err != nil {
		return err
	}
	to := from
	to.Seq += uint64(h.below(3))
	if !h.often() {
		from.Fence++
	}
	return tx.SaveFollower(from, to)
}

func (h *history) randomPayout() store.Payout {
	slot := h.below(5)
	return store.Payout{
		Packet: h.id(), Claimant: Claimant(slot), Slot: slot, Generation: 1 + h.below(2), MchID: h.mchID(), Channel: "c", RailKey: h.name("k"),
		Amount: h.fen(), Payee: h.blob(), Frozen: h.blob(), State: h.state(), Version: 1, Attempts: h.below(9),
		NextCheck: h.number(), Operator: !h.often(), Mendable: !h.often(), Returned: !h.often(),
		Code: h.name("c"), RailRef: h.name("r"), CreatedAt: h.number(), UpdatedAt: h.number(),
	}
}

func (h *history) insertPayout(tx store.Tx) error {
	return tx.InsertPayouts([]store.Payout{h.randomPayout()})
}

func (h *history) updatePayout(tx store.Tx) error {
	has, err := tx.Payouts(h.id())
	if err != nil || len(has) == 0 {
		return err
	}
	old, p := has[h.below(len(has))], h.randomPayout()
	p.Packet, p.Claimant, p.Generation, p.Slot, p.MchID, p.RailKey = old.Packet, old.Claimant, old.Generation, old.Slot, old.MchID, old.RailKey
	p.Amount, p.CreatedAt, p.Version = old.Amount, old.CreatedAt, old.Version+1
	if !h.often() {
		p.Version++
	}
	return tx.UpdatePayouts([]store.Payout{p})
}

func (h *history) insertEvent(tx store.Tx) error {
	return tx.InsertPayoutEvents([]store.PayoutEvent{{
		Packet: h.id(), Claimant: h.claimant(), Generation: 1 + h.below(2), State: h.state(), Source: "query", Evidence: h.name("e"), At: h.number(),
	}})
}

func (h *history) insertSetting(tx store.Tx) error {
	return tx.InsertSetting([]string{store.SettingEnvironment, store.SettingFingerprint}[h.below(2)], h.name("v"))
}

func (h *history) insertMerchant(tx store.Tx) error { return tx.InsertMerchant(Merchant(h.mchID())) }

func (h *history) updateMerchant(tx store.Tx) error {
	m := Merchant(h.mchID())
	m.Settings.NumMax, m.Name = h.below(99), h.name("name")
	return tx.UpdateMerchant(m)
}

func (h *history) keys(tx store.Tx) error {
	switch h.below(6) {
	case 0:
		return tx.RetireKeys(h.mchID(), h.use(), h.number())
	case 1:
		return tx.RetireKey(h.mchID(), h.name("k"), h.number())
	}
	return tx.InsertKey(store.Key{
		MchID: h.mchID(), ID: h.name("k"), Use: h.use(), Alg: "v2", Sealed: h.blob(), Public: h.blob(), CreatedAt: h.number(), NotAfter: h.number(),
	})
}

func (h *history) ticket(tx store.Tx) error {
	return tx.UseTicket(h.mchID(), [16]byte{byte(h.below(4))}, h.number(), h.number())
}

// read does one random read and tells what it found.
func (h *history) read(r store.Reader) {
	id, mchID, limit := h.id(), h.mchID(), h.limit()
	reads := []func() (any, error){
		func() (any, error) { return r.Setting(store.SettingEnvironment) },
		func() (any, error) { return r.Merchant(mchID) },
		func() (any, error) { return r.Account(mchID) },
		func() (any, error) { return r.NextMerchant(mchID) },
		func() (any, error) { return r.AccountEntries(mchID, uint64(h.below(5)), limit) },
		func() (any, error) { return r.AccountEntry(mchID, h.name("ref")) },
		func() (any, error) { return r.Bill(mchID, h.name("b")) },
		func() (any, error) { return r.Bills(mchID, h.name("b"), limit) },
		func() (any, error) { return r.DaySum(mchID, h.day(), h.seed()) },
		func() (any, error) { return r.Packet(id) },
		func() (any, error) { return r.Packets(id, limit) },
		func() (any, error) { return r.PacketsOf(mchID, id, limit) },
		func() (any, error) { return r.Claims(id, uint64(h.below(5))) },
		func() (any, error) { return r.Strays(id-1, h.id()) },
		func() (any, error) { return r.Due(store.Deadline{At: h.number()}, h.number(), limit) },
		func() (any, error) { return r.Follower(id, h.worker()) },
		func() (any, error) { return r.Unsettled(id, limit) },
		func() (any, error) { return r.PayoutsDue(h.number(), limit) },
		func() (any, error) { return r.PayoutsOf(id, Claimant(h.below(5))) },
	}
	i := h.below(len(reads))
	found, err := reads[i]()
	if err != nil {
		found = nil
	}
	h.tell("read %d: %v %s", i, found, outcome(err))
}
