package jobindex_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger/jobindex"
)

// stored is a run as a ledger stores it.
type stored struct {
	jobindex.Run
	buckets [][]byte
	filter  jobindex.Filter
}

// build stores the entries of sources as one run.
func build(t *testing.T, r jobindex.Run, sources ...jobindex.Source) stored {
	t.Helper()
	s := stored{Run: r}
	b, err := jobindex.NewBuilder(r, func(number int, bucket []byte) error {
		if number != len(s.buckets) {
			t.Errorf("bucket %d comes after %d others", number, len(s.buckets))
		}
		s.buckets = append(s.buckets, bytes.Clone(bucket))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := jobindex.Merge(sources, b.Add); err != nil {
		t.Fatal(err)
	}
	filter, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if s.filter, err = jobindex.ParseFilter(r, filter.Bytes()); err != nil {
		t.Fatal(err)
	}
	return s
}

func may(f jobindex.Filter, hash uint32) bool {
	m := jobindex.Mix(hash)
	return f.May(&m)
}

// source returns what a run has, bucket by bucket.
func (s *stored) source() jobindex.Source {
	number := 0
	return func() ([]jobindex.Entry, error) {
		for number < len(s.buckets) {
			some, err := s.Decode(number, s.buckets[number], nil)
			if number++; err != nil || len(some) > 0 {
				return some, err
			}
		}
		return nil, nil
	}
}

// find looks a hash up, as it is done in a ledger.
func (s *stored) find(t *testing.T, hash uint32) []int64 {
	t.Helper()
	if !may(s.filter, hash) {
		return nil
	}
	ids, err := s.Find(s.buckets[s.Bucket(hash)], hash, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// sorted is a source of entries that are in memory.
func sorted(entries []jobindex.Entry) jobindex.Source {
	slices.SortFunc(entries, jobindex.Compare)
	return func() ([]jobindex.Entry, error) {
		all := entries
		entries = nil
		return all, nil
	}
}

// random makes n entries of ids that follow each other, of which some have the
// same hashes, and some hashes are the least and the greatest there are.
func random(rnd *rand.Rand, first int64, n int) []jobindex.Entry {
	entries := make([]jobindex.Entry, n)
	for i := range entries {
		hash := rnd.Uint32()
		switch rnd.IntN(20) {
		case 0:
			hash = 0
		case 1:
			hash = math.MaxUint32
		case 2:
			hash = rnd.Uint32N(50)
		}
		entries[i] = jobindex.Entry{Hash: hash, ID: first + int64(i)}
	}
	return entries
}

// Whatever runs are merged, as Mergeable says, every entry is found, and nothing
// that isn't there.
func TestRunsAreAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		want := map[uint32][]int64{}
		var runs []stored
		next := 1 + rnd.Int64N(1<<40)
		for range 1 + rnd.IntN(60) {
			entries := random(rnd, next, 1+rnd.IntN(1+rnd.IntN(400)))
			for _, e := range entries {
				want[e.Hash] = append(want[e.Hash], e.ID)
			}
			last := entries[len(entries)-1].ID
			young := build(t, jobindex.Run{Entries: len(entries), First: next, Last: last}, sorted(entries))
			next = last + 1 + rnd.Int64N(3)
			runs = merge(t, append(runs, young))
		}
		check(t, rnd, runs, want)
	}
}

// merge merges the youngest runs where they are to be.
func merge(t *testing.T, runs []stored) []stored {
	t.Helper()
	all := make([]jobindex.Run, len(runs))
	for i := range runs {
		all[i] = runs[i].Run
	}
	n := jobindex.Mergeable(all)
	if n == 0 {
		return runs
	}
	kept, young := runs[:len(runs)-n], runs[len(runs)-n:]
	var sources []jobindex.Source
	for i := range young {
		sources = append(sources, young[i].source())
	}
	return append(slices.Clone(kept), build(t, jobindex.Union(all[len(all)-n:]), sources...))
}

func check(t *testing.T, rnd *rand.Rand, runs []stored, want map[uint32][]int64) {
	t.Helper()
	look := func(hash uint32) {
		var got []int64
		for i := range runs {
			got = append(got, runs[i].find(t, hash)...)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want[hash], got); diff != "" {
			t.Fatalf("rows of hash %08x (-want +got):\n%s", hash, diff)
		}
	}
	for hash := range want {
		look(hash)
	}
	for range 1000 {
		look(rnd.Uint32())
	}
}

// However large the batches are, runs stay few, and entries are written again a few
// times.
func TestRunsStayFew(t *testing.T) {
	for _, batch := range []int{1, 7, 1000, 2500, 10_000, 100_000, 200_000, jobindex.MaxEntries} {
		entries := min(batch*20_000, 20*jobindex.MaxEntries)
		var runs []jobindex.Run
		most, written := 0, 0
		for first := int64(1); first < int64(entries); first += int64(batch) {
			runs = append(runs, jobindex.Run{Entries: batch, First: first, Last: first + int64(batch) - 1})
			if n := jobindex.Mergeable(runs); n > 0 {
				u := jobindex.Union(runs[len(runs)-n:])
				runs = append(runs[:len(runs)-n], u)
			}
			last := runs[len(runs)-1]
			if err := last.Check(); err != nil {
				t.Fatal(err)
			}
			written += last.Entries
			most = max(most, len(runs))
		}
		full := 2 * entries / jobindex.MaxEntries
		if most > full+30 {
			t.Errorf("%d entries in batches of %d: %d runs", entries, batch, most)
		}
		if written > 12*entries {
			t.Errorf("%d entries in batches of %d: %d were written", entries, batch, written)
		}
		t.Logf("batches of %d: at most %d runs, each entry written %.1f times", batch, most, float64(written)/float64(entries))
	}
}

// Of what a run doesn't have, its filter tells so, mostly.
func TestFilterRulesOut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	f := jobindex.NewFilter(jobindex.MaxEntries)
	for range jobindex.MaxEntries {
		f.Add(rnd.Uint32())
	}
	wrong := 0
	for range 100_000 {
		if may(f, rnd.Uint32()) {
			wrong++
		}
	}
	t.Logf("%d of 100,000 that aren't there may be", wrong)
	if wrong > 1500 {
		t.Errorf("%d of 100,000 that aren't there may be, want at most 1500", wrong)
	}
}

// What is no run of entries is refused.
func TestBuilderRefuses(t *testing.T) {
	run := jobindex.Run{Entries: 2, First: 5, Last: 6}
	for name, entries := range map[string][]jobindex.Entry{
		"too few":      {{1, 5}},
		"too many":     {{1, 5}, {1, 6}, {2, 6}},
		"out of order": {{2, 5}, {1, 6}},
		"twice":        {{1, 5}, {1, 5}},
		"too low":      {{1, 4}, {1, 5}},
		"too high":     {{1, 5}, {1, 7}},
	} {
		b, err := jobindex.NewBuilder(run, func(int, []byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			err = errors.Join(err, b.Add(e))
		}
		if _, last := b.Finish(); !errors.Is(errors.Join(err, last), jobindex.ErrDamaged) {
			t.Errorf("%s: %v, %v, want ErrDamaged", name, err, last)
		}
	}
	for _, r := range []jobindex.Run{
		{},
		{Entries: -1, First: 1, Last: 1},
		{Entries: 1, Last: 1},
		{Entries: 1, First: 2, Last: 1},
		{Entries: jobindex.MaxEntries + 1, First: 1, Last: 1},
		{Entries: 1, First: 1, Last: 2 + math.MaxUint32},
	} {
		if _, err := jobindex.NewBuilder(r, nil); !errors.Is(err, jobindex.ErrDamaged) {
			t.Errorf("NewBuilder(%+v): %v, want ErrDamaged", r, err)
		}
	}
}

// Whatever a bucket and a filter are, reading them ends with entries that the run
// can have, or with ErrDamaged.
func FuzzDecode(f *testing.F) {
	f.Add(2, int64(1), int64(9), 0, []byte("\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00"), make([]byte, 64))
	f.Add(1, int64(5), int64(5), 0, []byte("\xff\xff\xff\xff\x00\x00\x00\x01"), []byte{})
	f.Add(500, int64(1), int64(500), 3, []byte("\xff\xff\xff\xff\x00\x00"), make([]byte, 768))
	f.Fuzz(func(t *testing.T, entries int, first, last int64, number int, bucket, filter []byte) {
		r := jobindex.Run{Entries: entries, First: first, Last: last}
		if r.Check() != nil {
			return
		}
		all, err := r.Decode(number, bucket, nil)
		if err != nil && !errors.Is(err, jobindex.ErrDamaged) {
			t.Fatal(err)
		}
		if err == nil && (len(all) != len(bucket)/8 || !slices.IsSortedFunc(all, jobindex.Compare)) {
			t.Fatalf("%d bytes are %v", len(bucket), all)
		}
		for _, e := range all {
			if e.ID < first || e.ID > last || r.Bucket(e.Hash) != number {
				t.Fatalf("entry %+v of %+v in bucket %d", e, r, number)
			}
			ids, findErr := r.Find(bucket, e.Hash, nil)
			if err == nil && (findErr != nil || !slices.Contains(ids, e.ID)) {
				t.Fatalf("Find(%08x) = %v, %v, want %d among them", e.Hash, ids, findErr, e.ID)
			}
		}
		parsed, err := jobindex.ParseFilter(r, filter)
		if err != nil {
			if !errors.Is(err, jobindex.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(parsed.Bytes(), filter) {
			t.Fatal("a filter isn't what it was read from")
		}
		may(parsed, uint32(first))
	})
}
