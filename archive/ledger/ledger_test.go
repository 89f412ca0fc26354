package ledger_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"logstow/archive/ledger"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		commitForEver(path)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2024, 2, 29, 12, 0, 0, 123e6, time.UTC)

func hash(s string) ledger.Hash { return sha256.Sum256([]byte(s)) }

// job is a document whose every field has a value of its own.
func job(user, id, content string) ledger.Document {
	return ledger.Document{
		Kind: "job", User: user, Recipe: "recipe", Job: id, Status: "Failed",
		Time: noon, StartedAt: noon.Add(-time.Hour), CompletedAt: noon.Add(-time.Minute),
		Title: "a title", Error: "an error", ErrorType: "its type", Lines: 7,
		Key: user + "/" + id + "/" + content, Revision: true, Changed: "capped", Overflow: true,
		InputHash: hash(content), SHA256: hash("stored " + content), InputSize: 99, Size: 98,
		State: ledger.Stored, Source: "a source", ArchivedAt: noon.Add(time.Hour),
	}
}

func open(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	return openWith(t, ledger.Config{Path: path})
}

func openWith(t *testing.T, c ledger.Config) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "ledger.db") }

func commit(t *testing.T, l *ledger.Ledger, b ledger.Batch) {
	t.Helper()
	if err := l.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func all[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var got []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	return got
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestDocumentsComeBackAsTheyWent(t *testing.T) {
	l := open(t, newPath(t))
	full := job("u", "1", "full")
	least := ledger.Document{Kind: "log", User: "u", Job: "2", Key: "k", Time: noon.Add(-1), Lines: -1}
	least.InputHash, least.SHA256 = hash("x"), hash("x")
	commit(t, l, ledger.Batch{Documents: []ledger.Document{full, least}})

	full.ID, least.ID, least.State = 1, 2, ledger.Stored
	least.Time = noon.Add(-time.Millisecond) // rounded down
	equal(t, "Documents", all(t, l.Documents(t.Context(), ledger.Query{})), []ledger.Document{full, least})
	got, err := l.ByJob(t.Context(), "u", "2")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ByJob", got, []ledger.Document{least})
}

// hostile are ids that differ, although sloppy comparisons may say otherwise.
var hostile = []string{
	"a", "A", " a", "a ", "a\x00", "a\x00b", "\x00", "\xff", "\xff\xfe", "a\xc3", "é", "e\u0301", "'", `"`, "a'; DROP TABLE documents; --",
	"?", "$1", ":a", "%", "_", "\\", "\n", "1", "01", "1.0", "1e0", strings.Repeat("x", 5000), "\u202e", "\U0010ffff", "\xed\xa0\x80",
}

func TestHostileStringsAreExactAndDistinct(t *testing.T) {
	l := open(t, newPath(t))
	var docs []ledger.Document
	var refs []ledger.Ref
	for _, s := range hostile {
		d := job(s, s, "same")
		d.Recipe, d.Status, d.Key, d.Source, d.Kind, d.Changed = s, s, s, s, s, s
		if len(s) < ledger.MaxText {
			d.Title, d.Error, d.ErrorType = s, s, s
		}
		docs = append(docs, d)
		refs = append(refs, ledger.Ref{User: s, Job: s})
	}
	commit(t, l, ledger.Batch{Documents: docs})
	found, err := l.Find(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range hostile {
		docs[i].ID = int64(i + 1)
		if len(found[i]) != 1 || found[i][0].Key != s {
			t.Errorf("Find(%q) = %v, want it alone", s, found[i])
		}
		got, err := l.ByJob(t.Context(), s, s)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "ByJob", got, docs[i:i+1])
		equal(t, "Documents", all(t, l.Documents(t.Context(), ledger.Query{User: s, Job: s, Recipe: s, Kinds: []string{s}, Statuses: []string{s}})), docs[i:i+1])
	}
	hostileQuarantine(t, l)
}

func hostileQuarantine(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	for i, s := range hostile {
		q := ledger.Quarantined{Source: s, Part: s, Offset: 3, Size: 4, SHA256: hash(s), Key: s, Reason: s, At: noon}
		commit(t, l, ledger.Batch{
			Quarantined: []ledger.Quarantined{q},
			Cursors:     []ledger.Cursor{{Source: s, Part: s, Value: s}},
		})
		q.ID, q.State = int64(i+1), ledger.StillOpen
		equal(t, "Quarantine", all(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{Source: s})), []ledger.Quarantined{q})
		cursors, err := l.Cursors(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "Cursors", cursors, map[string]string{s: s})
	}
}

func TestTextsAreCut(t *testing.T) {
	l := open(t, newPath(t))
	d := job("u", "j", "c")
	d.Title = strings.Repeat("x", ledger.MaxText-1) + "é and more"
	d.Error = strings.Repeat("\x80", ledger.MaxText+10) // not a rune among them
	d.ErrorType = strings.Repeat("x", ledger.MaxText)
	commit(t, l, ledger.Batch{Documents: []ledger.Document{d}})
	got := all(t, l.Documents(t.Context(), ledger.Query{}))[0]
	equal(t, "Title", got.Title, strings.Repeat("x", ledger.MaxText-1))
	equal(t, "Error", got.Error, strings.Repeat("\x80", ledger.MaxText))
	equal(t, "ErrorType", got.ErrorType, d.ErrorType)
}

func TestFindKeepsTheOrderOfRefs(t *testing.T) {
	l := open(t, newPath(t))
	b := ledger.Batch{Documents: []ledger.Document{job("u", "1", "z"), job("v", "1", "z"), job("u", "1", "a"), job("u", "1", "m")}}
	b.Documents[2].State, b.Documents[3].State = ledger.Erased, ledger.Expired
	commit(t, l, b)
	refs := make([]ledger.Ref, 613)
	refs[0], refs[299], refs[300], refs[612] = ledger.Ref{User: "u", Job: "1"}, ledger.Ref{User: "v", Job: "1"}, ledger.Ref{User: "u", Job: "1"}, ledger.Ref{User: "u", Job: "1"}
	got, err := l.Find(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	want := make([][]ledger.Version, len(refs))
	version := func(d ledger.Document) ledger.Version {
		return ledger.Version{Key: d.Key, InputHash: d.InputHash, State: d.State, Revision: d.Revision, Overflow: d.Overflow, Verified: d.Verified}
	}
	d := b.Documents
	want[0] = []ledger.Version{version(d[0]), version(d[2]), version(d[3])}
	want[299], want[300], want[612] = []ledger.Version{version(d[1])}, want[0], want[0]
	equal(t, "Find", got, want)
}

func TestCommitIsIdempotent(t *testing.T) {
	l := open(t, newPath(t))
	first := ledger.Batch{
		Documents:   []ledger.Document{job("u", "1", "a"), job("u", "1", "b")},
		Quarantined: []ledger.Quarantined{{Source: "s", Part: "p", SHA256: hash("q"), Key: "q", At: noon}},
		Cursors:     []ledger.Cursor{{Source: "s", Part: "p", Value: "1"}},
	}
	commit(t, l, first)
	if n, err := l.SetQuarantine(t.Context(), ledger.StillOpen, ledger.Dropped, 1); n != 1 || err != nil {
		t.Fatalf("SetQuarantine = %d, %v, want 1", n, err)
	}
	again := first
	again.Documents = []ledger.Document{job("u", "1", "a"), job("u", "1", "a"), job("u", "1", "b"), job("u", "1", "c")}
	again.Documents[0].Verified, again.Documents[0].Key = true, "elsewhere"
	again.Cursors = []ledger.Cursor{{Source: "s", Part: "p", Value: "2"}}
	commit(t, l, again)

	want := []ledger.Document{first.Documents[0], first.Documents[1], again.Documents[3]}
	for i := range want {
		want[i].ID = int64(i + 1)
	}
	want[0].Verified, want[0].Key = true, "elsewhere"
	got, err := l.ByJob(t.Context(), "", "1")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ByJob", got, want)
	quarantined := all(t, l.Quarantine(t.Context(), ledger.QuarantineQuery{}))
	if len(quarantined) != 1 || quarantined[0].State != ledger.Dropped {
		t.Errorf("Quarantine = %v, want one record that stays dropped", quarantined)
	}
	counts, err := l.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Counts", counts, ledger.Counts{Documents: 3, Bytes: 3 * 98, ByKind: map[string]int64{"job": 3}, BytesByKind: map[string]int64{"job": 3 * 98}})
	cursors, err := l.Cursors(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Cursors", cursors, map[string]string{"p": "2"})
}

func TestCommitRefusesWhatCannotBeFound(t *testing.T) {
	l := open(t, newPath(t))
	for name, spoil := range map[string]func(*ledger.Document){
		"user": func(d *ledger.Document) { d.User = "" },
		"job":  func(d *ledger.Document) { d.Job = "" },
		"key":  func(d *ledger.Document) { d.Key = "" },
		"time": func(d *ledger.Document) { d.Time = time.Time{} },
	} {
		bad := job("u", "2", "b")
		spoil(&bad)
		if err := l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{job("u", "1", "a"), bad}}); err == nil {
			t.Errorf("Commit without %s: no error", name)
		}
	}
	if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 0 {
		t.Errorf("refused batches left %d documents", len(got))
	}
}

func TestEndedContextCommitsNothing(t *testing.T) {
	l := open(t, newPath(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Commit(ctx, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v, want %v", err, context.Canceled)
	}
	if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 0 {
		t.Errorf("%d documents were recorded", len(got))
	}
}

func TestBind(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	for i, want := range []bool{true, false} {
		if fresh, err := l.Bind(t.Context(), "file:///a"); fresh != want || err != nil {
			t.Errorf("call %d: Bind = %v, %v, want %v", i, fresh, err, want)
		}
	}
	for _, l := range []*ledger.Ledger{l, open(t, path), openWith(t, ledger.Config{Path: path, ReadOnly: true})} {
		_, err := l.Bind(t.Context(), "file:///b")
		if !errors.Is(err, ledger.ErrOtherStore) || !strings.Contains(err.Error(), "file:///a") || !strings.Contains(err.Error(), "file:///b") {
			t.Errorf("Bind to another store = %v, want ErrOtherStore naming both", err)
		}
		if fresh, err := l.Bind(t.Context(), "file:///a"); fresh || err != nil {
			t.Errorf("Bind to the same store = %v, %v", fresh, err)
		}
	}
}

func TestDeleteCursors(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, ledger.Batch{Cursors: []ledger.Cursor{{"s", "a", "1"}, {"s", "b", "2"}, {"other", "a", "3"}}})
	for _, parts := range [][]string{nil, {"a", "unknown"}} {
		if err := l.DeleteCursors(t.Context(), "s", parts...); err != nil {
			t.Fatal(err)
		}
	}
	for source, want := range map[string]map[string]string{"s": {"b": "2"}, "other": {"a": "3"}, "unknown": {}} {
		got, err := l.Cursors(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "Cursors", got, want)
	}
}
