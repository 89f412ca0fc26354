package segment_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// Every sample record that is one comes back as it was, through a file that an
// earlier version may have written: testdata/v1.parquet is frozen.
func TestSamples(t *testing.T) {
	rows := samples(t)
	file, s := write(t, rows)
	wantRows(t, "Documents", all(t, open(t, file).Documents(nil)), rows)
	for got, want := range map[time.Time]string{s.Segment.First: "2017-07-14", s.Segment.Last: "2026-05-28"} {
		if got.Format(time.DateOnly) != want {
			t.Errorf("a day is %v, want %s", got, want)
		}
	}
	frozen, err := os.ReadFile(filepath.Join("testdata", "v1.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, "v1.parquet", all(t, open(t, frozen).Documents(nil)), rows)
}

// samples is a row of every valid sample record, all of one user.
func samples(t testing.TB) []*segment.Row {
	t.Helper()
	files, err := filepath.Glob("../../testdata/records/*/*.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d sample records, %v", len(files), err)
	}
	reader, err := jobfile.NewReader(jobfile.Config{User: "1234"})
	if err != nil {
		t.Fatal(err)
	}
	var rows []*segment.Row
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := reader.Read(jobfile.Memory(b), int64(len(b)))
		if err != nil {
			continue // one of the two that aren't JSON
		}
		rows = append(rows, sample(t, info, b))
	}
	slices.SortFunc(rows, (*segment.Row).Compare)
	if len(rows) < 54 {
		t.Fatalf("%d of %d samples can be read", len(rows), len(files))
	}
	return rows
}

func sample(t testing.TB, info jobfile.Info, b []byte) *segment.Row {
	t.Helper()
	key, err := layout.Event{User: info.User, Type: info.Recipe, ID: info.Job, Time: info.Time}.Key()
	if info.Kind == jobfile.Job {
		key, err = layout.Document{User: info.User, Recipe: info.Recipe, Job: info.Job, Time: info.Time, Status: info.Status}.Key()
	}
	if err != nil {
		t.Fatal(err)
	}
	ms := func(at time.Time) time.Time { return at.Truncate(time.Millisecond) }
	return &segment.Row{
		User: info.User, Recipe: info.Recipe, Job: info.Job, Kind: info.Kind, Status: info.Status,
		Time: ms(info.Time), StartedAt: ms(info.StartedAt), CompletedAt: ms(info.CompletedAt), ArchivedAt: noon,
		Title: info.Title, Error: info.Error, ErrorType: info.ErrorType, Lines: info.LineCount,
		Size: int64(len(b)), InputSize: int64(len(b)), InputHash: info.InputHash, SHA256: sha256.Sum256(b), Key: key,
		Metadata: map[string]string{"logstow-input-sha256": fmt.Sprintf("%x", info.InputHash)}, Document: b,
	}
}

