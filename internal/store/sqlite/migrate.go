package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables of a file up to the newest version that this program
// knows. There is no way back: a file that is newer is refused.
func migrate(ctx context.Context, path string) error {
	return withProvider(path, "rw", func(p *goose.Provider) error {
		has, knows, err := p.GetVersions(ctx)
		if err != nil {
			return err
		}
		if has > knows {
			return newer(has, knows)
		}
		_, err = p.Up(ctx)
		return err
	})
}

// checkVersion refuses a file whose tables are not those that this program knows,
// without changing it.
func checkVersion(ctx context.Context, path string) error {
	return withVersions(ctx, path, func(has, knows int64) error {
		switch {
		case has > knows:
			return newer(has, knows)
		case has < knows:
			return fmt.Errorf("its tables are of version %d and this program's of %d: start the server once, which brings them up, or use the program that made them", has, knows)
		}
		return nil
	})
}

// withVersions hands over the version of a file's tables and this program's, without
// changing it. It refuses a file that is no database of this program.
func withVersions(ctx context.Context, path string, f func(has, knows int64) error) error {
	return withProvider(path, "ro", func(p *goose.Provider) error {
		has, knows, err := p.GetVersions(ctx)
		switch {
		case primary(err) == sqlite3.SQLITE_READONLY, primary(err) == sqlite3.SQLITE_NOTADB: // there is no table of versions
			return errors.New("not a hongbao database")
		case err != nil:
			return err
		}
		return f(has, knows)
	})
}

func newer(has, knows int64) error {
	return fmt.Errorf("its tables are of version %d and this program knows %d: use the newer program that made it", has, knows)
}

// withProvider hands over what knows the migrations of a file.
func withProvider(path, mode string, f func(*goose.Provider) error) (err error) {
	connector, err := sqlite.NewConnector(uri(path, mode) + fmt.Sprintf("&_busy_timeout=%d", busyTimeout.Milliseconds()))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = cmp.Or(err, db.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithTableName("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	return f(p)
}
