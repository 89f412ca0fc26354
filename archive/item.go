package archive

import (
	"encoding/hex"
	"errors"
	"hash/crc32"
	"slices"
	"sync/atomic"

	"logstow/archive/ledger"
	"logstow/archive/source"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// outcome is what became of a record.
type outcome int

const (
	undecided outcome = iota
	archived
	alreadyArchived
	quarantined
	refused
	unverified
	skipped
	cursorOnly // it was no record
	unreadable // it was no record but an error of a part
)

// item is a record on its way. One goroutine at a time has it: the reader, an
// inspector, a writer, the committer.
type item struct {
	input  *Input
	source string // the input's name
	rec    *source.Record
	part   string // as in rec, which is gone once the item is finished
	offset int64
	size   int64

	info jobfile.Info
	key  string // its document's, unless that is taken
	busy *claim // nil where the record has no identity

	outcome outcome
	reason  string // of quarantined, refused, unverified, unreadable
	row     ledger.Document
	raw     *ledger.Quarantined
	err     error       // stops the run
	final   atomic.Bool // outcome and err are
	bell    *bell       // rung when they are; nil where nobody waits
}

func newItem(in *Input, name string, rec *source.Record) *item {
	return &item{input: in, source: name, rec: rec, part: rec.Part, offset: rec.Offset, size: rec.Size}
}

// finish ends the item's way, but for the committer.
func (it *item) finish(o outcome, err error) {
	it.outcome, it.err = o, err
	it.rec.Release()
	it.rec.Data = nil // the item may wait long for its commit
	it.bell.ring(it)
}

// inspect reads the record. It leaves the item undecided where it is to be
// written, unless the ledger knows better.
func (it *item) inspect(kinds []jobfile.Kind) (outcome, error) {
	if b := it.rec.Broken; b != nil {
		it.reason = (&jobfile.Error{Offset: b.Offset - it.rec.Offset, Reason: b.Reason}).Error()
		return quarantined, nil
	}
	info, err := it.read()
	var bad *jobfile.Error
	if errors.As(err, &bad) {
		it.reason = bad.Error()
		return quarantined, nil
	}
	if err != nil {
		return undecided, err
	}
	if kinds != nil && !slices.Contains(kinds, info.Kind) {
		return skipped, nil
	}
	it.info = info
	if it.key, err = key(info); err != nil {
		it.reason = err.Error()
		return quarantined, nil
	}
	return undecided, nil
}

// read returns what the record says, which its source may know already.
func (it *item) read() (jobfile.Info, error) {
	m, ok := it.rec.Data.(jobfile.Memory)
	switch {
	case !it.rec.Scanned || !ok:
		return it.input.Reader.Read(it.rec.Data, it.rec.Size)
	case it.rec.Err != nil:
		return jobfile.Info{}, it.rec.Err
	}
	info := it.rec.Info
	it.input.Reader.Hash(m, &info)
	return info, nil
}

// key returns where the record belongs.
func key(i jobfile.Info) (string, error) {
	if i.Kind == jobfile.Job {
		return layout.Document{User: i.User, Recipe: i.Recipe, Job: i.Job, Time: i.Time, Status: i.Status}.Key()
	}
	return layout.Event{User: i.User, Type: i.Recipe, ID: i.Job, Time: i.Time}.Key()
}

func (it *item) ref() ledger.Ref { return ledger.Ref{User: it.info.User, Job: it.info.Job} }

// hash is the record's input hash in hex.
func (it *item) hash() string { return hex.EncodeToString(it.info.InputHash[:]) }

// document returns the ledger's row for what i says, without what only the
// writing of it tells.
func document(i jobfile.Info) ledger.Document {
	return ledger.Document{
		Kind: string(i.Kind), User: i.User, Recipe: i.Recipe, Job: i.Job, Status: i.Status,
		Time: i.Time, StartedAt: i.StartedAt, CompletedAt: i.CompletedAt,
		Title: i.Title, Error: i.Error, ErrorType: i.ErrorType, Lines: i.LineCount,
		InputHash: i.InputHash, State: ledger.Stored,
	}
}

// body is the record as it came.
func (it *item) body() (store.Body, error) {
	m, ok := it.rec.Data.(jobfile.Memory)
	if ok && it.info.Bare(it.rec.Size) {
		return store.Body{
			ReaderAt: m, Size: it.rec.Size, Memory: m,
			CRC32C: crc32.Checksum(m, store.Castagnoli), SHA256: it.info.InputHash,
		}, nil
	}
	return sums(it.rec.Data, it.rec.Size)
}
