package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"logstow/cmd/internal/term"
)

// page is lines of a name and what is said of it, for people. Nothing on it can
// do anything to a terminal.
type page struct{ lines []member }

// line adds a line, unless there is nothing to say.
func (p *page) line(name, value string) {
	if value != "" {
		p.lines = append(p.lines, member{term.Printable(name), term.Printable(value)})
	}
}

func (p *page) write(w io.Writer) error {
	width := 14
	for _, l := range p.lines {
		width = max(width, utf8.RuneCountInString(l.name))
	}
	var b strings.Builder
	for _, l := range p.lines {
		fmt.Fprintf(&b, "%-*s  %s\n", width, l.name, l.value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxNamed is how many of many things are named in one line.
const maxNamed = 10

// someOf is a line of names, and how many more there are.
func someOf(names []string, all int) string {
	line := strings.Join(names, ", ")
	if more := all - len(names); more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return line
}

// moment is an instant as people read it; empty for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime) + " UTC"
}

// ago says how long before now an instant was.
func ago(t, now time.Time) string { return span(now.Sub(t)) + " ago" }

// twoUnits is a time in a larger and a smaller unit, which is left out where
// there are none of it.
func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d%s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf("%d%s", rest, smallName)
	}
	return text
}
