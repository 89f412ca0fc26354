package jobindex

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
)

const (
	// MaxEntries is how many entries a run has at most.
	MaxEntries = 1 << 18

	// BucketBits is how many bits the number of a bucket has at most.
	BucketBits = 20

	perBucket  = 112 // entries, so that four buckets fit into a page of 4 KiB
	entryBytes = 8
)

// ErrDamaged is what a run is that can't have been written by this package.
var ErrDamaged = errors.New("the index of jobs is damaged")

// Entry says that the row ID may be of a job that has the hash.
type Entry struct {
	Hash uint32
	ID   int64
}

func (e Entry) less(o Entry) bool {
	return e.Hash < o.Hash || e.Hash == o.Hash && e.ID < o.ID
}

// Compare orders entries as a run has them.
func Compare(a, b Entry) int {
	switch {
	case a.less(b):
		return -1
	case b.less(a):
		return 1
	}
	return 0
}

// Hash is the hash of a job's id.
func Hash[T ~string | ~[]byte](job T) uint32 {
	var b [64]byte
	sum := sha256.Sum256(append(b[:0], job...))
	return binary.BigEndian.Uint32(sum[:])
}

// Run says what a run has.
type Run struct {
	Entries     int
	First, Last int64 // the least and the greatest id
}

// Check returns ErrDamaged for what no run can be.
func (r Run) Check() error {
	switch {
	case r.Entries < 1 || r.Entries > MaxEntries:
		return fmt.Errorf("%w: a run of %d entries", ErrDamaged, r.Entries)
	case r.First < 1 || r.Last < r.First || r.Last-r.First > math.MaxUint32:
		return fmt.Errorf("%w: a run of the rows %d to %d", ErrDamaged, r.First, r.Last)
	}
	return nil
}

// Buckets is how many buckets the run has.
func (r Run) Buckets() int { return (r.Entries + perBucket - 1) / perBucket }

// Bucket is the bucket that has the entries of a hash.
func (r Run) Bucket(hash uint32) int {
	return int(uint64(hash) * uint64(r.Buckets()) >> 32)
}

// Find appends the ids of a hash, in order, that are in its bucket.
func (r Run) Find(bucket []byte, hash uint32, into []int64) ([]int64, error) {
	if err := r.checkLength(bucket); err != nil {
		return into, err
	}
	n := len(bucket) / entryBytes
	at := sort.Search(n, func(i int) bool { return binary.BigEndian.Uint32(bucket[i*entryBytes:]) >= hash })
	for ; at < n; at++ {
		e := r.entry(bucket[at*entryBytes:])
		if e.Hash != hash {
			break
		}
		if e.ID > r.Last {
			return into, fmt.Errorf("%w: row %d in the run of the rows %d to %d", ErrDamaged, e.ID, r.First, r.Last)
		}
		into = append(into, e.ID)
	}
	return into, nil
}

// Decode appends the entries of a bucket.
func (r Run) Decode(number int, bucket []byte, into []Entry) ([]Entry, error) {
	if err := r.checkLength(bucket); err != nil {
		return into, err
	}
	last := Entry{}
	for ; len(bucket) > 0; bucket = bucket[entryBytes:] {
		e := r.entry(bucket)
		switch {
		case r.Bucket(e.Hash) != number:
			return into, fmt.Errorf("%w: the hash %08x in bucket %d of %d", ErrDamaged, e.Hash, number, r.Buckets())
		case e.ID > r.Last:
			return into, fmt.Errorf("%w: row %d in the run of the rows %d to %d", ErrDamaged, e.ID, r.First, r.Last)
		case !last.less(e):
			return into, fmt.Errorf("%w: bucket %d is not in order", ErrDamaged, number)
		}
		last = e
		into = append(into, e)
	}
	return into, nil
}

func (r Run) checkLength(bucket []byte) error {
	if len(bucket)%entryBytes != 0 || len(bucket) > r.Entries*entryBytes {
		return fmt.Errorf("%w: a bucket of %d bytes in a run of %d entries", ErrDamaged, len(bucket), r.Entries)
	}
	return nil
}

// entry reads the entry that b begins with.
func (r Run) entry(b []byte) Entry {
	return Entry{binary.BigEndian.Uint32(b), r.First + int64(binary.BigEndian.Uint32(b[4:]))}
}
