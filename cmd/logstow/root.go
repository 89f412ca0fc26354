package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is what every command works with.
type app struct {
	in       io.Reader
	out, err io.Writer

	configPath string
	quiet      bool

	log     *slog.Logger // set by load, writes to logTo
	logTo   redirect
	started bool // the command line was understood

	lease time.Duration // of tasks; 0: the scheduler's own
	drain time.Duration // that running tasks have to finish when serve is to stop; 0: the scheduler's own
}

// run runs one command line and returns its exit status, everything printed.
func (a *app) run(ctx context.Context, args []string) exitStatus {
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.started {
		err = usageError{err}
	}
	status := statusOf(ctx, err)
	printError(a.err, status, err)
	return status
}

func (a *app) rootCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logstow",
		Short: "Keep the logs of finished jobs and get any of them back",
		Long: `logstow copies each finished job's log into object storage as one JSON file
under a predictable name, and gives any of them back.`,
		Example: `  logstow archive ./logs --store file:///var/lib/logstow
  logstow archive jobs.ndjson.gz --store 's3://bucket/prefix?region=eu-central-1'
  logstow ls --user 1234 --status failed
  logstow cat j-AEcaNzd9-dGQ4Bf
  logstow export j-AEcaNzd9-dGQ4Bf --output job.log
  logstow serve --listen 127.0.0.1:8333`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(cmd)
	cmd.PersistentPreRun = func(*cobra.Command, []string) { a.started = true }
	cmd.SetIn(a.in)
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	cmd.CompletionOptions.DisableDefaultCmd = true
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "configuration `file` (default: $LOGSTOW_CONFIG, then the user's, then /etc/logstow/config.yaml)")
	settingFlag(flags, "log-level", "log.level", "least severe `level` logged on stderr: debug, info, warn or error (default warn)")
	settingFlag(flags, "log-format", "log.format", "`form` of the log: text or json (default text)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no remarks on stderr")
	cmd.AddCommand(
		a.archiveCommand(), a.adoptCommand(),
		a.lsCommand(), a.catCommand(), a.quarantineCommand(),
		a.exportCommand(), a.tokenCommand(), a.keyCommand(), a.auditCommand(),
		a.serveCommand(), a.runCommand(), a.runsCommand(), a.statusCommand(),
		a.compactCommand(), a.restoreCommand(), a.retainCommand(), a.holdCommand(), a.eraseCommand(),
		a.checkCommand(), a.ddlCommand(), a.doctorCommand(), a.configCommand(),
		a.versionCommand(), a.completionCommand(),
	)
	return cmd
}

// group makes a command that only has subcommands refuse to be run without
// one.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return usagef("which command? see: %s --help", cmd.CommandPath())
	}
}

// oneArgument refuses any other number of arguments, and says which one is
// wanted.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	usage := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	return usagef("%d arguments where there is one: %s", len(args), usage)
}

// noEmptySelection refuses a flag that selects and has no value, as a script gives
// one whose variable isn't set: it would select everything.
func noEmptySelection(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "user", "recipe", "status", "kind", "month", "since", "until", "policy":
			if v := f.Value.String(); v == "" || v == "[]" {
				err = usagef("--%s is empty: leave it out where all are meant", f.Name)
			}
		}
	})
	return err
}

// statuses adds to a command's help how it may end.
func statuses(cmd *cobra.Command, all ...exitStatus) {
	var b strings.Builder
	b.WriteString(cmd.UsageTemplate())
	b.WriteString("\nExit status:\n")
	for _, s := range all {
		fmt.Fprintf(&b, "  %-4d%s\n", s, s.meaning())
	}
	cmd.SetUsageTemplate(b.String())
}
