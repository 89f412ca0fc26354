package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/export"
	"logstow/layout/jobfile"
)

// run is a VirtuousAI record, which takes any level, time and message.
func run(id string, lines ...string) string {
	return fmt.Sprintf(`{"id":%q,"organization_id":"o","action_id":"a","status":"completed",`+
		`"started_at":"2026-01-23T10:00:00Z","completed_at":"2026-01-23T11:00:00Z","logs":[%s]}`, id, strings.Join(lines, ","))
}

// entry is one line of it; at may be empty.
func entry(level, at, message string) string {
	b, err := json.Marshal(map[string]string{"level": level, "occurred_at": at, "message": message, "event": "e"})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// messages is the last word of each line of a text file.
func messages(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		all = append(all, words[len(words)-1])
	}
	return all
}

func TestLinesAreChosen(t *testing.T) {
	at := func(clock string) time.Time {
		v, err := time.Parse(time.RFC3339, "2026-01-23T"+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	w := newWorld(t)
	w.add(run(
		"r",
		entry("info", "", "untimed"), // has the time of the job's start
		entry("debug", "2026-01-23T10:10:00Z", "debug"),
		entry("", "", "unlevelled"), // has 10:10 and counts as INFO
		entry("error", "2026-01-23T10:30:00Z", "error"),
		entry("warning", "2026-01-23T10:20:00Z", "early"),
		entry("info", "2026-01-23T10:30:00.001Z", "late"),
	))
	tests := []struct {
		name   string
		change func(*export.Request)
		want   []string
	}{
		{"all", func(*export.Request) {}, []string{"untimed", "debug", "unlevelled", "error", "early", "late"}},
		{"info", func(r *export.Request) { r.Level = jobfile.InfoLevel }, []string{"untimed", "unlevelled", "error", "early", "late"}},
		{"warn", func(r *export.Request) { r.Level = jobfile.Warn }, []string{"error", "early"}},
		{"fatal", func(r *export.Request) { r.Level = jobfile.Fatal }, nil},
		{"since", func(r *export.Request) { r.Since = at("10:10:00") }, []string{"debug", "unlevelled", "error", "early", "late"}},
		{"until", func(r *export.Request) { r.Until = at("10:30:00") }, []string{"untimed", "debug", "unlevelled", "error", "early"}},
		{"at the start", func(r *export.Request) { r.Until = at("10:00:00") }, []string{"untimed"}},
		{"newest", func(r *export.Request) { r.MaxLines = 1 }, []string{"late"}},
		{"newest three", func(r *export.Request) { r.MaxLines = 3 }, []string{"error", "early", "late"}},
		{"newest four", func(r *export.Request) { r.MaxLines = 4 }, []string{"unlevelled", "error", "early", "late"}},
		{"newest of more than there are", func(r *export.Request) { r.MaxLines = 7 }, []string{"untimed", "debug", "unlevelled", "error", "early", "late"}},
		{"newest of a level", func(r *export.Request) { r.MaxLines, r.Level = 2, jobfile.Warn }, []string{"error", "early"}},
		{"newest until", func(r *export.Request) { r.MaxLines, r.Until = 2, at("10:20:00") }, []string{"unlevelled", "early"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := export.Request{Format: export.Text, Jobs: []string{"r"}}
			tt.change(&r)
			if diff := cmp.Diff(tt.want, messages(w.write(r))); diff != "" {
				t.Errorf("lines of %+v (-want +got):\n%s", r, diff)
			}
		})
	}
}

// The newest lines of a long record are those that sorting it gives, in
// whatever order they come and however many there are of one time.
func TestNewestAgreesWithSorting(t *testing.T) {
	w := newWorld(t)
	var lines []string
	at := make([]time.Time, 1000)
	for i := range at {
		at[i] = time.Date(2026, 1, 23, 10, 0, i*7919%60, 0, time.UTC)
		lines = append(lines, entry("info", at[i].Format(time.RFC3339), fmt.Sprint(i)))
	}
	w.add(run("r", lines...))
	for _, n := range []int{1, 7, 499, 500, 501, 999, 1000} {
		order := make([]int, len(at))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return at[a].Compare(at[b]) })
		newest := order[len(order)-n:]
		slices.Sort(newest)
		var want []string
		for _, i := range newest {
			want = append(want, fmt.Sprint(i))
		}
		r := export.Request{Format: export.Text, Jobs: []string{"r"}, MaxLines: int64(n)}
		if diff := cmp.Diff(want, messages(w.write(r))); diff != "" {
			t.Errorf("the newest %d lines (-want +got):\n%s", n, diff)
		}
	}
}

