package compact_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
	"logstow/layout/segment"
)

// half has two segments, in each of which something is to go.
func half(t *testing.T, inner store.Store) (*packed, []ledger.Segment) {
	t.Helper()
	w := newPacked(t, inner, 8)
	all := []ledger.Segment{w.pack(t, w.docs[:5]), w.pack(t, w.docs[5:])}
	for _, s := range all {
		w.removeInputs(t, s)
	}
	w.erase(t, w.docs[1], w.docs[3], w.docs[7])
	return w, all
}

// erase has documents go, whose own objects are gone already.
func (w *packed) erase(t *testing.T, docs ...ledger.Document) {
	t.Helper()
	_, held, err := w.ledger.StartErasure(t.Context(), docs, ledger.AuditEntry{Action: "delete"})
	if err != nil || len(held) > 0 {
		t.Fatalf("StartErasure = %v, %v", held, err)
	}
	w.objects, w.docs = maps.Clone(w.objects), slices.Clone(w.docs)
	for _, d := range docs {
		delete(w.objects, d.Key)
		delete(w.objects, layout.Meta(d.Key))
		w.docs = slices.DeleteFunc(w.docs, func(other ledger.Document) bool { return other.ID == d.ID })
	}
}

// wantRewritten wants nothing in the store but what is Stored, in segments that have
// nothing else, and each with its manifest.
func (w *packed) wantRewritten(t *testing.T) {
	t.Helper()
	all, err := w.ledger.Segments(t.Context(), ledger.SegmentQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, s := range all {
		want = append(want, s.Key, manifestOf(s))
		w.wantWhole(t, s)
	}
	slices.Sort(want)
	got := w.below(t, layout.Segments, layout.Manifests)
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("segments and manifests are %v, want %v", got, want)
	}
	for i := range 8 {
		kept := slices.ContainsFunc(w.docs, func(d ledger.Document) bool { return d.Job == fmt.Sprint("j", i) })
		if in := w.anywhere(t, secretOf(i)); in != "" && !kept {
			t.Errorf("job %d is erased, and what was in it is in %s", i, in)
		}
	}
	if _, err := compact.Restore(t.Context(), w.config(), ledger.Query{}, nil); err != nil {
		t.Errorf("Restore: %v", err)
	}
	w.wantOut(t)
}

