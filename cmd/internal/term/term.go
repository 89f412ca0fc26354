// Package term writes for people: progress, tables and sizes, on a terminal or
// into a file.
package term

import (
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
)

// IsTerminal tells whether a stream, such as os.Stderr, is a terminal. What is
// not a file is none.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// Colours tells whether the environment, as os.Environ returns it, allows
// colours on a terminal: NO_COLOR is not set and the terminal isn't a dumb one.
func Colours(env []string) bool {
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb" {
			return false
		}
	}
	return true
}

// Size is a number of bytes in decimal units: 40 MB is 40,000,000 bytes.
func Size(bytes int64) string {
	if bytes < 0 {
		return "-" + humanize.Bytes(-uint64(bytes))
	}
	return humanize.Bytes(uint64(bytes))
}

// Count is a number with a comma between thousands.
func Count(n int64) string { return humanize.Comma(n) }

// Printable is s with U+FFFD in place of every character that could do things
// to a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || isDirection(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// isDirection tells whether a character changes the direction of the text
// around it, so that it reads as something else.
func isDirection(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
