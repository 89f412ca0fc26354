package jobfile_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"logstow/layout/jobfile"
)

const records = "../../testdata/records"

// slow hides that data is in memory, so that it is read through a window.
type slow struct{ m jobfile.Memory }

func (s slow) ReadAt(p []byte, off int64) (int, error) { return s.m.ReadAt(p, off) }

// same are the options that compare what Info tells.
var same = cmp.Options{cmpopts.IgnoreUnexported(jobfile.Info{})}

func newReader(t testing.TB, c jobfile.Config) *jobfile.Reader {
	t.Helper()
	r, err := jobfile.NewReader(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read reads a record from memory and through a window, and wants both to say
// the same.
func read(t testing.TB, r *jobfile.Reader, record string) (jobfile.Info, error) {
	t.Helper()
	m := jobfile.Memory(record)
	info, err := r.Read(m, int64(len(m)))
	info2, err2 := r.Read(slow{m}, int64(len(m)))
	if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
		t.Fatalf("from memory: %v; through a window: %v", err, err2)
	}
	if d := cmp.Diff(info, info2, same); d != "" {
		t.Fatalf("from memory (-) and through a window (+):\n%s", d)
	}
	return info, err
}

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestVendorSamples(t *testing.T) {
	r := newReader(t, jobfile.Config{})
	files, err := filepath.Glob(filepath.Join(records, "workato", "*.json"))
	if err != nil || len(files) != 53 {
		t.Fatalf("%d samples, %v; want 53", len(files), err)
	}
	kinds := map[jobfile.Kind]int{}
	var broken []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		info, err := read(t, r, string(b))
		var bad *jobfile.Error
		switch {
		case errors.As(err, &bad):
			broken = append(broken, bad.Reason)
		case err != nil:
			t.Errorf("%s: %v", f, err)
		default:
			kinds[info.Kind]++
			if info.Platform != "workato" || info.User == "" || info.Recipe == "" || info.Job == "" || info.Time.IsZero() {
				t.Errorf("%s: %+v", f, info)
			}
		}
	}
	want := map[jobfile.Kind]int{jobfile.Job: 3, jobfile.Activity: 27, jobfile.Log: 6, jobfile.Genie: 15}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("kinds (-want +got):\n%s", d)
	}
	wantBroken := []string{
		`not JSON: invalid character '0' after a value (expecting ',' or '}')`,
		`not JSON: invalid character '}' after ',' (expecting an object member)`,
	}
	if d := cmp.Diff(wantBroken, broken); d != "" {
		t.Errorf("broken (-want +got):\n%s", d)
	}
}

