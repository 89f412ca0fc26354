package retain_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

var (
	noon        = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	errInjected = errors.New("broken on purpose")

	why = retain.Why{By: "key 7", Reason: "the customer asked", Audit: ledger.AuditEntry{
		At: noon, Key: 7, Action: "delete", User: "5", Job: "a", Outcome: "ok",
	}}
)

// wantErased checks that nothing of job a is left but its erasure's record,
// and that everything else is.
func (w *world) wantErased(t *testing.T) {
	t.Helper()
	var left []string
	for _, key := range w.keys(t) {
		if strings.HasPrefix(key, layout.Erasures) {
			w.wantNoContent(t, key)
			continue
		}
		left = append(left, key)
	}
	if d := cmp.Diff(w.others, left); d != "" {
		t.Errorf("what is left in the store (-want +got):\n%s", d)
	}
	w.wantRows(t, w.ledger)
	exports, err := w.ledger.Exports(t.Context(), ledger.ExportQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exports {
		token, _, err := w.ledger.TokenByHash(t.Context(), hashOf("token of "+e.ID))
		if err != nil {
			t.Fatal(err)
		}
		ours := e.Job == "a"
		if ours != (e.State == ledger.ExportSwept) || ours == token.Revoked.IsZero() {
			t.Errorf("export of job %s is %s, its token revoked: %v", e.Job, e.State, token.Revoked)
		}
	}
	deletions := 0
	log, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range log {
		if a.Action == "delete" {
			deletions++
		}
	}
	if deletions != 1 {
		t.Errorf("%d deletions are on record, want 1", deletions)
	}
}

// wantRows checks that a ledger lists the other jobs alone, and refuses job a.
func (w *world) wantRows(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	for d, err := range l.Documents(t.Context(), ledger.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Job != "b" {
			t.Errorf("%s is listed", d.Key)
		}
	}
	versions, err := l.Versions(t.Context(), "5", "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 3 {
		t.Errorf("%d versions of job a are known, want 3", len(versions))
	}
	for _, v := range versions {
		if v.State != ledger.Erased || v.Title+v.Error+v.ErrorType != "" {
			t.Errorf("version %s is %s, with %q, %q, %q", v.Key, v.State, v.Title, v.Error, v.ErrorType)
		}
	}
	before := w.keys(t)
	s := w.archive(t, l)
	if s.Refused != 3 || s.Archived != 0 || s.Revisions != 0 {
		t.Errorf("delivered again: %+v, want 3 refused and none archived", s)
	}
	if d := cmp.Diff(before, w.keys(t)); d != "" {
		t.Errorf("delivered again, it changed the store:\n%s", d)
	}
}

func TestErase(t *testing.T) {
	w := newWorld(t)
	gone, err := retain.Erase(t.Context(), w.config(), w.docs, why)
	if gone != 3 || err != nil {
		t.Fatalf("Erase = %d, %v, want 3", gone, err)
	}
	w.wantErased(t)
	b := w.get(t, w.erasure(t))
	r, err := layout.Decode[layout.ErasureRecord](b)
	if err != nil || r.User != "5" || r.Recipe != "7" || r.Job != "a" || r.By != why.By || r.Reason != why.Reason || !r.At.Equal(noon) || len(r.Versions) != 3 {
		t.Errorf("the erasure's record is %s, %v", b, err)
	}
	// Once more, in each way, changes nothing.
	if gone, err := retain.Resume(t.Context(), w.config(), "5", "a", why); gone != 0 || err != nil {
		t.Errorf("Resume of a finished one = %d, %v, want 0", gone, err)
	}
	if _, err := retain.Erase(t.Context(), w.config(), w.docs, why); err != nil {
		t.Errorf("Erase again: %v", err)
	}
	w.wantErased(t)
	w.wantRebuilt(t)
}

// wantRebuilt checks that a ledger made anew from the store knows of the erasure.
func (w *world) wantRebuilt(t *testing.T) {
	t.Helper()
	l := openLedger(t, nil)
	s := w.adopt(t, l)
	if s.Erased != 3 || s.Unknown != 0 || s.Damaged != 0 {
		t.Errorf("Adopt = %+v, want 3 erased", s)
	}
	w.wantRows(t, l)
	if s := w.adopt(t, l); s.Erased != 0 || s.Adopted != 0 {
		t.Errorf("Adopt again = %+v, want nothing new", s)
	}
}

func TestEraseRefuses(t *testing.T) {
	w := newWorld(t)
	if _, err := retain.Erase(t.Context(), w.config(), nil, why); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Erase of nothing = %v, want fs.ErrNotExist", err)
	}
	other := w.docs[0]
	other.Recipe = "8"
	if _, err := retain.Erase(t.Context(), w.config(), append(slices.Clone(w.docs), other), why); err == nil {
		t.Error("Erase of two jobs at once: no error")
	}
	for _, ref := range []ledger.Ref{{User: "5", Job: "b"}, {User: "6", Job: "a"}, {User: "5", Job: "none"}} {
		if _, err := retain.Resume(t.Context(), w.config(), ref.User, ref.Job, why); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Resume of %v = %v, want fs.ErrNotExist", ref, err)
		}
	}
	if len(w.store.Calls()) > 0 {
		t.Errorf("what was refused made calls: %v", w.store.Calls())
	}
}

