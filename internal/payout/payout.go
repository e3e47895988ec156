// Package payout moves claimed shares to the people who claimed them.
//
// The journal is the outbox: a claim in a packet's book is the order to pay. A
// Worker follows each packet's book by a cursor of its own and keeps one row per
// attempt, the payout, which it moves on by what a Channel answers.
//
//	book ──follow──► queued ─lease─► submitting ─┬─► done
//	                                             ├─► accepted ───────► done | refused
//	     every answer that is not understood     ├─► awaiting_user ──► done | cancelled
//	     is unknown, and unknown is asked about  ├─► unknown ──ask───► any of these
//	     before anything is sent again           └─► refused
//
// # Why nobody is paid twice
//
// A payout has one rail key, a plain hash of what names it (Key), so that the rail
// itself knows a repeat, even after a restore from an older backup. The exact
// request is frozen in the row before it leaves, and whatever is sent again is sent
// with the same key and the same bytes. A second key for the same share (the next
// generation) is made only when the rail has refused the one before. No timer
// refuses anything: a share returns to the merchant on the rail's refusal only.
//
// # Pauses, and what a restore has lost
//
// During a pause (Pause) no payout is sent. It is a setting of the database, so it
// holds for every worker and across restarts; a worker reads it, and whether the packet
// is held, just before each submit. A database that was restored from a backup starts
// with a pause, because the rail may know more than it: what was claimed before the
// backup may have been paid after it. So a pause asks about all that would be sent
// after it.
//
//	queued, or a claim without a payout    asked about. Known to the rail: it goes on as
//	                                       if it had been sent from here. Not known: it
//	                                       stays queued, and an event says that it was asked
//	refused, and the payee could mend it   the attempt that may have followed is made, so
//	                                       that it is asked about like the others
//	sent                                   asked about before anything is sent again, as ever
//
// Resume refuses while something of that is left of what was claimed before the pause.
// What is under way it does not wait for, and what that becomes may have had a sequel
// too. So a share that its payee could have mended never returns unasked, pause or not:
// when its time is over, the next attempt is made, only to be asked about. If the
// channel does not know it, it is cancelled and the share returns; if it does, it goes on
// as if it had been sent from here.
//
// What was claimed after the backup is lost, and claimed anew it has the same key: a
// rail that has paid it finds the same request, or another amount, which is Conflict.
//
// # Steps
//
// Everything a Worker does is a step that can be cut off anywhere and done again:
//
//	Follow   book → payouts and cursor, in one transaction; then what a refused
//	         payout leads to (return or wait), then Settle
//	Round    lease the payouts that are due (compare and swap) · call the channel,
//	         with no transaction open · apply the answers, in one transaction
//	Scan     Follow for packets of which something may remain to be done
//
// A worker that dies between lease and answer leaves rows under a lease. When the
// lease is over they are unknown, never queued.
//
// # What is checked before money moves
//
// The book is hash-chained, its rows are not out of reach: whoever can write to the
// database could try to redirect a share. So a payout is made, and first sent, only for
// a claim that stands in a book whose chain the engine has checked, compared with the
// database just then; claimant, payee, amount and rail key are computed anew. A share
// returns, and a packet is settled, only when each of its payouts is one that its claim
// gave rise to. When a row is not what the book was written for, the packet is held.
package payout

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strconv"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// crockford writes digits and capitals without I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ClaimID names a claim to a rail: the packet's send_listid and the claimant, never
// the slot, so that after a restore the same person yields the same rail key.
func ClaimID(listID string, who packet.Claimant) string {
	return listID + "/" + hex.EncodeToString(who[:])
}

// Key is the idempotency key of one attempt to pay a claim, 28 characters of
// [0-9A-Z]: "HB" and the first 16 bytes, in Crockford's base 32, of
//
//	SHA-256("hb-payout-v1" 0x00 mch_id 0x00 claim id 0x00 generation in decimal)
//
// Nothing secret and nothing random goes in: what would be lost with a key or a
// database could not be derived again, and the share would be paid twice.
func Key(mchID, claimID string, generation int) string {
	sum := sha256.Sum256([]byte("hb-payout-v1\x00" + mchID + "\x00" + claimID + "\x00" + strconv.Itoa(generation)))
	return "HB" + base32.NewEncoding(crockford).WithPadding(base32.NoPadding).EncodeToString(sum[:16])
}

// Word is how far a share has come, in the claim page's one word: held, due, moving,
// confirm, paid, failed or returned. found is false while there is no payout yet. A
// share that waits for an operator is held, whatever its rail said last: nothing that
// its claimant could do would move it.
func Word(p store.Payout, found bool) string {
	switch {
	case !found:
		return "due"
	case p.Returned:
		return "returned"
	case p.Operator && p.State != store.PayoutDone:
		return "held"
	}
	switch p.State {
	case store.PayoutQueued:
		return "due"
	case store.PayoutAwaiting:
		return "confirm"
	case store.PayoutDone:
		return "paid"
	case store.PayoutRefused, store.PayoutCancelled:
		return "failed"
	case store.PayoutSubmitting, store.PayoutAccepted, store.PayoutUnknown, store.PayoutCancelling:
	}
	return "moving"
}
