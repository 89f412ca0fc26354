package jobfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/layout/jobfile"
)

// changed returns what change writes, and wants the same from memory and
// through a window.
func changed(t *testing.T, c jobfile.Config, record string, change func(io.Writer, io.ReaderAt, int64, jobfile.Info) error) (string, error) {
	t.Helper()
	info, err := read(t, newReader(t, c), record)
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	m := jobfile.Memory(record)
	err = change(&a, m, int64(len(m)), info)
	if err2 := change(&b, slow{m}, int64(len(m)), info); !errors.Is(err2, err) || a.String() != b.String() {
		t.Fatalf("from memory: %s, %v; through a window: %s, %v", a.String(), err, b.String(), err2)
	}
	return a.String(), err
}

func detail(d jobfile.Detail) func(io.Writer, io.ReaderAt, int64, jobfile.Info) error {
	return func(w io.Writer, data io.ReaderAt, size int64, info jobfile.Info) error {
		return jobfile.Rewrite(w, data, size, info, d)
	}
}

func TestRewrite(t *testing.T) {
	head := `"id":"j","recipe_id":2,"status":"s","completed_at":"2022-10-19T22:30:46Z","account_id":9`
	for _, c := range []struct {
		name                             string
		record, deduplicated, statusOnly string
	}{
		{
			"everything that goes",
			`{"parent_id":1,` + head + `, "context":{"job_id":1, "user_id":3,"is_repeat":true} ,"lines":[ {"line_stat":{"a":[1]},"input":{"line_stat":1}}, 7 ,{"x":1,"line_stat":2} ]}`,
			`{` + head + `, "context":{ "user_id":3} ,"lines":[ {"input":{"line_stat":1}}, 7 ,{"x":1} ]}`,
			`{"parent_id":1,` + head + `, "context":{"job_id":1, "user_id":3,"is_repeat":true}}`,
		},
		{
			"nothing that goes",
			"{\n  " + head + ",\n  \"x\" : [ 1.0 , {\"parent_id\":1} ]\n}",
			"{\n  " + head + ",\n  \"x\" : [ 1.0 , {\"parent_id\":1} ]\n}",
			"{\n  " + head + ",\n  \"x\" : [ 1.0 , {\"parent_id\":1} ]\n}",
		},
		{
			"an envelope and its copy",
			`{"parent_id":1,"lines":2,"log":{` + head + `,"lines":[{"line_stat":1}],"parent_id":0},"Log_Str":"{\"id\"","log_message":"note"}`,
			`{"parent_id":1,"lines":2,"log":{` + head + `,"lines":[{}]},"log_message":"note"}`,
			`{"parent_id":1,"lines":2,"log":{` + head + `,"parent_id":0},"log_message":"note"}`,
		},
		{
			"text in an envelope",
			`{"log_message":"{` + strings.ReplaceAll(head, `"`, `\"`) + `,\"title\":\"a\\n\u00e9\",\"lines\":[{\"line_stat\":1}]}","n":1}`,
			`{"log_message":"{` + strings.ReplaceAll(head, `"`, `\"`) + `,\"title\":\"a\\né\",\"lines\":[{}]}","n":1}`,
			`{"log_message":"{` + strings.ReplaceAll(head, `"`, `\"`) + `,\"title\":\"a\\né\"}","n":1}`,
		},
		{
			"text in an envelope, and its copy",
			`{"log_message":"{` + strings.ReplaceAll(head, `"`, `\"`) + `,\"lines\":[{\"line_stat\":1}]}","Log_Str":"{\"id\"","n":1}`,
			`{"log_message":"{` + strings.ReplaceAll(head, `"`, `\"`) + `,\"lines\":[{}]}","n":1}`,
			`{"log_message":"{` + strings.ReplaceAll(head, `"`, `\"`) + `}","n":1}`,
		},
		{
			"everything but a name as long as a name can be",
			`{"parent_id":1,"` + strings.Repeat("n", 5000) + `":1,` + head + "," + strings.Repeat(" ", 9000) + `"lines":[]}`,
			`{"` + strings.Repeat("n", 5000) + `":1,` + head + "," + `"lines":[]}`,
			`{"parent_id":1,"` + strings.Repeat("n", 5000) + `":1,` + head + `}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for d, want := range map[jobfile.Detail]string{
				jobfile.Full: c.record, jobfile.Deduplicated: c.deduplicated, jobfile.StatusOnly: c.statusOnly,
			} {
				got, err := changed(t, jobfile.Config{}, c.record, detail(d))
				if err != nil || got != want {
					t.Errorf("%s: %v\n got %.700s\nwant %.700s", d, err, got, want)
				}
				if _, err := read(t, newReader(t, jobfile.Config{}), got); err != nil {
					t.Errorf("%s: its result can't be read: %v", d, err)
				}
			}
		})
	}
}

// The vendor's own record, as another decoder sees it.
func TestRewriteVendorSample(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(records, "workato", "01-job-history-success.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := changed(t, jobfile.Config{}, string(b), detail(jobfile.Deduplicated))
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, string(b))
	delete(want, "parent_id")
	for _, k := range []string{
		"repeated_job", "job_created_at", "job_id", "master_job_id", "calling_recipe_id",
		"calling_job_id", "is_repeat", "repeat_count", "parent_job_id",
	} {
		delete(want["context"].(map[string]any), k)
	}
	for _, l := range want["lines"].([]any) {
		delete(l.(map[string]any), "line_stat")
	}
	if d := cmp.Diff(want, decode(t, got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func decode(t *testing.T, s string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

func TestCap(t *testing.T) {
	head := `"id":"j","recipe_id":2,"status":"s","completed_at":"2022-10-19T22:30:46Z","account_id":9`
	instead := `"Log lines exceed size limit"`
	quoted := strings.ReplaceAll(head, `"`, `\"`)
	for _, c := range []struct{ name, record, want string }{
		{"lines", "{ \"lines\" : [1, 2] , " + head + "}", "{ \"lines\" : " + instead + " , " + head + "}"},
		{"lines twice", `{"lines":1,` + head + `,"lines":[]}`, `{"lines":` + instead + `,` + head + `,"lines":` + instead + `}`},
		{
			"copies", `{"Log":{` + head + `,"lines":[]},"Log_Str":"{\"lines\":[]}","log_message":"note"}`,
			`{"Log":{` + head + `,"lines":` + instead + `},"Log_Str":` + instead + `,"log_message":"note"}`,
		},
		{
			"text", `{"log_message":"{` + quoted + `,\"lines\":[\"\u00e9\"],\"x\":1}"}`,
			`{"log_message":"{` + quoted + `,\"lines\":` + strings.ReplaceAll(instead, `"`, `\"`) + `,\"x\":1}"}`,
		},
		{
			"text and its copy", `{"Log_Str":"{\"lines\":[]}","log_message":"{` + quoted + `,\"lines\":[1]}"}`,
			`{"Log_Str":` + instead + `,"log_message":"{` + quoted + `,\"lines\":` + strings.ReplaceAll(instead, `"`, `\"`) + `}"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := changed(t, jobfile.Config{}, c.record, jobfile.Cap)
			if err != nil || got != c.want {
				t.Errorf("Cap(%s): %v\n got %s\nwant %s", c.record, err, got, c.want)
			}
			if info, err := read(t, newReader(t, jobfile.Config{}), got); err != nil || info.LineCount != -1 {
				t.Errorf("the capped record has %d lines, %v", info.LineCount, err)
			}
		})
	}
	if _, err := changed(t, jobfile.Config{}, `{`+head+`}`, jobfile.Cap); !errors.Is(err, jobfile.ErrNoLines) {
		t.Errorf("without lines: %v; want ErrNoLines", err)
	}
	fields := jobfile.Config{Fields: &jobfile.Fields{UserID: "u", RecipeID: "r", JobID: "j", StartedAt: "s", Lines: "out.steps"}}
	got, err := changed(t, fields, `{"u":1,"r":1,"j":1,"s":1,"out":{"steps":"a"}}`, jobfile.Cap)
	if want := `{"u":1,"r":1,"j":1,"s":1,"out":{"steps":` + instead + `}}`; err != nil || got != want {
		t.Errorf("with a field map: %s, %v; want %s", got, err, want)
	}
}

func TestLineCount(t *testing.T) {
	for lines, want := range map[string]int64{
		`[]`: 0, `[[1,2],{"a":[3]},"x"]`: 3, `""`: 0, `"a"`: 1, `"a\n"`: 1, `"a\nb"`: 2, `"\n\n"`: 2,
		`"a\\n"`: 1, `"\\\n\""`: 2, `"\u000ab"`: 1, `null`: -1, `7`: -1, `{"a":1}`: -1,
		`"Log lines exceed size limit"`: -1, `"Log lines exceed size limit."`: 1,
	} {
		info, err := read(t, newReader(t, jobfile.Config{}), `{"id":1,"recipe_id":1,"account_id":1,"started_at":1,"lines":`+lines+`}`)
		if err != nil || info.LineCount != want {
			t.Errorf("lines %s: %d, %v; want %d", lines, info.LineCount, err, want)
		}
	}
}
