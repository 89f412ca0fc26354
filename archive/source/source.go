// Package source states what a source of records promises.
package source

import (
	"context"
	"io"
	"iter"
	"time"

	"logstow/layout/jobfile"
)

// Source yields the records of one place. Its packages are below this one.
type Source interface {
	// Name is how the ledger and messages call this source: stable from run
	// to run, unique among sources, such as an absolute path, a glob or "-".
	Name() string

	// Records reads from where the cursors say and yields each record once,
	// in a stable order. cursors holds what was last committed for this
	// source, by Cursor.Part; an empty map reads everything.
	//
	// A yielded error belongs to one part (a file that vanished with unread
	// bytes, or can't be opened): reading goes on with the next part. An
	// error that is ctx's ends it. The consumer must Release every record.
	Records(ctx context.Context, cursors map[string]string) iter.Seq2[*Record, error]
}

// Record is one record as it came: the bytes of one JSON object, without the
// white space around it, or bytes that are not one (see Broken).
type Record struct {
	Part   string // the file it came from, absolute; "-" for standard input
	Offset int64  // of its first byte in Part, after decompression

	// Data reads the record's Size bytes. It is a jobfile.Memory where the
	// record is small, else a temporary file that has no name any more. It is
	// not valid after Release.
	Data io.ReaderAt
	Size int64

	// Scanned tells that Info, or Err, is what Scan of the jobfile.Reader that
	// the source was given said of these bytes: a source that has to find a
	// record's end anyway passes over it once for both.
	Scanned bool
	Info    jobfile.Info
	Err     error // a *jobfile.Error

	// Broken says why these bytes are not a record; nil for a record. Broken
	// bytes are quarantined whole.
	Broken *BrokenError

	// Cursor, where not nil, may be committed once this record and all before
	// it are safe. Not every record has one; the last of a part always does.
	// A Record whose Data is nil is no record: it only brings a Cursor, where
	// a part's state changed without one (it ends inside a record, say).
	Cursor *Cursor

	release func()
}

// NewRecord returns a record whose Release calls release once.
func NewRecord(part string, offset int64, data io.ReaderAt, size int64, release func()) *Record {
	return &Record{Part: part, Offset: offset, Data: data, Size: size, release: release}
}

// Release gives back the record's memory or temporary file. A second call does
// nothing. Not safe for concurrent use with itself.
func (r *Record) Release() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

// Cursor says how far one part of a source was read.
type Cursor struct {
	Part  string
	Value string // opaque outside the source's package; "" means to forget the part
}

// Tail is where a part ends in something that is no whole record yet.
type Tail struct {
	Part    string
	Offset  int64     // where it begins, after decompression
	Changed time.Time // when the part was last seen to have changed
}

// BrokenError says why bytes of a source are not a record.
type BrokenError struct {
	Offset int64  // in the part, after decompression, where the reason shows
	Reason string // "invalid character '}' after ','"
}

// Error gives the reason.
func (e *BrokenError) Error() string { return e.Reason }

// Budget bounds the bytes of records that are in memory at once. One Budget is
// shared by all sources of a run.
type Budget interface {
	// Acquire waits until n bytes are free; for an n larger than the whole
	// budget, until all of it is, so that such a record passes alone. It
	// returns ctx's error when ctx ends first. A source never waits here while
	// it holds bytes of records that it hasn't yielded.
	Acquire(ctx context.Context, n int64) error
	Release(n int64)
}
