package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// The documentation has a line for each member of a schedule and of a policy, and
// for no other.
func TestEveryMemberIsDocumented(t *testing.T) {
	for section, members := range map[string][]string{"Schedules": config.Members(), "Policies": config.PolicyMembers()} {
		wantDocumented(t, section, members)
	}
}

func wantDocumented(t *testing.T, heading string, members []string) {
	t.Helper()
	_, section, ok := strings.Cut(documentation(t), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/configuration.md has no section %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for line := range strings.Lines(section) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			documented = append(documented, name)
		}
	}
	if diff := cmp.Diff(members, documented); diff != "" {
		t.Errorf("members in the section %s of docs/configuration.md (-want +got):\n%s", heading, diff)
	}
}

// Each example loads as it is, so that it can be copied.
func TestExamplesLoad(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for name, want := range map[string]int{"README.md": 1, "docs/configuration.md": 3, "docs/scheduling.md": 1} {
		examples := examplesOf(t, filepath.Join(root, filepath.FromSlash(name)))
		if len(examples) < want {
			t.Errorf("found %d examples in %s, want at least %d", len(examples), name, want)
		}
		for _, example := range examples {
			if _, _, err := config.Load(config.Options{File: write(t, example)}); err != nil {
				t.Errorf("Load of an example in %s: %v", name, err)
			}
		}
	}
}

// examplesOf is the blocks of YAML in a document.
func examplesOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		example, _, ok := strings.Cut(block, "```")
		if !ok {
			t.Fatalf("%s has a block that doesn't end", path)
		}
		examples = append(examples, example)
	}
	return examples
}

// The file that is deployed loads as it is, and with everything in it that is
// commented out: those are the lines with # and one space.
func TestDeployedFileLoads(t *testing.T) {
	path := filepath.Join("..", "..", "..", "deploy", "config.example.yaml")
	if c, _ := load(t, config.Options{File: path}); len(c.Retain.Policies) > 0 {
		t.Errorf("the deployed file has the policies %+v: whoever copies it would lose something", c.Retain.Policies)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range strings.Lines(string(text)) {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		all.WriteString(indent + strings.TrimPrefix(line[len(indent):], "# "))
	}
	c, _ := load(t, config.Options{File: write(t, all.String())})
	if len(c.Schedules) < 4 || c.Serve.URL == "" || len(c.Archive.Sources) < 2 || len(c.Retain.Policies) < 2 {
		t.Errorf("the deployed file has %+v, want schedules, serve, sources and policies in comments", c)
	}
}
