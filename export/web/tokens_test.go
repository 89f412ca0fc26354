package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/export/access"
)

func TestTokens(t *testing.T) {
	s, key, m, _ := filled(t, nil)
	post := func(path, key, body string) reply {
		return s.do(t, request{method: http.MethodPost, path: path, key: key, body: body})
	}
	body := fmt.Sprintf(`{"token":%q}`, m.Token)
	second := s.key(t, "a", access.Export)
	for _, tt := range []struct {
		what, path, key, body string
		status                int
	}{
		{"another key of the user", "/v1/tokens/resolve", second, body, http.StatusNotFound},
		{"another key revokes", "/v1/tokens/revoke", second, body, http.StatusNotFound},
		{"nothing", "/v1/tokens/resolve", key, `{}`, http.StatusBadRequest},
		{"a number", "/v1/tokens/revoke", key, `{"token":"#1"}`, http.StatusBadRequest},
		{"rubbish", "/v1/tokens/resolve", key, `{"token":"x"}`, http.StatusNotFound},
		{"a member too many", "/v1/tokens/resolve", key, `{"token":"x","y":1}`, http.StatusBadRequest},
		{"two values", "/v1/tokens/resolve", key, body + body, http.StatusBadRequest},
		{"no JSON", "/v1/tokens/resolve", key, m.Token, http.StatusBadRequest},
		{"its own", "/v1/tokens/resolve", key, body, http.StatusOK},
		{"revoked", "/v1/tokens/revoke", key, body, http.StatusOK},
		{"after that", "/v1/tokens/resolve", key, body, http.StatusGone},
		{"revoked again", "/v1/tokens/revoke", key, body, http.StatusOK},
	} {
		if got := post(tt.path, tt.key, tt.body); got.status != tt.status || strings.Contains(got.body, m.Token) {
			t.Errorf("%s: %d %s, want %d", tt.what, got.status, got.body, tt.status)
		}
	}
}

func TestCancel(t *testing.T) {
	s, key, m, _ := filled(t, nil)
	admin, export := s.key(t, "", access.Export, access.Admin), s.key(t, "", access.Export)
	path := "/v1/exports/" + m.ID
	s.do(t, request{path: path, key: admin}).want(t, http.StatusOK)
	s.do(t, request{method: http.MethodDelete, path: path, key: export}).want(t, http.StatusNotFound)
	list := s.do(t, request{path: "/v1/exports?state=ready", key: export}).want(t, http.StatusOK)
	if strings.Contains(list.body, m.ID) {
		t.Errorf("another key lists the export: %s", list.body)
	}
	if list = s.do(t, request{path: "/v1/exports?state=ready", key: key}).want(t, http.StatusOK); !strings.Contains(list.body, m.ID) {
		t.Errorf("its own key doesn't list the export: %s", list.body)
	}
	got := s.do(t, request{method: http.MethodDelete, path: path, key: key}).want(t, http.StatusOK)
	if !strings.Contains(got.body, `"state":"cancelled"`) {
		t.Errorf("cancelled: %s", got.body)
	}
	if a := s.resolve(t, key, m.Token); a.status/100 != 4 {
		t.Errorf("the token of a cancelled export: %d %s", a.status, a.body)
	}
	entries, err := s.ledger.AuditLog(t.Context(), ledger.AuditQuery{})
	fatal(t, err)
	var actions []string
	for _, e := range entries {
		actions = append(actions, e.Action+" "+e.Job)
	}
	if got := strings.Join(actions, ", "); !strings.Contains(got, "cancel one") || !strings.Contains(got, "export one") {
		t.Errorf("the audit log has %s", got)
	}
}

func TestExportsPageByPage(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key, other := w.key(t, "a", access.Export), w.key(t, "a", access.Export)
	var want []string
	for range 7 {
		want = append([]string{s.createExport(t, key, `{"format":"csv"}`).ID}, want...)
		s.createExport(t, other, `{"format":"csv"}`)
	}
	var got []string
	cursor := ""
	for {
		var page struct {
			Exports []made `json:"exports"`
			Next    string `json:"next_cursor"`
		}
		a := s.do(t, request{path: query("/v1/exports", "limit", "3", "cursor", cursor), key: key}).want(t, http.StatusOK)
		fatal(t, json.Unmarshal([]byte(a.body), &page))
		for _, e := range page.Exports {
			got = append(got, e.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed %q, want %q", got, want)
	}
	s.do(t, request{path: "/v1/exports?cursor=x", key: key}).want(t, http.StatusBadRequest)
}
