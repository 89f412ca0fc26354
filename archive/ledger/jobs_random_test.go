package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
)

var errInjected = errors.New("injected")

// jobsWorld is a ledger that several have open, as processes do, and what it must
// have: of each job its versions, by their contents, in the order of recording.
type jobsWorld struct {
	t    *testing.T
	rnd  *rand.Rand
	path string
	want map[ledger.Ref][]string
	open []*opened
}

// opened is a ledger whose next call may fail, before or after it took effect.
type opened struct {
	*ledger.Ledger
	fails *ledger.Phase
}

func (w *jobsWorld) reopen(i int) {
	o := &opened{}
	l, err := ledger.Open(w.t.Context(), ledger.Config{Path: w.path, Fault: func(_ string, p ledger.Phase) error {
		if o.fails != nil && *o.fails == p {
			return errInjected
		}
		return nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	if old := w.open[i]; old != nil {
		if err := old.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	o.Ledger = l
	w.open[i] = o
}

// batch makes documents, of which many are known and some are there twice.
func (w *jobsWorld) batch() []ledger.Document {
	n := 1 + w.rnd.IntN(1+w.rnd.IntN(300))
	docs := make([]ledger.Document, n)
	for i := range docs {
		user := "u" + fmt.Sprint(w.rnd.IntN(3))
		id := fmt.Sprint(w.rnd.IntN(4000))
		docs[i] = job(user, id, id+" "+fmt.Sprint(w.rnd.IntN(3)))
		docs[i].InputSize = docs[i].Size
	}
	return docs
}

// commit records a batch, in two out of five cases with a fault.
func (w *jobsWorld) commit() {
	o := w.open[w.rnd.IntN(len(w.open))]
	docs := w.batch()
	took := true
	switch w.rnd.IntN(5) {
	case 0:
		before := ledger.Before
		o.fails, took = &before, false
	case 1:
		after := ledger.After
		o.fails = &after
	}
	err := o.Commit(w.t.Context(), ledger.Batch{Documents: docs})
	if (err != nil) != (o.fails != nil) || err != nil && !errors.Is(err, errInjected) {
		w.t.Fatalf("Commit: %v", err)
	}
	o.fails = nil
	if !took {
		return
	}
	for i := range docs {
		ref := ledger.Ref{User: docs[i].User, Job: docs[i].Job}
		if key := docs[i].Key; !slices.Contains(w.want[ref], key) {
			w.want[ref] = append(w.want[ref], key)
		}
	}
}

// check looks up jobs that are there and some that aren't, in every way there is.
func (w *jobsWorld) check(o *opened, jobs int) {
	w.t.Helper()
	var refs []ledger.Ref
	for range jobs {
		refs = append(refs, ledger.Ref{User: "u" + fmt.Sprint(w.rnd.IntN(4)), Job: fmt.Sprint(w.rnd.IntN(4100))})
	}
	found := must(o.Find(w.t.Context(), refs))(w.t)
	for i, ref := range refs {
		var keys []string
		for _, v := range found[i] {
			keys = append(keys, v.Key)
		}
		equal(w.t, fmt.Sprintf("Find %v", ref), keys, w.want[ref])
		if i > 3 {
			continue
		}
		equal(w.t, "Versions", keysOf(must(o.Versions(w.t.Context(), ref.User, ref.Job))(w.t)), w.want[ref])
		equal(w.t, "ByJob", keysOf(must(o.ByJob(w.t.Context(), ref.User, ref.Job))(w.t)), w.want[ref])
		n := must(o.CountDocuments(w.t.Context(), ledger.Query{User: ref.User, Job: ref.Job}))(w.t)
		equal(w.t, "CountDocuments", n, int64(len(w.want[ref])))
		for _, key := range w.want[ref] {
			place := ledger.Place{User: ref.User, Job: ref.Job, Key: key}
			equal(w.t, "At", len(must(o.At(w.t.Context(), []ledger.Place{place}))(w.t)[place]), 1)
		}
	}
}

func keysOf(docs []ledger.Document) []string {
	var keys []string
	for i := range docs {
		keys = append(keys, docs[i].Key)
	}
	return keys
}

// Whoever commits what, and whichever commits fail, every version is found, once.
func TestJobsAreFound(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	w := &jobsWorld{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), path: newPath(t), want: map[ledger.Ref][]string{}, open: make([]*opened, 3)}
	for i := range w.open {
		w.reopen(i)
		t.Cleanup(func() {
			if err := w.open[i].Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for range 100 {
		w.commit()
		w.check(w.open[w.rnd.IntN(len(w.open))], 20)
		if w.rnd.IntN(10) == 0 {
			w.reopen(w.rnd.IntN(len(w.open)))
		}
	}
	w.check(w.open[0], 4000)
	checkJobs(t, w.open[0].Ledger)
}

// checkJobs checks that every row is indexed, none is doubled, and the counts are
// right.
func checkJobs(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	if faults := must(l.JobFaults(t.Context()))(t); len(faults) > 0 {
		t.Errorf("JobFaults = %+v, want none", faults)
	}
	if drifts := must(l.Drifts(t.Context()))(t); len(drifts) > 0 {
		t.Errorf("Drifts = %+v, want none", drifts)
	}
}

// While others commit and merge, whoever looks finds everything that was committed
// before, and two that commit the same record it once.
func TestJobsAreFoundMeanwhile(t *testing.T) {
	path := newPath(t)
	const batches, rows = 60, 25
	var committed atomic.Int64
	var g errgroup.Group
	ended := make(chan struct{})
	document := func(n int) ledger.Document { return job("u", fmt.Sprint(n), fmt.Sprint(n)) }
	var writers errgroup.Group
	for range 2 {
		l := open(t, path)
		writers.Go(func() error {
			for n := range batches {
				var b ledger.Batch
				for i := range rows {
					b.Documents = append(b.Documents, document(n*rows+i))
				}
				if err := l.Commit(t.Context(), b); err != nil {
					return err
				}
				if next := int64((n + 1) * rows); committed.Load() < next {
					committed.Store(next)
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(ended)
		return writers.Wait()
	})
	for range 2 {
		l := open(t, path)
		g.Go(func() error { return findUntil(t, l, &committed, ended) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	if err := findAll(t, l, batches*rows); err != nil {
		t.Error(err)
	}
	equal(t, "documents", len(all(t, l.Recorded(t.Context(), 0, 1<<40))), batches*rows)
	checkJobs(t, l)
}

// findUntil looks up what is committed, again and again until ended is closed.
func findUntil(t *testing.T, l *ledger.Ledger, committed *atomic.Int64, ended <-chan struct{}) error {
	for {
		select {
		case <-ended:
			return nil
		default:
		}
		if err := findAll(t, l, int(committed.Load())); err != nil {
			return err
		}
	}
}

// findAll looks up the first n jobs, each of which must have one version.
func findAll(t *testing.T, l *ledger.Ledger, n int) error {
	refs := make([]ledger.Ref, n)
	for i := range refs {
		refs[i] = ledger.Ref{User: "u", Job: fmt.Sprint(i)}
	}
	found, err := l.Find(t.Context(), refs)
	for i := range found {
		if len(found[i]) != 1 {
			return fmt.Errorf("job %d of %d has %d versions", i, n, len(found[i]))
		}
	}
	return err
}

// A job with many versions leaves most buckets of its run empty, where others are
// looked for.
func TestJobsBesideOneOfManyVersions(t *testing.T) {
	l := open(t, newPath(t))
	b := ledger.Batch{Documents: []ledger.Document{job("u", "other", "x")}}
	for i := range 1000 {
		b.Documents = append(b.Documents, job("u", "same", fmt.Sprint(i)))
	}
	commit(t, l, b)
	for i := range 100 {
		equal(t, "versions of no job", len(must(l.ByJob(t.Context(), "", fmt.Sprint(i)))(t)), 0)
	}
	equal(t, "versions of the other", len(must(l.ByJob(t.Context(), "u", "other"))(t)), 1)
	checkJobs(t, l)
}

// A job may have any number of versions.
func TestJobWithManyVersions(t *testing.T) {
	l := open(t, newPath(t))
	const versions = 2500
	var want []string
	for n := range 5 {
		var b ledger.Batch
		for i := range versions / 5 {
			d := job("u", "1", fmt.Sprint(n, i))
			b.Documents = append(b.Documents, d, d)
			want = append(want, d.Key)
		}
		commit(t, l, b)
	}
	ref := ledger.Ref{User: "u", Job: "1"}
	found := must(l.Find(t.Context(), []ledger.Ref{ref, {User: "v", Job: "1"}, ref}))(t)
	equal(t, "versions found", []int{len(found[0]), len(found[1]), len(found[2])}, []int{versions, 0, versions})
	equal(t, "ByJob", keysOf(must(l.ByJob(t.Context(), "", "1"))(t)), want)
	slices.Reverse(want) // all of one time
	equal(t, "Documents", keysOf(all(t, l.Documents(t.Context(), ledger.Query{Job: "1"}))), want)
	checkJobs(t, l)
}
