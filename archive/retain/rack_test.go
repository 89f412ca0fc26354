package retain_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

var (
	marchOf24 = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	someDay   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// rack is a store and a ledger with jobs of users 5 and 6, capped ones and a revision
// among them, of which a test packs some into segments.
type rack struct {
	inner  store.Store
	store  *storetest.Faulty
	ledger *ledger.Ledger
	fault  func(op string, phase ledger.Phase) error // nil: none

	objects map[string][]byte          // what there was before anything was packed
	docs    map[string]ledger.Document // by key
}

// saidBy is in every version of a job, and nowhere else.
func saidBy(user, job string) string { return "content of " + user + "/" + job + "." }

// racked is what archiving makes of an empty store.
type racked struct {
	objects map[string][]byte
	ledger  []byte
}

var rackedOnce = sync.OnceValues(func() (racked, error) {
	dir, err := os.MkdirTemp("", "logstow-rack-")
	if err != nil {
		return racked{}, err
	}
	defer os.RemoveAll(dir)
	return rackIn(dir)
})

// records are what is archived: of each user 5 jobs, of which every other is capped,
// a revision of the first, and one that can't be archived.
func records() string {
	var b strings.Builder
	for _, user := range []string{"5", "6"} {
		for i := range 5 {
			id := fmt.Sprintf("j%d", i)
			lines := strings.Repeat("line ", 60*(i%2))
			for version := range 2 {
				if version == 1 && i > 0 {
					break
				}
				fmt.Fprintf(&b, `{"id":%q,"recipe_id":%d,"account_id":%s,"status":"failed","completed_at":"2024-03-0%dT10:00:00Z","title":%q,"v":%d,"lines":[%q]}`+"\n",
					id, i%2, user, i+1, saidBy(user, id), version, lines)
			}
		}
		fmt.Fprintf(&b, `{"account_id":%s,"title":%q}`+"\n", user, saidBy(user, "quarantined"))
	}
	return b.String()
}

func rackIn(dir string) (racked, error) {
	s := memstore.New()
	l, err := ledger.Open(context.Background(), ledger.Config{Path: filepath.Join(dir, "ledger.db")})
	if err != nil {
		return racked{}, err
	}
	if _, err := deliver(s, l, dir); err != nil {
		return racked{}, err
	}
	if err := l.Close(); err != nil {
		return racked{}, err
	}
	file, err := os.ReadFile(filepath.Join(dir, "ledger.db"))
	if err != nil {
		return racked{}, err
	}
	objects, err := allOf(s)
	return racked{objects, file}, err
}

// deliver archives all records, by a new source.
func deliver(s store.Store, l *ledger.Ledger, dir string) (archive.Summary, error) {
	f, err := os.CreateTemp(dir, "*.ndjson")
	if err != nil {
		return archive.Summary{}, err
	}
	defer f.Close()
	if _, err := f.WriteString(records()); err != nil {
		return archive.Summary{}, err
	}
	source, err := filesource.New(filesource.Config{Path: f.Name(), Budget: archive.NewBudget(archive.DefaultBudget)})
	if err != nil {
		return archive.Summary{}, err
	}
	reader, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		return archive.Summary{}, err
	}
	return archive.Run(context.Background(), archive.Config{
		Store: s, Ledger: l, MaxFileSize: 300, Inputs: []archive.Input{{Source: source, Reader: reader}},
	})
}

func allOf(s store.Store) (map[string][]byte, error) {
	all := map[string][]byte{}
	for info, err := range s.List(context.Background(), store.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		r, _, err := s.Get(context.Background(), info.Key, store.Range{})
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		r.Close()
		all[info.Key] = b
	}
	delete(all, layout.Probe)
	return all, nil
}

