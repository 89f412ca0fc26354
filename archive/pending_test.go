package archive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/source/filesource"
	"logstow/archive/store/memstore"
	"logstow/layout/jobfile"
)

// jobAt is a record that completed on a day of March 2024.
func jobAt(id string, day int) string {
	return fmt.Sprintf(`{"id":%q,"recipe_id":7,"account_id":5,"status":"succeeded","completed_at":"2024-03-%02dT10:00:00Z"}`, id, day)
}

// writeAt writes a file that was last changed on a day of February 2024, or
// just now where day is 0.
func writeAt(t *testing.T, path, content string, day int) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if day == 0 {
		return
	}
	at := time.Date(2024, 2, day, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// pending looks at one input and wants no error.
func pending(t *testing.T, c archive.Config, limit archive.PendingLimit) archive.Backlog {
	t.Helper()
	got, err := archive.Pending(t.Context(), c, limit)
	if err != nil || len(got) != 1 {
		t.Fatalf("Pending: %d backlogs, %v; want one", len(got), err)
	}
	if name := c.Inputs[0].Source.Name(); got[0].Source != name || got[0].Oldest != nil && got[0].Oldest.Source != name {
		t.Errorf("Pending(%s): %+v", name, got[0])
	}
	return got[0]
}

// wantPending checks how many records aren't safe, and which is the oldest: its
// job, else its file, and the beginning of the reason; empty for none.
func wantPending(t *testing.T, got archive.Backlog, records int64, oldest string) {
	t.Helper()
	is := ""
	if u := got.Oldest; u != nil {
		name := u.Job
		if name == "" && u.Part != "" {
			name = filepath.Base(u.Part)
		}
		is = name + ": " + u.Reason
	}
	if got.Records != records || !got.Whole || !strings.HasPrefix(is, oldest) || (is == "") != (oldest == "") {
		t.Errorf("%d records, whole %v, oldest %q (%v); want %d, all of it, %q", got.Records, got.Whole, is, got.Err, records, oldest)
	}
}

// scene is a folder that is archived from, with one file in it.
type scene struct {
	archive.Config
	folder, file string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	folder := t.TempDir()
	s := &scene{folder: folder, file: filepath.Join(folder, "a.ndjson")}
	s.Store, s.Ledger = memstore.New(), newLedger(t)
	s.Inputs = []archive.Input{input(t, folder, jobfile.Config{})}
	return s
}

// forget lets everything be read again.
func (s *scene) forget(t *testing.T) {
	t.Helper()
	name := s.Inputs[0].Source.Name()
	cursors, err := s.Ledger.Cursors(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for part := range cursors {
		if err := s.Ledger.DeleteCursors(t.Context(), name, part); err != nil {
			t.Fatal(err)
		}
	}
}

// look has all the time it needs.
func (s *scene) look(t *testing.T) archive.Backlog {
	t.Helper()
	return pending(t, s.Config, archive.PendingLimit{Time: time.Minute})
}

func TestPendingUntilArchived(t *testing.T) {
	s := newScene(t)
	wantPending(t, s.look(t), 0, "")
	records := []string{jobAt("a", 9), jobAt("b", 2), jobAt("c", 5)}
	writeAt(t, s.file, strings.Join(records, "\n")+"\n", 0)
	for range 2 {
		got := s.look(t)
		wantPending(t, got, 3, "b: "+archive.NotRead)
		want := &archive.Unsafe{
			User: "5", Recipe: "7", Job: "b", Time: time.Date(2024, 3, 2, 10, 0, 0, 0, time.UTC),
			Source: s.folder, Part: s.file, Offset: int64(len(records[0]) + 1), Reason: archive.NotRead,
		}
		if d := cmp.Diff(want, got.Oldest); d != "" || got.Bytes != int64(len(strings.Join(records, ""))) || got.Err != nil {
			t.Errorf("%d bytes, %v, oldest (-want +got):\n%s", got.Bytes, got.Err, d)
		}
	}
	run(t, s.Config)
	wantPending(t, s.look(t), 0, "")
	s.forget(t)
	wantPending(t, s.look(t), 0, "")
	s.Ledger = nil
	wantPending(t, s.look(t), 3, "b: "+archive.NotRead)
}

// Records that the ledger tells something else of than that they are stored.
func TestPendingAsTheLedgerSays(t *testing.T) {
	for name, c := range map[string]struct {
		state    ledger.State
		verified bool
		hash     string
		unsafe   int64
		oldest   string
	}{
		"erased":        {ledger.Erased, true, jobAt("a", 1), 0, ""},
		"expired":       {ledger.Expired, false, jobAt("a", 1), 0, ""},
		"verified":      {ledger.Stored, true, jobAt("a", 1), 0, ""},
		"unverified":    {ledger.Stored, false, jobAt("a", 1), 1, "a: " + archive.NotVerified},
		"other version": {ledger.Stored, true, "other", 1, "a: " + archive.NotRead},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			writeAt(t, s.file, jobAt("a", 1), 0)
			err := s.Ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{{
				Kind: "job", User: "5", Recipe: "7", Job: "a", Key: jobKey("a"), State: c.state,
				InputHash: sha256.Sum256([]byte(c.hash)), Verified: c.verified, Time: time.Now(),
			}}})
			if err != nil {
				t.Fatal(err)
			}
			wantPending(t, s.look(t), c.unsafe, c.oldest)
		})
	}
}

