package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"

	"logstow/archive/compact"
	"logstow/cmd/internal/term"
)

// planCompaction tells what a compaction would do, and why, and writes nothing.
func (a *app) planCompaction(ctx context.Context, w workplace, o compactOptions) (err error) {
	run, err := a.compacting(ctx, w, o)
	if err != nil {
		return err
	}
	named := newNotices(a.err)
	defer named.close()
	run.Notice = leftNotice(named)
	out := bufio.NewWriter(a.out)
	plan := newPlan(out, o.json, a.colours())
	run.Planned = func(p compact.Partition) {
		if err == nil {
			err = plan.add(p)
		}
	}
	_, runErr := compact.Run(ctx, run)
	return errors.Join(runErr, err, plan.close(), out.Flush())
}

// plan prints what is to become of partitions, as a table for people or as one
// JSON object a line for programs.
type plan struct {
	w     *bufio.Writer
	json  *json.Encoder // nil: for people
	table *term.Table
}

func newPlan(w *bufio.Writer, asJSON, colours bool) *plan {
	if asJSON {
		return &plan{w: w, json: json.NewEncoder(w)}
	}
	return &plan{w: w, table: term.NewTable(colours,
		term.Column{Name: "user"}, term.Column{Name: "month"}, term.Column{Name: "what"},
		term.Column{Name: "documents", Right: true}, term.Column{Name: "bytes", Right: true},
		term.Column{Name: "left", Right: true}, term.Column{Name: "why"})}
}

func (l *plan) add(p compact.Partition) error {
	if l.json != nil {
		return l.json.Encode(p)
	}
	l.table.Row(p.User, p.Month.UTC().Format("2006-01"), string(p.Action),
		term.Count(p.Documents), term.Size(p.Bytes), term.Count(p.Left), p.Reason)
	return nil
}

func (l *plan) close() error {
	if l.table == nil {
		return nil
	}
	return l.table.Write(l.w)
}
