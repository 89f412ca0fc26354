package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"logstow/export/access"
	"logstow/layout/jobfile"
)

// How many entries a page of VirtuousAI's API has.
const (
	virtuousPage    = 100
	virtuousMaxPage = 1000
)

// virtuousAI is the family of VirtuousAI's run logs.
func (s *Server) virtuousAI() family {
	const logs = "/api/v1/action-runs/{id}/logs"
	return family{
		name: "virtuousai",
		routes: []route{
			{method: http.MethodGet, path: logs, may: access.Read, do: s.virtuousLogs, stream: true},
			{method: http.MethodGet, path: logs + "/stream", may: access.Read, do: s.virtuousStream, stream: true},
		},
		refuse: refuseVirtuous,
	}
}

// virtuousQuery is what is asked for of a list.
type virtuousQuery struct {
	level         threshold
	limit, offset int64
}

// virtuousQueryOf reads the parameters of a list. Those that are none of
// VirtuousAI's are left to whom they concern.
func virtuousQueryOf(query string) (want virtuousQuery, err error) {
	q, err := single(query, "level", "limit", "offset")
	if err != nil {
		return want, err
	}
	if want.level, err = thresholdIn(q); err != nil {
		return want, err
	}
	if want.limit, err = numberIn(q, "limit", virtuousPage, 1, virtuousMaxPage); err != nil {
		return want, err
	}
	want.offset, err = numberIn(q, "offset", 0, 0, 1<<53)
	return want, err
}

// single reads a query in which none of names may stand twice.
func single(query string, names ...string) (url.Values, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, badRequest("the query of the URL can't be read: " + err.Error())
	}
	for _, name := range names {
		if len(q[name]) > 1 {
			return nil, badRequest(name + " is given more than once")
		}
	}
	return q, nil
}

// threshold is the level of the least severe entries that are asked for. To
// VirtuousAI info is the lowest, so it keeps everything.
type threshold jobfile.Level

func thresholdIn(q url.Values) (threshold, error) {
	level := q.Get("level")
	switch {
	case !q.Has("level"), strings.EqualFold(level, "info"):
		return threshold(jobfile.NoLevel), nil
	case strings.EqualFold(level, "warning"):
		return threshold(jobfile.Warn), nil
	case strings.EqualFold(level, "error"):
		return threshold(jobfile.ErrorLevel), nil
	}
	return 0, badRequest(fmt.Sprintf("level is %q; it may be info, warning or error", level))
}

func (t threshold) keeps(line jobfile.Line) bool { return line.Level >= jobfile.Level(t) }

// numberIn is the parameter called name, from least to most, or absent where
// there is none.
func numberIn(q url.Values, name string, absent, least, most int64) (int64, error) {
	if !q.Has(name) {
		return absent, nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, badRequest(fmt.Sprintf("%s is %q; it is a number from %d to %d", name, q.Get(name), least, most))
	}
	return n, nil
}

// virtuousLogs answers with a page of a job's entries. They are written as they
// are read; how many there are comes last.
func (s *Server) virtuousLogs(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	want, err := virtuousQueryOf(r.URL.RawQuery)
	if err != nil {
		return err
	}
	rec, err := s.open(r, c)
	if err != nil {
		return err
	}
	defer rec.Close()
	w.Header().Set("Content-Type", "application/json")
	page := &virtuousPager{want: want, entry: newEntry(rec.Info), buf: []byte(`{"logs":[`)}
	for line, err := range rec.Lines() {
		if err != nil {
			return err
		}
		page.add(line)
		if len(page.buf) < textPiece && page.seen&1023 != 0 {
			continue
		}
		if err := r.Context().Err(); err != nil {
			return err
		}
		if len(page.buf) < textPiece {
			continue
		}
		if err := page.send(w); err != nil {
			return err
		}
	}
	page.end()
	return page.send(w)
}

// virtuousPager makes a page.
type virtuousPager struct {
	want   virtuousQuery
	entry  *entry
	buf    []byte
	seen   int64 // lines, whether asked for or not
	total  int64 // entries that were asked for, on this page or another
	within bool  // the entry goes on
}

func (p *virtuousPager) add(line jobfile.Line) {
	p.seen++
	if !p.want.level.keeps(line) {
		return
	}
	if !p.within {
		p.total++
	}
	p.within = line.More
	if p.total <= p.want.offset || p.total > p.want.offset+p.want.limit {
		return
	}
	if p.total > p.want.offset+1 && !p.entry.open {
		p.buf = append(p.buf, ',')
	}
	p.buf = p.entry.append(p.buf, line)
}

func (p *virtuousPager) end() {
	p.buf = fmt.Appendf(p.buf, `],"total":%d,"limit":%d,"offset":%d,"hasNext":%t}`+"\n",
		p.total, p.want.limit, p.want.offset, p.want.offset+p.want.limit < p.total)
}

func (p *virtuousPager) send(w http.ResponseWriter) error {
	_, err := w.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// refuseVirtuous answers with a problem as RFC 9457 has it, which VirtuousAI
// says its errors follow.
func refuseVirtuous(w http.ResponseWriter, _ *http.Request, p *problem) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(p.status), p.status, p.message})
	if err != nil {
		panic("web: a problem that is no JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.status)
	w.Write(append(body, '\n')) //nolint:errcheck // who doesn't take it isn't there any more
}
