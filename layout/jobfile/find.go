package jobfile

import (
	"bytes"
	"fmt"
	"slices"
)

// value is what a walk found at a path.
type value struct {
	first byte   // of its text; 0 where the path is not there
	text  []byte // the first maxText bytes
	whole bool   // text is all of it
	times int    // how often the path is there
	spans []Span // of lines: where; else empty
	count int64  // of lines: how many
}

// there tells whether the value says anything.
func (v *value) there() bool {
	return v.first != 0 && v.first != 'n' && !(v.whole && string(v.text) == `""`)
}

// frame is one object that may be a record: all of it, or the part that an
// envelope holds.
type frame struct {
	values []value // by slot
	pooled *[]value
	span   Span
	name   string // of the envelope's member; empty for the whole
}

// found is everything that a walk over a record found.
type found struct {
	whole    frame
	inner    []frame // what envelopes hold as objects
	message  Span    // log_message, where it is the text of an object
	copies   []textMember
	repeated string // a member of the envelope that is there twice
}

// fill walks over a whole record. After an error f has what was found before.
func (r *Reader) fill(f *found, w *walker) error {
	c, err := w.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return &Error{Offset: w.offset(), Reason: "not a JSON object"}
	}
	f.whole = r.newFrame("")
	f.whole.span.Start = w.offset()
	err = w.object(func(name []byte) error { return r.member(w, f, name) })
	if err != nil {
		return err
	}
	f.whole.span.End = w.offset()
	if c, err = w.peek(); err == nil {
		return w.wrong(c, "after the record")
	}
	if !w.ended {
		return err
	}
	return nil
}

func (r *Reader) newFrame(name string) frame {
	values := r.values.Get().(*[]value)
	return frame{values: *values, pooled: values, name: name}
}

// release gives back what f took. Nothing of f may be used any more.
func (r *Reader) release(f *found) {
	if f.whole.pooled == nil {
		return
	}
	clear(f.whole.values)
	r.values.Put(f.whole.pooled)
	for _, fr := range f.inner {
		clear(fr.values)
		r.values.Put(fr.pooled)
	}
}

// member passes a member of the outermost object.
func (r *Reader) member(w *walker, f *found, name []byte) error {
	kid := r.plan.root.kid(name)
	if !r.envelopes {
		return w.collect(kid, f.whole.values)
	}
	switch name := string(name); name {
	case "log", "Log", "log_message":
		c, err := w.peek()
		switch {
		case err != nil:
			return err
		case c == '{':
			return r.enclosed(w, f, name)
		case name == "log_message":
			return r.copy(w, f, name)
		}
	case "Log_Str":
		return r.copy(w, f, name)
	case envelopeUser[1:]:
		kid = r.plan.envelopeUser
	}
	return w.collect(kid, f.whole.values)
}

// enclosed passes the object that an envelope's member holds.
func (r *Reader) enclosed(w *walker, f *found, name string) error {
	if f.holds(name) {
		f.repeated = name
		return w.skip()
	}
	fr := r.newFrame(name)
	fr.span.Start = w.offset()
	err := w.object(func(name []byte) error {
		return w.collect(r.plan.root.kid(name), fr.values)
	})
	fr.span.End = w.offset()
	f.inner = append(f.inner, fr)
	return err
}

// copy passes a member of an envelope that may be a record as text.
func (r *Reader) copy(w *walker, f *found, name string) error {
	if _, err := w.peek(); err != nil {
		return err
	}
	span := Span{Start: w.offset()}
	text, _, err := w.value(256)
	if err != nil {
		return err
	}
	span.End = w.offset()
	return f.copy(name, text, span)
}

// copy notes a member of an envelope that may be a record as text. head is where
// its value at span begins.
func (f *found) copy(name string, head []byte, span Span) error {
	if len(head) < 2 || head[0] != '"' || !bytes.HasPrefix(bytes.TrimLeft(head[1:], " "), []byte("{")) {
		return nil
	}
	if name == "log_message" {
		if f.holds(name) {
			f.repeated = name
			return nil
		}
		f.message = span
	}
	if len(f.copies) == maxTimes {
		return tooOften(span.Start, name)
	}
	f.copies = append(f.copies, textMember{name, span})
	return nil
}

// holds tells whether the envelope's member called name was there already, as a
// record or as its text.
func (f *found) holds(name string) bool {
	if name == "log_message" && f.message != (Span{}) {
		return true
	}
	return slices.ContainsFunc(f.inner, func(fr frame) bool { return fr.name == name })
}

func tooOften(at int64, name string) error {
	return &Error{Offset: at, Reason: fmt.Sprintf("%q is there more than %d times", name, maxTimes)}
}

// collect passes one value and keeps what n's paths ask of it. n is nil where
// they ask nothing. Of a member that is there more than once it keeps the last
// value that says anything.
func (w *walker) collect(n *node, values []value) error {
	if n == nil {
		return w.skip()
	}
	c, err := w.peek()
	if err != nil {
		return err
	}
	start := w.offset()
	var v value
	switch {
	case c == '{' && n.kids != nil:
		v.count = -1
		err = w.object(func(name []byte) error { return w.collect(n.kid(name), values) })
	case n.count:
		v.count, err = w.lines(c)
	default:
		v.text, v.whole, err = w.value(maxText)
		if w.src != nil {
			v.text = bytes.Clone(v.text)
		}
	}
	if err != nil {
		return err
	}
	v.first = c
	return n.take(values, v, Span{start, w.offset()})
}

// take keeps the value that was found at span.
func (n *node) take(values []value, v value, span Span) error {
	old := &values[n.slot]
	v.times, v.spans = old.times+1, old.spans
	if n.count {
		if len(v.spans) == maxTimes {
			return tooOften(span.Start, n.name)
		}
		v.spans = append(v.spans, span)
	}
	if !v.there() && old.there() {
		v.first, v.text, v.whole = old.first, old.text, old.whole
	}
	*old = v
	return nil
}
