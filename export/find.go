// Package export finds jobs and writes their logs out.
package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"logstow/archive/ledger"
	"logstow/layout/jobfile"
)

// Errors that Find and Job.Version return, wrapped. Test with errors.Is.
var (
	// ErrNotFound says that nothing of that name is kept.
	ErrNotFound = errors.New("not found")

	// ErrAmbiguous says that more than one thing has that name; the error is
	// an *AmbiguousError.
	ErrAmbiguous = errors.New("ambiguous")
)

// AmbiguousError names what an id may mean. At most one of its lists is set.
type AmbiguousError struct {
	ID        string
	Users     []string // that have a job of this id
	Recipes   []string // of one user, that have a job of this id
	Revisions []string // of one job, that begin with ID
}

// Error names all that the id may mean.
func (e *AmbiguousError) Error() string {
	switch {
	case e.Users != nil:
		return fmt.Sprintf("several users have %s: %s", e.ID, strings.Join(e.Users, ", "))
	case e.Recipes != nil:
		return fmt.Sprintf("several recipes have %s: %s", e.ID, strings.Join(e.Recipes, ", "))
	default:
		return fmt.Sprintf("several versions begin with %s: %s", e.ID, strings.Join(e.Revisions, ", "))
	}
}

// Is tells that it is ErrAmbiguous.
func (e *AmbiguousError) Is(target error) bool { return target == ErrAmbiguous }

// index is the part of the ledger that finding needs: every version of what
// has this id, of one user or, where user is empty, of all.
type index interface {
	ByJob(ctx context.Context, user, job string) ([]ledger.Document, error)
}

// Wanted names a job or an event. Only ID is required.
type Wanted struct {
	ID     string
	User   string
	Recipe string
	Event  bool // look among events only
}

// Job is a job or an event and every version that is kept of it.
type Job struct {
	User, Recipe, ID string
	Kind             jobfile.Kind

	// Versions has at least one element. The first is the one to read when
	// none is asked for: versions with their lines come before those without,
	// and among equals the newest is first.
	Versions []ledger.Document
}

// Find looks a job up by its id. Where no job has it, an event may. An id that
// several users have, or several recipes of one user, is refused with an
// AmbiguousError; one that nobody has is ErrNotFound.
func Find(ctx context.Context, l index, want Wanted) (Job, error) {
	docs, err := l.ByJob(ctx, want.User, want.ID)
	if err != nil {
		return Job{}, fmt.Errorf("look up %s: %w", want.ID, err)
	}
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return !want.matches(d) })
	if isJob := func(d ledger.Document) bool { return d.Kind == string(jobfile.Job) }; slices.ContainsFunc(docs, isJob) {
		docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return !isJob(d) })
	}
	if len(docs) == 0 {
		return Job{}, fmt.Errorf("%s: %w", want, ErrNotFound)
	}
	if users := distinct(docs, func(d ledger.Document) string { return d.User }); len(users) > 1 {
		return Job{}, &AmbiguousError{ID: want.ID, Users: users}
	}
	if recipes := distinct(docs, func(d ledger.Document) string { return d.Recipe }); len(recipes) > 1 {
		return Job{}, &AmbiguousError{ID: want.ID, Recipes: recipes}
	}
	slices.SortStableFunc(docs, better)
	first := docs[0]
	return Job{
		User: first.User, Recipe: first.Recipe, ID: first.Job,
		Kind: jobfile.Kind(first.Kind), Versions: docs,
	}, nil
}

// String is what messages call it.
func (w Wanted) String() string {
	name := "job " + w.ID
	if w.Event {
		name = "event " + w.ID
	}
	if w.Recipe != "" {
		name += " of recipe " + w.Recipe
	}
	if w.User != "" {
		name += " of user " + w.User
	}
	return name
}

func (w Wanted) matches(d ledger.Document) bool {
	switch {
	case d.State != ledger.Stored && d.State != "":
		return false
	case w.Event && d.Kind == string(jobfile.Job):
		return false
	default:
		return w.Recipe == "" || w.Recipe == d.Recipe
	}
}

// Version returns the only version whose input hash, in hex, begins with
// prefix.
func (j Job) Version(prefix string) (ledger.Document, error) {
	prefix = strings.ToLower(prefix)
	var found []ledger.Document
	for _, d := range j.Versions {
		if strings.HasPrefix(d.InputHash.String(), prefix) {
			found = append(found, d)
		}
	}
	hashes := distinct(found, func(d ledger.Document) string { return d.InputHash.String() })
	switch len(hashes) {
	case 0:
		return ledger.Document{}, fmt.Errorf("version %s of job %s: %w", prefix, j.ID, ErrNotFound)
	case 1:
		return found[0], nil
	default:
		return ledger.Document{}, &AmbiguousError{ID: prefix, Revisions: hashes}
	}
}

// better orders the version to read first before the others.
func better(a, b ledger.Document) int {
	return cmp.Or(
		compareBool(hasLines(b), hasLines(a)),
		b.Time.Compare(a.Time),
		cmp.Compare(b.ID, a.ID),
	)
}

// hasLines tells whether the document itself holds lines.
func hasLines(d ledger.Document) bool {
	changes := strings.Split(d.Changed, ",")
	return d.Lines > 0 && !slices.Contains(changes, changedCapped) && !slices.Contains(changes, string(jobfile.StatusOnly))
}

// changedCapped is how Document.Changed says that the lines were left out for
// size.
const changedCapped = "capped"

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// distinct returns the different values of what, sorted.
func distinct(docs []ledger.Document, what func(ledger.Document) string) []string {
	var all []string
	for _, d := range docs {
		all = append(all, what(d))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
