package retain_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

// spread has something of user 5 everywhere: segments, one of them replaced, what is
// to expire, exports, and quarantine, where one record is of nobody.
func (w *rack) spread(t *testing.T) {
	t.Helper()
	one := w.pack(t, w.stored(t, ledger.Query{User: "5", Recipe: "0"}))
	w.pack(t, w.stored(t, ledger.Query{User: "5"}), one.ID)
	expiring := w.stored(t, ledger.Query{User: "5", Job: "j4"})
	if _, err := w.ledger.Mark(t.Context(), []int64{expiring[0].ID}, ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
		t.Fatal(err)
	}
	if started, _, err := w.ledger.StartExpiry(t.Context(), expiring, someDay); err != nil || len(started) != 1 {
		t.Fatalf("StartExpiry = %d, %v", len(started), err)
	}
	for i, user := range []string{"5", "6", ""} {
		e := ledger.Export{ID: fmt.Sprintf("%032x", i), User: user, Created: noon, Request: []byte("{}")}
		token := ledger.Token{Hash: hashOf("token of " + e.ID), Created: noon, Expires: noon}
		if _, err := w.ledger.CreateExport(t.Context(), e, token, ledger.AuditEntry{Action: "export"}); err != nil {
			t.Fatal(err)
		}
		content := saidBy("5", "j0")
		if user == "6" {
			content = saidBy("6", "j0")
		}
		w.putObject(t, layout.Exports+e.ID+"/1.log", content)
	}
}

var all5 = []string{"5/j0", "5/j1", "5/j2", "5/j3", "5/j4"}

// wantNothingOf5 checks that nothing of user 5 is left, and all of user 6.
func (w *rack) wantNothingOf5(t *testing.T) {
	t.Helper()
	for _, job := range []string{"j0", "j1", "j2", "j3", "j4", "quarantined"} {
		w.wantNowhere(t, job)
	}
	w.wantWhole(t, all5...)
	for key := range w.everything(t) {
		if strings.HasPrefix(key, "5/") || strings.Contains(key, "user_id=5/") || strings.HasPrefix(key, layout.Manifests) {
			t.Errorf("%s is left", key)
		}
	}
	if left := w.segments(t); len(left) > 0 {
		t.Errorf("segments are left: %+v", left)
	}
	if got := w.object(t, layout.Exports+fmt.Sprintf("%032x", 1)+"/1.log"); got == nil {
		t.Error("the file of another user is gone")
	}
	for q, err := range w.ledger.Quarantine(t.Context(), ledger.QuarantineQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		raw := w.object(t, q.Key)
		if (q.State == ledger.Dropped) != (raw == nil) {
			t.Errorf("quarantined record %d is %s, and its raw bytes there: %v", q.ID, q.State, raw != nil)
		}
	}
	before := w.everything(t)
	s, err := deliver(w.inner, w.ledger, t.TempDir())
	if err != nil || s.Archived != 0 || s.AlreadyArchived != 6 || s.Refused != 6 {
		t.Errorf("delivered again: %+v, %v, want 6 refused", s, err)
	}
	for key := range w.everything(t) {
		if before[key] == nil && !strings.HasPrefix(key, layout.Quarantines) {
			t.Errorf("delivered again, it put %s", key)
		}
	}
}

func TestEraseUser(t *testing.T) {
	w := newRack(t, memstore.New())
	w.spread(t)
	var last retain.UserErased
	did, err := retain.EraseUser(t.Context(), w.config(), "5", why, func(now retain.UserErased) { last = now })
	if err != nil {
		t.Fatal(err)
	}
	want := retain.UserErased{Documents: 6, Segments: 2, Exports: 2, Quarantined: 1, Retained: []string{}, Left: []string{}}
	if d := cmp.Diff(want, did); d != "" {
		t.Errorf("EraseUser (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, last); d != "" {
		t.Errorf("the last progress (-want +got):\n%s", d)
	}
	w.wantNothingOf5(t)
	again, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil)
	if err != nil || again.Documents+again.Segments+again.Exports != 0 {
		t.Errorf("EraseUser again = %+v, %v, want nothing done", again, err)
	}
}

