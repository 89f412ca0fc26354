package jobindex

import (
	"encoding/binary"
	"fmt"
)

const (
	// A large run's filter has few bits an entry, so that all filters are small. All
	// young runs together have no more entries than one that is full, and filters
	// that hardly ever err.
	bitsPerEntry = 12
	bitsPerYoung = 24
	youngEntries = 1 << 16
	blockWords   = 8
	blockBits    = 64 * blockWords
)

// block is as much as a processor fetches at once.
type block [blockWords]uint64

// Filter tells of most hashes that a run doesn't have them. The zero one tells
// nothing: it may have every hash.
type Filter struct {
	blocks []block
}

// NewFilter returns an empty filter for a number of entries.
func NewFilter(entries int) Filter {
	return Filter{make([]block, blocksOf(entries))}
}

func blocksOf(entries int) int {
	perEntry := bitsPerEntry
	if entries <= youngEntries {
		perEntry = bitsPerYoung
	}
	return (entries*perEntry + blockBits - 1) / blockBits
}

// Mixed is a hash, prepared for being looked up in many filters.
type Mixed struct {
	hash          uint32
	first, second uint64 // the bits of either word
	word, other   uint64 // which words those are
}

// Mix prepares a hash.
func Mix(hash uint32) Mixed {
	m := uint64(hash) * 0xff51afd7ed558ccd
	m ^= m >> 32
	m *= 0xc4ceb9fe1a85ec53
	m ^= m >> 32
	return Mixed{hash, threeBits(m), threeBits(m >> 18), m >> 36 & 3, 4 | m>>38&3}
}

// threeBits has the bits that the lowest three numbers of six bits name.
func threeBits(m uint64) uint64 {
	return 1<<(m&63) | 1<<(m>>6&63) | 1<<(m>>12&63)
}

func (f *Filter) block(m *Mixed) *block {
	return &f.blocks[uint64(m.hash)*uint64(len(f.blocks))>>32]
}

// Add adds a hash.
func (f *Filter) Add(hash uint32) {
	m := Mix(hash)
	b := f.block(&m)
	b[m.word] |= m.first
	b[m.other] |= m.second
}

// May tells whether the run may have a hash: true of all that it has, and of few
// others.
func (f *Filter) May(m *Mixed) bool {
	if len(f.blocks) == 0 {
		return true
	}
	b := f.block(m)
	return m.first&^b[m.word&7]|m.second&^b[m.other&7] == 0
}

// Size is the filter's size in bytes, in memory and as it is stored.
func (f *Filter) Size() int64 { return int64(len(f.blocks)) * blockBits / 8 }

// Bytes is the filter as it is stored.
func (f *Filter) Bytes() []byte {
	b := make([]byte, 0, f.Size())
	for i := range f.blocks {
		for _, word := range f.blocks[i] {
			b = binary.BigEndian.AppendUint64(b, word)
		}
	}
	return b
}

// ParseFilter returns the stored filter of a run.
func ParseFilter(r Run, b []byte) (Filter, error) {
	if want := blocksOf(r.Entries) * blockBits / 8; len(b) != want {
		return Filter{}, fmt.Errorf("%w: a filter of %d bytes, not the %d of %d entries", ErrDamaged, len(b), want, r.Entries)
	}
	f := NewFilter(r.Entries)
	for i := range f.blocks {
		for w := range f.blocks[i] {
			f.blocks[i][w] = binary.BigEndian.Uint64(b)
			b = b[8:]
		}
	}
	return f, nil
}
