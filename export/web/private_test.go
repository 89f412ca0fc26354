package web_test

import (
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/export/access"
)

// Where records were read from is for those who see everybody's jobs.
func TestSourcesAreForWhoSeesAll(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	d := ledger.Document{
		Kind: "job", User: "a", Recipe: "r", Job: "one", Status: "succeeded", Time: at, Key: "k",
		InputHash: ledger.Hash{1}, Source: "/srv/of-a-and-b.json",
	}
	fatal(t, w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{d}}))
	s := w.serve(t, nil)
	one, all := w.key(t, "a", access.Read), w.key(t, "", access.Read)
	for _, path := range []string{"/v1/jobs", "/v1/jobs/one"} {
		if got := s.do(t, request{path: path, key: one}).want(t, 200); strings.Contains(got.body, "/srv") || !strings.Contains(got.body, `"source":""`) {
			t.Errorf("GET %s of a user: %s", path, got.body)
		}
		if got := s.do(t, request{path: path, key: all}).want(t, 200); !strings.Contains(got.body, "/srv") {
			t.Errorf("GET %s of an operator: %s", path, got.body)
		}
	}
}

// A file of one job is of that job, however often it is named.
func TestExportOfOneJobNamedTwice(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	w.put(t, "a", "r", "one", at, job("a", "r", "one", at, 3))
	s := w.serve(t, nil)
	m := s.createExport(t, w.key(t, "", access.Export), `{"format":"text","jobs":["one","one"]}`)
	e, err := w.ledger.Export(t.Context(), m.ID)
	fatal(t, err)
	if e.Job != "one" || e.User != "a" || m.Size == nil || *m.Size != 3 {
		t.Errorf("%+v, of user %q and job %q, want 3 lines of a's job one", m, e.User, e.Job)
	}
}