// Whatever call to the store fails, and at whatever moment everything dies, a
// second Erase finishes it, and a ledger made anew in between takes nothing in
// that was to go.
func TestEraseSurvivesTheStore(t *testing.T) {
	w := newWorld(t)
	if _, err := retain.Erase(t.Context(), w.config(), w.docs, why); err != nil {
		t.Fatal(err)
	}
	calls := len(w.store.Calls())
	for n := 1; n <= calls; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			t.Run(fmt.Sprintf("call %d of %d %s", n, calls, when), func(t *testing.T) {
				w := newWorld(t)
				w.store.Arm(storetest.Fault{Call: n, When: when, Err: errInjected, Sticky: true})
				if _, err := retain.Erase(t.Context(), w.config(), w.docs, why); !errors.Is(err, errInjected) {
					t.Errorf("Erase = %v, want %v", err, errInjected)
				}
				w.finish(t)
			})
		}
	}
}

func TestEraseSurvivesTheLedger(t *testing.T) {
	for _, op := range []string{"start erasure", "end sweep", "end erasure"} {
		for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
			t.Run(fmt.Sprintf("%s, phase %d", op, phase), func(t *testing.T) {
				w := newWorld(t)
				w.fail = func(o string, p ledger.Phase) bool { return o == op && p == phase }
				if _, err := retain.Erase(t.Context(), w.config(), w.docs, why); !errors.Is(err, errInjected) {
					t.Errorf("Erase = %v, want %v", err, errInjected)
				}
				w.fail = nil
				w.finish(t)
			})
		}
	}
}

// finish goes on after a failure, in the way that is left, and checks the end.
func (w *world) finish(t *testing.T) {
	t.Helper()
	w.store.Reset()
	if w.recorded(t) { // it was begun, so it must be known to be
		l := openLedger(t, nil)
		w.adopt(t, l)
		for d, err := range l.Documents(t.Context(), ledger.Query{Job: "a"}) {
			t.Errorf("a ledger made anew lists %s, %v", d.Key, err)
		}
		copied := w.copyOf(t)
		if _, err := retain.ResumeAll(t.Context(), retain.Config{Store: copied.inner, Ledger: l}, why); err != nil {
			t.Errorf("ResumeAll with a ledger made anew: %v", err)
		}
		for _, key := range copied.keys(t) {
			if strings.Contains(key, "/a/") { // what was done to a document has hashes alone
				copied.wantNoContent(t, key)
				if !strings.HasPrefix(key, "_logstow/meta/") {
					t.Errorf("a ledger made anew leaves %s", key)
				}
			}
		}
	}
	if _, err := retain.ResumeAll(t.Context(), w.config(), why); err != nil {
		t.Errorf("ResumeAll: %v", err)
	}
	stored, err := w.ledger.ByJob(t.Context(), "5", "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > 0 { // it was not begun as far as the ledger knows
		if _, err := retain.Erase(t.Context(), w.config(), stored, why); err != nil {
			t.Errorf("Erase after a failure: %v", err)
		}
	}
	w.wantErased(t)
	w.wantRebuilt(t)
}

