package check_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

const samples = "../../testdata/records"

// unwritable is a store that a check may be given: whoever writes to it fails.
type unwritable struct {
	store.Store
	t *testing.T
}

func (u unwritable) Put(_ context.Context, key string, _ store.Body, _ store.PutOptions) error {
	u.t.Errorf("Put(%s) during a check", key)
	return store.ErrRefused
}

func (u unwritable) Delete(_ context.Context, keys ...string) error {
	u.t.Errorf("Delete(%s) during a check", keys)
	return store.ErrRefused
}

func (u unwritable) Unwrap() store.Store { return u.Store }

// world is a store with something of everything in it, and its ledger.
type world struct {
	t      *testing.T
	store  store.Store
	ledger *ledger.Ledger
	path   string // of the ledger
	was    map[string][]byte
}

func newWorld(t *testing.T, s store.Store) *world {
	t.Helper()
	w := &world{t: t, store: s, path: filepath.Join(t.TempDir(), "ledger.db")}
	var err error
	if w.ledger, err = ledger.Open(t.Context(), ledger.Config{Path: w.path}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.ledger.Close() })
	return w
}

// fill archives every platform's records, revisions, capped documents with and
// without what was left out, records without lines, what can't be archived; and
// erases, drops and exports some of it.
func (w *world) fill() {
	w.t.Helper()
	w.archive(archive.Config{}, samples)
	long := `,"lines":["` + strings.Repeat("line ", 200) + `"]`
	w.archive(archive.Config{MaxFileSize: 500}, w.file(
		job("capped", long), job("capped", long+`,"v":2`), job("gone", long), job("gone", `,"v":2`), job("half", long)))
	w.archive(archive.Config{MaxFileSize: 500, Overflow: archive.Drop}, w.file(job("dropped", long)))
	w.archive(archive.Config{Detail: jobfile.StatusOnly}, w.file(job("status", long)))
	w.archive(archive.Config{}, w.file(job("plain", ""), job("plain", `,"v":2`), job("other", ""), `{"broken`, `{"id":1}`, `{"id":2}`))
	w.erase("gone")
	var ids []int64
	for q, err := range w.ledger.Quarantine(w.t.Context(), ledger.QuarantineQuery{}) {
		w.ok(err)
		ids = append(ids, q.ID)
	}
	if len(ids) < 3 {
		w.t.Fatalf("%d records are quarantined", len(ids))
	}
	w.ok(archive.DropQuarantined(w.t.Context(), w.store, w.ledger, ids[0]))
	w.export(strings.Repeat("ab", 16))
	w.was = w.contents()
}

func job(id, more string) string {
	return fmt.Sprintf(`{"id":%q,"recipe_id":7,"account_id":5,"status":"failed","completed_at":"2024-03-01T10:00:00Z"%s}`, id, more)
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) file(records ...string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "records.ndjson")
	w.ok(os.WriteFile(path, []byte(strings.Join(records, "\n")+"\n"), 0o600))
	return path
}

func (w *world) archive(c archive.Config, path string) archive.Summary {
	w.t.Helper()
	source, err := filesource.New(filesource.Config{Path: path, Budget: archive.NewBudget(archive.DefaultBudget)})
	w.ok(err)
	reader, err := jobfile.NewReader(jobfile.Config{})
	w.ok(err)
	c.Store, c.Ledger, c.Inputs = w.store, w.ledger, []archive.Input{{Source: source, Reader: reader}}
	s, err := archive.Run(w.t.Context(), c)
	w.ok(err)
	return s
}

func (w *world) versions(id string) []ledger.Document {
	w.t.Helper()
	docs, err := w.ledger.Versions(w.t.Context(), "5", id)
	w.ok(err)
	if len(docs) == 0 {
		w.t.Fatalf("job %s has no versions", id)
	}
	return docs
}

func (w *world) key(id string) string { return w.versions(id)[0].Key }

func why() retain.Why {
	return retain.Why{By: "test", Audit: ledger.AuditEntry{Action: "delete", At: time.Now()}}
}

func (w *world) erase(id string) {
	w.t.Helper()
	_, err := retain.Erase(w.t.Context(), retain.Config{Store: w.store, Ledger: w.ledger}, w.versions(id), why())
	w.ok(err)
}

