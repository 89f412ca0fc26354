package retain_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// secret is in every record of the job that is to go.
const secret = "Jane Doe"

// world is a store and a ledger with a job of three versions, two of them with
// their overflow, files that were made of it, and another job.
type world struct {
	inner  store.Store
	store  *storetest.Faulty
	ledger *ledger.Ledger
	fail   func(op string, phase ledger.Phase) bool

	path   string // of what is delivered
	docs   []ledger.Document
	others []string // keys of what is to stay
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldIn(t, memstore.New())
}

// newWorldIn is newWorld in an empty store.
func newWorldIn(t *testing.T, inner store.Store) *world {
	t.Helper()
	w := &world{inner: inner, path: filepath.Join(t.TempDir(), "records.ndjson")}
	w.store = storetest.NewFaulty(w.inner)
	lines := `,"title":"` + secret + `","lines":["` + strings.Repeat(secret, 100) + `"]`
	stream := job("a", lines) + job("a", lines+`,"v":2`) + job("a", `,"error":"`+secret+`"`) + job("b", lines)
	if err := os.WriteFile(w.path, []byte(stream), 0o600); err != nil {
		t.Fatal(err)
	}
	w.ledger = openLedger(t, func(op string, phase ledger.Phase) error {
		if w.fail != nil && w.fail(op, phase) {
			return errInjected
		}
		return nil
	})
	if s := w.archive(t, w.ledger); s.Archived != 4 || s.Revisions != 2 || s.Capped != 3 {
		t.Fatalf("archived %+v", s)
	}
	for i, id := range []string{"a", "b"} {
		w.export(t, fmt.Sprintf("%032x", i), id)
	}
	for _, key := range w.keys(t) {
		if !strings.Contains(key, "/a/") && !strings.HasPrefix(key, layout.Exports+"00000000000000000000000000000000/") {
			w.others = append(w.others, key)
		}
	}
	var err error
	if w.docs, err = w.ledger.ByJob(t.Context(), "5", "a"); err != nil || len(w.docs) != 3 {
		t.Fatalf("ByJob = %v, %v, want 3 versions", w.docs, err)
	}
	w.store.Reset()
	return w
}

func job(id, more string) string {
	return fmt.Sprintf(`{"id":%q,"recipe_id":7,"account_id":5,"status":"failed","completed_at":"2024-03-01T10:00:00Z"%s}`, id, more) + "\n"
}

func hashOf(s string) ledger.Hash { return sha256.Sum256([]byte(s)) }

func openLedger(t *testing.T, fault func(string, ledger.Phase) error) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db"), Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (w *world) config() retain.Config { return retain.Config{Store: w.store, Ledger: w.ledger} }

func newReader(t *testing.T) *jobfile.Reader {
	t.Helper()
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// archive delivers the whole stream, as a source does that begins again.
func (w *world) archive(t *testing.T, l *ledger.Ledger) archive.Summary {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "again.ndjson")
	b, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := filesource.New(filesource.Config{Path: copied, Budget: archive.NewBudget(archive.DefaultBudget)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := archive.Run(t.Context(), archive.Config{
		Store: w.inner, Ledger: l, MaxFileSize: 300, Inputs: []archive.Input{{Source: source, Reader: newReader(t)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) adopt(t *testing.T, l *ledger.Ledger) archive.AdoptSummary {
	t.Helper()
	s, err := archive.Adopt(t.Context(), archive.AdoptConfig{Store: w.inner, Ledger: l, Reader: newReader(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// export makes a file of a job, of a second attempt.
func (w *world) export(t *testing.T, id, jobID string) {
	t.Helper()
	e := ledger.Export{ID: id, User: "5", Job: jobID, Created: noon, Request: []byte("{}")}
	token := ledger.Token{Hash: hashOf("token of " + id), Created: noon, Expires: noon.Add(time.Hour)}
	if _, err := w.ledger.CreateExport(t.Context(), e, token, ledger.AuditEntry{Action: "export"}); err != nil {
		t.Fatal(err)
	}
	for attempt := range int64(2) {
		var err error
		if e, err = w.ledger.ClaimExport(t.Context(), id, noon.Add(time.Duration(attempt)*time.Hour), time.Minute); err != nil {
			t.Fatal(err)
		}
		if e.Object, err = layout.Export(id, e.Attempt, "log"); err != nil {
			t.Fatal(err)
		}
		if err := w.inner.Put(t.Context(), e.Object, store.Bytes([]byte(secret)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	e.State = ledger.ExportReady
	if err := w.ledger.FinishExport(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// keys are those of all objects but the one that tells what the store can do.
func (w *world) keys(t *testing.T) []string {
	t.Helper()
	var all []string
	for info, err := range w.inner.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Key)
	}
	return slices.DeleteFunc(all, func(key string) bool { return key == layout.Probe })
}

func (w *world) get(t *testing.T, key string) []byte {
	t.Helper()
	r, _, err := w.inner.Get(t.Context(), key, store.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// erasure is the key of the one erasure there is.
func (w *world) erasure(t *testing.T) string {
	t.Helper()
	var found []string
	for _, key := range w.keys(t) {
		if strings.HasPrefix(key, layout.Erasures) {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the erasures are %v, want one", found)
	}
	return found[0]
}

func (w *world) recorded(t *testing.T) bool {
	t.Helper()
	return slices.ContainsFunc(w.keys(t), func(key string) bool { return strings.HasPrefix(key, layout.Erasures) })
}

func (w *world) wantNoContent(t *testing.T, key string) {
	t.Helper()
	if b := w.get(t, key); bytes.Contains(b, []byte(secret)) {
		t.Errorf("%s has content: %s", key, b)
	}
}

// copyOf is a world with a store that holds the same, and no ledger.
func (w *world) copyOf(t *testing.T) *world {
	t.Helper()
	s := memstore.New()
	for _, key := range w.keys(t) {
		if err := s.Put(t.Context(), key, store.Bytes(w.get(t, key)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return &world{inner: s}
}
