package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"logstow/cmd/internal/config"
)

func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every key has its line in the documentation, with its variable, flag and
// default.
func TestEveryKeyIsDocumented(t *testing.T) {
	text := documentation(t)
	keys := config.Keys()
	if len(keys) < 20 {
		t.Fatalf("only %d keys", len(keys))
	}
	for _, k := range keys {
		line := "| `" + k.Name + "` | `" + k.Variable + "` |"
		if strings.HasPrefix(k.Flag, "--") {
			line += " `" + k.Flag + "` |"
		}
		if !strings.Contains(text, line) {
			t.Errorf("docs/configuration.md has no line that begins %q", line)
		}
		if k.Default != "" && !strings.Contains(text, "| `"+k.Default+"` |") {
			t.Errorf("docs/configuration.md doesn't name the default %q of %s", k.Default, k.Name)
		}
	}
}

// The documentation names no key that isn't there.
func TestEveryDocumentedKeyIsThere(t *testing.T) {
	known := map[string]bool{}
	for _, k := range config.Keys() {
		known[k.Name] = true
	}
	for line := range strings.Lines(documentation(t)) {
		rest, ok := strings.CutPrefix(line, "| `")
		name, _, found := strings.Cut(rest, "`")
		if ok && found && strings.Contains(line, "`LOGSTOW_") && !known[name] {
			t.Errorf("docs/configuration.md names the key %s, which doesn't exist", name)
		}
	}
}

// What the examples say must load.
func TestExamplesLoad(t *testing.T) {
	text := documentation(t)
	_, rest, ok := strings.Cut(text, "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !ok || !found {
		t.Fatal("docs/configuration.md has no example")
	}
	deployed := filepath.Join("..", "..", "..", "deploy", "config.example.yaml")
	for _, path := range []string{write(t, example), deployed} {
		if _, _, err := config.Load(config.Options{File: path}); err != nil {
			t.Errorf("Load: %v", err)
		}
	}
}
