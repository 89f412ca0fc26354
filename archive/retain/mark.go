package retain

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"logstow/archive/ledger"
)

// batch is how many documents are read, marked or removed at once: as many as the
// store removes by one request.
const batch = 1000

// candidate is a document that policies say has expired.
type candidate struct {
	ledger.Document
	fate   Fate
	marked string // the policy that it is marked by; empty: it isn't
	held   bool
}

// toMark tells whether it is to be marked, or marked anew by another policy.
func (c *candidate) toMark() bool { return !c.held && c.marked != c.fate.By }

// hasExpired tells what policies say of a document, and whether it has expired.
func (e *expirer) hasExpired(d *ledger.Document) (Fate, bool) {
	f := e.Policies.Fate(d)
	return f, f.By != "" && !f.Expires.After(e.now)
}

// still tells whether a marked document is to expire as it was marked to.
func (e *expirer) still(m *ledger.Marked) bool {
	f, ok := e.hasExpired(&m.Document)
	return ok && f.By == m.Mark.Policy && len(e.holds.Of(&m.Document)) == 0
}

// due is when a marked document may be removed: where the grace has become longer
// that holds for what is marked already, and where it has become shorter it
// doesn't.
func (e *expirer) due(m ledger.Mark) time.Time {
	if longer := m.Marked.Add(e.Grace); longer.After(m.Due) {
		return longer
	}
	return m.Due
}

// unmark cancels the marks of what is not to expire any more, or by another policy
// than the one that it was marked by.
func (e *expirer) unmark(ctx context.Context) error {
	for all, err := range chunks(e.Ledger.Marks(ctx, ledger.MarkQuery{}), batch) {
		if err != nil {
			return fmt.Errorf("look through what is marked: %w", err)
		}
		kept := 0
		for _, m := range all {
			if !e.still(&m) {
				all[kept] = m
				kept++
			} else if e.due(m.Mark).After(e.now) {
				e.did.Waiting++
			}
		}
		all = all[:kept]
		n := int64(kept)
		if !e.DryRun {
			if n, err = e.Ledger.Unmark(ctx, idsOfMarked(all)); err != nil {
				return err
			}
		}
		e.did.Unmarked += n
		for _, m := range all {
			e.each(Unmarks, m.Document, m.Mark)
		}
	}
	return nil
}

// mark marks what has expired and is neither held nor marked yet, and records how
// many documents each policy marked.
func (e *expirer) mark(ctx context.Context) error {
	err := e.expired(ctx, func(all []candidate) error {
		byPolicy := map[string][]candidate{}
		for _, c := range all {
			if c.held {
				e.held(&c.Document, "policy "+c.fate.By+" lets it expire, and it is on hold")
			} else if c.toMark() {
				byPolicy[c.fate.By] = append(byPolicy[c.fate.By], c)
			}
		}
		for _, policy := range slices.Sorted(maps.Keys(byPolicy)) {
			if err := e.markBy(ctx, policy, byPolicy[policy]); err != nil {
				return err
			}
		}
		return nil
	}, e.countLooked)
	if err != nil || e.DryRun || len(e.did.Policies) == 0 {
		return err
	}
	return e.Ledger.RecordPolicyRun(ctx, e.now, e.did.Policies)
}

func (e *expirer) markBy(ctx context.Context, policy string, docs []candidate) (err error) {
	m := ledger.Mark{Policy: policy, Marked: e.now, Due: e.now.Add(e.Grace)}
	n := int64(len(docs))
	if !e.DryRun {
		ids := make([]int64, len(docs))
		for i := range docs {
			ids[i] = docs[i].ID
		}
		if n, err = e.Ledger.Mark(ctx, ids, m); err != nil {
			return err
		}
	}
	if n > 0 {
		e.did.Policies[policy] += n
		e.did.Marked += n
		e.did.Waiting += n
	}
	for _, c := range docs {
		e.each(Marks, c.Document, m)
	}
	return nil
}

// countLooked counts a document that is old enough for any policy.
func (e *expirer) countLooked(d *ledger.Document) {
	old := func(p Policy) bool { return !p.ExpireAfter.IsZero() && !p.ExpireAfter.After(d.Time).After(e.now) }
	if slices.ContainsFunc(e.Policies, old) {
		e.did.Looked++
	}
	e.tick()
}

// expired calls f with what policies say has expired, some at a time, and looked
// with everything that had to be looked at for it.
func (e *expirer) expired(ctx context.Context, f func([]candidate) error, looked ...func(*ledger.Document)) error {
	before, ok := e.Policies.oldestBefore(e.now)
	if !ok {
		return nil
	}
	for docs, err := range chunks(e.Ledger.Documents(ctx, ledger.Query{To: before}), batch) {
		if err != nil {
			return fmt.Errorf("look for what has expired: %w", err)
		}
		var all []candidate
		for _, d := range docs {
			for _, look := range looked {
				look(&d)
			}
			if fate, ok := e.hasExpired(&d); ok {
				all = append(all, candidate{Document: d, fate: fate, held: len(e.holds.Of(&d)) > 0})
			}
		}
		if err := e.lookUpMarks(ctx, all); err != nil {
			return err
		}
		if err := f(all); err != nil {
			return err
		}
	}
	return nil
}

func (e *expirer) lookUpMarks(ctx context.Context, all []candidate) error {
	ids := make([]int64, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	marks, err := e.Ledger.MarksOf(ctx, ids)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].marked = marks[all[i].ID].Policy
	}
	return nil
}

func idsOfMarked(all []ledger.Marked) []int64 {
	ids := make([]int64, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids
}

// chunks yields n at a time. An error comes alone, and ends it.
func chunks[T any](all iter.Seq2[T, error], n int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var some []T
		for v, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			if some = append(some, v); len(some) == n {
				if !yield(some, nil) {
					return
				}
				some = nil
			}
		}
		if len(some) > 0 {
			yield(some, nil)
		}
	}
}
