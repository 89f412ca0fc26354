package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

func holdOf(n int, scope layout.Scope) ledger.Hold {
	return ledger.Hold{ID: fmt.Sprintf("%032x", n), Scope: scope, By: "ops", Reason: "a case", Placed: noon}
}

func record(t *testing.T, l *ledger.Ledger, holds ...ledger.Hold) (leaving []ledger.Document) {
	t.Helper()
	leaving, err := l.RecordHolds(t.Context(), holds)
	if err != nil {
		t.Fatal(err)
	}
	return leaving
}

// What can't be told from another, or would not come back as it is, is refused,
// and with it what was to be recorded beside it.
func TestHoldsThatAreRefused(t *testing.T) {
	l := open(t, newPath(t))
	for what, change := range map[string]func(*ledger.Hold){
		"short id":      func(h *ledger.Hold) { h.ID = h.ID[1:] },
		"upper case":    func(h *ledger.Hold) { h.ID = strings.Repeat("A", 32) },
		"a path":        func(h *ledger.Hold) { h.ID = "../" + h.ID },
		"another key":   func(h *ledger.Hold) { h.ID += ".released" },
		"no time":       func(h *ledger.Hold) { h.Placed = time.Time{} },
		"job":           func(h *ledger.Hold) { h.Scope.Job = "a\xff" },
		"status":        func(h *ledger.Hold) { h.Scope.Statuses = []string{"ok", "\xed\xa0\x80"} },
		"kind":          func(h *ledger.Hold) { h.Scope.Kinds = []string{"\xc3"} },
		"time for JSON": func(h *ledger.Hold) { h.Scope.To = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		h := holdOf(2, layout.Scope{User: "u"})
		change(&h)
		if _, err := l.RecordHolds(t.Context(), []ledger.Hold{holdOf(1, layout.Scope{}), h}); err == nil {
			t.Errorf("RecordHolds with %s: no error", what)
		}
	}
	holds, err := l.Holds(t.Context(), false)
	if err != nil || len(holds) > 0 {
		t.Errorf("Holds = %v, %v, want none", holds, err)
	}
}

// A hold that can't be read may hold anything: nothing is removed then.
func TestDamagedHoldsKeepEverything(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	docs := versions(t, l, "u", "1")
	if _, err := l.Mark(t.Context(), []int64{1}, ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
		t.Fatal(err)
	}
	record(t, l, holdOf(1, layout.Scope{User: "v"}))
	if _, err := l.Writer().ExecContext(t.Context(), "UPDATE holds SET scope = '{'"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.StartErasure(t.Context(), docs, ledger.AuditEntry{}); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("StartErasure = %v, want ErrDamaged", err)
	}
	if _, _, err := l.StartExpiry(t.Context(), docs, noon); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("StartExpiry = %v, want ErrDamaged", err)
	}
	equal(t, "Versions", versions(t, l, "u", "1"), docs)
}

// A member that a later version adds makes a scope narrower: what is not known
// holds more, never less.
func TestHoldsOfLaterVersionsHold(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	record(t, l, holdOf(1, layout.Scope{User: "u"}))
	if _, err := l.Writer().ExecContext(t.Context(), `UPDATE holds SET scope = '{"user":"u","regions":["eu"]}'`); err != nil {
		t.Fatal(err)
	}
	_, held, err := l.StartErasure(t.Context(), versions(t, l, "u", "1"), ledger.AuditEntry{})
	if err != nil || len(held) != 1 {
		t.Errorf("StartErasure held %v, %v, want the one", held, err)
	}
}

// Once a hold is recorded nothing of it leaves, whatever another process was
// about to do: what it was told is leaving, and what is gone, is all that ever
// goes.
func TestHoldsStopWhoeverRemoves(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	var docs []ledger.Document
	for n := range 120 {
		docs = append(docs, job("u", fmt.Sprint(n), "a"))
	}
	commit(t, l, ledger.Batch{Documents: docs})
	docs = all(t, l.Recorded(t.Context(), 0, 1<<40))
	if _, err := l.Mark(t.Context(), ids(docs), ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
		t.Fatal(err)
	}
	some, recorded := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for which := range 2 {
		other := open(t, path)
		wg.Go(func() {
			for i := range docs { // each of the two begins with its own half
				d := docs[(i+60*which)%len(docs)]
				switch {
				case i == 10 && which == 0:
					close(some)
				case i == 40: // the rest comes after the hold, whoever is faster
					<-recorded
				}
				var err error
				if which == 0 {
					_, _, err = other.StartErasure(t.Context(), []ledger.Document{d}, ledger.AuditEntry{At: noon})
				} else {
					_, _, err = other.StartExpiry(t.Context(), []ledger.Document{d}, noon)
				}
				if err != nil {
					t.Errorf("removing %s: %v", d.Key, err)
					return
				}
			}
		})
	}
	<-some
	record(t, l, holdOf(1, layout.Scope{Recipe: "recipe"}))
	stored := all(t, l.Documents(t.Context(), ledger.Query{})) // what the hold was in time for
	close(recorded)
	wg.Wait()
	equal(t, "what is Stored in the end", all(t, l.Documents(t.Context(), ledger.Query{})), stored)
	if len(stored) < 40 || len(stored) == len(docs) {
		t.Errorf("the hold came for %d of %d documents", len(stored), len(docs))
	}
}

// At most ten are named of what a hold comes too late for, however many there are.
func TestTooLateHoldsNameSome(t *testing.T) {
	l := open(t, newPath(t))
	var docs []ledger.Document
	for n := range 30 {
		docs = append(docs, job("u", fmt.Sprint(n), "a"))
	}
	commit(t, l, ledger.Batch{Documents: docs})
	docs = all(t, l.Recorded(t.Context(), 0, 1<<40))
	if _, _, err := l.StartErasure(t.Context(), docs[5:], ledger.AuditEntry{At: noon}); err != nil {
		t.Fatal(err)
	}
	if got := record(t, l, holdOf(1, layout.Scope{User: "u"}), holdOf(2, layout.Scope{Job: "7"}), holdOf(3, layout.Scope{Job: "1"})); len(got) != 10 {
		t.Errorf("too late for %d, want 10 of 25", len(got))
	}
	if got := record(t, l, holdOf(4, layout.Scope{User: "v"}), holdOf(5, layout.Scope{Job: "1"})); len(got) != 0 {
		t.Errorf("too late for %v, want nothing", got)
	}
	// Asked again, it says the same: whoever places it may have died meanwhile.
	if got := record(t, l, holdOf(2, layout.Scope{Job: "7"})); len(got) != 1 || got[0].Job != "7" {
		t.Errorf("too late for %v, want job 7", got)
	}
}

// A hold is what it was first, and was released when that was first said.
func TestHoldsAreOnlyEverReleased(t *testing.T) {
	l := open(t, newPath(t))
	first := holdOf(1, layout.Scope{User: "u"})
	record(t, l, first)
	other := holdOf(1, layout.Scope{Job: "another"})
	other.Released, other.ReleasedBy, other.ReleaseReason = noon.Add(time.Hour), "legal", "closed"
	record(t, l, other)
	again := other
	again.Released, again.ReleasedBy = noon.Add(2*time.Hour), "somebody"
	record(t, l, again, first)
	first.Released, first.ReleasedBy, first.ReleaseReason = other.Released, other.ReleasedBy, other.ReleaseReason
	holds, err := l.Holds(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Holds", holds, []ledger.Hold{first})
}
