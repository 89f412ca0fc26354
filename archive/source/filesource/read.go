package filesource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"logstow/archive/source"
)

// progress is how many bytes may lie between two cursors of a part.
const progress = 256 << 10

// run is one call of Records.
type run struct {
	*Source
	f       framer
	cursors *cursors
	yield   func(*source.Record, error) bool

	examined map[string]bool // parts whose content was compared with their cursor
}

func (r *run) fail(err error) bool { return r.yield(nil, err) }

// reading is the reading of one part.
type reading struct {
	*run
	part    string
	in      *input
	pending *source.Record // not yielded yet, as it may be the last
	last    int64          // the offset of the cursor that was yielded last
}

// stream reads what can only be read once; false means to stop.
func (r *run) stream(ctx context.Context, name string, src io.Reader) bool {
	in, err := openStream(ctx, src)
	if err != nil {
		return r.fail(unread(name, err))
	}
	defer in.close()
	r.f.w.reset(in.stream())
	r.f.reset(place{})
	t := reading{run: r, part: name, in: in}
	return t.read(ctx)
}

// file reads a regular file from where its cursor says; false means to stop.
func (r *run) file(ctx context.Context, path string) bool {
	in, err := openFile(ctx, path)
	if err != nil {
		return r.fail(unread(path, err))
	}
	defer in.close()
	if !in.info.Mode().IsRegular() {
		return r.fail(fmt.Errorf("read %s: it is not a regular file any more", path))
	}
	if r.examined == nil {
		r.examined = map[string]bool{}
	}
	r.examined[path] = true
	t := reading{run: r, part: path, in: in}
	if c, ok := t.complete(); ok {
		return t.bring(c)
	}
	if !t.resume(ctx) {
		r.f.w.reset(in.stream())
		r.f.reset(place{})
	}
	t.watch()
	t.last = r.f.start
	return t.read(ctx)
}

// complete tells whether the part is a compressed file that has not changed
// since it was read to its end.
func (t *reading) complete() (cursor, bool) {
	for _, name := range t.cursors.candidates(t.part, t.in.info) {
		c := t.cursors.byPart[name]
		if t.in.compressed && c.Done && c.unchanged(t.in.info) {
			t.cursors.found[name] = true
			return c, true
		}
	}
	return cursor{}, false
}

// resume goes to where the part, or the same file under another name, was read
// to. It returns false where the content is not what was read then.
func (t *reading) resume(ctx context.Context) bool {
	names := t.cursors.candidates(t.part, t.in.info)
	for i, name := range names {
		c := t.cursors.byPart[name]
		to := t.seek
		if t.in.compressed {
			to = t.skip
		}
		if to(ctx, c) {
			for _, also := range names[i:] {
				if t.cursors.byPart[also].begins(t.f.w.head) {
					t.cursors.found[also] = true
				}
			}
			t.f.reset(place{array: c.Array, lines: c.Lines})
			return true
		}
	}
	return false
}

// seek goes to where c is in a file that isn't compressed.
func (t *reading) seek(_ context.Context, c cursor) bool {
	if t.in.info.Size() < c.Offset {
		return false
	}
	head := make([]byte, min(c.Offset, hashed))
	tail := make([]byte, len(head))
	if _, err := t.in.file.ReadAt(head, 0); err != nil {
		return false
	}
	if _, err := t.in.file.ReadAt(tail, c.Offset-int64(len(tail))); err != nil {
		return false
	}
	if !c.matches(head, tail) {
		return false
	}
	t.f.w.resume(t.in.open(c.Offset), c.Offset, head, tail)
	return true
}

// skip decompresses up to where c is.
func (t *reading) skip(ctx context.Context, c cursor) bool {
	w := &t.f.w
	w.reset(t.in.stream())
	for w.end() < c.Offset {
		w.pos = len(w.buf)
		if ctx.Err() != nil || !w.more(w.offset()) {
			return false
		}
	}
	w.back(c.Offset)
	return c.matches(w.head, w.tail(c.Offset))
}

// watch lets parts with unread bytes be found in this one, to which they may
// have been copied.
func (t *reading) watch() {
	at := map[int64][]string{}
	w := &t.f.w
	for _, name := range t.cursors.unread() {
		offset := t.cursors.byPart[name].Offset
		at[offset] = append(at[offset], name)
	}
	for offset := range at {
		if offset > w.end() {
			w.marks = append(w.marks, offset)
		}
	}
	slices.SortFunc(w.marks, cmp.Compare)
	w.passed = func(offset int64, tail []byte) {
		for _, name := range at[offset] {
			if t.cursors.byPart[name].matches(w.head, tail) {
				t.cursors.found[name] = true
			}
		}
	}
}

