package jobfile_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/layout/jobfile"
)

// wantLong wants the lines of a record to be want, whose long members a diff
// would not show.
func wantLong(t *testing.T, c jobfile.Config, record string, want []told) {
	t.Helper()
	got := linesOf(t, c, record)
	if len(got) != len(want) {
		t.Fatalf("%.200s: %d lines, want %d", record, len(got), len(want))
	}
	for i := range got {
		if got[i] == want[i] {
			continue
		}
		t.Errorf("%.100s: line %d: message of %d bytes, raw of %d, want %d and %d", record, i,
			len(got[i].Message), len(got[i].Raw), len(want[i].Message), len(want[i].Raw))
		got[i].Message, got[i].Raw = want[i].Message, want[i].Raw
		if d := cmp.Diff(want[i], got[i]); d != "" {
			t.Errorf("(-want +got):\n%.500s", d)
		}
	}
}

// The pieces of an entry that is too long to be held are the whole entry, and
// its time and level are known at the first, wherever they stand in it.
func TestLongEntries(t *testing.T) {
	filler := strings.Repeat("0123456789abcdeé", 100_000)
	escaped := strings.ReplaceAll(strings.ReplaceAll(filler, "5", `\"`), "é", `\u00e9`)
	plain := strings.ReplaceAll(filler, "5", `"`)

	message := `{"logMessage":"` + escaped + `","x":[{}],"severity":"ERROR","logTimestamp":1623654105204}`
	wantLong(t, jobfile.Config{}, talendHead+`[{"logMessage":"a"},`+message+`,{"logMessage":"b"}]}`, []told{
		{Message: "a", Raw: `{"logMessage":"a"}`},
		{Index: 1, Time: "2021-06-14T07:01:45.204Z", Level: "ERROR", Message: plain, Raw: message},
		{Index: 2, Message: "b", Raw: `{"logMessage":"b"}`},
	})

	for shift := range 4 {
		wantWholeCharacters(t, talendHead+`[{"logMessage":"`+strings.Repeat("x", shift)+strings.Repeat("😀", 400_000)+`"}]}`)
	}

	payload := `{"recipe_line_number":3,"adapter_name":"a","input":"` + escaped + `","error":"no","adapter_operation":"b"}`
	failure := `{"error":"` + escaped + `\n","adapter_name":"a"}`
	empty := `{"input":"` + escaped + `"}`
	object := `{"error":{"a":"` + escaped + `"},"adapter_name":"a"}`
	text := `"2024-01-02T03:04:05Z WARN ` + escaped + `\n"`
	wantLong(t, jobfile.Config{}, workatoHead+`[`+payload+`,`+failure+`,`+empty+`,`+object+`,`+text+`]}`, []told{
		{Level: "ERROR", Event: "a.b", Message: "step 3 a.b: no", Raw: payload},
		{Index: 1, Level: "ERROR", Event: "a", Message: "a: " + plain, Raw: failure},
		{Index: 2, Message: empty, Raw: empty},
		{Index: 3, Level: "ERROR", Event: "a", Message: `a: {"a":"` + escaped + `"}`, Raw: object},
		{Index: 4, Time: "2024-01-02T03:04:05Z", Level: "WARN", Message: "WARN " + plain, Raw: text},
	})
}

// An event that is too long to be held is one line all the same.
func TestLongRecords(t *testing.T) {
	filler := strings.Repeat("0123456789abcdef", 100_000)
	record := `{"source":"job","log_level":"WARN","date_time":"2026-03-02T10:38:45Z","data":"` + filler + `","user_id":1}`
	want := []told{{Time: "2026-03-02T10:38:45Z", Level: "WARN", Event: "job", Message: filler, Raw: record}}
	wantLong(t, jobfile.Config{}, record, want)
	wantLong(t, jobfile.Config{}, `{"log_message":`+quoted(t, record)+`}`, want)

	run := ionHead + `"code":"` + filler + `","validationMessage":"ValueError: x"}`
	wantLong(t, jobfile.Config{}, run, []told{
		{Time: "2026-04-08T15:22:41Z", Level: "ERROR", Event: "CREATE", Message: "ValueError: x", Raw: run},
	})
}

