package archive_test

import (
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store/dirstore"
	"logstow/layout"
	"logstow/layout/jobfile"
)

var update = flag.Bool("update", false, "write golden files anew")

// What a bucket of the first version holds is read for ever, and says the same
// for ever. testdata/bucket-v1 is never changed; a later version gets a folder
// of its own.
func TestBucketV1(t *testing.T) {
	const folder, golden = "../testdata/bucket-v1", "../testdata/golden/bucket-v1.txt"
	s, err := dirstore.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(t)
	before := keys(t, s)
	got := adopt(t, archive.AdoptConfig{Store: s, Ledger: l})
	if got.Unknown+got.Damaged > 0 || got.Listed != int64(len(before))+1 {
		t.Errorf("%+v of %d objects", got, len(before))
	}
	var b strings.Builder
	docs := collect(t, l.Documents(t.Context(), ledger.Query{}))
	slices.SortFunc(docs, func(a, b ledger.Document) int { return cmp.Compare(a.Key, b.Key) })
	for _, d := range docs {
		fmt.Fprintf(&b, "%s\n  %s user %q recipe %q job %q status %q at %s, %d lines, %q, revision %v, changed %q, overflow %v\n  input %d bytes %s\n  document %d bytes %s\n",
			d.Key, d.Kind, d.User, d.Recipe, d.Job, d.Status, d.Time.Format("2006-01-02T15:04:05.000Z07:00"), d.Lines, d.Title,
			d.Revision, d.Changed, d.Overflow, d.InputSize, d.InputHash, d.Size, d.SHA256)
		if d.Overflow {
			whole := unzstd(t, get(t, s, layout.Overflow(d.Key)))
			info, err := reader(t, jobfile.Config{}).Read(jobfile.Memory(whole), int64(len(whole)))
			if err != nil || ledger.Hash(info.InputHash) != d.InputHash || int64(len(whole)) != d.InputSize {
				t.Errorf("the overflow of %s: %+v, %v", d.Key, info, err)
			}
		}
	}
	for _, q := range collect(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
		fmt.Fprintf(&b, "%s\n  from %s at byte %d: %s\n  %d bytes %s\n", q.Key, q.Part, q.Offset, q.Reason, q.Size, q.SHA256)
		if raw := unzstd(t, get(t, s, q.Key)); ledger.Hash(sha256.Sum256(raw)) != q.SHA256 {
			t.Errorf("%s holds other bytes", q.Key)
		}
	}
	wantGolden(t, golden, b.String())
	wantAgreement(t, s, l)
	if d := gocmp.Diff(before, keys(t, s)); d != "" {
		t.Errorf("reading the bucket changed it:\n%s", d)
	}
}

func wantGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}
