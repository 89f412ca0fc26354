package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// random drives two ledgers on one file, and a model, through the same calls.
type random struct {
	*model
	t     *testing.T
	rnd   *rand.Rand
	both  []*ledger.Ledger
	fault ledger.Phase // of the next call; -1: none
	now   time.Time
	op    string
	jobs  int
	holds map[string]ledger.Hold       // by recipe
	files map[string][]ledger.Document // what is in segments, by their keys
}

var errOnPurpose = errors.New("broken on purpose")

func TestRandomSegments(t *testing.T) {
	for range 3 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%#x", seed), func(t *testing.T) {
			r := &random{model: newModel(), t: t, rnd: rand.New(rand.NewPCG(seed, 1)), fault: -1, now: noon, holds: map[string]ledger.Hold{}, files: map[string][]ledger.Document{}}
			path := newPath(t)
			for range 2 {
				l := openWith(t, ledger.Config{Path: path, Fault: func(_ string, phase ledger.Phase) error {
					if phase == r.fault {
						return errOnPurpose
					}
					return nil
				}})
				l.SetPage(3)
				r.both = append(r.both, l)
			}
			for n := range 160 {
				r.now = r.now.Add(time.Minute)
				r.step()
				if n%8 == 0 || n > 157 {
					r.check(t, r.ledger(), fmt.Sprintf("call %d, %s", n, r.op))
				}
			}
			if drifts, err := r.ledger().Drifts(t.Context()); err != nil || len(drifts) > 0 {
				t.Errorf("Drifts = %+v, %v, want none", drifts, err)
			}
		})
	}
}

func (r *random) ledger() *ledger.Ledger { return r.both[r.rnd.IntN(2)] }

// step makes a random call.
func (r *random) step() {
	steps := []struct {
		op string
		f  func(*ledger.Ledger)
	}{
		{"archive", r.doArchive},
		{"archive", r.doArchive},
		{"archive", r.doArchive},
		{"pack", r.doPack},
		{"pack", r.doPack},
		{"merge", r.doMerge},
		{"commit anything", r.doCommitAnything},
		{"remove", r.doRemove},
		{"remove", r.doRemove},
		{"end of a removal", r.doEndRemoval},
		{"adopt", r.doAdopt},
		{"claim", r.doClaim},
		{"end of inputs", r.doEndInputs},
		{"addition of inputs", r.doAddInputs},
		{"take out", r.doTakeOut},
		{"take out", r.doTakeOut},
		{"erase", r.doErase},
		{"hold", r.doHold},
		{"mark", r.doMark},
	}
	s := steps[r.rnd.IntN(len(steps))]
	r.op = s.op
	s.f(r.ledger())
}

// call makes a call that is to be ErrMoved or not, sometimes with a fault before
// or after it, and then again; do changes the model.
func (r *random) call(do func() bool, f func() error) {
	r.t.Helper()
	if fault := ledger.Phase(r.rnd.IntN(6)); fault <= ledger.After {
		want := errOnPurpose
		if fault == ledger.After && !do() {
			want = ledger.ErrMoved
		}
		r.fault = fault
		err := f()
		r.fault = -1
		if !errors.Is(err, want) {
			r.t.Fatalf("%s with a fault in phase %d = %v, want %v", r.op, fault, err, want)
		}
	}
	ok := do()
	if err := f(); ok != (err == nil) || !ok && !errors.Is(err, ledger.ErrMoved) {
		r.t.Fatalf("%s = %v, want ErrMoved: %t", r.op, err, !ok)
	}
}

func always(do func()) func() bool {
	return func() bool {
		do()
		return true
	}
}

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

