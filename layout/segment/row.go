package segment

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"logstow/layout/jobfile"
)

// Row is one document, event or revision of a segment.
type Row struct {
	User   string
	Recipe string // of an event: its type
	Job    string // of an event: its id
	Kind   jobfile.Kind
	Status string // empty for events

	Time        time.Time // to the millisecond, as are the next three
	StartedAt   time.Time // zero where unknown, as are the next two
	CompletedAt time.Time
	ArchivedAt  time.Time
	Title       string
	Error       string
	ErrorType   string
	Adapters    []string
	Lines       int64 // -1 where unknown

	Size      int64 // of Document
	InputSize int64
	InputHash [sha256.Size]byte // of the inner record as received
	SHA256    [sha256.Size]byte // of Document

	Key      string            // in the store, literally
	Changed  string            // what was done to the record; see archive/ledger
	Overflow bool              // the full record lies under layout.Overflow(Key)
	Metadata map[string]string // of the object
	Change   []byte            // the bytes of the object layout.Meta(Key); empty where there is none

	// Document is the object's bytes. What lists rows without reading their
	// documents leaves it nil.
	Document []byte
}

// Compare orders rows as a segment has them: by recipe, time, job and key.
func (r *Row) Compare(other *Row) int {
	return cmp.Or(
		strings.Compare(r.Recipe, other.Recipe),
		cmp.Compare(r.Time.UnixMilli(), other.Time.UnixMilli()),
		strings.Compare(r.Job, other.Job),
		strings.Compare(r.Key, other.Key),
	)
}

// Errors of Writer.Write, wrapped, for a row that a segment can't hold. The
// object is then to be left where it is; the segment may go on without it.
var (
	// ErrUnfit says that the row is too large, or that an id, the status, the
	// key or the metadata isn't UTF-8 text, or that it has no time.
	ErrUnfit = errors.New("does not fit a segment")

	// ErrDamaged says that the bytes aren't those of the hash or the size. It is
	// also returned where a segment is read that isn't as it was written.
	ErrDamaged = errors.New("damaged")
)

// check tells whether a segment can hold the row; metadata is how it is written.
func (r *Row) check(metadata string) error {
	for _, text := range []struct{ what, is string }{
		{"user", r.User},
		{"recipe", r.Recipe},
		{"job", r.Job},
		{"kind", string(r.Kind)},
		{"key", r.Key},
	} {
		if text.is == "" {
			return fmt.Errorf("its %s is empty: %w", text.what, ErrUnfit)
		}
		if !utf8.ValidString(text.is) {
			return fmt.Errorf("its %s %.80q is not UTF-8: %w", text.what, text.is, ErrUnfit)
		}
	}
	if !utf8.ValidString(r.Status) || !utf8.ValidString(r.Changed) {
		return fmt.Errorf("its status %.80q or what was changed, %.80q, is not UTF-8: %w", r.Status, r.Changed, ErrUnfit)
	}
	for name, value := range r.Metadata {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return fmt.Errorf("its metadata %.80q, %.80q is not UTF-8: %w", name, value, ErrUnfit)
		}
	}
	if y := r.Time.UTC().Year(); y < 1 || y > 9999 || r.Time.IsZero() {
		return fmt.Errorf("its time %v has no year of four digits: %w", r.Time, ErrUnfit)
	}
	if len(r.Document) > MaxDocument {
		return fmt.Errorf("its document has %d bytes, more than %d: %w", len(r.Document), MaxDocument, ErrUnfit)
	}
	if rest := r.rest(metadata); rest > maxRest {
		return fmt.Errorf("it has %d bytes beside its document, more than %d: %w", rest, maxRest, ErrUnfit)
	}
	if r.Size != int64(len(r.Document)) {
		return fmt.Errorf("its document has %d bytes, not %d: %w", len(r.Document), r.Size, ErrDamaged)
	}
	if sum := sha256.Sum256(r.Document); sum != r.SHA256 {
		return fmt.Errorf("its document has the SHA-256 %x, not %x: %w", sum, r.SHA256, ErrDamaged)
	}
	return nil
}

// rest is about how many bytes the row takes without its document.
func (r *Row) rest(metadata string) int64 {
	n := 14*8 + 2*hashSize
	for _, s := range []string{
		r.Job, r.Recipe, r.User, string(r.Kind), r.Status, r.Title, r.Error, r.ErrorType, r.Key, r.Changed, metadata,
	} {
		n += len(s)
	}
	for _, a := range r.Adapters {
		n += 8 + len(a)
	}
	return int64(n + len(r.Change))
}
