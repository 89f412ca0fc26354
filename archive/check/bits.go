package check

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// set is a set of ids that count from 1 with few gaps: about a bit each.
type set struct {
	pages map[int64]*[pageWords]uint64
}

const (
	pageWords = 512
	pageBits  = 64 * pageWords
)

func (s *set) add(id int64) {
	if s.pages == nil {
		s.pages = map[int64]*[pageWords]uint64{}
	}
	page := s.pages[id/pageBits]
	if page == nil {
		page = new([pageWords]uint64)
		s.pages[id/pageBits] = page
	}
	page[id%pageBits/64] |= 1 << (id % 64)
}

func (s *set) has(id int64) bool {
	page := s.pages[id/pageBits]
	return page != nil && page[id%pageBits/64]&(1<<(id%64)) != 0
}

// all yields the ids in increasing order.
func (s *set) all() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, n := range slices.Sorted(maps.Keys(s.pages)) {
			for i, word := range s.pages[n] {
				for ; word != 0; word &= word - 1 {
					if !yield(n*pageBits + int64(i)*64 + int64(bits.TrailingZeros64(word))) {
						return
					}
				}
			}
		}
	}
}

// empty tells whether no id is in it.
func (s *set) empty() bool {
	for range s.all() {
		return false
	}
	return true
}
