// Package store states what an object store promises.
//
// The promise is kept by s3store, dirstore and memstore, and held against each
// of them by storetest. What a store can do beyond it (presign URLs, keep
// versions, lock objects) is an interface of its own here, which callers find
// with As.
package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"strings"
	"time"
)

// Errors that every store returns for its own kind of failure, beside
// fs.ErrNotExist (no such object), fs.ErrExist (a Put with IfAbsent lost),
// fs.ErrPermission (the credentials may not do this) and fs.ErrInvalid (a key
// or an argument that this store can't take). Test with errors.Is.
var (
	// ErrChanged says that a Put with IfMatch found another ETag or no object.
	ErrChanged = errors.New("object has changed")

	// ErrRefused says that the store will not take this however often it is
	// asked: access denied, no such bucket, a disabled KMS key, bad
	// credentials. An error that is fs.ErrPermission is also ErrRefused. Where
	// the store lacks a feature, it is also errors.ErrUnsupported.
	ErrRefused = errors.New("refused by the store")

	// ErrCredentials says that there are no credentials, or that the store
	// does not know them. It is always ErrRefused too.
	ErrCredentials = errors.New("no valid credentials")

	// ErrUnavailable says that the store could not be reached, or throttled
	// until the retries were used up. The same call is safe to make again; a
	// Put may or may not have taken effect.
	ErrUnavailable = errors.New("store unavailable")

	// ErrThrottled says that the store asks for fewer requests. It is always
	// ErrUnavailable too.
	ErrThrottled = fmt.Errorf("%w: it asks for fewer requests", ErrUnavailable)
)

// Store keeps objects under keys. A key is a relative slash-separated path:
// UTF-8 without NUL, no empty, "." or ".." segment, at most 1,024 bytes with
// the store's prefix; other keys are refused with fs.ErrInvalid. A store made
// of files also refuses a segment of more than 255 bytes, and a key that is
// another key's folder. List may yield other keys, where something else wrote
// them.
//
// A store opened with a prefix adds it on the way in and strips it on the way
// out; its callers never see it.
//
// All methods may be called concurrently. After ctx ends nothing more is
// written, but a write already under way may still take effect.
type Store interface {
	// Put writes one object. It is atomic (a reader sees the whole object or
	// none of it) and durable once Put has returned nil. A Put that returned
	// an error may have taken effect, except for ErrRefused and fs.ErrInvalid,
	// which mean that it had not. With fs.ErrExist or ErrChanged something is
	// there: mostly another's object, but it may be this very one, where an
	// answer was lost on the way and the request was repeated. Compare.
	//
	// A Put whose content does not have the sums that Body states fails.
	Put(ctx context.Context, key string, body Body, opts PutOptions) error

	// Get reads an object or a part of it. It sees every Put that returned
	// before it was called. The caller closes the reader. A part that starts
	// beyond the end reads as empty. Info is that of the whole object.
	Get(ctx context.Context, key string, part Range) (io.ReadCloser, Info, error)

	// Stat returns what Get would, without the content.
	Stat(ctx context.Context, key string) (Info, error)

	// List yields the objects whose keys begin with opts.Prefix, in
	// increasing byte order of their keys, fetching page by page. It sees
	// every Put that returned before it began. The first error ends it.
	List(ctx context.Context, opts ListOptions) iter.Seq2[Info, error]

	// Delete removes objects, in requests of up to 1,000 keys where the store
	// has such requests. Removing what is not there is not an error. It tries
	// every key; the error joins a *KeyError per key that is still there, or is
	// one for a request that came to nothing. On a bucket with versions it only
	// hides: see Remove.
	Delete(ctx context.Context, keys ...string) error
}

// Body is the content of a Put. The store may read it more than once, and
// sends both sums with it so that the receiver can verify what arrived.
type Body struct {
	io.ReaderAt
	Size   int64
	Memory []byte            // the same bytes, where they are in memory as one piece; else nil
	CRC32C uint32            // Castagnoli
	SHA256 [sha256.Size]byte // of the same bytes
}

// Bytes returns a Body of b, which must not change until Put has returned.
func Bytes(b []byte) Body {
	return Body{
		ReaderAt: bytes.NewReader(b),
		Size:     int64(len(b)),
		Memory:   b,
		CRC32C:   crc32.Checksum(b, Castagnoli),
		SHA256:   sha256.Sum256(b),
	}
}

// Castagnoli is the table of the CRC that Body carries.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PutOptions says when and how a Put writes. The zero value replaces whatever
// is there.
type PutOptions struct {
	// IfAbsent makes Put lose with fs.ErrExist when the key is taken. Of any
	// number of concurrent calls at most one wins.
	IfAbsent bool

	// IfMatch makes Put lose with ErrChanged unless the object has this ETag.
	IfMatch string

	// ContentType is "application/json" where empty.
	ContentType string

	// Metadata is a hint for other tools, kept where the store keeps such
	// things and ignored elsewhere. Keys are lower case, values ASCII.
	Metadata map[string]string

	// Paced says that the caller slows down by itself: where the store asks
	// for fewer requests, Put is ErrThrottled at once instead of waiting and
	// trying again.
	Paced bool
}

