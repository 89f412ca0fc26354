package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/export/access"
	"logstow/layout/jobfile"
)

// createdJSON is the answer to a new export. It only grows.
type createdJSON struct {
	ID      string             `json:"id"`
	Token   string             `json:"token"`
	Size    *int64             `json:"size"` // lines, or jobs in formats that have a row or a file for each; null where that isn't known yet
	Expires time.Time          `json:"expires_at"`
	State   ledger.ExportState `json:"state"`
}

// maxUnfinished is how many exports of one key may wait or be made at once.
const maxUnfinished = 100

// createExport records an export, which the queue then makes, and answers with
// the token that it is downloaded with.
func (s *Server) createExport(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	var req export.Request
	if err := readJSON(r, &req); err != nil {
		return err
	}
	if c.User != "" {
		if req.User != "" && req.User != c.User {
			return noJob()
		}
		req.User = c.User
	}
	if err := req.Validate(); err != nil {
		return &problem{status: http.StatusBadRequest, message: err.Error()}
	}
	if err := s.mayStart(r.Context(), c); err != nil {
		return err
	}
	e, size, err := s.prepare(r.Context(), c, req)
	if err != nil {
		return err
	}
	entry := auditEntry(r, c, "export")
	entry.User, entry.Job = e.User, e.Job
	token, e, err := s.config.Tokens.Create(r.Context(), e, entry)
	if err != nil {
		return err
	}
	s.config.Wake()
	w.Header().Set("Location", "/v1/exports/"+e.ID)
	return writeJSON(w, http.StatusAccepted, createdJSON{
		ID: e.ID, Token: token, Size: size, Expires: e.Expires.UTC(), State: e.State,
	})
}

// mayStart refuses who has too many unfinished exports already.
func (s *Server) mayStart(ctx context.Context, c access.Caller) error {
	unfinished, err := s.config.Ledger.Exports(ctx, ledger.ExportQuery{
		Key: &c.Key, States: []ledger.ExportState{ledger.ExportCreated, ledger.ExportRunning}, Limit: maxUnfinished,
	})
	if err != nil {
		return err
	}
	if len(unfinished) >= maxUnfinished {
		return &problem{
			status: http.StatusTooManyRequests, retryAfter: time.Minute,
			message: fmt.Sprintf("%d exports of this key are not finished yet: wait for them, or cancel some", maxUnfinished),
		}
	}
	return nil
}

// prepare is the export that a request asks for, and how much it is: lines
// where a format has them, else jobs; nil where that isn't known yet.
//
// A job that is named more than once is one job: who deletes it deletes the
// files of it.
func (s *Server) prepare(ctx context.Context, c access.Caller, req export.Request) (ledger.Export, *int64, error) {
	req.Jobs = slices.Compact(slices.Sorted(slices.Values(req.Jobs)))
	jobs, lines, err := s.config.Exporter.Selected(ctx, req)
	if err != nil {
		return ledger.Export{}, nil, err
	}
	e := ledger.Export{Key: c.Key, User: req.User, Total: jobs}
	var of *export.Job
	if len(req.Jobs) == 1 {
		job, err := s.config.Exporter.Find(ctx, export.Wanted{ID: req.Jobs[0], User: req.User, Recipe: req.Recipe})
		if err != nil {
			return ledger.Export{}, nil, err
		}
		of, e.User, e.Job = &job, job.User, job.ID
	}
	e.Filename = req.Filename(of, time.Now().UTC())
	if e.Request, err = encodeRequest(req); err != nil {
		return ledger.Export{}, nil, err
	}
	switch {
	case req.Format != export.JSON && req.Format != export.Text:
		return e, &jobs, nil
	case lines < 0, choosesLines(req):
		return e, nil, nil
	default:
		return e, &lines, nil
	}
}

// choosesLines tells whether a request leaves out lines of the jobs that it
// selects: how many is only known once they were read.
func choosesLines(req export.Request) bool {
	return req.Level != jobfile.NoLevel || !req.Since.IsZero() || !req.Until.IsZero() || req.MaxLines != 0
}

// exportsJSON is a page of exports. It only grows.
type exportsJSON struct {
	Exports    []exportJSON `json:"exports"`
	NextCursor string       `json:"next_cursor,omitempty"` // where there is more
}

// listExports lists the exports that the caller may see, newest first.
func (s *Server) listExports(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	p := readParams(r, "state", "limit", "cursor")
	limit := p.number("limit", 1, maxPage, defaultPage)
	q := ledger.ExportQuery{After: p.text("cursor"), Limit: limit + 1}
	for _, state := range p.list("state") {
		q.States = append(q.States, ledger.ExportState(state))
	}
	if len(q.States) > maxList {
		p.fail("state: too many")
	}
	if q.After != "" && !isExportID(q.After) {
		p.bad("cursor", "one that was given here")
	}
	if err := p.problem(); err != nil {
		return err
	}
	if !seesAll(c) {
		q.Key = &c.Key
	}
	found, err := s.config.Ledger.Exports(r.Context(), q)
	if err != nil {
		return err
	}
	page := exportsJSON{Exports: []exportJSON{}}
	for i, e := range found {
		if i == limit {
			page.NextCursor = found[i-1].ID
			break
		}
		page.Exports = append(page.Exports, shown(e))
	}
	return writeJSON(w, http.StatusOK, page)
}

func (s *Server) showExport(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	e, err := s.export(r, c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, shown(e))
}

// cancelExport ends an export and revokes its tokens, and answers with what
// became of it.
func (s *Server) cancelExport(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	e, err := s.export(r, c)
	if err != nil {
		return err
	}
	entry := auditEntry(r, c, "cancel")
	entry.User, entry.Job, entry.Detail = e.User, e.Job, "export "+e.ID
	if err := s.config.Ledger.CancelExport(r.Context(), e.ID, entry); err != nil {
		return err
	}
	if e, err = s.export(r, c); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, shown(e))
}

// export is the export that the path names, if the caller may see it: whoever
// made it may, and who administers everything.
func (s *Server) export(r *http.Request, c access.Caller) (ledger.Export, error) {
	missing := &problem{status: http.StatusNotFound, message: "no such export"}
	id := r.PathValue("id")
	if !isExportID(id) {
		return ledger.Export{}, missing
	}
	e, err := s.config.Ledger.Export(r.Context(), id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ledger.Export{}, missing
	case err != nil:
		return ledger.Export{}, err
	case e.Key != c.Key && !seesAll(c):
		return ledger.Export{}, missing
	default:
		return e, nil
	}
}

// seesAll tells whether a caller sees everybody's exports.
func seesAll(c access.Caller) bool { return c.User == "" && c.Can(access.Admin) }
