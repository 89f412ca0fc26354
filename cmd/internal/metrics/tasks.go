package metrics

import (
	"context"
	"io"

	"logstow/archive"
	"logstow/archive/ledger"
)

// Config says what the numbers are of. Ledger is required.
type Config struct {
	Ledger *ledger.Ledger
	Tasks  []string // the names of the configured tasks, which have numbers before they ever ran
}

// RunEnded counts a run of a task that has ended: its outcome, how long it took,
// and the class of its failure.
func (m *Metrics) RunEnded(r ledger.Run, failure error) { panic("contract") }

// Archived counts what a run of the task archive did with records.
func (m *Metrics) Archived(task string, s archive.Summary) { panic("contract") }

// Pending takes the result of the latest look at what isn't safe yet.
func (m *Metrics) Pending(found []archive.Backlog) { panic("contract") }

// Write writes the numbers in Prometheus' text format.
func (m *Metrics) Write(ctx context.Context, w io.Writer) error { panic("contract") }