// document returns a new one of a user's month, or one that came before.
func (r *random) document(user string, month time.Time) ledger.Document {
	if len(r.docs) > 0 && r.rnd.IntN(5) == 0 {
		d := *r.docs[1+r.rnd.Int64N(int64(len(r.docs)))]
		if d.User == user && monthOf(d.Time).Equal(month) {
			d.ID, d.State, d.Segment, d.SegmentRow = 0, ledger.Stored, 0, 0
			d.Verified = true
			return d
		}
	}
	r.jobs++
	d := job(user, fmt.Sprint(r.rnd.IntN(20)), fmt.Sprint(r.jobs))
	d.Recipe = pick(r.rnd, []string{"x", "X", "é", "\xff", "x\x00"})
	d.Time = month.Add(time.Duration(r.rnd.IntN(5)) * time.Millisecond)
	if r.rnd.IntN(4) == 0 {
		d.Time = month.AddDate(0, 1, 0).Add(-time.Millisecond)
	}
	d.Verified, d.Size = r.rnd.IntN(6) > 0, r.rnd.Int64N(100)
	return d
}

func (r *random) partition() (user string, month time.Time) {
	return pick(r.rnd, modelUsers), pick(r.rnd, modelMonths)
}

func (r *random) doArchive(l *ledger.Ledger) {
	var b ledger.Batch
	for range 1 + r.rnd.IntN(8) {
		b.Documents = append(b.Documents, r.document(r.partition()))
	}
	r.call(always(func() {
		for _, d := range b.Documents {
			r.archive(d)
		}
	}), func() error { return l.Commit(r.t.Context(), b) })
}

// newSegment begins one whose key is of what is in it.
func (r *random) newSegment(l *ledger.Ledger, user string, month time.Time, docs []int64) (ledger.Packed, bool) {
	s := ledger.Segment{Key: fmt.Sprint("segments/", user, month.Unix(), docs), User: user, Month: month, Created: r.now}
	var want *ledger.Segment
	var got ledger.Segment
	r.call(func() bool { want = r.begin(s); return want != nil }, func() (err error) {
		got, err = l.BeginSegment(r.t.Context(), s)
		return err
	})
	if want == nil {
		return ledger.Packed{}, false
	}
	equal(r.t, "BeginSegment", got, *want)
	got.Rows, got.Size, got.SHA256 = int64(len(docs)), 1000, hash(got.Key)
	r.files[s.Key] = nil
	for _, id := range docs {
		r.files[s.Key] = append(r.files[s.Key], *r.docs[id])
	}
	return ledger.Packed{Segment: got, Documents: docs}, true
}

func (r *random) doPack(l *ledger.Ledger) {
	user, month := r.partition()
	docs := r.loose(user, month, false)
	docs = docs[:r.rnd.IntN(len(docs)+1)]
	if len(docs) == 0 {
		return
	}
	p, ok := r.newSegment(l, user, month, ids(docs))
	if !ok || r.rnd.IntN(6) == 0 {
		return // or it died here
	}
	r.doCommit(l, []ledger.Packed{p}, nil)
}

// some returns one in n of those that keep tells to.
func (r *random) some(n int, keep func(*ledger.Document) bool) (docs []ledger.Document) {
	for _, id := range slices.Sorted(maps.Keys(r.docs)) {
		if keep(r.docs[id]) && r.rnd.IntN(n) == 0 {
			docs = append(docs, *r.docs[id])
		}
	}
	return docs
}

func ids(docs []ledger.Document) []int64 {
	var all []int64
	for _, d := range docs {
		all = append(all, d.ID)
	}
	return all
}

func (r *random) doCommit(l *ledger.Ledger, packed []ledger.Packed, old []int64) {
	at, due := r.now, r.now.Add(time.Duration(r.rnd.IntN(30))*time.Minute)
	r.call(func() bool { return r.commit(packed, old, at, due) }, func() error {
		return l.CommitSegments(r.t.Context(), packed, old, at, due)
	})
}

