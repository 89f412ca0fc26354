package jobfile

import "bytes"

// lines passes the lines of a record, a value that begins with c, and counts
// them: the elements of an array, the text lines of a string; -1 for anything
// else, and for Fallback.
func (w *walker) lines(c byte) (int64, error) {
	n := int64(-1)
	switch c {
	case '[':
		n = 0
		err := w.array(func() error {
			n++
			return w.skip()
		})
		return n, err
	case '"':
		counter := &newlines{}
		w.tap = counter
		text, _, err := w.value(2 * len(Fallback))
		w.tap = nil
		if string(text) == `"`+Fallback+`"` {
			return -1, err
		}
		return counter.lines(), err
	}
	return n, w.skip()
}

// newlines counts the text lines in a JSON string that is written to it
// piecemeal, quotes included.
type newlines struct {
	count   int64
	escaped bool // the byte before was a backslash that escapes the next
	open    bool // something stands after the last newline
}

func (n *newlines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if n.escaped {
			n.escaped = false
			if n.open = rest[0] != 'n'; !n.open {
				n.count++
			}
			rest = rest[1:]
			continue
		}
		text, after, found := bytes.Cut(rest, []byte{'\\'})
		if len(bytes.Trim(text, `"`)) > 0 { // only the quotes around it are not escaped
			n.open = true
		}
		n.escaped = found
		rest = after
	}
	return len(p), nil
}

// lines is how many there are: the last one need not end in a newline.
func (n *newlines) lines() int64 {
	if n.open {
		return n.count + 1
	}
	return n.count
}
