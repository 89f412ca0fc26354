package main

import (
	"os/user"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"logstow/archive/ledger"
	"logstow/layout"
)

func (a *app) holdCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Keep jobs from being removed or packed, whatever policies and erasures say",
		Long: `A hold keeps what it is about from being removed or moved, now and whatever is
archived later, until it is released. It lies in the store, so that every machine
and every ledger goes by it.`,
	}
	group(cmd)
	cmd.AddCommand(a.holdPlaceCommand(), a.holdReleaseCommand(), a.holdLsCommand())
	return cmd
}

// byFlag adds the flag that says who does something that is kept on record.
func byFlag(flags *pflag.FlagSet, by *string) {
	flags.StringVar(by, "by", "", "`who` does it (default: who is logged in)")
}

// whoever is by, or else who is logged in.
func whoever(by string) string {
	if by != "" {
		return by
	}
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// holdJSON is a line of hold ls --json. It only grows.
type holdJSON struct {
	ID            string       `json:"id"`
	State         string       `json:"state"` // active or released
	Scope         layout.Scope `json:"scope"`
	By            string       `json:"placed_by"`
	Reason        string       `json:"reason"`
	Placed        time.Time    `json:"placed_at"`
	Released      *time.Time   `json:"released_at"`
	ReleasedBy    string       `json:"released_by"`
	ReleaseReason string       `json:"release_reason"`
}

func holdOf(h ledger.Hold) holdJSON {
	j := holdJSON{
		ID: h.ID, State: "active", Scope: h.Scope, By: h.By, Reason: h.Reason, Placed: h.Placed,
		ReleasedBy: h.ReleasedBy, ReleaseReason: h.ReleaseReason,
	}
	if !h.Released.IsZero() {
		j.State, j.Released = "released", &h.Released
	}
	return j
}
