package export

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"logstow/archive/ledger"
)

// csvFormat writes one row a job, of what the ledger knows of it.
type csvFormat struct {
	out    *output
	ofUser bool // who asked may see one user's jobs and no more
	stamps stamps
	holdsNothing
}

// csvColumns is the first row. Columns are only ever added, at the end.
var csvColumns = [...]string{
	"user_id", "recipe_id", "job_id", "kind", "status", "time", "started_at", "completed_at", "duration_seconds",
	"title", "error", "error_type", "lines", "size", "key", "sha256", "input_size", "input_sha256",
	"revision", "changed", "overflow", "verified", "source", "archived_at",
}

func (f *csvFormat) begin() error {
	f.out.buf = append(append(f.out.buf, strings.Join(csvColumns[:], ",")...), '\r', '\n')
	return nil
}

func (f *csvFormat) end(context.Context) error { return nil }

func (f *csvFormat) version(_ context.Context, v picked) error {
	d := &v.Document
	source := d.Source
	if f.ofUser { // it tells of the machine, and may tell of other users
		source = ""
	}
	f.text(d.User, d.Recipe, d.Job, d.Kind, d.Status)
	f.times(d.Time, d.StartedAt, d.CompletedAt)
	if !d.StartedAt.IsZero() && !d.CompletedAt.IsZero() {
		f.out.buf = strconv.AppendFloat(f.out.buf, d.CompletedAt.Sub(d.StartedAt).Seconds(), 'f', 3, 64)
	}
	f.out.buf = append(f.out.buf, ',')
	f.text(d.Title, d.Error, d.ErrorType)
	if d.Lines >= 0 {
		f.out.buf = strconv.AppendInt(f.out.buf, d.Lines, 10)
		f.out.Lines += d.Lines
	}
	f.out.buf = append(f.out.buf, ',')
	f.number(d.Size)
	f.text(d.Key)
	f.hash(d.SHA256)
	f.number(d.InputSize)
	f.hash(d.InputHash)
	f.text(strconv.FormatBool(d.Revision), d.Changed, strconv.FormatBool(d.Overflow), strconv.FormatBool(d.Verified), source)
	f.times(d.ArchivedAt)
	f.out.buf = append(f.out.buf[:len(f.out.buf)-1], '\r', '\n')
	return nil
}

// text appends cells, each with a comma after it. Spreadsheets take what begins
// with = + - @ for a formula: an apostrophe before it makes it a text.
func (f *csvFormat) text(cells ...string) {
	b := f.out.buf
	for _, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
			cell = "'" + cell
		}
		cell = strings.ToValidUTF8(cell, "\uFFFD")
		if strings.ContainsAny(cell, "\",;\t\r\n ") {
			b = append(b, '"')
			b = append(b, bytes.ReplaceAll([]byte(cell), []byte{'"'}, []byte{'"', '"'})...)
			b = append(b, '"')
		} else {
			b = append(b, cell...)
		}
		b = append(b, ',')
	}
	f.out.buf = b
}

// times appends cells with times, empty for those that are unknown.
func (f *csvFormat) times(times ...time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			f.out.buf = f.stamps.append(f.out.buf, t)
		}
		f.out.buf = append(f.out.buf, ',')
	}
}

func (f *csvFormat) number(n int64) {
	f.out.buf = append(strconv.AppendInt(f.out.buf, n, 10), ',')
}

func (f *csvFormat) hash(h ledger.Hash) {
	f.out.buf = append(append(f.out.buf, h.String()...), ',')
}