// Random rows come back as they were, and each is found by its id.
func TestRandomRows(t *testing.T) {
	text := rapid.StringN(1, 20, 200)
	when := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(-62135596799999, 253402300799999).Draw(t, "ms")).UTC()
	})
	maybe := rapid.OneOf(rapid.Just(time.Time{}), when)
	row := rapid.Custom(func(t *rapid.T) *segment.Row {
		r := &segment.Row{
			User: "ü/1", Recipe: rapid.SampledFrom([]string{"1", "2", "a\x00b", "日本"}).Draw(t, "recipe"),
			Job: text.Draw(t, "job"), Kind: rapid.SampledFrom(jobfile.Kinds()).Draw(t, "kind"),
			Status: rapid.StringN(0, 5, 20).Draw(t, "status"), Time: when.Draw(t, "time"), StartedAt: maybe.Draw(t, "started"),
			CompletedAt: maybe.Draw(t, "completed"), ArchivedAt: maybe.Draw(t, "archived"),
			Title: rapid.StringN(0, 50, 100).Draw(t, "title"), Error: rapid.String().Draw(t, "error"), ErrorType: rapid.String().Draw(t, "type"),
			Adapters: rapid.SliceOfN(rapid.StringN(0, 5, 20), 0, 12).Draw(t, "adapters"), Lines: rapid.Int64Min(-1).Draw(t, "lines"),
			InputSize: rapid.Int64().Draw(t, "input size"), Key: text.Draw(t, "key"), Changed: rapid.String().Draw(t, "changed"),
			Overflow: rapid.Bool().Draw(t, "overflow"), Metadata: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata"),
			Change: rapid.SliceOf(rapid.Byte()).Draw(t, "change"), Document: rapid.SliceOf(rapid.Byte()).Draw(t, "document"),
		}
		r.Size, r.SHA256 = int64(len(r.Document)), sha256.Sum256(r.Document)
		copy(r.InputHash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		return r
	})
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(row, 1, 60).Draw(rt, "rows")
		slices.SortFunc(rows, (*segment.Row).Compare)
		rows = slices.CompactFunc(rows, func(a, b *segment.Row) bool { return a.Compare(b) == 0 })
		file, s := write(t, rows)
		r := open(t, file)
		for i, got := range all(t, r.Documents(nil)) {
			if d := cmp.Diff(rows[i], got, sameBytes, orNil); d != "" {
				rt.Fatalf("row %d (-want +got):\n%s", i, d)
			}
		}
		want := rows[rapid.IntRange(0, len(rows)-1).Draw(rt, "which")]
		found, err := r.Find(segment.Wanted{Job: want.Job, Recipe: want.Recipe})
		if !slices.ContainsFunc(found, func(f segment.Found) bool { return f.Key == want.Key }) {
			rt.Fatalf("Find(%q) = %d rows, %v; without %q", want.Job, len(found), err, want.Key)
		}
		for _, f := range found {
			if _, err := r.Document(f); err != nil || f.Job != want.Job {
				rt.Fatalf("Document(%q): %v", f.Job, err)
			}
		}
		if len(s.Contents) != len(rows) || s.Segment.User != rows[0].User {
			rt.Fatalf("Close() = %+v", s)
		}
	})
}

// orNil takes no elements for nil.
var orNil = cmp.FilterValues(func(a, b any) bool { return isEmpty(a) && isEmpty(b) }, cmp.Ignore())

func isEmpty(v any) bool {
	switch v := v.(type) {
	case []string:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	}
	return false
}

// A file whose row groups, pages and tail are many is the same as one of few.
func TestManyGroups(t *testing.T) {
	rows := jobs(t, 5000, 8000, 1)
	at := len(rows) / 2
	big := job(t, rows[at].Recipe, rows[at].Job+"-big", rows[at].Time, bytes.Repeat([]byte("0123456789abcdef"), 200_000))
	rows = slices.Insert(rows, at+1, big)
	file, s := write(t, rows)
	r := open(t, file)
	wantRows(t, "Documents", all(t, r.Documents(nil)), rows)
	wantBounded(t, file, rows)
	listed := all(t, r.Rows())
	for i, row := range listed {
		if row.Document != nil || row.Key != rows[i].Key {
			t.Fatalf("Rows(): row %d is %s with %d bytes, want %s with none", i, row.Key, len(row.Document), rows[i].Key)
		}
	}
	if got, err := s.Segment.Key(); err != nil || !strings.HasPrefix(got, "segments/v1/user_id=1234/year=2026/20260914-20260917-") {
		t.Errorf("Key() = %q, %v", got, err)
	}
	if n, err := layout.Parse(key(s.Segment.Key())); err != nil || n.Hash != layout.ContentHash(s.Contents) {
		t.Errorf("Parse of the key = %+v, %v", n, err)
	}
}

func key(k string, _ error) string { return k }

// What is stored as text is text, whatever a title was.
func TestTitleIsText(t *testing.T) {
	r := job(t, "1", "j", noon, []byte("\xff\xfe"))
	r.Title, r.Error, r.ErrorType, r.Adapters = "a\xffb", "\xc3", "é\x80", []string{"\xf0"}
	file, _ := write(t, []*segment.Row{r})
	want := *r
	want.Title, want.Error, want.ErrorType, want.Adapters = "a\uFFFDb", "\uFFFD", "é\uFFFD", []string{"\uFFFD"}
	wantRows(t, "Documents", all(t, open(t, file).Documents(nil)), []*segment.Row{&want})
}

