package export_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/export"
)

// unzipped is the content of every file of an archive, by name. A name may be
// there only once.
func unzipped(t *testing.T, archive string) map[string]string {
	t.Helper()
	r, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(content)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if _, twice := files[f.Name]; twice {
			t.Errorf("%s is in the archive twice", f.Name)
		}
		files[f.Name] = string(b)
	}
	return files
}

func TestZipHasEveryVersionExactly(t *testing.T) {
	day := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	first := numbered("u", "r_x", "j", "ok", day, "first")
	second := numbered("u", "r_x", "j", "ok", day, "second")
	later := numbered("u", "r_x", "j", "ok", day.AddDate(0, 0, 1), "best")
	long := numbered("u", "r", "long", "ok", day, strings.Repeat("long ", 500_000))
	w := newWorld(t)
	w.add(first, later, numbered("u", "r", "x_j", "ok", day, "other"))
	w.revise(second)
	w.addCapped(long, w.cappedForm(long), true)
	files := unzipped(t, w.write(export.Request{Format: export.Zip}))
	got := map[string]int{}
	for _, content := range files {
		got[content]++
	}
	want := map[string]int{first: 1, second: 1, later: 1, long: 1, numbered("u", "r", "x_j", "ok", day, "other"): 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contents (-want +got):\n%.2000s", diff)
	}
	for _, name := range []string{"u/jobs/r_x/r_x_j.json", "u/jobs/r/r_x_j.json", "u/jobs/r/r_long.json"} {
		if files[name] == "" {
			t.Errorf("the archive has no %s", name)
		}
	}
	if files["u/jobs/r_x/r_x_j.json"] != later {
		t.Errorf("the plain name has %s, want the best version", files["u/jobs/r_x/r_x_j.json"])
	}
}

func TestZipNamesStayInside(t *testing.T) {
	w := newWorld(t)
	ids := []string{"..", ".", "../../etc/passwd", `C:\x`, "a b", "nul\x01", "_x", "é", "~", "%2e%2e", "con"}
	for i, id := range ids {
		w.add(numbered(id, ids[(i+1)%len(ids)], ids[(i+2)%len(ids)], "ok", time.Unix(1e9, 0).UTC(), "t"))
	}
	files := unzipped(t, w.write(export.Request{Format: export.Zip}))
	if len(files) != len(ids) {
		t.Errorf("%d files, want %d", len(files), len(ids))
	}
	for name := range files {
		if !filepath.IsLocal(name) || strings.Count(name, "/") != 3 || strings.ContainsAny(name, "\\: ") {
			t.Errorf("the archive has a file called %q", name)
		}
	}
}

// An archive of more files than 16 bits count, and one that begins beyond what
// 32 bits count, are read by others: Go's reader, and Python's.
func TestZip64(t *testing.T) {
	t.Run("files", func(t *testing.T) { testZip64(t, 0, 70_000) })
	t.Run("offset", func(t *testing.T) { testZip64(t, 5<<30, 100) })
}

func testZip64(t *testing.T, offset int64, files int) {
	path := filepath.Join(t.TempDir(), "large.zip")
	f, err := os.Create(path) // mostly a hole
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = export.WriteZip(&b, uint64(offset), files, func(i int) (string, string) { return fmt.Sprintf("f/%d", i), fmt.Sprint(i) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(f, offset+int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != files {
		t.Fatalf("%d files, want %d", len(r.File), files)
	}
	for _, i := range []int{0, 1, 65_534 % files, 65_535 % files, files - 1} {
		content, err := r.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		if name := fmt.Sprintf("f/%d", i); r.File[i].Name != name || string(got) != fmt.Sprint(i) || err != nil {
			t.Errorf("file %d is %s with %q, %v", i, r.File[i].Name, got, err)
		}
	}
	script := "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(len(z.namelist()), z.read(z.namelist()[-1]).decode())"
	if got := python(t, "-c", script, path); got != fmt.Sprintln(files, files-1) {
		t.Errorf("Python reads %q", got)
	}
}

// python is what python3 prints. Where there is none the test is skipped,
// unless it may not be.
func python(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("LOGSTOW_NO_SKIP") != "" {
			t.Fatal("python3 is not installed")
		}
		t.Skip("python3 is not installed: what runs with it was not tried")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8:backslashreplace")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("python3: %v", err)
	}
	return string(out)
}
