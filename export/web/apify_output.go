package web

import (
	"bytes"
	"context"
	"net/http"

	"logstow/layout/jobfile"
)

// textPiece is how many bytes of text are written at a time, about.
const textPiece = 32 << 10

// textOutput writes text in pieces that end with a line. Only a line that is
// longer than jobfile.MaxLine is parted.
type textOutput struct {
	w      http.ResponseWriter
	stream bool // each piece is sent at once
	buf    []byte
}

// sendLines sends the lines that are whole once they make a piece.
func (o *textOutput) sendLines(ctx context.Context) error {
	if len(o.buf) < textPiece {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	end := bytes.LastIndexByte(o.buf, '\n') + 1
	switch {
	case end > 0:
	case len(o.buf) < jobfile.MaxLine:
		return nil
	default:
		end = len(o.buf)
	}
	rest := o.buf[end:]
	o.buf = o.buf[:end]
	err := o.send()
	o.buf = append(o.buf, rest...)
	return err
}

// send sends all that there is.
func (o *textOutput) send() error {
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	if err == nil && o.stream {
		err = http.NewResponseController(o.w).Flush()
	}
	return err
}