// The pieces of a line of text are the whole line, and no piece ends inside a
// character or a line's end.
func TestLongTextLines(t *testing.T) {
	for shift := range 6 {
		filler := strings.Repeat("x", shift) + strings.Repeat("é0123😀\\\"", jobfile.MaxLine/10)
		first := "2024-01-02T03:04:05Z ERROR " + filler
		exact := strings.Repeat("y", jobfile.MaxLine)
		edge := strings.Repeat("z", jobfile.MaxLine-3+shift) + "\r"
		record := apifyHead + quoted(t, first+"\r\nb\n"+exact+"\n"+edge+"\n\nc") + `}`
		want := []told{
			{Time: "2024-01-02T03:04:05Z", Level: "ERROR", Message: first[21:], Raw: first, Text: true},
			{Index: 1, Message: "b", Raw: "b", Text: true},
			{Index: 2, Message: exact, Raw: exact, Text: true},
			{Index: 3, Message: edge[:len(edge)-1], Raw: edge[:len(edge)-1], Text: true},
			{Index: 4, Text: true},
			{Index: 5, Message: "c", Raw: "c", Text: true},
		}
		wantLong(t, jobfile.Config{}, record, want)
		wantWholeCharacters(t, record)
	}
}

// A text may end where a piece of it does.
func TestTextOfOnePiece(t *testing.T) {
	for less := range 6 {
		text := strings.Repeat("y", jobfile.MaxLine-less)
		wantLong(t, jobfile.Config{}, apifyHead+quoted(t, text)+`}`, []told{{Message: text, Raw: text, Text: true}})
	}
}

// No piece is longer than it may be where escapes stand for many bytes.
func TestLongTextOfEscapes(t *testing.T) {
	for shift := range 4 {
		before := strings.Repeat("x", shift)
		text := before + strings.Repeat("😀", jobfile.MaxLine/4+1)
		escaped := before + strings.Repeat(`\ud83d\ude00`, jobfile.MaxLine/4+1)
		wantLong(t, jobfile.Config{}, apifyHead+`"`+escaped+`"}`, []told{{Message: text, Raw: text, Text: true}})
	}
}

// wantWholeCharacters wants no piece of a valid text to be invalid.
func wantWholeCharacters(t *testing.T, record string) {
	t.Helper()
	r := newReader(t, jobfile.Config{})
	m := jobfile.Memory(record)
	info, err := r.Read(m, int64(len(m)))
	if err != nil {
		t.Fatal(err)
	}
	for l, err := range r.Lines(slow{m}, int64(len(m)), info) {
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{l.Message, l.Raw} {
			if !bytes.Equal(b, bytes.ToValidUTF8(b, []byte("?"))) || bytes.HasSuffix(b, []byte("\r")) {
				t.Errorf("a piece of line %d ends in %q", l.Index, b[len(b)-min(len(b), 8):])
			}
		}
	}
}

