package retain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// turn says which time it is that something is removed.
type turn int

const (
	firstTurn turn = iota // in this run it began to
	againTurn             // an earlier run began
	lastTurn              // it was in a segment that is gone
)

// remove removes what is Expiring. What lies in a segment, or has a copy in one,
// stays so until rewrite; what the store retains, until a later run.
func (e *expirer) remove(ctx context.Context, docs []ledger.Marked, t turn) error {
	if e.DryRun {
		return e.wouldRemove(ctx, docs, t)
	}
	kept, err := e.removeObjects(ctx, docs, t)
	if err != nil {
		return err
	}
	var ended []ledger.Document
	for _, m := range docs {
		in, err := e.inSegments(ctx, m, t)
		if err != nil {
			return err
		}
		switch {
		case kept[m.Key]:
			continue
		case !in:
			ended = append(ended, m.Document)
		}
		e.count(m, in, t)
	}
	return e.Ledger.EndExpiry(ctx, ended)
}

// wouldRemove tells what remove would do.
func (e *expirer) wouldRemove(ctx context.Context, docs []ledger.Marked, t turn) error {
	for _, m := range docs {
		in, err := e.inSegments(ctx, m, t)
		if err != nil {
			return err
		}
		e.count(m, in, t)
	}
	return nil
}

// count counts what was removed, once: what stays in a segment is gone for
// whoever looks for it.
func (e *expirer) count(m ledger.Marked, in bool, t turn) {
	if t == lastTurn || t == againTurn && in {
		return
	}
	if in {
		e.did.InSegments++
	}
	e.did.Removed++
	e.did.RemovedBytes += m.Size
	e.each(Removes, m.Document, m.Mark)
}

// removeObjects removes the objects of documents, and returns the keys of those of
// which the store retains something. Of these nothing more is removed: whoever has
// nothing but the store finds a document with all that lies beside it, or none.
func (e *expirer) removeObjects(ctx context.Context, docs []ledger.Marked, t turn) (kept map[string]bool, err error) {
	kept = map[string]bool{}
	if err := e.removeStrays(ctx, docs, kept, t); err != nil {
		return nil, err
	}
	var overflows, keys []string
	for _, m := range docs {
		if m.Segment == 0 {
			overflows, keys = append(overflows, m.Key), append(keys, m.Key)
			continue
		}
		if m.Overflow {
			overflows = append(overflows, m.Key)
		}
		input, err := e.isInput(ctx, m)
		if err != nil {
			return nil, err
		}
		if input {
			keys = append(keys, m.Key)
		}
	}
	for _, step := range []struct {
		of  []string
		key func(string) string
	}{{overflows, layout.Overflow}, {keys, itself}, {keys, layout.Meta}} {
		if err := e.removeEach(ctx, step.of, step.key, kept, t); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func itself(key string) string { return key }

// removeStrays removes what was put for documents and lies beside others.
func (e *expirer) removeStrays(ctx context.Context, docs []ledger.Marked, kept map[string]bool, t turn) error {
	all := make([]ledger.Document, len(docs))
	for i := range docs {
		all[i] = docs[i].Document
	}
	strays, err := e.strays(ctx, all)
	if err != nil {
		return err
	}
	objects := map[string][]string{}
	for key, s := range strays {
		for _, object := range s.keys() {
			objects[object] = append(objects[object], key)
		}
	}
	return e.removeThese(ctx, objects, kept, t)
}

// removeEach removes the objects that key names, of documents of which nothing was
// kept so far.
func (e *expirer) removeEach(ctx context.Context, of []string, key func(string) string, kept map[string]bool, t turn) error {
	objects := make(map[string][]string, len(of))
	for _, k := range of {
		if !kept[k] {
			objects[key(k)] = []string{k}
		}
	}
	return e.removeThese(ctx, objects, kept, t)
}

// removeThese removes objects, each of some documents, and notes of which of these
// the store retains something.
func (e *expirer) removeThese(ctx context.Context, objects map[string][]string, kept map[string]bool, t turn) error {
	err := store.Remove(ctx, e.Store, e.Ledger.CheckFence, slices.Collect(maps.Keys(objects))...)
	var retained *store.RetainedError
	if errors.As(err, &retained) {
		for _, object := range retained.Keys {
			for _, k := range objects[object] {
				kept[k] = true
			}
		}
	}
	if t == lastTurn && retained != nil {
		return nil // it was told of when the objects were tried first
	}
	return e.left(err)
}

// isInput tells whether a document that lies in a segment still has its object
// under its own key.
func (e *expirer) isInput(ctx context.Context, m ledger.Marked) (bool, error) {
	r := e.remnant(m.Segment)
	if !r.inputsKnown {
		n, err := e.Ledger.Inputs(ctx, m.Segment)
		if err != nil {
			return false, err
		}
		r.inputs, r.inputsKnown = n > 0, true
	}
	if !r.inputs {
		return false, nil
	}
	is, _, err := e.Ledger.Input(ctx, m.ID)
	return is, err
}

// inSegments tells whether a document lies in a segment, or has a copy in one, and
// notes those.
func (e *expirer) inSegments(ctx context.Context, m ledger.Marked, t turn) (in bool, err error) {
	var all []int64
	if m.Segment != 0 {
		all = append(all, m.Segment)
	}
	known, ok := e.packed[m.User]
	if !ok {
		segments, err := e.Ledger.Segments(ctx, ledger.SegmentQuery{User: m.User})
		if err != nil {
			return false, fmt.Errorf("look for segments of user %s: %w", m.User, err)
		}
		known = len(segments) > 0
		e.packed[m.User] = known
	}
	if known {
		copies, err := e.Ledger.Copies(ctx, m.ID)
		if err != nil {
			return false, err
		}
		for _, s := range copies {
			if !slices.Contains(all, s.ID) {
				all = append(all, s.ID)
			}
		}
	}
	for _, id := range all {
		e.remnant(id).note(m, t == firstTurn && id == m.Segment)
	}
	return len(all) > 0, nil
}
