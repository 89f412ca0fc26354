package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
	"logstow/export/queue"
	"logstow/layout"
)

// wantKeys checks which files of exports there are.
func (w *world) wantKeys(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, w.keys()); diff != "" {
		w.t.Errorf("files of exports (-want +got):\n%s", diff)
	}
}

// put puts something below the exports' prefix.
func (w *world) put(key string) {
	w.t.Helper()
	must(w.t, w.s.Put(w.t.Context(), layout.Exports+key, store.Bytes([]byte("x")), store.PutOptions{}))
}

// make makes exports.
func (w *world) make(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		_, err := w.queue(w.config()).Work(w.t.Context(), id, nil)
		must(w.t, err)
	}
}

// others are objects that no sweep may touch: beside the exports' prefix, and
// below it what no version of logstow puts there.
func (w *world) others() (check func()) {
	w.t.Helper()
	id := newID()
	all := []string{
		"u/jobs/r/20240301/1/u-r-1-20240301100000-failed.json", "_logstow/exports", "_logstow/exportsx/" + id + "/1.log",
		"_logstow/exports/readme.txt", "_logstow/exports/" + id + "/readme", "_logstow/exports/" + id + "/1.log/more", "_logstow/exports/" + id + "/01.log",
	}
	for _, key := range all {
		must(w.t, w.s.Put(w.t.Context(), key, store.Bytes([]byte(key)), store.PutOptions{}))
	}
	return func() {
		w.t.Helper()
		for _, key := range all {
			if _, err := w.s.Stat(w.t.Context(), key); err != nil {
				w.t.Errorf("a sweep took what isn't its: %v", err)
			}
		}
	}
}

// later is when all tokens of a world have ended, and their grace.
func later() time.Time { return time.Now().Add(time.Hour + queue.Grace + time.Minute) }

func TestSweep(t *testing.T) {
	w := newMemory(t)
	check := w.others()
	others := w.keys()
	ended, kept, cancelled, failed := w.create(10), w.create(10), w.create(10), w.create(10)
	w.make(ended, kept, cancelled)
	w.put(ended + "/7.json") // of another attempt
	w.put(ended + "/readme") // somebody else's
	others = append(others, ended+"/readme")
	must(t, w.l.CancelExport(t.Context(), cancelled, ledger.AuditEntry{At: time.Now(), Action: "cancel", Outcome: "ok"}))
	e, err := w.l.ClaimExport(t.Context(), failed, time.Now(), time.Minute)
	must(t, err)
	w.put(failed + "/1.log")
	e.State, e.Error, e.Updated = ledger.ExportFailed, "broken", time.Now()
	must(t, w.l.FinishExport(t.Context(), e))
	must(t, w.extend(kept, later().Add(time.Hour)))
	q := w.queue(w.config())
	if n, err := q.Sweep(t.Context(), later().Add(-2*time.Minute)); n != 2 || err != nil {
		t.Errorf("Sweep within the grace = %d, %v; want 2, of the failed and the cancelled one", n, err)
	}
	w.wantReady(ended, kept)
	if n, err := q.Sweep(t.Context(), later()); n != 2 || err != nil {
		t.Errorf("Sweep = %d, %v; want 2, of the one that ended", n, err)
	}
	w.wantKeys(append(others, kept+"/1.log")...)
	for _, id := range []string{ended, cancelled, failed} {
		if s := w.state(id).State; s != ledger.ExportSwept {
			t.Errorf("export %s is %s, want it swept", id, s)
		}
	}
	w.wantReady(kept)
	if n, err := q.Sweep(t.Context(), later()); n != 0 || err != nil {
		t.Errorf("Sweep when all is swept = %d, %v", n, err)
	}
	check()
}

func TestSweepOrphans(t *testing.T) {
	w := newMemory(t)
	check := w.others()
	kept := w.keys()
	unknown, ready, running, created := newID(), w.create(10), w.create(10), w.create(10)
	w.make(ready)
	now := time.Now()
	day := now.Add(25 * time.Hour)
	for _, id := range []string{running, created} {
		for n := range 2 {
			e, err := w.l.ClaimExport(t.Context(), id, now.Add(time.Duration(n)*time.Hour), time.Minute)
			must(t, err)
			if id == created && n == 1 {
				e.State = ledger.ExportCreated
				must(t, w.l.FinishExport(t.Context(), e))
			}
		}
	}
	for _, id := range []string{ready, running, created} {
		must(t, w.extend(id, day.Add(time.Hour)))
	}
	for _, key := range []string{"/1.log", "/2.log", "/3.log"} {
		for _, id := range []string{unknown, running, created} {
			w.put(id + key)
		}
	}
	w.put(ready + "/2.log")
	w.put(ready + "/1.zip")
	q := w.queue(w.config())
	if n, err := q.Sweep(t.Context(), now.Add(23*time.Hour)); n != 0 || err != nil {
		t.Errorf("Sweep of what is not a day old = %d, %v", n, err)
	}
	if n, err := q.Sweep(t.Context(), day); n != 3+2+1+2 || err != nil {
		t.Errorf("Sweep = %d, %v; want 8", n, err)
	}
	w.wantKeys(append(kept, ready+"/1.log", running+"/2.log", running+"/3.log", created+"/3.log")...)
	w.wantReady(ready)
	check()
}

