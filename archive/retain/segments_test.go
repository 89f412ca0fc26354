package retain_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

// places are where a document may lie, and what else may hold it.
var places = map[string]func(*testing.T, *rack){
	"in a segment, and still under its own key": func(t *testing.T, w *rack) {
		w.pack(t, w.stored(t, ledger.Query{User: "5"}))
	},
	"in a segment alone": func(t *testing.T, w *rack) {
		w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5"})))
	},
	"in a segment by itself": func(t *testing.T, w *rack) {
		w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5", Job: "j0"})))
	},
	"in one of two segments": func(t *testing.T, w *rack) {
		w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5", Recipe: "0"})))
		w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5", Recipe: "1"})))
	},
	"in a segment that replaced others": func(t *testing.T, w *rack) {
		one := w.pack(t, w.stored(t, ledger.Query{User: "5", Recipe: "0"}))
		other := w.pack(t, w.stored(t, ledger.Query{User: "5", Recipe: "1"}))
		w.pack(t, w.stored(t, ledger.Query{User: "5"}), one.ID, other.ID)
	},
	"under its own key, with a copy in a segment": func(t *testing.T, w *rack) {
		w.pack(t, w.stored(t, ledger.Query{User: "5"}))
		for _, d := range w.stored(t, ledger.Query{User: "5", Job: "j0"}) {
			if err := w.ledger.KeepInput(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	},
	"under its own key, and a segment is being written": func(t *testing.T, w *rack) {
		w.put(t, w.stored(t, ledger.Query{User: "5"}))
	},
}

// Wherever a job lies, and whatever else holds it, erasing it leaves nothing of it
// in any object; and everything else is whole.
func TestEraseFromSegments(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w := newRack(t, memstore.New())
			place(t, w)
			docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
			gone, err := retain.Erase(t.Context(), w.config(), docs, why)
			if gone != 2 || err != nil {
				t.Fatalf("Erase = %d, %v, want 2", gone, err)
			}
			w.wantErased(t, docs)
		})
	}
}

// wantErased checks that nothing is left of job j0 of user 5, and all of the others.
func (w *rack) wantErased(t *testing.T, docs []ledger.Document) {
	t.Helper()
	w.wantNowhere(t, "j0")
	w.wantWhole(t, "5/j0")
	left, err := retain.LeftOf(t.Context(), w.config(), docs)
	if err != nil || len(left) > 0 {
		t.Errorf("LeftOf = %q, %v, want nothing", left, err)
	}
	for _, s := range w.segments(t) {
		if s.State != ledger.SegmentStored {
			t.Errorf("segment %s is %s", s.Key, s.State)
		}
	}
	s, err := deliver(w.inner, w.ledger, t.TempDir())
	if err != nil || s.Refused != 2 || s.Archived != 0 || s.AlreadyArchived != 10 {
		t.Errorf("delivered again: %+v, %v, want 2 refused", s, err)
	}
	w.wantNowhere(t, "j0")
}

func (w *rack) segments(t *testing.T) []ledger.Segment {
	t.Helper()
	all, err := w.ledger.Segments(t.Context(), ledger.SegmentQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whatever call to the store fails, a repetition comes to the same end.
func TestEraseFromSegmentsSurvivesTheStore(t *testing.T) {
	for n := 1; ; n++ {
		var failed atomic.Bool
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
			for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
				t.Run(when.String(), func(t *testing.T) {
					t.Parallel()
					w := newRack(t, memstore.New())
					places["in a segment that replaced others"](t, w)
					docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
					w.store.Arm(storetest.Fault{Call: n, When: when, Err: errInjected, Sticky: true})
					_, err := retain.Erase(t.Context(), w.config(), docs, why)
					if errors.Is(err, errInjected) {
						failed.Store(true)
					}
					if err != nil && !errors.Is(err, errInjected) {
						t.Errorf("Erase = %v, want %v", err, errInjected)
					}
					w.store.Reset()
					w.finish(t, docs)
				})
			}
		})
		if !failed.Load() {
			return
		}
	}
}

// Whatever call to the ledger fails, too.
func TestEraseFromSegmentsSurvivesTheLedger(t *testing.T) {
	for n := 1; ; n++ {
		var failed atomic.Bool
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
			for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
				t.Run(fmt.Sprintf("phase %d", phase), func(t *testing.T) {
					t.Parallel()
					w := newRack(t, memstore.New())
					places["in a segment that replaced others"](t, w)
					docs := w.stored(t, ledger.Query{User: "5", Job: "j0"})
					calls := 0
					w.fault = func(op string, p ledger.Phase) error {
						if p == ledger.Before {
							calls++
						}
						if calls < n || calls == n && p < phase {
							return nil
						}
						return errInjected // and from then on, as when the process has died
					}
					_, err := retain.Erase(t.Context(), w.config(), docs, why)
					if errors.Is(err, errInjected) {
						failed.Store(true)
					}
					if err != nil && !errors.Is(err, errInjected) {
						t.Errorf("Erase = %v, want %v", err, errInjected)
					}
					w.fault = nil
					w.finish(t, docs)
				})
			}
		})
		if !failed.Load() {
			return
		}
	}
}

// finish goes on after a failure and checks the end.
func (w *rack) finish(t *testing.T, docs []ledger.Document) {
	t.Helper()
	if _, err := retain.ResumeAll(t.Context(), w.config(), why); err != nil {
		t.Errorf("ResumeAll: %v", err)
	}
	if stored := w.stored(t, ledger.Query{User: "5", Job: "j0"}); len(stored) > 0 {
		if _, err := retain.Erase(t.Context(), w.config(), stored, why); err != nil {
			t.Errorf("Erase after a failure: %v", err)
		}
	}
	w.wantErased(t, docs)
}

// Many jobs of a month are erased by making its segment anew once.
func TestEraseManyMakesASegmentAnewOnce(t *testing.T) {
	w := newRack(t, memstore.New())
	w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5"})))
	w.store.Reset()
	gone, err := retain.EraseVersions(t.Context(), w.config(), w.stored(t, ledger.Query{User: "5", Recipe: "0"}), why)
	if gone != 4 || err != nil {
		t.Fatalf("EraseVersions = %d, %v, want 4", gone, err)
	}
	puts := 0
	for _, c := range w.store.Calls() {
		if c.Method == "Put" && strings.HasSuffix(c.Key, ".parquet") {
			puts++
		}
	}
	if puts != 1 {
		t.Errorf("%d segments were written, want 1", puts)
	}
	w.wantWhole(t, "5/j0", "5/j2", "5/j4")
	for _, job := range []string{"j0", "j2", "j4"} {
		w.wantNowhere(t, job)
	}
}
