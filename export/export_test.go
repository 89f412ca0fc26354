package export

import (
	"context"
	"io"
	"time"
)

// WriteZip writes an archive that begins at an offset and has that many files.
func WriteZip(w io.Writer, offset uint64, files int, file func(i int) (name, content string)) error {
	z := newZip(w, offset, "")
	defer z.Close()
	for i := range files {
		name, content := file(i)
		err := z.add(name, time.Time{}, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			return err
		}
	}
	return z.finish(context.Background())
}

// The parts of formats that are proved alone.
var (
	AppendInside = appendInside
	AppendLine   = appendLine
	PythonFile   = pythonFile
	Loads        = func(value []byte) []byte { return appendLoads(nil, value) }
)

// Stamp is a time as the formats write it.
func Stamp(times ...time.Time) []string {
	var s stamps
	var all []string
	for _, t := range times {
		all = append(all, string(s.append(nil, t)))
	}
	return all
}

// Compact is JSON without its white space, in pieces of that size.
func Compact(w io.Writer, data []byte, piece int) error {
	c := &compactor{w: w}
	for len(data) > 0 {
		n := min(piece, len(data))
		if _, err := c.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
