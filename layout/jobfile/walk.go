package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"logstow/layout/jsonskip"
)

const (
	windowSize = 64 << 10 // bytes of a record that is not in memory
	maxName    = 512      // bytes of a member's name; longer ones match nothing
)

// walker goes over the bytes of one JSON value. Where the value is in memory
// the window is all of it, and nothing is copied; else the window moves.
type walker struct {
	src    io.Reader // nil where buf is everything
	buf    []byte
	pos    int   // the next byte, in buf
	base   int64 // the offset of buf[0]
	keep   int   // bytes of buf from here on must stay; -1: none need to
	ended  bool  // src is at its end
	inside jsonskip.Machine
	named  []byte // the last name, where the window moves
	headed []byte // the head of the last value that was not kept whole

	// tap, where not nil, is given every byte that is passed.
	tap io.Writer
}

// walk returns a walker over size bytes of data, using window where data is
// not in memory.
func walk(data io.ReaderAt, size int64, window []byte) *walker {
	if m, ok := data.(Memory); ok {
		return &walker{buf: m[:size], keep: -1, ended: true}
	}
	return walkReader(io.NewSectionReader(data, 0, size), window)
}

func walkReader(src io.Reader, window []byte) *walker {
	return &walker{src: src, buf: window[:0], keep: -1}
}

func (w *walker) offset() int64 { return w.base + int64(w.pos) }

// pass goes over n bytes of the window.
func (w *walker) pass(n int) error {
	if w.tap != nil {
		if _, err := w.tap.Write(w.buf[w.pos : w.pos+n]); err != nil {
			return err
		}
	}
	w.pos += n
	return nil
}

// more brings at least one more byte into the window, or returns io.EOF.
func (w *walker) more() error {
	if w.ended {
		return io.EOF
	}
	from := w.pos
	if w.keep >= 0 {
		from = w.keep
		w.keep = 0
	}
	n := copy(w.buf, w.buf[from:])
	w.buf = w.buf[:n]
	w.base += int64(from)
	w.pos -= from
	if n == cap(w.buf) {
		w.buf = append(w.buf, 0)[:n]
	}
	for {
		n, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if n > 0 {
			return nil
		}
		if err != nil {
			w.ended = err == io.EOF
			return err
		}
	}
}

// peek passes white space and returns the byte after it without passing it.
func (w *walker) peek() (byte, error) {
	for {
		i := w.pos
		for i < len(w.buf) {
			if c := w.buf[i]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				break
			}
			i++
		}
		if err := w.pass(i - w.pos); err != nil {
			return 0, err
		}
		if w.pos < len(w.buf) {
			return w.buf[w.pos], nil
		}
		if err := w.more(); err != nil {
			return 0, w.cut(err)
		}
	}
}

// cut is the error for a value that ended too soon.
func (w *walker) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{Offset: w.base + int64(len(w.buf)), Reason: "it ends inside a JSON value"}
	}
	return err
}

// wrong is the error for a byte that can't stand where it does.
func (w *walker) wrong(c byte, where string) error {
	return &Error{Offset: w.offset(), Reason: fmt.Sprintf("not JSON: invalid character %q %s", c, where)}
}

// skip passes one value, preceded by white space or not.
func (w *walker) skip() error {
	_, _, err := w.value(0)
	return err
}

// value passes the value that begins at the next byte and returns its text, or
// the first limit bytes of it. The text is valid until the walker moves on.
func (w *walker) value(limit int) (text []byte, whole bool, err error) {
	if limit > 0 {
		w.keep = w.pos
		defer func() { w.keep = -1 }()
	}
	w.inside.Reset()
	start := w.offset()
	for {
		n, done, err := w.inside.Next(w.buf[w.pos:])
		if err != nil {
			return nil, false, syntax(start, err)
		}
		if err := w.pass(n); err != nil {
			return nil, false, err
		}
		if w.keep >= 0 && w.pos-w.keep > limit {
			text = w.head(limit)
			w.keep = -1
		}
		if !done {
			err = w.more()
			if err == io.EOF && w.inside.Finish() == nil {
				done = true
			} else if err != nil {
				return nil, false, w.cut(err)
			}
		}
		if done && w.keep >= 0 {
			return w.buf[w.keep:w.pos], true, nil
		}
		if done {
			return text, false, nil
		}
	}
}

// head is the first limit bytes of what is kept, where the window may move on.
func (w *walker) head(limit int) []byte {
	text := w.buf[w.keep : w.keep+limit]
	if w.src == nil {
		return text
	}
	w.headed = append(w.headed[:0], text...)
	return w.headed
}

// syntax turns an error of the machine, which began at start, into ours.
func syntax(start int64, err error) error {
	var s *jsonskip.SyntaxError
	if errors.As(err, &s) {
		return &Error{Offset: start + s.Offset, Reason: "not JSON: " + s.Reason}
	}
	return err
}

// object passes the object that begins at the next byte. It calls member with
// each name, which is valid until the walker moves on; member passes the value.
func (w *walker) object(member func(name []byte) error) error {
	if err := w.pass(1); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := w.element('}', first)
		if err != nil || !more {
			return err
		}
		name, err := w.name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

// array passes the array that begins at the next byte. It calls element before
// each element, which element passes.
func (w *walker) array(element func() error) error {
	if err := w.pass(1); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := w.element(']', first)
		if err != nil || !more {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// element passes the comma before a member or an element, or the closing
// byte. more tells which of the two it was.
func (w *walker) element(closing byte, first bool) (more bool, err error) {
	c, err := w.peek()
	if err != nil {
		return false, err
	}
	switch {
	case c == closing:
		return false, w.pass(1)
	case first:
		return true, nil
	case c != ',':
		return false, w.wrong(c, "after a value (expecting ',' or '"+string(closing)+"')")
	}
	if err := w.pass(1); err != nil {
		return false, err
	}
	c, err = w.peek()
	if err == nil && c == closing {
		err = w.wrong(c, "after ','")
	}
	return true, err
}

// name passes a member's name and the colon after it. A name of more than
// maxName bytes comes back cut, and so matches nothing.
func (w *walker) name() ([]byte, error) {
	c, err := w.peek()
	if err != nil {
		return nil, err
	}
	if c != '"' {
		return nil, w.wrong(c, "where a member's name should begin")
	}
	text, whole, err := w.value(maxName)
	if err != nil {
		return nil, err
	}
	name := text[1:]
	if whole {
		name = unquoted(text)
	}
	if w.src != nil { // peek may move the window
		w.named = append(w.named[:0], name...)
		name = w.named
	}
	if c, err = w.peek(); err != nil {
		return nil, err
	}
	if c != ':' {
		return nil, w.wrong(c, "after a member's name (expecting ':')")
	}
	return name, w.pass(1)
}

// unquoted returns what a whole JSON string says. Where it is not valid UTF-8
// it says nothing that we look for, and comes back as it stands.
func unquoted(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	name, err := jsontext.AppendUnquote(nil, text)
	if err != nil {
		return text
	}
	return name
}