// While a deletion is under way its records are refused, and nobody finds them.
func TestHalfErasedJobsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.fail = func(op string, _ ledger.Phase) bool { return op == "end sweep" }
	if _, err := retain.Erase(t.Context(), w.config(), w.docs, why); !errors.Is(err, errInjected) {
		t.Fatalf("Erase = %v, want %v", err, errInjected)
	}
	if docs, err := w.ledger.ByJob(t.Context(), "5", "a"); len(docs) > 0 || err != nil {
		t.Errorf("ByJob = %v, %v, want none", docs, err)
	}
	if s := w.archive(t, w.ledger); s.Refused != 3 || s.Archived != 0 {
		t.Errorf("delivered again: %+v, want 3 refused", s)
	}
}

// longest is a document whose key is as long as keys may be.
func longest(t *testing.T, n int) ledger.Document {
	t.Helper()
	d := layout.Document{
		User: strings.Repeat("u", 60), Recipe: strings.Repeat("r", 60), Job: fmt.Sprintf("%0100d", n), Time: noon, Status: "failed",
	}
	for {
		longer := d
		longer.Recipe += "r"
		if key, err := longer.Key(); err != nil || len(layout.Revision(key, hashOf("").String())) > 1000 {
			break
		}
		d = longer
	}
	key, err := d.Key()
	if err != nil {
		t.Fatal(err)
	}
	hash := hashOf(fmt.Sprint(n))
	return ledger.Document{
		Kind: "job", User: d.User, Recipe: d.Recipe, Job: d.Job, Status: d.Status, Time: d.Time, Lines: -1,
		Key: layout.Revision(key, hash.String()), Revision: true, InputHash: hash, SHA256: hash, Verified: true,
	}
}

// A record of very many versions can be read back, and however much is erased, it
// is by few records.
func TestRecordsAreFewAndCanBeRead(t *testing.T) {
	w := newWorld(t)
	var docs []ledger.Document
	for n := range 1500 {
		docs = append(docs, longest(t, n))
	}
	if err := w.ledger.Commit(t.Context(), ledger.Batch{Documents: docs}); err != nil {
		t.Fatal(err)
	}
	long := why
	long.By, long.Reason = strings.Repeat("\xff", 1<<20), strings.Repeat("é", 1<<20)
	all := w.documents(t, ledger.Query{User: docs[0].User})
	if gone, err := retain.EraseVersions(t.Context(), w.config(), all, long); gone != 1500 || err != nil {
		t.Fatalf("EraseVersions = %d, %v, want 1500", gone, err)
	}
	records := 0
	for info, err := range w.inner.List(t.Context(), store.ListOptions{Prefix: layout.Erasures}) {
		if records++; err != nil || info.Size > layout.MaxErasure*3/4 {
			t.Errorf("%s has %d bytes, %v", info.Key, info.Size, err)
		}
	}
	if records != 2 {
		t.Errorf("%d records, want 2", records)
	}
	l := openLedger(t, nil)
	if s := w.adopt(t, l); s.Erased != 1500 {
		t.Errorf("Adopt = %+v, want 1500 erased", s)
	}
}

// documents is what the ledger lists.
func (w *world) documents(t *testing.T, q ledger.Query) (all []ledger.Document) {
	t.Helper()
	for d, err := range w.ledger.Documents(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// What is expiring is listed no more, and its bytes may be there for a while.
func TestResumeErasesWhatIsExpiring(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for _, d := range w.docs {
		ids = append(ids, d.ID)
	}
	if _, err := w.ledger.Mark(t.Context(), ids, ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
		t.Fatal(err)
	}
	if started, _, err := w.ledger.StartExpiry(t.Context(), w.docs, noon); len(started) != 3 || err != nil {
		t.Fatalf("StartExpiry = %v, %v, want 3", started, err)
	}
	if gone, err := retain.Resume(t.Context(), w.config(), "5", "a", why); gone != 3 || err != nil {
		t.Fatalf("Resume = %d, %v, want 3", gone, err)
	}
	w.wantErased(t)
	w.wantRebuilt(t)
}
