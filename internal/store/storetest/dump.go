package storetest

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/store"
)

// What may have been sent in a dump: on these days, to these seeds or to everybody.
var (
	days  = [...]int{20261124, 20261125, 20261201}
	seeds = [...]packet.Claimant{{}, Claimant(0), Claimant(1)}
)

// all is a limit that is none here.
const all = 1000

// dump writes down everything a reader can reach, a row a line.
func dump(r store.Reader) (string, error) {
	var w strings.Builder
	ms, err := r.Merchants()
	if err != nil {
		return "", err
	}
	lines(&w, ms)
	for _, m := range ms {
		if err := dumpMerchant(&w, r, m.MchID); err != nil {
			return "", err
		}
	}
	ps, err := r.Packets(0, all)
	if err != nil {
		return "", err
	}
	lines(&w, ps)
	for i := range ps {
		if err := dumpPacket(&w, r, ps[i].Head.ID); err != nil {
			return "", err
		}
	}
	for _, read := range []func() error{
		func() error {
			return section(&w, func(until int64, limit int) ([]store.Deadline, error) { return r.Due(store.Deadline{}, until, limit) }, math.MaxInt64)
		},
		func() error { return section(&w, r.PayoutsDue, math.MaxInt64) },
		func() error { return section(&w, r.Unsettled, 0) },
		func() error { return setting(&w, r, store.SettingEnvironment) },
		func() error { return setting(&w, r, store.SettingFingerprint) },
	} {
		if err := read(); err != nil {
			return "", err
		}
	}
	return w.String(), nil
}

func dumpMerchant(w *strings.Builder, r store.Reader, mchID string) error {
	account, err := r.Account(mchID)
	if err != nil {
		return err
	}
	keys, err := r.Keys(mchID)
	if err != nil {
		return err
	}
	entries, err := r.AccountEntries(mchID, 0, all)
	if err != nil {
		return err
	}
	bills, err := r.Bills(mchID, "", all)
	if err != nil {
		return err
	}
	packets, err := r.PacketsOf(mchID, math.MaxInt64, all)
	if err != nil {
		return err
	}
	for _, day := range days {
		for _, seed := range seeds {
			sum, err := r.DaySum(mchID, day, seed)
			if err != nil {
				return err
			}
			line(w, sum)
		}
	}
	line(w, account)
	lines(w, keys)
	lines(w, entries)
	lines(w, bills)
	for i := range packets {
		line(w, packets[i].Head.ID)
	}
	return nil
}

func dumpPacket(w *strings.Builder, r store.Reader, id packet.ID) error {
	claims, err := r.Claims(id, 0)
	if err != nil {
		return err
	}
	entries, err := r.Entries(id)
	if err != nil {
		return err
	}
	payouts, err := r.Payouts(id)
	if err != nil {
		return err
	}
	events, err := r.PayoutEvents(id)
	if err != nil {
		return err
	}
	for _, worker := range workers {
		f, err := r.Follower(id, worker)
		if err != nil {
			return err
		}
		line(w, f)
	}
	lines(w, claims)
	lines(w, entries)
	lines(w, payouts)
	lines(w, events)
	return nil
}

func section[K, T any](w *strings.Builder, read func(K, int) ([]T, error), from K) error {
	rows, err := read(from, all)
	lines(w, rows)
	return err
}

func setting(w *strings.Builder, r store.Reader, name string) error {
	value, err := r.Setting(name)
	if isNotFound(err) {
		value, err = "(not set)", nil
	}
	line(w, value)
	return err
}

func lines[T any](w *strings.Builder, rows []T) {
	for i := range rows {
		line(w, rows[i])
	}
}

// line writes a row; no bytes look like nil.
func line(w *strings.Builder, row any) { fmt.Fprintf(w, "%T %+v\n", row, row) }

func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }
