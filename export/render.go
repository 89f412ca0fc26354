package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"logstow/archive/ledger"
)

// Progress is how far an export has come.
type Progress struct {
	Jobs, Total  int64 // Total is -1 until it is known
	Lines, Bytes int64
}

// renderer writes one format. Its Close gives back what it holds, whether the
// file was finished or not.
type renderer interface {
	begin() error
	version(ctx context.Context, v picked) error
	end(ctx context.Context) error
	io.Closer
}

// holdsNothing is the Close of formats that have nothing to give back.
type holdsNothing struct{}

func (holdsNothing) Close() error { return nil }

// Write writes what a request selects to w, newest job first, in the order of
// each job's own lines, in memory that doesn't grow with it. Of each job it
// writes the version that Find puts first, and of NDJSON and Zip every version.
// What is recorded while it writes is not in it, and what is removed may or
// may not be. progress, which may be nil, is called now and then from the same
// goroutine. After an error what w got is not whole.
func (e *Exporter) Write(ctx context.Context, w io.Writer, r Request, progress func(Progress)) (Progress, error) {
	out := newOutput(w, progress)
	out.Total = -1
	if err := r.Validate(); err != nil {
		return out.Progress, err
	}
	s, err := e.newSelection(ctx, r)
	if err != nil {
		return out.Progress, err
	}
	if r.Format != CSV { // which takes no longer than counting does
		if out.Total, _, err = s.count(ctx); err != nil {
			return out.Progress, err
		}
	}
	versions := s.documents(ctx)
	if r.Format != CSV { // which reads none of them
		versions = e.ahead(ctx, versions)
	}
	f := e.renderer(r, out)
	if err := errors.Join(render(ctx, versions, f, out), f.Close()); err != nil {
		return out.Progress, err
	}
	out.Total = out.Jobs
	if progress != nil {
		progress(out.Progress)
	}
	return out.Progress, nil
}

// render writes the whole file.
func render(ctx context.Context, versions iter.Seq2[picked, error], f renderer, out *output) error {
	if err := f.begin(); err != nil {
		return err
	}
	for v, err := range versions {
		if err != nil {
			return err
		}
		if err := f.version(ctx, v); err != nil {
			return fmt.Errorf("export %s %s of recipe %s of user %s: %w", v.Kind, v.Job, v.Recipe, v.User, err)
		}
		out.Jobs++
		if err := out.flushFull(); err != nil {
			return err
		}
	}
	if err := f.end(ctx); err != nil {
		return err
	}
	return out.flush()
}

// renderer returns the one of the request's format.
func (e *Exporter) renderer(r Request, out *output) renderer {
	switch r.Format {
	case JSON:
		return &jsonFormat{exporter: e, request: r, out: out}
	case Text:
		return &textFormat{exporter: e, request: r, out: out}
	case NDJSON:
		return &ndjsonFormat{exporter: e, out: out}
	case CSV:
		return &csvFormat{out: out, ofUser: r.User != ""}
	default:
		return &zipFormat{exporter: e, out: out}
	}
}

// take passes the record of v, which was fetched ahead, to do. A version that
// was removed from the ledger since it was listed, and so from the store, is
// passed over.
func (e *Exporter) take(ctx context.Context, v picked, do func(*spool) error) error {
	data, err := v.fetching.take()
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if errors.Is(err, ErrDamaged) {
		kept, lookup := e.kept(ctx, v)
		switch {
		case lookup != nil:
			return errors.Join(err, lookup)
		case !kept:
			return nil
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(do(data), data.Close())
}

// takeRecord is take for formats that are made of lines.
func (e *Exporter) takeRecord(ctx context.Context, v picked, do func(*Record) error) error {
	return e.take(ctx, v, func(data *spool) error {
		r, err := e.record(data, v.Document)
		if err != nil {
			return err
		}
		return do(r)
	})
}

// kept tells whether the ledger still has v.
func (e *Exporter) kept(ctx context.Context, v picked) (bool, error) {
	versions, err := e.ledger.ByJob(ctx, v.User, v.Job)
	if err != nil {
		return false, fmt.Errorf("look up %s: %w", v.Job, err)
	}
	return slices.ContainsFunc(versions, func(d ledger.Document) bool { return d.ID == v.ID }), nil
}
