package export_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"logstow/export"
)

// ion is an execution log with this code, a JSON string, and this context.
func ion(code, context string) string {
	return `{"ionRequestId":"req","organizationId":"o","actionId":"1","createdAt":"2026-04-08T15:22:41.318Z",` +
		`"event":"UPDATE","triggeredBy":"x'''\"\"\"\\\nprint('broke out')\n#","code":` + code + `,"context":` + context + `}`
}

// ran is what python3 prints when it runs the file that an export of the
// record has.
func ran(t *testing.T, record string) string {
	t.Helper()
	w := newWorld(t)
	w.add(record)
	for name, content := range unzipped(t, w.write(export.Request{Format: export.Zip})) {
		path := filepath.Join(t.TempDir(), "run.py")
		if !strings.HasSuffix(name, ".py") {
			t.Fatalf("the archive has %s, want a Python file", name)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return python(t, path)
	}
	t.Fatal("the archive is empty")
	return ""
}

func TestPythonFilesReproduceTheRun(t *testing.T) {
	nasty := `"'''\"\"\"\\\\\\'\n\r\t\u0000\ud800\u2028é😀{}%s\\N{DIGIT ONE}\nimport os; print('broke out')#"`
	tests := []struct {
		name, record, want string
	}{
		{"the sample", sample(t, "ion/ion-execution-log.json"), "ValidationError: PN-1042: quantity -2 is below zero\n"},
		{"context is there", ion(`"print(context['a'], metadata['event'])"`, `{"a": [1, null, true, "x"]}`), "[1, None, True, 'x'] UPDATE\n"},
		{"metadata is all but code and context", ion(`"print(*metadata)"`, `1`), "ionRequestId organizationId actionId createdAt event triggeredBy\n"},
		{"no more names", ion(`"print(sorted(n for n in dir() if n[0] != '_'))"`, `1`), "['context', 'metadata']\n"},
		{"hostile context", ion(`"print(ascii(context))"`, nasty), `'\'\'\'"""\\\\\\\'\n\r\t\x00\ud800\u2028\xe9\U0001f600{}%s\\N{DIGIT ONE}\nimport os; print(\'broke out\')#'` + "\n"},
		{"big numbers", ion(`"print(context)"`, `123456789012345678901234567890`), "123456789012345678901234567890\n"},
		{"white space in context", ion(`"print(context)"`, "{\r\n\t\"a\":\n 1}"), "{'a': 1}\n"},
		{"no newline at the end", ion(`"print(1)\nprint(2)"`, `1`), "1\n2\n"},
		{"windows newlines", ion(`"print(1)\r\nprint(2)\r\n"`, `1`), "1\n2\n"},
		{"future", ion(`"\"\"\"A docstring.\"\"\"\nfrom __future__ import annotations\ndef f(x: Undefined): pass\nprint(__doc__)"`, `1`), "A docstring.\n"},
		{"a coding line", ion(`"# -*- coding: latin-1 -*-\nprint(ascii('é'))"`, `1`), `'\xe9'` + "\n"},
		{"quotes in code", ion(`"print('''a\"\"\"b''', \"\"\"c'''d\"\"\", '\\\\n')"`, `1`), `a"""b c'''d \n` + "\n"},
		{"half a pair in a literal", ion(`"print(ascii('\\ud800'))"`, `1`), `'\ud800'` + "\n"},
		{"a main block", ion(`"if __name__ == '__main__':\n    print('main')"`, `1`), "main\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ran(t, tt.record); got != tt.want {
				t.Errorf("python3 prints\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Code that Python refuses is refused as it was when it ran.
func TestPythonFilesOfBrokenCode(t *testing.T) {
	for code, want := range map[string]string{
		`"def f(:\n"`:          "SyntaxError",
		`"print(undefined)"`:   "NameError",
		`"print('\ud800')"`:    "surrogates not allowed",
		`"print(1)\u0000"`:     "null bytes",
		`"raise SystemExit(3"`: "SyntaxError",
	} {
		if got := ran(t, ion(code, `"'''"`)); !strings.Contains(got, want) || strings.Contains(got, "broke out") {
			t.Errorf("python3 with the code %s prints\n%s\nwant %s", code, got, want)
		}
	}
}

func TestRunsWithoutCodeAreDocuments(t *testing.T) {
	w := newWorld(t)
	record := strings.Replace(sample(t, "ion/ion-execution-log.json"), `"code"`, `"other"`, 1)
	w.add(record)
	got := unzipped(t, w.write(export.Request{Format: export.Zip}))
	if got["org-2071/jobs/118/118_req-9f31c7d2a4b84c0e.json"] != record {
		t.Errorf("the archive has %v, want the document", got)
	}
}

// Nothing of a value leaves its literals: each line of the expression is one
// literal in single quotes, and together they say the value.
func FuzzPythonLiterals(f *testing.F) {
	for _, s := range []string{`"'"`, `"\\'"`, "{\n}", "\"\u2028\xff\"", `"` + strings.Repeat("é", 5000) + `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		lines := strings.Split(string(export.Loads(value)), "\n")
		if lines[0] != `__import__("json").loads(` || lines[len(lines)-1] != ")" {
			t.Fatalf("the expression for %q begins with %q and ends with %q", value, lines[0], lines[len(lines)-1])
		}
		var said strings.Builder
		for _, line := range lines[1 : len(lines)-1] {
			said.WriteString(literal(t, line))
		}
		if want := string([]rune(string(value))); said.String() != want {
			t.Errorf("the expression for %q says %q", value, said.String())
		}
	})
}

// literal is what one line with one Python literal says.
func literal(t *testing.T, line string) string {
	t.Helper()
	inside, begins := strings.CutPrefix(line, "    '")
	inside, ends := strings.CutSuffix(inside, "'")
	if !begins || !ends {
		t.Fatalf("%q is not one literal", line)
	}
	var b strings.Builder
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c < ' ' || c > '~' || c == '\'' {
			t.Fatalf("%q has a bare %q in its literal", line, c)
		}
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		i++
		digits := map[byte]int{'u': 4, 'U': 8}[inside[i]]
		switch {
		case inside[i] == 'n':
			b.WriteByte('\n')
		case inside[i] == '\'' || inside[i] == '\\':
			b.WriteByte(inside[i])
		case digits > 0:
			r := rune(0)
			for _, d := range inside[i+1 : i+1+digits] {
				r = r<<4 | rune(strings.IndexRune("0123456789abcdef", d))
			}
			b.WriteRune(r)
			i += digits
		default:
			t.Fatalf("%q has an escape that nobody wrote", line)
		}
	}
	return b.String()
}
