package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/export/access"
)

// made is the answer to a new export.
type made struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Size    *int64    `json:"size"`
	State   string    `json:"state"`
	Expires time.Time `json:"expires_at"`
}

// createExport asks for an export.
func (r *running) createExport(t testing.TB, key, body string) made {
	t.Helper()
	got := r.do(t, request{method: http.MethodPost, path: "/v1/exports", key: key, body: body}).want(t, http.StatusAccepted)
	var m made
	fatal(t, json.Unmarshal([]byte(got.body), &m))
	if got.header.Get("Location") != "/v1/exports/"+m.ID {
		t.Errorf("Location %q of export %s", got.header.Get("Location"), m.ID)
	}
	return m
}

// lastExport is the id of the newest export.
func (r *running) lastExport(t testing.TB) string {
	t.Helper()
	all, err := r.ledger.Exports(t.Context(), ledger.ExportQuery{Limit: 1})
	fatal(t, err)
	if len(all) == 0 {
		t.Fatal("there is no export")
	}
	return all[0].ID
}

// Whoever has too many exports that are not finished gets no more, in any
// family's words; others do.
func TestUnfinished(t *testing.T) {
	w := newWorld(t)
	w.put(t, "a", "r", "one", time.Now().UTC(), job("a", "r", "one", time.Now().UTC(), 3))
	busy, other := w.key(t, "a", access.Export), w.key(t, "a", access.Export)
	s := w.serve(t, nil)
	claimed := 0
	for n := 0; claimed < 100; n++ {
		if n == 1000 {
			t.Fatalf("%d of %d exports were claimed", claimed, n)
		}
		e := ledger.Export{ID: fmt.Sprintf("%032x", n), Key: 1, User: "a", Request: []byte(`{}`), Expires: time.Now().Add(time.Hour)}
		_, err := w.ledger.CreateExport(t.Context(), e, ledger.Token{Hash: ledger.Hash{1: byte(n), 2: byte(n >> 8)}, Export: e.ID, Key: 1, Expires: e.Expires}, ledger.AuditEntry{})
		fatal(t, err)
		if _, err := w.ledger.ClaimExport(t.Context(), e.ID, time.Now(), time.Hour); err == nil {
			claimed++ // before the queue did
		}
	}
	for _, q := range []request{
		{method: http.MethodPost, path: "/v1/exports", body: `{"format":"text","jobs":["one"]}`},
		{method: http.MethodPost, path: "/monitoring/executions/one/logs"},
	} {
		q.key = busy
		if got := s.do(t, q).want(t, http.StatusTooManyRequests); got.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", q.path)
		}
		q.key = other
		if got := s.do(t, q); got.status/100 != 2 {
			t.Errorf("%s for another key: %d %s", q.path, got.status, got.body)
		}
	}
}

// How many lines a file is going to have is only said where that is known: not
// where lines are chosen. What its file is in bytes is said of a ready one, also
// of an empty one.
func TestSizes(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	w.put(t, "a", "r", "one", at, job("a", "r", "one", at, 3))
	key, s := w.key(t, "a", access.Export), w.serve(t, nil)
	if m := s.createExport(t, key, `{"format":"text","jobs":["one"]}`); m.Size == nil || *m.Size != 3 {
		t.Errorf("size %v of all lines, want 3", m.Size)
	}
	var id string
	for _, chosen := range []string{
		`"max_lines":2`, `"since":"2026-11-21T00:00:00Z"`, `"until":"2026-11-19T00:00:00Z"`, `"level":"fatal"`,
	} {
		m := s.createExport(t, key, `{"format":"text","jobs":["one"],`+chosen+`}`)
		if m.Size != nil {
			t.Errorf("size %d with %s, want null", *m.Size, chosen)
		}
		id = m.ID
	}
	if m := s.createExport(t, key, `{"format":"csv","jobs":["one"]}`); m.Size == nil || *m.Size != 1 {
		t.Errorf("size %v of a row, want 1", m.Size)
	}
	for t.Context().Err() == nil {
		got := s.do(t, request{path: "/v1/exports/" + id, key: key}).want(t, http.StatusOK)
		if !strings.Contains(got.body, `"state":"ready"`) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if !strings.Contains(got.body, `"size":0,`) {
			t.Errorf("a ready export without lines is shown as %s, want its size 0", got.body)
		}
		return
	}
}

// A body that can't be read is refused in words of HTTP and JSON, not of Go.
func TestBodiesRefused(t *testing.T) {
	w := newWorld(t)
	key, s := w.key(t, "a", access.Export), w.serve(t, nil)
	for body, want := range map[string]string{
		`{"format":"text","level":7}`:          `the body: level can't be a JSON number`,
		`{"format":"text","jobs":"one"}`:       `the body: jobs can't be a JSON string`,
		`{"format":"csv","from":"2026-11-20"}`: `the body: \"2026-11-20\" is not an RFC 3339 time, such as 2026-11-21T18:00:00Z`,
		`{"format":"csv","form":1}`:            `the body: unknown field \"form\"`,
		`{"form`:                               `the body: the JSON ends too soon`,
		`[]`:                                   `the body: it can't be a JSON array`,
	} {
		got := s.do(t, request{method: http.MethodPost, path: "/v1/exports", key: key, body: body}).want(t, http.StatusBadRequest)
		if !strings.Contains(got.body, `"message":"`+want+`"`) {
			t.Errorf("POST %s: %s, want %s", body, got.body, want)
		}
	}
}
