package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/export/access"
	"logstow/export/web"
)

// Whoever has many addresses makes no more records with them, and can't hide
// what was refused to a key.
func TestRefusalsOfManyAddresses(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "a", access.Read)
	const addresses = 3 * web.MaxRefusals
	ask := func(remote, key string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/exports", http.NoBody)
		if r.RemoteAddr = remote; key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		s.server.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	for i := range addresses {
		ask(fmt.Sprintf("[2001:db8:0:%x::1]:80", i), "")
	}
	ask("192.0.2.1:80", key)
	fatal(t, s.stop())
	entries, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{})
	fatal(t, err)
	counts, records := map[bool]int{}, 0 // whether there was a key
	for _, e := range entries {
		if e.Action != "refused" {
			continue
		}
		records++
		number, _, _ := strings.Cut(e.Detail, " ")
		n, err := strconv.Atoi(number)
		fatal(t, err)
		counts[e.Key != 0] += n
	}
	if records > web.MaxRefusals+2 || counts[false] != addresses || counts[true] != 1 {
		t.Errorf("%d records count %v, want %d without a key and one with", records, counts, addresses)
	}
}