// Whatever a message says, its entry says the same, and it is one line of text.
func TestMessagesAreWhole(t *testing.T) {
	hostile := []string{
		"", " ", "two\nlines", "\r\n", "tab\tbell\x07 nul\x00", `quo"te back\slash`, "\x1b[31mred\x1b[0m",
		"日本語 😀", "\u2028\u2029\u0085", "]},{", "'; DROP TABLE", "x" + strings.Repeat("ä", 1_200_000), "xy" + strings.Repeat("😀\n", 500_000),
	}
	w := newWorld(t)
	var lines []string
	for _, m := range hostile {
		lines = append(lines, entry("warning", "2026-01-23T10:10:00Z", m))
	}
	w.add(run("r", lines...))
	var entries []map[string]any
	if err := json.Unmarshal([]byte(w.write(export.Request{Format: export.JSON, Jobs: []string{"r"}})), &entries); err != nil {
		t.Fatal(err)
	}
	text := strings.Split(w.write(export.Request{Format: export.Text, Jobs: []string{"r"}}), "\n")
	if len(entries) != len(hostile) || len(text) != len(hostile)+1 {
		t.Fatalf("%d entries and %d lines, want %d", len(entries), len(text)-1, len(hostile))
	}
	for i, m := range hostile {
		if m == "" {
			continue // shown as the whole entry instead
		}
		m = strings.TrimSuffix(strings.TrimSuffix(m, "\n"), "\r") // a message ends without
		if got := entries[i]["logMessage"]; got != m {
			t.Errorf("the entry of %.40q says %.40q (%d bytes)", m, got, len(fmt.Sprint(got)))
		}
		want := "2026-01-23T10:10:00.000Z WARN " + strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(m)
		if text[i] != want {
			t.Errorf("the line of %.40q is %.80q (%d bytes), want %d bytes", m, text[i], len(text[i]), len(want))
		}
	}
}

func TestEntriesHaveTheMembersClientsKnow(t *testing.T) {
	w := newWorld(t)
	w.add(
		run("r", `{"level":"critical","message":"m","worker_id":7}`, `{"level":"odd","message":"m"}`, `"text"`, `17`, `null`, `{}`),
		`{"executionId":"t","taskId":"k","workspaceId":"w","finishTimestamp":1,"logs":[`+
			`{"severity":"SEVERE","logType":5,"logTimestamp":"x","logMessage":null,"bundleName":{"a":1},"podName":"\u00e4"},{}]}`,
	)
	var names [][]string
	for _, id := range []string{"r", "t"} {
		var entries []map[string]any
		if err := json.Unmarshal([]byte(w.write(export.Request{Format: export.JSON, Jobs: []string{id}})), &entries); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			checkEntry(t, e)
			names = append(names, slices.Sorted(mapKeys(e)))
		}
	}
	if len(names) != 8 {
		t.Errorf("%d entries, want 8", len(names))
	}
	want := []string{"bundleName", "bundleVersion", "logMessage", "logTimestamp", "logType", "podName", "severity"}
	for _, got := range names {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
	}
}

// checkEntry holds an entry against what clients can read.
func checkEntry(t *testing.T, e map[string]any) {
	t.Helper()
	if s, _ := e["severity"].(string); !slices.Contains([]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}, s) {
		t.Errorf("severity is %v", e["severity"])
	}
	for name, v := range e {
		switch v := v.(type) {
		case string:
		case float64:
			if name != "logTimestamp" || v != float64(int64(v)) {
				t.Errorf("%s is %v", name, v)
			}
		default:
			t.Errorf("%s is %v, a %T", name, v, v)
		}
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestEntriesOfSeveralJobsTellTheirJob(t *testing.T) {
	w := newWorld(t)
	w.add(run("r", entry("info", "", "m")), run(`"hostile]\ id"`, entry("info", "", "m")))
	var entries []map[string]any
	if err := json.Unmarshal([]byte(w.write(export.Request{Format: export.JSON, User: "o"})), &entries); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, e := range entries {
		checkEntry(t, e)
		got[fmt.Sprint(e["userId"], e["recipeId"], e["jobId"])] = true
	}
	if diff := cmp.Diff(map[string]bool{"oar": true, `oa"hostile]\ id"`: true}, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	text := w.write(export.Request{Format: export.Text, Jobs: []string{"r", `"hostile]\ id"`}})
	for _, prefix := range []string{"Z INFO [o/a/r] m\n", "Z INFO [o/a/%22hostile%5D%5C%20id%22] m\n"} {
		if !strings.Contains(text, prefix) {
			t.Errorf("the text has no line with %q:\n%s", prefix, text)
		}
	}
}

func TestCancelledExportStops(t *testing.T) {
	w := newWorld(t)
	w.add(generated("talend", 100_000))
	for _, f := range export.Formats() {
		ctx, cancel := context.WithCancel(t.Context())
		out := &stopper{cancel: cancel}
		p, err := w.exporter().Write(ctx, out, export.Request{Format: f}, nil)
		if f == export.CSV {
			continue // one write at its end
		}
		if !errors.Is(err, ctx.Err()) || ctx.Err() == nil {
			t.Errorf("Write(%s) of a cancelled export = %+v, %v", f, p, err)
		}
		if out.n > 2<<20 {
			t.Errorf("Write(%s) wrote %d bytes after it was cancelled", f, out.n)
		}
	}
}

// stopper cancels an export at its first write.
type stopper struct {
	cancel func()
	n      int
}

func (s *stopper) Write(p []byte) (int, error) {
	s.cancel()
	s.n += len(p)
	return len(p), nil
}

// An entry's message is the same however it is cut into pieces, also within a
// rune, and also where its bytes are no runes.
func TestEntriesOfPieces(t *testing.T) {
	w := newWorld(t)
	w.add(run("r", entry("info", "", "m")))
	r, err := w.open("r")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e := export.NewEntries(r)
	message := []byte("aä日😀\"\xf0\x9f\xffz\xe6\x97")
	want := string(e.Append(nil, jobfile.Line{Message: message}))
	for i := range message {
		for j := i; j <= len(message); j++ {
			var got []byte
			for n, piece := range [][]byte{message[:i], message[i:j], message[j:]} {
				got = e.Append(got, jobfile.Line{Message: piece, More: n < 2})
			}
			if string(got) != want || !json.Valid(got) {
				t.Errorf("cut at %d and %d the entry is\n%s\nwant\n%s", i, j, got, want)
			}
		}
	}
}
