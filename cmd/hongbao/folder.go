package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server"
	"hongbao.example/hongbao/internal/store/sqlite"
	"hongbao.example/hongbao/internal/vault"
)

// The files of a new server are made in a folder inside of theirs and move out of
// it when all are there. Cut off at any point, this leaves nothing that could be
// taken for finished:
//
//	.hongbao-making/  being written; found by the next try, it is begun anew
//	.hongbao-made/    complete; its files move up one by one, hongbao.toml last
//	hongbao.toml      all have arrived
const (
	making = ".hongbao-making"
	made   = ".hongbao-made"
)

// Names of files in a server's folder.
const (
	configName   = "hongbao.toml"
	instanceName = "instance.key"
	databaseName = "hongbao.db"
)

// keyName is the file that holds a merchant's API key.
func keyName(mchID string) string { return mchID + ".key" }

// configuration is the text of a new server's configuration, with some keys set;
// an empty value leaves a key as the example has it.
func configuration(env packet.Environment, set map[string]string) (string, error) {
	set["environment"] = quoted(string(env))
	if env == packet.Production {
		set["providers"], set["channel"] = `["ticket"]`, `"none"`
	}
	return configured(config.Example, set)
}

// furnish makes what a server needs in dir: configuration, instance key, database,
// and what add puts in and beside it. It overwrites nothing (fs.ErrExist). It ends
// what an earlier call had completed but not moved; then add is not called, and
// resumed is true.
func furnish(p *program, dir, text string, add func(core *server.Core, dir string) error) (resumed bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	release, err := sqlite.Lock(filepath.Join(dir, databaseName))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, release()) }()
	complete := filepath.Join(dir, made)
	if _, err := os.Stat(complete); err == nil {
		return true, moveUp(complete, dir)
	}
	draft := filepath.Join(dir, making)
	if err := os.RemoveAll(draft); err != nil {
		return false, err
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		return false, err
	}
	err = build(p, draft, text, add)
	if err == nil {
		err = nothingThere(draft, dir)
	}
	if err != nil {
		return false, errors.Join(err, os.RemoveAll(draft))
	}
	if err := os.Rename(draft, complete); err != nil {
		return false, err
	}
	return false, moveUp(complete, dir)
}

// build makes a server's files in an empty folder.
func build(p *program, dir, text string, add func(core *server.Core, dir string) error) error {
	file := filepath.Join(dir, configName)
	if err := writeNew(file, text); err != nil {
		return err
	}
	key := vault.NewKey()
	if err := vault.WriteKey(filepath.Join(dir, instanceName), key); err != nil {
		return err
	}
	cfg, err := config.Read(file)
	if err != nil {
		return err
	}
	if err := server.Create(p.ctx, cfg, key); err != nil {
		return err
	}
	core, err := server.OpenCore(p.ctx, cfg, server.Options{Log: p.logger("warn")}, false)
	if err != nil {
		return err
	}
	return errors.Join(add(core, dir), core.Close())
}

// nothingThere refuses if a file of one folder has the name of one in another.
func nothingThere(from, to string) error {
	files, err := os.ReadDir(from)
	for _, f := range files {
		name := filepath.Join(to, f.Name())
		if _, err := os.Lstat(name); err == nil {
			return &exitError{1, fmt.Errorf("%s: %w; nothing was overwritten", name, fs.ErrExist)}
		}
	}
	return err
}

// moveUp moves all files of a folder, the configuration last, and removes it.
func moveUp(from, to string) error {
	if err := nothingThere(from, to); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	slices.SortFunc(files, byArrival)
	for _, f := range files {
		if err := os.Rename(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(from), vault.SyncFolder(to))
}

// byArrival orders files by name, but for the configuration, which comes last.
func byArrival(a, b fs.DirEntry) int {
	rank := func(f fs.DirEntry) string {
		if f.Name() == configName {
			return "1"
		}
		return "0" + f.Name()
	}
	return strings.Compare(rank(a), rank(b))
}

// writeNew writes a file that must not exist yet and that only its owner may read.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// rewrite gives a file another text, at once or not at all.
func rewrite(name, text string) error {
	draft := name + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(draft, text); err != nil {
		return err
	}
	return errors.Join(os.Rename(draft, name), vault.SyncFolder(filepath.Dir(name)))
}
