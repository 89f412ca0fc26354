package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/export/access"
	"logstow/layout/jobfile"
)

// nextEndTime is the header of a 206: the endTime to ask with for the lines
// before those in the file.
const nextEndTime = "X-Log-Next-Request-End-Time"

// talendMilli is how times are written to Talend's clients: to the
// millisecond, as they know the time of a line.
const talendMilli = "2006-01-02T15:04:05.000Z"

// talendFile is the answer to a request for a file.
type talendFile struct {
	Size  int64  `json:"size"` // lines
	Token string `json:"token"`
}

// talendExport has a file made of a job's lines and answers with the token
// that it is downloaded with.
func (s *Server) talendExport(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	params, err := talendParamsOf(r)
	if err != nil {
		return err
	}
	in, err := params.span()
	if err != nil {
		return err
	}
	format, named, err := params.file()
	if err != nil {
		return err
	}
	job, err := s.find(r, c)
	if err != nil {
		return err
	}
	if err := s.mayStart(r.Context(), c); err != nil {
		return err
	}
	cut, err := s.talendCut(r, job, in)
	if err != nil {
		return err
	}
	e, err := talendRecord(job, cut, format, named)
	if err != nil {
		return err
	}
	e.Key = c.Key
	token, _, err := s.config.Tokens.Create(r.Context(), e, talendAudit(r, c, "export", job))
	if err != nil {
		return err
	}
	s.config.Wake()
	status := http.StatusOK
	if cut.more {
		status = http.StatusPartialContent
		w.Header().Set(nextEndTime, time.UnixMilli(cut.until).UTC().Format(talendMilli))
	}
	return writeJSON(w, status, talendFile{Size: cut.size, Token: token})
}

// talendCut tells which of a job's lines go into the file.
func (s *Server) talendCut(r *http.Request, job export.Job, in span) (cut, error) {
	limit := s.config.TalendLimit
	v := job.Versions[0]
	if !in.bounded() && v.Changed == "" && v.Lines >= 0 && (limit <= 0 || v.Lines <= limit) {
		return cut{span: in, size: v.Lines}, nil // without a look into the record
	}
	record, err := s.config.Exporter.Open(r.Context(), v)
	if err != nil {
		return cut{}, err
	}
	defer record.Close()
	line, err := timelineOf(linesOf(r.Context(), record), in)
	if err != nil {
		return cut{}, err
	}
	return line.cutOff(limit)
}

// talendRecord is the export of a job's lines as the ledger keeps it.
func talendRecord(job export.Job, c cut, format export.Format, named bool) (ledger.Export, error) {
	request := export.Request{
		Format: format, User: job.User, Jobs: []string{job.ID}, Recipe: job.Recipe,
		Kinds: []jobfile.Kind{job.Kind}, Since: c.since(), Until: c.last(),
	}
	b, err := json.Marshal(request)
	if err != nil {
		return ledger.Export{}, fmt.Errorf("request a file of job %s: %w", job.ID, err)
	}
	name := request.Filename(&job, time.Now())
	if !named {
		name = strings.TrimPrefix(request.Filename(&export.Job{ID: job.ID}, time.Now()), "_")
	}
	return ledger.Export{User: job.User, Job: job.ID, Request: b, Total: 1, Filename: name}, nil
}

// since is the beginning of the span's first millisecond; zero where the span
// has no beginning.
func (s span) since() time.Time {
	if s.from == always.from {
		return time.Time{}
	}
	return time.UnixMilli(s.from).UTC()
}

// last is the end of the span's last millisecond; zero where the span has no
// end.
func (s span) last() time.Time {
	if s.to == always.to {
		return time.Time{}
	}
	return time.UnixMilli(s.to).UTC().Add(time.Millisecond - time.Nanosecond)
}

// talendAudit is the entry of the audit log about what a caller does to a job.
func talendAudit(r *http.Request, c access.Caller, action string, job export.Job) ledger.AuditEntry {
	a := auditEntry(r, c, action)
	a.User, a.Job = job.User, job.ID
	return a
}
