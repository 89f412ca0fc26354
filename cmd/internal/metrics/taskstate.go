package metrics

import (
	"context"
	"encoding/json"
	"fmt"

	"logstow/archive/ledger"
)

var (
	lastRun = newGauge("logstow_task_last_run_timestamp_seconds",
		"When the latest run of a task began, in any process; missing where there was none.", "task")
	lastSuccess = newGauge("logstow_task_last_success_timestamp_seconds",
		"When the latest run of a task that was ok or partial ended, in any process; missing where its latest ten thousand runs have none.", "task")
	failedSince = newGauge("logstow_task_failures_since_success",
		"Runs of a task that failed since one was ok or partial, in any process.", "task")
	damage = newGauge("logstow_check_damage",
		"What the latest run of a check found to be damaged; missing where it didn't get that far.", "task")
	leaseHeld = newGauge("logstow_task_lease_held",
		"1 while a process, whichever, runs the task, or has died running it a moment ago.", "task")
	leaseSince = newGauge("logstow_task_lease_acquired_timestamp_seconds",
		"When the process that runs the task took its lease; missing while none does.", "task")
)

// tasks is what the ledger knows of the configured tasks.
func (m *Metrics) tasks(ctx context.Context) (told, error) {
	leases, err := m.Ledger.Leases(ctx)
	if err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	of := map[string]ledger.Lease{}
	for _, l := range leases {
		of[l.Task] = l
	}
	var all told
	for _, task := range m.Tasks {
		recent, err := m.Ledger.Recent(ctx, task)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", task, err)
		}
		all = append(all, taskRuns(task, recent)...)
		held := of[task].HeldAt(m.Now())
		all = append(all, leaseHeld.of(flag(held), task))
		if held {
			all = append(all, leaseSince.at(of[task].Since, task))
		}
	}
	return all, nil
}

func taskRuns(task string, recent ledger.Recent) told {
	all := told{failedSince.of(float64(recent.Failures), task)}
	if recent.Latest.ID != 0 {
		all = append(all, lastRun.at(recent.Latest.Started, task))
	}
	if recent.Success.ID != 0 {
		all = append(all, lastSuccess.at(recent.Success.Ended, task))
	}
	if n, ok := damageOf(recent); ok {
		all = append(all, damage.of(float64(n), task))
	}
	return all
}

// damageOf is what the latest check found, of a task that checks. One that
// failed for another reason found nothing because it didn't look.
func damageOf(recent ledger.Recent) (n int64, ok bool) {
	var found struct {
		Damage *int64 `json:"damage"`
	}
	if err := json.Unmarshal([]byte(recent.Ended.Summary), &found); err != nil || found.Damage == nil {
		return 0, false
	}
	return *found.Damage, *found.Damage > 0 || recent.Ended.ID == recent.Success.ID
}
