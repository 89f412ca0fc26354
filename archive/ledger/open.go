package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
)

const (
	// The page caches are all that grows with the ledger, up to these sizes.
	writerCacheKiB = 4 << 10
	readerCacheKiB = 1 << 10
	readers        = 4

	// checkpointPages is after how many pages the write-ahead log is folded
	// into the file: seldom enough that a page which many commits change is
	// written once. journalBytes is what is left of the log on disk after that.
	checkpointPages = 16 << 10
	journalBytes    = 64 << 20

	// writerWait is how long SQLite itself waits for the lock; begin repeats
	// that, looking at its context in between.
	writerWait = 50 * time.Millisecond
)

func (l *Ledger) open(ctx context.Context, readOnly bool) error {
	if err := refuseNetwork(l.path); err != nil {
		return err
	}
	if err := refuseOther(l.path); err != nil {
		return err
	}
	if readOnly {
		if err := l.identify(); err != nil {
			return err
		}
		return l.openReader(ctx)
	}
	if err := createFile(l.path); err != nil {
		return err
	}
	if err := l.identify(); err != nil {
		return err
	}
	if err := l.openWriter(ctx); err != nil {
		return err
	}
	return l.openReader(ctx)
}

// identify remembers which file it is.
func (l *Ledger) identify() (err error) {
	l.file, err = os.Stat(l.path)
	return err
}

// refuseOther refuses a path at which there is something else than a file.
func refuseOther(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil //nolint:nilerr // whoever opens it says why
	case info.IsDir():
		return errors.New("it is a folder: name a file in it")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	}
	return nil
}

func (l *Ledger) openWriter(ctx context.Context) error {
	var err error
	if l.writer, err = connect(l.path, "rw", writerWait, writerCacheKiB, 1); err != nil {
		return err
	}
	all, err := embedded()
	if err != nil {
		return err
	}
	// Nothing may be changed in a file that isn't ours.
	if err := l.retry(ctx, func() error {
		_, err := checkVersion(ctx, l.writer, len(all))
		return err
	}); err != nil {
		return err
	}
	if err := l.retry(ctx, func() error { return useWAL(ctx, l.writer) }); err != nil {
		return err
	}
	return l.migrate(ctx, all)
}

func (l *Ledger) openReader(ctx context.Context) error {
	var err error
	if l.reader, err = connect(l.path, "ro", l.busy, readerCacheKiB, readers); err != nil {
		return err
	}
	all, err := embedded()
	if err != nil {
		return err
	}
	version, err := checkVersion(ctx, l.reader, len(all))
	if err != nil {
		return err
	}
	if version == 0 {
		return fmt.Errorf("the file is empty: %w", fs.ErrNotExist)
	}
	l.version = version
	return l.prepare(ctx)
}

// connect makes a pool of connections, none of which is open yet.
func connect(path, mode string, wait time.Duration, cacheKiB, conns int) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}, "_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
	if mode == "ro" {
		q.Set("_txlock", "deferred")
	}
	for _, p := range []struct {
		name  string
		value int64
	}{
		{"busy_timeout", wait.Milliseconds()},
		{"synchronous", 2}, // FULL
		{"cache_size", -int64(cacheKiB)},
		{"wal_autocheckpoint", checkpointPages},
		{"journal_size_limit", journalBytes},
		{"temp_store", 2}, // in memory: what undoes a statement that inserts many rows
		{"trusted_schema", 0},
	} {
		q.Add("_pragma", p.name+"("+strconv.FormatInt(p.value, 10)+")")
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func useWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its filesystem can't keep a write-ahead log (journal mode %q)", mode)
	}
	return nil
}

// createFile makes an empty file that only its owner may read, and the
// directories above it, and waits until their names are on disk. What root makes
// belongs to the owner of the directory it is in. What exists stays as it is,
// and is not opened: closing any descriptor of a file drops the locks that
// SQLite holds on it for this process.
func createFile(path string) error {
	dir := filepath.Dir(path)
	if err := createDir(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	giveTo(f, dir)
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncDir(dir)
}

func createDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := createDir(parent); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, fs.ErrExist):
		return syncDir(parent) // somebody else was faster
	case err != nil:
		return err
	}
	made, err := openMade(dir)
	if err != nil {
		return err
	}
	giveTo(made, parent)
	return errors.Join(made.Close(), syncDir(parent))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
