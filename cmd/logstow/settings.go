package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"logstow/cmd/internal/config"
)

// keyAnnotation marks a flag that sets a key of the configuration.
const keyAnnotation = "logstow-key"

// settingFlag adds a flag that sets a key of the configuration, from where its
// default comes too.
func settingFlag(flags *pflag.FlagSet, name, key, usage string) {
	flags.String(name, "", usage)
	mark(flags, name, key)
}

// listSettingFlag adds a flag that sets a key which is a list.
func listSettingFlag(flags *pflag.FlagSet, name, key, usage string) {
	flags.StringSlice(name, nil, usage)
	mark(flags, name, key)
}

// switchSettingFlag adds a flag that sets a key which is true or false.
func switchSettingFlag(flags *pflag.FlagSet, name, key, usage string) {
	flags.Bool(name, false, usage)
	mark(flags, name, key)
}

func mark(flags *pflag.FlagSet, name, key string) {
	if err := flags.SetAnnotation(name, keyAnnotation, []string{key}); err != nil {
		panic(err) // the flag was added just now
	}
}

// storeFlag and ledgerFlag add the flags that every command has which needs
// the one or the other.
func storeFlag(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), "store", "store", "the store's `URL`: s3://bucket/prefix?region=… or file:///folder")
	settingFlag(cmd.Flags(), "s3-client", "s3.client", "what puts small objects into S3: direct or sdk (default: what the `store`'s URL says, or direct)")
}

func ledgerFlag(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), "ledger", "ledger", "the ledger's `file` (default: one for each store, below ~/.local/state/logstow)")
}

// given is the value of every flag on the command line that sets a key.
func given(cmd *cobra.Command) map[string]string {
	values := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		key, ok := f.Annotations[keyAnnotation]
		if !ok {
			return
		}
		values[key[0]] = f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values[key[0]] = strings.Join(list.GetSlice(), ",")
		}
	})
	return values
}

// load reads the configuration for a command, and starts the log as it says.
func (a *app) load(cmd *cobra.Command) (*config.Config, error) {
	c, _, err := a.loadFrom(cmd)
	return c, err
}

func (a *app) loadFrom(cmd *cobra.Command) (*config.Config, config.Provenance, error) {
	flags := given(cmd)
	if path, ok := flags["store"]; ok && !strings.Contains(path, "://") {
		return nil, nil, bareStore(path)
	}
	c, from, err := config.Load(config.Options{File: a.configPath, Env: os.Environ(), Flags: flags})
	if err != nil {
		return nil, nil, usageError{err}
	}
	a.logTo.to(a.err)
	a.log = newLog(&a.logTo, c.Log)
	return c, from, nil
}

// bareStore refuses a path where a URL must be, and says the URL.
func bareStore(path string) error {
	full, err := filepath.Abs(path)
	if err != nil || path == "" {
		return usagef("--store %q is not a URL: use s3://bucket/prefix or file:///folder", path)
	}
	return usagef("--store %q is not a URL: did you mean file://%s?", path, filepath.ToSlash(full))
}

// say tells people something on stderr, unless they want it quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, "logstow: "+format+"\n", args...)
	}
}
