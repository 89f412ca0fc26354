package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"logstow/layout/jobfile"
)

// Format is the form of an exported file.
type Format string

// The formats.
const (
	JSON   Format = "json"   // an array of entries, as Talend's API gives them
	Text   Format = "text"   // one line each: time, severity, message
	NDJSON Format = "ndjson" // the documents, one a line
	CSV    Format = "csv"    // one row a job
	Zip    Format = "zip"    // one file a job: the document, or for ION a runnable .py
)

// Formats lists all formats, in the order in which help texts name them.
func Formats() []Format { return []Format{JSON, Text, NDJSON, CSV, Zip} }

// ParseFormat returns the format called name, in any case.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if strings.EqualFold(name, string(f)) {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown format %.40q: use one of %s", name, strings.Join(names, ", "))
}

// lines tells whether the format is made of lines, so that they can be chosen.
func (f Format) lines() bool { return f == JSON || f == Text }

// versions tells whether the format has every version of a job.
func (f Format) versions() bool { return f == NDJSON || f == Zip }

// Request says which logs to write, and how. It is kept as JSON in the ledger:
// members are only ever added. Zero fields select everything.
type Request struct {
	Format   Format         `json:"format"`
	User     string         `json:"user,omitempty"`
	Recipes  []string       `json:"recipes,omitempty"`
	Statuses []string       `json:"statuses,omitempty"` // in any case
	Kinds    []jobfile.Kind `json:"kinds,omitempty"`
	From     time.Time      `json:"from,omitzero"` // of the jobs' time: From <= time < To
	To       time.Time      `json:"to,omitzero"`
	Jobs     []string       `json:"jobs,omitempty"`   // by id; each must exist, under one user and recipe
	Recipe   string         `json:"recipe,omitempty"` // of Jobs, where an id is shared

	// Of the lines, in formats JSON and Text.
	Level    jobfile.Level `json:"level,omitempty"`     // a threshold
	Since    time.Time     `json:"since,omitzero"`      // Since <= a line's time <= Until; a line
	Until    time.Time     `json:"until,omitzero"`      // without a time has that of the line before it
	MaxLines int64         `json:"max_lines,omitempty"` // the newest so many, of one job; 0: all
}

// The bounds of a request.
const (
	maxJobs      = 10_000    // that are named by id
	maxNewest    = 1_000_000 // lines of MaxLines, whose times are held
	maxFilters   = 1_000     // recipes, statuses
	maxFilterLen = 4 << 10   // bytes of one id
)

// Validate returns the first thing about the request that makes no sense.
func (r Request) Validate() error {
	if !slices.Contains(Formats(), r.Format) {
		_, err := ParseFormat(string(r.Format))
		return err
	}
	for _, k := range r.Kinds {
		if _, err := jobfile.ParseKind(string(k)); err != nil {
			return err
		}
	}
	if !r.From.IsZero() && !r.To.IsZero() && !r.From.Before(r.To) {
		return errors.New("from is not before to: no job can be between them")
	}
	if err := r.validateIDs(); err != nil {
		return err
	}
	return r.validateLines()
}

func (r Request) validateIDs() error {
	switch {
	case len(r.Jobs) > maxJobs:
		return fmt.Errorf("%d jobs are named, more than %d: select them by user, recipe, status and time", len(r.Jobs), maxJobs)
	case len(r.Recipes) > maxFilters || len(r.Statuses) > maxFilters:
		return fmt.Errorf("more than %d recipes or statuses", maxFilters)
	case len(r.Jobs) > 0 && (len(r.Recipes) > 0 || len(r.Statuses) > 0 || !r.From.IsZero() || !r.To.IsZero()):
		return errors.New("jobs that are named by id are not selected by recipes, statuses, from or to as well")
	case len(r.Jobs) == 0 && r.Recipe != "":
		return errors.New("recipe says which job is meant, but none is named: use recipes to select by it")
	}
	for _, list := range [][]string{r.Jobs, r.Recipes, r.Statuses} {
		for _, id := range list {
			if id == "" || len(id) > maxFilterLen {
				return fmt.Errorf("a job, a recipe or a status is empty or longer than %d bytes: %.40q", maxFilterLen, id)
			}
		}
	}
	return nil
}

func (r Request) validateLines() error {
	chosen := r.Level != jobfile.NoLevel || !r.Since.IsZero() || !r.Until.IsZero() || r.MaxLines != 0
	switch {
	case chosen && !r.Format.lines():
		return fmt.Errorf("lines can be chosen (level, since, until, max_lines) in the formats json and text, not in %s", r.Format)
	case r.Level < jobfile.NoLevel || r.Level > jobfile.Fatal:
		return fmt.Errorf("unknown level %d", int(r.Level))
	case !r.Since.IsZero() && !r.Until.IsZero() && r.Until.Before(r.Since):
		return errors.New("until is before since: no line can be between them")
	case r.MaxLines < 0 || r.MaxLines > maxNewest:
		return fmt.Errorf("max_lines is %d, not between 0 and %d", r.MaxLines, maxNewest)
	case r.MaxLines > 0 && !r.single():
		return errors.New("max_lines needs one job, named by its id")
	}
	return nil
}

// single tells whether the request names one job, whose file then needn't say
// of what job each line is.
func (r Request) single() bool {
	if len(r.Jobs) == 0 {
		return false
	}
	return len(slices.Compact(slices.Sorted(slices.Values(r.Jobs)))) == 1
}

// wants tells whether the level and time of a line, which has one, are asked
// for.
func (r Request) wants(l jobfile.Line) bool {
	level := l.Level
	if level == jobfile.NoLevel {
		level = jobfile.InfoLevel
	}
	return level >= r.Level &&
		(r.Since.IsZero() || !l.Time.Before(r.Since)) &&
		(r.Until.IsZero() || !l.Time.After(r.Until))
}
