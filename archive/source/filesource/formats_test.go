package filesource_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/source/filesource"
)

const (
	a = `{"id":"j-1","n":{"x":[1,2]}}`
	b = `{"id":"j-2","s":"}{\"\n"}`
	c = "{\n  \"id\": 3,\n  \"lines\": [\n    {\n      \"a\": 1\n    }\n  ]\n}"
	d = "{\n  \"id\": 4\n}"
)

type format struct {
	name, in string
	want     []got
}

func formats() []format {
	return []format{
		{"empty", "", nil},
		{"white space", " \r\n\t\n", nil},
		{"one", a, []got{{Data: a}}},
		{"ndjson", lines(a, b), []got{{Data: a}, {Data: b}}},
		{"ndjson without last newline", a + "\n" + b, []got{{Data: a}, {Data: b}}},
		{"crlf and blank lines", a + "\r\n\r\n  " + b + "\r\n", []got{{Data: a}, {Data: b}}},
		{"byte order mark", "\xef\xbb\xbf" + a, []got{{Data: a}}},
		{"pretty", c + "\n", []got{{Data: c}}},
		{"pretty, several", lines(c, d), []got{{Data: c}, {Data: d}}},
		{"without anything between", a + b + c, []got{{Data: a}, {Data: b}, {Data: c}}},
		{"array", "[" + a + "," + b + "]", []got{{Data: a}, {Data: b}}},
		{"array of lines", lines("[", a+",", b, "]"), []got{{Data: a}, {Data: b}}},
		{"empty array", "[ ]" + a, []got{{Data: a}}},
		{"mix", lines("["+c+" , "+a+"]", b, d), []got{{Data: c}, {Data: a}, {Data: b}, {Data: d}}},
		{
			"broken line", lines(a, `{"x":0000}`, b),
			[]got{{Data: a}, {Data: `{"x":0000}`, Broken: `invalid character '0' after object member (expecting ',' or '}') at 35`}, {Data: b}},
		},
		{
			"truncated line", lines(a, `{"x":1,`, b),
			[]got{{Data: a}, {Data: `{"x":1,`, Broken: `invalid character '{' after ',' (expecting an object member) at 37`}, {Data: b}},
		},
		{
			"open string on a line", lines(`{"x":"abc`, b),
			[]got{{Data: `{"x":"abc`, Broken: `invalid character '\n' in string at 9`}, {Data: b}},
		},
		{
			"broken pretty", lines(d, "{\n\"a\": {\n\"root\": 3026585,\n},\n\"b\": 1\n}", d),
			[]got{
				{Data: d},
				{Data: "{\n\"a\": {\n\"root\": 3026585,\n},\n\"b\": 1\n}", Broken: `invalid character '}' after ',' (expecting an object member) at 40`},
				{Data: d},
			},
		},
		{
			"garbage line", lines(a, "2026-01-02 INFO started", b),
			[]got{{Data: a}, {Data: "2026-01-02 INFO started", Broken: "not a JSON object at 29"}, {Data: b}},
		},
		{
			"garbage that begins like an array", lines(a, "[2026-01-02] INFO", b),
			[]got{{Data: a}, {Data: "[2026-01-02] INFO", Broken: "invalid character '-' after array element (expecting ',' or ']') at 34"}, {Data: b}},
		},
		{
			"no objects", lines(`123`, `"s"`, `null`, `[1,[2]]`, a),
			[]got{
				{Data: "123", Broken: "not a JSON object at 0"},
				{Data: `"s"`, Broken: "not a JSON object at 4"},
				{Data: "null", Broken: "not a JSON object at 8"},
				{Data: "[1,[2]]", Broken: "not a JSON object at 13"},
				{Data: a},
			},
		},
		{
			"broken in an array of lines", lines("[", " "+a+",", ` {"x":0000},`, " "+b, "]", a),
			[]got{
				{Data: a},
				{Data: `{"x":0000},`, Broken: `invalid character '0' after object member (expecting ',' or '}') at 40`},
				{Data: b},
				{Data: a},
			},
		},
		{
			"broken in a pretty array", "[\n  {\n    \"l\": [\n      {\n        \"a\": 1,\n      }\n    ]\n  },\n  {}\n]",
			[]got{
				{Data: "{\n    \"l\": [\n      {\n        \"a\": 1,\n      }\n    ]\n  },", Broken: `invalid character '}' after ',' (expecting an object member) at 47`},
				{Data: "{}"},
			},
		},
		{
			"no object in an array", "[" + a + ",17, " + a + "]",
			[]got{{Data: a}, {Data: "17", Broken: "not a JSON object at 30"}, {Data: a}},
		},
		{
			"utf-16", "\xff\xfe{\x00}\x00\n\x00{\x00}\x00",
			[]got{{Data: "\xff\xfe{\x00}\x00\n\x00{\x00}\x00", Broken: "UTF-16 text (convert it to UTF-8) at 0"}},
		},
		{"utf-16 without mark", "{\x00}\x00", []got{{Data: "{\x00}\x00", Broken: "UTF-16 text (convert it to UTF-8) at 0"}}},
		{
			"line with more than a record", lines(a, b+" x", b),
			[]got{{Data: a}, {Data: b}, {Data: "x", Broken: "invalid character 'x' at start of value at 55"}, {Data: b}},
		},
		{"not UTF-8, repeated names", "{\"\xff\":1,\"\xff\":2}", []got{{Data: "{\"\xff\":1,\"\xff\":2}"}}},
	}
}

