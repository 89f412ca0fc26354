package check_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// adopted is a world of the same store with a ledger made anew.
func (w *world) adopted(c archive.AdoptConfig) (*world, archive.AdoptSummary) {
	w.t.Helper()
	n := newWorld(w.t, w.store)
	n.was = w.was
	s, err := n.adopt(c)
	w.ok(err)
	return n, s
}

func (w *world) adopt(c archive.AdoptConfig) (archive.AdoptSummary, error) {
	w.t.Helper()
	reader, err := jobfile.NewReader(jobfile.Config{})
	w.ok(err)
	c.Store, c.Reader = unwritable{w.store, w.t}, reader
	if c.Ledger == nil {
		c.Ledger = w.ledger
	}
	return archive.Adopt(w.t.Context(), c)
}

// wantSame compares what two ledgers list, and what is read through them.
func wantSame(t *testing.T, s store.Store, old, anew *ledger.Ledger) {
	t.Helper()
	want, got := documents(t, old), documents(t, anew)
	same := cmpopts.IgnoreFields(ledger.Document{}, "ID", "Segment", "SegmentRow", "Source", "ArchivedAt")
	if d := cmp.Diff(want, got, same); d != "" {
		t.Fatalf("what a ledger made anew lists (-old +new):\n%s", d)
	}
	for i := range want {
		if !bytes.Equal(read(t, s, old, want[i]), read(t, s, anew, got[i])) {
			t.Errorf("%s is read as something else", want[i].Key)
		}
	}
	owed := func(l *ledger.Ledger) (keys []string) {
		docs, err := l.Owed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			keys = append(keys, d.Key)
		}
		return keys
	}
	if d := cmp.Diff(owed(old), owed(anew)); d != "" {
		t.Errorf("what is owed (-old +new):\n%s", d)
	}
	holdsOf := func(l *ledger.Ledger) []ledger.Hold {
		all, err := l.Holds(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if d := cmp.Diff(holdsOf(old), holdsOf(anew)); d != "" {
		t.Errorf("holds (-old +new):\n%s", d)
	}
}

// A ledger made anew from a store with everything in it says what the old one did.
func TestAdoptedLedgerSaysTheSame(t *testing.T) {
	w := newWorld(t, memstore.New())
	w.fillSegments()
	n, s := w.adopted(archive.AdoptConfig{})
	wantSame(t, w.store, w.ledger, n.ledger)
	n.want(thorough)
	if s.Segments == 0 || s.Damaged != 0 || s.Unknown != 0 || s.Adopted != int64(len(documents(t, w.ledger))) {
		t.Errorf("adopted %+v, with %d documents", s, len(documents(t, w.ledger)))
	}
	dry, err := newWorld(t, w.store).adopt(archive.AdoptConfig{DryRun: true})
	w.ok(err)
	ignored := cmpopts.IgnoreFields(archive.AdoptSummary{}, "DurationSeconds")
	if d := cmp.Diff(s, dry, ignored); d != "" {
		t.Errorf("a dry run (-run +dry):\n%s", d)
	}
	again, err := n.adopt(archive.AdoptConfig{})
	w.ok(err)
	want := archive.AdoptSummary{Listed: s.Listed, Quarantined: s.Quarantined, AlreadyRecorded: s.Adopted + s.Erased}
	if d := cmp.Diff(want, again, ignored); d != "" {
		t.Errorf("once more (-want +got):\n%s", d)
	}

	// And it is worked with as with the old one.
	n.compact(0)
	n.compact(0)
	if _, err := retain.EraseOwed(t.Context(), n.retention(), why()); err != nil {
		t.Fatal(err)
	}
	n.want(thorough)
	if d := cmp.Diff(len(documents(t, w.ledger)), len(documents(t, n.ledger))); d != "" {
		t.Error(d)
	}
	for _, d := range documents(t, n.ledger) {
		read(t, n.store, n.ledger, d)
	}
}

// What can't be a segment is named, and left; one without a manifest is read whole.
func TestAdoptDamagedSegments(t *testing.T) {
	renamed := func(key string) string {
		hash := strings.Repeat("0123456789abcdef", 4)
		return key[:len(key)-len(hash)-len(".parquet")] + hash + ".parquet"
	}
	for name, c := range map[string]struct {
		do      func(w *world, key, manifest string)
		damaged int64
		reason  string
	}{
		"no manifest":          {func(w *world, _, manifest string) { w.remove(manifest) }, 0, ""},
		"manifest is nonsense": {func(w *world, _, manifest string) { w.put(manifest, []byte("{")) }, 0, ""},
		"manifest of another file": {func(w *world, key, manifest string) {
			w.put(manifest, layout.Encode(layout.ManifestRecord{Segment: key, Size: int64(len(w.get(key))), Rows: 99}))
		}, 0, ""},
		"flipped": {func(w *world, key, manifest string) {
			w.remove(manifest)
			w.put(key, flipped(w.get(key)))
		}, 1, "damaged"},
		"truncated":  {func(w *world, key, _ string) { b := w.get(key); w.put(key, b[:len(b)-1]) }, 1, "damaged"},
		"emptied":    {func(w *world, key, _ string) { w.put(key, nil) }, 1, ""},
		"no segment": {func(w *world, key, _ string) { w.put(key, bytes.Repeat([]byte("PAR1"), 100)) }, 1, ""},
		"renamed":    {func(w *world, key, _ string) { w.put(renamed(key), w.get(key)); w.remove(key) }, 1, "others than those it is named by"},
		"another user": {func(w *world, key, _ string) {
			w.put(strings.Replace(key, "user_id=5", "user_id=6", 1), w.get(key))
			w.remove(key)
		}, 1, "has the key"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, memstore.New())
			w.archive(archive.Config{}, w.file(job("a", ""), job("b", ""), inMonth("april", "2024-04-05", "")))
			w.compact(0)
			w.compact(0)
			s := w.segmentOf("a")
			c.do(w, s.Key, w.manifestOf(s))
			var notices []archive.Notice
			n, sum := w.adopted(archive.AdoptConfig{Notice: func(n archive.Notice) { notices = append(notices, n) }})
			want := 3 - 2*c.damaged
			if sum.Damaged != c.damaged || sum.Adopted != want || sum.Segments != 2-c.damaged || int64(len(documents(t, n.ledger))) != want {
				t.Errorf("adopted %+v, want %d documents", sum, want)
			}
			if int64(len(notices)) != c.damaged || c.damaged > 0 && (notices[0].What != "damaged" || !strings.Contains(notices[0].Reason, c.reason)) {
				t.Errorf("notices %+v, want %d with %q", notices, c.damaged, c.reason)
			}
			if c.damaged == 0 {
				wantSame(t, w.store, w.ledger, n.ledger)
			}
		})
	}
}

