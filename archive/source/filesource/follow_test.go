package filesource_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/source/filesource"
)

func wantData(t *testing.T, what string, out outcome, good, broken []string) {
	t.Helper()
	g, b := out.data()
	if diff := cmp.Diff(good, g); diff != "" {
		t.Errorf("%s: records (-want +got)\n%s", what, diff)
	}
	if diff := cmp.Diff(broken, b); diff != "" {
		t.Errorf("%s: broken (-want +got)\n%s", what, diff)
	}
}

func wantErrs(t *testing.T, what string, out outcome, parts ...string) {
	t.Helper()
	if len(out.errs) != len(parts) {
		t.Fatalf("%s: errors %q, want %d", what, out.errs, len(parts))
	}
	for i, p := range parts {
		if !strings.Contains(out.errs[i], p) {
			t.Errorf("%s: error %q does not say %q", what, out.errs[i], p)
		}
	}
}

// TestIncompleteTail waits for the rest of a record, and gives up when the file
// stays as it is.
func TestIncompleteTail(t *testing.T) {
	for name, pack := range compressions() {
		for _, spool := range []int64{0, 1} {
			path := filepath.Join(t.TempDir(), "f")
			conf := filesource.Config{Path: path, SpoolSize: spool}
			write(t, path, pack(a+"\n"+b[:10]), time.Hour)
			out := read(t, conf, nil)
			wantData(t, name+", half a record", out, []string{a}, nil)
			out = read(t, conf, out.cursors)
			wantData(t, name+", half a record again", out, nil, nil)
			write(t, path, pack(a+"\n"+b+"\n"+c[:20]), time.Hour)
			out = read(t, conf, out.cursors)
			wantData(t, name+", the rest", out, []string{b}, nil)

			old := time.Now().Add(-25 * time.Hour)
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
			out = read(t, conf, out.cursors)
			wantErrs(t, name, out)
			wantData(t, name+", given up", out, nil, []string{c[:20]})
			if r := out.records[0]; !strings.HasPrefix(r.Broken, "incomplete: the file ends inside the record") {
				t.Errorf("%s: broken because of %q", name, r.Broken)
			}
			out = read(t, conf, out.cursors)
			wantData(t, name+", after that", out, nil, nil)
		}
	}
}

// TestIncompleteHidesRecords gives up on a value that took whole records in.
func TestIncompleteHidesRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "{\"x\":[\n"+a+",\n"+b, 48*time.Hour)
	out := read(t, filesource.Config{Path: path}, nil)
	wantData(t, "stale", out, []string{a, b}, []string{`{"x":[`, ","})
}

func TestNumberAtEndWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "12", 0)
	out := read(t, filesource.Config{Path: path}, nil)
	wantData(t, "fresh", out, nil, nil)
	write(t, path, "123", 48*time.Hour)
	out = read(t, filesource.Config{Path: path}, out.cursors)
	wantData(t, "stale", out, nil, []string{"123"})
}

// TestCutStream cuts a compressed file everywhere.
func TestCutStream(t *testing.T) {
	text := lines(a, b, c, d)
	for name, pack := range compressions() {
		if name == "plain" {
			continue
		}
		packed := pack(text)
		for cut := 4; cut < len(packed); cut++ {
			path := filepath.Join(t.TempDir(), "f")
			write(t, path, packed[:cut], 0)
			out := read(t, filesource.Config{Path: path}, nil)
			wantErrs(t, fmt.Sprintf("%s cut at %d", name, cut), out)
			_, broken := out.data()
			write(t, path, packed, 0)
			rest := read(t, filesource.Config{Path: path}, out.cursors)
			good, more := rest.data()
			first, _ := out.data()
			if diff := cmp.Diff([]string{a, b, c, d}, append(first, good...)); diff != "" || len(broken)+len(more) > 0 {
				t.Fatalf("%s cut at %d, then whole (-want +got)\n%s\nbroken %q %q", name, cut, diff, broken, more)
			}
		}
	}
}

func TestDamagedStream(t *testing.T) {
	for _, name := range []string{"gzip", "zstd"} {
		packed := []byte(compressions()[name](lines(a, b)))
		packed[len(packed)-2] ^= 0x40 // in the checksum, or the size
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, string(packed), 0)
		out := read(t, filesource.Config{Path: path}, nil)
		wantErrs(t, name, out, path)
		write(t, path, string(packed[:len(packed)-9]), 48*time.Hour)
		out = read(t, filesource.Config{Path: path}, nil)
		wantErrs(t, name+" cut short long ago", out, "ends early")
		out = read(t, filesource.Config{Path: path}, out.cursors)
		wantErrs(t, name+" cut short, once more", out)
	}
}

