package jobindex

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// fanOut is how many runs of a size become one: each entry is written again
	// once for every fourfold of what its first run had.
	fanOut = 4

	// fullEntries is from how many entries on a run stays for good.
	fullEntries = MaxEntries / 8 * 7
)

// Mergeable returns how many of the youngest runs are to become one; the oldest
// run is first. 0: they stay as they are.
func Mergeable(runs []Run) int {
	merge, entries := 0, 0
	for n := 1; n <= len(runs); n++ {
		oldest := runs[len(runs)-n]
		younger := entries
		entries += oldest.Entries
		if oldest.Entries >= fullEntries || entries > MaxEntries || !oldest.spans(runs[len(runs)-n:]) {
			break
		}
		if n > 1 && (younger >= (fanOut-1)*oldest.Entries || entries >= fullEntries) {
			merge = n
		}
	}
	return merge
}

// spans tells whether one run can have the rows of all.
func (r Run) spans(all []Run) bool {
	u := Union(all)
	return u.Last-u.First <= math.MaxUint32
}

// Union is the run that has the entries of all.
func Union(runs []Run) Run {
	u := runs[0]
	for _, r := range runs[1:] {
		u.Entries += r.Entries
		u.First, u.Last = min(u.First, r.First), max(u.Last, r.Last)
	}
	return u
}

// Builder makes the buckets of a run.
type Builder struct {
	run    Run
	emit   func(number int, bucket []byte) error
	filter Filter

	added  int
	last   Entry
	number int // of the bucket that is being filled
	bucket []byte
}

// NewBuilder returns a Builder of a run. It passes each bucket to emit, from 0 on,
// which must not keep it.
func NewBuilder(r Run, emit func(number int, bucket []byte) error) (*Builder, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	return &Builder{run: r, emit: emit, filter: NewFilter(r.Entries)}, nil
}

// Add adds the next entry, in the order of Compare.
func (b *Builder) Add(e Entry) error {
	switch {
	case b.added == b.run.Entries:
		return fmt.Errorf("%w: more than the %d entries of a run", ErrDamaged, b.added)
	case e.ID < b.run.First || e.ID > b.run.Last:
		return fmt.Errorf("%w: row %d in the run of the rows %d to %d", ErrDamaged, e.ID, b.run.First, b.run.Last)
	case b.added > 0 && !b.last.less(e):
		return fmt.Errorf("%w: the entry of row %d is out of order", ErrDamaged, e.ID)
	}
	b.last = e
	b.added++
	if err := b.fill(b.run.Bucket(e.Hash)); err != nil {
		return err
	}
	b.filter.Add(e.Hash)
	b.bucket = binary.BigEndian.AppendUint32(b.bucket, e.Hash)
	b.bucket = binary.BigEndian.AppendUint32(b.bucket, uint32(e.ID-b.run.First))
	return nil
}

// fill passes on the buckets before a number.
func (b *Builder) fill(number int) error {
	for ; b.number < number; b.number++ {
		if err := b.emit(b.number, b.bucket); err != nil {
			return err
		}
		b.bucket = b.bucket[:0]
	}
	return nil
}

// Finish passes on the last bucket, and returns the run's filter.
func (b *Builder) Finish() (Filter, error) {
	if b.added != b.run.Entries {
		return Filter{}, fmt.Errorf("%w: %d of the %d entries of a run", ErrDamaged, b.added, b.run.Entries)
	}
	return b.filter, b.fill(b.run.Buckets())
}

// Source returns the entries of a run, some at a time and in order, and none at
// its end. What it has returned is read no more when it is called again.
type Source func() ([]Entry, error)

// Merge passes on the entries of all sources, in the order of Compare.
func Merge(sources []Source, add func(Entry) error) error {
	heads := make([][]Entry, len(sources))
	for i := range sources {
		if err := sources[i].refill(&heads[i]); err != nil {
			return err
		}
	}
	for {
		least := -1
		for i, h := range heads {
			if len(h) > 0 && (least < 0 || h[0].less(heads[least][0])) {
				least = i
			}
		}
		if least < 0 {
			return nil
		}
		if err := add(heads[least][0]); err != nil {
			return err
		}
		heads[least] = heads[least][1:]
		if err := sources[least].refill(&heads[least]); err != nil {
			return err
		}
	}
}

// refill has s go on where nothing is left of what it returned.
func (s Source) refill(head *[]Entry) (err error) {
	if len(*head) == 0 {
		*head, err = s()
	}
	return err
}
