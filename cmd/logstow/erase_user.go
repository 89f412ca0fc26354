package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/source/filesource"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/layout/jobfile"
)

// erasedUser is what erase did with all of a user.
type erasedUser struct{ retain.UserErased }

func (r erasedUser) print(w io.Writer) error {
	lines := summaryLines{w: w}
	lines.count("erased", r.Documents, "versions of jobs and events")
	lines.nonzero("segments", r.Segments, "removed or made anew")
	lines.nonzero("exports", r.Exports, "their files removed")
	lines.nonzero("quarantined", r.Quarantined, "dropped")
	lines.nonzero("unattributed", r.Unattributed, "quarantined records that may be anybody's: see logstow quarantine ls")
	lines.nonzero("held", r.Held, "erased once their holds are released")
	lines.nonzero("retained", int64(len(r.Retained)), "objects that the store does not let go")
	lines.nonzero("left", int64(len(r.Left)), "objects that should be gone")
	return lines.print()
}

func (a *app) eraseUser(ctx context.Context, c retain.Config, o eraseOptions) error {
	if o.dryRun {
		return a.planUserErasure(ctx, c, o)
	}
	if !o.yes {
		n, err := c.Ledger.CountDocuments(ctx, ledger.Query{User: o.user})
		if err != nil {
			return err
		}
		question := fmt.Sprintf("Erase everything of user %s, %s, for good?", o.user, counted(n, "version"))
		if err := a.confirmed(question, o.user); err != nil {
			return err
		}
	}
	how := recording{ledger: c.Ledger, command: "erase", log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (erasedUser, error) {
		progress := a.startProgress("erased")
		did, err := retain.EraseUser(ctx, c, o.user, o.why(), func(did retain.UserErased) {
			progress.Update(term.State{Count: did.Documents + did.Segments + did.Quarantined})
		})
		a.endProgress(progress)
		return erasedUser{did}, a.userErased(did, err)
	})
	return errors.Join(err, a.printReport(did, o.json))
}

// userErased names what is left of a user, and returns how that ends.
func (a *app) userErased(did retain.UserErased, err error) error {
	if err = a.whatIsKept(err); err != nil && !errors.Is(err, errPartial) {
		return err
	}
	if did.Unattributed > 0 {
		fmt.Fprintf(a.err, "logstow: %s may be anybody's: look at them with logstow quarantine ls and show, and drop what is theirs\n",
			counted(did.Unattributed, "quarantined record"))
		err = errPartial
	}
	return errors.Join(err, a.leftError(did.Left))
}

// planUserErasure lists what would be erased of a user.
func (a *app) planUserErasure(ctx context.Context, c retain.Config, o eraseOptions) error {
	plan, err := a.newErasurePlan(ctx, c, o.json)
	if err != nil {
		return err
	}
	if err := plan.addUser(ctx, c.Ledger, o.user); err != nil {
		return err
	}
	if err := plan.close(); err != nil {
		return err
	}
	beside, err := retain.BesideOf(ctx, c, o.user)
	if err != nil {
		return err
	}
	for _, q := range beside.Quarantined {
		a.say("quarantined record %d, of %s at byte %d, would be dropped", q.ID, term.Printable(q.Part), q.Offset)
	}
	for _, e := range beside.Exports {
		a.say("the file of export %s would be removed", e.ID)
	}
	if beside.Unattributed > 0 {
		a.say("%s may be anybody's and would stay", counted(beside.Unattributed, "quarantined record"))
	}
	return nil
}

// addUser lists all versions of a user, also those that are expiring, and those
// whose erasure was begun.
func (p *erasurePlan) addUser(ctx context.Context, l *ledger.Ledger, user string) error {
	for _, all := range []iter.Seq2[ledger.Document, error]{
		l.Documents(ctx, ledger.Query{User: user}), expiringOf(ctx, l, user), l.DeletingOf(ctx, user),
	} {
		for d, err := range all {
			if err != nil {
				return err
			}
			if err := p.add(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// expiringOf yields what is expiring of a user.
func expiringOf(ctx context.Context, l *ledger.Ledger, user string) iter.Seq2[ledger.Document, error] {
	return func(yield func(ledger.Document, error) bool) {
		for m, err := range l.Expiring(ctx) {
			if (err != nil || m.User == user) && !yield(m.Document, err) {
				return
			}
		}
	}
}

// whoseRecords tells whose record one in quarantine may be: as its source is
// configured, or else by what it says.
func whoseRecords(c *config.Config) (retain.Whose, error) {
	readers := map[string]*jobfile.Reader{}
	add := func(name string, from config.Source) error {
		r, err := jobfile.NewReader(jobfile.Config{User: from.User, Fields: from.Fields, NoHash: true})
		readers[name] = r
		return err
	}
	if err := add("", config.Source{Fields: c.Archive.Fields}); err != nil {
		// A field map that names no user goes with the sources' own.
		if err := add("", config.Source{}); err != nil {
			return nil, usageError{err}
		}
	}
	for _, from := range c.Archive.Sources {
		name := from.Path
		if abs, err := filepath.Abs(name); name != filesource.Stdin && err == nil {
			name = abs // as records from there have it
		}
		if err := add(name, from); err != nil {
			return nil, usageError{err}
		}
	}
	return func(q ledger.Quarantined, raw io.ReaderAt, size int64) ([]string, error) {
		r, ok := readers[q.Source]
		if !ok {
			r = readers[""]
		}
		return r.Users(raw, size)
	}, nil
}
