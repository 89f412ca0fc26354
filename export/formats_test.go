package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"logstow/export"
	"logstow/layout/jobfile"
)

func TestNDJSONKeepsTheBytes(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	line := `{ "id": "line", "account_id": 1.0e0, "account_id":"u", "recipe_id":"r", "completed_at":"2026-01-05T00:00:00Z", "n": 1.500e+3, "s": "\u00e9\/` + "\xff" + `" }`
	line = strings.Replace(line, `"account_id": 1.0e0, `, "", 1)
	pretty := "\r\n{\r\n\t\"id\": \"pretty\",\n \"account_id\":\"u\", \"recipe_id\" : \"r\",\n\"completed_at\":\"2026-01-04T00:00:00Z\", \"n\": [1.500e+3 , -0],\n\"s\": \" \\\" \\\\\", \"t\":\" \\n }\"}"
	full := numbered("u", "r", "full", "ok", day.AddDate(0, 0, 1), strings.Repeat("x", 2<<20))
	w := newWorld(t)
	w.add(line+"\n", pretty, numbered("u", "r", "v", "ok", day, "1"))
	w.addCapped(full, w.cappedForm(full), true)
	w.revise(numbered("u", "r", "v", "ok", day, "2"))
	want := []string{
		line,
		`{"id":"pretty","account_id":"u","recipe_id":"r","completed_at":"2026-01-04T00:00:00Z","n":[1.500e+3,-0],"s":" \" \\","t":" \n }"}`,
		full,
		numbered("u", "r", "v", "ok", day, "2"),
		numbered("u", "r", "v", "ok", day, "1"),
		"",
	}
	got := strings.Split(w.write(export.Request{Format: export.NDJSON}), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NDJSON (-want +got):\n%.3000s", diff)
	}
}

// A file of one user's jobs, which may be all that its reader may see, doesn't
// say where they were read from.
func TestCSVOfAUserHasNoSources(t *testing.T) {
	w := newWorld(t)
	d := w.row([]byte(numbered("u", "r", "j", "ok", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "t")), jobfile.Config{})
	d.Source = "/srv/of-u-and-v.json"
	w.commit(d)
	for user, want := range map[string]string{"": d.Source, "u": ""} {
		if got := rows(t, w.write(export.Request{Format: export.CSV, User: user}), "source"); !slices.Equal(got, []string{want}) {
			t.Errorf("sources in the file of user %q: %q, want %q", user, got, want)
		}
	}
}

func TestCSVIsRead(t *testing.T) {
	w := newWorld(t)
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	titles := []string{
		"", "plain", "a,b;c", `say "hi"`, "two\r\nlines\n", " space ", "é😀",
		"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
	}
	for i, title := range titles {
		d := w.row([]byte(numbered("u", "-r", title+"!", "ok", day.Add(-time.Duration(i)*time.Hour), title)), jobfile.Config{})
		d.StartedAt = d.CompletedAt.Add(-90_061 * time.Millisecond)
		w.commit(d)
	}
	got := w.write(export.Request{Format: export.CSV})
	if strings.Count(got, "\r\n") < len(titles)+1 || !strings.HasSuffix(got, "\r\n") {
		t.Errorf("rows do not end in CRLF:\n%q", got)
	}
	all, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, title := range titles {
		row := all[i+1]
		want := strings.ReplaceAll(title, "\r\n", "\n") // which is what the reader makes of it
		if i >= 7 {
			want = "'" + want
		}
		if row[9] != want || row[1] != "'-r" || row[8] != "90.061" || len(row) != len(all[0]) {
			t.Errorf("the row of %q is %q", title, row)
		}
		for _, cell := range row {
			if strings.IndexAny(cell, "=+-@\t\r\n") == 0 {
				t.Errorf("the cell %q of %q is a formula", cell, title)
			}
		}
	}
}

func TestStamps(t *testing.T) {
	var times []time.Time
	var want []string
	for _, at := range []time.Time{
		time.Unix(0, 0),
		{},
		time.Unix(0, 999_999), time.Unix(0, 1e6), time.Unix(-1, 999e6), time.Unix(1e9, 123_456_789),
		noon, noon.Add(999 * time.Millisecond), noon.Add(time.Second), noon.In(time.FixedZone("", 5400)),
		time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), noon,
	} {
		times = append(times, at)
		want = append(want, at.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if diff := cmp.Diff(want, export.Stamp(times...)); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

// What is inside a JSON string says the text, with U+FFFD for invalid bytes.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain text of more than eight", "a quote in the midst: \" and on", `a backslash in the midst: \ and on`, "a tab, far from \t all others", "\"\\\x00\x1f\x7f\u2028", "12345678\xff1234567\xc3", "é日😀\xed\xa0\x80", "\xf0\x9f\x98"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := append(export.AppendInside([]byte{'"'}, text), '"')
		var back string
		if err := json.Unmarshal(got, &back); err != nil || !utf8.Valid(got) {
			t.Fatalf("%q is written as %q: %v", text, got, err)
		}
		if want := string([]rune(string(text))); back != want {
			t.Errorf("%q is written as %q, which says %q", text, got, back)
		}
	})
}

// A message is one line of text, and nothing but its line ends is changed.
func FuzzTextLine(f *testing.F) {
	for _, s := range []string{"", "a\nb\rc\r\n\n", "\\n", "\x1b[0m\x00\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		got := export.AppendLine(nil, message)
		want := bytes.ReplaceAll(bytes.ReplaceAll(message, []byte{'\n'}, []byte(`\n`)), []byte{'\r'}, []byte(`\r`))
		if !bytes.Equal(got, want) {
			t.Errorf("%q is written as %q, want %q", message, got, want)
		}
	})
}

// JSON without its white space says the same, in any pieces.
func FuzzCompact(f *testing.F) {
	for _, s := range []string{"{ \"a\" : [ 1.50 , \" \\\" \\\\\" ] }", "\r\n\t1", `"\\" `} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		if !json.Valid(data) {
			return
		}
		var got, want bytes.Buffer
		if err := export.Compact(&got, data, max(1, piece)); err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&want, data); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%q becomes %q, want %q", data, got.Bytes(), want.Bytes())
		}
	})
}
