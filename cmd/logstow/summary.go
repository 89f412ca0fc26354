package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"logstow/cmd/internal/term"
)

// summaryLines prints what a run did, for people: a line for each thing that
// was counted.
type summaryLines struct {
	w      io.Writer
	dryRun bool
	b      strings.Builder
}

// text adds a line.
func (l *summaryLines) text(label, value string) {
	fmt.Fprintf(&l.b, "%-16s%s\n", label, value)
}

// count adds a line with a number and what it means.
func (l *summaryLines) count(label string, n int64, remark string) {
	if remark != "" {
		remark = " (" + remark + ")"
	}
	l.text(label, term.Count(n)+remark)
}

// nonzero adds a line with a number unless it is 0.
func (l *summaryLines) nonzero(label string, n int64, remark string) {
	if n != 0 {
		l.count(label, n, remark)
	}
}

// close prints the lines, with what was read and how long it took.
func (l *summaryLines) close(read string, seconds float64) error {
	took := time.Duration(seconds * float64(time.Second))
	l.text("read", fmt.Sprintf("%s in %s", read, took.Round(10*time.Millisecond)))
	return l.print()
}

// print prints the lines.
func (l *summaryLines) print() error {
	head := ""
	if l.dryRun {
		head = "dry run: nothing was written; this would have been done\n"
	}
	_, err := io.WriteString(l.w, head+l.b.String())
	return err
}
