package segment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"logstow/layout"
)

// ErrOrder is what Write returns, wrapped, for a row that doesn't come after
// the one before it, or that is of another user.
var ErrOrder = errors.New("not in the order of a segment")

// Writer writes one segment, row by row. It holds no more than a row group of
// compressed pages, one page and the names of what it wrote.
type Writer struct {
	out     *sealer
	parquet *parquet.GenericWriter[any]
	row     parquet.Row
	last    Row // without its document

	group, rest, page int64 // bytes in the row group, and in the page of documents
	summary           Summary
	err               error // what broke the file
}

// Summary is what a segment holds.
type Summary struct {
	Rows  int64
	Bytes int64 // of the file

	// Segment says where the file belongs, and Contents which documents are in
	// it, in its own order.
	Segment  layout.Segment
	Contents []layout.Content
}

// NewWriter returns a writer of a segment to w. Close completes the file.
func NewWriter(w io.Writer) *Writer {
	out := newSealer(w)
	d, err := newDeflater()
	return &Writer{out: out, parquet: parquet.NewGenericWriter[any](out, options(d)...), err: err}
}

func options(d *deflater) []parquet.WriterOption {
	all := schema()
	o := []parquet.WriterOption{
		newSchema(all),
		parquet.Compression(d),
		parquet.PageBufferSize(PageBytes),
		parquet.WriteBufferSize(0), // the sealer has its own, and must see where the tail begins
		parquet.DataPageVersion(1), // the one that every tool reads
		parquet.DataPageStatistics(false),
		parquet.DeferBloomFiltersWithBuffers(parquet.NewBufferPool()),
		parquet.CreatedBy("logstow", "segment", "v"+Version),
		parquet.KeyValueMetadata(versionName, Version),
		parquet.KeyValueMetadata(sealName, unsealed),
		parquet.SortingWriterConfig(parquet.SortingColumns(
			parquet.Ascending(all[colRecipe].name),
			parquet.Ascending(all[colTime].name),
			parquet.Ascending(all[colJob].name),
		)),
	}
	var filters []parquet.BloomFilterColumn
	for _, c := range all {
		if !c.bounds {
			o = append(o, parquet.SkipPageBounds(c.path()...))
		}
		if c.bloom > 0 {
			filters = append(filters, parquet.SplitBlockFilter(c.bloom, c.path()...))
		}
	}
	return append(o, parquet.BloomFilters(filters...))
}

// Write adds a row. One that doesn't fit is ErrUnfit, one whose document isn't
// what it says is ErrDamaged, one out of order is ErrOrder; nothing of such a row
// is written and the next may be. After any other error the file is useless.
func (w *Writer) Write(r *Row) error {
	if w.err != nil {
		return w.err
	}
	metadata, err := encodeMetadata(r.Metadata)
	if err == nil {
		err = r.check(metadata)
	}
	if err == nil {
		err = w.follows(r)
	}
	if err != nil {
		return fmt.Errorf("row of %.200s: %w", r.Key, err)
	}
	if w.err = w.write(r, metadata); w.err != nil {
		w.err = fmt.Errorf("write segment: %w", w.err)
		return w.err
	}
	w.count(r)
	return nil
}

// follows tells whether the row may come next.
func (w *Writer) follows(r *Row) error {
	switch {
	case w.summary.Rows == 0:
		return nil
	case w.last.User != r.User:
		return fmt.Errorf("it is of user %.80q, the segment of %.80q: %w", r.User, w.last.User, ErrOrder)
	case w.last.Compare(r) >= 0:
		return fmt.Errorf("it doesn't come after %.200s: %w", w.last.Key, ErrOrder)
	}
	return nil
}

// write ends the row group or the page where the row would make it too large,
// and adds the row.
func (w *Writer) write(r *Row, metadata string) error {
	size, rest := r.Size, r.rest(metadata)
	switch {
	case w.group+w.rest > 0 && (w.group+size > GroupBytes || w.rest+rest > RestBytes):
		if err := w.parquet.Flush(); err != nil {
			return err
		}
		w.group, w.rest, w.page = 0, 0, 0
	case w.page > 0 && w.page+size > PageBytes:
		if err := w.parquet.ColumnWriters()[colDocument].Flush(); err != nil {
			return err
		}
		w.page = 0
	}
	w.row = appendRow(w.row[:0], r, metadata)
	_, err := w.parquet.WriteRows([]parquet.Row{w.row})
	clear(w.row) // it must not keep the document
	w.group, w.rest, w.page = w.group+size, w.rest+rest, w.page+size
	return err
}

