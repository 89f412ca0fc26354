package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"logstow/cmd/internal/config"
)

// Whatever the file holds, Load gives a valid configuration or says where it
// is wrong.
func FuzzFile(f *testing.F) {
	f.Add(everything)
	f.Add("archive: &a {sources: [*a, - x], <<: *a}\n")
	f.Add("? {a: b}\n: [c]\n---\n...\n")
	f.Add("archive: {types: [job, [log]], fields: {user_id: a..b}}")
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, provenance, err := config.Load(config.Options{File: path})
		if err == nil {
			if len(provenance) == 0 || c.Archive.MaxFileSize < 1 || c.Archive.Detail == "" || c.Log.Format == "" {
				t.Errorf("Load gave %+v from %v", c, provenance)
			}
			return
		}
		var e *config.Error
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("Load: %v (%T), want a *config.Error with problems", err, err)
		}
		for _, p := range e.Problems {
			if !strings.HasPrefix(p.Where, path) || p.Reason == "" || strings.ContainsAny(p.String(), "\n\x1b") {
				t.Errorf("problem %+v says %q", p, p)
			}
		}
	})
}
