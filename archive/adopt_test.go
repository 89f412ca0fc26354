package archive_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
	"logstow/layout/jobfile"
)

func adopt(t *testing.T, c archive.AdoptConfig) archive.AdoptSummary {
	t.Helper()
	if c.Reader == nil {
		c.Reader = reader(t, jobfile.Config{})
	}
	s, err := archive.Adopt(t.Context(), c)
	if err != nil {
		t.Fatalf("Adopt: %v", err)
	}
	return s
}

var adoptCounts = cmpopts.IgnoreFields(archive.AdoptSummary{}, "DurationSeconds", "Bytes")

// rebuilt is what of a row a new ledger can know.
var rebuilt = cmp.Options{
	cmpopts.IgnoreFields(ledger.Document{}, "ID", "Source", "ArchivedAt"),
	cmpopts.SortSlices(func(a, b ledger.Document) bool { return a.Key < b.Key }),
	cmpopts.IgnoreFields(ledger.Quarantined{}, "ID"),
	cmpopts.SortSlices(func(a, b ledger.Quarantined) bool { return a.Key < b.Key }),
}

// A lost ledger is rebuilt from the store as it was.
func TestAdoptRebuilds(t *testing.T) {
	s, l := storetest.NewFaulty(memstore.New()), newLedger(t)
	stream, _, _ := story()
	long := `,"parent_id":1,"lines":["` + strings.Repeat("x", 500) + `"]`
	stream += `{"UserID":1,"log":` + job("long", long) + "}\n"
	run(t, archive.Config{
		Store: s, Ledger: l, MaxFileSize: 300, Detail: jobfile.Deduplicated,
		Inputs: []archive.Input{
			input(t, file(t, stream), jobfile.Config{}),
			input(t, filepath.Join(samples, "workato"), jobfile.Config{}),
			input(t, file(t, job("other tenant", "")), jobfile.Config{User: "tenant"}),
		},
	})
	before := keys(t, s)
	wantDocuments := collect(t, l.Documents(t.Context(), ledger.Query{}))
	wantQuarantined := collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{}))

	check := func(t *testing.T, l *ledger.Ledger) {
		t.Helper()
		if d := cmp.Diff(wantDocuments, collect(t, l.Documents(t.Context(), ledger.Query{})), rebuilt); d != "" {
			t.Errorf("documents (-want +got):\n%s", d)
		}
		if d := cmp.Diff(wantQuarantined, collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})), rebuilt); d != "" {
			t.Errorf("quarantine (-want +got):\n%s", d)
		}
		if d := cmp.Diff(before, keys(t, s)); d != "" {
			t.Errorf("the store changed:\n%s", d)
		}
	}
	l = newLedger(t)
	s.Reset()
	got := adopt(t, archive.AdoptConfig{Store: s, Ledger: l})
	want := archive.AdoptSummary{
		Listed: int64(len(before)) + 1, Adopted: int64(len(wantDocuments)), Quarantined: int64(len(wantQuarantined)),
	}
	if d := cmp.Diff(want, got, adoptCounts); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
	check(t, l)

	again := adopt(t, archive.AdoptConfig{Store: s, Ledger: l})
	want.Adopted, want.AlreadyRecorded = 0, want.Adopted
	if d := cmp.Diff(want, again, adoptCounts); d != "" {
		t.Errorf("the second summary (-want +got):\n%s", d)
	}
	check(t, l)

	// Whatever call fails, nothing wrong is recorded, and a repetition ends it.
	calls := len(s.Calls()) / 2
	for n := 1; n <= calls; n += 1 + calls/25 {
		for _, when := range []storetest.When{storetest.Before, storetest.During} {
			t.Run(fmt.Sprintf("call %d %s", n, when), func(t *testing.T) {
				l := newLedger(t)
				s.Reset()
				s.Arm(storetest.Fault{Call: n, When: when, Err: errInjected})
				if _, err := archive.Adopt(t.Context(), archive.AdoptConfig{Store: s, Ledger: l, Reader: reader(t, jobfile.Config{})}); err != nil && !errors.Is(err, errInjected) {
					t.Fatal(err)
				}
				s.Reset()
				adopt(t, archive.AdoptConfig{Store: s, Ledger: l})
				check(t, l)
			})
		}
	}
}

