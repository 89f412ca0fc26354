package export_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// all is every document that the ledger lists.
func (w *world) all() []ledger.Document {
	w.t.Helper()
	var all []ledger.Document
	for d, err := range w.ledger.Documents(w.t.Context(), ledger.Query{}) {
		w.must(err)
		all = append(all, d)
	}
	return all
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// month is a user's.
type month struct {
	user  string
	first time.Time
}

func monthOf(d ledger.Document) month {
	at := d.Time.UTC()
	return month{d.User, time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)}
}

// pack has every document lie in one of so many segments of its user's month,
// wherever it lay. Where it lay stays as it is.
func (w *world) pack(parts int) {
	w.t.Helper()
	months := map[month][]ledger.Document{}
	for _, d := range w.all() {
		months[monthOf(d)] = append(months[monthOf(d)], d)
	}
	for m, docs := range months {
		w.packMonth(m, docs, parts)
	}
}

func (w *world) packMonth(m month, docs []ledger.Document, parts int) {
	w.t.Helper()
	slices.SortFunc(docs, func(a, b ledger.Document) int { return int(a.ID - b.ID) })
	var old []int64
	rows := make([][]*segment.Row, min(parts, len(docs)))
	ids := map[string]int64{}
	for i, d := range docs {
		rows[i%len(rows)] = append(rows[i%len(rows)], w.segmentRow(d))
		ids[d.Key] = d.ID
		if d.Segment != 0 && !slices.Contains(old, d.Segment) {
			old = append(old, d.Segment)
		}
	}
	if len(old) == len(rows) {
		return // they would be the same
	}
	var packed []ledger.Packed
	now := time.Now()
	for _, part := range rows {
		packed = append(packed, w.writeSegment(m, part, ids, now))
	}
	w.must(w.ledger.CommitSegments(w.t.Context(), packed, old, now, now))
}

// writeSegment puts a segment of these rows, whose documents' IDs are by their keys.
func (w *world) writeSegment(m month, rows []*segment.Row, ids map[string]int64, now time.Time) ledger.Packed {
	w.t.Helper()
	slices.SortFunc(rows, (*segment.Row).Compare)
	var b bytes.Buffer
	var packed ledger.Packed
	out := segment.NewWriter(&b)
	for _, row := range rows {
		w.must(out.Write(row))
		packed.Documents = append(packed.Documents, ids[row.Key])
	}
	sum, err := out.Close()
	w.must(err)
	key, err := sum.Segment.Key()
	w.must(err)
	packed.Segment, err = w.ledger.BeginSegment(w.t.Context(), ledger.Segment{
		Key: key, User: m.user, Month: m.first, Rows: sum.Rows, Size: sum.Bytes, SHA256: sha256.Sum256(b.Bytes()), Created: now,
	})
	w.must(err)
	w.put(key, b.Bytes())
	return packed
}

// segmentRow is a document as a row, read from where it lies by other means than
// those that are proved.
func (w *world) segmentRow(d ledger.Document) *segment.Row {
	w.t.Helper()
	row := &segment.Row{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Kind: jobfile.Kind(d.Kind), Status: d.Status,
		Time: d.Time, StartedAt: d.StartedAt, CompletedAt: d.CompletedAt, ArchivedAt: d.ArchivedAt,
		Title: d.Title, Error: d.Error, ErrorType: d.ErrorType, Lines: d.Lines,
		Size: d.Size, InputSize: d.InputSize, InputHash: d.InputHash, SHA256: d.SHA256,
		Key: d.Key, Changed: d.Changed, Overflow: d.Overflow,
	}
	if d.Segment == 0 {
		row.Document = w.object(d.Key)
		if d.Changed != "" {
			row.Change = w.object(layout.Meta(d.Key))
		}
		return row
	}
	s, err := w.ledger.Segment(w.t.Context(), d.Segment)
	w.must(err)
	file := w.object(s.Key)
	r, err := segment.Open(bytes.NewReader(file), int64(len(file)))
	w.must(err)
	all, err := r.Find(segment.Wanted{Job: d.Job, Recipe: d.Recipe})
	w.must(err)
	for _, found := range all {
		if found.Key == d.Key {
			found.Document, err = r.Document(found)
			w.must(err)
			return &found.Row
		}
	}
	w.t.Fatalf("%s doesn't have %s", s.Key, d.Key)
	return nil
}

func (w *world) object(key string) []byte {
	w.t.Helper()
	body, _, err := w.store.Get(w.t.Context(), key, store.Range{})
	w.must(err)
	defer body.Close()
	b, err := io.ReadAll(body)
	w.must(err)
	return b
}

// removeInputs removes the objects of all documents that lie in segments.
func (w *world) removeInputs() {
	w.t.Helper()
	segments, err := w.ledger.Segments(w.t.Context(), ledger.SegmentQuery{States: []ledger.SegmentState{ledger.SegmentStored}})
	w.must(err)
	for _, s := range segments {
		docs, err := w.ledger.ClaimInputs(w.t.Context(), s.ID, time.Now(), time.Hour, 1_000_000)
		w.must(err)
		for _, d := range docs {
			w.must(w.store.Delete(w.t.Context(), d.Key, layout.Meta(d.Key)))
		}
		w.must(w.ledger.EndInputs(w.t.Context(), docs))
	}
}

// takeOut puts every document back to where it was, and removes the segments.
func (w *world) takeOut() {
	w.t.Helper()
	for _, d := range w.all() {
		if d.Segment == 0 {
			continue
		}
		row := w.segmentRow(d)
		w.must(w.ledger.AddInputs(w.t.Context(), []ledger.Document{d}))
		w.put(d.Key, row.Document)
		if len(row.Change) > 0 {
			w.put(layout.Meta(d.Key), row.Change)
		}
		w.must(w.ledger.KeepInput(w.t.Context(), d))
	}
	w.removeSegments()
}

// removeSegments removes every segment in which nothing lies.
func (w *world) removeSegments() {
	w.t.Helper()
	segments, err := w.ledger.Segments(w.t.Context(), ledger.SegmentQuery{})
	w.must(err)
	for _, s := range segments {
		_, err := w.ledger.StartSegmentRemoval(w.t.Context(), s.ID, time.Now().Add(time.Hour))
		if errors.Is(err, ledger.ErrMoved) {
			continue
		}
		w.must(err)
		w.must(w.store.Delete(w.t.Context(), s.Key))
		w.must(w.ledger.EndSegmentRemoval(w.t.Context(), s.ID))
	}
}

// moves are what may become of documents, one after the other and then again.
func (w *world) moves() []move {
	return []move{
		{"packed", func() { w.pack(1) }},
		{"inputs removed", w.removeInputs},
		{"rewritten", func() { w.pack(2) }},
		{"old segments removed", w.removeSegments},
		{"merged", func() { w.pack(1); w.removeSegments() }},
		{"taken out", w.takeOut},
	}
}

type move struct {
	what string
	do   func()
}
