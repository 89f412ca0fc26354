package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"logstow/cmd/bench/corpus"
)

// program names the environment variable that makes this test program be
// bench, for what bench starts itself again for.
const program = "LOGSTOW_BENCH_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// runBench runs bench with its program built anew, and returns what it prints.
func runBench(t *testing.T, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "logstow")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "logstow/cmd/logstow")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"-dir", diskDir(t), "-logstow", binary}, args...)...)
	cmd.Env = append(os.Environ(), program+"=1")
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
		want := ""
		if t2.program != "" {
			want = t2.program + " is not installed"
		}
		if got := missing(t2); got != want {
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

func TestEveryTargetRuns(t *testing.T) {
	out := runBench(t, "-jobs", "200", "-runs", "2", "-large", "50000000", "-lines", "1000", "-listed", "500", "-looked", "300", "-expired", "300",
		"-only", "null,sdk,rerun,gateway,dir,tree,lines,string,text,json,resolve,first-page,thousandth-page,lookup,lookup-alone,"+
			"compact,compact-gateway,gzip,expire")
	for _, want := range []string{
		"200 records", "\nnull ", "\nsdk ", "\nrerun ", "\ngateway ", "\ndir ", "\ntree ", "\nlines ", "\nstring ",
		"\ntext ", "\njson ", "\nresolve ", "\nfirst-page ", "\nthousandth-page ", "\nlookup ", "\nlookup-alone ",
		"\ncompact ", "\ncompact-gateway ", "\ngzip ", "\nexpire ",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("bench printed no %q:\n%s", want, out)
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
	_, err := b.withNull(t.Context(), 5, func(*nullServer) (sample, error) { return sample{}, nil })
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
