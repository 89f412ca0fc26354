package gateway_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"logstow/archive/store/storetest/gateway"
)

// TestServerLivesUntilClose also shows that its data outlives it.
func TestServerLivesUntilClose(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		g, err := gateway.StartIn(t.Context(), dir, gateway.Options{Versioning: true})
		if err != nil {
			t.Fatalf("StartIn: %v", err)
		}
		resp, err := http.Get(g.Endpoint)
		if err != nil {
			t.Fatalf("GET %s: %v", g.Endpoint, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("GET %s without credentials: %s, want 403", g.Endpoint, resp.Status)
		}
		if _, err := os.Stat(filepath.Join(g.Data, "logstow")); err != nil {
			t.Errorf("the bucket's directory: %v", err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if resp, err := http.Get(g.Endpoint); err == nil {
			t.Errorf("GET %s after Close: %s, want no answer", g.Endpoint, resp.Status)
		}
	}
}
