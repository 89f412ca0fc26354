package jobfile_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/layout/jobfile"
)

// dribble is data that comes at most n bytes at a time.
type dribble struct {
	m jobfile.Memory
	n int
}

func (d dribble) ReadAt(p []byte, off int64) (int, error) {
	return d.m.ReadAt(p[:min(d.n, len(p))], off)
}

// told is a line with its pieces put together.
type told struct {
	Index               int64
	Time                string
	Level               string
	Event, Message, Raw string
	Text                bool
}

// lines returns the lines that r tells of a record, and the error at their end.
func lines(t testing.TB, r *jobfile.Reader, data io.ReaderAt, size int64, info jobfile.Info) ([]told, error) {
	t.Helper()
	var all []told
	more := false
	for l, err := range r.Lines(data, size, info) {
		if err != nil {
			return all, err
		}
		if len(l.Message) > jobfile.MaxLine || len(l.Raw) > jobfile.MaxLine {
			t.Fatalf("line %d: a piece of %d and %d bytes", l.Index, len(l.Message), len(l.Raw))
		}
		one := told{
			Index: l.Index, Level: l.Level.String(), Text: l.Text,
			Event: string(l.Event), Message: string(l.Message), Raw: string(l.Raw),
		}
		if l.Level == jobfile.NoLevel {
			one.Level = ""
		}
		if !l.Time.IsZero() {
			one.Time = l.Time.Format(time.RFC3339Nano)
		}
		if more {
			last := &all[len(all)-1]
			one.Message, one.Raw = last.Message+one.Message, last.Raw+one.Raw
			all = all[:len(all)-1]
			if d := cmp.Diff([]any{last.Index, last.Time, last.Level, last.Event}, []any{one.Index, one.Time, one.Level, one.Event}); d != "" {
				t.Fatalf("the next piece of an entry (-before +now):\n%s", d)
			}
		}
		all = append(all, one)
		more = l.More
	}
	if more {
		t.Fatal("the last line has more, and none follows")
	}
	return all, nil
}

// linesOf reads a record and tells its lines, and wants the same from memory,
// through a window, and from data that comes a byte or a few at a time.
func linesOf(t testing.TB, c jobfile.Config, record string) []told {
	t.Helper()
	r := newReader(t, c)
	m := jobfile.Memory(record)
	info, err := r.Read(m, int64(len(m)))
	if err != nil {
		t.Fatalf("%v: %.500s", err, record)
	}
	all, err := lines(t, r, m, int64(len(m)), info)
	if err != nil {
		t.Fatalf("%v: %.500s", err, record)
	}
	for name, data := range map[string]io.ReaderAt{
		"a window": slow{m}, "single bytes": dribble{m, 1}, "a few bytes": dribble{m, 1021},
	} {
		if d, ok := data.(dribble); ok && d.n == 1 && len(m) > 128<<10 {
			continue
		}
		again, err := lines(t, r, data, int64(len(m)), info)
		if err != nil {
			t.Fatalf("from %s: %v", name, err)
		}
		if d := cmp.Diff(all, again); d != "" {
			t.Fatalf("from memory (-) and from %s (+):\n%.2000s", name, d)
		}
	}
	return all
}

