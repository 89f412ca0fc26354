package jobfile

import (
	"bytes"
	"unicode/utf8"

	"logstow/layout/jsonskip"
)

// Member returns the value of an object's member, as it stands in raw, such as
// a Line's Raw. Of a member that is there more than once it is the last. ok is
// false where raw is no object, or was cut off before the value's end, or has
// no such member. It allocates nothing, unless a name in raw has escapes.
func Member(raw []byte, name string) (value []byte, ok bool) {
	for m := membersOf(raw); m.next(); {
		if string(m.name) == name {
			value, ok = m.value, true
		}
	}
	return value, ok
}

// AppendText appends what a JSON value says to dst: what stands in a string,
// unescaped, and any other value as it is. Invalid UTF-8 stays what it is.
func AppendText(dst, value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		return append(dst, value...)
	}
	return appendInside(dst, bytes.TrimSuffix(value[1:], []byte{'"'}))
}

// appendInside appends what the inside of a JSON string says to dst.
func appendInside(dst, inside []byte) []byte {
	for {
		i := bytes.IndexByte(inside, '\\')
		if i < 0 {
			return append(dst, inside...)
		}
		dst = append(dst, inside[:i]...)
		r, n := escape(inside[i:])
		dst = utf8.AppendRune(dst, r)
		inside = inside[i+n:]
	}
}

// members goes over the members of one object.
type members struct {
	raw         []byte
	pos         int // what comes next
	name, value []byte
}

func membersOf(raw []byte) members {
	i := afterSpace(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return members{}
	}
	return members{raw: raw, pos: i + 1}
}

// next goes to the next member, if there is one that is whole.
func (m *members) next() bool {
	b := m.raw
	i := afterSpace(b, m.pos)
	if i < len(b) && b[i] == ',' {
		i = afterSpace(b, i+1)
	}
	if i >= len(b) || b[i] != '"' {
		return false
	}
	n, simple, err := jsonskip.String(b[i:])
	if err != nil {
		return false
	}
	m.name = b[i+1 : i+n-1]
	if !simple {
		m.name = AppendText(nil, b[i:i+n])
	}
	if i = afterSpace(b, i+n); i >= len(b) || b[i] != ':' {
		return false
	}
	i = afterSpace(b, i+1)
	n = valueLen(b[i:])
	if n == 0 || i+n == len(b) { // what was cut off may seem whole
		return false
	}
	m.value, m.pos = b[i:i+n], i+n
	return true
}

// valueLen is the length of the JSON value that b begins with; 0 where it has
// no end.
func valueLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"':
		n, _, err := jsonskip.String(b)
		if err != nil {
			return 0
		}
		return n
	case '{', '[':
		n, err := jsonskip.Value(b)
		if err != nil {
			return 0
		}
		return n
	}
	n := 0
	for n < len(b) && b[n] > ' ' && b[n] != ',' && b[n] != '}' && b[n] != ']' {
		n++
	}
	return n
}

// afterSpace is where white space in b at i ends.
func afterSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
