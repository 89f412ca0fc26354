package export_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/export"
	"logstow/layout/jobfile"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

func TestValidate(t *testing.T) {
	long := make([]string, 10_001)
	for i := range long {
		long[i] = "j"
	}
	tests := []struct {
		name string
		r    export.Request
		err  string // in the message; empty: valid
	}{
		{"everything", export.Request{Format: export.CSV}, ""},
		{"lines of one job", export.Request{Format: export.JSON, Jobs: []string{"j", "j"}, MaxLines: 9, Level: jobfile.Warn, Since: noon, Until: noon}, ""},
		{"lines of a query", export.Request{Format: export.Text, User: "u", Level: jobfile.Fatal}, ""},
		{"no format", export.Request{}, "unknown format"},
		{"no such format", export.Request{Format: "xml"}, "use one of json, text, ndjson, csv, zip"},
		{"no such kind", export.Request{Format: export.CSV, Kinds: []jobfile.Kind{"x"}}, "unknown type"},
		{"no time between", export.Request{Format: export.CSV, From: noon, To: noon}, "from is not before to"},
		{"no line between", export.Request{Format: export.JSON, Since: noon, Until: noon.Add(-1)}, "until is before since"},
		{"level of documents", export.Request{Format: export.NDJSON, Level: jobfile.Warn}, "not in ndjson"},
		{"newest of rows", export.Request{Format: export.CSV, Jobs: []string{"j"}, MaxLines: 1}, "not in csv"},
		{"no such level", export.Request{Format: export.JSON, Level: 99}, "unknown level"},
		{"below zero", export.Request{Format: export.JSON, Jobs: []string{"j"}, MaxLines: -1}, "max_lines is -1"},
		{"newest of too many", export.Request{Format: export.JSON, Jobs: []string{"j"}, MaxLines: 1_000_001}, "max_lines"},
		{"newest of a query", export.Request{Format: export.JSON, MaxLines: 1}, "needs one job"},
		{"newest of two", export.Request{Format: export.JSON, Jobs: []string{"a", "b"}, MaxLines: 1}, "needs one job"},
		{"jobs by id and status", export.Request{Format: export.JSON, Jobs: []string{"j"}, Statuses: []string{"ok"}}, "are not selected by"},
		{"jobs by id and time", export.Request{Format: export.JSON, Jobs: []string{"j"}, To: noon}, "are not selected by"},
		{"recipe of no job", export.Request{Format: export.JSON, Recipe: "r"}, "none is named"},
		{"empty id", export.Request{Format: export.JSON, Jobs: []string{""}}, "empty"},
		{"long id", export.Request{Format: export.JSON, Recipes: []string{strings.Repeat("r", 5000)}}, "longer than 4096"},
		{"too many jobs", export.Request{Format: export.JSON, Jobs: long}, "more than 10000"},
	}
	w := newWorld(t)
	for _, tt := range tests {
		err := tt.r.Validate()
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: Validate = %v, want %q", tt.name, err, tt.err)
		}
		if out, again := w.tryWrite(t.Context(), tt.r); tt.err != "" && (again == nil || again.Error() != err.Error() || out != "") {
			t.Errorf("%s: Write = %q, %v, want %v", tt.name, out, again, err)
		}
	}
}

// A request is kept as JSON: these names stay for ever.
func TestRequestAsJSON(t *testing.T) {
	r := export.Request{
		Format: export.Text, User: "u", Recipes: []string{"r"}, Statuses: []string{"ok"}, Kinds: []jobfile.Kind{jobfile.Job},
		From: noon, To: noon.Add(time.Hour), Jobs: []string{"j"}, Recipe: "one",
		Level: jobfile.Warn, Since: noon, Until: noon, MaxLines: 7,
	}
	const want = `{"format":"text","user":"u","recipes":["r"],"statuses":["ok"],"kinds":["job"],` +
		`"from":"2026-01-23T12:00:00Z","to":"2026-01-23T13:00:00Z","jobs":["j"],"recipe":"one",` +
		`"level":"WARN","since":"2026-01-23T12:00:00Z","until":"2026-01-23T12:00:00Z","max_lines":7}`
	got, err := json.Marshal(r)
	if err != nil || string(got) != want {
		t.Errorf("as JSON %s, %v, want %s", got, err, want)
	}
	var back export.Request
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if got, err := json.Marshal(export.Request{Format: export.CSV}); err != nil || string(got) != `{"format":"csv"}` {
		t.Errorf("an empty request as JSON is %s, %v", got, err)
	}
}

func TestParseFormat(t *testing.T) {
	for _, name := range []string{"json", "TEXT", "NdJson", "CSV", "zip"} {
		if f, err := export.ParseFormat(name); err != nil || string(f) != strings.ToLower(name) {
			t.Errorf("ParseFormat(%q) = %q, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "xml", "json "} {
		if f, err := export.ParseFormat(name); err == nil {
			t.Errorf("ParseFormat(%q) = %q, want an error", name, f)
		}
	}
}

func TestFilename(t *testing.T) {
	job := &export.Job{Recipe: "task", ID: "exec"}
	hostile := &export.Job{Recipe: "../../x\r\nSet-Cookie: a=b", ID: `"; filename=é` + "\x00"}
	long := &export.Job{Recipe: strings.Repeat("r", 4000), ID: "j"}
	tests := []struct {
		format export.Format
		of     *export.Job
		want   string
	}{
		{export.JSON, job, "task_exec.log"},
		{export.Text, job, "task_exec.log"},
		{export.NDJSON, job, "task_exec.ndjson"},
		{export.CSV, job, "task_exec.csv"},
		{export.Zip, job, "task_exec.zip"},
		{export.JSON, nil, "logs-20260123T120000Z.json"},
		{export.Text, nil, "logs-20260123T120000Z.log"},
		{export.Zip, nil, "logs-20260123T120000Z.zip"},
		{export.Text, hostile, "..%2F..%2Fx%0D%0ASet-Cookie%3A%20a%3Db_%22%3B%20filename%3D%C3%A9%00.log"},
		{export.NDJSON, long, strings.Repeat("r", 248) + ".ndjson"},
	}
	for _, tt := range tests {
		got := export.Request{Format: tt.format}.Filename(tt.of, noon.In(time.FixedZone("", 3600)))
		if got != tt.want {
			t.Errorf("Filename of %s = %q, want %q", tt.format, got, tt.want)
		}
	}
}

func TestNewNeedsBoth(t *testing.T) {
	if e, err := export.New(export.Config{}); err == nil {
		t.Errorf("New without a store = %v, want an error", e)
	}
	w := newWorld(t)
	_, err := export.New(export.Config{Store: w.store, Ledger: w.ledger, Fields: []jobfile.Fields{{JobID: "id"}}})
	if err == nil || errors.Is(err, export.ErrUnreadable) {
		t.Errorf("New with half a field map = %v, want an error", err)
	}
}
