package web

import (
	"context"
	"io"
	"iter"
	"net/http"

	"logstow/layout/jobfile"
)

// What the families' tests reach of the inside.

// Strip strips text that comes in pieces.
func Strip(pieces ...[]byte) []byte {
	var s stripper
	out := []byte{}
	for _, p := range pieces {
		out = s.append(out, p)
	}
	return s.broken(out)
}

// StripInto strips what is read from r piece by piece into the same buffer, and
// returns how large that became.
func StripInto(r io.Reader, piece []byte) (capacity int, err error) {
	var s stripper
	var out []byte
	for {
		n, err := r.Read(piece)
		out = s.append(out[:0], piece[:n])
		if err == io.EOF {
			return cap(out), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// RunEvents writes events to w for as long as produce runs.
func RunEvents(ctx context.Context, w http.ResponseWriter, produce func(ctx context.Context, add func(event string, more bool) error) error) error {
	e := newEvents(w)
	return e.run(ctx, func(ctx context.Context) error {
		return produce(ctx, func(event string, more bool) error {
			return e.add(more, func(dst []byte) []byte { return append(dst, event...) })
		})
	})
}

// Heartbeat is how long a stream is silent at most.
const Heartbeat = heartbeat

// EntryOf makes the entry of a line that comes in pieces.
func EntryOf(info jobfile.Info, pieces ...jobfile.Line) string {
	e := newEntry(info)
	var out []byte
	for _, p := range pieces {
		out = e.append(out, p)
	}
	return string(out)
}

// ReplayErrors replays those of a job's lines that are errors.
func ReplayErrors(ctx context.Context, w http.ResponseWriter, lines iter.Seq2[jobfile.Line, error]) error {
	p := &replay{events: newEvents(w), entry: newEntry(jobfile.Info{}), level: threshold(jobfile.ErrorLevel), after: -1}
	return p.events.run(ctx, func(ctx context.Context) error { return p.lines(ctx, lines) })
}
