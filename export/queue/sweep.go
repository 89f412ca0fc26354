package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// Grace is how long a file stays after its last token has ended: as long
	// as a URL lives that was made in the last moment.
	Grace = 60 * time.Minute

	// orphanAge is how old a file must be that no export has: older than any
	// file that is still to be recorded.
	orphanAge = 24 * time.Hour
)

// Sweep removes the files of exports whose tokens ended an hour ago or more,
// and objects below the exports' prefix that no export of the ledger has and
// that are a day old, or of any age where their export was swept already. It
// returns how many objects, or versions of objects where
// the store keeps them. One that is locked stays, and is tried again by the next
// Sweep. It never removes anything else.
//
// Where ctx is of a task's lease (see ledger.WithFence) that is lost meanwhile,
// it is ledger.ErrFenced, and nothing more is removed but the one object whose
// removal had begun: one that whoever has the lease now removes too.
func (q *Queue) Sweep(ctx context.Context, now time.Time) (int, error) {
	s := &sweep{q: q}
	s.versions, _ = store.As[store.Versioner](q.Store)
	err := s.ended(ctx, now.Add(-Grace))
	if ctx.Err() == nil && !errors.Is(err, ledger.ErrFenced) {
		err = errors.Join(err, s.orphans(ctx, now.Add(-orphanAge)))
	}
	if s.removed > 0 {
		q.Log.InfoContext(ctx, "export files swept", "removed", s.removed)
	}
	return s.removed, err
}

// sweep is one Sweep.
type sweep struct {
	q        *Queue
	versions store.Versioner // nil where the store keeps none
	removed  int
}

// ended removes the files of exports that ended before before. What can't be
// removed doesn't keep the others.
func (s *sweep) ended(ctx context.Context, before time.Time) error {
	all, err := s.q.Ledger.StartSweep(ctx, before)
	if err != nil {
		return fmt.Errorf("sweep exports: %w", err)
	}
	var gone []string
	var errs []error
	for _, e := range all {
		whole, err := s.removeAll(ctx, e.ID)
		if err != nil {
			errs = append(errs, fmt.Errorf("sweep export %s: %w", e.ID, err))
		}
		if err == nil && whole {
			gone = append(gone, e.ID)
		}
		if ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, ledger.ErrFenced) {
			break
		}
	}
	if err := s.q.Ledger.EndSweep(ctx, gone...); err != nil {
		errs = append(errs, fmt.Errorf("sweep exports: %w", err))
	}
	return errors.Join(errs...)
}

// removeAll removes the files of every attempt of an export. It is not whole
// where something locked stays.
func (s *sweep) removeAll(ctx context.Context, id string) (whole bool, err error) {
	key, err := layout.Export(id, 1, "x")
	if err != nil {
		return false, err
	}
	var files []store.Version
	for f, err := range s.list(ctx, key[:strings.LastIndexByte(key, '/')+1]) {
		if err != nil {
			return false, err
		}
		if n, ok := nameOf(f.Key); ok && n.ID == id {
			files = append(files, f)
		}
	}
	return s.remove(ctx, files)
}

// orphans removes files from before before that belong to no export, or to an
// attempt of one that came to nothing.
func (s *sweep) orphans(ctx context.Context, before time.Time) error {
	var e *ledger.Export // the one that was looked up last
	var files []store.Version
	for f, err := range s.list(ctx, layout.Exports) {
		if err != nil {
			return fmt.Errorf("look for orphans of exports: %w", err)
		}
		n, ok := nameOf(f.Key)
		if !ok {
			continue
		}
		if e == nil || e.ID != n.ID {
			if e, err = s.lookUp(ctx, n.ID); err != nil {
				return fmt.Errorf("look for orphans of exports: %w", err)
			}
		}
		// A file may still be put after its export was erased or swept, by who
		// had begun to: it is not to stay for a day.
		late := e.State == ledger.ExportSwept
		if (late || f.ModTime.Before(before)) && orphaned(*e, n, f.Key) {
			files = append(files, f)
		}
	}
	_, err := s.remove(ctx, files)
	return err
}

// lookUp returns an export; without a State where the ledger has none.
func (s *sweep) lookUp(ctx context.Context, id string) (*ledger.Export, error) {
	e, err := s.q.Ledger.Export(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return &ledger.Export{ID: id}, nil
	}
	return &e, err
}

// orphaned tells that a file is not, and will never be, the file of its export.
func orphaned(e ledger.Export, n layout.Name, key string) bool {
	switch e.State {
	case "", ledger.ExportFailed, ledger.ExportCancelled, ledger.ExportSwept:
		return true
	case ledger.ExportReady:
		return key != e.Object
	case ledger.ExportRunning: // the last attempt may still find its way
		return n.Attempt < e.Attempt
	case ledger.ExportCreated:
		return n.Attempt <= e.Attempt
	}
	return false
}

// nameOf parses a key; false: it is not the file of an export, and none of our
// business.
func nameOf(key string) (layout.Name, bool) {
	n, err := layout.Parse(key)
	return n, err == nil && n.Kind == layout.ExportKey
}
