package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/ledger/jobindex"
)

// someJobs opens a ledger with many jobs in several runs.
func someJobs(t *testing.T) *ledger.Ledger {
	t.Helper()
	l := open(t, newPath(t))
	for _, n := range []int{900, 200, 3} {
		var b ledger.Batch
		for i := range n {
			id := fmt.Sprint(n, i)
			b.Documents = append(b.Documents, job("u", id, id))
		}
		commit(t, l, b)
	}
	return l
}

func change(t *testing.T, l *ledger.Ledger, query string) {
	t.Helper()
	if _, err := l.Writer().ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with the index of jobs is found, and mended by making it anew.
func TestJobFaults(t *testing.T) {
	for name, tt := range map[string]struct{ change, want string }{
		"a run is gone":        {"DELETE FROM job_runs WHERE id = (SELECT max(id) - 1 FROM job_runs)", "isn't found by its job"},
		"a bucket is gone":     {"DELETE FROM job_buckets WHERE id = (SELECT min(id) + 2 FROM job_buckets)", "bucket 2 is missing"},
		"the last bucket gone": {"DELETE FROM job_buckets WHERE id = (SELECT max(id) FROM job_buckets)", "is missing"},
		"a bucket is empty":    {"UPDATE job_buckets SET entries = x'' WHERE id = (SELECT min(id) FROM job_buckets)", "isn't found by its job"},
		"a bucket is cut":      {"UPDATE job_buckets SET entries = substr(entries, 1, 15)", "a bucket of 15 bytes"},
		"a bucket is another":  {"UPDATE job_buckets SET entries = (SELECT entries FROM job_buckets ORDER BY id LIMIT 1)", "in bucket 1"},
		"no filter":            {"DELETE FROM job_filters", "filter of run"},
		"a filter is empty":    {"UPDATE job_filters SET filter = zeroblob(length(filter))", "lacks row"},
		"a filter is cut":      {"UPDATE job_filters SET filter = substr(filter, 2)", "a filter of"},
		"a run's rows":         {"UPDATE job_runs SET last_document = last_document - 1", "in the run of the rows"},
		"a run's size":         {"UPDATE job_runs SET entries = 1 << 30", "a run of 1073741824 entries"},
		"a run's buckets":      {"UPDATE job_runs SET buckets = buckets + 1", "buckets for"},
		"a row's job":          {"UPDATE documents SET job = 'x' WHERE id = 500", "row 500 isn't found"},
		"a row of nobody":      {"INSERT INTO documents SELECT 5000, 'y' AS job, user_id, input_hash, sha256, state, kind, revision, overflow, verified, time, status, recipe, key, size, input_size, line_count, started_at, completed_at, archived_at, changed, source, title, error, error_type, segment, segment_row FROM documents WHERE id = 1", "row 5000 isn't found"},
	} {
		t.Run(name, func(t *testing.T) {
			l := someJobs(t)
			checkJobs(t, l)
			change(t, l, tt.change)
			faults := must(l.JobFaults(t.Context()))(t)
			if len(faults) == 0 || len(faults) > 21 || !strings.Contains(fmt.Sprint(faults), tt.want) {
				t.Errorf("JobFaults = %+v, want some that say %q", faults, tt.want)
			}
			equal(t, "Reindex", must(l.Reindex(t.Context()))(t), faults)
			if faults := must(l.JobFaults(t.Context()))(t); len(faults) > 0 {
				t.Errorf("JobFaults = %+v after Reindex, want none", faults)
			}
			if wrong := must(l.Reindex(t.Context()))(t); len(wrong) > 0 {
				t.Errorf("Reindex again = %+v, want nothing", wrong)
			}
			fresh := job("u", "fresh", "fresh")
			commit(t, l, ledger.Batch{Documents: []ledger.Document{fresh}})
			equal(t, "versions", len(must(l.Versions(t.Context(), "u", "fresh"))(t)), 1)
			equal(t, "versions", len(must(l.Find(t.Context(), []ledger.Ref{{User: "u", Job: "900 7"}}))(t)[0]), 1)
		})
	}
}

// What is recorded twice is told, and stays.
func TestDoubledJobs(t *testing.T) {
	l := someJobs(t)
	change(t, l, "UPDATE documents SET job = '900 7', input_hash = (SELECT input_hash FROM documents WHERE id = 8) WHERE id = 1000")
	must(l.Reindex(t.Context()))(t)
	want := []ledger.JobFault{{Document: 1000, Reason: "row 1000 is the same version as row 8", Doubled: true}}
	equal(t, "JobFaults", must(l.JobFaults(t.Context()))(t), want)
	equal(t, "Reindex", len(must(l.Reindex(t.Context()))(t)), 0)
}

// With a damaged index nothing is found or recorded wrongly: it is an error that
// says what to do.
func TestDamagedIndexIsAnError(t *testing.T) {
	l := someJobs(t)
	change(t, l, "DELETE FROM job_buckets")
	_, findErr := l.Find(t.Context(), []ledger.Ref{{User: "u", Job: "900 7"}})
	_, byJobErr := l.ByJob(t.Context(), "u", "900 7")
	known := job("u", "900 7", "900 7")
	for what, err := range map[string]error{
		"Find": findErr, "ByJob": byJobErr, "Commit": l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{known}}),
	} {
		if !errors.Is(err, jobindex.ErrDamaged) || !strings.Contains(err.Error(), "logstow check --repair") {
			t.Errorf("%s = %v, want jobindex.ErrDamaged, and what to do", what, err)
		}
	}
}

// A ledger that is made anew, or upgraded, has one run after the other, each as
// large as may be.
func TestIndexIsMadeInParts(t *testing.T) {
	l := someJobs(t)
	change(t, l, "DELETE FROM job_filters")
	if err := l.IndexJobs(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	checkJobs(t, l)
}
