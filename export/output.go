package export

import (
	"fmt"
	"io"
	"time"
)

const (
	outputBuffer  = 256 << 10 // bytes that are written at once
	progressEvery = 250 * time.Millisecond
)

// output is a file being written: bytes collect in buf until flush.
type output struct {
	w   io.Writer
	buf []byte

	Progress
	report   func(Progress) // may be nil
	reported time.Time
}

func newOutput(w io.Writer, report func(Progress)) *output {
	return &output{w: w, buf: make([]byte, 0, 2*outputBuffer), report: report, reported: time.Now()}
}

// flushFull writes out what has collected, if it is enough to be worth it.
func (o *output) flushFull() error {
	if len(o.buf) < outputBuffer {
		return nil
	}
	return o.flush()
}

// flush writes out what has collected.
func (o *output) flush() error {
	if len(o.buf) > 0 {
		n, err := o.w.Write(o.buf)
		o.Bytes += int64(n)
		o.buf = o.buf[:0]
		if err != nil {
			return fmt.Errorf("write out: %w", err)
		}
	}
	if o.report != nil && time.Since(o.reported) >= progressEvery {
		o.report(o.Progress)
		o.reported = time.Now()
	}
	return nil
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.buf = append(o.buf, p...)
	return len(p), o.flushFull()
}
