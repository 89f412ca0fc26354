package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export"
)

func (a *app) runsShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a run: when, how it ended, what it did",
		Example: `  logstow runs show 17
  logstow runs show 17 --json | jq .summary`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return usagef("%q is not the number of a run: see logstow runs ls", args[0])
			}
			return a.runsShow(cmd.Context(), c, id, asJSON)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound)
	storeFlag(cmd)
	ledgerFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as one JSON object")
	return cmd
}

func (a *app) runsShow(ctx context.Context, c *config.Config, id int64, asJSON bool) (err error) {
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	leases, err := l.Leases(ctx)
	if err != nil {
		return err
	}
	r, err := l.Run(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("run %d: %w", id, export.ErrNotFound)
	}
	if err != nil {
		return err
	}
	held, now := byTask(leases), time.Now()
	if asJSON {
		return json.NewEncoder(a.out).Encode(runStateJSON(r, held, now))
	}
	return printRun(a.out, r, held, now)
}

// printRun prints all of a run, for people.
func printRun(w io.Writer, r ledger.Run, leases map[string]ledger.Lease, now time.Time) error {
	state := stateOf(r, leases, now)
	var p page
	p.line("run", fmt.Sprint(r.ID))
	p.line("command", r.Command)
	p.line("task", r.Task)
	p.line("planned", moment(r.Planned))
	if r.Task != "" && r.Planned.IsZero() {
		p.line("planned", "no, it was asked for")
	}
	if r.Attempt > 0 {
		p.line("attempt", fmt.Sprint(r.Attempt))
	}
	p.line("started", moment(r.Started))
	p.line("ended", moment(r.Ended))
	p.line("took", took(r, state, now))
	p.line("outcome", state)
	if state == runRunning {
		p.line("run by", leases[r.Task].Holder)
	}
	p.line("error", strings.ReplaceAll(r.Error, "\n", "; "))
	for _, m := range members("", json.RawMessage(r.Summary)) {
		p.line(m.name, m.value)
	}
	return p.write(w)
}

// member is a member of a JSON object, as people read it.
type member struct{ name, value string }

// members is what an object holds, in its order, with the objects in it laid
// out beside it. What is no object is one member without a name of its own.
func members(name string, raw json.RawMessage) []member {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return nil
	}
	in := json.NewDecoder(strings.NewReader(text))
	if !strings.HasPrefix(text, "{") || !json.Valid(raw) {
		if name == "" {
			name = "summary"
		}
		return []member{{name, plainJSON(raw)}}
	}
	var all []member
	_, _ = in.Token() // the text is valid
	for in.More() {
		key, _ := in.Token()
		var value json.RawMessage
		_ = in.Decode(&value)
		inner := strings.TrimSpace(name + " " + strings.ReplaceAll(fmt.Sprint(key), "_", " "))
		all = append(all, members(inner, value)...)
	}
	return all
}

// plainJSON is a value without quotes where it is a text, and with commas
// between thousands where it is a whole number.
func plainJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return term.Count(n)
	}
	return string(raw)
}
