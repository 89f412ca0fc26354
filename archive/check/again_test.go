package check_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

// secret is in what is erased, and nowhere else.
const secret = "the secret of what is erased"

// restored is a store that was copied back from a backup after something had been
// erased: what was erased is there again, loose, in a segment, and in both.
func restored(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, memstore.New())
	said := `,"title":"` + secret + `"`
	w.archive(archive.Config{}, w.file(job("packed", said), job("out", said), job("stays", ""), inMonth("alone", "2024-04-05", said)))
	w.compact(0)
	w.compact(0)
	w.takeOut("out")
	w.archive(archive.Config{}, w.file(job("loose", said), job("held", said)))
	w.was = w.contents()
	for _, id := range []string{"packed", "out", "alone", "loose"} {
		w.erase(id)
	}
	w.want(thorough)
	w.hold(layout.Scope{Job: "held"})
	_, err := retain.Erase(t.Context(), w.retention(), w.versions("held"), why())
	if held := (*retain.HeldError)(nil); !errors.As(err, &held) {
		t.Fatalf("erasing what is held: %v", err)
	}
	for key, content := range w.was {
		w.put(key, content)
	}
	return w
}

// wantErased fails where anything of what was erased is left, but what a hold keeps.
func (w *world) wantErased() {
	w.t.Helper()
	var left []string
	for key, content := range w.contents() {
		if bytes.Contains(content, []byte(secret)) {
			left = append(left, key)
		}
	}
	if want := []string{w.key("held")}; !slices.Equal(left, want) {
		w.t.Errorf("what was erased is in %q, want it in %q", left, want)
	}
	for _, id := range []string{"packed", "out", "alone", "loose"} {
		for _, d := range w.versions(id) {
			if d.State != ledger.Erased || d.Title != "" {
				w.t.Errorf("job %s is %s, with the title %q", id, d.State, d.Title)
			}
		}
	}
	owed, err := w.ledger.Owed(w.t.Context())
	w.ok(err)
	if len(owed) != 1 || owed[0].Job != "held" {
		w.t.Errorf("owed is %+v", owed)
	}
	var jobs []string
	for _, d := range documents(w.t, w.ledger) {
		jobs = append(jobs, d.Job)
	}
	if want := []string{"held", "stays"}; !slices.Equal(jobs, want) {
		w.t.Errorf("listed are %q, want %q", jobs, want)
	}
	for _, s := range w.segments(ledger.SegmentStored) {
		if use, err := w.ledger.SegmentUse(w.t.Context(), s.ID); err != nil || use.Deleting > 0 {
			w.t.Errorf("%s holds %+v, %v", s.Key, use, err)
		}
	}
	w.want(thorough)
}

// A store that was restored from a backup is erased again, by a ledger made anew
// and by the one that had erased it.
func TestRestoredStoreIsErasedAgain(t *testing.T) {
	for _, anew := range []bool{true, false} {
		t.Run(fmt.Sprintf("anew %v", anew), func(t *testing.T) {
			w := restored(t)
			if anew {
				w, _ = w.adopted(archive.AdoptConfig{})
			} else if _, err := w.adopt(archive.AdoptConfig{}); err != nil {
				t.Fatal(err)
			}
			_, err := retain.ResumeAll(t.Context(), w.retention(), why())
			w.ok(err)
			w.wantErased()
			if _, err := w.adopt(archive.AdoptConfig{}); err != nil {
				t.Fatal(err)
			}
			w.wantErased()
		})
	}
}

var errInjected = errors.New("injected")

// faulted adopts a store with one fault, and again without; do says how the fault
// is made, and whether the first was to fail.
func faulted(t *testing.T, from *world, fault func(op string, phase ledger.Phase) error, s store.Store) error {
	t.Helper()
	n := &world{t: t, store: s, path: filepath.Join(t.TempDir(), "ledger.db"), was: from.was}
	off := false
	var err error
	n.ledger, err = ledger.Open(t.Context(), ledger.Config{Path: n.path, Fault: func(op string, phase ledger.Phase) error {
		if off || fault == nil {
			return nil
		}
		return fault(op, phase)
	}})
	n.ok(err)
	defer n.ledger.Close()
	_, failed := n.adopt(archive.AdoptConfig{})
	off, n.store = true, from.store
	_, err = n.adopt(archive.AdoptConfig{})
	n.ok(err)
	wantSame(t, n.store, from.ledger, n.ledger)
	return failed
}

// Whatever call of Adopt fails, repeating it makes the same ledger.
func TestAdoptAfterEachFault(t *testing.T) {
	w := newWorld(t, memstore.New())
	long := `,"lines":["` + strings.Repeat("line ", 200) + `"]`
	w.archive(archive.Config{MaxFileSize: 500}, w.file(job("a", long), job("b", ""), job("c", ""), inMonth("d", "2024-04-05", "")))
	w.hold(layout.Scope{Job: "held"})
	w.archive(archive.Config{}, w.file(job("held", "")))
	w.compact(0)
	w.compact(0)
	w.takeOut("b")
	w.archive(archive.Config{}, w.file(job("late", "")))
	w.compact(1000 * time.Hour)
	w.erase("c")
	_, err := retain.Erase(t.Context(), w.retention(), w.versions("held"), why())
	if err == nil {
		t.Fatal("what is held was erased")
	}

	var mu sync.Mutex
	ops := map[string]int{}
	counting := func(op string, _ ledger.Phase) error {
		mu.Lock()
		defer mu.Unlock()
		ops[op]++
		return nil
	}
	clean := storetest.NewFaulty(w.store)
	if err := faulted(t, w, counting, clean); err != nil {
		t.Fatal(err)
	}
	calls := clean.Calls()
	if len(calls) < 15 || len(ops) < 5 {
		t.Fatalf("%d calls of the store, and of the ledger %v", len(calls), ops)
	}
	for i := range calls {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			s := storetest.NewFaulty(w.store)
			s.Arm(storetest.Fault{Call: calls[i].N, When: when, Err: errInjected})
			// One that comes after the last byte, or the last key, may go unseen.
			if err := faulted(t, w, nil, s); err == nil && when == storetest.Before || err != nil && !errors.Is(err, errInjected) {
				t.Errorf("call %d (%s) fails %s: %v", i, calls[i].Method, when, err)
			}
		}
	}
	for _, op := range slices.Sorted(maps.Keys(ops)) {
		for n := range min(ops[op], 8) {
			seen := 0
			err := faulted(t, w, func(o string, _ ledger.Phase) error {
				mu.Lock()
				defer mu.Unlock()
				if o == op {
					seen++
				}
				if o == op && seen == n+1 {
					return errInjected
				}
				return nil
			}, w.store)
			if err != nil && !errors.Is(err, errInjected) {
				t.Errorf("%s %d fails: %v", op, n, err)
			}
		}
	}
}
