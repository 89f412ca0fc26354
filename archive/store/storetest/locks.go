package storetest

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive/store"
)

// Locked is a store whose objects can be locked.
type Locked struct {
	store.Store

	// Lock puts an object that is locked until that time, to a few seconds.
	Lock func(t *testing.T, key string, until time.Time)
}

// Unwrap implements store.Wrapper.
func (l Locked) Unwrap() store.Store { return l.Store }

// RunLocks holds a store with Object Lock to what store.Retainer promises, and
// Remove to what it promises about what is locked. newStore is called for each
// test and returns a store that holds nothing, and locks nothing by itself.
func RunLocks(t *testing.T, newStore func(t *testing.T) Locked) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s Locked, r store.Retainer)
	}{
		{"Retention", testRetention},
		{"LegalHold", testLegalHold},
		{"RemoveLocked", testRemoveLocked},
		{"RemoveHiddenAndLocked", testRemoveHiddenAndLocked},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore(t)
			r, ok := store.As[store.Retainer](s)
			if !ok {
				t.Fatal("the store is no store.Retainer")
			}
			test.run(t, s, r)
		})
	}
}

func testRetention(t *testing.T, s Locked, r store.Retainer) {
	until := time.Now().Add(48 * time.Hour)
	s.Lock(t, "a/locked", until)
	put(t, s, "a/free", []byte("x"))
	id := versions(t, s, "a/locked")[0].ID
	for _, id := range []string{"", id} {
		kept, err := r.Retention(t.Context(), "a/locked", id)
		if err != nil || kept.Until.Sub(until).Abs() > time.Hour || kept.Mode == "" || kept.Legal {
			t.Errorf("Retention(%q) = %+v, %v; want until %v", id, kept, err, until)
		}
	}
	if kept, err := r.Retention(t.Context(), "a/free", ""); err != nil || kept != (store.Retention{}) {
		t.Errorf("Retention of what isn't locked = %+v, %v; want nothing", kept, err)
	}
	for _, key := range []string{"a/none", "none/none"} {
		if _, err := r.Retention(t.Context(), key, ""); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Retention(%q), which is not there = %v, want fs.ErrNotExist", key, err)
		}
		if err := r.SetLegalHold(t.Context(), key, true); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("SetLegalHold(%q), which is not there = %v, want fs.ErrNotExist", key, err)
		}
	}
	if _, err := r.Retention(t.Context(), "a/../b", ""); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Retention of a hostile key = %v, want fs.ErrInvalid", err)
	}
	if err := r.SetLegalHold(t.Context(), "a/../b", true); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("SetLegalHold of a hostile key = %v, want fs.ErrInvalid", err)
	}
}

func testLegalHold(t *testing.T, s Locked, r store.Retainer) {
	put(t, s, "a/b", []byte("x"))
	id := versions(t, s, "")[0].ID
	for _, on := range []bool{true, true, false, false, true} {
		if err := r.SetLegalHold(t.Context(), "a/b", on); err != nil {
			t.Fatalf("SetLegalHold(%v): %v", on, err)
		}
		if kept, err := r.Retention(t.Context(), "a/b", id); err != nil || kept != (store.Retention{Legal: on}) {
			t.Errorf("Retention = %+v, %v; want a legal hold: %v", kept, err, on)
		}
	}
	put(t, s, "a/c", []byte("x"))
	err := store.Remove(t.Context(), s, nil, "a/b", "a/c")
	wantRetained(t, err, time.Time{}, "a/b")
	wantLeft(t, s, "a/b")
	if err := r.SetLegalHold(t.Context(), "a/b", false); err != nil {
		t.Fatalf("SetLegalHold: %v", err)
	}
	if err := store.Remove(t.Context(), s, nil, "a/b"); err != nil {
		t.Errorf("Remove after the hold: %v", err)
	}
	wantLeft(t, s)
}

func testRemoveLocked(t *testing.T, s Locked, _ store.Retainer) {
	first, second := time.Now().Add(48*time.Hour), time.Now().Add(96*time.Hour)
	s.Lock(t, "a/second", second)
	s.Lock(t, "a/first", first)
	put(t, s, "a/first", []byte("not locked"))
	keys := append(manyKeys(20), "a/first", "a/second")
	putAll(t, s, keys[:20])
	wantRetained(t, store.Remove(t.Context(), s, nil, keys...), first, "a/first", "a/second")
	wantLeft(t, s, "a/first", "a/second")
	if all := versions(t, s, "a/first"); len(all) != 1 || all[0].Deleted {
		t.Errorf("of what was locked and replaced there is %+v, want the locked version", all)
	}
	wantRetained(t, store.Remove(t.Context(), s, nil, "a/second"), second, "a/second")
}

// What is hidden and can't be removed stays hidden.
func testRemoveHiddenAndLocked(t *testing.T, s Locked, _ store.Retainer) {
	until := time.Now().Add(48 * time.Hour)
	s.Lock(t, "a/b", until)
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Fatalf("Delete, which only hides: %v", err)
	}
	for range 2 {
		wantRetained(t, store.Remove(t.Context(), s, nil, "a/b"), until, "a/b")
		if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat of what was hidden = %v, want fs.ErrNotExist", err)
		}
	}
}

// wantRetained checks what an error of Remove says.
func wantRetained(t *testing.T, err error, until time.Time, keys ...string) {
	t.Helper()
	var e *store.RetainedError
	if !errors.As(err, &e) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Remove = %v, want a RetainedError that is fs.ErrPermission", err)
		return
	}
	for _, key := range keys { // Err is told with each of them, whichever it is of
		if strings.Contains(e.Err.Error(), key) {
			t.Errorf("the reason of a RetainedError is %q, want one without a key", e.Err)
		}
	}
	if !slices.Equal(e.Keys, keys) || e.Until.Sub(until).Abs() > time.Hour {
		t.Errorf("Remove says that %q are retained until %v, want %q until %v", e.Keys, e.Until, keys, until)
	}
}