func TestWriteRefuses(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*segment.Row)
		want   error
	}{
		{"no user", func(r *segment.Row) { r.User = "" }, segment.ErrUnfit},
		{"no key", func(r *segment.Row) { r.Key = "" }, segment.ErrUnfit},
		{"a job that isn't text", func(r *segment.Row) { r.Job = "\xff" }, segment.ErrUnfit},
		{"a status that isn't text", func(r *segment.Row) { r.Status = "\xff" }, segment.ErrUnfit},
		{"metadata that isn't text", func(r *segment.Row) { r.Metadata = map[string]string{"a": "\xff"} }, segment.ErrUnfit},
		{"no time", func(r *segment.Row) { r.Time = time.Time{} }, segment.ErrUnfit},
		{"year 10000", func(r *segment.Row) { r.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, segment.ErrUnfit},
		{"a title too long", func(r *segment.Row) { r.Title = strings.Repeat("x", 1_000_001) }, segment.ErrUnfit},
		{"a document too large", func(r *segment.Row) {
			r.Document = make([]byte, segment.MaxDocument+1)
			r.Size, r.SHA256 = int64(len(r.Document)), sha256.Sum256(r.Document)
		}, segment.ErrUnfit},
		{"another size", func(r *segment.Row) { r.Size++ }, segment.ErrDamaged},
		{"another document", func(r *segment.Row) { r.Document = []byte("{ }") }, segment.ErrDamaged},
		{"another user", func(r *segment.Row) { r.User = "5" }, segment.ErrOrder},
		{"the same again", func(r *segment.Row) { *r = *job(t, "1", "j", noon, []byte("{}")) }, segment.ErrOrder},
		{"an earlier one", func(r *segment.Row) { r.Time = noon.Add(-time.Millisecond) }, segment.ErrOrder},
	} {
		var b bytes.Buffer
		w := segment.NewWriter(&b)
		first, next := job(t, "1", "j", noon, []byte("{}")), job(t, "1", "k", noon, []byte("{1}"))
		if err := w.Write(first); err != nil {
			t.Fatal(err)
		}
		c.change(next)
		if err := w.Write(next); !errors.Is(err, c.want) {
			t.Errorf("%s: Write() = %v, want %v", c.what, err, c.want)
		}
		last := job(t, "1", "l", noon, []byte("{2}"))
		if err := w.Write(last); err != nil {
			t.Errorf("%s: the next row: %v", c.what, err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		wantRows(t, c.what, all(t, open(t, b.Bytes()).Documents(nil)), []*segment.Row{first, last})
	}
}

// A segment of nothing is none, and one that couldn't be written stays so.
func TestCloseRefuses(t *testing.T) {
	w := segment.NewWriter(&bytes.Buffer{})
	if _, err := w.Close(); err == nil {
		t.Error("Close() of no rows: no error")
	}
	if err := w.Write(job(t, "1", "j", noon, nil)); err == nil {
		t.Error("Write() after Close(): no error")
	}
	rows := jobs(t, 600, 8000, 3)
	whole, _ := write(t, rows)
	for _, room := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		w := segment.NewWriter(&full{room: room})
		var err error
		for _, r := range rows {
			if err = w.Write(r); err != nil {
				break
			}
		}
		if s, closed := w.Close(); !errors.Is(closed, errFull) || err != nil && !errors.Is(err, errFull) {
			t.Errorf("with room for %d of %d bytes: Write() = %v, Close() = %+v, %v; want %v", room, len(whole), err, s.Segment, closed, errFull)
		}
	}
	if w := segment.NewWriter(&full{room: len(whole)}); w.Write(rows[0]) != nil {
		t.Error("Write() with room enough: an error")
	}
}

var errFull = errors.New("no room")

// full is a disk with some room.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// The columns' names, types and ids never change.
func TestSchemaIsFrozen(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "schema-v1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file, _ := write(t, samples(t))
	if d := cmp.Diff(string(want), describe(t, file)); d != "" {
		t.Errorf("schema (-want +got):\n%s", d)
	}
}
