package sqlite

import (
	"context"
	"errors"
	"fmt"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/table"
)

// uncopiedMax is how many pages of the log may wait to be copied into the database. A
// commit tries that from checkpointPages on, but SQLite does not tell it of a failure.
const uncopiedMax = 2 * checkpointPages

// probe is a setting that Health sets and unsets in one transaction.
const probe = "health"

// Health implements store.Store. It waits for the writer like an Update, and opens the
// file again when it has been given up. After the disk has failed an Update it writes, to
// see whether the disk still does: nobody is to be sent to a server whose disk is full,
// though it could read. Nor to one whose log cannot be copied into the database and grows
// until the disk is full.
//
// A file that is open for reading only is never healthy, since it cannot be written.
func (s *Store) Health(ctx context.Context) error {
	ailing := s.ailing.Swap(false)
	err := s.Update(ctx, func(tx store.Tx) error {
		if ailing {
			return errors.Join(tx.InsertSetting(probe, ""), tx.DeleteSetting(probe, ""))
		}
		if _, err := tx.Setting(store.SettingEnvironment); !errors.Is(err, fault.NotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		s.ailing.CompareAndSwap(false, ailing) // it may be of something else
		return err
	}
	return s.copyLog(ctx)
}

// copyLog copies the log into the database if commits should have done so long ago. That
// another program's reading holds it up is no error.
func (s *Store) copyLog(ctx context.Context) error {
	w, err := s.takeWriter(ctx)
	if err != nil {
		return err
	}
	defer func() { s.writer <- w }()
	w.err = nil // of an Update before
	uncopied, err := one(w, checkpointNone, func(r *table.Row) int64 {
		_ = r.Bool() // whether it was held up
		logged, copied := r.Int(), r.Int()
		return logged - copied
	})
	if err == nil && uncopied > uncopiedMax {
		err = w.settle(checkpoint)
	}
	if err != nil {
		return fmt.Errorf("sqlite: copy %s-wal into the database: %w", s.path, err)
	}
	return nil
}
