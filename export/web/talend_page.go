package web

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"logstow/export"
	"logstow/export/access"
)

// talendPage answers with a page of a job's lines.
func (s *Server) talendPage(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	params, err := talendParamsOf(r)
	if err != nil {
		return err
	}
	q, err := params.pageQuery()
	if err != nil {
		return err
	}
	record, err := s.open(r, c)
	if err != nil {
		return err
	}
	defer record.Close()
	lines := linesOf(r.Context(), record)
	line, err := timelineOf(lines, q.span)
	if err != nil {
		return err
	}
	entries, next, err := line.page(q)
	if err != nil {
		return err
	}
	var kept spool
	defer kept.Close()
	parts, err := renderEntries(&kept, export.NewEntries(record), lines, entries)
	if err != nil {
		return err
	}
	head := fmt.Sprintf(`{"size":%d,"totalSize":%d,"totalSizeFiltered":%d,"data":[`, len(entries), line.total, line.size)
	tail := "]}"
	if next > 0 {
		tail = fmt.Sprintf(`],"nextIndex":%d}`, next)
	}
	size := int64(len(head)+len(tail)) + kept.size + int64(max(0, len(parts)-1))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.WriteHeader(http.StatusOK)
	return writePage(w, head, &kept, parts, tail)
}

// place is where a rendered entry lies.
type place struct{ start, end int64 }

// renderEntries writes these entries to w as the record has them one after the
// other, and returns where each of them lies, in their own order.
func renderEntries(w *spool, render *export.Entries, lines lineSeq, entries []moment) ([]place, error) {
	at := make(map[int64]int, len(entries))
	for i, m := range entries {
		at[m.index] = i
	}
	places := make([]place, len(entries))
	var buf []byte
	for line, err := range lines {
		if err != nil {
			return nil, err
		}
		i, wanted := at[line.Index]
		if !wanted {
			if len(at) == 0 {
				break
			}
			continue
		}
		if buf = render.Append(buf[:0], line); places[i] == (place{}) {
			places[i].start = w.size
		}
		if _, err := w.Write(buf); err != nil {
			return nil, fmt.Errorf("keep a page: %w", err)
		}
		places[i].end = w.size
		if !line.More {
			delete(at, line.Index)
		}
	}
	return places, nil
}

// writePage writes a page's parts in their order.
func writePage(w io.Writer, head string, kept *spool, parts []place, tail string) error {
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	for i, p := range parts {
		if i > 0 {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		if _, err := io.Copy(w, kept.part(p.start, p.end)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, tail)
	return err
}
