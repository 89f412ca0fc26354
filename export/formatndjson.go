package export

import (
	"bytes"
	"context"
	"errors"
	"io"

	"logstow/layout/jobfile"
)

// ndjsonFormat writes the full record of every version, one a line.
type ndjsonFormat struct {
	exporter *Exporter
	out      *output
	holdsNothing
}

func (f *ndjsonFormat) begin() error { return nil }

func (f *ndjsonFormat) end(context.Context) error { return nil }

func (f *ndjsonFormat) version(ctx context.Context, v picked) error {
	return f.exporter.take(ctx, v, func(data *spool) error {
		if err := f.write(ctx, data); err != nil {
			return err
		}
		f.out.Lines += max(0, v.Lines)
		_, err := f.out.Write([]byte{'\n'})
		return err
	})
}

// write writes a record: exactly its bytes where they are one line, and else
// without the white space between its values.
func (f *ndjsonFormat) write(ctx context.Context, data *spool) error {
	part, err := trimmed(data)
	if err != nil {
		return err
	}
	var newline findNewline
	if err := copyAll(ctx, &newline, part); err != nil {
		return err
	}
	if !newline.found {
		return copyAll(ctx, f.out, part)
	}
	if !jobfile.IsJSON(data.bytes(), data.size) {
		return errors.New("it is not JSON, so that it can't be brought into one line")
	}
	return copyAll(ctx, &compactor{w: f.out}, part)
}

// trimmed is what a spool holds without the white space around it, as far as
// that is not longer than anybody writes.
func trimmed(data *spool) (*io.SectionReader, error) {
	const looked = 4 << 10
	ends := make([]byte, min(looked, data.size))
	if _, err := data.bytes().ReadAt(ends, 0); err != nil && err != io.EOF {
		return nil, err
	}
	from := len(ends) - len(bytes.TrimLeft(ends, jsonSpace))
	tail := data.size - int64(len(ends))
	if _, err := data.bytes().ReadAt(ends, tail); err != nil && err != io.EOF {
		return nil, err
	}
	to := tail + int64(len(bytes.TrimRight(ends, jsonSpace)))
	return io.NewSectionReader(data.bytes(), int64(from), max(0, to-int64(from))), nil
}

const jsonSpace = " \t\r\n"

// findNewline looks for what may end a line in what is written to it.
type findNewline struct{ found bool }

func (n *findNewline) Write(p []byte) (int, error) {
	n.found = n.found || bytes.ContainsAny(p, "\r\n")
	return len(p), nil
}

// compactor passes JSON on to w without the white space between its values.
// What stands in a string stays.
type compactor struct {
	w       io.Writer
	buf     []byte
	inside  bool // a string
	escaped bool // the byte before was a backslash that escapes the next
}

func (c *compactor) Write(p []byte) (int, error) {
	c.buf = c.buf[:0]
	for _, b := range p {
		switch {
		case c.escaped:
			c.escaped = false
		case c.inside && b == '\\':
			c.escaped = true
		case b == '"':
			c.inside = !c.inside
		case !c.inside && (b == ' ' || b == '\t' || b == '\r' || b == '\n'):
			continue
		}
		c.buf = append(c.buf, b)
	}
	if _, err := c.w.Write(c.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// copyAll writes all of r, from its start, to w. It stops when ctx ends.
func copyAll(ctx context.Context, w io.Writer, r *io.SectionReader) error {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for buf := make([]byte, min(128<<10, r.Size()+1)); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if _, failed := w.Write(buf[:n]); failed != nil {
			return failed
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