func sha(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func TestRead(t *testing.T) {
	job := `{"id":"j-1","recipe_id":2,"status":"failed","completed_at":"2022-10-19T22:30:46-07:00","account_id":9,` +
		`"context":{"user_id":33},"title":"a \u00e9","error":"e","error_type":"t","lines":[1,{"x":[2]},3]}`
	jobInfo := jobfile.Info{
		Kind: jobfile.Job, Platform: "workato", User: "33", Recipe: "2", Job: "j-1", Status: "failed",
		Time: utc("2022-10-20T05:30:46Z"), CompletedAt: utc("2022-10-20T05:30:46Z"),
		Title: "a é", Error: "e", ErrorType: "t", LineCount: 3, InputHash: sha(job),
	}
	at := int64(strings.Index(job, "[1,"))
	jobInfo.Lines = jobfile.Span{Start: at, End: at + int64(len(`[1,{"x":[2]},3]`))}
	change := func(f func(*jobfile.Info)) jobfile.Info {
		i := jobInfo
		f(&i)
		return i
	}
	within := func(before string) func(*jobfile.Info) {
		return func(i *jobfile.Info) {
			i.Lines.Start += int64(len(before))
			i.Lines.End += int64(len(before))
		}
	}
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(job)
	event := `{"event":"user_login","team":{"id":48},"user":{"id":1},"timestamp":"2020-05-02 02:39:22 UTC"}`
	eventHash := sha(event)
	for _, c := range []struct {
		name, record string
		want         jobfile.Info
	}{
		{"bare", job, jobInfo},
		{"white space around", " \n" + job + "\r\n ", change(within(" \n"))},
		{"log_message", `{"log_message":` + job + `,"now_utc_micro":1}`, change(within(`{"log_message":`))},
		{"log", `{"source":"s","UserID":"7","log": ` + job + `,"log_message":"text"}`, change(within(`{"source":"s","UserID":"7","log": `))},
		{"Log", `{"Log":` + job + `,"Log_Str":"` + escaped + `"}`, change(within(`{"Log":`))},
		{"text", `{"UserID":7,"log_message":"` + escaped + `"}`, change(func(i *jobfile.Info) {
			i.Lines = jobfile.Span{}
			i.InputHash = sha(`"` + escaped + `"`)
		})},
		{
			"user of the envelope, flow, no status, start, other names repeated",
			`{"UserID":"7","log":{"flow_id":"f","id":12345678901234567890,"started_at":1666243846,"completed_at":null,` +
				`"user_id":1,"user_id":2,"\u0073tatus":"","x":1,"x":"` + "\xff" + `","lines":null}}`,
			jobfile.Info{
				Kind: jobfile.Job, Platform: "workato", User: "7", Recipe: "f", Job: "12345678901234567890", Status: "unknown",
				Time: utc("2022-10-20T05:30:46Z"), StartedAt: utc("2022-10-20T05:30:46Z"), LineCount: -1,
				Lines: jobfile.Span{Start: 168, End: 172},
				InputHash: sha(`{"flow_id":"f","id":12345678901234567890,"started_at":1666243846,"completed_at":null,` +
					`"user_id":1,"user_id":2,"\u0073tatus":"","x":1,"x":"` + "\xff" + `","lines":null}`),
			},
		},
		{
			"an escaped name is the same name", strings.Replace(job, `"id"`, `"\u0069d"`, 1),
			change(func(i *jobfile.Info) {
				within(`\u006`)(i)
				i.InputHash = sha(strings.Replace(job, `"id"`, `"\u0069d"`, 1))
			}),
		},
		{"activity", `{"log":` + event + `,"log_message":"{}"}`, jobfile.Info{
			Kind: jobfile.Activity, Platform: "workato", User: "48", Recipe: "user_login",
			Job: hex.EncodeToString(eventHash[:16]), Time: utc("2020-05-02T02:39:22Z"), LineCount: -1, InputHash: eventHash,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, newReader(t, jobfile.Config{}), c.record)
			if d := cmp.Diff(c.want, got, same); err != nil || d != "" {
				t.Errorf("Read(%s): %v (-want +got):\n%s", c.record, err, d)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	job := `"id":"j","recipe_id":2,"status":"s","completed_at":"2022-10-19T22:30:46Z","account_id":9`
	for want, record := range map[string]string{
		"not a JSON object":                                             `[]`,
		"it ends inside a JSON value":                                   `{"a":1`,
		"invalid character 'x' after the record":                        `{` + job + `} x`,
		"invalid character '}' after ','":                               `{` + job + `,}`,
		`ambiguous job: "id" is there 2 times`:                          `{` + job + `,"id":"j"}`,
		`ambiguous user: "context.user_id"`:                             `{` + job + `,"context":{"user_id":1},"context":{"user_id":1}}`,
		`ambiguous status`:                                              `{` + job + `,"status":"s"}`,
		`ambiguous time`:                                                `{` + job + `,"completed_at":1}`,
		`not a record of a known kind`:                                  `{"recipe_id":2}`,
		`no user: none of context.user_id, account_id, UserID is there`: `{"id":1,"recipe_id":2,"completed_at":1}`,
		`no time: none of completed_at, started_at is there`:            `{"id":1,"recipe_id":2,"account_id":1}`,
		`recipe "recipe_id" is 2.5, not a string or an integer`:         `{"id":1,"recipe_id":2.5,"account_id":1,"completed_at":1}`,
		`job "id" is {"a":1}, not a string`:                             `{"id":{"a":1},"recipe_id":2,"account_id":1,"completed_at":1}`,
		`job "id" is not valid UTF-8`:                                   `{"id":"` + "\xff" + `","recipe_id":2,"account_id":1,"completed_at":1}`,
		`it is not a date and time with a zone`:                         `{"id":1,"recipe_id":2,"account_id":1,"completed_at":"2022-10-19T22:30:46"}`,
		`time "completed_at" is -5`:                                     `{"id":1,"recipe_id":2,"account_id":1,"completed_at":-5}`,
		`job "id" is longer than 4096 bytes`:                            `{"id":"` + strings.Repeat("x", 5000) + `","recipe_id":2,"account_id":1,"completed_at":1}`,
		`ambiguous: a record in "log" and another in "Log"`:             `{"log":{` + job + `},"Log":{` + job + `}}`,
		`ambiguous: "log" is there more than once`:                      `{"log":{` + job + `},"log":{` + job + `}}`,
		`the text in log_message: it ends inside`:                       `{"log_message":"{\"id\":1"}`,
		`the text in log_message is not a record`:                       `{"log_message":"{\"id\":1}"}`,
	} {
		_, err := read(t, newReader(t, jobfile.Config{}), record)
		var bad *jobfile.Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%.200s): %v; want an *Error with %q", record, err, want)
		}
	}
}

func TestOtherPlatforms(t *testing.T) {
	for file, want := range map[string]jobfile.Info{
		"virtuousai/run.json":    {Platform: "virtuousai", Job: "run_abc123", LineCount: 3},
		"talend/execution.json":  {Platform: "talend", LineCount: 3},
		"apify/run.json":         {Platform: "apify", Job: "HG7ML7M8z78YcAPEB", Status: "SUCCEEDED", LineCount: 3},
		"ion/execution-log.json": {Platform: "ion", LineCount: -1},
	} {
		matches, _ := filepath.Glob(filepath.Join(records, filepath.Dir(file), "*.json"))
		if len(matches) == 0 {
			t.Errorf("no sample in %s", filepath.Dir(file))
			continue
		}
		b, err := os.ReadFile(matches[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(t, newReader(t, jobfile.Config{}), string(b))
		if err != nil || got.Kind != jobfile.Job || got.Platform != want.Platform || got.User == "" || got.Recipe == "" ||
			want.Job != "" && got.Job != want.Job || want.Status != "" && got.Status != want.Status || got.LineCount < want.LineCount {
			t.Errorf("%s: %+v, %v", matches[0], got, err)
		}
	}
}

func TestFieldMap(t *testing.T) {
	r := newReader(t, jobfile.Config{Fields: &jobfile.Fields{
		UserID: "account.id", RecipeID: "pipeline", JobID: "run", Status: "state", CompletedAt: "end", Lines: "out.steps",
	}})
	record := `{"account":{"id":"acme"},"pipeline":"p","run":7,"state":"ok","end":1666243846123,"out":{"steps":["a","b"]},"log":{"id":1}}`
	got, err := read(t, r, record)
	want := jobfile.Info{
		Kind: jobfile.Job, Platform: "custom", User: "acme", Recipe: "p", Job: "7", Status: "ok",
		Time: utc("2022-10-20T05:30:46.123Z"), CompletedAt: utc("2022-10-20T05:30:46.123Z"),
		LineCount: 2, Lines: jobfile.Span{Start: 96, End: 105}, InputHash: sha(record),
	}
	if d := cmp.Diff(want, got, same); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if _, err := jobfile.NewReader(jobfile.Config{Fields: &jobfile.Fields{UserID: "u", RecipeID: "r", StartedAt: "s"}}); err == nil {
		t.Error("a field map without job_id was taken")
	}
	if _, err := jobfile.NewReader(jobfile.Config{User: "u", Fields: &jobfile.Fields{RecipeID: "r", JobID: "j", StartedAt: "s"}}); err != nil {
		t.Errorf("a field map without user_id, for a reader with a user: %v", err)
	}
}

func TestOneUser(t *testing.T) {
	got, err := read(t, newReader(t, jobfile.Config{User: "tenant"}), `{"id":1,"recipe_id":2,"completed_at":1,"account_id":5,"account_id":6}`)
	if err != nil || got.User != "tenant" {
		t.Errorf("user %q, %v; want tenant", got.User, err)
	}
}

// endless is a record whose string is as long as one likes, and never in
// memory.
type endless struct {
	head, tail string
	size       int64
}

var xs = strings.Repeat("x", 1<<10)

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	if off >= e.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.size-off))
	for done := 0; done < n; {
		done += copy(p[done:n], xs)
	}
	if off < int64(len(e.head)) {
		copy(p[:n], e.head[off:])
	}
	if tail := e.size - int64(len(e.tail)) - off; tail < int64(n) {
		copy(p[max(tail, 0):n], e.tail[max(-tail, 0):])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestHugeRecord(t *testing.T) {
	const size = 64 << 20
	job := `"id":"j","recipe_id":2,"status":"s","completed_at":"2022-10-19T22:30:46Z","account_id":9`
	for name, data := range map[string]endless{
		"one string, last":    {head: `{` + job + `,"lines":["`, tail: `"]}`, size: size},
		"one string, first":   {head: `{"lines":["`, tail: `"],` + job + `}`, size: size},
		"lines are one text":  {head: `{"lines":"`, tail: `",` + job + `}`, size: size},
		"a name":              {head: `{` + job + `,"lines":[],"`, tail: `":1}`, size: size},
		"the title":           {head: `{` + job + `,"lines":[],"title":"`, tail: `"}`, size: size},
		"text in an envelope": {head: `{"log_message":"{` + strings.ReplaceAll(job, `"`, `\"`) + `,\"lines\":[\"`, tail: `\"]}"}`, size: size},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, jobfile.Config{})
			var info jobfile.Info
			grown := allocated(func() {
				var err error
				if info, err = r.Read(data, data.size); err != nil {
					t.Fatal(err)
				}
			})
			if info.Job != "j" || info.LineCount < 0 {
				t.Errorf("%+v", info)
			}
			if grown > 4<<20 {
				t.Errorf("reading %d bytes allocated %d", size, grown)
			}
		})
	}
}

// Without a hash a record reads the same, and one that has no other id keeps
// the id that comes from it.
func TestNoHash(t *testing.T) {
	for _, record := range []string{
		`{"id":"j","recipe_id":"r","account_id":"u","status":"failed","completed_at":"2026-01-02T03:04:05Z","lines":[1]}`,
		`{"event":"e","timestamp":"2026-01-02T03:04:05Z","team":{"id":1}}`,
	} {
		with := func(c jobfile.Config) jobfile.Info {
			t.Helper()
			info, err := read(t, newReader(t, c), record)
			if err != nil {
				t.Fatalf("Read(%s): %v", record, err)
			}
			return info
		}
		want, got := with(jobfile.Config{}), with(jobfile.Config{NoHash: true})
		if isJob := got.Kind == jobfile.Job; isJob != (got.InputHash == [32]byte{}) {
			t.Errorf("Read(%s): hash %x", record, got.InputHash)
		}
		if got.Job != want.Job || got.Time != want.Time || got.LineCount != want.LineCount || got.Status != want.Status {
			t.Errorf("Read(%s) = %+v, want %+v", record, got, want)
		}
	}
}
