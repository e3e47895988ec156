// Package storetest is the contract of package store as a test: every store passes
// Run, and what passes Run is a store.
//
// Run wraps the store so that every closure of Update runs twice, the first time
// for nothing: it is rolled back. A closure that counts on running once fails
// here, and so does a store that lets a rolled-back write show.
//
// Beside the tests that state one behaviour each, Run lives through a random
// history on the store and on Memory, which is the contract in maps, and compares
// every answer. The same seed gives the same transcript on every store.
//
// The sample rows have every field set, none to the value of another, so that two
// columns that were swapped do not compare equal.
package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hongbao.example/hongbao/internal/store"
)

// Run tests the stores that open makes. Each must be empty, and is to be closed by
// a cleanup of open's.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, tests := range []map[string]func(*bed){transactions, merchants, accounts, packets, payouts} {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				test(&bed{t, twice{t, s}, s})
			})
		}
	}
	t.Run("a random history reads as in the reference", func(t *testing.T) {
		t.Parallel()
		compareHistories(t, open)
	})
}

// bed is a store under test. Its embedded Store runs closures twice; once is the
// store as it came.
type bed struct {
	*testing.T
	store.Store
	once store.Store
}

// twice runs every closure of Update twice and commits the second run.
type twice struct {
	t *testing.T
	store.Store
}

// errAgain undoes the first run.
var errAgain = errors.New("once more")

// Update implements store.Store.
func (s twice) Update(ctx context.Context, f func(store.Tx) error) error {
	first := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errAgain
	})
	second := s.Store.Update(ctx, f)
	if (first == errAgain) != (second == nil) { //nolint:errorlint // it must come back as it is
		s.t.Errorf("a closure that ran twice ended with %v, then with %v", first, second)
	}
	return second
}

// update runs f, which must succeed.
func (b *bed) update(f func(store.Tx) error) {
	b.Helper()
	if err := b.Update(b.Context(), f); err != nil {
		b.Fatalf("update: %v", err)
	}
}

// refuse runs f, which must fail with want and so leave nothing.
func (b *bed) refuse(want error, f func(store.Tx) error) {
	b.Helper()
	before := b.dump()
	if err := b.Update(b.Context(), f); !errors.Is(err, want) {
		b.Errorf("update: %v, want %v", err, want)
	}
	if diff := cmp.Diff(before, b.dump()); diff != "" {
		b.Errorf("a refused update left something (-before +after):\n%s", diff)
	}
}

// view runs f, which must succeed.
func (b *bed) view(f func(store.Reader) error) {
	b.Helper()
	if err := b.View(b.Context(), f); err != nil {
		b.Fatalf("view: %v", err)
	}
}

// dump is everything that is stored, as text.
func (b *bed) dump() (text string) {
	b.Helper()
	b.view(func(r store.Reader) (err error) {
		text, err = dump(r)
		return err
	})
	return text
}

// reads checks what a read in a View returns.
func reads[T any](b *bed, want T, read func(store.Reader) (T, error)) {
	b.Helper()
	var got T
	b.view(func(r store.Reader) (err error) {
		got, err = read(r)
		return err
	})
	same(b.T, got, want)
}

// findsNothing checks that a read in a View finds no row.
func findsNothing[T any](b *bed, read func(store.Reader) (T, error)) {
	b.Helper()
	err := b.View(b.Context(), func(r store.Reader) error {
		_, err := read(r)
		return err
	})
	if !isNotFound(err) {
		b.Errorf("a row that does not exist: %v, want not_found", err)
	}
}

// same compares two values. No bytes are as good as nil.
func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
