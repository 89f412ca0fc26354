package filesource

import (
	"bytes"
	"errors"
	"io"

	"logstow/archive/source"
	"logstow/layout/jsonskip"
)

// value reads one value.
func (f *framer) value() (piece, error) {
	object := f.w.unread()[0] == '{'
	f.m.Reset()
	f.failed = nil
	if object && f.reader != nil {
		if n := f.scan(); n > 0 {
			return f.object(n)
		}
	}
	for {
		n, done, err := f.m.Next(f.w.unread())
		f.w.pos += n
		if err != nil {
			syntax, _ := errors.AsType[*jsonskip.SyntaxError](err)
			return f.broken(f.start+syntax.Offset, syntax.Reason)
		}
		if done {
			break
		}
		if ok, err := f.more(); err != nil {
			return piece{}, err
		} else if !ok {
			return piece{}, errIncomplete
		}
	}
	if !object {
		return f.notObject()
	}
	return f.object(0)
}

// scan returns the length of the object that begins with the next byte, where
// it is one and in the window once that has read on, and then has what the
// reader says of it. Whatever else is there is looked at again.
func (f *framer) scan() int {
	n, info, err := f.reader.Scan(f.w.unread())
	if errors.Is(err, io.ErrUnexpectedEOF) && f.w.more(f.start) {
		n, info, err = f.reader.Scan(f.w.unread())
	}
	if n > 0 {
		f.info, f.bad = info, err
	}
	return n
}

// object returns the object that was read, but for its last n bytes, which were
// scanned.
func (f *framer) object(n int) (piece, error) {
	f.w.pos += n
	p, err := f.take(f.w.offset())
	f.at.lines = err == nil && !f.manyLines(p)
	p.scanned = n > 0 && p.spool == nil
	return p, err
}

const noObject = "not a JSON object"

// notObject returns the value that was read as broken: it alone where nothing
// else is on its line, else what is around it, too.
func (f *framer) notObject() (piece, error) {
	end := f.w.offset()
	for f.at.array == noArray {
		b := f.w.unread()
		i := 0
		for i < len(b) && isSpace(b[i]) && b[i] != '\n' {
			i++
		}
		f.w.pos += i
		if i < len(b) && b[i] != '\n' {
			p, err := f.broken(f.w.offset(), noObject)
			if err == nil {
				p.broken.Offset = f.start
			}
			return p, err
		}
		if i < len(b) {
			break
		}
		if ok, err := f.more(); err != nil {
			return piece{}, err
		} else if !ok {
			break
		}
	}
	p, err := f.take(end)
	p.broken = &source.BrokenError{Offset: f.start, Reason: noObject}
	return p, err
}

// giveUp returns the value that the stream ends in as broken.
func (f *framer) giveUp() (piece, error) {
	f.final = true
	reason, at := errIncomplete.Error(), f.w.end()
	switch {
	case f.failed != nil:
		reason, at = f.failed.Reason, f.failed.Offset
	case f.m.Finish() == nil:
		reason = noObject
	}
	return f.broken(at, reason)
}

// manyLines tells whether there is a line's end near the beginning of p.
func (f *framer) manyLines(p piece) bool {
	var b []byte
	if p.spool == nil {
		b = f.w.since(p.start)
		b = b[:min(len(b), 256)]
	} else {
		b = make([]byte, 256)
		n, _ := p.spool.section(p.start, p.end).ReadAt(b, 0)
		b = b[:n]
	}
	return bytes.IndexByte(b, '\n') >= 0
}
