package compact_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive"
	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

var (
	march       = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	packedAt    = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	errInjected = errors.New("injected")
)

// object is one of a store, whole.
type object struct {
	Content  string
	Metadata map[string]string
}

// packed is a store and a ledger with documents of one month in segments that the
// test has made, and their own objects removed.
type packed struct {
	inner  store.Store
	store  *storetest.Faulty
	ledger *ledger.Ledger
	fault  func(op string, phase ledger.Phase) error // nil: none
	now    func() time.Time

	objects map[string]object // what there was before
	docs    []ledger.Document // in the order of a segment
}

// archived is what archiving some jobs makes of an empty store and ledger.
type archived struct {
	objects map[string]object
	ledger  []byte
}

var archivedOf sync.Map // by the number of jobs

// archivedJobs is what archiving jobs of user 5 makes: capped ones among them, and
// a revision.
func archivedJobs(t *testing.T, jobs int) archived {
	t.Helper()
	if a, ok := archivedOf.Load(jobs); ok {
		return a.(archived)
	}
	w := &packed{inner: memstore.New()}
	path := filepath.Join(t.TempDir(), "ledger.db")
	w.ledger = w.openLedger(t, path)
	var b strings.Builder
	for i := range jobs {
		lines := fmt.Sprintf(`,"title":%q,"lines":["%s"]`, secretOf(i), strings.Repeat("line ", 30*(i%3)))
		at := march.Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
		fmt.Fprintf(&b, `{"id":"j%d","recipe_id":%d,"account_id":5,"status":"failed","completed_at":%q%s}`+"\n", i, i%2, at, lines)
		if i == 0 {
			fmt.Fprintf(&b, `{"id":"j%d","recipe_id":%d,"account_id":5,"status":"failed","completed_at":%q,"v":2%s}`+"\n", i, i%2, at, lines)
		}
	}
	w.archive(t, b.String())
	if err := w.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := archived{w.all(t), file}
	archivedOf.Store(jobs, a)
	return a
}

// secretOf is in every version of a job, and nowhere else.
func secretOf(job int) string { return fmt.Sprintf("secret %d.", job) }

// newPacked has so many jobs, and a revision, of which none is packed yet.
func newPacked(t *testing.T, inner store.Store, jobs int) *packed {
	t.Helper()
	a := archivedJobs(t, jobs)
	w := &packed{inner: inner, store: storetest.NewFaulty(inner), now: func() time.Time { return packedAt }, objects: a.objects}
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, a.ledger, 0o600); err != nil {
		t.Fatal(err)
	}
	w.ledger = w.openLedger(t, path)
	for key, o := range a.objects {
		if err := inner.Put(t.Context(), key, store.Bytes([]byte(o.Content)), store.PutOptions{Metadata: o.Metadata}); err != nil {
			t.Fatal(err)
		}
	}
	w.docs = w.stored(t)
	if len(w.docs) != jobs+1 {
		t.Fatalf("%d documents, want %d", len(w.docs), jobs+1)
	}
	return w
}

// stored is all documents that the ledger lists, in the order of a segment.
func (w *packed) stored(t *testing.T) (docs []ledger.Document) {
	t.Helper()
	for d, err := range w.ledger.Documents(t.Context(), ledger.Query{User: "5"}) {
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b ledger.Document) int { return rowOf(a).Compare(rowOf(b)) })
	return docs
}

