package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/term"
	"logstow/export"
)

// listing prints documents, as a table for people or as one JSON object a line
// for programs.
type listing struct {
	w     *bufio.Writer
	json  *json.Encoder // nil: for people
	table *term.Table
}

func (a *app) newListing(asJSON bool) *listing {
	w := bufio.NewWriter(a.out)
	if asJSON {
		return &listing{w: w, json: json.NewEncoder(w)}
	}
	return &listing{w: w, table: term.NewTable(a.colours(),
		term.Column{Name: "time"}, term.Column{Name: "kind"}, term.Column{Name: "user"},
		term.Column{Name: "recipe"}, term.Column{Name: "job"}, term.Column{Name: "status"},
		term.Column{Name: "lines", Right: true}, term.Column{Name: "size", Right: true},
		term.Column{Name: "note"}, term.Column{Name: "title or error"})}
}

// colours tells whether standard output is a terminal that wants them.
func (a *app) colours() bool { return term.IsTerminal(a.out) && term.Colours(os.Environ()) }

func (l *listing) add(d ledger.Document) error {
	if l.json != nil {
		return l.json.Encode(export.List(d))
	}
	lines := ""
	if d.Lines >= 0 {
		lines = term.Count(d.Lines)
	}
	about := d.Title
	if d.Error != "" {
		about = d.Error
	}
	l.table.Row(d.Time.UTC().Format(time.DateTime), d.Kind, d.User, d.Recipe, d.Job, d.Status,
		lines, term.Size(d.Size), note(d), shortened(about, 60))
	return nil
}

// limitFlag adds the flag that says how much is listed.
func limitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 50, "at most so `many`; 0: all")
}

// checkLimit refuses a limit that is none.
func checkLimit(limit int) error {
	if limit < 0 {
		return usagef("--limit %d: it can't be negative", limit)
	}
	return nil
}

// note says what is special about a document.
func note(d ledger.Document) string {
	var notes []string
	if d.Revision {
		notes = append(notes, "revision "+d.InputHash.String()[:8])
	}
	if d.Changed != "" {
		notes = append(notes, strings.Split(d.Changed, ",")...)
	}
	if !d.Verified {
		notes = append(notes, "unverified")
	}
	return strings.Join(notes, ", ")
}

// shortened is at most limit characters of s.
func shortened(s string, limit int) string {
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i] + "…"
		}
	}
	return s
}

// close prints what is left.
func (l *listing) close() error {
	if l.table != nil {
		if err := l.table.Write(l.w); err != nil {
			return err
		}
	}
	return l.w.Flush()
}