func (w *Writer) count(r *Row) {
	s := &w.summary
	if s.Rows == 0 {
		s.Segment = layout.Segment{User: r.User, First: r.Time, Last: r.Time}
	}
	if r.Time.Before(s.Segment.First) {
		s.Segment.First = r.Time
	}
	if r.Time.After(s.Segment.Last) {
		s.Segment.Last = r.Time
	}
	s.Rows++
	s.Contents = append(s.Contents, layout.Content{Key: r.Key, SHA256: r.SHA256})
	w.last = Row{User: r.User, Recipe: r.Recipe, Time: r.Time, Job: r.Job, Key: r.Key}
}

// Close completes the file and says what is in it. A segment without a row is
// an error. It doesn't close the writer below.
func (w *Writer) Close() (Summary, error) {
	if w.err != nil {
		return Summary{}, w.err
	}
	w.err = errors.New("write segment: it is closed")
	if w.summary.Rows == 0 {
		return Summary{}, errors.New("write segment: it has no rows")
	}
	if err := w.parquet.Flush(); err != nil {
		return Summary{}, fmt.Errorf("write segment: %w", err)
	}
	w.out.hold()
	if err := w.parquet.Close(); err != nil {
		return Summary{}, fmt.Errorf("write the end of a segment: %w", err)
	}
	if err := w.out.seal(w.parquet.File().Metadata()); err != nil {
		return Summary{}, fmt.Errorf("write the end of a segment: %w", err)
	}
	w.summary.Bytes = w.out.written
	w.summary.Segment.Hash = layout.ContentHash(w.summary.Contents)
	return w.summary, nil
}

// appendRow appends the row's values, column by column.
func appendRow(row parquet.Row, r *Row, metadata string) parquet.Row {
	text := func(col int, s string) { row = append(row, parquet.ByteArrayValue([]byte(s)).Level(0, 0, col)) }
	text(colJob, r.Job)
	text(colRecipe, r.Recipe)
	text(colUser, r.User)
	text(colKind, string(r.Kind))
	row = appendText(row, colStatus, r.Status)
	row = append(row, parquet.Int64Value(r.Time.UnixMilli()).Level(0, 0, colTime))
	row = appendTime(row, colStarted, r.StartedAt)
	row = appendTime(row, colCompleted, r.CompletedAt)
	row = appendTime(row, colArchived, r.ArchivedAt)
	row = appendText(row, colTitle, r.Title)
	row = appendText(row, colError, r.Error)
	row = appendText(row, colErrorType, r.ErrorType)
	row = appendAdapters(row, r.Adapters)
	if r.Lines < 0 {
		row = append(row, parquet.Value{}.Level(0, 0, colLines))
	} else {
		row = append(row, parquet.Int64Value(r.Lines).Level(0, 1, colLines))
	}
	row = append(row,
		parquet.Int64Value(r.Size).Level(0, 0, colSize),
		parquet.Int64Value(r.InputSize).Level(0, 0, colInputSize),
		parquet.FixedLenByteArrayValue(r.InputHash[:]).Level(0, 0, colInputHash),
		parquet.FixedLenByteArrayValue(r.SHA256[:]).Level(0, 0, colSHA256),
	)
	text(colKey, r.Key)
	row = appendText(row, colChanged, r.Changed)
	row = append(row, parquet.BooleanValue(r.Overflow).Level(0, 0, colOverflow))
	row = appendText(row, colMetadata, metadata)
	if len(r.Change) == 0 {
		row = append(row, parquet.Value{}.Level(0, 0, colChange))
	} else {
		row = append(row, parquet.ByteArrayValue(r.Change).Level(0, 1, colChange))
	}
	return append(row, parquet.ByteArrayValue(r.Document).Level(0, 0, colDocument))
}

// appendText appends an optional text, none where it is empty.
func appendText(row parquet.Row, col int, s string) parquet.Row {
	if s == "" {
		return append(row, parquet.Value{}.Level(0, 0, col))
	}
	return append(row, parquet.ByteArrayValue([]byte(strings.ToValidUTF8(s, "\uFFFD"))).Level(0, 1, col))
}

func appendTime(row parquet.Row, col int, t time.Time) parquet.Row {
	if t.IsZero() {
		return append(row, parquet.Value{}.Level(0, 0, col))
	}
	return append(row, parquet.Int64Value(t.UnixMilli()).Level(0, 1, col))
}

func appendAdapters(row parquet.Row, adapters []string) parquet.Row {
	if len(adapters) == 0 {
		return append(row, parquet.Value{}.Level(0, 0, colAdapters))
	}
	for i, a := range adapters {
		a = strings.ToValidUTF8(a, "\uFFFD")
		row = append(row, parquet.ByteArrayValue([]byte(a)).Level(min(i, 1), 1, colAdapters))
	}
	return row
}

// encodeMetadata returns the JSON of an object's metadata, empty for none.
func encodeMetadata(m map[string]string) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	b, err := json.Marshal(m)
	return string(b), err
}
