package jobfile

import (
	"errors"
	"io"

	"logstow/layout/jsonskip"
)

// Scan reads the record that b begins with, white space before it included, in
// the one pass that also finds its end: b[:n] is the record, and what follows is
// not looked at. It says what Read would of b[:n], but that InputHash is zero,
// and so is Job where a record has no id of its own: Hash fills them in. b is
// not kept.
//
// The error is io.ErrUnexpectedEOF where b ends before the value does, or where
// the value is no object; then, and where the syntax is wrong, n is 0, and
// whoever divides the stream has to find out what is there. An *Error with n > 0
// is about a whole JSON object that can't be archived.
func (r *Reader) Scan(b []byte) (n int, info Info, err error) {
	n, info, err = r.glance(b)
	if n > 0 || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, info, err
	}
	if n, err = jsonskip.Value(b); err != nil {
		return 0, Info{}, syntax(0, err)
	}
	if b[afterSpace(b, 0)] != '{' {
		return 0, Info{}, io.ErrUnexpectedEOF
	}
	info, err = r.describe(Memory(b[:n]), int64(n))
	return n, info, err
}

// Hash fills in what Scan leaves out. data is the record that was scanned.
func (r *Reader) Hash(data Memory, info *Info) {
	_ = r.hash(data, info) // memory has no errors
}