// Whatever fails, a repetition comes to the same end. Nothing works from then on: so
// before a call is after the one before it.
func TestEraseUserSurvives(t *testing.T) {
	for n := 1; ; n++ {
		var failed atomic.Bool
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
			for _, part := range []string{"store during", "store after", "ledger after"} {
				t.Run(part, func(t *testing.T) {
					t.Parallel()
					w := newRack(t, memstore.New())
					w.spread(t)
					w.store.Reset()
					w.fail(part, n)
					_, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil)
					if err != nil {
						failed.Store(true)
					}
					w.mend()
					if did, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil); err != nil || len(did.Left) > 0 {
						t.Errorf("EraseUser again = %+v, %v", did, err)
					}
					w.wantNothingOf5(t)
				})
			}
		})
		if !failed.Load() {
			return
		}
	}
}

// What is on hold stays, whole, and is told; what the store has and the ledger
// doesn't know is told, too.
func TestEraseUserTellsWhatIsLeft(t *testing.T) {
	w := newRack(t, memstore.New())
	w.spread(t)
	if _, err := retain.Place(t.Context(), w.config(), onJ0, nil); err != nil {
		t.Fatal(err)
	}
	unknown := "5/jobs/7/20240301/x/5-7-x-20240301120000-ok.json"
	w.putObject(t, unknown, "of a run that died")
	w.putObject(t, layout.Quarantine(hashOf("torn").String()), "torn")
	did, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil)
	var held *retain.HeldError
	if !errors.As(err, &held) || held.Versions != 2 || did.Held != 2 || did.Documents != 4 {
		t.Fatalf("EraseUser = %+v, %v, want 2 held and 4 gone", did, err)
	}
	if d := cmp.Diff([]string{unknown}, did.Left); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
	if did.Unattributed != 1 || did.Quarantined != 1 {
		t.Errorf("EraseUser = %+v, want 1 quarantined and 1 unattributed", did)
	}
	w.wantHeld(t)
	w.wantWhole(t, all5[1:]...)
}

// Versions of what is quarantined, and hidden objects, go too.
func TestEraseUserRemovesEveryVersion(t *testing.T) {
	b := memstore.NewVersioned()
	w := newRack(t, b)
	w.spread(t)
	for key := range w.everything(t) { // each has an older version now, and some are hidden
		if strings.Contains(key, "5/") {
			w.putObject(t, key, string(w.object(t, key)))
		}
		if strings.HasPrefix(key, layout.Overflow("5/")[:len(layout.Overflow("5/"))-len(".zst")]) {
			if err := b.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	did, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil)
	if err != nil || len(did.Left) > 0 {
		t.Fatalf("EraseUser = %+v, %v", did, err)
	}
	prefixes, err := layout.UserPrefixes("5")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range everyVersion(t, b) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(key, prefix) {
				t.Errorf("a version of %s is left", key)
			}
		}
	}
	w.wantNothingOf5(t)
}

// Records of an erased user make a ledger that is made anew refuse them, too.
func TestEraseUserIsKnownToANewLedger(t *testing.T) {
	w := newRack(t, memstore.New())
	if _, err := retain.EraseUser(t.Context(), w.config(), "5", why, nil); err != nil {
		t.Fatal(err)
	}
	records := 0
	for key := range w.everything(t) {
		if strings.HasPrefix(key, layout.Erasures) {
			records++
		}
	}
	if records != 1 {
		t.Errorf("%d records, want 1 for all of a user", records)
	}
	l := openLedger(t, nil)
	(&world{inner: w.inner}).adopt(t, l)
	s, err := deliver(w.inner, l, t.TempDir())
	if err != nil || s.Refused != 6 || s.Archived != 0 || s.AlreadyArchived != 6 {
		t.Errorf("delivered again: %+v, %v, want 6 refused", s, err)
	}
}