// TestFormats reads each format in each compression, as a file and as a stream
// in small pieces, in memory and through temporary files.
func TestFormats(t *testing.T) {
	for _, f := range formats() {
		for name, pack := range compressions() {
			packed := pack(f.in)
			for _, spool := range []int64{1 << 20, 1, 20} {
				for _, n := range []int{1, 3, 1 << 20} {
					c := filesource.Config{Path: "-", Stdin: chunks{strings.NewReader(packed), n}, SpoolSize: spool}
					check(t, f.name+", stream, "+name, read(t, c, nil), f, "-")
				}
				path := filepath.Join(t.TempDir(), "f")
				write(t, path, packed, 0)
				out := read(t, filesource.Config{Path: path, SpoolSize: spool}, nil)
				check(t, f.name+", file, "+name, out, f, path)
				again := read(t, filesource.Config{Path: path}, out.cursors)
				check(t, f.name+", file again, "+name, again, format{}, path)
				if diff := cmp.Diff(out.cursors, again.cursors); diff != "" {
					t.Errorf("%s: cursors changed without anything new (-first +second)\n%s", f.name, diff)
				}
			}
		}
	}
}

func check(t *testing.T, what string, out outcome, f format, part string) {
	t.Helper()
	want := append([]got(nil), f.want...)
	for i := range want {
		want[i].Part = part
	}
	if len(out.errs) > 0 {
		t.Errorf("%s: errors %q", what, out.errs)
	}
	for i, r := range out.records {
		if end := int(r.Offset) + len(r.Data); end > len(f.in) || f.in[r.Offset:end] != r.Data {
			t.Errorf("%s: record %q is not at %d", what, r.Data, r.Offset)
		}
		out.records[i].Offset = 0
	}
	if diff := cmp.Diff(want, out.records); diff != "" {
		t.Errorf("%s: records (-want +got)\n%s", what, diff)
	}
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "*.json")} {
		_, err := filesource.New(filesource.Config{Path: path, Budget: newBudget(1)})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
			t.Errorf("New(%s) = %v, want fs.ErrNotExist that names it", path, err)
		}
	}
	if _, err := filesource.New(filesource.Config{Path: filepath.Join(dir, "[a"), Budget: newBudget(1)}); err == nil {
		t.Error("New with a malformed pattern succeeded")
	}
}
