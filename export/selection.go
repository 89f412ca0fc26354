package export

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"logstow/archive/ledger"
	"logstow/layout/jobfile"
)

// picked is a version that a request selects.
type picked struct {
	ledger.Document
	best bool // Find puts it first of its job's versions

	fetching *fetching // nil where it is not to be read
}

// selection is what a request selects of what had been recorded when the
// selection was made. It can be gone through more than once.
type selection struct {
	ledger  documents
	request Request
	jobs    []Job // that are named by id; nil where there is a query
	last    int64 // the ID that was recorded last
}

// newSelection decides what a request selects. ErrNotFound, or an AmbiguousError,
// where a job that it names can't be had.
func (e *Exporter) newSelection(ctx context.Context, r Request) (*selection, error) {
	s := &selection{ledger: e.ledger, request: r}
	if len(r.Jobs) > 0 {
		return s, s.findJobs(ctx)
	}
	var err error
	if s.last, err = e.ledger.Last(ctx); err != nil {
		return nil, fmt.Errorf("look up what was recorded last: %w", err)
	}
	return s, nil
}

// findJobs looks up the jobs that are named by id, each once, newest first.
func (s *selection) findJobs(ctx context.Context) error {
	event := len(s.request.Kinds) > 0 && !slices.Contains(s.request.Kinds, jobfile.Job)
	seen := map[string]bool{}
	for _, id := range s.request.Jobs {
		if seen[id] {
			continue
		}
		seen[id] = true
		want := Wanted{ID: id, User: s.request.User, Recipe: s.request.Recipe, Event: event}
		job, err := Find(ctx, s.ledger, want)
		if err != nil {
			return err
		}
		if len(s.request.Kinds) > 0 && !slices.Contains(s.request.Kinds, job.Kind) {
			return fmt.Errorf("%s of the kinds %v: %w", want, s.request.Kinds, ErrNotFound)
		}
		s.jobs = append(s.jobs, job)
	}
	slices.SortStableFunc(s.jobs, func(a, b Job) int { return listed(a.Versions[0], b.Versions[0]) })
	return nil
}

// listed is the order of listings: newest first.
func listed(a, b ledger.Document) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID))
}

// documents yields the versions to write, newest job first. The first error
// ends it.
func (s *selection) documents(ctx context.Context) iter.Seq2[picked, error] {
	all := s.queried(ctx)
	if s.jobs != nil {
		all = s.named
	}
	if s.request.Format.versions() {
		return all
	}
	return func(yield func(picked, error) bool) {
		for p, err := range all {
			if (p.best || err != nil) && !yield(p, err) {
				return
			}
		}
	}
}

// named yields every version of the jobs that are named by id.
func (s *selection) named(yield func(picked, error) bool) {
	for _, job := range s.jobs {
		for i, v := range job.Versions {
			if !yield(picked{Document: v, best: i == 0}, nil) {
				return
			}
		}
	}
}

// lookedUp is how many documents of a listing are looked up at once.
const lookedUp = 250

// queried yields every version that the query lists. Which of them is the best
// of its job doesn't depend on what is recorded meanwhile, so that each job has
// one best version and the listing comes by it once.
func (s *selection) queried(ctx context.Context) iter.Seq2[picked, error] {
	return func(yield func(picked, error) bool) {
		var batch []picked
		give := func() bool {
			err := s.judge(ctx, batch)
			if err != nil {
				yield(picked{}, err)
				return false
			}
			for _, p := range batch {
				if p.ID != gone && !yield(p, nil) {
					return false
				}
			}
			batch = batch[:0]
			return true
		}
		for d, err := range s.ledger.Documents(ctx, s.query()) {
			if err != nil {
				yield(picked{}, fmt.Errorf("list what to export: %w", err))
				return
			}
			if d.ID > s.last {
				continue // recorded since
			}
			if batch = append(batch, picked{Document: d}); len(batch) == lookedUp && !give() {
				return
			}
		}
		give()
	}
}

// gone is the ID of a version that was removed since it was listed.
const gone = -1

func (s *selection) query() ledger.Query {
	q := ledger.Query{
		User: s.request.User, Recipes: s.request.Recipes, Statuses: s.request.Statuses,
		From: s.request.From, To: s.request.To,
	}
	for _, k := range s.request.Kinds {
		q.Kinds = append(q.Kinds, string(k))
	}
	return q
}

// judge says of each version of a batch whether it is the best of its job.
func (s *selection) judge(ctx context.Context, batch []picked) error {
	if len(batch) == 0 {
		return nil
	}
	refs := make([]ledger.Ref, len(batch))
	for i, p := range batch {
		refs[i] = ledger.Ref{User: p.User, Job: p.Job}
	}
	all, err := s.ledger.Find(ctx, refs)
	if err != nil {
		return fmt.Errorf("look up the versions of what to export: %w", err)
	}
	for i := range batch {
		stored := 0
		for _, v := range all[i] {
			if v.State == ledger.Stored {
				stored++
			}
		}
		if stored == 1 {
			batch[i].best = true
			continue
		}
		if err := s.compare(ctx, &batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// compare says of a version that has others beside it whether it is the best.
func (s *selection) compare(ctx context.Context, p *picked) error {
	versions, err := s.ledger.ByJob(ctx, p.User, p.Job)
	if err != nil {
		return fmt.Errorf("look up %s: %w", p.Job, err)
	}
	versions = slices.DeleteFunc(versions, func(v ledger.Document) bool {
		return v.ID > s.last || v.Recipe != p.Recipe || isJob(v) != isJob(p.Document)
	})
	if !slices.ContainsFunc(versions, func(v ledger.Document) bool { return v.ID == p.ID }) {
		p.ID = gone
		return nil
	}
	p.best = slices.MinFunc(versions, better).ID == p.ID
	return nil
}

func isJob(d ledger.Document) bool { return d.Kind == string(jobfile.Job) }

// Selected returns how many documents a request selects and how many lines
// they say they have (-1 where one doesn't tell), whatever lines of them the
// request chooses. ErrNotFound, or an AmbiguousError, where a job that it names
// can't be had.
func (e *Exporter) Selected(ctx context.Context, r Request) (jobs, lines int64, err error) {
	if err := r.Validate(); err != nil {
		return 0, 0, err
	}
	s, err := e.newSelection(ctx, r)
	if err != nil {
		return 0, 0, err
	}
	return s.count(ctx)
}

func (s *selection) count(ctx context.Context) (jobs, lines int64, err error) {
	for p, err := range s.documents(ctx) {
		if err != nil {
			return 0, 0, err
		}
		jobs++
		if p.Lines < 0 {
			lines = -1
		}
		if lines >= 0 {
			lines += p.Lines
		}
	}
	return jobs, lines, nil
}
