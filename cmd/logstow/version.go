package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Say which logstow this is",
		Example: "  logstow version\n  logstow version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return printVersion(a.out, readVersion(), asJSON)
		},
	}
	statuses(cmd, exitOK)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// version is what version --json prints.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`             // empty where the build doesn't say
	Time     string `json:"time"`               // of the commit
	Modified bool   `json:"modified,omitempty"` // built from files that were not committed
	Go       string `json:"go"`
}

// readVersion reads what the linker left in this program.
func readVersion() version {
	v := version{Version: "unknown"}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version, v.Go = build.Main.Version, build.GoVersion
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func printVersion(w io.Writer, v version, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(v)
	}
	commit := v.Commit
	if commit == "" {
		commit = "unknown commit"
	}
	if v.Modified {
		commit += ", modified"
	}
	_, err := fmt.Fprintf(w, "logstow %s (%s, %s)\n", v.Version, commit, v.Go)
	return err
}