// doMerge replaces some or all segments of a month.
func (r *random) doMerge(l *ledger.Ledger) {
	user, month := r.partition()
	var old []int64
	var docs []ledger.Document
	for _, id := range slices.Sorted(maps.Keys(r.segs)) {
		if s := r.segs[id]; s.User == user && s.Month.Equal(month) && s.State == ledger.SegmentStored && r.rnd.IntN(4) > 0 {
			old, docs = append(old, id), append(docs, r.in(id, true)...)
		}
	}
	if len(old) == 0 {
		return
	}
	if len(docs) == 0 {
		r.doCommit(l, nil, old)
		return
	}
	cut := r.rnd.IntN(len(docs))
	var packed []ledger.Packed
	for _, part := range [][]ledger.Document{docs[:cut], docs[cut:]} {
		if len(part) == 0 {
			continue
		}
		p, ok := r.newSegment(l, user, month, ids(part))
		if !ok {
			return
		}
		packed = append(packed, p)
	}
	r.doCommit(l, packed, old)
}

// doCommitAnything is what should mostly be refused.
func (r *random) doCommitAnything(l *ledger.Ledger) {
	user, month := r.partition()
	docs := r.some(5, func(d *ledger.Document) bool { return d.User == user && monthOf(d.Time).Equal(month) })
	if len(docs) == 0 {
		return
	}
	p, ok := r.newSegment(l, user, month, ids(docs))
	if !ok {
		return
	}
	var old []int64
	for id := int64(1); id <= r.last; id++ {
		if r.rnd.IntN(3) == 0 {
			old = append(old, id)
		}
	}
	r.doCommit(l, []ledger.Packed{p}, old)
}

func (r *random) anySegment() int64 { return 1 + r.rnd.Int64N(r.last+1) }

func (r *random) doRemove(l *ledger.Ledger) {
	id := r.anySegment()
	r.call(func() bool { return r.startRemoval(id, r.now) }, func() error {
		s, err := l.StartSegmentRemoval(r.t.Context(), id, r.now)
		if err == nil {
			equal(r.t, "StartSegmentRemoval", s, *r.segs[id])
		}
		return err
	})
}

func (r *random) doEndRemoval(l *ledger.Ledger) {
	id := r.anySegment()
	r.call(func() bool { return r.endRemoval(id) }, func() error { return l.EndSegmentRemoval(r.t.Context(), id) })
}

// doAdopt finds a segment that may be known, or one with some that are known and
// some that aren't.
func (r *random) doAdopt(l *ledger.Ledger) {
	user, month := r.partition()
	a := ledger.Adopted{Segment: ledger.Segment{Key: fmt.Sprint("segments/", r.rnd.IntN(10), user, month.Unix()), User: user, Month: month, Created: r.now}}
	for _, id := range slices.Sorted(maps.Keys(r.segs)) {
		if s := r.segs[id]; s.User == user && s.Month.Equal(month) && r.rnd.IntN(4) == 0 {
			a.Segment.Key = s.Key
		}
	}
	if _, known := r.files[a.Segment.Key]; !known {
		r.files[a.Segment.Key] = r.mixed(user, month)
	}
	a.Documents = slices.Clone(r.files[a.Segment.Key])
	for i := range a.Documents {
		a.Documents[i].ID, a.Documents[i].State = 0, ledger.Stored
	}
	a.Segment.Rows, a.Segment.Size, a.Segment.SHA256 = int64(len(a.Documents)), 1000, hash(a.Segment.Key)
	if r.rnd.IntN(10) == 0 {
		a.Segment.SHA256 = hash("another")
	}
	var want int64
	r.call(func() bool { want = r.adopt(a); return want >= 0 }, func() error {
		got, err := l.AdoptSegment(r.t.Context(), a)
		if err == nil && got != want {
			r.t.Fatalf("AdoptSegment = %d, want %d", got, want)
		}
		return err
	})
}

// mixed returns documents of which some may be known.
func (r *random) mixed(user string, month time.Time) (docs []ledger.Document) {
	for range r.rnd.IntN(4) {
		d := r.document(user, month)
		if !slices.ContainsFunc(docs, func(o ledger.Document) bool { return o.Job == d.Job && o.InputHash == d.InputHash }) {
			docs = append(docs, d)
		}
	}
	return docs
}

