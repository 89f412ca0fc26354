package term_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/cmd/internal/term"
)

func TestIsTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, stream := range []any{f, &bytes.Buffer{}, nil} {
		if term.IsTerminal(stream) {
			t.Errorf("IsTerminal(%T) = true", stream)
		}
	}
	if tty, err := os.Open("/dev/ptmx"); err == nil {
		defer tty.Close()
		if !term.IsTerminal(tty) {
			t.Error("IsTerminal(/dev/ptmx) = false")
		}
	}
}

func TestColours(t *testing.T) {
	for env, want := range map[string]bool{
		"": true, "NO_COLOR=": true, "NO_COLOR=1": false, "TERM=xterm": true, "TERM=dumb": false,
	} {
		if got := term.Colours([]string{"HOME=/", env}); got != want {
			t.Errorf("Colours(%q) = %v, want %v", env, got, want)
		}
	}
}

func TestSizeIsDecimal(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 8300: "8.3 kB", 40_000_000: "40 MB", 2_000_000_000: "2.0 GB",
		-5: "-5 B", -1 << 63: "-9.2 EB", 1<<63 - 1: "9.2 EB",
	} {
		if got := term.Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	if got := term.Count(1234567); got != "1,234,567" {
		t.Errorf("Count(1234567) = %q", got)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ☂ text": "plain ☂ text", "a\x1b[31mb\n": "a�[31mb�", "\u009b2J": "�2J", "a\u202eb": "a�b", "\x7f": "�",
	} {
		if got := term.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func render(t *testing.T, colours bool, rows ...[]string) string {
	t.Helper()
	table := term.NewTable(colours, term.Column{Name: "job"}, term.Column{Name: "size", Right: true}, term.Column{Name: "title"})
	for _, r := range rows {
		table.Row(r...)
	}
	var b strings.Builder
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTable(t *testing.T) {
	got := render(t, false, []string{"j-1", "8.3 kB", "one"}, []string{"j-1000", "40 MB", "bell\a and\nline"}, []string{"j", "0 B", ""})
	want := `JOB       SIZE  TITLE
j-1     8.3 kB  one
j-1000   40 MB  bell� and�line
j          0 B
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if got := render(t, false); got != "" {
		t.Errorf("a table without rows is %q, want nothing", got)
	}
}

func TestTableColoursOnlyWhenWanted(t *testing.T) {
	row := []string{"j-1", "1 B", "one"}
	if got := render(t, true, row); !strings.Contains(strings.SplitN(got, "\n", 2)[0], "\x1b[1m") {
		t.Errorf("the heading is not bold: %q", got)
	}
	if got := render(t, false, row); strings.Contains(got, "\x1b") {
		t.Errorf("a plain table holds an escape: %q", got)
	}
}
