package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"logstow/cmd/bench/corpus"
	"logstow/cmd/bench/nulls3"
)

// program names the environment variable that makes this test program be
// bench, for what bench starts itself again for.
const program = "LOGSTOW_BENCH_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		main()
		return
	}
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		_ = os.RemoveAll(dir) // the tests are over
	}
	os.Exit(code)
}

// programs builds logstow and bench, once for all tests. They are built without
// the race detector, even where the tests have it: bench's parts are loops, which
// it makes many times slower; the tests of nulls3 and corpus have it.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "logstow-bench-test-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir, "logstow/cmd/logstow", "logstow/cmd/bench")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	return dir, nil
})

// runBench runs bench and returns what it prints.
func runBench(t *testing.T, args ...string) []byte {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bench"), append([]string{"-dir", diskDir(t), "-logstow", filepath.Join(dir, "logstow")}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// diskDir is a temporary folder that bench takes: not one in memory.
func diskDir(t *testing.T) string {
	t.Helper()
	if dir := t.TempDir(); checkDisk(dir) == nil {
		return dir
	}
	dir, err := os.MkdirTemp(".", "bench-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Bench says itself whether each record arrived once. No figure is looked at.
func TestQuick(t *testing.T) {
	out := runBench(t, "-quick", "-json", "-only", "null")
	var got struct {
		Records corpus.Stats
		Results []result
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("bench -json printed %s: %v", out, err)
	}
	if got.Records.Jobs != 10_000 {
		t.Errorf("bench made %d records, want 10,000", got.Records.Jobs)
	}
	if len(got.Results) != 1 || len(got.Results[0].Runs) != 1 {
		t.Fatalf("bench printed %s, want one run of one target", out)
	}
	if s := got.Results[0].Runs[0]; s.Objects != 10_000 || s.Bytes != got.Records.Bytes || s.CPU <= 0 || s.RSS <= 0 || s.ServerCPU <= 0 {
		t.Errorf("the run is %+v, want 10,000 objects and what they took", s)
	}
}

func TestProgramsThatAreNotInstalledAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, t2 := range targets() {
		if t2.absent != nil { // which another test is for
			continue
		}
		want := ""
		if t2.program != "" {
			want = t2.program + " is not installed"
		}
		if got := missing(t2, &bench{}); got != want {
			t.Errorf("target %s: missing() = %q, want %q", t2.name, got, want)
		}
	}
	var b bytes.Buffer
	if err := printTables(&b, corpus.Stats{}, []result{{Target: "rclone", Err: "rclone is not installed"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "rclone is not installed") {
		t.Errorf("the table does not say what is absent:\n%s", b.String())
	}
}

// Every target that needs no other program runs, but for the long end of the
// curve. A machine may have no folder in memory that is fit, and must say so.
func TestEveryTargetRuns(t *testing.T) {
	var names []string
	for _, name := range targetNames(false) {
		if name != "curve-100k" && name != "curve-1m" && name != "curve-10m" {
			names = append(names, name)
		}
	}
	out := runBench(t, "-jobs", "200", "-runs", "1", "-large", "50000000", "-lines", "1000", "-listed", "500", "-looked", "300",
		"-expired", "300", "-json", "-only", strings.Join(names, ","))
	var got struct {
		Records corpus.Stats
		Results []result
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("bench -json printed %s: %v", out, err)
	}
	if got.Records.Jobs != 200 || len(got.Results) != len(names) {
		t.Fatalf("bench measured %d records and %d targets, want 200 and %d", got.Records.Jobs, len(got.Results), len(names))
	}
	for i, r := range got.Results {
		known := targets()[slices.IndexFunc(targets(), func(t target) bool { return t.name == names[i] })]
		switch {
		case r.Target != names[i]:
			t.Errorf("result %d is of %s, want %s", i, r.Target, names[i])
		case r.Err != "" && known.absent == nil:
			t.Errorf("%s is absent: %s", r.Target, r.Err)
		case r.Err == "" && len(r.Runs) != 1:
			t.Errorf("%s ran %d times, want 1", r.Target, len(r.Runs))
		case r.Err != "" && len(r.Runs) > 0:
			t.Errorf("%s is absent (%s), although it ran", r.Target, r.Err)
		}
	}
	// What is archived already is not asked of the store.
	again := got.Results[slices.Index(names, "rerun")].Runs[0]
	first := got.Results[slices.Index(names, "null")].Runs[0]
	if again.Requests > 0 || first.Requests < 200 || first.Connections < 1 {
		t.Errorf("the run made %d requests over %d connections, the second one %d; want at least 200 requests, and then none",
			first.Requests, first.Connections, again.Requests)
	}
	var table bytes.Buffer
	if err := printTables(&table, got.Records, got.Results); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.Contains(table.String(), "\n"+name+" ") {
			t.Errorf("the table has no row of %s:\n%s", name, table.String())
		}
	}
}

// Targets run by turns, each as often as asked, but for those that are long.
func TestRuns(t *testing.T) {
	out := runBench(t, "-jobs", "100", "-listed", "50", "-expired", "100", "-runs", "2", "-json", "-only", "own,expire")
	var got struct{ Results []result }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("bench -json printed %s: %v", out, err)
	}
	if len(got.Results) != 2 || len(got.Results[0].Runs) != 2 || len(got.Results[1].Runs) != 1 {
		t.Errorf("bench printed %s, want two runs of one target and one of the other", out)
	}
}

// What the records of the second of two runs cost the store is asked of the
// server: a run that puts again what is there would be seen.
func TestNullReportHolds(t *testing.T) {
	all := nulls3.Stats{Puts: 6, Exist: 1}
	for _, c := range []struct {
		what   string
		report nullReport
		holds  bool
	}{
		{"all, and what the store was tried with", nullReport{all, 6}, true},
		{"all alone", nullReport{nulls3.Stats{Puts: 5}, 5}, true},
		{"one too few", nullReport{nulls3.Stats{Puts: 4}, 4}, false},
		{"two too many", nullReport{nulls3.Stats{Puts: 7}, 7}, false},
		{"one put again", nullReport{nulls3.Stats{Puts: 6, Replaced: 1}, 5}, false},
		{"two tried again", nullReport{nulls3.Stats{Puts: 5, Exist: 2}, 5}, false},
		{"one refused", nullReport{nulls3.Stats{Puts: 5, Refused: 1}, 5}, false},
	} {
		if err := c.report.holds(5); (err == nil) != c.holds {
			t.Errorf("%s: holds(5) = %v, want it to hold: %v", c.what, err, c.holds)
		}
	}
}

// What can't be measured on a machine is said, not made up.
func TestAbsentTargetsSayWhy(t *testing.T) {
	b := &bench{cache: t.TempDir(), curve: 100_000, memory: diskDir(t)}
	for _, c := range []struct{ got, want string }{
		{tooLong(1_000_000)(b), "-curve 1000000 measures it"},
		{tooLong(100)(b), ""},
		{tooLong(1 << 50)(&bench{cache: b.cache, curve: 1 << 50}), "MB of disk"},
		{tooLong(100)(&bench{cache: filepath.Join(b.cache, "none"), curve: 100}), "no such file"},
		{noMemory(b), "not in memory"},
		{noMemory(&bench{memory: filepath.Join(b.cache, "none")}), "no folder in memory"},
	} {
		if !strings.Contains(c.got, c.want) || c.want == "" && c.got != "" {
			t.Errorf("a target is absent because %q, want %q", c.got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{1, 2}, 1.5}, {[]float64{1, 2, 9}, 2}} {
		if got := median(c.all); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.all, got, c.want)
		}
	}
}

// The null server's count must be held against the records: one too few or a
// second put is no measurement.
func TestWithNullCountsObjects(t *testing.T) {
	t.Setenv(program, "1")
	b := &bench{}
	_, err := b.withNull(t.Context(), 0, 5, func(*nullServer) (sample, error) { return sample{}, nil })
	if err == nil || !strings.Contains(err.Error(), "has 0 objects") {
		t.Errorf("withNull with nothing put: %v, want an error that says so", err)
	}
}

func TestUsageMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-jobs 0", "at least 1"},
		{"-listed 49", "at least 50"},
		{"-only nul", `unknown target "nul"`},
		{"nothing", `unknown part "nothing"`},
		{"-json extra", `unexpected argument "extra"`},
		{"-logstow " + filepath.Join(t.TempDir(), "none"), "the program to measure"},
	} {
		err := run(t.Context(), append([]string{}, strings.Fields(c.args)...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("bench %s: %v, want an error with %q", c.args, err, c.want)
		}
	}
}
