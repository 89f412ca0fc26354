package retain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/layout"
)

// oracle is what should have become of documents, kept in the plainest way.
type oracle struct {
	docs    []ledger.Document
	marks   map[string]ledger.Mark
	expired map[string]bool
	holds   map[string]layout.Scope // active ones
}

// run is what a run of Expire should do.
func (o *oracle) run(now time.Time, grace time.Duration, policies retain.Policies) {
	for _, d := range o.docs {
		if o.expired[d.Job] {
			continue
		}
		fate := fateOracle(policies, d)
		goes := fate.By != "" && !now.Before(fate.Expires)
		for _, s := range o.holds {
			if s.User == d.User && (s.Job == "" || s.Job == d.Job) {
				goes = false
			}
		}
		mark, marked := o.marks[d.Job]
		switch {
		case !goes:
			delete(o.marks, d.Job)
		case !marked || mark.Policy != fate.By:
			o.marks[d.Job] = ledger.Mark{Policy: fate.By, Marked: now, Due: now.Add(grace)}
		case !now.Before(mark.Due) && !now.Before(mark.Marked.Add(grace)):
			o.expired[d.Job] = true
			delete(o.marks, d.Job)
		}
	}
}

// Whatever policies, holds and clocks do between runs, what is marked and what is
// gone is what an oracle says, and a dry run said it before.
func TestExpireAgainstAnOracle(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	gone := 0
	for range 6 {
		w := newShelf(t)
		o := &oracle{marks: map[string]ledger.Mark{}, expired: map[string]bool{}, holds: map[string]layout.Scope{}}
		w.now = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 20 {
			d := randomDocument(r)
			d = doc(fmt.Sprint("j", i), noon.Sub(d.Time), func(n *ledger.Document) {
				n.User, n.Recipe, n.Kind, n.Status = d.User, d.Recipe, d.Kind, d.Status
				n.Key = fmt.Sprintf("%s/jobs/%s/%d.json", d.User, d.Recipe, i)
			})
			o.docs = append(o.docs, d)
		}
		w.add(t, o.docs...)
		c := w.config(validPolicies(r)...)
		for step := range 25 {
			w.disturb(t, r, o, &c, step)
			dry := c
			dry.DryRun = true
			w.expire(t, dry)
			said := w.events
			w.expire(t, c)
			if d := cmp.Diff(said, w.events); d != "" {
				t.Fatalf("step %d: what a dry run said and what was done (-said +done):\n%s", step, d)
			}
			o.run(w.now, c.Grace, c.Policies)
			w.wantAsIn(t, o, step)
		}
		gone += len(o.expired)
	}
	t.Logf("%d of 120 documents expired", gone)
	if gone == 0 {
		t.Error("nothing expired, which proves nothing")
	}
}

func validPolicies(r *rand.Rand) retain.Policies {
	for {
		all, ok := randomPolicies(r), true
		all.Check(func(int, string) { ok = false })
		if ok {
			return all
		}
	}
}

// disturb changes something, or some things, before a run.
func (w *shelf) disturb(t *testing.T, r *rand.Rand, o *oracle, c *retain.ExpireConfig, step int) {
	t.Helper()
	w.now = w.now.Add(time.Duration(r.Int64N(int64(40*day/time.Millisecond))) * time.Millisecond)
	if r.IntN(10) == 0 {
		w.now = w.now.Add(-60 * day)
	}
	if step%8 == 0 {
		c.Policies = validPolicies(r)
	}
	c.Grace = time.Duration(1+r.IntN(30)) * day
	if r.IntN(3) == 0 {
		d := o.docs[r.IntN(len(o.docs))]
		s := layout.Scope{User: d.User}
		if r.IntN(2) == 0 {
			s.Job = d.Job
		}
		o.holds[w.hold(t, step+1, s)] = s
	}
	for id := range o.holds {
		if r.IntN(3) == 0 {
			w.release(t, id)
			delete(o.holds, id)
		}
	}
}

func (w *shelf) wantAsIn(t *testing.T, o *oracle, step int) {
	t.Helper()
	marks := map[string]ledger.Mark{}
	for m, err := range w.ledger.Marks(t.Context(), ledger.MarkQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		marks[m.Job] = m.Mark
	}
	if d := cmp.Diff(o.marks, marks); d != "" {
		t.Fatalf("step %d at %s: marks (-want +got):\n%s", step, w.now, d)
	}
	keys := w.keys(t)
	for _, d := range o.docs {
		want := map[bool]ledger.State{true: ledger.Expired, false: ledger.Stored}[o.expired[d.Job]]
		got, err := w.ledger.Versions(t.Context(), d.User, d.Job)
		if err != nil || len(got) != 1 || got[0].State != want || slices.Contains(keys, d.Key) != (want == ledger.Stored) {
			t.Fatalf("step %d at %s: job %s is %+v, %v, want it %s", step, w.now, d.Job, got, err, want)
		}
	}
}
