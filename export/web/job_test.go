package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/export/access"
)

func TestOneJob(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "", access.Read)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	record := job("a", "r", "x/1", at, 2)
	w.put(t, "a", "r", "x/1", at, record)
	w.put(t, "a", "r", "two", at, job("a", "r", "two", at, 1))
	w.put(t, "b", "r", "two", at, job("b", "r", "two", at, 1))
	w.put(t, "a", "q", "both", at, job("a", "q", "both", at, 1))
	w.put(t, "a", "r", "both", at, job("a", "r", "both", at, 1))

	got := s.do(t, request{path: "/v1/jobs/x%2F1", key: key}).want(t, http.StatusOK)
	for _, want := range []string{`"kind":"job","user_id":"a","recipe_id":"r","job_id":"x/1","versions":[{`, `"lines":2`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("GET /v1/jobs/x%%2F1 says not %s: %s", want, got.body)
		}
	}
	document := s.do(t, request{path: "/v1/jobs/x%2F1/document", key: key}).want(t, http.StatusOK)
	if diff := cmp.Diff(record, document.body); diff != "" {
		t.Errorf("the document (-want +got):\n%s", diff)
	}
	if head := s.do(t, request{method: http.MethodHead, path: "/v1/jobs/x%2F1/document", key: key}).want(t, http.StatusOK); head.body != "" ||
		head.header.Get("Content-Length") != fmt.Sprint(len(record)) {
		t.Errorf("HEAD: %q, %v", head.body, head.header)
	}
	for path, want := range map[string]string{
		"/v1/jobs/two":                                  "several users have two: a, b; add ?user= to say whose",
		"/v1/jobs/both":                                 "several recipes have both: q, r; add ?recipe= to say of which recipe",
		"/v1/jobs/x%2F1/document?revision=zz":           "no such version",
		"/v1/jobs/x%2F1/document?full=2":                "full: ",
		"/v1/jobs/x%2F1?usr=a":                          "no parameter",
		"/v1/jobs/none":                                 "no such job",
		"/v1/jobs/%00":                                  "no such job",
		"/v1/jobs/" + strings.Repeat("x", 5000):         "no such job",
		"/v1/jobs/x%2F1/document?user=b":                "no such job",
		"/v1/jobs/x%2F1/document?recipe=q":              "no such job",
		"/v1/jobs/two?user=b&recipe=r&user=a":           "user: given more than once",
		"/v1/jobs/both/document?user=a&recipe=&full=no": "full: ",
	} {
		if got := s.do(t, request{path: path, key: key}); got.status/100 != 4 || !strings.Contains(got.body, want) {
			t.Errorf("GET %.60s: %d %s, want %s", path, got.status, got.body, want)
		}
	}
	s.do(t, request{path: "/v1/jobs/two?user=b", key: key}).want(t, http.StatusOK)
	s.do(t, request{path: "/v1/jobs/both?recipe=q", key: key}).want(t, http.StatusOK)
}

// A document that is not what was recorded never passes for one: a small one
// is refused, a large one breaks off.
func TestDamagedDocuments(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "", access.Read)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for id, lines := range map[string]int{"small": 1, "large": 20_000} {
		record := job("a", "r", id, at, lines)
		d := w.put(t, "a", "r", id, at, record)
		fatal(t, w.store.Put(t.Context(), d.Key, store.Bytes([]byte(strings.Replace(record, "http", "HTTP", 1))), store.PutOptions{}))
		got := s.do(t, request{path: "/v1/jobs/" + id + "/document", key: key})
		switch id {
		case "small":
			if got.status != http.StatusInternalServerError || strings.Contains(got.body, "HTTP") || strings.Contains(got.body, d.Key) {
				t.Errorf("a small damaged document: %d %s", got.status, got.body)
			}
		default:
			if len(record) <= 1<<20 || got.err == nil {
				t.Errorf("a damaged document of %d bytes came whole: %d, %d bytes", len(record), got.status, len(got.body))
			}
		}
	}
}