// What is broken, or too large, is safe once it is in quarantine, and when it
// was dropped from there.
func TestPendingQuarantined(t *testing.T) {
	s := newScene(t)
	s.MaxFileSize = 200
	large := strings.TrimSuffix(jobAt("large", 1), "}") + `,"title":"` + strings.Repeat("x", 300) + `"}`
	writeAt(t, s.file, "{\"id\":\"x\",}\n"+`{"id":"y","recipe_id":7}`+"\n"+large+"\n", 3)
	got := s.look(t)
	wantPending(t, got, 3, "a.ndjson: "+archive.NotRead)
	if got.Oldest.Time.Month() != time.February || got.Oldest.Time.Day() != 3 {
		t.Errorf("a broken record is of %s; want its file's last change", got.Oldest.Time)
	}
	if sum := run(t, s.Config); sum.Quarantined != 3 {
		t.Fatalf("run: %+v", sum)
	}
	s.forget(t)
	wantPending(t, s.look(t), 0, "")
	for _, q := range collect(t, s.Ledger.Quarantine(t.Context(), ledger.QuarantineQuery{})) {
		if err := archive.DropQuarantined(t.Context(), s.Store, s.Ledger, q.ID); err != nil {
			t.Fatal(err)
		}
	}
	wantPending(t, s.look(t), 0, "")
	// The same bytes at another place were never seen.
	writeAt(t, s.file, "\n{\"id\":\"x\",}\n", 3)
	wantPending(t, s.look(t), 1, "a.ndjson: "+archive.NotRead)
}

func TestPendingKinds(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, `{"event":"e","timestamp":"2024-03-01 10:00:00 UTC","team":{"id":5}}`+"\n", 0)
	s.Kinds = []jobfile.Kind{jobfile.Job}
	wantPending(t, s.look(t), 0, "")
	s.Kinds = nil
	if got := s.look(t); got.Records != 1 || got.Oldest.User != "5" {
		t.Errorf("all kinds: %+v", got)
	}
}

// A record that its file ends inside is told of, before a run has seen it and
// after, until it is complete.
func TestPendingIncomplete(t *testing.T) {
	half := jobAt("b", 1)[:30]
	packed := func(parts ...string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		for _, p := range parts {
			if _, err := z.Write([]byte(p)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, content := range map[string]string{"plain": jobAt("a", 1) + "\n" + half, "gzip": packed(jobAt("a", 1)+"\n", half)} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			writeAt(t, s.file, content, 0)
			if got := s.look(t); got.Records != 2 || got.Oldest.Job != "a" {
				t.Errorf("before a run: %+v, oldest %+v", got, got.Oldest)
			}
			for range 2 {
				run(t, s.Config)
				got := s.look(t)
				wantPending(t, got, 1, "a.ndjson: "+archive.NotComplete)
				if got.Oldest.Offset < int64(len(jobAt("a", 1))) || time.Since(got.Oldest.Time) > time.Hour || got.Err != nil {
					t.Errorf("incomplete: %+v", got.Oldest)
				}
			}
			writeAt(t, s.file, jobAt("a", 1)+"\n"+jobAt("b", 1), 0)
			wantPending(t, s.look(t), 1, "b: "+archive.NotRead)
			run(t, s.Config)
			wantPending(t, s.look(t), 0, "")
		})
	}
}

// A file is followed under its new name.
func TestPendingRotated(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, jobAt("a", 1)+"\n", 0)
	run(t, s.Config)
	writeAt(t, s.file, jobAt("a", 1)+"\n"+jobAt("b", 2)+"\n", 0)
	if err := os.Rename(s.file, s.file+".1"); err != nil {
		t.Fatal(err)
	}
	writeAt(t, s.file, jobAt("c", 3)+"\n", 0)
	wantPending(t, s.look(t), 2, "b: "+archive.NotRead)
	run(t, s.Config)
	wantPending(t, s.look(t), 0, "")
}

func TestPendingUnreadable(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, jobAt("a", 1)+"\n"+jobAt("b", 1)[:30], 0)
	run(t, s.Config)
	for i := range 12 {
		if err := os.Symlink("nowhere", filepath.Join(s.folder, fmt.Sprintf("z%02d", i))); err != nil {
			t.Fatal(err)
		}
	}
	got := s.look(t)
	wantPending(t, got, 1, "a.ndjson: "+archive.NotComplete) // the links have no time
	if got.Err == nil || strings.Count(got.Err.Error(), "\n") != 10 || !strings.HasSuffix(got.Err.Error(), "\nand 2 more") {
		t.Errorf("links to nowhere: %v", got.Err)
	}
	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	got = s.look(t)
	wantPending(t, got, 0, "z00: "+archive.NotReadable)
	if !strings.Contains(got.Err.Error(), "z00") || !got.Oldest.Time.IsZero() || got.Oldest.Offset != -1 {
		t.Errorf("only links to nowhere: %+v, %v", got.Oldest, got.Err)
	}
	// What can't be read is not incomplete, whatever was seen of it before.
	if err := os.Symlink("nowhere", s.file); err != nil {
		t.Fatal(err)
	}
	wantPending(t, s.look(t), 0, "a.ndjson: "+archive.NotReadable)
}

