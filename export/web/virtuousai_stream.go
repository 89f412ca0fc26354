package web

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"

	"logstow/export/access"
	"logstow/layout/jobfile"
)

// virtuousStream answers with a job's entries as server-sent events: those
// after the one that Last-Event-ID names, and one that says that this was all.
func (s *Server) virtuousStream(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	q, err := single(r.URL.RawQuery, "level")
	if err != nil {
		return err
	}
	level, err := thresholdIn(q)
	if err != nil {
		return err
	}
	last := r.Header.Get("Last-Event-ID")
	if last == ended {
		if _, err := s.find(r, c); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent) // so an EventSource doesn't connect again
		return nil
	}
	rec, err := s.open(r, c)
	if err != nil {
		return err
	}
	defer rec.Close()
	replay := &replay{events: newEvents(w), entry: newEntry(rec.Info), level: level, after: after(last)}
	return replay.events.run(r.Context(), func(ctx context.Context) error {
		if err := replay.lines(ctx, rec.Lines()); err != nil {
			return err
		}
		return replay.end(rec.Info.Status)
	})
}

// replay sends the entries of a finished job.
type replay struct {
	events *events
	entry  *entry
	level  threshold
	after  int64
}

// lines sends the entries that were asked for. An entry's id is its number in
// the record, whatever else was asked for.
func (p *replay) lines(ctx context.Context, lines iter.Seq2[jobfile.Line, error]) error {
	for line, err := range lines {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if line.Index <= p.after || !p.level.keeps(line) {
			continue
		}
		if err := p.events.add(line.More, func(dst []byte) []byte { return p.append(dst, line) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *replay) append(dst []byte, line jobfile.Line) []byte {
	if !p.entry.open {
		dst = append(dst, "id: "...)
		dst = strconv.AppendInt(dst, line.Index, 10)
		dst = append(dst, "\ndata: "...)
	}
	dst = p.entry.append(dst, line)
	if !line.More {
		dst = append(dst, "\n\n"...)
	}
	return dst
}

// end sends the last event.
func (p *replay) end(status string) error {
	data, err := json.Marshal(map[string]string{"status": status})
	if err != nil {
		return err
	}
	return p.events.add(false, func(dst []byte) []byte {
		dst = append(dst, "id: "+ended+"\nevent: end\ndata: "...)
		return append(append(dst, data...), "\n\n"...)
	})
}