// quoted is s as a JSON string.
func quoted(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sample returns a vendor's sample record.
func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(records, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// short cuts what a table of lines can't show.
func short(all []told) []string {
	var s []string
	for _, l := range all {
		s = append(s, fmt.Sprintf("%d %s %s %s: %s", l.Index, l.Time, l.Level, l.Event, l.Message))
	}
	return s
}

func TestLinesOfSamples(t *testing.T) {
	for name, want := range map[string][]string{
		"workato/01-job-history-success.json": {
			"0   workato_recipe_function.execute: step 0 workato_recipe_function.execute",
			"1   logger.log_message: step 1 logger.log_message",
			"2   workato_recipe_function.return_result: step 2 workato_recipe_function.return_result",
		},
		"workato/30-stream-job-status-only.json": nil,
		"workato/31-stream-full-job-details.json": {
			"0   clock.scheduled_event: step 0 clock.scheduled_event",
			"1   logger.log_message: step 1 logger.log_message",
		},
		"workato/04-user-login.json":           {"0 2020-05-02T02:39:22Z  user_login: user_login User John Smith by John Smith"},
		"workato/29-project-deployments.json":  {"0 2023-01-21T23:31:38Z  Deployment: Deployment HR projects to Production by Workato Root"},
		"workato/32-stream-user-activity.json": {"0 2024-03-12T00:06:33Z  recipe_stopped: recipe_stopped Flow Sample Logger by Taylor Cruz"},
		"workato/33-log-user-defined-message.json": {
			"0 2026-03-02T10:38:45.968Z INFO job: This is an example log using Logger by Workato",
		},
		"workato/34-log-trigger-error.json": {"0 2026-03-02T08:45:15.379Z ERROR webhook: Error accepting webhook event"},
		"workato/38-log-data-pipeline-event.json": {
			"0 2026-02-26T14:02:16Z INFO data-pipeline-conductor: Running pipeline was stopped by user",
		},
		"workato/40-genie-llm-call-completed.json": {
			"0 2026-05-20T16:51:05.935356Z  llm_call_completed: llm_call_completed bedrock/claude-sonnet-4-6 SUCCESS",
		},
		"workato/45-genie-user-message.json":   {"0 2026-05-20T16:51:03.117732Z  user_message: How do I back up my data?"},
		"workato/47-genie-system-message.json": {"0 2026-05-28T18:29:32.203154Z  system_message: I'll log that support ticket for you right away!"},
		"talend/talend-execution.json": {
			"0 2021-06-14T07:01:45.204Z INFO : Task started on Cloud Engine",
			"1 2021-06-14T07:01:51.87Z WARN : tDBInput_1 - 3 of 5 connections in the pool are in use",
			"2 2021-06-14T07:02:02.996Z ERROR : tDBInput_1 - Connection refused\n\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:303)",
		},
		"apify/apify-run.json": {
			"0 2017-07-14T06:00:49.733Z  : Application started.",
			"1 2017-07-14T06:00:49.741Z  : Input: { test: 123 }",
			"2 2017-07-14T06:00:49.752Z  : Some useful debug information follows.",
		},
		"virtuousai/virtuousai-run.json": {
			"0 2026-01-23T10:30:00Z INFO extraction_started: Starting extraction from klaviyo",
			"1 2026-01-23T10:30:45Z INFO resource_completed: Completed profiles: 12,500 rows, 3 files",
			"2 2026-01-23T10:32:20Z WARN run_interrupted: SIGTERM received, saving checkpoint",
			"3 2026-01-23T14:45:31Z INFO run_completed: Run completed successfully in 4h 15m",
		},
		"ion/ion-execution-log.json": {
			"0 2026-04-08T15:22:41.318Z ERROR UPDATE: ValidationError: PN-1042: quantity -2 is below zero",
		},
	} {
		if d := cmp.Diff(want, short(linesOf(t, jobfile.Config{}, sample(t, name)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Every sample of every platform has a line that says something, or as many as
// its record counts.
func TestLinesOfEverySample(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(records, "*", "*.json"))
	if err != nil || len(files) < 57 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, f := range files {
		record := sample(t, strings.TrimPrefix(f, records))
		info, err := read(t, newReader(t, jobfile.Config{}), record)
		if err != nil {
			continue
		}
		want := max(info.LineCount, 0)
		if info.Kind != jobfile.Job || info.Platform == "ion" {
			want = 1
		}
		all := linesOf(t, jobfile.Config{}, record)
		if int64(len(all)) != want {
			t.Errorf("%s: %d lines, want %d", f, len(all), want)
		}
		for _, l := range all {
			if l.Message == "" || strings.HasPrefix(l.Message, "{\n") || !strings.Contains(record, l.Raw) && !l.Text {
				t.Errorf("%s: %+v", f, l)
			}
		}
	}
}

// The head of a job's record in each platform's way, up to its lines.
const (
	workatoHead    = `{"id":"j","recipe_id":1,"account_id":2,"completed_at":"2024-01-02T03:04:06Z","lines":`
	talendHead     = `{"executionId":"e","taskId":"t","workspaceId":"w","finishTimestamp":"2021-06-14T07:02:03Z","logs":`
	apifyHead      = `{"id":"r","actId":"a","userId":"u","finishedAt":"2017-07-14T06:00:49.760Z","log":`
	virtuousaiHead = `{"id":"r","action_id":"a","organization_id":"o","completed_at":"2026-01-23T14:45:31Z","logs":`
	ionHead        = `{"ionRequestId":"q","organizationId":"o","actionId":"a","createdAt":"2026-04-08T15:22:41Z","context":{},"event":"CREATE",`
	customHead     = `{"u":1,"r":2,"j":3,"c":"2024-01-02T03:04:06Z","steps":`
)

func customFields() jobfile.Config {
	return jobfile.Config{Fields: &jobfile.Fields{UserID: "u", RecipeID: "r", JobID: "j", CompletedAt: "c", Lines: "steps"}}
}

func TestLinesByPlatform(t *testing.T) {
	logHead := `{"source":"job","log_level":"warn","user_id":1,"date_time":"2026-03-02T10:38:45Z"`
	for _, c := range []struct {
		head, lines string // lines without brackets
		want        []string
	}{
		{workatoHead, `[{"recipe_line_number":3,"adapter_name":"salesforce","adapter_operation":"search","error":"no \"x\"\n","started_at":"2024-01-02T03:04:05.5+01:00"}]}`, []string{"0 2024-01-02T02:04:05.5Z ERROR salesforce.search: step 3 salesforce.search: no \"x\""}},
		{workatoHead, `[{"adapter_name":"a"},{"adapter_operation":"b","error":false},{"error":{"code":7}},{"recipe_line_number":4},{"input":{"error":"x"}},null,[1]]}`, []string{
			"0   a: a", "1   b: b", `2  ERROR : {"code":7}`, "3   : step 4", `4   : {"input":{"error":"x"}}`, "5   : null", "6   : [1]",
		}},
		{workatoHead, `[{"adapter_name":"a","err\u006fr":"x","\u0061dapter_operation":"b","recipe_line_number":"0"}]}`, []string{"0  ERROR a.b: step 0 a.b: x"}},
		{talendHead, `[{"severity":"Warning","logMessage":"a\\b","logMessage":"c\u00e9\ud83d\ude00\r\n"},{"severity":"LOUD","logTimestamp":-1,"logMessage":""},{"logTimestamp":"2021-06-14 07:01:45 UTC","logMessage":7}]}`, []string{
			"0  WARN : cé😀", `1   : {"severity":"LOUD","logTimestamp":-1,"logMessage":""}`, "2 2021-06-14T07:01:45Z  : 7",
		}},
		{virtuousaiHead, `[{"level":"error","event":"a\"b","message":"m","occurred_at":"2026-01-23 10:30:00"},{"level":7,"event":null}]}`, []string{
			`0  ERROR a"b: m`, `1   : {"level":7,"event":null}`,
		}},
		{ionHead, `"validationMessage":"Quantity must be positive: Error"}`, []string{"0 2026-04-08T15:22:41Z  CREATE: Quantity must be positive: Error"}},
		{ionHead, `"validationMessage":"Traceback (most recent call last):\n  x"}`, []string{"0 2026-04-08T15:22:41Z ERROR CREATE: Traceback (most recent call last):\n  x"}},
		{ionHead, `"validationMessage":"app.exceptions.LimitException"}`, []string{"0 2026-04-08T15:22:41Z ERROR CREATE: app.exceptions.LimitException"}},
		{ionHead, `"target":"PART","targetRecordId":34,"triggeredBy":"jo"}`, []string{"0 2026-04-08T15:22:41Z  CREATE: CREATE PART 34 by jo"}},
		{logHead, `,"message":"own","data":"{\"message\":\"other\"}"}`, []string{"0 2026-03-02T10:38:45Z WARN job: own"}},
		{logHead, `,"data":"{\"output\":{\"message\":\"a \\\"b\\\"\\n\"}}"}`, []string{`0 2026-03-02T10:38:45Z WARN job: a "b"`}},
		{logHead, `,"data":{"message":"as an object"}}`, []string{`0 2026-03-02T10:38:45Z WARN job: as an object`}},
		{logHead, `,"data":"plain text"}`, []string{`0 2026-03-02T10:38:45Z WARN job: plain text`}},
		{logHead, `,"operation":"Log message"}`, []string{`0 2026-03-02T10:38:45Z WARN job: Log message`}},
		{apifyHead, `"2017-07-14T06:00:49.733Z \u001b[32mINFO\u001b[39m  a\n  \u001b[31;1mERROR\u001b[0m b\r\n\n2017-07-14T06:00:49Z\nWARN\nWarning: c\nwarning signs\n[debug] d\nINFORMAL\nERROR_CODE 7\n2017-02-30T06:00:49Z e\n2017-07-14T06:00:49.1Zf"}`, []string{
			"0 2017-07-14T06:00:49.733Z INFO : \x1b[32mINFO\x1b[39m  a", "1  ERROR :   \x1b[31;1mERROR\x1b[0m b", "2   : ", "3 2017-07-14T06:00:49Z  : ",
			"4  WARN : WARN", "5  WARN : Warning: c", "6   : warning signs", "7  DEBUG : [debug] d", "8   : INFORMAL", "9   : ERROR_CODE 7", "10   : 2017-02-30T06:00:49Z e", "11   : 2017-07-14T06:00:49.1Zf",
		}},
		{apifyHead, `""}`, nil},
		{apifyHead, `null}`, nil},
		{apifyHead, `{"a":1}}`, nil},
		{workatoHead, `"Log lines exceed size limit"}`, nil},
		{workatoHead, `[]}`, nil},
		{workatoHead, `[{"adapter_name":"a"}],"lines":null}`, nil},
		{workatoHead, `null,"lines":[{"adapter_name":"a"}]}`, []string{"0   a: a"}},
	} {
		if d := cmp.Diff(c.want, short(linesOf(t, jobfile.Config{}, c.head+c.lines))); d != "" {
			t.Errorf("%s%s (-want +got):\n%s", c.head, c.lines, d)
		}
	}
}

func TestLinesOfFieldMap(t *testing.T) {
	got := short(linesOf(t, customFields(), customHead+`[
		{"@timestamp":"2024-01-02T03:04:05+00:00","severity":"crit","type":"t","msg":"a"},
		{"ts":1623654105.25,"level":"notice","message":"","text":"b"},
		"2024-01-02T03:04:05Z ERROR c\n", 7, {"a": 1},
		{"time":"1623654105","lvl":"TRACE","message":{"a":"b"}}
	]}`))
	want := []string{
		"0 2024-01-02T03:04:05Z FATAL t: a", "1 2021-06-14T07:01:45.25Z INFO : b", "2 2024-01-02T03:04:05Z ERROR : ERROR c",
		"3   : 7", `4   : {"a": 1}`, `5 2021-06-14T07:01:45Z TRACE : {"a":"b"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"0   : a", "1  ERROR : ERROR b"}, short(linesOf(t, customFields(), customHead+`"a\nERROR b"}`))); d != "" {
		t.Errorf("a text (-want +got):\n%s", d)
	}
}

// A record in an envelope, also as text, has the lines that it has outside.
func TestLinesInEnvelope(t *testing.T) {
	for _, record := range []string{sample(t, "workato/01-job-history-success.json"), sample(t, "apify/apify-run.json"), sample(t, "workato/34-log-trigger-error.json"), sample(t, "ion/ion-execution-log.json")} {
		want := linesOf(t, jobfile.Config{}, record)
		for _, envelope := range []string{
			`{"log_message": ` + record + `, "now_utc_micro": 1}`,
			`{"source":"s","Log":` + record + `,"Log_Str":"{"}`,
			`{"log_message":` + quoted(t, record) + `}`,
		} {
			if d := cmp.Diff(want, linesOf(t, jobfile.Config{}, envelope)); d != "" {
				t.Errorf("%.60s (-bare +in it):\n%.2000s", envelope, d)
			}
		}
	}
}

// Whoever stops early is asked no more.
func TestLinesStop(t *testing.T) {
	for _, head := range []string{apifyHead + `"a\nb\nc"}`, workatoHead + `[1,2,3]}`} {
		r := newReader(t, jobfile.Config{})
		info, err := r.Read(jobfile.Memory(head), int64(len(head)))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range r.Lines(jobfile.Memory(head), int64(len(head)), info) {
			if n++; n == 2 || err != nil {
				break
			}
		}
		if n != 2 {
			t.Errorf("%s: %d lines, want 2", head, n)
		}
	}
}

// Data that is not what was read any more is an error or other lines, and
// nothing worse.
func TestLinesOfOtherData(t *testing.T) {
	r := newReader(t, jobfile.Config{})
	for _, record := range []string{
		apifyHead + `"a\nb\u00e9"}`, workatoHead + `[{"error":"a"},2]}`, ionHead + `"target":1}`,
		`{"log_message":` + quoted(t, workatoHead+`[{"error":"a\n"},2]}`) + `}`, `{"log_message":` + quoted(t, apifyHead+`"a\nb"}`) + `}`,
	} {
		info, err := r.Read(jobfile.Memory(record), int64(len(record)))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []string{`\`, `"`, "x", "{", "[", " ", `\u`, `"\`} {
			other := jobfile.Memory(strings.Repeat(c, len(record)))
			for _, size := range []int{len(record), len(record) / 2, 0} {
				for _, data := range []io.ReaderAt{other[:size], slow{other[:size]}} {
					all, err := lines(t, r, data, int64(size), info)
					if err == nil && len(all) == 0 && size == 0 {
						t.Errorf("%s: no data has no lines, and no error", record)
					}
				}
			}
		}
	}
}

// Members that were asked for come with each line: also of an entry that is
// too long to be held, where they are short.
func TestLinesWithMembers(t *testing.T) {
	long := strings.Repeat("x", 600_000)
	record := `{"executionId":"e","taskId":"t","workspaceId":"w","startTimestamp":"2026-01-02T03:04:05Z","logs":[` +
		`{"podName":"p","other":[1],"logMessage":"a","severity":"WARN"},` +
		`{"logMessage":"b","podName":"p","podName":"q"},"text",` +
		`{"podName":"r","logMessage":"` + long + `","other":"` + long + `"}]}`
	r := newReader(t, jobfile.Config{})
	data := jobfile.Memory(record)
	info, err := r.Read(data, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{`"p"`, `[1]`, `"WARN"`}, {`"q"`, "", ""}, nil, {`"r"`, "", ""}}
	last := int64(-1)
	for l, err := range r.Lines(data, int64(len(data)), info, "podName", "other", "severity") {
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range l.Members {
			got = append(got, string(m))
		}
		if d := cmp.Diff(want[l.Index], got); d != "" {
			t.Errorf("line %d (-want +got):\n%s", l.Index, d)
		}
		last = l.Index
	}
	if last != 3 {
		t.Errorf("the last line is %d", last)
	}
}

// Entries that lie wholly in the window are taken at once: they say the same,
// and whatever is not JSON is refused, as those that don't.
func TestLinesAtOnce(t *testing.T) {
	r := newReader(t, jobfile.Config{})
	read := func(entry string, pad int) ([]told, error) {
		record := `{"executionId":"e","taskId":"t","workspaceId":"w","startTimestamp":"2026-01-02T03:04:05Z","logs":[` +
			entry + `]}` + strings.Repeat(" ", pad)
		info, err := r.Read(jobfile.Memory(record), int64(len(record)))
		if err != nil {
			return nil, err
		}
		// One byte at a time nothing lies in the window.
		slow, err := lines(t, r, dribble{jobfile.Memory(record), 1}, int64(len(record)), info)
		if err != nil {
			return nil, err
		}
		quick, err := lines(t, r, jobfile.Memory(record), int64(len(record)), info)
		if d := cmp.Diff(slow, quick); d != "" {
			t.Errorf("%s (-byte by byte +at once):\n%s", entry, d)
		}
		return quick, err
	}
	for _, entry := range []string{
		`{}`, `{ }`, `{"logMessage":"m"}`, ` { "logMessage" : "m" , "severity" : "WARN" } `, `{"n":-1.5e3,"logMessage":"m"}`,
		`{"n":0,"logTimestamp":12,"logMessage":null,"t":true}`, `{"logMessage":{"a":[1,{"b":"}"}]},"severity":"ERROR"}`,
		`{"log\u004dessage":"m"}`, `{"logMessage":"a\"b\\"}`, `{"a":[],"logMessage":""},{"logMessage":"n"},7,"x",null`,
		`{"severity":"WARN","odd":01x}`, `{"severity":"WARN"`,
	} {
		if _, err := read(entry, 10); err != nil && !strings.Contains(entry, "odd") && !strings.HasSuffix(entry, `N"`) {
			t.Errorf("%s: %v", entry, err)
		}
	}
	// What Read took for another record is not believed.
	good := `{"executionId":"e","taskId":"t","workspaceId":"w","startTimestamp":"2026-01-02T03:04:05Z","logs":[{"logMessage":"m","n":1}]}`
	info, err := r.Read(jobfile.Memory(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`{,"logMessage":"","n":1}`, `{"logMessage":"","n":0a}`, `{"logMessage":"","n":1,}`,
		`{"logMessage":"m" "n":1}`, `{"logMessage":"",,"n":1}`,
	} {
		other := strings.Replace(good, `{"logMessage":"m","n":1}`, bad, 1)
		if _, err := lines(t, r, jobfile.Memory(other), int64(len(other)), info); err == nil {
			t.Errorf("%s is taken for an entry", bad)
		}
	}
}