// read yields the records from where the framer is; false means to stop.
func (t *reading) read(ctx context.Context) bool {
	defer t.drop()
	for {
		p, err := t.f.next()
		if errors.Is(err, errIncomplete) && ctx.Err() == nil && t.settled() {
			p, err = t.f.giveUp()
		}
		if ctx.Err() != nil {
			return t.fail(ctx.Err()) && false
		}
		if err != nil {
			return t.end(err)
		}
		if !t.flush(t.f.start-t.last >= progress) {
			return false
		}
		if t.pending, err = t.record(ctx, p); err != nil {
			return t.fail(err) && false
		}
		if t.in.info == nil && !t.flush(false) {
			return false
		}
	}
}

// record makes a record of a piece.
func (t *reading) record(ctx context.Context, p piece) (*source.Record, error) {
	var rec *source.Record
	if p.spool != nil {
		p.spool.retain()
		rec = source.NewRecord(t.part, p.start, p.spool.section(p.start, p.end), p.end-p.start, p.spool.release)
	} else {
		var err error
		b := t.f.w.since(p.start)[:p.end-p.start]
		if rec, err = t.pools.record(ctx, t.part, p.start, b); err != nil {
			return nil, err
		}
	}
	rec.Broken = p.broken
	if p.scanned {
		rec.Scanned, rec.Info, rec.Err = true, t.f.info, t.f.bad
	}
	return rec, nil
}

// settled tells whether nothing is to be expected after an incomplete record.
func (t *reading) settled() bool {
	if t.in.info == nil {
		return true
	}
	now, err := t.in.file.Stat()
	if err != nil || now.Size() != t.in.info.Size() || !now.ModTime().Equal(t.in.info.ModTime()) {
		return false
	}
	return t.c.Now().Sub(now.ModTime()) >= t.c.StaleTail
}

// end yields what is left when the framer returned err.
func (t *reading) end(err error) bool {
	damage := t.f.w.err // of the stream
	if damage == io.EOF {
		damage = nil
	}
	settled := t.settled()
	ours := !errors.Is(err, errIncomplete) && err != io.EOF && damage == nil
	done := err == io.EOF || damage != nil && settled && !errors.Is(err, errIncomplete)
	if t.in.info != nil && !t.finish(done) {
		return false
	}
	switch {
	case ours:
		return t.fail(fmt.Errorf("read %s at byte %d: %w", t.part, t.f.start, err))
	case errors.Is(damage, io.ErrUnexpectedEOF) && settled:
		return t.fail(fmt.Errorf("read %s at byte %d: the compressed file ends early", t.part, t.f.w.end()))
	case errors.Is(damage, io.ErrUnexpectedEOF):
		return true // it may still be being written
	case damage != nil:
		return t.fail(fmt.Errorf("read %s at byte %d: %w", t.part, t.f.w.end(), damage))
	}
	return true
}

// finish yields the part's last record with its last cursor, or the cursor
// alone where there is no record and it says something new.
func (t *reading) finish(done bool) bool {
	c, err := t.cursor(done)
	if err != nil {
		return t.flush(false) && t.fail(unread(t.part, err))
	}
	if t.pending == nil {
		return t.bring(c)
	}
	t.pending.Cursor = &source.Cursor{Part: t.part, Value: c.value()}
	return t.flush(false)
}

// bring yields a cursor alone where it says something new.
func (t *reading) bring(c cursor) bool {
	own, ok := t.cursors.byPart[t.part]
	if ok && own.says(c) || !ok && c.Done && c.Size == 0 {
		return true
	}
	return t.yield(&source.Record{Part: t.part, Offset: c.Offset, Cursor: &source.Cursor{Part: t.part, Value: c.value()}}, nil)
}

// flush yields the pending record, with a cursor if one is due.
func (t *reading) flush(due bool) bool {
	rec := t.pending
	if rec == nil {
		return true
	}
	if due && t.in.info != nil {
		c, err := t.cursor(false)
		if err == nil {
			rec.Cursor = &source.Cursor{Part: t.part, Value: c.value()}
			t.last = c.Offset
		}
	}
	t.pending = nil
	return t.yield(rec, nil)
}

// drop releases a record that is not going to be yielded.
func (t *reading) drop() {
	if t.pending != nil {
		t.pending.Release()
		t.pending = nil
	}
	t.f.drop()
}

// cursor is where the last piece begins.
func (t *reading) cursor(done bool) (cursor, error) {
	tail, err := t.f.tail()
	if err != nil {
		return cursor{}, err
	}
	f := &t.f
	c := cursor{
		Offset: f.start,
		Head:   digest(f.w.head[:min(f.start, int64(len(f.w.head)))]),
		Tail:   digest(tail),
		Array:  f.before.array,
		Lines:  f.before.lines,
		Done:   done,
	}
	c.seen(t.in.info)
	return c, nil
}
