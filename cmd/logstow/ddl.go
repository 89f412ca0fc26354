package main

import (
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"logstow/archive/store/s3store"
	"logstow/cmd/internal/config"
)

func (a *app) ddlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ddl",
		Short: "Print table definitions for other tools",
		Long: `Print what makes tables of a store for a query engine: one of the segments, and
one of the documents that lie in files of their own. The store isn't asked
anything.`,
	}
	group(cmd)
	cmd.AddCommand(
		a.ddlOf(&cobra.Command{
			Use:   "duckdb",
			Short: "Print views for DuckDB",
			Long: `Print SQL that makes two views in DuckDB, logstow_segments and
logstow_documents. Run it where segments lie in the store already: DuckDB wants
to see one.`,
			Example: `  logstow ddl duckdb --store file:///var/lib/logstow | duckdb logs.duckdb
  logstow ddl duckdb --store 's3://bucket/prefix?region=eu-central-1' > views.sql`,
		}, duckdbDDL),
		a.ddlOf(&cobra.Command{
			Use:   "athena",
			Short: "Print tables for Amazon Athena",
			Long: `Print SQL that makes two external tables in Amazon Athena, logstow_segments and
logstow_documents, with partition projection: no crawler is needed, and no
partition is ever added. Athena runs one statement at a time.`,
			Example: `  logstow ddl athena --store 's3://bucket/prefix?region=eu-central-1'`,
		}, athenaDDL),
	)
	return cmd
}

// ddlOf makes cmd print what write writes of the store.
func (a *app) ddlOf(cmd *cobra.Command, write func(io.Writer, place) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.load(cmd)
		if err != nil {
			return err
		}
		p, err := placeOf(c)
		if err != nil {
			return err
		}
		return write(a.out, p)
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	return cmd
}

// place is where a store's objects are for other tools.
type place struct {
	root string          // without a slash at the end
	s3   *s3store.Config // nil for a folder
}

func placeOf(c *config.Config) (place, error) {
	switch {
	case c.Store == "":
		return place{}, usagef("no store: name one with --store, LOGSTOW_STORE or store in the configuration")
	case strings.HasPrefix(c.Store, "s3://"):
		s3, err := s3store.ParseURL(c.Store)
		if err != nil {
			return place{}, usageError{err}
		}
		root := "s3://" + s3.Bucket
		if s3.Prefix != "" {
			root += "/" + s3.Prefix
		}
		return place{root: root, s3: &s3}, nil
	}
	u, err := url.Parse(c.Store)
	if err != nil || u.Scheme != "file" {
		return place{}, usagef("store %q: use s3:// or file://", c.Store)
	}
	root, err := filepath.Abs(filepath.FromSlash(u.Path))
	return place{root: strings.TrimSuffix(root, "/")}, err
}

// quoted returns text as a string in SQL.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
