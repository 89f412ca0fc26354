package retain_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// failures lets what failed expire, and nothing else.
var failures = retain.Policy{Name: "failures", Match: retain.Match{Statuses: []string{"failed"}}, ExpireAfter: days(90)}

func kept(d *ledger.Document) { d.Status = "succeeded" }

// pack has the documents of jobs of user 5 lie in a segment, and their own objects
// too until they are removed.
func (w *shelf) pack(t *testing.T, jobs ...string) ledger.Segment {
	t.Helper()
	var docs []ledger.Document
	for _, job := range jobs {
		versions, err := w.ledger.ByJob(t.Context(), "5", job)
		if err != nil || len(versions) != 1 {
			t.Fatalf("ByJob(%s) = %v, %v", job, versions, err)
		}
		docs = append(docs, versions[0])
	}
	slices.SortFunc(docs, func(a, b ledger.Document) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Job, b.Job)) })
	var file bytes.Buffer
	sw := segment.NewWriter(&file)
	var ids []int64
	for _, d := range docs {
		if err := sw.Write(&segment.Row{
			User: d.User, Recipe: d.Recipe, Job: d.Job, Kind: jobfile.Kind(d.Kind), Status: d.Status, Time: d.Time,
			ArchivedAt: d.ArchivedAt, Title: d.Title, Lines: d.Lines, Key: d.Key, Size: d.Size, InputSize: d.InputSize,
			InputHash: d.InputHash, SHA256: d.SHA256, Changed: d.Changed, Overflow: d.Overflow, Document: []byte(contentOf(d.Job)),
		}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	sum, err := sw.Close()
	if err != nil {
		t.Fatal(err)
	}
	key, err := sum.Segment.Key()
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.ledger.BeginSegment(t.Context(), ledger.Segment{
		Key: key, User: "5", Month: time.Date(2023, 11, 1, 0, 0, 0, 0, time.UTC), Rows: sum.Rows, Size: sum.Bytes,
		SHA256: sha256.Sum256(file.Bytes()), Created: noon,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.inner.Put(t.Context(), key, store.Bytes(file.Bytes()), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.ledger.CommitSegments(t.Context(), []ledger.Packed{{Segment: s, Documents: ids}}, nil, noon, noon); err != nil {
		t.Fatal(err)
	}
	return s
}

// removeInputs removes the objects of what lies in a segment, as a later
// compaction does.
func (w *shelf) removeInputs(t *testing.T, s ledger.Segment) {
	t.Helper()
	docs, err := w.ledger.ClaimInputs(t.Context(), s.ID, noon, time.Minute, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if err := w.inner.Delete(t.Context(), d.Key, layout.Meta(d.Key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ledger.EndInputs(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
}

// inSegments is the jobs that have a row in a segment of the store.
func (w *shelf) inSegments(t *testing.T) (jobs []string) {
	t.Helper()
	for _, key := range w.keys(t) {
		if n, err := layout.Parse(key); err != nil || n.Kind != layout.SegmentKey {
			continue
		}
		info, err := w.inner.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		r, err := segment.Open(store.ReaderAt(t.Context(), w.inner, key), info.Size)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range r.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, row.Job)
		}
	}
	slices.Sort(jobs)
	return jobs
}

// wantJobs checks which jobs have rows in segments, and the states of all.
func (w *shelf) wantJobs(t *testing.T, rows string, states map[ledger.State]string) {
	t.Helper()
	if got := strings.Join(w.inSegments(t), " "); got != rows {
		t.Errorf("at %s segments have %q, want %q", w.now, got, rows)
	}
	for state, jobs := range states {
		for job := range strings.FieldsSeq(jobs) {
			docs, err := w.ledger.Versions(t.Context(), "5", job)
			if err != nil || len(docs) != 1 {
				t.Fatalf("Versions(%s) = %v, %v", job, docs, err)
			}
			if docs[0].State != state {
				t.Errorf("at %s job %s is %s, want %s", w.now, job, docs[0].State, state)
			}
		}
	}
}

// packedShelf has a segment of two jobs that fail and two that are kept; one of
// each still has its own objects. What fails is marked, and due now.
func packedShelf(t *testing.T) (*shelf, retain.ExpireConfig, ledger.Segment) {
	t.Helper()
	w := newShelf(t)
	w.add(t, doc("a", 100*day, capped), doc("b", 100*day), doc("c", 100*day, kept), doc("d", 100*day, kept))
	s := w.pack(t, "a", "b", "c", "d")
	w.now = noon.Add(-7 * day)
	c := w.config(failures)
	if did := w.expire(t, c); did.Marked != 2 {
		t.Fatalf("marked %+v", did)
	}
	w.now = noon
	w.store.Reset()
	return w, c, s
}

func TestExpireInASegment(t *testing.T) {
	for _, inputs := range []bool{true, false} {
		t.Run(fmt.Sprintf("inputs left: %v", inputs), func(t *testing.T) {
			w, c, s := packedShelf(t)
			if !inputs {
				w.removeInputs(t, s)
			}
			did := w.expire(t, c)
			if did.Removed != 2 || did.InSegments != 2 || did.Rewritten != 0 {
				t.Errorf("Expire = %+v, want two removed, which stay in their segment", did)
			}
			w.wantJobs(t, "a b c d", map[ledger.State]string{ledger.Expiring: "a b", ledger.Stored: "c d"})
			for _, key := range w.keys(t) {
				if strings.Contains(key, "/a/") || strings.Contains(key, "/b/") {
					t.Errorf("%s is left", key)
				}
			}
			x, err := w.ledger.Versions(t.Context(), "5", "a")
			if err != nil {
				t.Fatal(err)
			}
			until := noon.AddDate(0, 0, 31)
			if told, err := retain.Explain(t.Context(), c, x[0]); err != nil || told.Segment != s.Key || !told.Removed.Equal(until) ||
				!strings.HasSuffix(told.Fate, "its segment is rewritten without it, or goes, by the first run after "+until.Format(time.RFC3339)+".") {
				t.Errorf("Explain = %+v, %v", told, err)
			}

			w.now = until.Add(-time.Millisecond)
			if did := w.expire(t, c); did.Removed+did.Rewritten+did.InSegments != 0 {
				t.Errorf("a moment before 31 days: %+v, want nothing done", did)
			}
			w.wantJobs(t, "a b c d", nil)

			w.now = until
			dry := c
			dry.DryRun = true
			if did := w.expire(t, dry); did.Rewritten != 1 || did.Removed != 0 {
				t.Errorf("a dry run after 31 days: %+v, want one segment to be rewritten", did)
			}
			if did := w.expire(t, c); did.Rewritten != 1 || did.Removed != 0 {
				t.Errorf("after 31 days: %+v, want one segment rewritten", did)
			}
			w.wantJobs(t, "c d", map[ledger.State]string{ledger.Expired: "a b", ledger.Stored: "c d"})
			if slices.Contains(w.keys(t), s.Key) {
				t.Errorf("%s is left", s.Key)
			}
		})
	}
}

// A segment of which everything expires goes at once.
func TestExpireAWholeSegment(t *testing.T) {
	w, c, _ := packedShelf(t)
	c.Policies = []retain.Policy{{Name: "failures", ExpireAfter: days(90)}}
	w.now = noon.Add(-7 * day)
	w.expire(t, c) // c and d, too
	w.now = noon
	dry := c
	dry.DryRun = true
	if did := w.expire(t, dry); did.Removed != 4 || did.Rewritten != 1 {
		t.Errorf("a dry run = %+v, want four removed and their segment", did)
	}
	if did := w.expire(t, c); did.Removed != 4 || did.Rewritten != 1 {
		t.Errorf("Expire = %+v, want four removed and their segment", did)
	}
	w.wantJobs(t, "", map[ledger.State]string{ledger.Expired: "a b c d"})
	if left := w.keys(t); len(left) > 0 {
		t.Errorf("there is still %v", left)
	}
}

// What was taken out of a segment expires only with its row there.
func TestExpireWhatHasACopy(t *testing.T) {
	w, c, s := packedShelf(t)
	w.removeInputs(t, s)
	docs, err := w.ledger.ByJob(t.Context(), "5", "b")
	if err != nil {
		t.Fatal(err)
	}
	did, err := compact.Restore(t.Context(), compact.Config{Store: w.inner, Ledger: w.ledger}, ledger.Query{User: "5", Job: "b"}, nil)
	if err != nil || did.Documents != 1 {
		t.Fatalf("Restore = %+v, %v, want one", did, err)
	}
	w.expire(t, c)
	w.wantJobs(t, "a b c d", map[ledger.State]string{ledger.Expiring: "a b", ledger.Stored: "c d"})
	if slices.Contains(w.keys(t), docs[0].Key) {
		t.Errorf("%s is left", docs[0].Key)
	}
	w.now = noon.AddDate(0, 0, 31)
	w.expire(t, c)
	w.wantJobs(t, "c d", map[ledger.State]string{ledger.Expired: "a b", ledger.Stored: "c d"})
}

// A segment that the store locks stays, and what is in it stays expiring.
func TestExpireInALockedSegment(t *testing.T) {
	versioned := memstore.NewVersioned()
	w := newShelfOn(t, versioned)
	versioned.SetNow(func() time.Time { return w.now })
	w.add(t, doc("a", 100*day), doc("b", 100*day))
	s := w.pack(t, "a", "b")
	until := noon.Add(50 * day)
	if err := versioned.SetRetention(s.Key, "", until); err != nil {
		t.Fatal(err)
	}
	c := w.config(quarter)
	w.now = noon.Add(-7 * day)
	w.expire(t, c)
	w.now = noon
	did := w.expire(t, c)
	if did.Removed != 2 || did.Retained != 1 || len(w.notices) != 1 || !strings.HasPrefix(w.notices[0], s.Key+": retained by the store until "+until.Format(time.RFC3339)) {
		t.Errorf("Expire = %+v, %v, want the segment retained", did, w.notices)
	}
	w.wantJobs(t, "a b", map[ledger.State]string{ledger.Expiring: "a b"})
	w.now = until.Add(day)
	w.expire(t, c)
	w.wantJobs(t, "", map[ledger.State]string{ledger.Expired: "a b"})
}

func TestExpireInSegmentsSurvivesFaults(t *testing.T) {
	ripe := func(t *testing.T) (*shelf, retain.ExpireConfig) {
		w, c, _ := packedShelf(t)
		w.expire(t, c)
		w.now = noon.AddDate(0, 0, 31)
		w.store.Reset()
		return w, c
	}
	w, c := ripe(t)
	calls := 0
	w.fail = func(string, ledger.Phase) bool { calls++; return false }
	w.expire(t, c)
	ends := func(t *testing.T, w *shelf, c retain.ExpireConfig) {
		if _, err := retain.Expire(t.Context(), c); !errors.Is(err, errInjected) {
			t.Errorf("Expire = %v, want %v", err, errInjected)
		}
		w.store.Reset()
		w.fail = nil
		w.expire(t, c)
		w.wantJobs(t, "c d", map[ledger.State]string{ledger.Expired: "a b", ledger.Stored: "c d"})
	}
	for n := range len(w.store.Calls()) {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			t.Run(fmt.Sprintf("store call %d %s", n+1, when), func(t *testing.T) {
				t.Parallel()
				w, c := ripe(t)
				w.store.Arm(storetest.Fault{Call: n + 1, When: when, Err: errInjected, Sticky: true})
				ends(t, w, c)
			})
		}
	}
	for n := range calls {
		t.Run(fmt.Sprintf("ledger call %d", n+1), func(t *testing.T) {
			t.Parallel()
			w, c := ripe(t)
			i := 0
			w.fail = func(string, ledger.Phase) bool { i++; return i > n }
			ends(t, w, c)
		})
	}
}
