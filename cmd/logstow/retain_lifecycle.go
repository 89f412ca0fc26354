package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"logstow/archive/retain"
	"logstow/archive/store/s3store"
	"logstow/cmd/internal/config"
	"logstow/layout"
)

type retainLifecycleOptions struct {
	transitions []string
}

func (a *app) retainLifecycleCommand() *cobra.Command {
	var o retainLifecycleOptions
	cmd := &cobra.Command{
		Use:   "lifecycle",
		Short: "Print bucket rules that move segments to colder classes",
		Long: `Print lifecycle rules for the store's bucket, as aws s3api takes them: segments
move to colder storage classes, and uploads that were never finished are ended.
They expire nothing: retain does that, which knows of holds. The store isn't asked.

put-bucket-lifecycle-configuration replaces all rules that the bucket has: where
it has some, add these to them.

Segments of GLACIER and DEEP_ARCHIVE can't be read until somebody restores them in
the bucket: neither cat and export nor the rewriting of what has expired or is
erased works on them.`,
		Example: `  logstow retain lifecycle > rules.json
  logstow retain lifecycle --transition 30d=STANDARD_IA --transition 180d=GLACIER_IR
  aws s3api put-bucket-lifecycle-configuration --bucket B --lifecycle-configuration file://rules.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.retainLifecycle(c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	cmd.Flags().StringArrayVar(&o.transitions, "transition", []string{"90d=GLACIER_IR"},
		"after how long to move segments to which `class`, as in 90d=GLACIER_IR; may be repeated")
	return cmd
}

func (a *app) retainLifecycle(c *config.Config, o retainLifecycleOptions) error {
	prefix, err := bucketPrefix(c.Store)
	if err != nil {
		return err
	}
	var moves []transition
	for _, text := range o.transitions {
		t, err := parseTransition(text)
		if err != nil {
			return usagef("--transition %q: %w", text, err)
		}
		moves = append(moves, t)
	}
	if err := checkTransitions(moves); err != nil {
		return usagef("--transition: %w", err)
	}
	for _, t := range moves {
		if classes[t.StorageClass].asleep {
			a.say("segments of class %s can't be read at once: until they are restored in the bucket neither cat and export nor erasing what is in them works", t.StorageClass)
		}
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(rulesFor(prefix, moves))
}

// bucketPrefix is what the keys of a store begin with in its bucket.
func bucketPrefix(storeURL string) (string, error) {
	if storeURL == "" {
		return "", usagef("no store: name one with --store, LOGSTOW_STORE or store in the configuration")
	}
	if u, err := url.Parse(storeURL); err != nil || u.Scheme != "s3" {
		return "", usagef("store %q: only a bucket has lifecycle rules", storeURL)
	}
	s3, err := s3store.ParseURL(storeURL)
	if err != nil {
		return "", usageError{err}
	}
	if s3.Prefix == "" {
		return "", nil
	}
	return s3.Prefix + "/", nil
}

// lifecycle is a bucket's rules as the S3 API's JSON has them. It has no member
// for expiry, and never will.
type lifecycle struct {
	Rules []lifecycleRule
}

type lifecycleRule struct {
	ID          string
	Status      string
	Filter      lifecycleFilter
	Transitions []transition  `json:",omitempty"`
	Abort       *abortUploads `json:"AbortIncompleteMultipartUpload,omitempty"`
}

type lifecycleFilter struct{ Prefix string }

type abortUploads struct{ DaysAfterInitiation int }

// abortAfter is in how many days an upload is surely not going on any more.
const abortAfter = 7

// rulesFor is the rules of a store whose keys begin with prefix in its bucket.
func rulesFor(prefix string, moves []transition) lifecycle {
	return lifecycle{Rules: []lifecycleRule{
		{
			ID: "logstow-segments-to-colder-classes", Status: "Enabled",
			Filter: lifecycleFilter{prefix + segmentsPrefix}, Transitions: moves,
		},
		{
			ID: "logstow-unfinished-uploads", Status: "Enabled",
			Filter: lifecycleFilter{prefix}, Abort: &abortUploads{abortAfter},
		},
	}}
}

// segmentsPrefix is what the keys of segments begin with, of this version and later
// ones.
var segmentsPrefix = layout.Segments[:strings.IndexByte(layout.Segments, '/')+1]

// transition is a move to a colder class.
type transition struct {
	Days         int
	StorageClass string
}

// class is what S3 says of a storage class.
type class struct {
	rank   int  // of several moves each goes to a higher one
	rare   bool // only after 30 days, and out of it again after 30 more
	asleep bool // can't be read at once
}

var classes = map[string]class{
	"STANDARD_IA":         {rank: 1, rare: true},
	"INTELLIGENT_TIERING": {rank: 2},
	"ONEZONE_IA":          {rank: 3, rare: true},
	"GLACIER_IR":          {rank: 4},
	"GLACIER":             {rank: 5, asleep: true},
	"DEEP_ARCHIVE":        {rank: 6, asleep: true},
}

// rareDays is how long S3 wants an object to stay before and in a rare class.
const rareDays = 30

// parseTransition reads a period and a class, such as 90d=GLACIER_IR. A year has 365
// days.
func parseTransition(text string) (transition, error) {
	after, name, ok := strings.Cut(text, "=")
	if !ok {
		return transition{}, errors.New("write it as 90d=GLACIER_IR")
	}
	period, err := retain.ParsePeriod(after)
	if err != nil {
		return transition{}, err
	}
	if _, ok := classes[name]; !ok {
		var names []string
		for n := range classes {
			names = append(names, n)
		}
		slices.SortFunc(names, func(a, b string) int { return classes[a].rank - classes[b].rank })
		return transition{}, fmt.Errorf("no such class; use one of %s", strings.Join(names, ", "))
	}
	return transition{Days: period.Years*365 + period.Days, StorageClass: name}, nil
}

// checkTransitions refuses moves that S3 would refuse, and sorts them.
func checkTransitions(moves []transition) error {
	slices.SortFunc(moves, func(a, b transition) int { return a.Days - b.Days })
	for i, t := range moves {
		to := classes[t.StorageClass]
		if to.rare && t.Days < rareDays {
			return fmt.Errorf("S3 moves nothing to %s before %d days", t.StorageClass, rareDays)
		}
		if i == 0 {
			continue
		}
		before := moves[i-1]
		from := classes[before.StorageClass]
		switch {
		case from.rank >= to.rank, before.StorageClass == "ONEZONE_IA" && t.StorageClass == "GLACIER_IR":
			return fmt.Errorf("S3 moves nothing from %s to %s", before.StorageClass, t.StorageClass)
		case before.Days == t.Days:
			return fmt.Errorf("two moves after %d days", t.Days)
		case from.rare && t.Days < before.Days+rareDays:
			return fmt.Errorf("S3 moves nothing out of %s before %d days there", before.StorageClass, rareDays)
		}
	}
	return nil
}
