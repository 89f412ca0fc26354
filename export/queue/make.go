package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/layout"
)

// carryOut works on a claimed export and records what came of it. It is nil
// where that is recorded, whatever it is; else ErrFenced, or what is wrong with
// the ledger: then the claim runs out.
func (q *Queue) carryOut(ctx context.Context, e ledger.Export, progress func(ledger.Export)) error {
	q.Log.DebugContext(ctx, "export claimed", "export", e.ID, "attempt", e.Attempt)
	work, end := context.WithCancelCause(ctx)
	c := &claim{q: q, progress: progress, export: e}
	var keeper errgroup.Group
	keeper.Go(func() error { c.keep(work, e, end); return nil })

	made, err := q.produce(work, c)
	cause := context.Cause(work)
	err = q.conclude(ctx, made, err, cause)
	end(nil)
	return errors.Join(err, keeper.Wait())
}

// produce puts the file of a claimed export into the store, and returns the
// export with it.
func (q *Queue) produce(ctx context.Context, c *claim) (e ledger.Export, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, err = c.now(), fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	e = c.now()
	if e.Attempt > q.Attempts {
		return e, fmt.Errorf("attempt %d: %w", e.Attempt, errOften)
	}
	r, err := request(e)
	if err != nil {
		return e, err
	}
	kind := kinds[r.Format]
	if e.Object, err = layout.Export(e.ID, e.Attempt, kind.extension); err != nil {
		return e, err
	}
	f, err := q.render(ctx, c, r)
	if err != nil {
		return c.now(), err
	}
	defer f.close()
	body := f.body()
	if err := q.again(ctx, func() error { return q.put(ctx, e.Object, body, kind.contentType) }); err != nil {
		return c.now(), fmt.Errorf("put %s: %w", e.Object, err)
	}
	key := e.Object
	e = c.now()
	e.State, e.Object, e.Size, e.SHA256 = ledger.ExportReady, key, body.Size, body.SHA256
	return e, nil
}

// request returns what an export asks for. It never goes beyond the user that
// the export is bound to.
func request(e ledger.Export) (r export.Request, err error) {
	if err := json.Unmarshal(e.Request, &r); err != nil {
		return r, fmt.Errorf("%w: %w", errAsking, err)
	}
	if err := r.Validate(); err != nil {
		return r, fmt.Errorf("%w: %w", errAsking, err)
	}
	if _, ok := kinds[r.Format]; !ok {
		return r, fmt.Errorf("%w: no format %q", errAsking, r.Format)
	}
	if e.User != "" && r.User != "" && r.User != e.User {
		return r, fmt.Errorf("%w: it is about user %q, and the export is bound to %q", errAsking, r.User, e.User)
	}
	if e.User != "" {
		r.User = e.User
	}
	return r, nil
}

// kinds are what files of each format are.
var kinds = map[export.Format]struct{ extension, contentType string }{
	export.JSON:   {"json", "application/json"},
	export.Text:   {"log", "text/plain; charset=utf-8"},
	export.NDJSON: {"ndjson", "application/x-ndjson"},
	export.CSV:    {"csv", "text/csv; charset=utf-8"},
	export.Zip:    {"zip", "application/zip"},
}

// render writes what is asked for to a temporary file, from the beginning each
// time that it has to be tried again.
func (q *Queue) render(ctx context.Context, c *claim, r export.Request) (f *file, err error) {
	err = q.again(ctx, func() error {
		f, err = writeFile(ctx, q.TempDir, q.MaxSize, func(w io.Writer) error {
			last, err := q.Exporter.Write(ctx, w, r, c.report)
			if err == nil {
				c.report(last)
			}
			return err
		})
		return err
	})
	return f, err
}