// TestSweepFaults lets every call of a sweep to the store and the ledger fail.
// A second one then does the rest.
func TestSweepFaults(t *testing.T) {
	build := func(t *testing.T) (*world, []string) {
		w := newMemory(t)
		ids := []string{w.create(10), w.create(10)}
		w.make(ids...)
		w.put(ids[0] + "/2.log")
		w.put(newID() + "/1.log")
		return w, ids
	}
	day := time.Now().Add(25 * time.Hour)
	settle := func(t *testing.T, w *world, ids []string) {
		if _, err := w.queue(w.config()).Sweep(t.Context(), day); err != nil {
			t.Errorf("the second Sweep: %v", err)
		}
		if k := w.keys(); len(k) > 0 {
			t.Errorf("left: %v", k)
		}
		for _, id := range ids {
			if s := w.state(id).State; s != ledger.ExportSwept {
				t.Errorf("export %s is %s, want it swept", id, s)
			}
		}
	}
	for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
		for n, more := 1, true; more; n++ {
			t.Run(fmt.Sprintf("store %d %s", n, when), func(t *testing.T) {
				w, ids := build(t)
				s := storetest.NewFaulty(w.s)
				s.Arm(storetest.Fault{Call: n, When: when, Err: store.ErrUnavailable})
				c := w.config()
				c.Store = watched{s, w.watch()}
				_, err := w.queue(c).Sweep(t.Context(), day)
				if more = len(s.Calls()) >= n; more != errors.Is(err, store.ErrUnavailable) {
					t.Errorf("Sweep = %v after %d calls", err, len(s.Calls()))
				}
				settle(t, w, ids)
			})
		}
	}
	for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
		for n, more := 1, true; more; n++ {
			t.Run(fmt.Sprintf("ledger %d %d", n, phase), func(t *testing.T) {
				w, ids := build(t)
				f := &strikes{n: n, phase: phase, err: ledger.ErrBusy, look: w.watch()}
				c := w.config()
				c.Ledger = w.ledger(f.strike)
				_, err := w.queue(c).Sweep(t.Context(), day)
				if more = f.off; more != errors.Is(err, ledger.ErrBusy) {
					t.Errorf("Sweep = %v after %d calls", err, f.calls)
				}
				settle(t, w, ids)
			})
		}
	}
}

// versioned keeps a hidden version beside every object, and may have locked
// some.
type versioned struct {
	store.Store
	gone   map[string]bool // by key and id
	locked string          // a key
	lacks  bool            // a server without the feature
}

func (v *versioned) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		if v.lacks {
			yield(store.Version{}, fmt.Errorf("%w: %w", store.ErrRefused, errors.ErrUnsupported))
			return
		}
		for info, err := range v.List(ctx, store.ListOptions{Prefix: prefix}) {
			for _, id := range []string{"2", "1"} {
				if !v.gone[info.Key+id] && !yield(store.Version{Info: info, ID: id, Latest: id == "2"}, err) {
					return
				}
			}
		}
	}
}

func (v *versioned) Versioned(context.Context) (bool, error) { return true, nil }

func (v *versioned) DeleteVersions(_ context.Context, versions ...store.Version) error {
	var errs []error
	for _, one := range versions {
		if v.locked == one.Key && one.ID == "1" {
			errs = append(errs, &store.KeyError{Key: one.Key, ID: one.ID, Err: fmt.Errorf("locked: %w", fs.ErrPermission)})
			continue
		}
		v.gone[one.Key+one.ID] = true
	}
	return errors.Join(errs...)
}

func (v *versioned) Delete(ctx context.Context, keys ...string) error {
	if !v.lacks {
		return errors.New("a plain delete only hides")
	}
	return v.Store.Delete(ctx, keys...)
}

// Where the store keeps versions all of them go, but for a locked one.
func TestSweepVersions(t *testing.T) {
	w := newMemory(t)
	ids := []string{w.create(10), w.create(10)}
	w.make(ids...)
	orphan := newID() + "/1.log"
	w.put(orphan)
	locked := layout.Exports + ids[0] + "/1.log"
	v := &versioned{Store: w.s, gone: map[string]bool{}, locked: locked}
	c := w.config()
	c.Store = v
	day := time.Now().Add(25 * time.Hour)
	if n, err := w.queue(c).Sweep(t.Context(), day); n != 5 || err != nil {
		t.Errorf("Sweep = %d, %v; want 5 of 6 versions", n, err)
	}
	if a, b := w.state(ids[0]).State, w.state(ids[1]).State; a != ledger.ExportSweeping || b != ledger.ExportSwept {
		t.Errorf("with a locked version it is %s, without one %s", a, b)
	}
	v.locked = ""
	if n, err := w.queue(c).Sweep(t.Context(), day); n != 1 || err != nil || w.state(ids[0]).State != ledger.ExportSwept {
		t.Errorf("Sweep when it is locked no more = %d, %v, and the export is %s", n, err, w.state(ids[0]).State)
	}
	if !v.gone[layout.Exports+orphan+"1"] || !v.gone[layout.Exports+orphan+"2"] {
		t.Errorf("gone are %v; want both versions of %s", v.gone, orphan)
	}
}

// A server that can't list versions keeps none.
func TestSweepWithoutVersions(t *testing.T) {
	w := newMemory(t)
	id := w.create(10)
	w.make(id)
	w.put(newID() + "/1.log")
	c := w.config()
	c.Store = &versioned{Store: w.s, lacks: true}
	if n, err := w.queue(c).Sweep(t.Context(), time.Now().Add(25*time.Hour)); n != 2 || err != nil {
		t.Errorf("Sweep = %d, %v; want 2", n, err)
	}
	w.wantKeys()
}
