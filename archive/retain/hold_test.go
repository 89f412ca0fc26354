package retain_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

var onJ0 = ledger.Hold{Scope: layout.Scope{User: "5", Job: "j0"}, By: "counsel", Reason: "case 7"}

// What is in a segment is copied out, and then nothing removes it, until the hold is
// released; then it goes.
func TestPlaceAndRelease(t *testing.T) {
	w := newRack(t, memstore.New())
	w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5"})))
	did, err := retain.Place(t.Context(), w.config(), onJ0, nil)
	if err != nil || did.Documents != 2 || did.TakenOut != 2 || did.Locked != 0 {
		t.Fatalf("Place = %+v, %v, want 2 taken out", did, err)
	}
	w.wantHeld(t)
	docs := w.stored(t, ledger.Query{User: "5"})
	gone, err := retain.EraseVersions(t.Context(), w.config(), docs, why)
	held, ok := errors.AsType[*retain.HeldError](err)
	if gone != 4 || !ok || held.Versions != 2 || held.Holds[0] != did.Hold.ID {
		t.Fatalf("EraseVersions = %d, %v, want 4 and 2 held", gone, err)
	}
	w.wantHeld(t)
	w.wantWhole(t, "5/j1", "5/j2", "5/j3", "5/j4")
	if n, err := retain.EraseOwed(t.Context(), w.config(), why); n != 0 || err != nil {
		t.Errorf("EraseOwed of what is held = %d, %v, want 0", n, err)
	}
	if _, err := retain.Release(t.Context(), w.config(), "nobody", "us", "over"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Release of none = %v, want fs.ErrNotExist", err)
	}
	released, err := retain.Release(t.Context(), w.config(), did.Hold.ID[:8], "us", "over")
	if err != nil || released.ID != did.Hold.ID || released.ReleasedBy != "us" || released.Released.IsZero() {
		t.Fatalf("Release = %+v, %v", released, err)
	}
	again, err := retain.Release(t.Context(), w.config(), did.Hold.ID, "others", "again")
	if err != nil || again.ReleasedBy != "us" || !again.Released.Equal(released.Released) {
		t.Errorf("Release again = %+v, %v, want what it was", again, err)
	}
	if n, err := retain.EraseOwed(t.Context(), w.config(), why); n != 2 || err != nil {
		t.Errorf("EraseOwed = %d, %v, want 2", n, err)
	}
	w.wantNowhere(t, "j0")
}

// wantHeld checks that job j0 of user 5 lies under its own keys, whole.
func (w *rack) wantHeld(t *testing.T) {
	t.Helper()
	docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
	if len(docs) != 2 {
		t.Errorf("%d versions of j0 are listed, want 2", len(docs))
	}
	for _, d := range docs {
		if d.Segment != 0 || string(w.object(t, d.Key)) != string(w.objects[d.Key]) {
			t.Errorf("%s lies in segment %d, or isn't whole", d.Key, d.Segment)
		}
	}
}

// A hold is about what is archived later, too.
func TestHoldIsStanding(t *testing.T) {
	w := newRack(t, memstore.New())
	if _, err := retain.Place(t.Context(), w.config(), ledger.Hold{Scope: layout.Scope{User: "9"}}, nil); err != nil {
		t.Fatal(err)
	}
	d := ledger.Document{
		Kind: "job", User: "9", Recipe: "7", Job: "later", Time: noon, Lines: -1, Verified: true,
		Key: "9/jobs/7/20240301/later/9-7-later-20240301120000-ok.json", InputHash: hashOf("later"), SHA256: hashOf("later"),
	}
	w.putObject(t, d.Key, "later")
	if err := w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{d}}); err != nil {
		t.Fatal(err)
	}
	var held *retain.HeldError
	if n, err := retain.Erase(t.Context(), w.config(), w.stored(t, ledger.Query{User: "9"}), why); n != 0 || !errors.As(err, &held) {
		t.Errorf("Erase = %d, %v, want it held", n, err)
	}
	if string(w.object(t, d.Key)) != "later" {
		t.Error("it is gone")
	}
}

