package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"syscall"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

// maxChange bounds what is read of a meta object, in bytes.
const maxChange = 64 << 10

// loaded is a document that was read, or why it could not be.
type loaded struct {
	doc   ledger.Document
	row   *segment.Row
	err   error
	taken int64         // of the budget
	ready chan struct{} // closed once row or err is there
}

// read yields documents in their order, each with its row, or with an error that
// is of that document alone. It reads several at once, within the budget that all
// of the run has. What was yielded is to be let go of before the next is asked for.
func (r *run) read(ctx context.Context, docs iter.Seq2[ledger.Document, error]) iter.Seq2[*loaded, error] {
	return func(yield func(*loaded, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		group, inner := errgroup.WithContext(inner)
		queue := make(chan *loaded, r.concurrency())
		group.Go(func() error {
			defer close(queue)
			return r.start(inner, group, docs, queue)
		})
		stopped := false
		for l := range queue {
			<-l.ready
			if !stopped && inner.Err() == nil {
				stopped = !yield(l, nil)
			}
			l.row = nil
			r.budget.Release(l.taken)
			if stopped {
				cancel()
			}
		}
		if err := cmp.Or(group.Wait(), ctx.Err()); err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// start begins to read documents, in their order.
func (r *run) start(ctx context.Context, group *errgroup.Group, docs iter.Seq2[ledger.Document, error], queue chan<- *loaded) error {
	for d, err := range docs {
		if err != nil {
			return err
		}
		l := &loaded{doc: d, taken: min(d.Size, r.total), ready: make(chan struct{})}
		if err := r.budget.Acquire(ctx, l.taken); err != nil {
			return err
		}
		if err := r.gets.Acquire(ctx, 1); err != nil {
			r.budget.Release(l.taken)
			return err
		}
		group.Go(func() (err error) {
			defer close(l.ready)
			defer r.gets.Release(1)
			l.row, err = r.row(ctx, &l.doc)
			if own(err) {
				l.err, err = err, nil
			}
			return err
		})
		queue <- l // it is emptied until it is closed
	}
	return ctx.Err()
}

// own tells whether an error of reading is of that document alone.
func own(err error) bool {
	return errors.Is(err, segment.ErrDamaged) || errors.Is(err, segment.ErrUnfit) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EIO)
}

// row reads a document, and what was done to it. That the document's bytes are what
// the ledger says is found out when the row is written.
func (r *run) row(ctx context.Context, d *ledger.Document) (*segment.Row, error) {
	if d.Size > segment.MaxDocument {
		return nil, fmt.Errorf("it has %d bytes, more than %d: %w", d.Size, segment.MaxDocument, segment.ErrUnfit)
	}
	content, info, err := r.object(ctx, d.Key, d.Size)
	if err != nil {
		return nil, err
	}
	row := &segment.Row{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Kind: jobfile.Kind(d.Kind), Status: d.Status,
		Time: d.Time, StartedAt: d.StartedAt, CompletedAt: d.CompletedAt, ArchivedAt: d.ArchivedAt,
		Title: d.Title, Error: d.Error, ErrorType: d.ErrorType, Adapters: adapters(d.Kind, content), Lines: d.Lines,
		Size: d.Size, InputSize: d.InputSize, InputHash: d.InputHash, SHA256: d.SHA256,
		Key: d.Key, Changed: d.Changed, Overflow: d.Overflow, Metadata: info.Metadata,
		Document: content,
	}
	if d.Changed != "" || d.Overflow {
		row.Change, err = r.change(ctx, d)
	}
	return row, err
}

// change reads what was done to a document.
func (r *run) change(ctx context.Context, d *ledger.Document) ([]byte, error) {
	key := layout.Meta(d.Key)
	info, err := r.Store.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if info.Size > maxChange {
		return nil, fmt.Errorf("%s has %d bytes, more than %d: %w", key, info.Size, maxChange, segment.ErrUnfit)
	}
	b, _, err := r.object(ctx, key, info.Size)
	if err != nil {
		return nil, err
	}
	c, err := layout.Decode[layout.Change](b)
	if err == nil && c.InputSHA256 != d.InputHash.String() {
		err = fmt.Errorf("it tells of a record with the SHA-256 %.70q, not %s", c.InputSHA256, d.InputHash)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", key, err, segment.ErrDamaged)
	}
	return b, nil
}

// object reads an object that is to have that many bytes.
func (r *run) object(ctx context.Context, key string, size int64) ([]byte, store.Info, error) {
	body, info, err := r.Store.Get(ctx, key, store.Range{})
	if err != nil {
		return nil, info, err
	}
	defer body.Close()
	if info.Size != size {
		return nil, info, fmt.Errorf("%s has %d bytes, not %d: %w", key, info.Size, size, segment.ErrDamaged)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, info, fmt.Errorf("read %s: %w", key, err)
	}
	return b, info, nil
}
