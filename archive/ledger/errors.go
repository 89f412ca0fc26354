package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"

	"logstow/archive/ledger/jobindex"
)

var (
	// ErrBusy says that another process held the ledger for longer than the
	// busy timeout. The same call is safe to make again.
	ErrBusy = errors.New("in use by another process")

	// ErrDamaged says that the file is not what SQLite wrote.
	ErrDamaged = errors.New("damaged: move it away and rebuild it from the store with logstow adopt")

	// ErrFull says that there is no room for the file, or for those that SQLite
	// keeps beside it. It is syscall.ENOSPC. The call has recorded nothing, and can
	// be made again when there is room: the ledger need not be opened anew.
	ErrFull = fmt.Errorf("%w: make room on its filesystem and run again, what was recorded is safe", syscall.ENOSPC)

	// ErrOtherStore says that the ledger belongs to another store.
	ErrOtherStore = errors.New("ledger of another store")

	// errForbidden says what a user needs of the file: SQLite keeps what readers
	// and writers share in files beside it.
	errForbidden = errors.New("this user has to be allowed to write it and its folder, for reading too")

	// errUnopened says what most often keeps a file that is there from being
	// opened: its mode, or a filesystem that is read-only.
	errUnopened = errors.New("it can't be opened: this user has to be allowed to read it, and to make files beside it")

	errReadOnly = errors.New("opened for reading only")
)

// The result codes of SQLite that callers can do something about.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26

	// sqliteNoIndex is an extended code: the index of the write-ahead log can't
	// grow.
	sqliteNoIndex = 4874
)

// notFound returns err, with fs.ErrNotExist for what a query did not find.
func notFound(err error, what string, id any) error {
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if id == "" {
		return fmt.Errorf("%s: %w", what, fs.ErrNotExist)
	}
	return fmt.Errorf("%s %v: %w", what, id, fs.ErrNotExist)
}

// resultCode is SQLite's primary result code, 0 where err isn't SQLite's.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// isFull tells that SQLite found no room on the disk.
func isFull(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == sqliteFull || e.Code() == sqliteNoIndex)
}

func isBusy(err error) bool {
	code := resultCode(err)
	return code == sqliteBusy || code == sqliteLocked
}

// classify turns SQLite's errors into ours.
func classify(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if errors.Is(err, jobindex.ErrDamaged) {
		return fmt.Errorf("%w: rebuild it with logstow check --repair", err)
	}
	switch resultCode(err) {
	case sqliteBusy, sqliteLocked:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case sqliteReadOnly:
		return fmt.Errorf("%w: %w", errForbidden, err)
	case sqliteCantOpen:
		return fmt.Errorf("%w: %w", errUnopened, err)
	case sqliteCorrupt, sqliteNotADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