// What is being removed can't be held, and is named; the rest is.
func TestPlaceOnWhatIsLeaving(t *testing.T) {
	w := newRack(t, memstore.New())
	docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
	if _, _, err := w.ledger.StartErasure(t.Context(), docs[:1], why.Audit); err != nil {
		t.Fatal(err)
	}
	did, err := retain.Place(t.Context(), w.config(), onJ0, nil)
	leaving, ok := errors.AsType[*retain.LeavingError](err)
	if !ok || len(leaving.Documents) != 1 || leaving.Documents[0].Key != docs[0].Key || !strings.Contains(err.Error(), docs[0].Key) || did.Documents != 1 {
		t.Errorf("Place = %+v, %v, want what is leaving", did, err)
	}
	if n, err := retain.ResumeAll(t.Context(), w.config(), why); n != 1 || err != nil {
		t.Errorf("ResumeAll = %d, %v, want 1", n, err)
	}
	if left := w.stored(t, ledger.Query{User: "5", Job: "j0"}); len(left) != 1 || left[0].Key != docs[1].Key {
		t.Errorf("%d versions are left, want the other one", len(left))
	}
}

func TestPlaceRefuses(t *testing.T) {
	w := newRack(t, memstore.New())
	for name, h := range map[string]ledger.Hold{
		"an id that is none": {ID: "short"},
		"an id of a path":    {ID: "../../5/jobs/x"},
		"what is no text":    {Scope: layout.Scope{User: "\xff"}},
		"too much":           {Scope: layout.Scope{User: "5", Statuses: []string{strings.Repeat("x", 2<<20)}}},
	} {
		if _, err := retain.Place(t.Context(), w.config(), h, nil); err == nil {
			t.Errorf("Place of %s: no error", name)
		}
	}
	for key := range w.everything(t) {
		if strings.HasPrefix(key, layout.Holds) {
			t.Errorf("%s was put", key)
		}
	}
	h := onJ0
	h.ID = holdID(5)
	if _, err := retain.Place(t.Context(), w.config(), h, nil); err != nil {
		t.Fatal(err)
	}
	h.Scope.Job = "j1"
	if _, err := retain.Place(t.Context(), w.config(), h, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Place of another with the same id = %v, want fs.ErrExist", err)
	}
}

func (w *rack) everything(t *testing.T) map[string][]byte {
	t.Helper()
	all, err := allOf(w.inner)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whatever fails while a hold is placed: once the store has it, it holds, for this
// ledger and for any other; and placed again, all of it is done.
func TestPlaceSurvives(t *testing.T) {
	for n := 1; ; n++ {
		var failed atomic.Bool
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
			for _, part := range []string{"store before", "store during", "store after", "ledger before", "ledger after"} {
				t.Run(part, func(t *testing.T) {
					t.Parallel()
					w := newRack(t, memstore.New())
					w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5"})))
					w.fail(part, n)
					h := onJ0
					h.ID, h.Placed = holdID(7), noon
					_, err := retain.Place(t.Context(), w.config(), h, nil)
					if err != nil {
						failed.Store(true)
					}
					w.mend()
					if _, put := w.everything(t)[layout.Hold(h.ID)]; put {
						docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
						var held *retain.HeldError
						if n, err := retain.Erase(t.Context(), w.config(), docs, why); n != 0 || !errors.As(err, &held) {
							t.Errorf("Erase = %d, %v, want it held", n, err)
						}
					}
					if _, err := retain.Place(t.Context(), w.config(), h, nil); err != nil {
						t.Errorf("Place again: %v", err)
					}
					w.wantHeld(t)
					w.wantWhole(t)
				})
			}
		})
		if !failed.Load() {
			return
		}
	}
}

// fail makes everything fail from the nth call of a part on.
func (w *rack) fail(part string, n int) {
	of, moment, _ := strings.Cut(part, " ")
	if of == "store" {
		when := map[string]storetest.When{"before": storetest.Before, "during": storetest.During, "after": storetest.After}[moment]
		w.store.Arm(storetest.Fault{Call: n, When: when, Err: errInjected, Sticky: true})
		return
	}
	phase := map[string]ledger.Phase{"before": ledger.Before, "after": ledger.After}[moment]
	var mu sync.Mutex
	calls := 0
	w.fault = func(_ string, p ledger.Phase) error {
		mu.Lock() // documents are taken out several at once
		defer mu.Unlock()
		if p == ledger.Before {
			calls++
		}
		if calls < n || calls == n && p < phase {
			return nil
		}
		return errInjected
	}
}

func (w *rack) mend() {
	w.fault = nil
	w.store.Reset()
}