// Lines lie across the borders of windows in every way.
func TestLinesAcrossWindows(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	words := []string{"x", "é", "\\", `"`, "\t", "😀", "2024-01-02T03:04:05Z ", "ERROR", "\r", "\x1b[31m", " "}
	for range 4 {
		var text, entries []string
		for size := 0; size < 300<<10; {
			var line strings.Builder
			for range random.IntN(200) {
				line.WriteString(words[random.IntN(len(words))])
			}
			size += line.Len()
			text = append(text, line.String())
			entries = append(entries, fmt.Sprintf(`{"logMessage":%s}`, quoted(t, line.String()+".")))
		}
		got := linesOf(t, jobfile.Config{}, apifyHead+quoted(t, strings.Join(text, "\n")+"\n")+"}")
		for i, l := range got {
			if want := strings.TrimSuffix(text[i], "\r"); l.Raw != want {
				t.Fatalf("line %d: %q, want %q", i, l.Raw, want)
			}
		}
		all := linesOf(t, jobfile.Config{}, talendHead+"["+strings.Join(entries, " ,\n")+"]}")
		for i, l := range all {
			if want := text[i] + "."; l.Message != want || l.Raw != entries[i] {
				t.Fatalf("entry %d: %q of %s, want %q", i, l.Message, l.Raw, want)
			}
		}
		if len(got) != len(text) || len(all) != len(entries) {
			t.Fatalf("%d and %d lines, want %d", len(got), len(all), len(text))
		}
	}
}

// Lines of any size and number pass through little memory, and none is lost.
func TestLinesOfHugeRecord(t *testing.T) {
	const size = 32 << 20
	job := `"id":"j","recipe_id":2,"completed_at":"2022-10-19T22:30:46Z","account_id":9`
	in := `{"log_message":"{` + strings.ReplaceAll(job, `"`, `\"`) + `,\"lines\":`
	for name, data := range map[string]endless{
		"one string":               {head: `{` + job + `,"lines":["`, tail: `"]}`, size: size},
		"one message":              {head: `{` + job + `,"lines":[{"error":"`, tail: `","adapter_name":"a"}]}`, size: size},
		"one payload":              {head: `{` + job + `,"lines":[{"input":"`, tail: `"}]}`, size: size},
		"a name":                   {head: `{` + job + `,"lines":[{"`, tail: `":1}]}`, size: size},
		"a text":                   {head: `{` + job + `,"lines":"`, tail: `"}`, size: size},
		"one string in a text":     {head: in + `[\"`, tail: `\"]}"}`, size: size},
		"one message in a text":    {head: in + `[{\"error\":\"`, tail: `\",\"adapter_name\":\"a\"}]}"}`, size: size},
		"the lines are a text, in": {head: in + `\"`, tail: `\"}"}`, size: size},
		"an event":                 {head: `{"source":"job","log_level":"WARN","user_id":1,"date_time":1700000000,"data":"`, tail: `"}`, size: size},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, jobfile.Config{})
			info, err := r.Read(data, size)
			if err != nil {
				t.Fatal(err)
			}
			var message, raw, count int64
			grown := allocated(func() {
				for l, err := range r.Lines(data, size, info) {
					if err != nil {
						t.Fatal(err)
					}
					message += int64(len(l.Message))
					raw += int64(len(l.Raw))
					if !l.More {
						count++
					}
				}
			})
			if min(message, raw) < size-300 && name != "a name" || raw < size-300 || count != 1 {
				t.Errorf("%d lines with messages of %d bytes and %d of raw; want one of %d", count, message, raw, size)
			}
			if grown > 8<<20 {
				t.Errorf("lines of %d bytes allocated %d", size, grown)
			}
		})
	}
}

// How much is allocated doesn't depend on how many lines there are.
func TestLinesAllocateOnce(t *testing.T) {
	few, more := many(10), many(2000)
	count := func(r manyLines, memory bool) float64 {
		reader := newReader(t, r.config)
		m := jobfile.Memory(r.record)
		info, err := reader.Read(m, int64(len(m)))
		if err != nil {
			t.Fatal(err)
		}
		var data io.ReaderAt = m
		if !memory {
			data = slow{m}
		}
		return testing.AllocsPerRun(5, func() {
			for _, err := range reader.Lines(data, int64(len(m)), info) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for name := range few {
		for _, memory := range []bool{true, false} {
			a, b := count(few[name], memory), count(more[name], memory)
			if b > a+10 {
				t.Errorf("%s: %v allocations for 10 lines, %v for 2000", name, a, b)
			}
		}
	}
}
