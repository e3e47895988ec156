package audit

import (
	"fmt"
	"slices"

	"hongbao.example/hongbao/internal/store"
)

// invariant is one thing that must hold of a subject: a packet, an account, a row.
type invariant[T any] struct {
	name  string
	check func(T) *wrong
}

// wrong is the first row that breaks an invariant; nil when all hold it.
type wrong struct{ row, detail string }

func wrongf(row, format string, args ...any) *wrong {
	return &wrong{row, fmt.Sprintf(format, args...)}
}

// The invariants, in the order in which they are checked. Later ones may take for
// granted what earlier ones hold, as long as nothing worse than a second finding
// comes of it when they do not: no row may make a check panic.
var ofDatabase = []invariant[*database]{
	{"environment", environmentAgrees},
	{"instance-key", instanceKeyAgrees},
}

var ofKinds = []invariant[[]store.Kind]{
	{"kinds", kindsAgree},
}

var ofPosting = []invariant[*posting]{
	{"account-numbered", accountNumbered},
	{"account-chained", accountChained},
	{"account-forward", accountForward},
	{"account-kinds", accountKinds},
	{"account-covered", accountCovered},
}

var ofAccount = []invariant[*account]{
	{"account-exists", accountExists},
	{"account-merchant", accountMerchant},
	{"merchant-settings", merchantSettings},
	{"account-head", accountHead},
	{"account-balance", accountBalance},
	{"account-day", accountDay},
}

var ofKey = []invariant[*sealedKey]{ // deep
	{"key-opens", keyOpens},
}

var ofStray = []invariant[*store.Stray]{
	{"packet-whole", packetWhole},
}

var ofPacket = []invariant[*book]{
	// The book by itself.
	{"book-numbered", bookNumbered},
	{"book-chained", bookChained},
	{"book-head", bookHead},
	{"book-forward", bookForward},
	{"book-kinds", bookKinds},

	// What was sent.
	{"send-first", sendFirst},
	{"send-total", sendTotal},
	{"terms-digest", termsDigest},
	{"packet-id", packetID},
	{"packet-due", packetDue},
	{"split-feasible", splitFeasible},
	{"split-secret", splitSecret},
	{"split-commitment", splitCommitment},

	// Who claimed.
	{"claim-slots", claimSlots},
	{"claim-amounts", claimAmounts},
	{"claim-once", claimOnce},
	{"claim-parent", claimParent},
	{"claim-seed", claimSeed},
	{"claim-normal", claimNormal},
	{"claim-expiry", claimExpiry},

	// How it went on.
	{"hold-release", holdRelease},
	{"end-final", endFinal},
	{"refund-due", refundDue},
	{"refund-rest", refundRest},
	{"return-claim", returnClaim},
	{"head-counters", headCounters},
	{"head-unclaimed", headUnclaimed},

	// The merchant's side.
	{"packet-merchant", packetMerchant},
	{"packet-mirrored", packetMirrored},
	{"packet-bill", packetBill},
	{"bill-fields", billFields},

	// Payouts.
	{"follower-cursor", followerCursor},
	{"payout-claim", payoutClaim},
	{"payout-key", payoutKey},
	{"payout-generation", payoutGeneration},
	{"payout-each", payoutEach},
	{"payout-sum", payoutSum},
	{"payout-return", payoutReturn},
	{"payout-events", payoutEvents},
	{"settled", settled},
}

var ofSealed = []invariant[*sealedBook]{ // deep
	{"seed-opens", seedOpens},
	{"payee-opens", payeeOpens},
	{"payout-opens", payoutOpens},
}

var ofBill = []invariant[*billed]{
	{"bill-packet", billPacket},
}

var ofMirror = []invariant[*mirrored]{
	{"account-mirrored", accountMirrored},
}

var ofMoney = []invariant[*account]{
	{"money-conserved", moneyConserved},
}

// Invariants lists the names of all invariants in the order in which they are
// checked. They are stable: scripts and alarms may look for them.
func Invariants() []string {
	return slices.Concat(
		[]string{readable},
		names(ofDatabase), names(ofKinds),
		names(ofPosting), names(ofAccount), names(ofKey),
		names(ofStray), names(ofPacket), names(ofSealed),
		names(ofBill), names(ofMirror), names(ofMoney),
	)
}

func names[T any](all []invariant[T]) (list []string) {
	for _, i := range all {
		list = append(list, i.name)
	}
	return list
}

// check tries invariants on a subject, in order, and returns those that held, for
// the next subject: of many rows only the first wrong one is worth a finding. The
// error is errStop.
func check[T any](a *audit, all []invariant[T], subject T) (held []invariant[T], err error) {
	held = all
	for _, i := range all {
		w := i.check(subject)
		if w == nil {
			continue
		}
		held = slices.DeleteFunc(slices.Clone(held), func(h invariant[T]) bool { return h.name == i.name })
		if err = a.found(i.name, w); err != nil {
			return held, err
		}
	}
	return held, nil
}
