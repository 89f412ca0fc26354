package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/export"
	"logstow/layout/jobfile"
)

// erasedJobs is what erase did with jobs. Its JSON form only grows.
type erasedJobs struct {
	Documents int64    `json:"documents"` // versions of jobs and events that are gone
	Held      int64    `json:"held"`      // versions that a hold keeps: they go when it is released
	Retained  []string `json:"retained"`  // keys that the store does not let go
	Left      []string `json:"left"`      // keys that were found when all was done, and should not have been
}

func (r erasedJobs) print(w io.Writer) error {
	lines := summaryLines{w: w}
	lines.count("erased", r.Documents, "versions of jobs and events")
	lines.nonzero("held", r.Held, "erased once their holds are released")
	lines.nonzero("retained", int64(len(r.Retained)), "objects that the store does not let go")
	lines.nonzero("left", int64(len(r.Left)), "objects that should be gone")
	return lines.print()
}

func (a *app) eraseJobs(ctx context.Context, c retain.Config, o eraseOptions) error {
	docs, err := o.versions(ctx, c.Ledger)
	if err != nil {
		return err
	}
	if o.dryRun {
		return a.planErasure(ctx, c, docs, o)
	}
	if !o.yes {
		question := fmt.Sprintf("Erase %s of %s for good?", counted(int64(len(docs)), "version"), strings.Join(o.jobs, ", "))
		if err := a.confirmed(question, "yes"); err != nil {
			return err
		}
	}
	how := recording{ledger: c.Ledger, command: "erase", log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (erasedJobs, error) {
		return a.eraseVersions(ctx, c, docs, o)
	})
	return errors.Join(err, a.printReport(did, o.json))
}

func (a *app) eraseVersions(ctx context.Context, c retain.Config, docs []ledger.Document, o eraseOptions) (erasedJobs, error) {
	did := erasedJobs{Retained: []string{}, Left: []string{}}
	gone, err := retain.EraseVersions(ctx, c, docs, o.why())
	did.Documents = int64(gone)
	if held, ok := errors.AsType[*retain.HeldError](err); ok {
		did.Held = held.Versions
	}
	if kept, ok := errors.AsType[*store.RetainedError](err); ok {
		did.Retained = kept.Keys
	}
	err = a.whatIsKept(err)
	if err != nil && !errors.Is(err, errPartial) {
		return did, err
	}
	if err != nil { // what is kept isn't to be gone
		now, failed := c.Ledger.ByIDs(ctx, docs)
		if failed != nil {
			return did, failed
		}
		docs = slices.DeleteFunc(now, func(d ledger.Document) bool { return d.State != ledger.Erased })
	}
	left, failed := retain.LeftOf(ctx, c, docs)
	if failed != nil {
		return did, failed
	}
	did.Left = append(did.Left, left...)
	return did, errors.Join(err, a.leftError(left))
}

// versions are those of the jobs that were named. Each job must be there.
func (o eraseOptions) versions(ctx context.Context, l *ledger.Ledger) ([]ledger.Document, error) {
	var docs []ledger.Document
	seen := map[int64]bool{}
	for _, id := range o.jobs {
		some, err := o.versionsOf(ctx, l, id)
		if err != nil {
			return nil, err
		}
		for _, d := range some {
			if !seen[d.ID] {
				seen[d.ID] = true
				docs = append(docs, d)
			}
		}
	}
	return docs, nil
}

// versionsOf are those of a job, also where their erasure was begun before, and
// where they are expiring: their bytes may lie in a segment for a while.
func (o eraseOptions) versionsOf(ctx context.Context, l *ledger.Ledger, id string) ([]ledger.Document, error) {
	want := export.Wanted{ID: id, User: o.user, Recipe: o.recipe, Event: o.event}
	job, notFound := export.Find(ctx, l, want)
	if notFound != nil && !errors.Is(notFound, export.ErrNotFound) {
		return nil, notFound
	}
	docs := job.Versions
	if notFound == nil {
		want = export.Wanted{ID: id, User: job.User, Recipe: job.Recipe, Event: job.Kind != jobfile.Job}
	}
	gone, err := export.Find(ctx, expiringIndex{l}, want)
	if err != nil && !errors.Is(err, export.ErrNotFound) {
		return nil, err
	}
	docs = append(docs, gone.Versions...)
	all, err := l.Versions(ctx, want.User, id)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.State == ledger.Deleting && (o.recipe == "" || d.Recipe == o.recipe) {
			docs = append(docs, d)
		}
	}
	if len(docs) == 0 {
		return nil, notFound
	}
	return docs, nil
}

// expiringIndex has what is expiring, as if it could still be found.
type expiringIndex struct{ ledger *ledger.Ledger }

// ByJob returns the expiring versions of what has this id.
func (x expiringIndex) ByJob(ctx context.Context, user, job string) ([]ledger.Document, error) {
	all, err := x.ledger.Versions(ctx, user, job)
	all = slices.DeleteFunc(all, func(d ledger.Document) bool { return d.State != ledger.Expiring })
	for i := range all {
		all[i].State = ""
	}
	return all, err
}

// planErasure lists what would be erased, and says what would not.
func (a *app) planErasure(ctx context.Context, c retain.Config, docs []ledger.Document, o eraseOptions) (err error) {
	plan, err := a.newErasurePlan(ctx, c, o.json)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if err := plan.add(d); err != nil {
			return err
		}
	}
	return plan.close()
}

// erasurePlan is a listing of what would be erased.
type erasurePlan struct {
	app   *app
	list  *listing
	holds []ledger.Hold
	held  int64
}

func (a *app) newErasurePlan(ctx context.Context, c retain.Config, asJSON bool) (*erasurePlan, error) {
	holds, err := retain.Holds(ctx, c)
	if err != nil {
		return nil, err
	}
	return &erasurePlan{app: a, list: a.newListing(asJSON), holds: holds}, nil
}

// add lists a version, unless a hold would keep it.
func (p *erasurePlan) add(d ledger.Document) error {
	for i := range p.holds {
		if d.State != ledger.Deleting && p.holds[i].Holds(&d) {
			p.held++
			return nil
		}
	}
	return p.list.add(d)
}

func (p *erasurePlan) close() error {
	err := p.list.close()
	if p.held > 0 {
		p.app.say("%s on hold would stay: see logstow hold ls", counted(p.held, "version"))
	}
	return err
}
