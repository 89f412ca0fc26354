package retain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

func (w *shelf) explain(t *testing.T, c retain.ExpireConfig, job string) retain.Explanation {
	t.Helper()
	docs, err := w.ledger.Versions(t.Context(), "5", job)
	if err != nil || len(docs) != 1 {
		t.Fatalf("Versions(%s) = %v, %v", job, docs, err)
	}
	x, err := retain.Explain(t.Context(), c, docs[0])
	if err != nil {
		t.Fatalf("Explain(%s): %v", job, err)
	}
	if x.Key != docs[0].Key || x.State != string(docs[0].State) || !x.Time.Equal(docs[0].Time) {
		t.Errorf("Explain(%s) = %+v, of another document than %+v", job, x, docs[0])
	}
	return x
}

func TestExplainEachState(t *testing.T) {
	w, c := busyShelf(t)
	keep := retain.Policy{Name: "keep", Match: retain.Match{Statuses: []string{"FAILED"}}, KeepAtLeast: days(110)}
	const hold = "00000000000000000000000000000001"
	date := func(days int) string { return noon.Add(time.Duration(days) * day).Format(time.RFC3339) }
	check := func(c retain.ExpireConfig, job, fate string, removed time.Time) {
		t.Helper()
		x := w.explain(t, c, job)
		if x.Fate != fate || !x.Removed.Equal(removed) {
			t.Errorf("Explain(%s) = %s (removed %s)\nwant %s (removed %s)", job, x.Fate, x.Removed, fate, removed)
		}
	}
	check(c, "young", "Policy quarter lets it expire on "+date(70)+"; it is marked then, and removed from "+date(77)+" on.", noon.Add(77*day))
	check(c, "fresh", "Policy quarter lets it expire since "+date(-5)+"; the next run marks it, and it is removed from "+date(7)+" on.", noon.Add(7*day))
	check(c, "due", "Policy quarter lets it expire since "+date(-10)+"; it is marked, and removed from "+date(-1)+" on.", noon.Add(-day))
	check(c, "held", "It is kept as long as hold "+hold+" is not released; policy quarter lets it expire since "+date(-10)+".", time.Time{})
	check(c, "owed", "It is erased by the next run: that was asked for while it was on hold.", noon)
	check(c, "begun", "It is being removed since policy quarter let it expire, and nobody finds it any more: the next run finishes that.", noon)
	floored := c
	floored.Policies = append(floored.Policies, keep)
	check(floored, "due", "Policy quarter lets it expire on "+date(10)+", when policy keep has kept it for as long as it says; it is marked then, and removed from "+date(17)+" on.", noon.Add(17*day))
	none := c
	none.Policies = nil
	check(none, "young", "It is kept for good: no policy lets it expire.", time.Time{})
	check(none, "due", "It is kept for good: no policy lets it expire any more, and the next run takes its mark away.", time.Time{})
	check(none, "held", "It is kept as long as hold "+hold+" is not released; no policy lets it expire.", time.Time{})

	x := w.explain(t, floored, "held")
	want := retain.Explanation{
		Key: x.Key, State: "stored", Time: x.Time, Fate: x.Fate, Policy: "quarter", Expires: noon.Add(10 * day),
		Floor: "keep", Keeps: noon.Add(10 * day), Marked: noon.Add(-8 * day), Holds: []string{hold},
	}
	if d := cmp.Diff(want, x); d != "" {
		t.Errorf("the facts (-want +got):\n%s", d)
	}

	other := w.hold(t, 7, layout.Scope{User: "5"}) // the ledger doesn't know of it, nor will it by this
	if x := w.explain(t, c, "held"); !strings.Contains(x.Fate, "one of the holds") || len(x.Holds) != 2 {
		t.Errorf("Explain with two holds = %+v", x)
	}
	if known, err := w.ledger.Holds(t.Context(), true); err != nil || len(known) != 2 {
		t.Errorf("Explain had the ledger know of %d holds, %v, want 2", len(known), err)
	}
	check(c, "owed", "It is kept as long as hold "+other+" is not released; then it is erased, which was asked for.", time.Time{})
	w.release(t, other)
	w.expire(t, c)
	check(c, "due", "It expired: its content is gone, and is refused when it comes again.", time.Time{})
	check(c, "owed", "It was erased: its content is gone, and is refused when it comes again.", time.Time{})
}

func TestExplainABrokenOffErasure(t *testing.T) {
	w := newShelf(t)
	w.add(t, doc("a", 10*day))
	docs, err := w.ledger.ByJob(t.Context(), "5", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.ledger.StartErasure(t.Context(), docs, why.Audit); err != nil {
		t.Fatal(err)
	}
	x := w.explain(t, w.config(quarter), "a")
	if x.State != string(ledger.Deleting) || !strings.HasPrefix(x.Fate, "It is being erased, and nobody finds it any more: the next run finishes that") || !x.Removed.Equal(noon) {
		t.Errorf("Explain = %+v", x)
	}
}

func TestExplainWhatTheStoreLocks(t *testing.T) {
	versioned := memstore.NewVersioned()
	w := newShelfOn(t, versioned)
	versioned.SetNow(func() time.Time { return w.now })
	versioned.LockNew("COMPLIANCE", 30*day)
	w.add(t, doc("a", 100*day))
	c := w.config(quarter)
	until := noon.Add(30 * day)
	if x := w.explain(t, c, "a"); !strings.HasSuffix(x.Fate, "; but the store's Object Lock retains it until "+until.Format(time.RFC3339)+".") || !x.Retained.Equal(until) || !x.Removed.Equal(until) {
		t.Errorf("Explain of what is locked = %+v", x)
	}
	if err := versioned.SetLegalHold(t.Context(), w.keys(t)[0], true); err != nil {
		t.Fatal(err)
	}
	if x := w.explain(t, c, "a"); !strings.HasSuffix(x.Fate, "; but the store's own legal hold keeps it until that is taken off.") || !x.Locked || !x.Removed.IsZero() {
		t.Errorf("Explain of what has a legal hold = %+v", x)
	}
	w.now = noon.Add(40 * day)
	if err := versioned.SetLegalHold(t.Context(), w.keys(t)[0], false); err != nil {
		t.Fatal(err)
	}
	if x := w.explain(t, c, "a"); strings.Contains(x.Fate, "lock") || !x.Retained.IsZero() {
		t.Errorf("Explain of what was locked = %+v", x)
	}
}