func TestPendingVanished(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, jobAt("a", 1)+"\n"+jobAt("b", 1)[:30], 0)
	run(t, s.Config)
	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a look doesn't take the news from a run
		got := s.look(t)
		wantPending(t, got, 0, ": "+archive.NotReadable)
		if got.Err == nil || !strings.Contains(got.Err.Error(), "vanished before it was read to its end") {
			t.Errorf("vanished: %v", got.Err)
		}
	}
	if sum := run(t, s.Config); sum.Unreadable != 1 {
		t.Errorf("run: %+v", sum)
	}
	wantPending(t, s.look(t), 0, "")
}

// Of a stream nothing is taken.
func TestPendingLeavesStreamsAlone(t *testing.T) {
	in := strings.NewReader(jobAt("a", 1))
	budget := archive.NewBudget(archive.DefaultBudget)
	stdin, err := filesource.New(filesource.Config{Path: "-", Budget: budget, Stdin: in})
	if err != nil {
		t.Fatal(err)
	}
	c := archive.Config{Ledger: newLedger(t), Inputs: []archive.Input{{Source: stdin, Reader: reader(t, jobfile.Config{})}}}
	got, err := archive.Pending(t.Context(), c, archive.PendingLimit{})
	if err != nil || len(got) != 0 || in.Len() != len(jobAt("a", 1)) {
		t.Errorf("Pending(-) = %+v, %v, and left %d bytes", got, err, in.Len())
	}
}

func TestPendingLimits(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, jobAt("a", 9)+"\n"+jobAt("b", 2)+"\n"+jobAt("c", 1)+"\n"+jobAt("d", 1)[:20], 0)
	size := int64(len(jobAt("a", 9)))
	for _, c := range []struct {
		limit   archive.PendingLimit
		records int64
		whole   bool
		oldest  string
	}{
		{archive.PendingLimit{Bytes: 1, Time: time.Minute}, 1, false, "a"},
		{archive.PendingLimit{Bytes: size + 1, Time: time.Minute}, 2, false, "b"},
		{archive.PendingLimit{Bytes: 3 * size, Time: time.Minute}, 4, true, "c"},
		{archive.PendingLimit{Time: 1}, 0, false, ""},
	} {
		got := pending(t, s.Config, c.limit)
		oldest := ""
		if got.Oldest != nil {
			oldest = got.Oldest.Job
		}
		if got.Records != c.records || got.Whole != c.whole || oldest != c.oldest {
			t.Errorf("Pending(%+v) = %+v, oldest %q; want %+v", c.limit, got, oldest, c)
		}
	}
}

// What wasn't looked at may have been completed since.
func TestPendingLimitBeforeTail(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, jobAt("a", 1)[:20], 0)
	run(t, s.Config)
	writeAt(t, s.file, jobAt("a", 1)+"\n"+jobAt("b", 1)+"\n", 0)
	if got := pending(t, s.Config, archive.PendingLimit{Bytes: 1, Time: time.Minute}); got.Records != 1 || got.Whole || got.Oldest.Job != "a" {
		t.Errorf("Pending = %+v, oldest %+v; want one record, not all of it", got, got.Oldest)
	}
}

// More records than fit the memory pass, so none is held.
func TestPendingHoldsNoMemory(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		b.WriteString(strings.TrimSuffix(jobAt(fmt.Sprint(i), 1), "}") + `,"x":"` + strings.Repeat("x", 9000) + "\"}\n")
	}
	s := newScene(t)
	writeAt(t, s.file, b.String(), 0)
	source, err := filesource.New(filesource.Config{Path: s.folder, Budget: archive.NewBudget(20_000)})
	if err != nil {
		t.Fatal(err)
	}
	s.Inputs[0].Source = source
	wantPending(t, s.look(t), 50, "0: "+archive.NotRead)
}

func TestPendingEndsEarly(t *testing.T) {
	s := newScene(t)
	writeAt(t, s.file, jobAt("a", 1)+"\n", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := archive.Pending(ctx, s.Config, archive.PendingLimit{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Pending after the end: %v", err)
	}
	broken := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), func(op string, _ ledger.Phase) error {
		if op == "find" {
			return errInjected
		}
		return nil
	})
	s.Ledger = broken
	if _, err := archive.Pending(t.Context(), s.Config, archive.PendingLimit{}); !errors.Is(err, errInjected) {
		t.Errorf("Pending with a broken ledger: %v", err)
	}
}