func (w *packed) openLedger(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{
		Path: path,
		Fault: func(op string, phase ledger.Phase) error {
			if w.fault == nil {
				return nil
			}
			return w.fault(op, phase)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (w *packed) archive(t *testing.T, records string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.ndjson")
	if err := os.WriteFile(path, []byte(records), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := filesource.New(filesource.Config{Path: path, Budget: archive.NewBudget(archive.DefaultBudget)})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Run(t.Context(), archive.Config{
		Store: w.inner, Ledger: w.ledger, MaxFileSize: 250, Inputs: []archive.Input{{Source: source, Reader: reader}},
	}); err != nil {
		t.Fatal(err)
	}
}

func (w *packed) config() compact.Config {
	return compact.Config{Store: w.store, Ledger: w.ledger, Now: w.now}
}

func rowOf(d ledger.Document) *segment.Row {
	return &segment.Row{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Kind: jobfile.Kind(d.Kind), Status: d.Status,
		Time: d.Time, CompletedAt: d.CompletedAt, ArchivedAt: d.ArchivedAt, Title: d.Title, Lines: d.Lines,
		Key: d.Key, Size: d.Size, InputSize: d.InputSize, InputHash: d.InputHash, SHA256: d.SHA256,
		Changed: d.Changed, Overflow: d.Overflow,
	}
}

// pack puts a segment of documents, which are in order, and records it. Their own
// objects become inputs, or where they lay in old segments those are replaced.
func (w *packed) pack(t *testing.T, docs []ledger.Document, old ...int64) ledger.Segment {
	t.Helper()
	var file bytes.Buffer
	sw := segment.NewWriter(&file)
	var ids []int64
	for _, d := range docs {
		row, of := rowOf(d), w.objects[d.Key]
		row.Document, row.Metadata = []byte(of.Content), of.Metadata
		row.Change = []byte(w.objects[layout.Meta(d.Key)].Content)
		if err := sw.Write(row); err != nil {
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
		Key: key, User: "5", Month: march, Rows: sum.Rows, Size: sum.Bytes, SHA256: sha256.Sum256(file.Bytes()), Created: packedAt,
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
	if err := w.ledger.CommitSegments(t.Context(), []ledger.Packed{{Segment: s, Documents: ids}}, old, packedAt, packedAt); err != nil {
		t.Fatal(err)
	}
	return s
}

// removeInputs removes the objects of what lies in a segment.
func (w *packed) removeInputs(t *testing.T, s ledger.Segment) {
	t.Helper()
	docs, err := w.ledger.ClaimInputs(t.Context(), s.ID, packedAt, time.Minute, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	w.endInputs(t, docs)
}

// endInputs removes the objects of claimed inputs.
func (w *packed) endInputs(t *testing.T, docs []ledger.Document) {
	t.Helper()
	for _, d := range docs {
		if err := store.Remove(t.Context(), w.inner, nil, d.Key, layout.Meta(d.Key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ledger.EndInputs(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
}

// all is every object of the store.
func (w *packed) all(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for info, err := range w.inner.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		r, info, err := w.inner.Get(t.Context(), info.Key, store.Range{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		all[info.Key] = object{string(b), info.Metadata}
	}
	return all
}

// wantOut compares the store with what it held before anything was packed, beside
// segments and their manifests, and the ledger with what it had then.
func (w *packed) wantOut(t *testing.T) {
	t.Helper()
	got := w.all(t)
	maps.DeleteFunc(got, func(key string, _ object) bool {
		return strings.HasPrefix(key, layout.Segments) || strings.HasPrefix(key, layout.Manifests)
	})
	if d := cmp.Diff(w.objects, got); d != "" {
		t.Errorf("the store after taking out (-before packing +now):\n%s", d)
	}
	if d := cmp.Diff(w.docs, w.stored(t)); d != "" {
		t.Errorf("the ledger after taking out (-before packing +now):\n%s", d)
	}
}

// enough is how many calls of a kind fail in turn: after that they are of one more
// document.
const enough = 5

// eachFault runs do on a fresh world for each store call and each ledger call that it
// makes, failing there, before and after it took effect; then once more, which must
// succeed; and then looks at the end.
func eachFault(t *testing.T, fresh func(*testing.T) *packed, do func(*testing.T, *packed) error, then func(*testing.T, *packed)) {
	t.Helper()
	w := fresh(t)
	w.store.Reset()
	ops := map[string]int{}
	var mu sync.Mutex
	w.fault = func(op string, _ ledger.Phase) error {
		mu.Lock()
		defer mu.Unlock()
		ops[op]++
		return nil
	}
	if err := do(t, w); err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	w.fault = nil
	calls := w.store.Calls()
	then(t, w)
	if len(calls) == 0 || len(ops) == 0 {
		t.Fatalf("it made %d calls of the store, %d of the ledger", len(calls), len(ops))
	}
	methods := map[string]int{}
	for _, call := range calls {
		if methods[call.Method]++; methods[call.Method] > enough {
			continue
		}
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			if when == storetest.During && call.Method == "Put" {
				continue // that is before
			}
			t.Run(fmt.Sprintf("%s %d %s", call.Method, call.N, when), func(t *testing.T) {
				w := fresh(t)
				w.store.Reset()
				w.store.Arm(storetest.Fault{Call: call.N, When: when, Err: errInjected})
				if err := do(t, w); !errors.Is(err, errInjected) {
					t.Errorf("it ended with %v, want %v", err, errInjected)
				}
				w.store.Reset()
				if err := do(t, w); err != nil {
					t.Errorf("once more: %v", err)
				}
				then(t, w)
			})
		}
	}
	for op, n := range ops {
		for i := range min(n, enough) {
			t.Run(fmt.Sprintf("%s %d", op, i), func(t *testing.T) {
				w := fresh(t)
				seen := 0
				w.fault = func(o string, _ ledger.Phase) error {
					mu.Lock()
					defer mu.Unlock()
					if o == op {
						if seen++; seen == i+1 {
							return errInjected
						}
					}
					return nil
				}
				if err := do(t, w); !errors.Is(err, errInjected) {
					t.Errorf("it ended with %v, want %v", err, errInjected)
				}
				w.fault = nil
				if err := do(t, w); err != nil {
					t.Errorf("once more: %v", err)
				}
				then(t, w)
			})
		}
	}
}

func newMemory() store.Store { return memstore.New() }

func hashOf(content string) ledger.Hash { return sha256.Sum256([]byte(content)) }