// wantWhole wants a segment to be what the ledger and its manifest say, and to have
// nothing but what is Stored in it.
func (w *packed) wantWhole(t *testing.T, s ledger.Segment) {
	t.Helper()
	file := w.all(t)[s.Key].Content
	m, err := layout.Decode[layout.ManifestRecord]([]byte(w.all(t)[manifestOf(s)].Content))
	if err != nil || s.State != ledger.SegmentStored || m.Segment != s.Key || m.Rows != s.Rows ||
		m.Size != int64(len(file)) || s.Size != m.Size || m.SHA256 != s.SHA256.String() || hashOf(file) != s.SHA256 {
		t.Errorf("the segment is %+v with the manifest %+v, %v, and has %d bytes with %s", s, m, err, len(file), hashOf(file))
	}
	in, err := w.ledger.InSegment(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range w.rows(t, s.Key) {
		if i >= len(in) || in[i].State != ledger.Stored || in[i].Key != row.Key || in[i].SegmentRow != int64(i) {
			t.Errorf("row %d of %s is %s; in it lie %d", i, s.Key, row.Key, len(in))
		}
	}
}

func (w *packed) rows(t *testing.T, key string) (rows []*segment.Row) {
	t.Helper()
	file := []byte(w.all(t)[key].Content)
	r, err := segment.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range r.Documents(nil) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// anywhere is the key of an object in which the text is, as it is or inflated. What
// overflowed isn't looked at: it goes with its document.
func (w *packed) anywhere(t *testing.T, text string) string {
	t.Helper()
	for key, o := range w.all(t) {
		switch {
		case strings.Contains(o.Content, text), strings.Contains(fmt.Sprint(o.Metadata), text):
			return key
		case !strings.HasPrefix(key, layout.Segments):
			continue
		}
		for _, row := range w.rows(t, key) {
			if strings.Contains(fmt.Sprintf("%+v %s", row, row.Document), text) {
				return key
			}
		}
	}
	return ""
}

func TestRewrite(t *testing.T) {
	for name, limit := range map[string]int64{"": 0, "cut at every document": 1} {
		t.Run(name, func(t *testing.T) {
			w, all := half(t, newMemory())
			if w.anywhere(t, secretOf(1)) == "" {
				t.Fatal("nothing of the erased job was in a segment before")
			}
			c := w.config()
			c.SegmentBytes = limit
			if err := compact.Rewrite(t.Context(), c, all); err != nil {
				t.Fatal(err)
			}
			now, err := w.ledger.Segments(t.Context(), ledger.SegmentQuery{})
			if want := map[int64]int{0: 1, 1: len(w.docs)}[limit]; err != nil || len(now) != want {
				t.Errorf("Segments = %v, %v, want %d", now, err, want)
			}
			w.wantRewritten(t)
		})
	}
}

func TestRewriteWithFaults(t *testing.T) {
	var all []ledger.Segment
	eachFault(t, func(t *testing.T) (w *packed) {
		w, all = half(t, newMemory())
		return w
	}, func(t *testing.T, w *packed) error {
		return compact.Rewrite(t.Context(), w.config(), all)
	}, func(t *testing.T, w *packed) { w.wantRewritten(t) })
}

func TestRewriteOfAVersionedStore(t *testing.T) {
	w, all := half(t, memstore.NewVersioned())
	if err := compact.Rewrite(t.Context(), w.config(), all); err != nil {
		t.Fatal(err)
	}
	w.wantRewritten(t)
}

// The store keeps an old segment; everything else is done, and the rest when it lets
// go.
func TestRewriteOfALockedStore(t *testing.T) {
	inner := memstore.NewVersioned()
	w, all := half(t, inner)
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := inner.SetRetention(all[0].Key, "", until); err != nil {
		t.Fatal(err)
	}
	var kept *store.RetainedError
	err := compact.Rewrite(t.Context(), w.config(), all)
	if !errors.As(err, &kept) || !slices.Equal(kept.Keys, []string{all[0].Key}) || !kept.Until.Equal(until) {
		t.Fatalf("Rewrite = %v, want what keeps %s until %s", err, all[0].Key, until)
	}
	if _, err := w.ledger.Segment(t.Context(), all[1].ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the other segment: %v, want it to be gone", err)
	}
	inner.SetNow(func() time.Time { return until.Add(time.Second) })
	if err := compact.Rewrite(t.Context(), w.config(), all); err != nil {
		t.Fatal(err)
	}
	w.wantRewritten(t)
}

// Segments of every other state go, and one in which nothing is to go stays.
func TestRewriteOfOtherStates(t *testing.T) {
	w := newPacked(t, newMemory(), 8)
	replaced := w.pack(t, w.docs[:2])
	whole := w.pack(t, w.docs[:3], replaced.ID)
	gone := w.pack(t, w.docs[3:5])
	for _, s := range []ledger.Segment{whole, gone} {
		w.removeInputs(t, s)
	}
	w.erase(t, w.docs[3:5]...)
	key, err := layout.Segment{User: "5", First: march, Last: march, Hash: strings.Repeat("ab", 32)}.Key()
	if err != nil {
		t.Fatal(err)
	}
	writing, err := w.ledger.BeginSegment(t.Context(), ledger.Segment{Key: key, User: "5", Month: march, Created: packedAt})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.inner.Put(t.Context(), writing.Key, store.Bytes([]byte("part")), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	w.now = func() time.Time { return packedAt.Add(-time.Hour) } // nothing is due
	if err := compact.Rewrite(t.Context(), w.config(), []ledger.Segment{replaced, whole, gone, writing}); err != nil {
		t.Fatal(err)
	}
	if now, err := w.ledger.Segments(t.Context(), ledger.SegmentQuery{}); err != nil || len(now) != 1 || now[0].ID != whole.ID {
		t.Errorf("Segments = %v, %v, want the one that is whole", now, err)
	}
	w.now = func() time.Time { return packedAt }
	if left := w.below(t, layout.Segments); !slices.Equal(left, []string{whole.Key}) {
		t.Errorf("left are %v, want %s", left, whole.Key)
	}
}

// While a segment is rewritten one more of its documents is to go, once at each
// call of the ledger that may see it.
func TestRewriteOfWhatChangesMeanwhile(t *testing.T) {
	for _, op := range []string{"segment", "in segment", "begin segment", "commit segments"} {
		t.Run(op, func(t *testing.T) {
			w, all := half(t, newMemory())
			changed := false
			w.fault = func(o string, phase ledger.Phase) error {
				if o == op && phase == ledger.Before && !changed {
					changed = true
					w.erase(t, w.docs[0])
				}
				return nil
			}
			if err := compact.Rewrite(t.Context(), w.config(), all); err != nil || !changed {
				t.Fatalf("Rewrite = %v, changed meanwhile: %v", err, changed)
			}
			w.wantRewritten(t)
		})
	}
}

// What is kept of two segments makes one of them again: a row of it was taken out
// and packed into the other.
func TestRewriteIntoTheSameSegment(t *testing.T) {
	w := newPacked(t, newMemory(), 8)
	first := w.pack(t, w.docs[:3])
	w.removeInputs(t, first)
	if did, err := compact.Restore(t.Context(), w.config(), ledger.Query{Job: w.docs[2].Job}, nil); err != nil || did.Documents != 1 {
		t.Fatalf("Restore = %+v, %v, want one", did, err)
	}
	second := w.pack(t, w.docs[2:4])
	w.removeInputs(t, second)
	w.erase(t, w.docs[3])
	if err := compact.Rewrite(t.Context(), w.config(), []ledger.Segment{first, second}); err != nil {
		t.Fatal(err)
	}
	w.wantRewritten(t)
}

// What is kept of a segment makes one that is to go.
func TestRewriteIntoWhatIsToGo(t *testing.T) {
	w := newPacked(t, newMemory(), 8)
	small := w.pack(t, w.docs[:2])
	large := w.pack(t, w.docs[:3], small.ID)
	w.removeInputs(t, large)
	w.erase(t, w.docs[2])
	w.now = func() time.Time { return packedAt.Add(-time.Hour) } // small is not due
	if err := compact.Rewrite(t.Context(), w.config(), []ledger.Segment{large}); err != nil {
		t.Fatal(err)
	}
	w.now = func() time.Time { return packedAt }
	w.wantRewritten(t)
}

func TestRewriteOfADamagedSegment(t *testing.T) {
	w, all := half(t, newMemory())
	file := []byte(w.all(t)[all[0].Key].Content)
	for i := range 50 {
		file[8+i] ^= 0x55
	}
	if err := w.inner.Put(t.Context(), all[0].Key, store.Bytes(file), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	before := w.below(t, layout.Segments)
	if err := compact.Rewrite(t.Context(), w.config(), all); !errors.Is(err, segment.ErrDamaged) {
		t.Errorf("Rewrite = %v, want ErrDamaged", err)
	}
	if after := w.below(t, layout.Segments); !slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
		t.Errorf("there are %v, want %v", after, before)
	}
}

func TestRewriteOfTwoMonths(t *testing.T) {
	w, all := half(t, newMemory())
	all[1].Month = march.AddDate(0, 1, 0)
	if err := compact.Rewrite(t.Context(), w.config(), all); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Rewrite = %v, want fs.ErrInvalid", err)
	}
}
