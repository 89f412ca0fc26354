package web_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"logstow/archive/ledger"
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
