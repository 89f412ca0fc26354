// Package ledger records in SQL what is safe, what is quarantined, and how far
// each source was read.
//
// Every change is one transaction, and is on disk when the call has returned.
// The embedded database is SQLite; the statements keep to what PostgreSQL
// understands too.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Config says which ledger to open and how.
type Config struct {
	Path     string // of the file
	ReadOnly bool   // nothing is created, upgraded or written

	// BusyTimeout is how long a call waits while another process holds the
	// ledger, before it fails with ErrBusy; 0: 30 seconds.
	BusyTimeout time.Duration

	// Resident, where not nil, is called with the bytes of memory that the index of
	// jobs takes, each time they change, and never concurrently: 1.5 MB for a million
	// documents. Nothing else that is kept in memory grows with the ledger.
	Resident func(bytes int64)

	// Fault, where not nil, is for fault tests. It is called before a
	// transaction begins and after it has taken effect, with the name of the
	// method; an error that it returns is returned by that method.
	Fault func(op string, phase Phase) error
}

// Phase is when a Fault is called.
type Phase int

// The phases of a call.
const (
	Before Phase = iota // nothing has taken effect
	After               // everything has
)

// defaultBusyTimeout outlasts the largest batch of another process.
const defaultBusyTimeout = 30 * time.Second

// Ledger is an open ledger. Its methods may be called concurrently; writes take
// turns. Errors are ErrBusy, ErrDamaged, ErrFull or ErrReplaced where they can be.
type Ledger struct {
	path  string
	busy  time.Duration
	fault func(op string, phase Phase) error
	page  int // rows that a listing reads at once

	file    os.FileInfo // at path, when it was opened
	version int         // of the schema then

	writer *sql.DB // one connection; nil where the ledger is read-only
	reader *sql.DB

	insertDocuments   []batchStmt
	insertPlain       []batchStmt
	insertQuarantined *sql.Stmt
	upsertCursor      *sql.Stmt
	selectToken       *sql.Stmt // nil where the schema has no tokens

	jobs                jobCache
	readJobs, writeJobs jobStmts
}

// batchStmt is a statement prepared for a number of rows at once.
type batchStmt struct {
	rows int
	stmt *sql.Stmt
}

// Open opens the ledger at c.Path. It creates the file, readable by nobody
// else, and the directories above it, and upgrades a ledger that an older
// version wrote, unless c.ReadOnly; then a ledger that isn't there is
// fs.ErrNotExist, and an older one has nothing of what came later. It
// refuses a path on a network filesystem, a folder, a file that is not a ledger,
// and a ledger that a newer version wrote.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if c.Path == "" {
		return nil, errors.New("open ledger: no path")
	}
	if c.BusyTimeout < 0 {
		return nil, fmt.Errorf("open ledger %s: the busy timeout is negative: %s", c.Path, c.BusyTimeout)
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", c.Path, err)
	}
	l := &Ledger{path: path, busy: c.BusyTimeout, fault: c.Fault, page: pageRows}
	l.jobs.resident = c.Resident
	if l.busy == 0 {
		l.busy = defaultBusyTimeout
	}
	if err := l.open(ctx, c.ReadOnly); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, classify(err)), l.Close())
	}
	return l, nil
}

// Close waits for the calls under way and closes the ledger. A second call
// does nothing.
func (l *Ledger) Close() error {
	var errs []error
	// The writer goes last: the last connection to go folds the write-ahead
	// log into the file, which a reader may not.
	for _, db := range []*sql.DB{l.reader, l.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close ledger %s: %w", l.path, classify(err))
	}
	return nil
}

func (l *Ledger) prepare(ctx context.Context) error {
	var err error
	prepare := func(db *sql.DB, query string) *sql.Stmt {
		if err != nil {
			return nil
		}
		var s *sql.Stmt
		s, err = db.PrepareContext(ctx, query)
		return s
	}
	prepareJobs := func(db *sql.DB) jobStmts {
		return jobStmts{prepare(db, jobsVersionSQL), prepare(db, bucketsSQL), prepare(db, versionsSQL)}
	}
	if l.version >= jobsSince {
		l.readJobs = prepareJobs(l.reader)
	}
	if l.version >= exportsSince {
		l.selectToken = prepare(l.reader, tokenByHashSQL)
	}
	if l.writer == nil {
		return err
	}
	for _, n := range documentRows {
		l.insertDocuments = append(l.insertDocuments, batchStmt{n, prepare(l.writer, insertDocumentsSQL(n))})
		l.insertPlain = append(l.insertPlain, batchStmt{n, prepare(l.writer, insertPlainSQL(n))})
	}
	l.writeJobs = prepareJobs(l.writer)
	l.insertQuarantined = prepare(l.writer, insertQuarantinedSQL)
	l.upsertCursor = prepare(l.writer, upsertCursorSQL)
	return err
}
