package archive

import (
	"context"

	"logstow/archive/source"
)

// read is the first stage: it takes records from the inputs, one after the
// other.
func (r *run) read(ctx context.Context) error {
	defer r.intake.close()
	for i := range r.Inputs {
		in := &r.Inputs[i]
		name := in.Source.Name()
		cursors, err := r.cursors(ctx, name)
		if err != nil {
			return err
		}
		for rec, err := range in.Source.Records(ctx, cursors) {
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				r.pass(unreadablePart(in, name, err))
				continue
			}
			if ctx.Err() != nil {
				rec.Release()
				return nil
			}
			it := newItem(in, name, rec)
			if rec.Data == nil {
				it.finish(cursorOnly, nil)
			} else {
				r.tally.read(rec.Size)
			}
			r.pass(it)
		}
	}
	return nil
}

// pass hands an item on, to inspectors and committer.
func (r *run) pass(it *item) {
	it.bell = &r.bell
	r.intake.put(it)
}

// cursors returns how far the source called name was read.
func (r *run) cursors(ctx context.Context, name string) (map[string]string, error) {
	if r.Ledger == nil {
		return map[string]string{}, nil
	}
	return r.Ledger.Cursors(ctx, name)
}

// unreadablePart is the item for an error of a source's part.
func unreadablePart(in *Input, name string, err error) *item {
	it := newItem(in, name, &source.Record{Offset: -1})
	it.reason = err.Error()
	it.finish(unreadable, nil)
	return it
}
