package web_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"logstow/export/web"
)

func TestStrip(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing to do", "plain — text\twith\r\nlines\n", "plain — text\twith\r\nlines\n"},
		{"colours", "\x1b[31mred\x1b[0m \x1b[38;2;1;2;3mtrue\x1b[m", "red true"},
		{"a link that BEL ends", "\x1b]8;;https://a.example/?q=1\x07here\x1b]8;;\x07!", "here!"},
		{"a link that ST ends", "\x1b]8;id=1;https://a.example\x1b\\here\x1b]8;;\x1b\\!", "here!"},
		{"control characters of one byte", "\x9b31mred\x9b0m \x9d0;title\x9cafter", "red after"},
		{"control characters in UTF-8", "\u009b31mred\u009b0m \u009d0;title\u009cafter", "red after"},
		{"a title with letters", "\x1b]0;“Ü-Bahn” ✓ 中文\x07after", "after"},
		{"a device string", "\x1bP1$r0m\x1b\\after \x1b_app\x1b\\\x1b^private\x1b\\", "after "},
		{"letters of which a byte is a control character's", "Ü “quoted” ✛ é", "Ü “quoted” ✛ é"},
		{"a sequence that isn't finished ends with its line", "a\x1b]0;never\nb\x1b[3\nc\x1bPq\nd", "a\nb\nc\nd"},
		{"a letter that isn't finished hides no sequence", "\xe2\x1b[31mred \xf0\x1b]0;x\x07!\xc2\x1b[m.", "\xe2red \xf0!\xc2."},
		{"a sequence at the end", "a\x1b[3", "a"},
		{"half a letter at the end", "a\xc2", "a\xc2"},
	} {
		if got := string(web.Strip([]byte(c.text))); got != c.want {
			t.Errorf("%s: Strip(%q) = %q, want %q", c.name, c.text, got, c.want)
		}
		var each [][]byte
		for i := range len(c.text) {
			each = append(each, []byte{c.text[i]})
		}
		if got := string(web.Strip(each...)); got != c.want {
			t.Errorf("%s: Strip(%q) byte by byte = %q, want %q", c.name, c.text, got, c.want)
		}
	}
}

// A sequence that never ends takes no memory, and no time worth a test's.
func TestStripOfAnEndlessSequence(t *testing.T) {
	endless := io.MultiReader(
		strings.NewReader("\x1b]0;"),
		io.LimitReader(repeating("title; "), 16<<20),
	)
	capacity, err := web.StripInto(endless, make([]byte, 32<<10))
	if err != nil {
		t.Fatal(err)
	}
	if capacity > 64<<10 {
		t.Errorf("16 MB of a title that never ends took a buffer of %d bytes", capacity)
	}
}

// repeating is a stream of itself over and over.
type repeating string

func (r repeating) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}

func FuzzStrip(f *testing.F) {
	f.Add([]byte("\x1b[31mred\x1b[0m\n\x1b]8;;https://a.example\x07x\x1b]8;;\x07"), uint16(3), uint16(9))
	f.Add([]byte("\u009b31m\u009d0;“t”\u009c\xc2\x1b[m\x9b"), uint16(1), uint16(2))
	f.Add([]byte("\xe2\x80\x1b[2J\xf0\x9f\x98\x80\x90q\x18"), uint16(2), uint16(5))
	f.Fuzz(func(t *testing.T, text []byte, a, b uint16) {
		whole := web.Strip(text)
		i := min(int(a), len(text))
		j := min(i+int(b), len(text))
		if got := web.Strip(text[:i], text[i:j], text[j:]); !bytes.Equal(got, whole) {
			t.Errorf("Strip(%q | %q | %q) = %q, in one piece %q", text[:i], text[i:j], text[j:], got, whole)
		}
		if got, want := bytes.Count(whole, []byte("\n")), bytes.Count(text, []byte("\n")); got != want {
			t.Errorf("Strip(%q) = %q: %d lines became %d", text, whole, want, got)
		}
		for rest := whole; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			if strings.ContainsRune("\x1b\u0090\u0098\u009b\u009d\u009e\u009f", r) {
				t.Errorf("Strip(%q) = %q, which still begins a sequence: %U", text, whole, r)
			}
			rest = rest[n:]
		}
		if isASCII(text) {
			var want []string
			for line := range strings.SplitSeq(string(text), "\n") {
				want = append(want, ansi.Strip(line))
			}
			if want := strings.Join(want, "\n"); string(whole) != want {
				t.Errorf("Strip(%q) = %q; ansi.Strip, line by line: %q", text, whole, want)
			}
		}
	})
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
