package export

import (
	"strings"
	"time"

	"logstow/archive/ledger"
)

// Listed is a version of a job or an event as listings show it, in JSON, by
// command and by API. It only grows.
type Listed struct {
	Kind        string     `json:"kind"`
	User        string     `json:"user_id"`
	Recipe      string     `json:"recipe_id"` // of an event: its type
	Job         string     `json:"job_id"`    // of an event: its id
	Status      string     `json:"status"`
	Time        time.Time  `json:"time"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Title       string     `json:"title"`
	Error       string     `json:"error"`
	ErrorType   string     `json:"error_type"`
	Lines       *int64     `json:"lines"` // null where unknown
	Key         string     `json:"key"`
	Revision    bool       `json:"revision"`
	Changed     []string   `json:"changed"`  // what was done to the record: capped, deduplicated, status
	Overflow    bool       `json:"overflow"` // the full record has the lines that were left out
	Verified    bool       `json:"verified"`
	InputHash   string     `json:"input_hash"`
	SHA256      string     `json:"sha256"`
	InputSize   int64      `json:"input_size"`
	Size        int64      `json:"size"`
	Source      string     `json:"source"`
	ArchivedAt  *time.Time `json:"archived_at"`
}

// List returns a document as listings show it.
func List(d ledger.Document) Listed {
	l := Listed{
		Kind: d.Kind, User: d.User, Recipe: d.Recipe, Job: d.Job, Status: d.Status,
		Time: d.Time.UTC(), StartedAt: known(d.StartedAt), CompletedAt: known(d.CompletedAt),
		Title: d.Title, Error: d.Error, ErrorType: d.ErrorType,
		Key: d.Key, Revision: d.Revision, Changed: []string{}, Overflow: d.Overflow, Verified: d.Verified,
		InputHash: d.InputHash.String(), SHA256: d.SHA256.String(), InputSize: d.InputSize, Size: d.Size,
		Source: d.Source, ArchivedAt: known(d.ArchivedAt),
	}
	if d.Lines >= 0 {
		l.Lines = &d.Lines
	}
	if d.Changed != "" {
		l.Changed = strings.Split(d.Changed, ",")
	}
	return l
}

// known is nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
