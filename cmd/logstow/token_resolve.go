package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export/token"
)

func (a *app) tokenResolveCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "resolve {TOKEN | -}",
		Short: "Print a URL that downloads what a token stands for",
		Long: `Print a URL that downloads what a token stands for, without credentials, for 60
minutes. Each time it is another URL. For - the token is read from standard
input, so that it does not stand in the list of processes.

A bucket makes such URLs itself. For a folder they lead to logstow serve, and
--url says where clients reach that; logstow export --output needs no server.

While the file is still being made nothing is printed, and the exit status is 0.`,
		Example: `  logstow export 4711 | logstow token resolve - | xargs curl -OJ
  logstow token resolve - --json < token`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.tokenResolve(cmd.Context(), c, args[0], asJSON)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	settingFlag(cmd.Flags(), "url", "serve.url", "`URL` at which clients reach logstow serve")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print status, URL and its end as one JSON object")
	return cmd
}

// resolvedJSON is what token resolve --json prints. It only grows.
type resolvedJSON struct {
	Status  string    `json:"status"`        // READY or IN_PROGRESS
	URL     *string   `json:"presigned_url"` // null while in progress
	Expires time.Time `json:"expires_at"`    // of the URL; of the token while in progress
}

func (a *app) tokenResolve(ctx context.Context, c *config.Config, arg string, asJSON bool) (err error) {
	text, err := a.secretArgument(arg)
	if err != nil {
		return err
	}
	tokens, l, err := openTokens(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	resolved, err := tokens.Resolve(ctx, text, 0, "")
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		answer := resolvedJSON{Status: resolved.Status, Expires: resolved.Expires.UTC()}
		if resolved.Status == token.Ready {
			answer.URL = &resolved.URL
		}
		out := json.NewEncoder(a.out)
		out.SetEscapeHTML(false) // a URL is full of ampersands
		return out.Encode(answer)
	case resolved.Status == token.Ready:
		_, err := fmt.Fprintln(a.out, resolved.URL)
		return err
	default:
		a.say("still being made: %s jobs, %s so far", term.Count(resolved.Export.Jobs), term.Size(resolved.Export.Bytes))
		return nil
	}
}
