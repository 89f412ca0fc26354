package main

import (
	"encoding/json"
	"time"

	"logstow/archive/ledger"
)

// runJSON is a run as JSON shows it. It only grows.
type runJSON struct {
	ID       int64           `json:"id"`
	Command  string          `json:"command"`           // of a task's run: the one that does the same
	Task     string          `json:"task,omitempty"`    // empty: a command's run
	Planned  time.Time       `json:"planned,omitzero"`  // absent: it was asked for
	Attempt  int64           `json:"attempt,omitempty"` // of a task's run, from 1
	Started  time.Time       `json:"started"`
	Ended    time.Time       `json:"ended,omitzero"`   // absent: no end is recorded
	Duration *float64        `json:"duration_seconds"` // null: no end is recorded
	Outcome  string          `json:"outcome"`          // "ok", "partial", "failed" or "interrupted"; of a run without an end what can be told of it
	Error    string          `json:"error,omitempty"`
	Holder   string          `json:"holder,omitempty"`  // who runs it now
	Summary  json.RawMessage `json:"summary,omitempty"` // what it did, an object whose members depend on the command
}

// newRunJSON is a run of the ledger as JSON shows it.
func newRunJSON(r ledger.Run) runJSON {
	j := runJSON{
		ID: r.ID, Command: r.Command, Task: r.Task, Planned: r.Planned, Attempt: r.Attempt,
		Started: r.Started, Ended: r.Ended, Outcome: r.Outcome, Error: r.Error,
	}
	if !r.Ended.IsZero() {
		took := r.Ended.Sub(r.Started).Seconds()
		j.Duration = &took
	}
	if len(r.Summary) > 0 && json.Valid([]byte(r.Summary)) {
		j.Summary = json.RawMessage(r.Summary)
	}
	return j
}
