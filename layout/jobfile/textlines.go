package jobfile

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// textLines yields the lines of a text, which is given as the inside of a JSON
// string, in memory or as a stream. A line ends with the escape sequence \n.
type textLines struct {
	src  io.Reader // nil where buf is everything
	buf  []byte
	pos  int  // the next byte, in buf
	done bool // src is at its end

	line  []byte // of the line: what had to be unescaped, or is in buf no more
	given int    // of line: bytes that were yielded
	inner bool   // the line has begun
}

// next returns the next line without its newline, or at most MaxLine bytes of
// it; more tells that it goes on. It returns io.EOF after the last line. The
// line is valid until the next call.
func (t *textLines) next() (line []byte, more bool, err error) {
	t.line = t.line[:copy(t.line, t.line[t.given:])]
	t.given = 0
	for {
		room := MaxLine - len(t.line)
		if room < utf8.UTFMax {
			t.inner, t.given = true, cut(t.line)
			return t.line[:t.given], true, nil
		}
		rest := t.buf[t.pos:min(t.pos+room, len(t.buf))]
		i := bytes.IndexByte(rest, '\\')
		switch {
		case i < 0 && len(rest) == room:
			return t.part(rest)
		case i < 0 && t.done:
			return t.last(rest)
		case i < 0:
			i = len(rest)
			fallthrough
		case len(t.buf)-t.pos-i < longestEscape && !t.done:
			t.take(i)
			if err := t.fill(); err != nil {
				return nil, false, err
			}
			continue
		}
		if r, n := escape(t.buf[t.pos+i:]); r != '\n' || n != 2 {
			t.take(i)
			t.line = utf8.AppendRune(t.line, r)
			t.pos += n
			continue
		}
		t.pos += i + 2
		t.inner = false
		if len(t.line) == 0 {
			return rest[:i], false, nil // a carriage return would have been escaped
		}
		t.line = append(t.line, rest[:i]...)
		t.given = len(t.line)
		return withoutReturn(t.line), false, nil
	}
}

// take adds n bytes of buf to line.
func (t *textLines) take(n int) {
	t.line = append(t.line, t.buf[t.pos:t.pos+n]...)
	t.pos += n
}

// part yields the rest of a line as far as there is room for it.
func (t *textLines) part(rest []byte) (line []byte, more bool, err error) {
	t.inner = true
	if len(t.line) == 0 {
		n := cut(rest)
		t.pos += n
		return rest[:n], true, nil
	}
	t.take(len(rest))
	t.given = cut(t.line)
	return t.line[:t.given], true, nil
}

// last yields the line that no newline ends.
func (t *textLines) last(rest []byte) (line []byte, more bool, err error) {
	if len(rest) == 0 && len(t.line) == 0 && !t.inner {
		return nil, false, io.EOF
	}
	t.take(len(rest))
	t.inner, t.given = false, len(t.line)
	return withoutReturn(t.line), false, nil
}

// fill reads more of the text into buf.
func (t *textLines) fill() error {
	t.buf = t.buf[:copy(t.buf, t.buf[t.pos:])]
	t.pos = 0
	n, err := t.src.Read(t.buf[len(t.buf):cap(t.buf)])
	t.buf = t.buf[:len(t.buf)+n]
	if t.done = err == io.EOF; t.done {
		return nil
	}
	return err
}

func withoutReturn(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }

// textLine fills in what a line of text says: the time that it begins with, if
// any, the level that comes next, if any, and all after the time.
func (l *Line) textLine(text []byte) {
	l.Message = text
	if t, rest, ok := dateTime(text); ok && (len(rest) == 0 || rest[0] == ' ') {
		l.Time = t
		l.Message = bytes.TrimPrefix(rest, []byte{' '})
	}
	l.Level = firstLevel(l.Message)
}

// firstLevel is the level that text begins with: in capitals, or in any case
// with a colon after it or brackets around it. Escape sequences of terminals
// and spaces may stand before it.
func firstLevel(text []byte) Level {
	text = afterStyle(text)
	bracket := len(text) > 0 && text[0] == '['
	if bracket {
		text = afterStyle(text[1:])
	}
	end, small := 0, false
	for end < len(text) && end <= longestLevel && isLetter(text[end]) {
		small = small || text[end] >= 'a'
		end++
	}
	level := levelOf(text[:end])
	if level == NoLevel {
		return NoLevel
	}
	after := afterStyle(text[end:])
	switch {
	case len(after) > 0 && (after[0] == ':' || bracket && after[0] == ']'):
		return level
	case small || end < len(text) && (text[end] == '_' || text[end] == '-' || '0' <= text[end] && text[end] <= '9'):
		return NoLevel
	}
	return level
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

// afterStyle is text without the spaces and the CSI sequences, such as those
// that set colours, at its beginning.
func afterStyle(text []byte) []byte {
	for len(text) > 0 {
		switch {
		case text[0] == ' ' || text[0] == '\t':
			text = text[1:]
		case text[0] == 0x1b && len(text) > 1 && text[1] == '[':
			end := bytes.IndexFunc(text[2:], func(r rune) bool { return '@' <= r && r <= '~' })
			if end < 0 {
				return nil
			}
			text = text[2+end+1:]
		default:
			return text
		}
	}
	return text
}
