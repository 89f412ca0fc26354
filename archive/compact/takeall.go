package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"logstow/archive/ledger"
	"logstow/layout/segment"
)

// fewDocuments are looked up one by one; of more the whole segment is gone
// through.
const fewDocuments = 8

// takeAll takes documents out of the segment that they lie in, several at once.
// done is told of each how it went, concurrently; an error that it returns ends it.
func (c *Config) takeAll(ctx context.Context, s ledger.Segment, docs []ledger.Document, done func(ledger.Document, error) error) error {
	r, err := c.open(ctx, s)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(c.Concurrency, defaultConcurrency))
	total := cmp.Or(c.Budget, defaultBudget)
	budget := semaphore.NewWeighted(total)
	t := &taking{reader: r, docs: docs, want: make(map[string]ledger.Document, len(docs))}
	t.fail = done
	t.row = func(d ledger.Document, row *segment.Row) error {
		size := min(row.Size, total)
		if err := budget.Acquire(inner, size); err != nil {
			return err
		}
		group.Go(func() error {
			defer budget.Release(size)
			return done(d, c.place(inner, d, row))
		})
		return inner.Err()
	}
	for _, d := range docs {
		t.want[d.Key] = d
	}
	if err == nil {
		err = t.read()
	} else {
		err = t.failAll(err)
	}
	return cmp.Or(group.Wait(), err)
}

// taking reads documents' rows.
type taking struct {
	reader *segment.Reader
	docs   []ledger.Document
	want   map[string]ledger.Document // by key, those that were not read yet

	row  func(ledger.Document, *segment.Row) error // takes one that was read
	fail func(ledger.Document, error) error        // takes one that could not be
}

// read reads all rows: in one pass where there are many, and one by one what that
// didn't find, or could not read.
func (t *taking) read() error {
	if len(t.docs) > fewDocuments {
		err := t.pass()
		var own rowError
		switch {
		case errors.As(err, &own):
			return own.error
		case err != nil && !errors.Is(err, segment.ErrDamaged):
			return t.failAll(err)
		}
	}
	for _, d := range t.docs {
		if _, open := t.want[d.Key]; !open {
			continue
		}
		row, err := find(t.reader, d)
		if err == nil {
			err = t.row(d, row)
		} else {
			err = t.fail(d, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rowError is an error that is not of reading.
type rowError struct{ error }

// pass goes through the segment once, until nothing is wanted any more.
func (t *taking) pass() error {
	keep := func(row *segment.Row) bool {
		d, ok := t.want[row.Key]
		return ok && d.SHA256 == row.SHA256
	}
	for row, err := range t.reader.Documents(keep) {
		if err != nil {
			return err
		}
		d := t.want[row.Key]
		delete(t.want, row.Key)
		if err := t.row(d, row); err != nil {
			return rowError{err}
		}
		if len(t.want) == 0 {
			return nil
		}
	}
	return nil
}

// find reads a document's row.
func find(r *segment.Reader, d ledger.Document) (*segment.Row, error) {
	found, err := r.Find(segment.Wanted{Job: d.Job, Recipe: d.Recipe})
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if f.Key != d.Key || f.SHA256 != d.SHA256 {
			continue
		}
		row := f.Row
		row.Document, err = r.Document(f)
		return &row, err
	}
	return nil, fmt.Errorf("it has no row of %s with the SHA-256 %s: %w", d.Key, d.SHA256, segment.ErrDamaged)
}

// failAll tells of all that was not read yet why not.
func (t *taking) failAll(err error) error {
	for _, d := range t.docs {
		if _, open := t.want[d.Key]; !open {
			continue
		}
		if err := t.fail(d, err); err != nil {
			return err
		}
	}
	return nil
}
