package layout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Change is the content of the object at Meta: what was done to a document
// that is not its record as received. Hashes are SHA-256 in lower-case hex.
//
// Two deliveries of one record may have had different envelopes, and a run may
// have died between the objects that belong together. So nothing here depends
// on the envelope but what tells of the overflow.
type Change struct {
	InputSHA256  string   `json:"input_sha256"`  // of the inner record as received
	StoredSHA256 string   `json:"stored_sha256"` // of the inner record as stored
	Lines        int64    `json:"lines"`         // in the record as received; -1 where unknown
	Changed      []string `json:"changed"`       // "capped", or a level of detail

	// InputSize is the bytes of the whole record as received. OverflowSHA256
	// is its hash where it lies at Overflow, and empty where it was not kept.
	InputSize      int64  `json:"input_size"`
	OverflowSHA256 string `json:"overflow_sha256,omitempty"`
}

// QuarantineNote is the content of the object at QuarantineReason: where the
// raw bytes beside it came from, and why they are there.
type QuarantineNote struct {
	Source string    `json:"source"`
	Part   string    `json:"part"`
	Offset int64     `json:"offset"` // in the part, after decompression
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"` // of the raw bytes
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// ErasureRecord is the content of the object at Erasure: which versions of a
// job or an event were erased. It has ids and hashes, never content. The ids
// are for who reads it; where they are no text, the keys alone tell them.
type ErasureRecord struct {
	User     string          `json:"user"`
	Recipe   string          `json:"recipe"` // of an event: its type
	Job      string          `json:"job"`    // of an event: its id
	Versions []ErasedVersion `json:"versions"`
	By       string          `json:"by"`     // who asked
	Reason   string          `json:"reason"` // may be empty
	At       time.Time       `json:"at"`
}

// ErasedVersion is one version of what was erased.
type ErasedVersion struct {
	Key         string `json:"key"`          // of its document, event or revision
	Kind        string `json:"kind"`         // what kind of record it was
	InputSHA256 string `json:"input_sha256"` // of the inner record as received
}

// ManifestRecord is the content of the object at Manifest: which segment was
// written, and what of. That segment is whole, and every one of its documents
// was read back and compared, before this was put. What its rows are it tells
// itself, sealed by hashes; see layout/segment.
type ManifestRecord struct {
	Segment  string    `json:"segment"` // its key
	Size     int64     `json:"size"`    // of the file
	SHA256   string    `json:"sha256"`  // of the file
	Rows     int64     `json:"rows"`
	Replaces []string  `json:"replaces,omitempty"` // the segments, by their keys, that it was made of
	At       time.Time `json:"at"`
}

// HoldRecord is the content of the object at Hold: what is on hold, from then on
// and whenever it comes, until there is a ReleaseRecord.
type HoldRecord struct {
	ID     string    `json:"id"`
	Scope  Scope     `json:"scope"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// ReleaseRecord is the content of the object at HoldRelease.
type ReleaseRecord struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// contents are what small objects of our own hold.
type contents interface {
	Change | QuarantineNote | ErasureRecord | ManifestRecord | HoldRecord | ReleaseRecord
}

// Encode returns the JSON form of what a small object of our own holds.
func Encode[T contents](content T) []byte {
	b, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		panic(err) // none of them holds what can't be encoded
	}
	return append(b, '\n')
}

// Decode reads what Encode wrote. Members that it does not know are of a later
// version, and are passed over.
func Decode[T contents](b []byte) (T, error) {
	var content T
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&content); err != nil {
		return content, fmt.Errorf("not the JSON of a %T: %w", content, err)
	}
	return content, nil
}
