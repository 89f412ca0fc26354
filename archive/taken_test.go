package archive_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// A key that a version of the job has, or had, is not used again: other content
// becomes a revision without the key being tried, whatever became of what was
// there.
func TestKeysAreNeverUsedTwice(t *testing.T) {
	for _, c := range []struct {
		what     string
		state    ledger.State
		verified bool
		become   func(*testing.T, store.Store, *ledger.Ledger)
	}{
		{"erased", ledger.Erased, true, nil},
		{"erased unverified", ledger.Erased, false, nil},
		{"expired", ledger.Expired, true, nil},
		{"expired unverified", ledger.Expired, false, nil},
		{"being erased", ledger.Deleting, false, nil},
		{"expiring", ledger.Expiring, false, nil},
		{"in a segment", ledger.Stored, true, packed},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, l := storetest.NewFaulty(memstore.New()), newLedger(t)
			first, second := job("a", `,"v":1`), job("a", `,"v":2`)
			if c.become != nil {
				archiveOne(t, s, l, first)
				c.become(t, s, l)
			} else {
				commit(t, l, ledger.Document{
					Kind: "job", User: "5", Recipe: "7", Job: "a", Key: jobKey("a"), State: c.state,
					InputHash: sha256.Sum256([]byte(first)), Verified: c.verified, Time: time.Now(),
				})
			}
			s.Reset()
			wantSummary(t, archiveOne(t, s, l, second), archive.Summary{Read: 1, Archived: 1, Revisions: 1})
			for _, call := range s.Calls() {
				if call.Key == jobKey("a") {
					t.Errorf("%s of the key", call.Method)
				}
			}
			revision := layout.Revision(jobKey("a"), hashOf(second))
			if got := get(t, s, revision); string(got) != second {
				t.Errorf("%s holds %s", revision, got)
			}
			if _, err := s.Stat(t.Context(), jobKey("a")); err == nil {
				t.Error("the key is used again")
			}

			// What was there comes again, and is neither written nor read.
			s.Reset()
			want := archive.Summary{Read: 1, Refused: 1}
			if c.state == ledger.Stored {
				want = archive.Summary{Read: 1, AlreadyArchived: 1}
			}
			wantSummary(t, archiveOne(t, s, l, first), want)
			if calls := s.Calls(); slices.ContainsFunc(calls, func(c storetest.Call) bool { return c.Key == jobKey("a") }) {
				t.Errorf("what was there comes again: %v", calls)
			}
		})
	}
}

func archiveOne(t *testing.T, s store.Store, l *ledger.Ledger, record string) archive.Summary {
	t.Helper()
	return run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, file(t, record), jobfile.Config{})}})
}

func commit(t *testing.T, l *ledger.Ledger, docs ...ledger.Document) {
	t.Helper()
	if err := l.Commit(t.Context(), ledger.Batch{Documents: docs}); err != nil {
		t.Fatal(err)
	}
}

// packed has the one document lie in a segment, and its own object gone.
func packed(t *testing.T, s store.Store, l *ledger.Ledger) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d := collect(t, l.Documents(t.Context(), ledger.Query{}))[0]
	var file bytes.Buffer
	w := segment.NewWriter(&file)
	must(w.Write(&segment.Row{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Kind: jobfile.Job, Status: d.Status, Time: d.Time, Lines: d.Lines,
		Size: d.Size, InputSize: d.InputSize, InputHash: d.InputHash, SHA256: d.SHA256, Key: d.Key, Document: get(t, s, d.Key),
	}))
	sum, err := w.Close()
	must(err)
	key, err := sum.Segment.Key()
	must(err)
	must(s.Put(t.Context(), key, store.Bytes(file.Bytes()), store.PutOptions{}))
	month := time.Date(d.Time.Year(), d.Time.Month(), 1, 0, 0, 0, 0, time.UTC)
	begun, err := l.BeginSegment(t.Context(), ledger.Segment{Key: key, User: d.User, Month: month, Rows: 1, Size: sum.Bytes, Created: time.Now()})
	must(err)
	must(l.CommitSegments(t.Context(), []ledger.Packed{{Segment: begun, Documents: []int64{d.ID}}}, nil, time.Now(), time.Now()))
	inputs, err := l.ClaimInputs(t.Context(), begun.ID, time.Now(), time.Hour, 10)
	must(err)
	must(s.Delete(t.Context(), d.Key))
	must(l.EndInputs(t.Context(), inputs))
}
