package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ExportState says how far an export is.
type ExportState string

// The states of an export. Only Ready ones have a file.
const (
	ExportCreated   ExportState = "created"
	ExportRunning   ExportState = "running"
	ExportReady     ExportState = "ready"
	ExportFailed    ExportState = "failed"
	ExportCancelled ExportState = "cancelled"
	ExportSweeping  ExportState = "sweeping" // its file may already be gone
	ExportSwept     ExportState = "swept"
)

// ErrFenced says that somebody else has taken over what the caller was working
// on, or has ended it: nothing was changed, and nothing more is to be done.
var ErrFenced = errors.New("taken over or ended by another")

// Export is a request for a file of logs and what became of it. Times are kept
// to the millisecond.
type Export struct {
	ID      string // 32 hex digits, random
	Key     int64  // the API key that asked; 0: the command line
	User    string // whose jobs it may hold; empty: everybody's
	Job     string // the one job it is about; empty: a query
	Request []byte // the request itself, JSON that only package export reads
	State   ExportState

	// Progress. Total is -1 until it is known.
	Jobs, Total, Lines, Bytes int64
	Error                     string // why it failed, for whoever asked; at most MaxText bytes

	Object   string // the file's key in the store; empty unless Ready
	Filename string // what a browser saves it as
	Size     int64  // of the file, in bytes
	SHA256   Hash   // of the file

	Created, Updated time.Time
	Expires          time.Time // when its last token ends
	Attempt          int64     // how often it was claimed: the fence
	LeaseUntil       time.Time // while Running: who holds it must renew before
}

// Token is what the ledger knows of a download token.
type Token struct {
	ID      int64 // set by the ledger
	Hash    Hash  // of the token; the token itself is nowhere
	Export  string
	Key     int64 // the API key it is bound to; 0: the command line
	Created time.Time
	Expires time.Time
	Revoked time.Time // zero: it was not
}

// ExportQuery selects exports and tokens. Zero fields select everything.
type ExportQuery struct {
	Key    *int64        // asked for by this key; nil: by any
	States []ExportState // of the export
	Limit  int           // 0: no limit
	After  string        // exports only: those that were created before this one
}

// CreateExport records a new export, its first token and who asked, in one
// transaction. Whatever e says, the export is Created, of no attempt and no
// known total, and Expires with t.
func (l *Ledger) CreateExport(ctx context.Context, e Export, t Token, a AuditEntry) (Token, error) {
	if e.ID == "" || t.Export != "" && t.Export != e.ID {
		return Token{}, fmt.Errorf("ledger %s: create export: export %q with a token of export %q", l.path, e.ID, t.Export)
	}
	e.State, e.Attempt, e.LeaseUntil, e.Expires = ExportCreated, 0, time.Time{}, t.Expires
	e.Jobs, e.Total, e.Lines, e.Bytes, e.Error = 0, -1, 0, 0, ""
	if e.Updated.IsZero() {
		e.Updated = e.Created
	}
	t.Export = e.ID
	err := l.write(ctx, "create export", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, insertExportSQL, e.args()...); err != nil {
			return fmt.Errorf("record the export: %w", err)
		}
		if err := insertToken(ctx, tx, &t); err != nil {
			return fmt.Errorf("record its token: %w", err)
		}
		return insertAudit(ctx, tx, a)
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

var exportSQL = selectExports + " WHERE id = ?"

// Export returns one export; fs.ErrNotExist where there is none of this id.
func (l *Ledger) Export(ctx context.Context, id string) (Export, error) {
	var e Export
	err := l.callAccess(ctx, "export", func() error {
		return e.scan(l.reader.QueryRowContext(ctx, exportSQL, id))
	})
	if err != nil {
		return Export{}, notFound(err, "export", id)
	}
	return e, nil
}

// Exports returns exports, newest first. Where After is no export there are
// none.
func (l *Ledger) Exports(ctx context.Context, q ExportQuery) ([]Export, error) {
	var all []Export
	err := l.callAccess(ctx, "exports", func() error {
		query, args := q.exports()
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanExport)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

func (q *ExportQuery) exports() (string, []any) {
	var c conditions
	state := "state"
	if q.Key != nil {
		c.add("api_key = ?", *q.Key)
		state = "+state" // the key's index has the order
	}
	if len(q.States) > 0 {
		c.add(state+" IN ("+placeholders(len(q.States))+")", anys(q.States, func(s ExportState) string { return string(s) })...)
	}
	if q.After != "" {
		c.add("n < (SELECT n FROM exports WHERE id = ?)", q.After)
	}
	return c.latest(selectExports, "n", q.Limit)
}
