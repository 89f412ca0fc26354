package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxEntry is how many bytes an entry may have that is held to be told. It is
// less than MaxLine, so that its message is no longer than that.
const maxEntry = MaxLine / 2

// errEnough says that whoever asked for lines wants no more of them.
var errEnough = errors.New("enough")

// lister yields the lines of one record.
type lister struct {
	entry
	place place
	yield func(Line, error) bool
	index int64     // of the next entry
	time  time.Time // of an entry that tells none

	text      []byte // of a string that had to be unescaped
	window    []byte // for a second walk over an entry
	raw, said pieces // of an entry that is too long to be held
}

// list yields the lines of the record that info tells of.
func (l *lister) list(info *Info, window []byte) error {
	if info.Kind != Job || info.Platform == "ion" {
		return l.record(info, window)
	}
	spans := info.spans
	if info.text {
		spans = info.within
	}
	if info.LineCount < 0 || len(spans) == 0 {
		return nil
	}
	lines := spans[len(spans)-1]
	if err := l.bounds(lines); err != nil {
		return err
	}
	w := l.place.walk(lines, window)
	c, err := w.peek()
	if err != nil {
		return l.located(err)
	}
	if c == '"' {
		return l.located(l.texts(Span{lines.Start + 1, lines.End - 1}, window))
	}
	return l.located(w.array(func() error { return l.one(w) }))
}

// record yields the record itself as a line.
func (l *lister) record(info *Info, window []byte) error {
	whole := info.inner
	if info.text {
		whole = Span{0, whole.Len()} // what it says is not longer than what stands there
	}
	if err := l.bounds(whole); err != nil {
		return err
	}
	l.time = info.Time
	return l.located(l.one(l.place.walk(whole, window)))
}

// bounds refuses a span that can't be in the data.
func (l *lister) bounds(s Span) error {
	if s.Start < 0 || s.End < s.Start || s.End > l.place.size {
		return &Error{Offset: s.Start, Reason: fmt.Sprintf("not the record that was read: it has only %d bytes", l.place.size)}
	}
	return nil
}

// located is err with an offset that counts in the data.
func (l *lister) located(err error) error {
	var e *Error
	if l.place.text && errors.As(err, &e) {
		return &Error{Offset: l.place.inner.Start, Reason: "the text in log_message: " + e.Reason}
	}
	return err
}

// emit yields the line as it is.
func (l *lister) emit() error {
	if !l.yield(l.line, nil) {
		return errEnough
	}
	return nil
}

// one yields the entry that w is at, and passes it.
func (l *lister) one(w *walker) error {
	c, err := w.peek()
	if err != nil {
		return err
	}
	l.reset()
	l.line = Line{Index: l.index, Time: l.time}
	l.index++
	start := w.offset()
	raw, collected, err := l.atOnce(w, c)
	if err != nil {
		return err
	}
	if !collected {
		var whole bool
		if raw, whole, err = w.value(maxEntry); err != nil {
			return err
		}
		if !whole {
			return l.long(c, Span{start, w.offset()})
		}
	}
	l.line.Raw, l.line.Message = raw, raw
	switch c {
	case '{':
		if !collected {
			l.collect(raw)
		}
		l.answer()
		l.tell()
		l.line.Message = withoutNewline(l.message(raw))
	case '"':
		text, simple := part{text: raw, whole: true}.simple()
		if !simple {
			l.text = AppendText(l.text[:0], raw)
			text = l.text
		}
		l.line.textLine(withoutNewline(text))
	}
	return l.emit()
}

// atOnce passes an entry that begins with c and collects it on the way, where
// it is an object that lies wholly in the window, as nearly all do: a second
// look at it is not needed then.
func (l *lister) atOnce(w *walker, c byte) (raw []byte, ok bool, err error) {
	if c != '{' {
		return nil, false, nil
	}
	rest := w.buf[w.pos:]
	n := l.collectWhole(rest[:min(len(rest), maxEntry)])
	if n == 0 { // a second look finds all that this one did, and more
		return nil, false, nil
	}
	return rest[:n], true, w.pass(n)
}

// long yields an entry that begins with c and is too long to be held.
func (l *lister) long(c byte, s Span) error {
	switch c {
	case '{':
		if err := l.collectLong(s); err != nil {
			return err
		}
		l.tell()
	case '"':
		l.body = part{text: []byte{'"'}, span: s}
	}
	l.raw.begin(l.place.from(s))
	same := !l.body.there() && len(l.composed) == 0
	if !same {
		l.said.begin(l.messageOf())
	}
	for first := true; ; first = false {
		raw, rawMore, err := l.raw.next()
		if err != nil {
			return err
		}
		message, more := raw, rawMore
		if !same {
			if message, more, err = l.said.next(); err != nil {
				return err
			}
		}
		l.line.Raw, l.line.Message, l.line.More = raw, message, rawMore || more
		if first && c == '"' {
			l.line.textLine(message)
		}
		if !more {
			l.line.Message = withoutNewline(l.line.Message)
		}
		if err := l.emit(); err != nil || !l.line.More {
			return err
		}
	}
}

// collectLong takes what the form asks for out of the object at s.
func (l *lister) collectLong(s Span) error {
	if l.window == nil {
		l.window = make([]byte, 0, windowSize)
	}
	w := walkReader(l.place.from(s), l.window)
	w.base = s.Start
	if _, err := w.peek(); err != nil {
		return err
	}
	defer l.answer()
	return w.object(func(name []byte) error {
		slot := l.form.slot(name)
		if slot < 0 {
			return w.skip()
		}
		if _, err := w.peek(); err != nil {
			return err
		}
		start := w.offset()
		text, whole, err := w.value(maxText)
		l.parts[slot] = part{text: bytes.Clone(text), whole: whole, span: Span{start, w.offset()}}
		return err
	})
}

// messageOf is what is to be shown of a long entry.
func (l *lister) messageOf() io.Reader {
	composed := bytes.NewReader(l.composed)
	switch {
	case !l.body.there():
		return composed
	case l.body.whole:
		return bytes.NewReader(l.body.appendTo(l.composed))
	case l.body.isText():
		inside := unquoteInside(l.place.from(Span{l.body.span.Start + 1, l.body.span.End - 1}))
		return io.MultiReader(composed, inside)
	}
	return io.MultiReader(composed, l.place.from(l.body.span))
}

// texts yields the lines of the text that stands at s, between the quotes of a
// string.
func (l *lister) texts(s Span, window []byte) error {
	t := &textLines{src: l.place.from(s), buf: window[:0]}
	if m, ok := l.place.data.(Memory); ok && !l.place.text {
		t = &textLines{buf: m[s.Start:s.End], done: true}
	}
	l.line.Text = true
	for continued := false; ; {
		text, more, err := t.next()
		if err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		l.line.Raw, l.line.More = text, more
		if continued {
			l.line.Message = text
		} else {
			l.line.Index, l.line.Time = l.index, time.Time{}
			l.index++
			l.line.textLine(text)
		}
		continued = more
		if err := l.emit(); err != nil {
			return err
		}
	}
}
