package filesource_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/source/filesource"
)

// object is a record that names its file.
func object(name string) string { return fmt.Sprintf(`{"file":%q}`, name) }

func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		write(t, filepath.Join(dir, n), object(n), 0)
	}
	return dir
}

func TestDirectory(t *testing.T) {
	dir := tree(t, "b.json", "a/z.json", "a.json", "a/b/c.json", ".hidden.json", ".git/x.json", "a/.tmp~/x.json", "elsewhere/e.json")
	sub := filepath.Join(dir, "in")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"file": "../elsewhere/e.json", "loop": "..", "dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(sub, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(sub, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := read(t, filesource.Config{Path: dir}, nil)
	good, _ := out.data()
	want := []string{object("a.json"), object("a/b/c.json"), object("a/z.json"), object("b.json"), object("elsewhere/e.json"), object("elsewhere/e.json")}
	if diff := cmp.Diff(want, good); diff != "" {
		t.Errorf("records (-want +got)\n%s", diff)
	}
	wantErrs(t, "directory", out, filepath.Join(sub, "dangling"), filepath.Join(sub, "pipe")+": it is not a regular file (a named pipe)")
}

func TestGlob(t *testing.T) {
	dir := tree(t, "x1.json", "x2.json", "y.json", "x3/n.json", "[x].json")
	tests := []struct {
		pattern string
		want    []string
	}{
		{"x*", []string{"x1.json", "x2.json", "x3/n.json"}},
		{"x[12].json", []string{"x1.json", "x2.json"}},
		{"[x].json", []string{"[x].json"}},
	}
	for _, tt := range tests {
		out := read(t, filesource.Config{Path: filepath.Join(dir, tt.pattern)}, nil)
		var want []string
		for _, n := range tt.want {
			want = append(want, object(n))
		}
		wantData(t, tt.pattern, out, want, nil)
	}
}

// TestUnreadable goes on after a file that can't be opened.
func TestUnreadable(t *testing.T) {
	dir := tree(t, "a.json", "c.json")
	if err := os.WriteFile(filepath.Join(dir, "b.json"), []byte("{}"), 0o000); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // to whom nothing is forbidden: a link to itself can't be opened either
		_ = os.Remove(filepath.Join(dir, "b.json"))
		if err := os.Symlink("b.json", filepath.Join(dir, "b.json")); err != nil {
			t.Fatal(err)
		}
	}
	out := read(t, filesource.Config{Path: dir}, nil)
	wantErrs(t, "unreadable", out, filepath.Join(dir, "b.json"))
	wantData(t, "unreadable", out, []string{object("a.json"), object("c.json")}, nil)
}

// What can't be read is named once.
func TestUnreadableIsNamedOnce(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"none":  "no such file or directory",
		"none*": "no file matches: file does not exist",
		"[":     "syntax error in pattern",
	} {
		path := filepath.Join(dir, name)
		_, err := filesource.New(filesource.Config{Path: path, Budget: newBudget(1)})
		if want := "read " + path + ": " + want; err == nil || err.Error() != want {
			t.Errorf("New(%q) = %v, want %q", path, err, want)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	out := read(t, filesource.Config{Path: dir}, nil)
	wantErrs(t, "link", out, "read "+filepath.Join(dir, "link")+": no such file or directory")
}

func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(lines(a, b)+c[:9]), 0o600) }()
	out := read(t, filesource.Config{Path: path}, nil) //nolint:contextcheck // the test's own
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	wantData(t, "pipe", out, []string{a, b}, []string{c[:9]})
	if len(out.cursors) > 0 {
		t.Errorf("a pipe has cursors %v", out.cursors)
	}
}

// Where nobody writes to a pipe, the end of the context ends the waiting, and
// the pipe can be read afterwards.
func TestNamedPipeNobodyWritesTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := filesource.New(filesource.Config{Path: path, Budget: newBudget(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for rec, err := range s.Records(ctx, nil) {
		if rec != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a pipe without a writer yields %v, %v", rec, err)
		}
	}
	if ctx.Err() == nil {
		t.Error("a pipe without a writer was not waited for")
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(a), 0o600) }()
	wantData(t, "pipe", read(t, filesource.Config{Path: path}, nil), []string{a}, nil) //nolint:contextcheck // the test's own
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

// TestStdinIsLive wants each record as soon as it has been written, and the end
// as soon as the context ends.
func TestStdinIsLive(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := filesource.New(filesource.Config{Path: "-", Stdin: r, Budget: newBudget(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(w, a) //nolint:errcheck // the record tells
	n := 0
	for rec, err := range s.Records(ctx, nil) {
		if n == 2 {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after the context ended: %v, %v", rec, err)
			}
			n++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
		if n++; n == 1 {
			go io.WriteString(w, b) //nolint:errcheck // the record tells
		} else {
			cancel()
		}
	}
	if n != 3 {
		t.Errorf("yielded %d times, want two records and an error", n)
	}
}

// TestCancelledBudget ends while it waits for room.
func TestCancelledBudget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, lines(a, b, c), 0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bud := newBudget(1)
	s, err := filesource.New(filesource.Config{Path: path, Budget: bud})
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for rec, err := range s.Records(ctx, nil) {
		if last = err; err == nil {
			defer rec.Release()
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last error is %v, want context.Canceled", last)
	}
}

// TestVendorSamples reads the Workato samples in each way of storing them.
func TestVendorSamples(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "testdata", "records", "workato")
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no samples in %s: %v", dir, err)
	}
	var samples, good []string
	var pretty, ndjson strings.Builder
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		s := strings.TrimSpace(string(b))
		samples = append(samples, s)
		line := strings.ReplaceAll(s, "\n", " ")
		pretty.WriteString(s + "\n")
		ndjson.WriteString(line + "\n")
	}
	var bad []string
	for i, s := range samples {
		if n := filepath.Base(names[i]); strings.HasPrefix(n, "02-") || strings.HasPrefix(n, "03-") {
			bad = append(bad, s)
		} else {
			good = append(good, s)
		}
	}
	if len(bad) != 2 || len(good) != 51 {
		t.Fatalf("%d samples of which %d are broken, want 53 and 2", len(samples), len(bad))
	}
	wantData(t, "one a file", read(t, filesource.Config{Path: dir}, nil), good, bad)
	wantData(t, "one after the other", read(t, filesource.Config{Path: "-", Stdin: strings.NewReader(pretty.String())}, nil), good, bad)
	for _, list := range [][]string{good, bad} {
		for i, s := range list {
			list[i] = strings.ReplaceAll(s, "\n", " ")
		}
	}
	wantData(t, "as lines", read(t, filesource.Config{Path: "-", Stdin: strings.NewReader(ndjson.String())}, nil), good, bad)
}
