package metrics_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// alerts is the part of Prometheus' rule files that ours uses.
type alerts struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      struct{ Severity string }
	Annotations struct{ Summary, Description string }
}

const alertsFile = "../../../deploy/alerts.yaml"

func rules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file alerts
	d, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(&file); err != nil {
		t.Fatalf("%s: %v", alertsFile, err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 15 {
		t.Fatalf("%s: %d rules", alertsFile, len(all))
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\blogstow_[a-z_]+`)
	matcher    = regexp.MustCompile(`(\w+)(=~|=)"([^"]*)"`)
	used       = regexp.MustCompile(`\$labels\.(\w+)`)
)

// What an alert is about must be told under that name, or it never fires.
func TestAlertsAreOfWhatIsTold(t *testing.T) {
	text := scrape(t, filled(t))
	told := names(text)
	for _, r := range rules(t) {
		of := metricName.FindAllString(r.Expr, -1)
		if len(of) == 0 {
			t.Errorf("%s is of no metric: %s", r.Alert, r.Expr)
		}
		for _, name := range of {
			if !told[name] {
				t.Errorf("%s is of %s, which nobody tells", r.Alert, name)
			}
		}
		for _, m := range matcher.FindAllStringSubmatch(r.Expr, -1) {
			for value := range strings.SplitSeq(m[3], "|") {
				if want := m[1] + `="` + strings.TrimSuffix(value, ".*"); !strings.Contains(text, want) {
					t.Errorf("%s is of %s, which nothing has", r.Alert, want)
				}
			}
		}
		for _, m := range used.FindAllStringSubmatch(r.Annotations.Summary+r.Annotations.Description, -1) {
			if m[1] != "instance" && !strings.Contains(text, of[0]+"{"+m[1]+"=") && !strings.Contains(text, ","+m[1]+`="`) {
				t.Errorf("%s names the label %s, which %s has not", r.Alert, m[1], of[0])
			}
		}
	}
}

// Whoever is woken up must be told what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	var seen []string
	for _, r := range rules(t) {
		if r.Alert == "" || slices.Contains(seen, r.Alert) {
			t.Errorf("alert %q has no name of its own", r.Alert)
		}
		seen = append(seen, r.Alert)
		if d, err := time.ParseDuration(r.For); err != nil || d < time.Minute {
			t.Errorf("%s: for: %q, want a minute at least", r.Alert, r.For)
		}
		if r.Labels.Severity != "warning" && r.Labels.Severity != "critical" {
			t.Errorf("%s: severity %q", r.Alert, r.Labels.Severity)
		}
		if r.Annotations.Summary == "" || len(r.Annotations.Description) < 60 {
			t.Errorf("%s doesn't say what is wrong, and what to do about it", r.Alert)
		}
	}
}

// Every number is described where operators look, and so is every alert.
func TestOperationsTellsEveryNumber(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range names(scrape(t, filled(t))) {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if strings.HasPrefix(name, "logstow_") && !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/operations.md says nothing of %s", name)
		}
	}
	for _, r := range rules(t) {
		if !strings.Contains(string(text), "`"+r.Alert+"`") {
			t.Errorf("docs/operations.md says nothing of %s", r.Alert)
		}
	}
}
