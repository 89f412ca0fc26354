package jobfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	maxText  = 4 << 10 // bytes of JSON that are kept of a captured value
	maxTimes = 100     // how often a member may be there whose every place is kept
)

// Reader reads records. It is safe for concurrent use.
type Reader struct {
	shapes    []*shape
	plan      *plan
	envelopes bool   // records may come in Workato's envelopes
	user      string // of every record, where not empty
	noHash    bool
	windows   sync.Pool
	glancers  sync.Pool
	values    sync.Pool // of *[]value, one for each slot, all zero
}

// NewReader returns a reader of the records that c describes. The error names
// the field that is missing from a field map.
func NewReader(c Config) (*Reader, error) {
	r := &Reader{shapes: builtin(), envelopes: true, user: c.User, noHash: c.NoHash}
	if f := c.Fields; f != nil {
		for _, need := range []struct{ key, path string }{
			{"user_id", f.UserID + c.User},
			{"recipe_id", f.RecipeID},
			{"job_id", f.JobID},
			{"completed_at or started_at", f.CompletedAt + f.StartedAt},
		} {
			if need.path == "" {
				return nil, fmt.Errorf("field map: %s is missing", need.key)
			}
		}
		if err := f.checkLines(c.User); err != nil {
			return nil, err
		}
		r.shapes, r.envelopes = []*shape{custom(f)}, false
	}
	r.plan = newPlan(r.shapes)
	r.windows.New = func() any { return new([windowSize]byte) }
	r.glancers.New = func() any { return &glancer{} }
	r.values.New = func() any {
		values := make([]value, r.plan.slots)
		return &values
	}
	return r, nil
}

// Read reads the record that is the first size bytes of data. White space may
// stand around it. An error is an *Error, for a record that is to be
// quarantined, or data's own.
func (r *Reader) Read(data io.ReaderAt, size int64) (Info, error) {
	info, err := r.describe(data, size)
	if err == nil {
		err = r.hash(data, &info)
	}
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// describe is Read without Hash.
func (r *Reader) describe(data io.ReaderAt, size int64) (Info, error) {
	if m, ok := data.(Memory); ok {
		b := m[:size]
		n, info, err := r.glance(b)
		if n > 0 && afterSpace(b, n) == len(b) {
			return info, err
		}
	}
	window := r.windows.Get().(*[windowSize]byte)
	defer r.windows.Put(window)

	f := &found{}
	defer r.release(f)
	if err := r.fill(f, walk(data, size, window[:])); err != nil {
		return Info{}, err
	}
	return r.conclude(f, func() io.ReaderAt { return data })
}

// conclude says what was found; data returns where.
func (r *Reader) conclude(f *found, data func() io.ReaderAt) (Info, error) {
	fr, s, err := r.choose(f)
	if err != nil {
		return Info{}, err
	}
	text := fr == nil
	if text {
		if fr, s, err = r.lookInside(data(), f.message); err != nil {
			return Info{}, err
		}
	}
	info, err := r.interpret(fr, s, &f.whole)
	if err != nil {
		return Info{}, err
	}
	info.shape, info.name, info.inner, info.text = s, fr.name, fr.span, text
	switch {
	case text:
		info.within, info.spans, info.Lines = info.spans, nil, Span{}
		info.copies = slices.DeleteFunc(f.copies, func(c textMember) bool { return c.span == fr.span })
	case fr.name != "":
		info.copies = f.copies
	}
	return info, nil
}

// hash fills in what only the bytes of the record say.
func (r *Reader) hash(data io.ReaderAt, info *Info) (err error) {
	if r.noHash && info.Job != "" {
		return nil
	}
	if info.InputHash, err = digest(data, info.inner); err != nil {
		return err
	}
	if info.Job == "" {
		info.Job = hex.EncodeToString(info.InputHash[:16])
	}
	return nil
}

// digest returns the SHA-256 of a part of data.
func digest(data io.ReaderAt, s Span) (sum [sha256.Size]byte, err error) {
	if m, ok := data.(Memory); ok {
		return sha256.Sum256(m[s.Start:s.End]), nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(data, s.Start, s.Len())); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// choose returns the frame that is the record, and its shape; a nil frame
// means that it is the text in f.message.
func (r *Reader) choose(f *found) (*frame, *shape, error) {
	if s := r.match(&f.whole); s != nil {
		return &f.whole, s, nil
	}
	if f.repeated != "" {
		return nil, nil, &Error{Reason: fmt.Sprintf("ambiguous: %q is there more than once", f.repeated)}
	}
	var fr *frame
	var s *shape
	for i := range f.inner {
		if m := r.match(&f.inner[i]); m != nil {
			if s != nil {
				return nil, nil, &Error{Reason: fmt.Sprintf("ambiguous: a record in %q and another in %q", fr.name, f.inner[i].name)}
			}
			fr, s = &f.inner[i], m
		}
	}
	switch {
	case s != nil:
		return fr, s, nil
	case len(f.inner) == 0 && f.message != (Span{}):
		return nil, nil, nil
	}
	return nil, nil, &Error{Reason: "not a record of a known kind: it has neither a job's identity (such as id with recipe_id) nor an event's (such as event with timestamp)"}
}

// match returns the first shape whose signs are all there.
func (r *Reader) match(fr *frame) *shape {
next:
	for _, s := range r.shapes {
		for _, group := range s.signs {
			if !anyThere(fr, group) {
				continue next
			}
		}
		return s
	}
	return nil
}

func anyThere(fr *frame, paths []path) bool {
	for i := range paths {
		if fr.values[paths[i].slot].there() {
			return true
		}
	}
	return false
}

// lookInside reads the record that a string holds. Its frame's span is the
// string; the spans of its lines count from the start of what the string says.
func (r *Reader) lookInside(data io.ReaderAt, s Span) (*frame, *shape, error) {
	window := r.windows.Get().(*[windowSize]byte)
	defer r.windows.Put(window)

	inside := &found{}
	if err := r.fill(inside, walkReader(unquote(data, s), window[:])); err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, nil, &Error{Offset: s.Start, Reason: "the text in log_message: " + e.Reason}
		}
		return nil, nil, err
	}
	shape := r.match(&inside.whole)
	if shape == nil {
		return nil, nil, &Error{Offset: s.Start, Reason: "the text in log_message is not a record of a known kind"}
	}
	inside.whole.span, inside.whole.name = s, "log_message"
	return &inside.whole, shape, nil
}

// IsJSON tells whether data is one JSON value and nothing else.
func IsJSON(data io.ReaderAt, size int64) bool {
	w := walk(data, size, make([]byte, windowSize))
	if w.skip() != nil {
		return false
	}
	_, err := w.peek()
	return err != nil && w.ended
}
