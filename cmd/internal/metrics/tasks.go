package metrics

import (
	"slices"

	"logstow/archive"
	"logstow/archive/ledger"
)

// other stands for what isn't one of the few values a label may have.
const other = "other"

// outcomes is how a run can end.
func outcomes() []string { return []string{"ok", "partial", "failed", "interrupted"} }

func (m *Metrics) countTasks() {
	m.runs = m.counter("logstow_task_runs_total", "Runs of tasks that this process has ended, by outcome.", "task", "outcome")
	m.failures = m.counter("logstow_task_failures_total",
		"Runs of tasks that have failed in this process, by what failed.", "task", "class")
	m.ran = m.histogram("logstow_task_duration_seconds", "How long runs of tasks took in this process.",
		[]float64{.1, 1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600}, "task")
	m.records = m.counter("logstow_archive_records_total",
		"Records that this process has archived or passed over, by what became of them. Each counts once it is on record.", "task", "outcome")
	m.written = m.counter("logstow_archive_bytes_total",
		"Bytes of documents that this process has written and the store has confirmed.", "task")
	m.unreadable = m.counter("logstow_archive_unreadable_files_total",
		"Times that a file could not be read to its end by this process.", "task")
	// A rate is of a number that was there before.
	for _, task := range m.Tasks {
		task = label(task)
		for _, outcome := range outcomes() {
			m.runs.WithLabelValues(task, outcome)
		}
		for _, class := range classes() {
			m.failures.WithLabelValues(task, class)
		}
		m.ran.WithLabelValues(task)
	}
}

// task is the label of a task: its name where it is configured.
func (m *Metrics) task(name string) string {
	if !slices.Contains(m.Tasks, name) {
		return other
	}
	return label(name)
}

// RunEnded counts a run of a task that has ended: its outcome, how long it took,
// and the class of its failure.
func (m *Metrics) RunEnded(r ledger.Run, failure error) {
	task, outcome := m.task(r.Task), r.Outcome
	if !slices.Contains(outcomes(), outcome) {
		outcome = other
	}
	m.runs.WithLabelValues(task, outcome).Inc()
	m.ran.WithLabelValues(task).Observe(max(0, r.Ended.Sub(r.Started).Seconds()))
	if class := classOf(r, failure); class != "" {
		m.failures.WithLabelValues(task, class).Inc()
	}
}

// Archived counts what a run of the task archive did with records.
func (m *Metrics) Archived(task string, s archive.Summary) {
	task = m.task(task)
	for outcome, n := range map[string]int64{
		"archived": s.Archived, "events": s.Events, "already_archived": s.AlreadyArchived,
		"quarantined": s.Quarantined, "refused": s.Refused, "unverified": s.Unverified, "skipped": s.Skipped,
	} {
		m.records.WithLabelValues(task, outcome).Add(float64(n))
	}
	m.written.WithLabelValues(task).Add(float64(s.Bytes))
	m.unreadable.WithLabelValues(task).Add(float64(s.Unreadable))
}
