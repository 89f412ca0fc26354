package retain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// erasing is one erasure. Its steps keep an order that may break off between any
// two of them: the record comes first, since a ledger that is made anew goes by it;
// then nobody finds any more what is to go; then objects and segments go; and at the
// end the ledger forgets what they held.
type erasing struct {
	Config
	why  Why
	kept kept
	held heldVersions

	strayed map[string][]string // keys of strays that were to be removed, by those of their revisions

	exports  int64
	rewrites int64
}

func newErasing(c Config, why Why) *erasing {
	return &erasing{Config: c, why: why, strayed: map[string][]string{}}
}

// erasePage is how many versions are begun, and how many are ended, at once.
const erasePage = 1000

// versions erases versions of one user and returns how many are gone.
func (e *erasing) versions(ctx context.Context, docs []ledger.Document) (gone int, err error) {
	var started []ledger.Document
	for page := range slices.Chunk(docs, erasePage) {
		some, err := e.begin(ctx, page)
		if err != nil {
			return 0, err
		}
		if err := e.objects(ctx, some); err != nil {
			return 0, err
		}
		started = append(started, some...)
	}
	if len(started) == 0 {
		return 0, nil
	}
	if err := e.segments(ctx, docs[0].User, monthsOf(started)); err != nil {
		return 0, err
	}
	for page := range slices.Chunk(started, erasePage) {
		n, err := e.end(ctx, page)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// resume goes on with all that is Deleting of a user.
func (e *erasing) resume(ctx context.Context, user string) (gone int, err error) {
	months := map[time.Time]bool{}
	err = e.pages(ctx, user, func(page []ledger.Document) error {
		started, err := e.begin(ctx, page)
		for _, month := range monthsOf(started) {
			months[month] = true
		}
		if err != nil {
			return err
		}
		return e.objects(ctx, started)
	})
	if err != nil {
		return 0, err
	}
	all := make([]time.Time, 0, len(months))
	for month := range months {
		all = append(all, month)
	}
	if err := e.segments(ctx, user, all); err != nil {
		return 0, err
	}
	err = e.pages(ctx, user, func(page []ledger.Document) error {
		n, err := e.end(ctx, page)
		gone += n
		return err
	})
	return gone, err
}

// pages calls f with all that is Deleting of a user, page by page.
func (e *erasing) pages(ctx context.Context, user string, f func([]ledger.Document) error) error {
	var page []ledger.Document
	for d, err := range e.Ledger.DeletingOf(ctx, user) {
		if err != nil {
			return err
		}
		if page = append(page, d); len(page) < erasePage {
			continue
		}
		if err := f(page); err != nil {
			return err
		}
		page = nil
	}
	if len(page) == 0 {
		return nil
	}
	return f(page)
}

// begin puts on record that versions of one user are erased, sees to it that
// nobody finds them any more, and removes the files that were made of their jobs. It
// returns those that nothing holds, as the ledger has them then.
func (e *erasing) begin(ctx context.Context, docs []ledger.Document) ([]ledger.Document, error) {
	begun := func(d ledger.Document) bool { return d.State == ledger.Deleting }
	if fresh := slices.DeleteFunc(slices.Clone(docs), begun); len(fresh) > 0 {
		if err := record(ctx, e.Store, docs, e.why); err != nil {
			return nil, err
		}
	}
	exports, held, err := e.Ledger.StartErasure(ctx, docs, e.why.Audit)
	if err != nil {
		return nil, err
	}
	if err := e.held.add(ctx, e.Ledger, held); err != nil {
		return nil, err
	}
	if err := e.removeExports(ctx, exports); err != nil {
		return nil, err
	}
	now, err := e.Ledger.ByIDs(ctx, docs)
	return slices.DeleteFunc(now, func(d ledger.Document) bool { return !begun(d) }), err
}

// objects removes what lies under the keys of documents and beside them, also of
// those that lie in segments: they may have lain there before.
//
// Who has nothing but the store must know an unfinished erasure: a document
// goes after the full record, of which it is the trace, and before what was
// done to it, without which nobody knows which version it is. What is then left
// has hashes alone.
func (e *erasing) objects(ctx context.Context, docs []ledger.Document) error {
	if err := e.strayObjects(ctx, docs); err != nil {
		return err
	}
	for _, part := range []func(string) string{layout.Overflow, itself, layout.Meta} {
		keys := make([]string, len(docs))
		for i, d := range docs {
			keys[i] = part(d.Key)
		}
		if err := e.remove(ctx, keys...); err != nil {
			return err
		}
	}
	return nil
}

// strayObjects removes what was put for documents and lies beside others.
func (e *erasing) strayObjects(ctx context.Context, docs []ledger.Document) error {
	strays, err := e.strays(ctx, docs)
	if err != nil {
		return err
	}
	var all []string
	for key, s := range strays {
		if keys := s.keys(); len(keys) > 0 {
			e.strayed[key] = keys
			all = append(all, keys...)
		}
	}
	return e.remove(ctx, all...)
}

// remove removes objects. What the store does not let go is kept.
func (e *erasing) remove(ctx context.Context, keys ...string) error {
	return e.kept.take(store.Remove(ctx, e.Store, e.Ledger.CheckFence, keys...))
}

// keeps tells whether something is kept of what lies under a document's key, or was
// put for it elsewhere.
func (e *erasing) keeps(d ledger.Document) bool {
	all := append([]string{d.Key, layout.Overflow(d.Key), layout.Meta(d.Key)}, e.strayed[d.Key]...)
	return slices.ContainsFunc(all, func(key string) bool { return e.kept.keys[key] })
}

// end records that versions are gone of which nothing is left, and returns how
// many.
func (e *erasing) end(ctx context.Context, docs []ledger.Document) (int, error) {
	now, err := e.Ledger.ByIDs(ctx, docs)
	if err != nil {
		return 0, err
	}
	var gone []ledger.Document
	for _, d := range now {
		if d.State != ledger.Deleting || d.Segment != 0 || e.keeps(d) || e.kept.months[monthOf(d.Time)] {
			continue
		}
		gone = append(gone, d)
	}
	if err := e.endJobs(ctx, gone); err != nil {
		return 0, err
	}
	return len(gone), nil
}

// maxAudited is of how many jobs, of those that end together, each has an entry of
// its own in the audit log.
const maxAudited = 20

// endJobs ends versions job by job, so that the audit log names each; very many
// at once.
func (e *erasing) endJobs(ctx context.Context, gone []ledger.Document) error {
	jobs := map[ref][]ledger.Document{}
	var order []ref
	for _, d := range gone {
		r := refOf(d)
		if jobs[r] == nil {
			order = append(order, r)
		}
		jobs[r] = append(jobs[r], d)
	}
	if len(order) > maxAudited {
		a := e.why.Audit
		a.User, a.Detail = gone[0].User, fmt.Sprintf("%d versions of %d jobs and events", len(gone), len(order))
		return e.Ledger.EndErasure(ctx, gone, a)
	}
	for _, r := range order {
		a := e.why.Audit
		a.User, a.Job = r.user, r.job
		if err := e.Ledger.EndErasure(ctx, jobs[r], a); err != nil {
			return err
		}
	}
	return nil
}

// left is what was left, as an error; nil where nothing was.
func (e *erasing) left() error {
	held, kept := e.held.error(), e.kept.error()
	if held == nil || kept == nil {
		return cmp.Or(held, kept)
	}
	return errors.Join(held, kept)
}

// monthOf is the first instant of the month that a time is in.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// monthsOf returns the months of documents, in order.
func monthsOf(docs []ledger.Document) []time.Time {
	var all []time.Time
	for _, d := range docs {
		if month := monthOf(d.Time); !slices.Contains(all, month) {
			all = append(all, month)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}
