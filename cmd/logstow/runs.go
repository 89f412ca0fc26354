package main

import (
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
)

func (a *app) runsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List what was run, or show one run",
		Long: `Each run of a task, and of a command that writes, is on record: when it started
and ended, how, and what it did.`,
	}
	group(cmd)
	cmd.AddCommand(a.runsLsCommand(), a.runsShowCommand())
	return cmd
}

// What can be told of a run without an end.
const (
	runRunning = "running"
	runDied    = "died"
	runOpen    = "no end recorded" // of a command, which has no lease to tell by
)

// stateOf says how a run is: its outcome, or what can be told of one that has
// no end. The leases were read before it, so that it may be of a newer one.
func stateOf(r ledger.Run, leases map[string]ledger.Lease, now time.Time) string {
	switch {
	case !r.Ended.IsZero():
		return r.Outcome
	case r.Task == "":
		return runOpen
	}
	if l := leases[r.Task]; r.Fence > l.Fence || r.Fence == l.Fence && l.HeldAt(now) {
		return runRunning
	}
	return runDied
}

// byTask is leases by their tasks.
func byTask(leases []ledger.Lease) map[string]ledger.Lease {
	all := map[string]ledger.Lease{}
	for _, l := range leases {
		all[l.Task] = l
	}
	return all
}

// runStateJSON is a run as JSON shows it, with what can be told of it where it
// has no end.
func runStateJSON(r ledger.Run, leases map[string]ledger.Lease, now time.Time) runJSON {
	j := newRunJSON(r)
	j.Outcome = stateOf(r, leases, now)
	if j.Outcome == runRunning {
		j.Holder = leases[r.Task].Holder
	}
	return j
}

// nameOfRun is the task or the command that was run.
func nameOfRun(r ledger.Run) string {
	if r.Task != "" {
		return r.Task
	}
	return r.Command
}

// took says how long a run took, or takes so far where it is running.
func took(r ledger.Run, state string, now time.Time) string {
	switch {
	case !r.Ended.IsZero():
		return span(r.Ended.Sub(r.Started))
	case state == runRunning:
		return span(now.Sub(r.Started)) + " so far"
	default:
		return ""
	}
}

// span is a time as people say it, in at most two units.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0)
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return twoUnits(d.Round(time.Second), time.Minute, "m", time.Second, "s")
	case d < day:
		return twoUnits(d.Round(time.Minute), time.Hour, "h", time.Minute, "m")
	default:
		return twoUnits(d.Round(time.Hour), day, "d", time.Hour, "h")
	}
}