func TestRotation(t *testing.T) {
	big := make([]string, 3000)
	for i := range big {
		big[i] = fmt.Sprintf(`{"id":%d,"p":"%s"}`, i, strings.Repeat("q", i%90))
	}
	text := lines(big...)
	setUp := func(t *testing.T, content string) (dir, path string, out outcome) {
		dir = t.TempDir()
		path = filepath.Join(dir, "app.log")
		write(t, path, content, 0)
		return dir, path, read(t, filesource.Config{Path: dir}, nil)
	}
	t.Run("rename", func(t *testing.T) {
		dir, path, out := setUp(t, text+b[:5])
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		write(t, path+".1", text+b+"\n", 0)
		write(t, path, lines(a), 0)
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "rename", out)
		wantData(t, "rename", out, []string{a, b}, nil)
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "after rename", out)
		wantData(t, "after rename", out, nil, nil)
	})
	t.Run("rename without a new file", func(t *testing.T) {
		dir, path, out := setUp(t, text+b[:5])
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			out = read(t, filesource.Config{Path: dir}, out.cursors)
			wantErrs(t, "rename", out)
			wantData(t, "rename", out, nil, nil)
		}
		if _, ok := out.cursors[path]; ok {
			t.Error("the old name is not forgotten")
		}
	})
	t.Run("copy and truncate", func(t *testing.T) {
		dir, path, out := setUp(t, text+b[:5])
		write(t, path+".1", text+b+"\n", 0)
		longer := lines(c, d) + text
		write(t, path, longer, 0)
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "copy", out)
		good, _ := out.data()
		if want := 2 + len(big) + len(big) + 1; len(good) != want || good[0] != c || good[1] != d {
			t.Errorf("%d records after copy and truncation, the first %.60q, want %d", len(good), good[:min(2, len(good))], want)
		}
	})
	t.Run("same start, other middle", func(t *testing.T) {
		dir, path, out := setUp(t, text)
		write(t, path, strings.Replace(text, "{\"id\":2999,", "{\"id\":2998,", 1), 0)
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		if good, _ := out.data(); len(good) != len(big) {
			t.Errorf("%d records of a file with another end, want all %d", len(good), len(big))
		}
	})
	t.Run("vanished", func(t *testing.T) {
		dir, path, out := setUp(t, text+b[:5])
		write(t, filepath.Join(dir, "other"), a, 0)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "vanished", out, path+" vanished")
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "vanished, again", out)
	})
	t.Run("truncated with unread bytes", func(t *testing.T) {
		dir, path, out := setUp(t, text+b[:5])
		write(t, path, "", 0)
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "truncated", out, path+" was truncated")
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantErrs(t, "truncated, again", out)
	})
	t.Run("read to its end, then removed", func(t *testing.T) {
		dir, path, out := setUp(t, text)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		wantErrs(t, "removed", read(t, filesource.Config{Path: dir}, out.cursors))
	})
	t.Run("compressed and renamed", func(t *testing.T) {
		dir, path, _ := setUp(t, "")
		write(t, path+".1.gz", compressions()["gzip"](text), time.Hour)
		out := read(t, filesource.Config{Path: dir}, nil)
		if err := os.Rename(path+".1.gz", path+".2.gz"); err != nil {
			t.Fatal(err)
		}
		out = read(t, filesource.Config{Path: dir}, out.cursors)
		wantData(t, "renamed", out, nil, nil)
	})
}

// TestEveryCursor goes on from each cursor of a run, as after a crash.
func TestEveryCursor(t *testing.T) {
	var in strings.Builder
	in.WriteString("[\n")
	var all []string
	for i := range 4000 {
		rec := fmt.Sprintf("{\"id\":%d,\"p\":\"%s\"}", i, strings.Repeat("r", i%300*3))
		if i%7 == 0 {
			rec = fmt.Sprintf("{\n \"id\": %d\n}", i)
		}
		all = append(all, rec)
		in.WriteString(rec + ",\n")
	}
	in.WriteString("{}]\n")
	all = append(all, "{}")
	for name, pack := range compressions() {
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, pack(in.String()), 0)
		s, err := filesource.New(filesource.Config{Path: path, Budget: newBudget(1 << 30)})
		if err != nil {
			t.Fatal(err)
		}
		n, cursors := 0, 0
		for rec, err := range s.Records(t.Context(), nil) {
			if err != nil || rec.Data == nil {
				t.Fatal(rec, err)
			}
			rec.Release()
			n++
			if rec.Cursor == nil {
				continue
			}
			cursors++
			out := read(t, filesource.Config{Path: path}, map[string]string{path: rec.Cursor.Value})
			good, broken := out.data()
			if diff := cmp.Diff(all[n:], good, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" || len(broken) > 0 {
				t.Fatalf("%s, from the cursor after record %d: (-want +got)\n%s%q", name, n, diff, broken)
			}
		}
		if n != len(all) || cursors < 4 {
			t.Errorf("%s: %d records with %d cursors, want %d with some", name, n, cursors, len(all))
		}
	}
}

// TestBrokenTail keeps a broken record whole that is still being written.
func TestBrokenTail(t *testing.T) {
	const line = `{"id":1,, "text":[1,2]}`
	const pretty = "{\n \"id\":1,\n},\n \"text\":[1,\n2]\n}"
	for name, broken := range map[string]string{"a line": line, "pretty-printed": pretty} {
		for _, spool := range []int64{0, 1} {
			for n := 1; n < len(broken); n++ {
				if strings.HasSuffix(strings.TrimSpace(broken[:n]), "]") || strings.HasSuffix(strings.TrimSpace(broken[:n]), "}") {
					continue // looks whole
				}
				what := fmt.Sprintf("%s cut at %d, spool size %d", name, n, spool)
				path := filepath.Join(t.TempDir(), "f")
				conf := filesource.Config{Path: path, SpoolSize: spool}
				write(t, path, a+"\n"+broken[:n], time.Hour)
				first := read(t, conf, nil)
				wantData(t, what, first, []string{a}, nil)
				write(t, path, a+"\n"+broken+"\n"+b+"\n", time.Minute)
				wantData(t, what+", the rest", read(t, conf, first.cursors), []string{b}, []string{broken})

				write(t, path, a+"\n"+broken[:n], 25*time.Hour)
				out := read(t, conf, first.cursors)
				wantData(t, what+", given up", out, nil, []string{strings.TrimSpace(broken[:n])})
			}
		}
	}
}
