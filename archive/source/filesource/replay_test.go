package filesource_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive/source/filesource"
)

// TestLargeBrokenRecord has values that go wrong long after they took whole
// records in: these come out, from memory and from the temporary file.
func TestLargeBrokenRecord(t *testing.T) {
	var in strings.Builder
	var good, broken []string
	for i := range 3 {
		in.WriteString("{\"x\":[\n")
		broken = append(broken, "{\"x\":[")
		for j := range 1000 {
			rec := fmt.Sprintf("{\"i\":%d,\"j\":%d,\"p\":\"%s\"}", i, j, strings.Repeat("s", j))
			good = append(good, rec)
			in.WriteString(rec + "\n,\n")
			broken = append(broken, ",")
		}
		in.WriteString("oops\n")
		broken = append(broken, "oops")
	}
	in.WriteString(a)
	good = append(good, a)
	for _, name := range []string{"plain", "gzip"} {
		pack := compressions()[name]
		for _, spool := range []int64{0, 2_000, 100_000} {
			path := filepath.Join(t.TempDir(), "f")
			write(t, path, pack(in.String()), 0)
			out := read(t, filesource.Config{Path: path, SpoolSize: spool}, nil)
			wantErrs(t, name, out)
			wantData(t, fmt.Sprintf("%s, spool of %d", name, spool), out, good, broken)
			again := read(t, filesource.Config{Path: path, SpoolSize: spool}, out.cursors)
			wantData(t, name+", again", again, nil, nil)
		}
	}
}

// TestGarbageAmongLines takes each line by itself where records are lines, and
// all up to the next object where they are not.
func TestGarbageAmongLines(t *testing.T) {
	for _, tt := range []struct {
		in           string
		good, broken []string
	}{
		{lines(a, "one", "two", b), []string{a, b}, []string{"one", "two"}},
		{lines(d, "one", "two", b), []string{d, b}, []string{"one\ntwo"}},
	} {
		out := read(t, filesource.Config{Path: "-", Stdin: strings.NewReader(tt.in)}, nil)
		wantData(t, tt.in, out, tt.good, tt.broken)
	}
}

// TestDamageAfterReplay still reports a damaged stream whose end was in the
// window when a broken record was read again from its temporary file.
func TestDamageAfterReplay(t *testing.T) {
	text := "{\"x\":[\n" + a + strings.Repeat(" ", 1<<20) + "\noops\n"
	packed := compressions()["gzip"](text)
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, packed[:len(packed)-4], 48*time.Hour)
	out := read(t, filesource.Config{Path: path, SpoolSize: 100}, nil)
	wantErrs(t, "damaged", out, "ends early")
	wantData(t, "damaged", out, []string{a}, []string{`{"x":[`, "oops"})
}
