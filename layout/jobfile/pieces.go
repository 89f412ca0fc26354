package jobfile

import (
	"io"
	"unicode/utf8"
)

// pieces yields a stream in pieces of at most MaxLine bytes.
type pieces struct {
	src   io.Reader // nil: there is nothing more
	buf   []byte    // MaxLine bytes and one more
	given int       // of buf: bytes that were yielded
	held  int       // of buf: bytes that were read
}

// begin starts with another stream.
func (p *pieces) begin(src io.Reader) {
	if p.buf == nil {
		p.buf = make([]byte, MaxLine+1)
	}
	p.src, p.given, p.held = src, 0, 0
}

// next returns the next piece, which is valid until the next call. more tells
// that others follow; after the last one pieces are empty.
func (p *pieces) next() (piece []byte, more bool, err error) {
	if p.src == nil {
		return nil, false, nil
	}
	p.held = copy(p.buf, p.buf[p.given:p.held])
	n, err := io.ReadFull(p.src, p.buf[p.held:])
	p.held += n
	switch err {
	case nil:
		p.given = cut(p.buf[:MaxLine])
		return p.buf[:p.given], true, nil
	case io.EOF, io.ErrUnexpectedEOF:
		p.src = nil
		return p.buf[:p.held], false, nil
	}
	return nil, false, err
}

// cut is where a piece of text is to end that may not be longer than b: at b's
// end, or a little before it, not to part a character or the end of a line.
func cut(b []byte) int {
	n := len(b)
	for i := n - 1; i > 0 && i >= n-utf8.UTFMax; i-- {
		switch {
		case b[i] == '\r' || b[i] == '\n':
			continue
		case i == n-1 && b[i] < utf8.RuneSelf:
			return n
		case i < n-1 && b[i+1] == '\r' || i < n-1 && b[i+1] == '\n':
			return i + 1
		case utf8.RuneStart(b[i]) && !utf8.FullRune(b[i:]):
			return i
		case utf8.RuneStart(b[i]):
			return n
		}
	}
	return n
}