// A bucket that the platform itself has filled.
func TestAdoptForeignBucket(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	put := func(key, content string) {
		t.Helper()
		if err := s.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	short := "5/jobs/7/20240301/j-A-B/5-7-j-A-B-20240301-succeeded.json"
	split := "5/jobs/7/20240301/000/000/000/000/000/000/100/5-7-100-20240301100000-succeeded.json"
	custom := "acme/jobs/p/20240301/r1/acme-p-r1-20240301100000-ok.json"
	put(short, job("j-A-B", `,"title":"t","lines":[1,2]`)+"\n")
	put(split, strings.Replace(job("100", ""), `"100"`, `100`, 1))
	put(custom, `{"run":"r1"}`)
	put("5/jobs/7/20240301/cut/5-7-cut-20240301-failed.json", `{"id":"cut"`)
	put("5/jobs/7/20240301/x/5-7-x-20240301-failed.json", job("y", ""))
	put("README.txt", "not ours")
	put("segments/v2/user_id=1/year=2024/x.parquet", "later")

	var notices []string
	got := adopt(t, archive.AdoptConfig{Store: s, Ledger: l, Notice: func(n archive.Notice) {
		notices = append(notices, n.What+" "+n.Key)
	}})
	want := archive.AdoptSummary{Listed: 7, Adopted: 3, Unknown: 1, Damaged: 2}
	if d := cmp.Diff(want, got, adoptCounts); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
	slices.Sort(notices)
	wantNotices := []string{
		"damaged 5/jobs/7/20240301/cut/5-7-cut-20240301-failed.json",
		"damaged 5/jobs/7/20240301/x/5-7-x-20240301-failed.json",
		"unknown README.txt",
	}
	if d := cmp.Diff(wantNotices, notices); d != "" {
		t.Errorf("notices (-want +got):\n%s", d)
	}
	rows := map[string]ledger.Document{}
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{})) {
		rows[d.Key] = d
	}
	if d := rows[short]; d.Job != "j-A-B" || d.Title != "t" || d.Lines != 2 || !d.Verified || d.Time.Hour() != 10 || d.InputHash.String() != hashOf(job("j-A-B", `,"title":"t","lines":[1,2]`)) {
		t.Errorf("%+v", d)
	}
	if d := rows[split]; d.Job != "100" || d.User != "5" {
		t.Errorf("%+v", d)
	}
	if d := rows[custom]; d.User != "acme" || d.Status != "ok" || d.Time.Hour() != 10 {
		t.Errorf("%+v", d)
	}

	// The same records, redelivered, are already archived, under their keys.
	stream := job("j-A-B", `,"title":"t","lines":[1,2]`) + "\n" + strings.Replace(job("100", ""), `"100"`, `100`, 1) + "\n"
	wantSummary(t, run(t, archive.Config{Store: s, Ledger: l, Inputs: []archive.Input{input(t, file(t, stream), jobfile.Config{})}}),
		archive.Summary{Read: 2, AlreadyArchived: 2})
	if k := keys(t, s); len(k) != 7 {
		t.Errorf("keys %v", k)
	}
}

func TestAdoptSome(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	run(t, archive.Config{Store: s, Ledger: newLedger(t), Inputs: []archive.Input{
		input(t, file(t, job("a", "")), jobfile.Config{User: "one"}),
		input(t, file(t, job("a", "")), jobfile.Config{User: "two"}),
	}})
	if got := adopt(t, archive.AdoptConfig{Store: s, Prefix: "two/", DryRun: true}); got.Adopted != 1 {
		t.Errorf("a dry run: %+v", got)
	}
	if got := adopt(t, archive.AdoptConfig{Store: s, Ledger: l, Prefix: "two/"}); got.Adopted != 1 {
		t.Errorf("%+v", got)
	}
	if rows := collect(t, l.Documents(t.Context(), ledger.Query{})); len(rows) != 1 || rows[0].User != "two" {
		t.Errorf("rows %+v", rows)
	}
}

// The walk along what lies beside documents keeps step, whatever the keys.
func TestAdoptKeepsStep(t *testing.T) {
	s, l := memstore.New(), newLedger(t)
	long := `,"lines":["` + strings.Repeat("x", 500) + `"]`
	var stream strings.Builder
	want := 0
	for i, id := range []string{"a", "a-", "a.", "a.b", "a0", "A", "_a", "z", "~", "ü", "a b", "%", "10", "1", "0"} {
		more := ""
		if i%2 == 0 {
			more = long
			want++
		}
		stream.WriteString(job(id, more) + "\n" + job(id, long+`,"v":2`) + "\n")
		want++
	}
	run(t, archive.Config{Store: s, Ledger: newLedger(t), MaxFileSize: 300, Inputs: []archive.Input{input(t, file(t, stream.String()), jobfile.Config{})}})
	adopt(t, archive.AdoptConfig{Store: s, Ledger: l})
	got := 0
	for _, d := range collect(t, l.Documents(t.Context(), ledger.Query{})) {
		_, err := s.Stat(t.Context(), layout.Overflow(d.Key))
		if d.Overflow != (err == nil) || d.Overflow != (d.Changed == "capped") {
			t.Errorf("%s: overflow %v, changed %q, in the store: %v", d.Key, d.Overflow, d.Changed, err)
		}
		if d.Overflow {
			got++
		}
	}
	if got != want {
		t.Errorf("%d documents with overflow, want %d", got, want)
	}
}
