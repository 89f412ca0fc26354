package retain_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

const day = 24 * time.Hour

// shelf is a store and a ledger with documents of which some are to expire, and a
// clock.
type shelf struct {
	inner  store.Store
	store  *storetest.Faulty
	ledger *ledger.Ledger
	path   string // of the ledger
	fail   func(op string, phase ledger.Phase) bool
	now    time.Time

	events  []string // what Each was called with: what happened, to whom, by which policy
	notices []string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	return newShelfOn(t, memstore.New())
}

func newShelfOn(t *testing.T, inner store.Store) *shelf {
	t.Helper()
	w := &shelf{inner: inner, store: storetest.NewFaulty(inner), now: noon}
	w.path = filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(t.Context(), ledger.Config{Path: w.path, Fault: func(op string, phase ledger.Phase) error {
		if w.fail != nil && w.fail(op, phase) {
			return errInjected
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w.ledger = l
	return w
}

// doc is a document, with what a test doesn't say filled in.
func doc(job string, age time.Duration, more ...func(*ledger.Document)) ledger.Document {
	d := ledger.Document{
		Kind: "job", User: "5", Recipe: "7", Job: job, Status: "failed", Time: noon.Add(-age).UTC(), Lines: 3,
		Verified: true, InputHash: hashOf("input " + job), SHA256: hashOf(contentOf(job)), InputSize: 10, Size: 10,
		Title: secret, State: ledger.Stored, Source: "s", ArchivedAt: noon.Add(-age),
	}
	for _, f := range more {
		f(&d)
	}
	return d
}

// contentOf is what lies under a job's key, of 10 bytes.
func contentOf(job string) string { return fmt.Sprintf("%-10.10s", job) }

func ofUser(user string) func(*ledger.Document) {
	return func(d *ledger.Document) { d.User = user }
}

// capped has a document that lies beside its full record.
func capped(d *ledger.Document) { d.Changed, d.Overflow = "capped", true }

// add puts documents into the store and records them.
func (w *shelf) add(t *testing.T, docs ...ledger.Document) {
	t.Helper()
	for i := range docs {
		d := &docs[i]
		if d.Key == "" {
			key, err := layout.Document{User: d.User, Recipe: d.Recipe, Job: d.Job, Time: d.Time, Status: d.Status}.Key()
			if err != nil {
				t.Fatal(err)
			}
			d.Key = key
		}
		keys := []string{d.Key}
		if d.Overflow {
			keys = append(keys, layout.Overflow(d.Key), layout.Meta(d.Key))
		}
		for _, key := range keys {
			if err := w.inner.Put(t.Context(), key, store.Bytes([]byte(contentOf(d.Job))), store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.ledger.Commit(t.Context(), ledger.Batch{Documents: docs}); err != nil {
		t.Fatal(err)
	}
}

// many is n documents of a user that are as old.
func many(user string, n int, age time.Duration) (docs []ledger.Document) {
	for i := range n {
		docs = append(docs, doc(fmt.Sprintf("%s-%05d", user, i), age, ofUser(user)))
	}
	return docs
}

func (w *shelf) config(policies ...retain.Policy) retain.ExpireConfig {
	return retain.ExpireConfig{
		Config:   retain.Config{Store: w.store, Ledger: w.ledger},
		Policies: policies,
		Now:      func() time.Time { return w.now },
		Each: func(what retain.What, d ledger.Document, m ledger.Mark) {
			w.events = append(w.events, strings.TrimSpace(fmt.Sprintf("%s %s %s", what, d.Job, m.Policy)))
		},
		Notice: func(key, reason string) { w.notices = append(w.notices, key+": "+reason) },
	}
}

// expire runs Expire, which must succeed, and returns what it did without how long
// it took.
func (w *shelf) expire(t *testing.T, c retain.ExpireConfig) retain.Expired {
	t.Helper()
	w.events, w.notices = nil, nil
	did, err := retain.Expire(t.Context(), c)
	if err != nil {
		t.Fatalf("Expire at %s: %v", w.now, err)
	}
	did.DurationSeconds = 0
	return did
}

// state is the state of the one version of a job, and whether its object is there.
func (w *shelf) state(t *testing.T, user, job string) (ledger.State, bool) {
	t.Helper()
	versions, err := w.ledger.Versions(t.Context(), user, job)
	if err != nil || len(versions) != 1 {
		t.Fatalf("Versions(%s, %s) = %v, %v, want one", user, job, versions, err)
	}
	d := versions[0]
	there := slices.Contains(w.keys(t), d.Key)
	for _, beside := range []string{layout.Overflow(d.Key), layout.Meta(d.Key)} {
		if slices.Contains(w.keys(t), beside) != (there && d.Overflow) {
			t.Errorf("%s is there although %s isn't, or the other way round", beside, d.Key)
		}
	}
	if d.State == ledger.Expired && d.Title+d.Error+d.Source != "" {
		t.Errorf("job %s has expired, and the ledger still has %+v", job, d)
	}
	return d.State, there
}

// want checks what became of jobs of user 5: "stored" or "expired" by name.
func (w *shelf) want(t *testing.T, want map[string]ledger.State) {
	t.Helper()
	got := map[string]ledger.State{}
	for job := range want {
		state, there := w.state(t, "5", job)
		got[job] = state
		if there != (state == ledger.Stored) {
			t.Errorf("job %s is %s, and its object is there: %v", job, state, there)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("at %s (-want +got):\n%s", w.now, d)
	}
}

func (w *shelf) keys(t *testing.T) []string {
	t.Helper()
	var all []string
	for info, err := range w.inner.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Key)
	}
	return all
}

// hold has a hold in the store, as another machine puts it there.
func (w *shelf) hold(t *testing.T, n int, scope layout.Scope) string {
	t.Helper()
	id := fmt.Sprintf("%032x", n)
	r := layout.HoldRecord{ID: id, Scope: scope, By: "Ann", Reason: "a court asks", At: w.now}
	if err := w.inner.Put(t.Context(), layout.Hold(id), store.Bytes(layout.Encode(r)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *shelf) release(t *testing.T, id string) {
	t.Helper()
	r := layout.ReleaseRecord{ID: id, By: "Ann", Reason: "it is over", At: w.now}
	if err := w.inner.Put(t.Context(), layout.HoldRelease(id), store.Bytes(layout.Encode(r)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}
