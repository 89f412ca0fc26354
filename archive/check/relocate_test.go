package check_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/store/memstore"
)

// lost returns the ids of the documents that a check says aren't where they should
// be.
func (w *world) lost() (ids []int64) {
	w.t.Helper()
	_, err := check.Run(w.t.Context(), check.Config{
		Store: w.store, Ledger: w.ledger, Deep: true, Settle: -1,
		Lost: func(d ledger.Document) { ids = append(ids, d.ID) },
	})
	w.ok(err)
	return ids
}

// relocate looks for what is lost, and returns where it is.
func (w *world) relocate(dryRun bool, ids ...int64) map[string]string {
	w.t.Helper()
	in := map[string]string{}
	n, err := check.Relocate(w.t.Context(), check.RelocateConfig{
		Store: unwritable{w.store, w.t}, Ledger: w.ledger, DryRun: dryRun,
		Found: func(d ledger.Document, where string) { in[d.Key] = where },
	}, ids)
	w.ok(err)
	if n != int64(len(in)) {
		w.t.Errorf("Relocate = %d, and found %d", n, len(in))
	}
	return in
}

// wantRead compares all documents with what they were.
func (w *world) wantRead(was map[string][]byte) {
	w.t.Helper()
	docs := documents(w.t, w.ledger)
	if len(docs) != len(was) {
		w.t.Errorf("%d documents, want %d", len(docs), len(was))
	}
	for _, d := range docs {
		if !bytes.Equal(read(w.t, w.store, w.ledger, d), was[d.Key]) {
			w.t.Errorf("%s is read as something else", d.Key)
		}
	}
}

func (w *world) readAll() map[string][]byte {
	w.t.Helper()
	was := map[string][]byte{}
	for _, d := range documents(w.t, w.ledger) {
		was[d.Key] = read(w.t, w.store, w.ledger, d)
	}
	return was
}

func TestRelocateFindsWhatLiesElsewhere(t *testing.T) {
	flip := func(w *world, key string) { w.put(key, flipped(w.get(key))) }
	for name, c := range map[string]struct {
		do   func(w *world) (key string)
		lost []string // jobs
		in   func(w *world, job string) string
		left func(w *world, key string) []found
	}{
		"a segment is gone, its inputs are there": {
			do:   func(w *world) string { s := w.segmentOf("april").Key; w.remove(s); return s },
			lost: []string{"april"},
			in:   func(w *world, job string) string { return w.key(job) },
			left: func(_ *world, key string) []found {
				return []found{{check.Missing, false, key, "no document lies in it"}}
			},
		},
		"a merged segment is damaged, those it was made of are there": {
			do:   func(w *world) string { s := w.segmentOf("row").Key; flip(w, s); return s },
			lost: []string{"row", "big", "late"},
			in: func(w *world, job string) string {
				if job == "late" {
					return w.key(job)
				}
				return w.segmentOf(job).Key
			},
			left: func(_ *world, key string) []found {
				return []found{{check.Damaged, false, key, "no document lies in it"}}
			},
		},
		"what was taken out is damaged, and a segment has it": {
			do:   func(w *world) string { flip(w, w.key("out")); return w.key("out") },
			lost: []string{"out"},
			in:   func(w *world, job string) string { return w.segmentOf(job).Key },
		},
		"what was taken out is gone, and a segment has it": {
			do:   func(w *world) string { w.remove(w.key("out")); return w.key("out") },
			lost: []string{"out"},
			in:   func(w *world, job string) string { return w.segmentOf(job).Key },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memstore.New())
			w.fillSegments()
			was := w.readAll()
			key := c.do(w)
			ids := w.lost()
			for _, job := range c.lost {
				if !slices.Contains(ids, w.versions(job)[0].ID) {
					t.Errorf("job %s is not lost", job)
				}
			}
			before := documents(t, w.ledger)
			dry := w.relocate(true, ids...)
			if d := cmp.Diff(before, documents(t, w.ledger)); d != "" {
				t.Fatalf("a dry run changed the ledger:\n%s", d)
			}
			in := w.relocate(false, ids...)
			if d := cmp.Diff(dry, in); d != "" {
				t.Errorf("what is done (-dry run +run):\n%s", d)
			}
			if len(in) != len(ids) {
				t.Errorf("%d of %d are found", len(in), len(ids))
			}
			for _, job := range c.lost {
				if want := c.in(w, job); in[w.key(job)] != want {
					t.Errorf("job %s lies in %s, want %s", job, in[w.key(job)], want)
				}
			}
			w.wantRead(was)
			var left []found
			if c.left != nil {
				left = c.left(w, key)
			}
			w.want(thorough, left...)
			w.compact(0)
			w.compact(0)
			w.wantRead(was)
		})
	}
}

// What is nowhere stays lost, and what is where it should be stays there.
func TestRelocateLeavesTheRest(t *testing.T) {
	w := newWorld(t, memstore.New())
	w.fillSegments()
	w.remove(w.key("kept"))
	before := documents(t, w.ledger)
	all := make([]int64, 0, len(before))
	for _, d := range before {
		if d.Segment == 0 {
			all = append(all, d.ID)
		}
	}
	if in := w.relocate(false, append(all, 1<<40)...); len(in) > 0 {
		t.Errorf("relocated %v", in)
	}
	if d := cmp.Diff(before, documents(t, w.ledger)); d != "" {
		t.Errorf("the ledger changed:\n%s", d)
	}
	w.want(thorough, found{check.Missing, true, w.key("kept"), "is not there"})
}
