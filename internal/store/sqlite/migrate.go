package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables of a file up to the newest version that this program
// knows. There is no way back: a file that is newer is refused.
func migrate(ctx context.Context, path string) (err error) {
	connector, err := sqlite.NewConnector(uri(path, "rw") + fmt.Sprintf("&_busy_timeout=%d", busyTimeout.Milliseconds()))
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
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > knows {
		return fmt.Errorf("its tables are of version %d and this program knows %d: use the newer program that made it", has, knows)
	}
	_, err = p.Up(ctx)
	return err
}