// A part of a store has the segments with something of that part.
func TestAdoptSomeSegments(t *testing.T) {
	w := newWorld(t, memstore.New())
	other := strings.Replace(job("c", ""), `"recipe_id":7`, `"recipe_id":8`, 1)
	w.archive(archive.Config{}, w.file(job("a", ""), job("a", `,"v":2`), other, strings.Replace(job("d", ""), `"account_id":5`, `"account_id":6`, 1)))
	w.compact(0)
	w.compact(0)
	for prefix, want := range map[string]int64{"5/": 3, "5/jobs/8/": 3, "5/jobs/9/": 0, "6": 1, "7/": 0, "": 4} {
		if _, s := w.adopted(archive.AdoptConfig{Prefix: prefix}); s.Adopted != want {
			t.Errorf("below %q %d documents are adopted, want %d", prefix, s.Adopted, want)
		}
	}
	none, s := w.adopted(archive.AdoptConfig{Only: func(string) bool { return false }})
	if s.Adopted+s.Segments > 0 || len(documents(t, none.ledger)) > 0 {
		t.Errorf("adopted %+v of nothing", s)
	}
}

// A full record that isn't there any more is not said to be.
func TestAdoptWithoutOverflow(t *testing.T) {
	w := newWorld(t, memstore.New())
	long := `,"lines":["` + strings.Repeat("line ", 200) + `"]`
	w.archive(archive.Config{MaxFileSize: 500}, w.file(job("a", long), job("b", long)))
	w.compact(0)
	w.compact(0)
	w.remove(layout.Overflow(w.key("a")))
	n, _ := w.adopted(archive.AdoptConfig{})
	for id, want := range map[string]bool{"a": false, "b": true} {
		if d := n.versions(id)[0]; d.Overflow != want || d.Segment == 0 || d.Changed == "" {
			t.Errorf("job %s has overflow %v, want %v: %+v", id, d.Overflow, want, d)
		}
	}
	n.want(thorough)
}
