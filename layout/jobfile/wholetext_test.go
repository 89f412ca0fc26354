package jobfile_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"logstow/layout/jobfile"
)

func TestTextIsTheLogAsItWas(t *testing.T) {
	long := strings.Repeat("\x1b[31mé\"\\\r\n", 20_000)
	for name, log := range map[string]string{
		"empty": "", "no newline at its end": "a\nb", "returns": "a\r\nb\r\n", "blank lines": "\n\n\n", "long": long,
	} {
		inner, err := json.Marshal(map[string]string{
			"id": "r1", "actId": "a", "userId": "u", "finishedAt": "2026-01-01T00:00:00Z", "log": log,
		})
		if err != nil {
			t.Fatal(err)
		}
		got, ok := wholeText(t, inner)
		if !ok || got != log {
			t.Errorf("%s: Text = %.80q, %v; want %.80q", name, got, ok, log)
		}
	}
}

func TestTextOfOtherLogs(t *testing.T) {
	for name, log := range map[string]string{
		"none": `null`, "entries": `["a","b"]`, "fallback": `"` + jobfile.Fallback + `"`, "an object": `{"a":"b"}`,
	} {
		record := `{"id":"r1","actId":"a","userId":"u","finishedAt":"2026-01-01T00:00:00Z","log":` + log + `}`
		if got, ok := wholeText(t, []byte(record)); ok {
			t.Errorf("%s: Text = %q; want that it is no text", name, got)
		}
	}
}

func wholeText(t *testing.T, record []byte) (string, bool) {
	t.Helper()
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := r.Read(jobfile.Memory(record), int64(len(record)))
	if err != nil {
		t.Fatal(err)
	}
	text, ok, err := r.Text(jobfile.Memory(record), int64(len(record)), info)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "", false
	}
	got, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), true
}