func (r *random) doClaim(l *ledger.Ledger) {
	segment, stale, limit := r.anySegment(), time.Duration(r.rnd.IntN(20))*time.Minute, 1+r.rnd.IntN(5)
	var want []int64
	r.call(always(func() { want = r.claim(segment, r.now, stale, limit) }), func() error {
		got, err := l.ClaimInputs(r.t.Context(), segment, r.now, stale, limit)
		if err == nil {
			equal(r.t, "ClaimInputs", ids(got), want)
		}
		return err
	})
}

func (r *random) doEndInputs(l *ledger.Ledger) {
	docs := r.some(4, func(*ledger.Document) bool { return true })
	if len(docs) == 0 {
		return
	}
	r.call(always(func() {
		for _, d := range docs {
			if !r.inputs[d.ID].IsZero() {
				delete(r.inputs, d.ID)
			}
		}
	}), func() error { return l.EndInputs(r.t.Context(), docs) })
}

func (r *random) doAddInputs(l *ledger.Ledger) {
	docs := r.some(4, func(d *ledger.Document) bool { return d.Segment != 0 || r.rnd.IntN(10) == 0 })
	if len(docs) > 0 {
		r.addInputs(l, docs)
	}
}

func (r *random) addInputs(l *ledger.Ledger, docs []ledger.Document) {
	r.call(func() bool {
		if slices.ContainsFunc(docs, func(d ledger.Document) bool { return d.State != ledger.Stored || d.Segment == 0 }) {
			return false
		}
		for _, d := range docs {
			claimed := r.inputs[d.ID] // as it is, where it is one already
			r.inputs[d.ID] = claimed
		}
		return true
	}, func() error { return l.AddInputs(r.t.Context(), docs) })
}

func (r *random) doTakeOut(l *ledger.Ledger) {
	docs := r.some(1, func(d *ledger.Document) bool { return d.Segment != 0 || r.rnd.IntN(10) == 0 })
	if len(docs) == 0 {
		return
	}
	d := pick(r.rnd, docs)
	if r.rnd.IntN(2) == 0 {
		r.addInputs(l, []ledger.Document{d})
	}
	r.call(func() bool { return r.keepInput(d) }, func() error { return l.KeepInput(r.t.Context(), d) })
}

func (r *random) doErase(l *ledger.Ledger) {
	docs := r.some(12, func(d *ledger.Document) bool { return !r.held[d.Recipe] && d.State == ledger.Stored })
	r.call(always(func() {
		for _, d := range docs {
			r.docs[d.ID].State = ledger.Deleting
			delete(r.marked, d.ID)
		}
	}), func() error {
		_, _, err := l.StartErasure(r.t.Context(), docs, ledger.AuditEntry{At: r.now})
		return err
	})
}

func (r *random) doHold(l *ledger.Ledger) {
	recipe := pick(r.rnd, []string{"x", "é"})
	h, is := r.holds[recipe]
	if is {
		h.Released, h.ReleasedBy = r.now, "somebody"
	} else {
		h = ledger.Hold{ID: fmt.Sprintf("%032x", r.rnd.Uint64()), Scope: layout.Scope{Recipe: recipe}, By: "somebody", Placed: r.now}
	}
	r.call(always(func() { r.held[recipe] = !is }), func() error {
		_, err := l.RecordHolds(r.t.Context(), []ledger.Hold{h})
		return err
	})
	r.holds[recipe] = h
	if is {
		delete(r.holds, recipe)
	}
}

func (r *random) doMark(l *ledger.Ledger) {
	docs := ids(r.some(10, func(d *ledger.Document) bool { return d.State == ledger.Stored }))
	if len(docs) == 0 {
		return
	}
	r.call(always(func() {
		for _, id := range docs {
			r.marked[id] = true
		}
	}), func() error {
		_, err := l.Mark(r.t.Context(), docs, ledger.Mark{Policy: "p", Marked: r.now, Due: r.now})
		return err
	})
}
