package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one mistake in the configuration.
type Problem struct {
	Key    string // "archive.detail"; empty where it is not about a key
	Value  string // as it was written, without secrets; may be empty
	Where  string // "/etc/logstow/config.yaml:12", "LOGSTOW_STORE", "--store"
	Reason string // what is wrong and what is allowed
}

// String says all of it in one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(printable(p.Where) + ": ")
	if p.Key != "" {
		b.WriteString(printable(p.Key) + ": ")
	}
	if p.Value != "" {
		fmt.Fprintf(&b, "%q: ", p.Value)
	}
	b.WriteString(visible(p.Reason))
	return b.String()
}

// inOrder sorts what is wrong in the file at path by its line, before everything
// else, which stays in its order.
func inOrder(problems []Problem, path string) {
	line := func(p Problem) int {
		text, ok := strings.CutPrefix(p.Where, path+":")
		n, err := strconv.Atoi(text)
		if !ok || err != nil {
			return math.MaxInt
		}
		return n
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(line(a), line(b)) })
}

// visible is a sentence in which nothing does things to a terminal: it may
// repeat what the file says.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// printable is s, quoted where it could do things to a terminal.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

// Error is every mistake in a configuration, in the order of the file, then
// the environment, then the flags.
type Error struct {
	Problems []Problem
}

// Error says one problem a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
