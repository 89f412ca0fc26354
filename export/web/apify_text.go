package web

import (
	"bytes"
	"context"
	"io"
	"iter"

	"logstow/export"
	"logstow/layout/jobfile"
)

// stampForm is a time as Apify's clients look for it at the start of a line:
// the milliseconds always have three digits.
const stampForm = "2006-01-02T15:04:05.000Z"

// writeText writes a job's log as text. A log that is text stays as it is, but
// for its escapes, unless it is streamed without raw.
func writeText(ctx context.Context, out *textOutput, rec *export.Record, form apifyForm) error {
	if form.raw || !form.stream {
		text, ok, err := rec.Text()
		if err != nil {
			return err
		}
		if ok {
			return copyText(ctx, out, text, form.raw)
		}
	}
	return writeStamped(ctx, out, rec.TimedLines(), form.raw)
}

// copyText writes a text.
func copyText(ctx context.Context, out *textOutput, text io.Reader, raw bool) error {
	var strip stripper
	piece := make([]byte, textPiece)
	for {
		n, err := text.Read(piece)
		if raw {
			out.buf = append(out.buf, piece[:n]...)
		} else {
			out.buf = strip.append(out.buf, piece[:n])
		}
		if err == io.EOF {
			out.buf = strip.broken(out.buf)
			return out.send()
		}
		if err != nil {
			return err
		}
		if err := out.sendLines(ctx); err != nil {
			return err
		}
	}
}

// writeStamped writes lines that begin with their time, and with their level
// where they are entries. Each line of a message is one for itself.
func writeStamped(ctx context.Context, out *textOutput, lines iter.Seq2[jobfile.Line, error], raw bool) error {
	s := &stamped{out: out, raw: raw}
	within := false
	for line, err := range lines {
		if err != nil {
			return err
		}
		if !within {
			s.begin(line)
		}
		s.piece(line.Message)
		if within = line.More; !within {
			s.end()
		}
		if err := out.sendLines(ctx); err != nil {
			return err
		}
	}
	return out.send()
}

// stamped makes the text of a line.
type stamped struct {
	out     *textOutput
	raw     bool
	strip   stripper
	clean   []byte // a piece without its escapes
	head    []byte // what each line of the message begins with
	started bool   // this one has begun
}

func (s *stamped) begin(line jobfile.Line) {
	s.started = false
	s.head = append(line.Time.UTC().AppendFormat(s.head[:0], stampForm), ' ')
	if !line.Text {
		s.head = append(append(s.head, line.Level.String()...), ' ')
	}
}

func (s *stamped) piece(said []byte) {
	if !s.raw {
		s.clean = s.strip.append(s.clean[:0], said)
		said = s.clean
	}
	for len(said) > 0 {
		s.start()
		i := bytes.IndexByte(said, '\n') + 1
		if i == 0 {
			s.out.buf = append(s.out.buf, said...)
			return
		}
		s.out.buf = append(s.out.buf, said[:i]...)
		said, s.started = said[i:], false
	}
}

func (s *stamped) start() {
	if !s.started {
		s.out.buf, s.started = append(s.out.buf, s.head...), true
	}
}

// end ends the line, and an escape that it left open.
func (s *stamped) end() {
	s.start()
	s.out.buf = s.strip.append(s.out.buf, []byte{'\n'})
}