func (w *world) export(id string) {
	w.t.Helper()
	now := time.Now()
	e := ledger.Export{ID: id, User: "5", Job: "plain", Created: now, Request: []byte("{}")}
	_, err := w.ledger.CreateExport(w.t.Context(), e, ledger.Token{Created: now, Expires: now.Add(time.Hour)}, ledger.AuditEntry{Action: "export"})
	w.ok(err)
	e, err = w.ledger.ClaimExport(w.t.Context(), id, now, time.Minute)
	w.ok(err)
	e.Object, err = layout.Export(id, e.Attempt, "log")
	w.ok(err)
	body := store.Bytes([]byte("the log"))
	w.ok(w.store.Put(w.t.Context(), e.Object, body, store.PutOptions{}))
	e.State, e.Size, e.SHA256 = ledger.ExportReady, body.Size, body.SHA256
	w.ok(w.ledger.FinishExport(w.t.Context(), e))
}

func (w *world) get(key string) []byte {
	w.t.Helper()
	r, _, err := w.store.Get(w.t.Context(), key, store.Range{})
	w.ok(err)
	defer r.Close()
	b, err := io.ReadAll(r)
	w.ok(err)
	return b
}

func (w *world) put(key string, content []byte) {
	w.t.Helper()
	w.ok(w.store.Put(w.t.Context(), key, store.Bytes(content), store.PutOptions{}))
}

func (w *world) remove(keys ...string) {
	w.t.Helper()
	w.ok(w.store.Delete(w.t.Context(), keys...))
}

func (w *world) contents() map[string][]byte {
	w.t.Helper()
	all := map[string][]byte{}
	for info, err := range w.store.List(w.t.Context(), store.ListOptions{}) {
		w.ok(err)
		all[info.Key] = w.get(info.Key)
	}
	return all
}

// restore undoes what was done to the store since fill.
func (w *world) restore() {
	w.t.Helper()
	now := w.contents()
	for key := range now {
		if _, ok := w.was[key]; !ok {
			w.remove(key)
		}
	}
	for key, content := range w.was {
		if !bytes.Equal(now[key], content) {
			w.put(key, content)
		}
	}
}

// one is the key of an object that begins and ends so.
func (w *world) one(prefix, suffix string) string {
	w.t.Helper()
	for _, key := range slices.Sorted(maps.Keys(w.was)) {
		if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, suffix) {
			return key
		}
	}
	w.t.Fatalf("no object begins with %s and ends in %s", prefix, suffix)
	return ""
}

// check runs a check that can write nothing, and returns what it found.
func (w *world) check(c check.Config) ([]check.Finding, check.Summary, error) {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), ledger.Config{Path: w.path, ReadOnly: true})
	w.ok(err)
	defer l.Close()
	if c.Store == nil {
		c.Store = w.store
	}
	c.Store, c.Ledger = unwritable{c.Store, w.t}, l
	var all []check.Finding
	c.Finding = func(f check.Finding) { all = append(all, f) }
	s, err := check.Run(w.t.Context(), c)
	slices.SortFunc(all, func(a, b check.Finding) int { return strings.Compare(a.Key, b.Key) })
	return all, s, err
}

// thorough takes nothing for the work of somebody else.
var thorough = check.Config{Deep: true, Settle: -1}

// found is what is compared of a finding: the reason by a part of it.
type found struct {
	kind   check.Kind
	damage bool
	key    string
	reason string
}

// want fails unless a check finds these, and nothing else.
func (w *world) want(c check.Config, want ...found) check.Summary {
	w.t.Helper()
	all, s, err := w.check(c)
	w.ok(err)
	slices.SortFunc(want, func(a, b found) int { return strings.Compare(a.key, b.key) })
	var got []found
	counts, damage := map[check.Kind]int64{}, int64(0)
	for i, f := range all {
		reason := f.Reason
		if i < len(want) && strings.Contains(reason, want[i].reason) {
			reason = want[i].reason
		}
		got = append(got, found{f.Kind, f.Damage, f.Key, reason})
		counts[f.Kind]++
		if f.Damage {
			damage++
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(found{})); diff != "" {
		w.t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(counts, s.Findings); diff != "" || s.Damage != damage {
		w.t.Errorf("summary %+v, want %d damage and (-want +got):\n%s", s, damage, diff)
	}
	return s
}
