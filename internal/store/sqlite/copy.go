package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"hongbao.example/hongbao/internal/packet"
)

const pagesAtATime = 4096 // between two looks at whether the copy is still wanted

// Contents is what a copy holds.
type Contents struct {
	Bytes   int64
	Packets int64
	Claims  int64
	Newest  packet.ID // the packet sent last; 0 if there is none
}

// Copy writes what the file at from held at one moment into a new file at to, readable
// by its owner only, and returns when it is on disk. Other programs may use the file
// meanwhile: none of them waits. Tables of an older version than this program's are
// copied as they are.
//
// The copy is one file that needs none beside it. It differs from its source in
// settings, which is called once the moment has passed.
//
// It refuses a path that exists (fs.ErrExist) and a file that is not there
// (fs.ErrNotExist), is no database of this program's or a newer one's. When it fails
// it leaves nothing behind.
func Copy(ctx context.Context, from, to string, settings func() map[string]string) (c Contents, err error) {
	if from, err = filepath.Abs(from); err != nil {
		return c, fmt.Errorf("sqlite: copy: %w", err)
	}
	if to, err = filepath.Abs(to); err != nil {
		return c, fmt.Errorf("sqlite: copy: %w", err)
	}
	if _, err := os.Stat(from); err != nil {
		return c, fmt.Errorf("sqlite: copy: %w", err)
	}
	for _, check := range []func() error{func() error { return checkKnown(ctx, from) }, func() error { return checkDamage(from) }} {
		if err := check(); err != nil {
			return c, fmt.Errorf("sqlite: copy %s: %w", from, err)
		}
	}
	f, err := os.OpenFile(filepath.Clean(to), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return c, fmt.Errorf("sqlite: copy: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = fmt.Errorf("sqlite: copy %s to %s: %w", from, to, errors.Join(err, Discard(to)))
		}
	}()
	if err := copyPages(ctx, from, to); err != nil {
		return c, err
	}
	if c, err = finish(ctx, to, settings); err != nil {
		return c, err
	}
	if err := f.Sync(); err != nil {
		return c, err
	}
	info, err := f.Stat()
	if err != nil {
		return c, err
	}
	c.Bytes = info.Size()
	return c, syncFolder(filepath.Dir(to))
}

// copyPages copies all pages that a file has now. The read transaction makes the
// moment: while it is open nothing that is committed shows, and no page has to be
// copied twice.
func copyPages(ctx context.Context, from, to string) (err error) {
	source, err := dial(ctx, uri(from, "ro"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if _, err := source.ExecContext(ctx, readerPragmas()+"BEGIN; SELECT 1 FROM settings;", nil); err != nil {
		return err
	}
	copier, ok := source.(interface {
		NewBackup(uri string) (*sqlite.Backup, error)
	})
	if !ok {
		return fmt.Errorf("a connection is a %T", source)
	}
	// Nobody but us will ever see a copy that was cut off, and Copy syncs a whole one.
	b, err := copier.NewBackup(uri(to, "rw") + "&_pragma=journal_mode(off)&_pragma=synchronous(off)")
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			more, err = b.Step(pagesAtATime)
		}
	}
	return cmp.Or(err, b.Finish())
}

// finish makes a copy a file by itself, sets its settings and counts.
func finish(ctx context.Context, path string, settings func() map[string]string) (c Contents, err error) {
	connector, err := sqlite.NewConnector(uri(path, "rw"))
	if err != nil {
		return c, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	// Its header has the log of the source in it; the log itself stays with the source.
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode); err != nil {
		return c, err
	}
	if mode != "delete" {
		return c, fmt.Errorf("it stays in journal mode %q", mode)
	}
	for name, value := range settings() {
		if _, err := db.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value); err != nil {
			return c, err
		}
	}
	err = db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(claimed_num), 0), coalesce(max(id), 0) FROM packets").
		Scan(&c.Packets, &c.Claims, &c.Newest)
	return c, err
}

// checkKnown refuses a file that is no database of this program, or a newer one's.
func checkKnown(ctx context.Context, path string) error {
	return withVersions(ctx, path, func(has, knows int64) error {
		if has > knows {
			return newer(has, knows)
		}
		return nil
	})
}

// Beside lists the files that SQLite may keep beside a database. One that an earlier
// database has left would be taken for that of the one that takes its place.
func Beside(path string) []string { return []string{path + "-wal", path + "-shm", path + "-journal"} }

// Discard removes a file and those beside it; they may be gone.
func Discard(path string) error {
	var all error
	for _, name := range append(Beside(path), path) {
		if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// syncFolder makes the names in a folder last.
func syncFolder(name string) error {
	d, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
