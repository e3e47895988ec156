package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Lock claims the file at path for the server that calls it, for as long as the
// process lives or until release. It fails at once when another server has it.
// Open does not ask for it, so that other commands may use the file meanwhile. The
// lock is that of the file itself, by whatever links path leads to it.
func Lock(path string) (release func() error, err error) {
	file, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock: %w", err)
	}
	f, err := os.OpenFile(filepath.Clean(file+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("sqlite: %s is in use by another server; stop that one first", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// resolve follows the links in a path, of whose file only the folder has to exist.
func resolve(path string) (string, error) {
	file, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}
