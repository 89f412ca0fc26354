package ledger

import (
	"cmp"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// documentColumns are in the order of scanDocument.
var documentColumns = [...]string{
	"id", "job", "user_id", "input_hash", "sha256", "state", "kind", "revision", "overflow", "verified",
	"time", "status", "recipe", "key", "size", "input_size", "line_count",
	"started_at", "completed_at", "archived_at", "changed", "source", "title", "error", "error_type",
	"segment", "segment_row",
}

// placeColumns say where a document lies that is in a segment.
const placeColumns = ", segment, segment_row"

// others returns what is NULL where it is the same as another column.
func (d *Document) others() (sum, inputSize any) {
	if d.SHA256 != d.InputHash {
		sum = d.SHA256[:]
	}
	if d.InputSize != d.Size {
		inputSize = d.InputSize
	}
	return sum, inputSize
}

// plainColumns are those of a document that was archived as it came, and are what
// appendPlainArgs appends after its id. The others are the same for all of those.
var plainColumns = [...]string{
	"id", "job", "user_id", "input_hash", "kind", "time", "status", "recipe", "key", "size", "line_count",
	"started_at", "completed_at", "archived_at", "changed", "source", "title", "error", "error_type",
}

const (
	plainElse       = ", state, revision, overflow, verified"
	plainElseValues = ", 'stored', 0, 0, 1"
)

// isPlain tells whether plainColumns are all that has to be known of d.
func (d *Document) isPlain() bool {
	return cmp.Or(d.State, Stored) == Stored && d.Verified && !d.Revision && !d.Overflow &&
		d.SHA256 == d.InputHash && d.InputSize == d.Size
}

func (d *Document) appendPlainArgs(args []any) []any {
	return append(args,
		d.Job, d.User, d.InputHash[:], d.Kind, d.Time.UnixMilli(), d.Status, d.Recipe, d.Key, d.Size, d.Lines,
		instant(d.StartedAt), instant(d.CompletedAt), instant(d.ArchivedAt),
		text(d.Changed), text(d.Source), text(cut(d.Title)), text(cut(d.Error)), text(cut(d.ErrorType)),
	)
}

// appendArgs appends what documentColumns are of d, all but its id and the last
// two.
func (d *Document) appendArgs(args []any) []any {
	sum, inputSize := d.others()
	return append(args,
		d.Job, d.User, d.InputHash[:], sum, string(cmp.Or(d.State, Stored)), d.Kind, d.Revision, d.Overflow, d.Verified,
		d.Time.UnixMilli(), d.Status, d.Recipe, d.Key, d.Size, inputSize, d.Lines,
		instant(d.StartedAt), instant(d.CompletedAt), instant(d.ArchivedAt),
		text(d.Changed), text(d.Source), text(cut(d.Title)), text(cut(d.Error)), text(cut(d.ErrorType)),
	)
}

func scanDocument(rows *sql.Rows) (Document, error) {
	var d Document
	var input, sum sql.RawBytes
	var at int64
	var inputSize, started, completed, archived sql.NullInt64
	var changed, source, title, errText, errType sql.NullString
	var segment, row sql.NullInt64
	if err := rows.Scan(&d.ID, &d.Job, &d.User, &input, &sum, &d.State, &d.Kind, &d.Revision, &d.Overflow, &d.Verified,
		&at, &d.Status, &d.Recipe, &d.Key, &d.Size, &inputSize, &d.Lines,
		&started, &completed, &archived, &changed, &source, &title, &errText, &errType, &segment, &row); err != nil {
		return Document{}, err
	}
	if err := d.InputHash.set(input); err != nil {
		return Document{}, err
	}
	d.SHA256 = d.InputHash
	if sum != nil {
		if err := d.SHA256.set(sum); err != nil {
			return Document{}, err
		}
	}
	d.InputSize = d.Size
	if inputSize.Valid {
		d.InputSize = inputSize.Int64
	}
	d.Time = time.UnixMilli(at).UTC()
	d.StartedAt, d.CompletedAt, d.ArchivedAt = fromInstant(started), fromInstant(completed), fromInstant(archived)
	d.Changed, d.Source = changed.String, source.String
	d.Title, d.Error, d.ErrorType = title.String, errText.String, errType.String
	d.Segment, d.SegmentRow = segment.Int64, row.Int64
	return d, nil
}

func (h *Hash) set(b []byte) error {
	if len(b) != len(h) {
		return fmt.Errorf("%w: a hash of %d bytes", ErrDamaged, len(b))
	}
	copy(h[:], b)
	return nil
}

// instant is t as a column has it: NULL where it is unknown.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func fromInstant(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// text is s as a column has it that is mostly empty: NULL where it is.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// cut returns the first MaxText bytes of s, less what would be part of a rune.
func cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	end := MaxText
	for i := end; i > end-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			end = i
			break
		}
	}
	return strings.Clone(s[:end])
}

// placeholders returns n question marks for a list.
func placeholders(n int) string {
	return strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
}
