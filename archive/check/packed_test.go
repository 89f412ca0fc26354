package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// compact packs everything that isn't held. What was made of it goes after grace.
func (w *world) compact(grace time.Duration) compact.Summary {
	w.t.Helper()
	w.ok(retain.LoadHolds(w.t.Context(), w.retention()))
	s, err := compact.Run(w.t.Context(), compact.Config{
		Store: w.store, Ledger: w.ledger, TempDir: w.t.TempDir(), Grace: grace,
		After:  func(*ledger.Document) (time.Duration, bool) { return 0, true },
		Notice: func(n compact.Notice) { w.t.Logf("%s is left: %s", n.Key, n.Reason) },
	})
	w.ok(err)
	return s
}

func (w *world) retention() retain.Config {
	return retain.Config{Store: w.store, Ledger: w.ledger, TempDir: w.t.TempDir()}
}

func (w *world) hold(s layout.Scope) ledger.Hold {
	w.t.Helper()
	did, err := retain.Place(w.t.Context(), w.retention(), ledger.Hold{Scope: s, By: "test", Reason: "a proof"}, nil)
	w.ok(err)
	return did.Hold
}

// inMonth is a job of a month of its own.
func inMonth(id, day, more string) string {
	return strings.Replace(job(id, more), "2024-03-01", day, 1)
}

// fillSegments makes a store with documents of its own, segments, inputs in their
// grace, segments that were replaced, copies, holds, and erasures done and kept by
// a hold.
func (w *world) fillSegments() {
	w.t.Helper()
	w.fill()
	long := `,"lines":["` + strings.Repeat("line ", 200) + `"]`
	w.archive(archive.Config{MaxFileSize: 500}, w.file(job("big", long), job("held", long)))
	w.archive(archive.Config{}, w.file(job("out", ""), job("kept", ""), job("lost", ""), job("row", ""), job("row", `,"v":2`)))
	held := w.hold(layout.Scope{Job: "held"})
	w.hold(layout.Scope{Job: "kept"})
	w.compact(0)
	w.compact(0) // and the objects of what lies in segments now are gone
	w.erase("lost")
	w.archive(archive.Config{}, w.file(job("late", ""), job("later", ""), inMonth("april", "2024-04-05", "")))
	w.compact(1000 * time.Hour)
	_, err := retain.Release(w.t.Context(), w.retention(), held.ID, "test", "over")
	w.ok(err)
	w.takeOut("out")
	_, err = retain.Erase(w.t.Context(), w.retention(), w.versions("kept"), why())
	if err == nil || !strings.Contains(err.Error(), "on hold") {
		w.t.Fatalf("erasing what is held: %v", err)
	}
	w.was = w.contents()
}

// takeOut takes a job, which is packed, out of its segment.
func (w *world) takeOut(id string) {
	w.t.Helper()
	if did := w.unpack(id); did.Documents != 1 {
		w.t.Fatalf("restoring %s did %+v, want one taken out", id, did)
	}
}

// unpack takes a job out of its segments, where it lies in any.
func (w *world) unpack(id string) compact.Restored {
	w.t.Helper()
	did, err := compact.Restore(w.t.Context(), compact.Config{Store: w.store, Ledger: w.ledger}, ledger.Query{Job: id}, nil)
	w.ok(err)
	return did
}

func (w *world) segments(states ...ledger.SegmentState) []ledger.Segment {
	w.t.Helper()
	all, err := w.ledger.Segments(w.t.Context(), ledger.SegmentQuery{States: states})
	w.ok(err)
	return all
}

// segmentOf is the segment that a job's first version lies in.
func (w *world) segmentOf(id string) ledger.Segment {
	w.t.Helper()
	s, err := w.ledger.Segment(w.t.Context(), w.versions(id)[0].Segment)
	w.ok(err)
	return s
}

// manifestOf is the key of a segment's manifest.
func (w *world) manifestOf(s ledger.Segment) string {
	w.t.Helper()
	n, err := layout.Parse(s.Key)
	w.ok(err)
	return layout.Manifest(n.Hash)
}

// read is the bytes of a document, wherever it lies.
func read(t *testing.T, s store.Store, l *ledger.Ledger, d ledger.Document) []byte {
	t.Helper()
	if d.Segment == 0 {
		return (&world{t: t, store: s}).get(d.Key)
	}
	in, err := l.Segment(t.Context(), d.Segment)
	if err != nil {
		t.Fatal(err)
	}
	r, err := segment.Open(store.ReaderAt(t.Context(), s, in.Key), in.Size)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := r.At(d.SegmentRow, d.SHA256)
	if err != nil {
		t.Fatalf("%s in %s: %v", d.Key, in.Key, err)
	}
	return doc
}

func documents(t *testing.T, l *ledger.Ledger) []ledger.Document {
	t.Helper()
	var all []ledger.Document
	for d, err := range l.Documents(t.Context(), ledger.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b ledger.Document) int { return strings.Compare(a.Key, b.Key) })
	return all
}
