package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/export"
)

type retainExplainOptions struct {
	want export.Wanted
	json bool
}

func (a *app) retainExplainCommand() *cobra.Command {
	var o retainExplainOptions
	cmd := &cobra.Command{
		Use:   "explain JOB",
		Short: "Tell what is to become of a job, and why",
		Long: `Tell what is to become of a job or an event, when, and which policy, hold or
lock says so: of each of its versions, also of those that are expiring, expired,
being erased or erased. Nothing is written.`,
		Example: `  logstow retain explain j-AEcaNzd9-dGQ4Bf
  logstow retain explain 4711 --user 1234 --json | jq -r .fate`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.want.ID = args[0]
			return a.retainExplain(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.want.User, "user", "", "whose job: of this `user`, where several have one of this id")
	flags.StringVar(&o.want.Recipe, "recipe", "", "of which `recipe`, where several have one of this id")
	flags.BoolVar(&o.want.Event, "event", false, "look among events only")
	flags.BoolVar(&o.json, "json", false, "one JSON object for each version")
	return cmd
}

func (a *app) retainExplain(ctx context.Context, c *config.Config, o retainExplainOptions) (err error) {
	s, l, err := openForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	known := &everyState{ledger: l, of: map[int64]ledger.State{}}
	job, err := export.Find(ctx, known, o.want)
	if err != nil {
		return err
	}
	run := expiring(workplace{config: c, store: s, ledger: l})
	for i, d := range job.Versions {
		d.State = known.of[d.ID]
		x, err := retain.Explain(ctx, run, d)
		if err != nil {
			return err
		}
		if err := a.printExplanation(x, o.json, i > 0); err != nil {
			return err
		}
	}
	return nil
}

// everyState finds jobs whatever became of them, and remembers what did.
type everyState struct {
	ledger *ledger.Ledger
	of     map[int64]ledger.State // by the ids of documents
}

// ByJob returns all versions of a job, as if nothing had become of them.
func (s *everyState) ByJob(ctx context.Context, user, job string) ([]ledger.Document, error) {
	docs, err := s.ledger.Versions(ctx, user, job)
	for i := range docs {
		s.of[docs[i].ID] = docs[i].State
		docs[i].State = ledger.Stored
	}
	return docs, err
}

func (a *app) printExplanation(x retain.Explanation, asJSON, more bool) error {
	if asJSON {
		return json.NewEncoder(a.out).Encode(x)
	}
	if more {
		if _, err := fmt.Fprintln(a.out); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(a.out, x.Fate); err != nil {
		return err
	}
	var p page
	p.line("key", x.Key)
	p.line("state", x.State)
	p.line("time", moment(x.Time))
	p.line("policy", said(x.Policy, "from", x.Expires))
	p.line("keep at least", said(x.Floor, "until", x.Keeps))
	p.line("marked", moment(x.Marked))
	p.line("holds", strings.Join(x.Holds, ", "))
	p.line("segment", x.Segment)
	p.line("store lock", moment(x.Retained))
	if x.Locked {
		p.line("legal hold", "set in the store")
	}
	p.line("removed", moment(x.Removed))
	return p.write(a.out)
}

// said is a policy's name and the instant that it says; empty for none.
func said(policy, word string, at time.Time) string {
	if policy == "" {
		return ""
	}
	return policy + ", " + word + " " + moment(at)
}
