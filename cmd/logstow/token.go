package main

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/export/token"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Resolve, list or revoke download tokens",
		Long: `A token stands for a file that logstow export makes. It is valid for an hour, and
whoever has it can download the file. Only its hash is kept.`,
	}
	group(cmd)
	cmd.AddCommand(a.tokenResolveCommand(), a.tokenLsCommand(), a.tokenRevokeCommand())
	return cmd
}

// maxSecretLine is more than any token has.
const maxSecretLine = 1000

// secretArgument is an argument that is a secret, or for "-" the first line of
// standard input: arguments stand in the list of processes for everybody.
func (a *app) secretArgument(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	line, err := bufio.NewReader(io.LimitReader(a.in, maxSecretLine)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usagef("standard input has no token")
	}
	return line, nil
}

// openTokens opens what tokens are kept in and what they stand for.
func openTokens(ctx context.Context, c *config.Config) (*token.Tokens, *ledger.Ledger, error) {
	s, l, err := openForWriting(ctx, c, false)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := token.New(ctx, token.Config{Ledger: l, Store: s, BaseURL: c.Serve.URL})
	if err != nil {
		_ = l.Close() // nothing was written
		return nil, nil, err
	}
	return tokens, l, nil
}
