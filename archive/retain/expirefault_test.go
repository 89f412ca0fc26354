package retain_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

// busyShelf has something for each step to do: what is due, what was begun, what is
// owed, what is to be marked and unmarked, what is held and what is young. The
// ledger knows of the holds already, but for one release.
func busyShelf(t *testing.T) (*shelf, retain.ExpireConfig) {
	t.Helper()
	w := newShelf(t)
	w.add(t, doc("due", 100*day, capped), doc("due2", 100*day), doc("begun", 100*day, capped), doc("held", 100*day), doc("owed", 10*day, capped))
	w.now = noon.Add(-8 * day)
	c := w.config(quarter)
	if did := w.expire(t, c); did.Marked != 4 {
		t.Fatalf("marked %+v", did)
	}
	w.now = noon
	docs := func(job string) []ledger.Document {
		all, err := w.ledger.ByJob(t.Context(), "5", job)
		if err != nil || len(all) != 1 {
			t.Fatalf("ByJob(%s) = %v, %v", job, all, err)
		}
		return all
	}
	if _, _, err := w.ledger.StartExpiry(t.Context(), docs("begun"), noon); err != nil {
		t.Fatal(err)
	}
	w.hold(t, 1, layout.Scope{Job: "held"})
	id := w.hold(t, 2, layout.Scope{Job: "owed"})
	if err := retain.LoadHolds(t.Context(), c.Config); err != nil {
		t.Fatal(err)
	}
	if _, held, err := w.ledger.StartErasure(t.Context(), docs("owed"), why.Audit); err != nil || len(held) != 1 {
		t.Fatalf("StartErasure of what is held = %v, %v", held, err)
	}
	w.release(t, id)
	w.add(t, doc("fresh", 95*day), doc("young", 20*day))
	w.store.Reset()
	return w, c
}

var busyEnd = map[string]ledger.State{
	"due": ledger.Expired, "due2": ledger.Expired, "begun": ledger.Expired, "owed": ledger.Erased,
	"held": ledger.Stored, "fresh": ledger.Stored, "young": ledger.Stored,
}

func (w *shelf) wantBusyEnd(t *testing.T) {
	t.Helper()
	w.want(t, busyEnd)
	w.wantMarks(t, 1) // fresh
	left := 0
	for _, key := range w.keys(t) {
		if n, err := layout.Parse(key); err == nil && n.Kind != layout.ErasureKey && n.Kind != layout.HoldKey && n.Kind != layout.ReleaseKey {
			left++
		}
	}
	if left != 3 {
		t.Errorf("%d objects of documents are left, want 3: %v", left, w.keys(t))
	}
}

func TestExpireDoesEachStep(t *testing.T) {
	w, c := busyShelf(t)
	did := w.expire(t, c)
	want := retain.Expired{
		Looked: 4, Marked: 1, Policies: map[string]int64{"quarter": 1}, Unmarked: 1, Waiting: 1,
		Removed: 3, RemovedBytes: 30, Held: 1, Erased: 1,
	}
	if d := cmp.Diff(want, did); d != "" {
		t.Errorf("Expire (-want +got):\n%s", d)
	}
	w.wantBusyEnd(t)
}

// Whatever call to the store fails, and at whatever moment everything dies, a
// second run ends where one would have.
func TestExpireSurvivesTheStore(t *testing.T) {
	w, c := busyShelf(t)
	w.expire(t, c)
	calls := len(w.store.Calls())
	for n := 1; n <= calls; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			t.Run(fmt.Sprintf("call %d of %d %s", n, calls, when), func(t *testing.T) {
				t.Parallel()
				w, c := busyShelf(t)
				w.store.Arm(storetest.Fault{Call: n, When: when, Err: errInjected, Sticky: true})
				if _, err := retain.Expire(t.Context(), c); !errors.Is(err, errInjected) {
					t.Errorf("Expire = %v, want %v", err, errInjected)
				}
				w.store.Reset()
				w.expire(t, c)
				w.wantBusyEnd(t)
			})
		}
	}
}

func TestExpireSurvivesTheLedger(t *testing.T) {
	w, c := busyShelf(t)
	calls := 0
	w.fail = func(string, ledger.Phase) bool { calls++; return false }
	w.expire(t, c)
	for n := 1; n <= calls; n++ {
		t.Run(fmt.Sprintf("call %d of %d", n, calls), func(t *testing.T) {
			t.Parallel()
			w, c := busyShelf(t)
			i := 0
			w.fail = func(string, ledger.Phase) bool { i++; return i >= n }
			if _, err := retain.Expire(t.Context(), c); !errors.Is(err, errInjected) {
				t.Errorf("Expire = %v, want %v", err, errInjected)
			}
			w.fail = nil
			w.expire(t, c)
			w.wantBusyEnd(t)
		})
	}
}

// A hold that is placed at any moment keeps what had not begun to go: it is there,
// whole, or the ledger says that it is going.
func TestHoldAtAnyMoment(t *testing.T) {
	w, c := busyShelf(t)
	w.expire(t, c)
	calls := len(w.store.Calls())
	held := 0
	for n := 1; n <= calls; n++ {
		w, c := busyShelf(t)
		var leaving []ledger.Document
		place := func() {
			id := w.hold(t, 3, layout.Scope{User: "5"})
			var err error
			leaving, err = w.ledger.RecordHolds(t.Context(), []ledger.Hold{{ID: id, Scope: layout.Scope{User: "5"}, By: "Ann", Reason: "r", Placed: w.now}})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.store.Arm(storetest.Fault{Call: n, When: storetest.After, Do: place})
		w.expire(t, c)
		told := map[string]bool{}
		for _, d := range leaving {
			told[d.Job] = true
		}
		for job := range busyEnd {
			state, there := w.state(t, "5", job)
			switch {
			case state == ledger.Stored && !there:
				t.Errorf("on hold since call %d, job %s is stored, and its object is gone", n, job)
			case state == ledger.Stored:
				held++
			case there:
				t.Errorf("on hold since call %d, job %s is %s, and its object is there", n, job, state)
			}
		}
		for job := range told {
			if state, _ := w.state(t, "5", job); state == ledger.Stored {
				t.Errorf("job %s was said to be leaving, and is stored", job)
			}
		}
		w.now = w.now.AddDate(1, 0, 0)
		before := w.keys(t)
		w.expire(t, c)
		if d := cmp.Diff(before, w.keys(t)); d != "" {
			t.Errorf("on hold since call %d, a later run removed (-before +after):\n%s", n, d)
		}
	}
	if held < calls*3+1 {
		t.Errorf("in %d runs %d jobs were kept: the hold kept none", calls, held)
	}
}

// What the store refuses without saying until when is no error either.
func TestExpireWithoutTheRightToDelete(t *testing.T) {
	w, c := busyShelf(t)
	c.Store = &refusing{Store: w.store}
	did, err := retain.Expire(t.Context(), c)
	if err != nil || did.Retained == 0 || did.Removed != 0 {
		t.Errorf("Expire = %+v, %v, want what is due retained", did, err)
	}
	c.Store = w.store
	w.expire(t, c)
	w.want(t, map[string]ledger.State{"due": ledger.Expired, "begun": ledger.Expired})
}

// refusing is a store that doesn't let anything be deleted.
type refusing struct{ store.Store }

func (refusing) Delete(context.Context, ...string) error {
	return fmt.Errorf("delete: %w", fs.ErrPermission)
}