// Range is a part of an object: Length bytes from Offset, or all from Offset
// where Length is 0.
type Range struct {
	Offset, Length int64
}

// Info describes an object.
type Info struct {
	Key     string
	Size    int64
	ModTime time.Time
	ETag    string // opaque; changes whenever the content does

	// Metadata is what Put was given. Only Get and Stat fill it, and only on
	// stores that keep it.
	Metadata map[string]string
}

// ListOptions says what List yields.
type ListOptions struct {
	Prefix string // of the keys; need not end at a slash
	After  string // only keys greater than this one
}

// Presigner makes URLs that need no credentials.
type Presigner interface {
	// Presign returns a URL that reads the object, and when it really stops
	// working: the earliest of ttl, seven days, and one minute before the
	// signing credentials expire. filename, where not empty, is what a browser
	// saves it as. It does not look whether the object exists.
	Presign(ctx context.Context, key string, ttl time.Duration, filename string) (url string, expires time.Time, err error)
}

// Version is one version of an object on a store that keeps them.
type Version struct {
	Info
	ID      string
	Latest  bool
	Deleted bool // a delete marker: the object was hidden here
}

// Versioner lists and removes versions on stores that may keep them. To remove
// objects for good use Remove, which knows when versions are to be looked for.
type Versioner interface {
	// Versioned tells whether the store keeps versions or once did. Where that
	// can't be found out it is true. The answer may be a minute old.
	Versioned(ctx context.Context) (bool, error)

	// Versions yields every version of every object whose key begins with
	// prefix, by key and then newest first. On a bucket that never kept
	// versions each object has one, whose ID DeleteVersions takes. It is
	// errors.ErrUnsupported where the server knows no versions.
	Versions(ctx context.Context, prefix string) iter.Seq2[Version, error]

	// DeleteVersions removes versions, named by Key and ID, for good, in
	// requests of up to 1,000. Removing what is not there is not an error. It
	// tries all of them; the error joins a *KeyError per version that is still
	// there, or is one for a request that came to nothing. One that is locked is
	// fs.ErrPermission.
	DeleteVersions(ctx context.Context, versions ...Version) error
}

// KeyError says why an object, or a version of it, was not deleted.
type KeyError struct {
	Key, ID string // ID is empty for an object that has no versions
	Err     error
}

// Error names what is still there.
func (e *KeyError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("delete %s: %v", e.Key, e.Err)
	}
	return fmt.Sprintf("delete version %s of %s: %v", e.ID, e.Key, e.Err)
}

// Unwrap returns the reason.
func (e *KeyError) Unwrap() error { return e.Err }

// Lock is a bucket's Object Lock configuration.
type Lock struct {
	Enabled bool
	Mode    string        // GOVERNANCE or COMPLIANCE; empty without a default
	Default time.Duration // retention of new objects; 0 without a default
}

// Locker tells a bucket's Object Lock configuration.
type Locker interface {
	Lock(ctx context.Context) (Lock, error)
}

// Retention is what keeps a version of an object from being removed.
type Retention struct {
	Until time.Time // zero: nothing does by date
	Mode  string    // GOVERNANCE or COMPLIANCE; empty: none
	Legal bool      // a legal hold does
}

// Retainer tells and sets what keeps objects from being removed, on buckets with
// Object Lock. On others its errors are errors.ErrUnsupported.
type Retainer interface {
	// Retention tells what keeps a version; id is empty for the latest. It is
	// fs.ErrNotExist where there is no such version.
	Retention(ctx context.Context, key, id string) (Retention, error)

	// SetLegalHold puts a legal hold on the latest version of an object, or
	// takes it off.
	SetLegalHold(ctx context.Context, key string, on bool) error
}

// RetainedError says that the store does not let something go: it is locked,
// or the credentials don't suffice. It is fs.ErrPermission.
type RetainedError struct {
	Keys  []string  // of the objects that are still there
	Until time.Time // when the first of them may be tried again; zero: not known
	Err   error     // why the latest of them was refused, without its key
}

// Error names what is still there.
func (e *RetainedError) Error() string {
	until := ""
	if !e.Until.IsZero() {
		until = " until " + e.Until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("retained by the store%s: %s: %v", until, strings.Join(e.Keys, ", "), e.Err)
}

// Unwrap returns the refusal.
func (e *RetainedError) Unwrap() error { return e.Err }

// Upload is one that was begun in parts and is not finished. It takes room and is
// no object.
type Upload struct {
	Key, ID string
	Begun   time.Time
}

// Uploads lists unfinished uploads on stores that have such.
type Uploads interface {
	// Uploads yields the unfinished uploads to keys that begin with prefix, by
	// key. logstow itself makes none.
	Uploads(ctx context.Context, prefix string) iter.Seq2[Upload, error]
}
