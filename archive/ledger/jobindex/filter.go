package jobindex

import (
	"encoding/binary"
	"fmt"
)

const (
	bitsPerEntry = 12
	blockWords   = 8
	blockBits    = 64 * blockWords
	probes       = 7
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
	return (entries*bitsPerEntry + blockBits - 1) / blockBits
}

// Mixed is a hash, prepared for being looked up in many filters.
type Mixed struct {
	hash uint32
	bits uint64
}

// Mix prepares a hash.
func Mix(hash uint32) Mixed {
	m := uint64(hash) * 0xff51afd7ed558ccd
	m ^= m >> 32
	m *= 0xc4ceb9fe1a85ec53
	m ^= m >> 32
	return Mixed{hash, m}
}

func (f *Filter) block(m Mixed) *block {
	return &f.blocks[uint64(m.hash)*uint64(len(f.blocks))>>32]
}

// Add adds a hash.
func (f *Filter) Add(hash uint32) {
	m := Mix(hash)
	b := f.block(m)
	for i, bits := 0, m.bits; i < probes; i, bits = i+1, bits>>9 {
		b[bits>>6&(blockWords-1)] |= 1 << (bits & 63)
	}
}

// May tells whether the run may have a hash: true of all that it has, and of few
// others.
func (f *Filter) May(m Mixed) bool {
	if len(f.blocks) == 0 {
		return true
	}
	b := f.block(m)
	for i, bits := 0, m.bits; i < probes; i, bits = i+1, bits>>9 {
		if b[bits>>6&(blockWords-1)]&(1<<(bits&63)) == 0 {
			return false
		}
	}
	return true
}

// Bytes is the filter as it is stored.
func (f *Filter) Bytes() []byte {
	b := make([]byte, 0, len(f.blocks)*blockBits/8)
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
