package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
)

// How SQLite lays out its log (https://www.sqlite.org/fileformat2.html#walformat): a
// header, then frames, each a header of its own and a page. A frame belongs to the log if
// it has the salts of the log's header, and it is whole if its checksum follows from that
// of the frame before it. A log that is begun anew is written over the old one with other
// salts, so that frames of that one may stand behind its own.
const (
	logHeaderBytes   = 32
	logSumBytes      = 24 // of its header, that are summed
	frameHeaderBytes = 24
	frameSumBytes    = 8
	logMagic         = 0x377f0682 // or one more, on machines of the other byte order
	logPageMax       = 65536
)

// Damage has SQLite read the whole file, and returns the first thing that is wrong with
// its pages, or with an index beside its table; "" if nothing is. It may run beside a
// server; while it runs, the log is copied into the database but not begun anew.
func (s *Store) Damage(ctx context.Context) (damage string, err error) {
	connector, err := sqlite.NewConnector(uri(s.path, "ro"))
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&damage); err != nil {
		return "", fmt.Errorf("sqlite: check %s: %w", s.path, err)
	}
	if damage == "ok" {
		return "", nil
	}
	return damage, nil
}

// checkDamage refuses a file whose log has lost what was safe on disk.
//
// SQLite takes a log up to the first frame that is not whole and forgets the rest, since
// a machine that stops leaves such a frame in the commit that it was writing. But every
// commit is synced before the next one is begun. So when a frame that commits and another
// one after it stand behind a frame that is not whole, it is not a machine that stopped:
// the disk has damaged, or never kept, what callers were told was done. To go on would be
// to take it back in silence.
//
// Damage to the header of the log, to its last commit, or to the end of the last but one,
// looks like a machine that stopped, and passes.
func checkDamage(path string) error {
	file, err := resolve(path) // SQLite keeps the log beside the file, not beside a link to it
	if err != nil {
		return err
	}
	log := file + "-wal"
	lost, err := findLoss(log)
	if err != nil || lost == (loss{}) {
		return err
	}
	// Another program may be writing, and a frame have been read while it was written.
	again, err := findLoss(log)
	if err != nil || again != lost {
		return err
	}
	return fmt.Errorf("frame %d of %s is damaged, and what was committed after it cannot be read: restore the database and its log, or give those commits up with sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)' and run hongbao verify", lost.frame, log, file)
}

// loss is the first frame that a log has lost; zero, if none.
type loss struct {
	frame int     // from 1
	salts [8]byte // of the log
}

// findLoss looks for a commit, and a frame after it, behind a frame that is not whole.
func findLoss(log string) (_ loss, err error) {
	f, err := os.Open(filepath.Clean(log))
	if errors.Is(err, fs.ErrNotExist) {
		return loss{}, nil
	}
	if err != nil {
		return loss{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var head, after [logHeaderBytes]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return loss{}, ended(err)
	}
	l := newLogReader(head)
	if l == nil {
		return loss{}, nil
	}
	lost, err := l.scan(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return loss{}, ended(err)
	}
	if _, err := f.ReadAt(after[:], 0); err != nil || after != head { // begun anew while it was read
		return loss{}, ended(err)
	}
	return loss{lost, l.salts}, nil
}

// ended makes no error of the end of a file.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// sum is SQLite's checksum, in this machine's byte order.
type sum [2]uint32

func (s sum) add(b []byte) sum {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += binary.NativeEndian.Uint32(b) + s[1]
		s[1] += binary.NativeEndian.Uint32(b[4:]) + s[0]
	}
	return s
}

func readSum(b []byte) sum { return sum{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])} }

// logReader reads the frames of a log.
type logReader struct {
	page  int // bytes
	salts [8]byte
	last  sum // of what was read last, as it stands there
}

// newLogReader reads a log's header. It is nil if that is not whole (then the log has no
// frames, since the header is synced before the first) or was written by a machine of
// another kind.
func newLogReader(head [logHeaderBytes]byte) *logReader {
	l := &logReader{
		page: int(binary.BigEndian.Uint32(head[8:])), salts: [8]byte(head[16:]), last: readSum(head[logSumBytes:]),
	}
	if binary.BigEndian.Uint32(head[:])&^1 != logMagic || l.page > logPageMax || l.last != (sum{}).add(head[:logSumBytes]) {
		return nil
	}
	return l
}

// frame is what there is to know of a frame.
type frame struct {
	follows bool // it is of this log, and whole as it stands behind the frame before it
	commits bool // it is the last one of a commit
}

// next reads a frame into b.
func (l *logReader) next(r io.Reader, b []byte) (f frame, err error) {
	if _, err := io.ReadFull(r, b); err != nil {
		return f, err
	}
	stands := readSum(b[16:])
	if [8]byte(b[8:]) == l.salts {
		f.follows = stands == l.last.add(b[:frameSumBytes]).add(b[frameHeaderBytes:])
	}
	f.commits = binary.BigEndian.Uint32(b[4:]) != 0
	l.last = stands
	return f, nil
}

// scan reads frames up to one that proves a loss, and returns which was the first that is
// not whole. The error is that of reading, the end of the log included.
func (l *logReader) scan(r io.Reader) (lost int, err error) {
	b := make([]byte, frameHeaderBytes+l.page)
	committed := false // behind the lost frame, by the one just read
	for n := 1; ; n++ {
		f, err := l.next(r, b)
		switch {
		case err != nil:
			return 0, err
		case lost == 0 && !f.follows:
			lost = n
		case committed && f.follows:
			return lost, nil
		}
		committed = lost > 0 && f.follows && f.commits
	}
}
