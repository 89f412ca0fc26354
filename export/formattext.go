package export

import (
	"bytes"
	"context"

	"logstow/layout"
)

// textFormat writes a line of text for each line: its time, its severity,
// where there are several jobs whose it is, and its message.
type textFormat struct {
	exporter *Exporter
	request  Request
	out      *output
	stamps   stamps
	holdsNothing
}

func (f *textFormat) begin() error { return nil }

func (f *textFormat) end(context.Context) error { return nil }

func (f *textFormat) version(ctx context.Context, v picked) error {
	return f.exporter.takeRecord(ctx, v, func(r *Record) error { return f.record(ctx, r) })
}

func (f *textFormat) record(ctx context.Context, r *Record) error {
	var job []byte
	if !f.request.single() {
		job = jobPrefix(r)
	}
	begun := false
	for l, err := range f.request.lines(ctx, r) {
		if err != nil {
			return err
		}
		b := f.out.buf
		if !begun {
			b = append(f.stamps.append(b, l.Time), ' ')
			b = append(append(b, l.Level.String()...), ' ')
			b = append(b, job...)
		}
		b = appendLine(b, l.Message)
		if begun = l.More; !begun {
			b = append(b, '\n')
			f.out.Lines++
		}
		f.out.buf = b
		if err := f.out.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

// jobPrefix tells whose a line is, in words without spaces or brackets.
func jobPrefix(r *Record) []byte {
	d := r.Document
	return []byte("[" + layout.Escape(d.User) + "/" + layout.Escape(d.Recipe) + "/" + layout.Escape(d.Job) + "] ")
}

// appendLine appends a message as a part of one line: what would end the line
// is written as \n and \r, and all else stays as it is.
func appendLine(dst, message []byte) []byte {
	for len(message) > 0 {
		end := bytes.IndexByte(message, '\n')
		if end < 0 {
			end = len(message)
		}
		if carriage := bytes.IndexByte(message[:end], '\r'); carriage >= 0 {
			end = carriage
		}
		dst = append(dst, message[:end]...)
		if end == len(message) {
			break
		}
		if message[end] == '\n' {
			dst = append(dst, '\\', 'n')
		} else {
			dst = append(dst, '\\', 'r')
		}
		message = message[end+1:]
	}
	return dst
}
