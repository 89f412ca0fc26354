package nulls3

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// objects is the set of objects that were put. It knows a name by 64 bits that
// are drawn from it anew in each process: of ten million names two are taken
// for one in one run of 300,000, and then the run's count is one short.
type objects struct {
	seed   maphash.Seed
	names  bool
	shards [64]shard
}

// shard is a part of the objects, chosen by their names.
type shard struct {
	mu    sync.Mutex
	sizes map[uint64]int64    // guarded by mu
	names map[string]struct{} // guarded by mu; nil unless they are kept: bucket/key
	stats Stats               // guarded by mu
}

// keep makes the set ready. It is called before all else, once.
func (o *objects) keep(names bool) {
	o.seed, o.names = maphash.MakeSeed(), names
	for i := range o.shards {
		s := &o.shards[i]
		s.sizes = map[uint64]int64{}
		if names {
			s.names = map[string]struct{}{}
		}
	}
}

func (o *objects) shard(name []byte) (*shard, uint64) {
	hash := maphash.Bytes(o.seed, name)
	return &o.shards[hash%uint64(len(o.shards))], hash
}

// add adds an object; it returns false where it is there and may not be.
func (o *objects) add(name []byte, size int64, ifAbsent bool) bool {
	s, hash := o.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.sizes[hash]
	switch {
	case there && ifAbsent:
		s.stats.Exist++
		return false
	case there:
		s.stats.Replaced++
	}
	s.sizes[hash] = size
	if s.names != nil {
		s.names[string(name)] = struct{}{}
	}
	s.stats.Puts++
	s.stats.Bytes += size
	return true
}

// size is an object's, if there is such an object.
func (o *objects) size(name []byte) (int64, bool) {
	s, hash := o.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	size, ok := s.sizes[hash]
	return size, ok
}

func (o *objects) count() (n int) {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		n += len(s.sizes)
		s.mu.Unlock()
	}
	return n
}

func (o *objects) stats() (sum Stats) {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		sum.Puts += s.stats.Puts
		sum.Bytes += s.stats.Bytes
		sum.Exist += s.stats.Exist
		sum.Replaced += s.stats.Replaced
		s.mu.Unlock()
	}
	return sum
}

// list returns the names with a prefix, in byte order.
func (o *objects) list(prefix string) []string {
	found := []string{}
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		for name := range s.names {
			if strings.HasPrefix(name, prefix) {
				found = append(found, name)
			}
		}
		s.mu.Unlock()
	}
	slices.Sort(found)
	return found
}
