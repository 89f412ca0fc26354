package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
)

func versionAt(job, key string, n int) ledger.Document {
	d := ledger.Document{Kind: "job", User: "u", Job: job, Key: key, Size: int64(n), InputHash: ledger.Hash{byte(n), byte(n >> 8), 1}, Time: time.Unix(1, 0)}
	d.SHA256 = d.InputHash
	return d
}

func TestRecordedAndAt(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "l.db"))
	var batch ledger.Batch
	var places []ledger.Place
	for n := range 500 {
		d := versionAt(fmt.Sprint("j", n/2), fmt.Sprint("k", n/4*4+n%2), n)
		batch.Documents = append(batch.Documents, d)
		places = append(places, ledger.Place{User: "u", Job: d.Job, Key: d.Key}, ledger.Place{User: "other", Job: d.Job, Key: d.Key})
	}
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	docs, err := l.Versions(t.Context(), "u", "j3")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.StartErasure(t.Context(), docs, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	l.SetPage(7)
	var ids []int64
	for d, err := range l.Recorded(t.Context(), 10, 490) {
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]ledger.State{true: ledger.Deleting, false: ledger.Stored}[d.Job == "j3"]; d.State != want {
			t.Errorf("Recorded: row %d is %s, want %s", d.ID, d.State, want)
		}
		ids = append(ids, d.ID)
	}
	if len(ids) != 480 || ids[0] != 11 || ids[479] != 490 || !slices.IsSorted(ids) {
		t.Errorf("Recorded(10, 490) = %v, want 11 to 490", ids)
	}
	at, err := l.At(t.Context(), append(places, ledger.Place{}))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for p, docs := range at {
		for _, d := range docs {
			found++
			if (ledger.Place{User: d.User, Job: d.Job, Key: d.Key}) != p {
				t.Errorf("At: %+v at %+v", d, p)
			}
		}
	}
	if found != 500 {
		t.Errorf("At found %d rows, want 500", found)
	}
}

func TestQuarantinedAt(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "l.db"))
	err := l.Commit(t.Context(), ledger.Batch{Quarantined: []ledger.Quarantined{{Key: "a", Source: "s", Size: 3}, {Key: "b", Source: "s", Size: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.QuarantinedAt(t.Context(), []string{"b", "c"})
	if err != nil || len(got) != 1 || got["b"].Size != 4 || got["b"].State != ledger.StillOpen {
		t.Errorf("QuarantinedAt(b, c) = %+v, %v, want b alone", got, err)
	}
	if got, err = l.QuarantinedAt(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("QuarantinedAt() = %+v, %v", got, err)
	}
}

func TestDrifts(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "l.db"))
	docs := []ledger.Document{versionAt("a", "a", 3), versionAt("b", "b", 4), versionAt("c", "c", 5)}
	if err := l.Commit(t.Context(), ledger.Batch{Documents: docs}); err != nil {
		t.Fatal(err)
	}
	gone, err := l.Versions(t.Context(), "u", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.StartErasure(t.Context(), gone, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	if all, err := l.Drifts(t.Context()); err != nil || len(all) > 0 {
		t.Fatalf("Drifts = %+v, %v, want none", all, err)
	}
	for _, query := range []string{
		"DELETE FROM documents WHERE job = 'b'",
		"INSERT INTO totals VALUES ('log', 'stored', 1, 7)",
		"DELETE FROM totals WHERE state = 'deleting'",
	} {
		if _, err := l.Writer().ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Drifts(t.Context())
	want := []ledger.Drift{
		{Kind: "job", State: "deleting", Documents: 1, BytesOfDocuments: 3},
		{Kind: "job", State: "stored", Counted: 2, CountedBytes: 9, Documents: 1, BytesOfDocuments: 5},
		{Kind: "log", State: "stored", Counted: 1, CountedBytes: 7},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Drifts (-want +got): %v\n%s", err, diff)
	}
}

// A row that is not what its index has is damage.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	l := open(t, filepath.Join(dir, "l.db"))
	marker := strings.Repeat("marked", 20)
	var batch ledger.Batch
	for n := range 300 {
		batch.Documents = append(batch.Documents, versionAt(fmt.Sprint(marker, n), fmt.Sprint(marker, n), n))
	}
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for _, thorough := range []bool{false, true} {
		if all, err := l.Damage(t.Context(), thorough); err != nil || len(all) > 0 {
			t.Fatalf("Damage(%t) = %q, %v, want none", thorough, all, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the ledger's files are %v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	// One is the row's, one the index's; others are where nothing is any more.
	places, found := 0, 0
	for at := range whole {
		if !bytes.HasPrefix(whole[at:], []byte("marked17\x00")) && !bytes.HasPrefix(whole[at:], []byte("marked17u")) {
			continue
		}
		places++
		changed := bytes.Clone(whole)
		changed[at+1] = 'o'
		if err := os.WriteFile(files[0], changed, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, files[0])
		all, err := l.Damage(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := l.JobFaults(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if found += len(all) + len(faults); l.Close() != nil {
			t.Fatal("can't close the ledger")
		}
	}
	if found == 0 {
		t.Errorf("Damage(true) found nothing where one of %d places was changed", places)
	}
}