func newRack(t *testing.T, inner store.Store) *rack {
	t.Helper()
	made, err := rackedOnce()
	if err != nil {
		t.Fatal(err)
	}
	w := &rack{inner: inner, store: storetest.NewFaulty(inner), objects: made.objects, docs: map[string]ledger.Document{}}
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, made.ledger, 0o600); err != nil {
		t.Fatal(err)
	}
	if w.ledger, err = ledger.Open(t.Context(), ledger.Config{Path: path, Fault: func(op string, phase ledger.Phase) error {
		if w.fault == nil {
			return nil
		}
		return w.fault(op, phase)
	}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.ledger.Close() })
	for key, b := range made.objects {
		if err := inner.Put(t.Context(), key, store.Bytes(b), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range w.stored(t, ledger.Query{}) {
		w.docs[d.Key] = d
	}
	if len(w.docs) != 12 {
		t.Fatalf("%d documents, want 12", len(w.docs))
	}
	return w
}

func (w *rack) stored(t *testing.T, q ledger.Query) (docs []ledger.Document) {
	t.Helper()
	for d, err := range w.ledger.Documents(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	return docs
}

func (w *rack) config() retain.Config {
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		panic(err)
	}
	return retain.Config{Store: w.store, Ledger: w.ledger, Whose: func(_ ledger.Quarantined, raw io.ReaderAt, size int64) ([]string, error) {
		return r.Users(raw, size)
	}}
}

// pack has documents of user 5 lie in a new segment, and no longer in old ones,
// which stay for a grace.
func (w *rack) pack(t *testing.T, docs []ledger.Document, old ...int64) ledger.Segment {
	t.Helper()
	s, ids := w.put(t, docs)
	if err := w.ledger.CommitSegments(t.Context(), []ledger.Packed{{Segment: s, Documents: ids}}, old, someDay, someDay.AddDate(100, 0, 0)); err != nil {
		t.Fatal(err)
	}
	return s
}

// put puts a segment in which nothing lies yet.
func (w *rack) put(t *testing.T, docs []ledger.Document) (ledger.Segment, []int64) {
	t.Helper()
	rowOf := func(d ledger.Document) *segment.Row {
		return &segment.Row{
			User: d.User, Recipe: d.Recipe, Job: d.Job, Kind: jobfile.Kind(d.Kind), Status: d.Status,
			Time: d.Time, CompletedAt: d.CompletedAt, ArchivedAt: d.ArchivedAt, Title: d.Title, Lines: d.Lines,
			Key: d.Key, Size: d.Size, InputSize: d.InputSize, InputHash: d.InputHash, SHA256: d.SHA256,
			Changed: d.Changed, Overflow: d.Overflow, Document: w.objects[d.Key], Change: w.objects[layout.Meta(d.Key)],
		}
	}
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b ledger.Document) int { return rowOf(a).Compare(rowOf(b)) })
	var file bytes.Buffer
	sw := segment.NewWriter(&file)
	var ids []int64
	for _, d := range docs {
		if err := sw.Write(rowOf(d)); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	sum, err := sw.Close()
	if err != nil {
		t.Fatal(err)
	}
	key, err := sum.Segment.Key()
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.ledger.BeginSegment(t.Context(), ledger.Segment{
		Key: key, User: docs[0].User, Month: marchOf24, Rows: sum.Rows, Size: sum.Bytes, SHA256: sha256.Sum256(file.Bytes()), Created: someDay,
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, content := range map[string][]byte{
		key:                               file.Bytes(),
		layout.Manifest(sum.Segment.Hash): layout.Encode(layout.ManifestRecord{Segment: key}),
	} {
		if err := w.inner.Put(t.Context(), key, store.Bytes(content), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s, ids
}

// removeInputs removes the objects of what lies in a segment.
func (w *rack) removeInputs(t *testing.T, s ledger.Segment) {
	t.Helper()
	docs, err := w.ledger.ClaimInputs(t.Context(), s.ID, someDay, time.Minute, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if err := store.Remove(t.Context(), w.inner, nil, d.Key, layout.Meta(d.Key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ledger.EndInputs(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
}

// wantNowhere checks that what a job of user 5 said is in no object, however it is
// packed.
func (w *rack) wantNowhere(t *testing.T, job string) {
	t.Helper()
	all, err := allOf(w.inner)
	if err != nil {
		t.Fatal(err)
	}
	for key, b := range all {
		for _, plain := range inflated(t, key, b) {
			if bytes.Contains(plain, []byte(saidBy("5", job))) {
				t.Errorf("%s has what job %s said", key, job)
			}
		}
	}
}

// inflated is all that an object says, also of rows that are gone.
func inflated(t *testing.T, key string, b []byte) [][]byte {
	t.Helper()
	all := [][]byte{b}
	switch {
	case strings.HasSuffix(key, ".zst"):
		d, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		plain, err := d.DecodeAll(b, nil)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		all = append(all, plain)
	case strings.HasSuffix(key, ".parquet"):
		r, err := segment.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for row, err := range r.Documents(func(*segment.Row) bool { return true }) {
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			all = append(all, slices.Concat(row.Document, row.Change, []byte(row.Title+row.Error)))
		}
	}
	return all
}

// wantWhole checks that each listed document has its bytes where the ledger says
// that it lies, that all are listed but those of the jobs that are gone, and that
// full records are there.
func (w *rack) wantWhole(t *testing.T, gone ...string) {
	t.Helper()
	listed := map[string]bool{}
	for _, d := range w.stored(t, ledger.Query{}) {
		listed[d.Key] = true
		if got := w.read(t, d); !bytes.Equal(got, w.objects[d.Key]) {
			t.Errorf("%s has other bytes", d.Key)
		}
		if d.Overflow && !bytes.Equal(w.object(t, layout.Overflow(d.Key)), w.objects[layout.Overflow(d.Key)]) {
			t.Errorf("the full record of %s is gone", d.Key)
		}
	}
	for key, d := range w.docs {
		if is := slices.Contains(gone, d.User+"/"+d.Job); is == listed[key] {
			t.Errorf("%s is listed: %v", key, listed[key])
		}
	}
}

func (w *rack) read(t *testing.T, d ledger.Document) []byte {
	t.Helper()
	if d.Segment == 0 {
		return w.object(t, d.Key)
	}
	s, err := w.ledger.Segment(t.Context(), d.Segment)
	if err != nil {
		t.Fatal(err)
	}
	r, err := segment.Open(bytes.NewReader(w.object(t, s.Key)), s.Size)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.At(d.SegmentRow, d.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// object is an object's content; nothing where there is none.
func (w *rack) object(t *testing.T, key string) []byte {
	t.Helper()
	r, _, err := w.inner.Get(t.Context(), key, store.Range{})
	if err != nil {
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