// Where the store has legal holds, what is on hold gets one, and loses it when no
// hold matches any more.
func TestLegalHolds(t *testing.T) {
	b := memstore.NewVersioned()
	w := newRack(t, b)
	w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5"})))
	docs := w.stored(t, ledger.Query{User: "5", Job: "j1"})
	want := func(on bool) {
		t.Helper()
		for _, key := range []string{docs[0].Key, layout.Overflow(docs[0].Key)} {
			if r, err := b.Retention(t.Context(), key, ""); err != nil || r.Legal != on {
				t.Errorf("legal hold on %s: %v, %v, want %v", key, r.Legal, err, on)
			}
		}
	}
	one, err := retain.Place(t.Context(), w.config(), ledger.Hold{Scope: layout.Scope{User: "5", Job: "j1"}}, nil)
	if err != nil || one.Locked != 1 || one.TakenOut != 1 {
		t.Fatalf("Place = %+v, %v, want 1 locked", one, err)
	}
	want(true)
	two, err := retain.Place(t.Context(), w.config(), ledger.Hold{Scope: layout.Scope{User: "5"}}, nil)
	if err != nil || two.Locked != 6 {
		t.Fatalf("Place = %+v, %v, want 6 locked", two, err)
	}
	for i, id := range []string{one.Hold.ID, two.Hold.ID} {
		if _, err := retain.Release(t.Context(), w.config(), id, "us", "over"); err != nil {
			t.Fatal(err)
		}
		want(i == 0)
	}
}

// A release that broke off is gone on with, also of what was packed since and still has
// its own object.
func TestReleaseUnlocksWhatWasPackedSince(t *testing.T) {
	b := memstore.NewVersioned()
	w := newRack(t, b)
	docs := w.stored(t, ledger.Query{User: "5", Job: "j1"})
	did, err := retain.Place(t.Context(), w.config(), ledger.Hold{Scope: layout.Scope{User: "5"}}, nil)
	if err != nil || did.Locked != 6 {
		t.Fatalf("Place = %+v, %v, want 6 locked", did, err)
	}
	w.fault = func(op string, _ ledger.Phase) error {
		if op == "documents" {
			return errInjected
		}
		return nil
	}
	if _, err := retain.Release(t.Context(), w.config(), did.Hold.ID, "us", "over"); !errors.Is(err, errInjected) {
		t.Fatalf("Release = %v, want %v", err, errInjected)
	}
	w.fault = nil
	w.pack(t, w.stored(t, ledger.Query{User: "5"}))
	if _, err := retain.Release(t.Context(), w.config(), did.Hold.ID, "us", "over"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{docs[0].Key, layout.Overflow(docs[0].Key), layout.Meta(docs[0].Key)} {
		if r, err := b.Retention(t.Context(), key, ""); err != nil || r.Legal {
			t.Errorf("legal hold on %s: %v, %v, want none", key, r.Legal, err)
		}
	}
}

// What somebody else locked stays, and is told; it goes when it is unlocked.
func TestEraseLeavesWhatIsLegallyHeld(t *testing.T) {
	b := memstore.NewVersioned()
	w := newRack(t, b)
	w.pack(t, w.stored(t, ledger.Query{User: "5"}))
	var segmentKey string
	for _, s := range w.segments(t) {
		segmentKey = s.Key
	}
	if err := b.SetLegalHold(t.Context(), segmentKey, true); err != nil {
		t.Fatal(err)
	}
	docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
	gone, err := retain.Erase(t.Context(), w.config(), docs, why)
	kept, ok := errors.AsType[*store.RetainedError](err)
	if gone != 0 || !ok || len(kept.Keys) != 1 || kept.Keys[0] != segmentKey {
		t.Fatalf("Erase = %d, %v, want the segment retained", gone, err)
	}
	w.wantWhole(t, "5/j0")
	if left, err := retain.LeftOf(t.Context(), w.config(), docs); err != nil || len(left) == 0 {
		t.Errorf("LeftOf = %v, %v, want something", left, err)
	}
	if err := b.SetLegalHold(t.Context(), segmentKey, false); err != nil {
		t.Fatal(err)
	}
	if n, err := retain.ResumeAll(t.Context(), w.config(), why); n != 2 || err != nil {
		t.Errorf("ResumeAll = %d, %v, want 2", n, err)
	}
	w.wantErased(t, docs)
}
